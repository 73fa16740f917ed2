package catalog_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/catalog"
	"patchbay/engine/store"
)

func TestLoad(t *testing.T) {
	b := newBench(t, sound())
	live := b.catalog.Live()
	wantFindings(t, live)
	wantRejected(t, live)
	want := []catalog.FileStatus{
		{Path: "connectors/crm", State: catalog.Loaded},
		{Path: "connectors/table", State: catalog.Loaded},
		{Path: "flows/caller.yaml", Flow: "caller", State: catalog.Loaded},
		{Path: "flows/connections.yaml", State: catalog.Loaded},
		{Path: "flows/seen.yaml", State: catalog.Loaded},
		{Path: "flows/tagger.yaml", Flow: "tagger", State: catalog.Loaded},
	}
	if diff := cmp.Diff(want, live.Files); diff != "" {
		t.Errorf("Files (-want +got):\n%s", diff)
	}
	if got := slices.Sorted(maps.Keys(live.Set.Flows)); !slices.Equal(got, []string{"caller", "tagger"}) {
		t.Errorf("flows = %v, want caller and tagger", got)
	}
	if got := live.Source("flows/seen.yaml"); got != seen {
		t.Errorf("Source = %q, want %q", got, seen)
	}
	if live.Version != 1 {
		t.Errorf("Version = %d, want 1", live.Version)
	}
}

func TestReloadOfTheSame(t *testing.T) {
	b := newBench(t, sound())
	before := b.catalog.Live()
	b.write("flows/tagger.yaml", tagger)
	if got := b.reload(); got != before {
		t.Errorf("Reload of the same text made version %d of version %d", got.Version, before.Version)
	}
	again := b.restart()
	wantHashes(t, again, hashes(before))
}

func TestBrokenFlow(t *testing.T) {
	b := newBench(t, sound())
	before := hashes(b.catalog.Live())
	b.edit("flows/tagger.yaml", "crm.add_tag", "crm.add_tga")
	check := func(live *catalog.Live) {
		t.Helper()
		wantFindings(t, live, `flows/tagger.yaml:7:13: "crm.add_tga" is not an action of CRM [F242]`)
		wantRejected(t, live, "flows/tagger.yaml tagger kept=true")
		wantHashes(t, live, before) // the flow that calls it, too
	}
	check(b.reload())
	check(b.restart())
	b.edit("flows/tagger.yaml", "crm.add_tga", "crm.add_tag")
	live := b.reload()
	wantFindings(t, live)
	wantRejected(t, live)
	wantHashes(t, live, before)
}

func TestBrokenConnector(t *testing.T) {
	b := newBench(t, sound())
	before := hashes(b.catalog.Live())
	b.edit("connectors/crm/connector.yaml", "effect: update", "effect: upgrade")
	check := func(live *catalog.Live) {
		t.Helper()
		wantFindings(t, live, `connectors/crm/connector.yaml:16:13: effect cannot be "upgrade" [S110]`)
		wantRejected(t, live, "connectors/crm kept=true")
		wantHashes(t, live, before)
		if got := string(live.Set.Connectors["crm"].Files["fixtures/logo"]); got != sound()["connectors/crm/fixtures/logo"] {
			t.Errorf("the fixture of the kept connector = %q", got)
		}
	}
	check(b.reload())
	check(b.restart())
}

func TestBrokenConnections(t *testing.T) {
	b := newBench(t, sound())
	before := hashes(b.catalog.Live())
	b.edit("flows/connections.yaml", "connector: crm", "connector: crn")
	check := func(live *catalog.Live) {
		t.Helper()
		wantFindings(t, live, `flows/connections.yaml:3:14: "crn" is not a connector [F203]`)
		wantRejected(t, live, "flows/connections.yaml kept=true")
		wantHashes(t, live, before)
		if live.Set.Connections["crm"] == nil {
			t.Error("the connection is gone")
		}
	}
	check(b.reload())
	check(b.restart())
	b.write("flows/connections.yaml", "")
	if live := b.reload(); live.Set.Connections["crm"] == nil {
		t.Error("the connection went with an empty file")
	} else {
		wantRejected(t, live, "flows/connections.yaml kept=true")
	}
}

func TestBrokenTable(t *testing.T) {
	b := newBench(t, sound())
	before := hashes(b.catalog.Live())
	b.edit("flows/seen.yaml", "type: string", "type: strong")
	check := func(live *catalog.Live) {
		t.Helper()
		wantFindings(t, live, `flows/seen.yaml:3:15: "strong" is not a type [C122]`)
		wantRejected(t, live, "flows/seen.yaml kept=true")
		wantHashes(t, live, before)
		if live.Set.Tables["seen"] == nil {
			t.Error("the table is gone")
		}
	}
	check(b.reload())
	check(b.restart())
}

// A sound connector whose new version a flow does not check against leaves the
// flow the version it had, with the old connector in it.
func TestFlowAgainstEditedConnector(t *testing.T) {
	b := newBench(t, sound())
	before := b.catalog.Live()
	b.edit("connectors/crm/connector.yaml", "add_tag:", "put_tag:")
	check := func(live *catalog.Live) {
		t.Helper()
		wantFindings(t, live, `flows/tagger.yaml:7:13: "crm.add_tag" is not an action of CRM [F242]`)
		wantRejected(t, live, "flows/caller.yaml caller kept=true", "flows/tagger.yaml tagger kept=true")
		wantHashes(t, live, hashes(before))
		if _, ok := live.Set.Connectors["crm"].Action("put_tag"); !ok {
			t.Error("the edited connector is not live")
		}
		if got := live.Set.Flows["tagger"].Steps[0].Action.ID; got != "crm.add_tag" {
			t.Errorf("the kept flow calls %s, want crm.add_tag", got)
		}
	}
	check(b.reload())
	check(b.restart())
	b.edit("flows/tagger.yaml", "crm.add_tag", "crm.put_tag")
	live := b.reload()
	wantFindings(t, live)
	wantRejected(t, live)
	for id, hash := range hashes(before) {
		if live.Set.Flows[id].Hash == hash {
			t.Errorf("%s still has the old version", id)
		}
		old, err := b.catalog.Definition(t.Context(), hash)
		if err != nil || old.Hash != hash {
			t.Errorf("Definition of the old %s: %v", id, err)
		}
	}
}

// Connections that an edited connector leaves without a field that it has
// begun to ask for stay as they are, and so do the flows that use them.
func TestConnectionAgainstEditedConnector(t *testing.T) {
	b := newBench(t, sound())
	before := hashes(b.catalog.Live())
	b.edit("connectors/crm/connector.yaml", "connection:\n", "connection:\n  fields:\n    region: { type: string, label: Region, example: eu }\n")
	check := func(live *catalog.Live) {
		t.Helper()
		wantFindings(t, live, `flows/connections.yaml:2:1: the connection "crm" lacks the field "region" [F253]`)
		wantHashes(t, live, before)
		conn := live.Set.Connections["crm"]
		if conn == nil || len(conn.Connector.Fields) != 0 || conn.Secrets["token"].Env != "CRM_TOKEN" {
			t.Errorf("the connection = %+v, want the one before", conn)
		}
	}
	check(b.reload())
	check(b.restart())
	b.edit("flows/connections.yaml", "  connector: crm\n", "  connector: crm\n  region: eu\n")
	live := b.reload()
	wantFindings(t, live)
	wantRejected(t, live)
}

func TestBrokenFromTheStart(t *testing.T) {
	files := sound()
	files["flows/tagger.yaml"] = strings.Replace(tagger, "steps.tag.id", "steps.tag.di", 1)
	files["connectors/crn/connector.yaml"] = crm
	b := newBench(t, files)
	live := b.catalog.Live()
	wantRejected(t, live, "connectors/crn kept=false", "flows/caller.yaml caller kept=false", "flows/tagger.yaml tagger kept=false")
	wantHashes(t, live, map[string]string{})
	b.write("flows/tagger.yaml", tagger)
	b.must(os.RemoveAll(b.path("connectors/crn")))
	live = b.reload()
	wantRejected(t, live, "connectors/crn kept=false") // gone for less than a second
	if len(live.Set.Flows) != 2 {
		t.Errorf("flows = %v, want both", hashes(live))
	}
}

func TestDefinition(t *testing.T) {
	b := newBench(t, sound())
	first := hashes(b.catalog.Live())
	b.edit("flows/seen.yaml", "id: { type: string }", "id: { type: any }")
	second := hashes(b.reload())
	if first["caller"] == second["caller"] || first["tagger"] != second["tagger"] {
		t.Errorf("versions before %v and after %v an edit of the table, want only caller's to differ", first, second)
	}
	b.edit("flows/tagger.yaml", "red", "blue")
	third := hashes(b.reload())
	if third["caller"] == second["caller"] || third["tagger"] == second["tagger"] {
		t.Errorf("versions before %v and after %v an edit of the called flow, want both to differ", second, third)
	}
	b.edit("connectors/crm/connector.yaml", "/tags", "/v2/tags")
	b.reload()
	b.restart()
	for _, versions := range []map[string]string{first, second, third} {
		for id, hash := range versions {
			got, err := b.catalog.RebuiltHash(t.Context(), hash)
			if err != nil || got != hash {
				t.Errorf("the stored version %s of %s is built again as %s, %v", hash, id, got, err)
			}
			flow, err := b.catalog.Definition(t.Context(), hash)
			if err != nil {
				t.Fatal(err)
			}
			if flow.ID != id || flow.Hash != hash {
				t.Errorf("Definition(%s) = %s %s, want %s", hash, flow.ID, flow.Hash, id)
			}
		}
	}
	old, err := b.catalog.Definition(t.Context(), first["tagger"])
	b.must(err)
	if got := old.Steps[0]; got.Action.Path != "/tags" || got.Use.Connection != "crm" || got.With.Const.(map[string]any)["tag"] != "red" {
		t.Errorf("the first version calls %s over %q with %v", got.Action.Path, got.Use.Connection, got.With.Const)
	}
	called, err := b.catalog.Definition(t.Context(), first["caller"])
	b.must(err)
	if got := called.Calls["tagger"].Hash; got != first["tagger"] {
		t.Errorf("the first version of caller calls the version %s, want %s", got, first["tagger"])
	}
	_, err = b.catalog.Definition(t.Context(), "nothing")
	if want := "load definition nothing: " + store.ErrNoDefinition.Error(); err == nil || err.Error() != want {
		t.Errorf("Definition of an unknown hash: %v, want %s", err, want)
	}
}

// A version that was stored by a binary that knew more is refused with its reason.
func TestDefinitionOfAnotherBinary(t *testing.T) {
	b := newBench(t, sound())
	b.stop()
	s, err := store.Open(t.Context(), b.data, store.Options{})
	b.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	b.must(s.SaveDefinition(ctx, "new", []byte(`{"form":1,"flow":"x","files":[{"path":"flows/x.yaml","data":"flow: 1\ntriggers: [{ on_demand: {} }]\nsteps: [{ teleport: home }]\n"}]}`), "x", false))
	b.must(s.SaveDefinition(ctx, "newer", []byte(`{"form":2}`), "x", false))
	b.must(s.SaveDefinition(ctx, "workspace-newer", []byte(`{"form":2}`), ".workspace", true))
	cancel()
	b.must(<-ended)
	b.must(s.Close())
	live := b.start()
	wantRejected(t, live)
	_, err = b.catalog.Definition(t.Context(), "new")
	if err == nil || !strings.HasPrefix(err.Error(), "it does not check any more: flows/x.yaml:3:") {
		t.Errorf("Definition = %v", err)
	}
	_, err = b.catalog.Definition(t.Context(), "newer")
	if want := "the definition newer is of the form 2, which this version of Patchbay does not know"; err == nil || err.Error() != want {
		t.Errorf("Definition = %v, want %s", err, want)
	}
}

func TestDeletedWhileNothingRan(t *testing.T) {
	b := newBench(t, sound())
	b.stop()
	b.must(os.Remove(b.path("flows/caller.yaml")))
	b.must(os.Remove(b.path("flows/seen.yaml")))
	live := b.start()
	wantFindings(t, live)
	wantRejected(t, live)
	if got := slices.Sorted(maps.Keys(live.Set.Flows)); !slices.Equal(got, []string{"tagger"}) {
		t.Errorf("flows = %v, want tagger", got)
	}
}

func TestFlowBecomesTable(t *testing.T) {
	b := newBench(t, sound())
	b.write("flows/caller.yaml", seen)
	live := b.reload()
	wantRejected(t, live)
	if live.Set.Flows["caller"] != nil || live.Set.Tables["caller"] == nil {
		t.Error("the flow is live though its file is a table now")
	}
}

// Renaming a flow's file never lets both names run.
func TestRename(t *testing.T) {
	b := newBench(t, sound())
	b.must(os.Rename(b.path("flows/caller.yaml"), b.path("flows/other.yaml")))
	live := b.reload()
	wantRejected(t, live)
	if got := slices.Sorted(maps.Keys(live.Set.Flows)); !slices.Equal(got, []string{"other", "tagger"}) {
		t.Errorf("flows = %v, want other and tagger", got)
	}
}

// A folder that cannot be listed leaves everything as it is.
func TestNoFolder(t *testing.T) {
	b := newBench(t, sound())
	before := b.catalog.Live()
	b.must(os.RemoveAll(b.path("flows")))
	b.write("flows", "a file")
	_, err := b.catalog.Reload(t.Context())
	if want := "read the folder flows: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Reload = %v, want %s…", err, want)
	}
	if b.catalog.Live() != before {
		t.Error("the snapshot is another one")
	}
}

// Warnings never block, are told at every reload, and can be allowed.
func TestWarnings(t *testing.T) {
	files := sound()
	files["flows/connections.yaml"] = strings.Replace(connections, "${{ env.CRM_TOKEN }}", "abc", 1)
	b := newBench(t, files)
	const warning = "flows/connections.yaml:4:10: a secret stands in the file, where everybody who has the file can read it [W101]"
	wantFindings(t, b.catalog.Live(), warning)
	wantRejected(t, b.catalog.Live())
	b.edit("flows/tagger.yaml", "red", "blue")
	wantFindings(t, b.reload(), warning)
	b.edit("flows/connections.yaml", "abc", "abc # patchbay: allow W101")
	wantFindings(t, b.reload())
	b.edit("flows/connections.yaml", "W101", "W104")
	wantFindings(t, b.reload(), warning)
}

// A flow whose connection is taken away keeps its version and says so; the
// connection itself is gone, as it was meant to be.
func TestConnectionTakenAway(t *testing.T) {
	b := newBench(t, sound())
	before := hashes(b.catalog.Live())
	b.write("flows/connections.yaml", "connections: 1\n")
	live := b.reload()
	wantHashes(t, live, before)
	if live.Set.Connections["crm"] != nil {
		t.Error("the connection is live still")
	}
	wantRejected(t, live, "flows/caller.yaml caller kept=true", "flows/tagger.yaml tagger kept=true")
	wantFindings(t, live, "flows/tagger.yaml:7:13: there is no connection to CRM [F204]")
}

// A folder in the workspace replaces the built-in connector of its name, also
// while it is broken; without the folder the built-in one is back.
func TestBuiltin(t *testing.T) {
	b := newBench(t, sound())
	b.builtin = fstest.MapFS{"crm/connector.yaml": {Data: []byte(strings.Replace(crm, "/tags", "/builtin", 1))}}
	path := func(l *catalog.Live) string { return l.Set.Connectors["crm"].Actions()[0].Path }
	if got := path(b.restart()); got != "/tags" {
		t.Errorf("the action's path = %s, want that of the workspace", got)
	}
	b.edit("connectors/crm/connector.yaml", "crm", "crn")
	if got := path(b.reload()); got != "/tags" {
		t.Errorf("the action's path beside a broken folder = %s, want the last good one", got)
	}
	b.must(os.RemoveAll(b.path("connectors/crm")))
	if got := path(b.reload()); got != "/tags" {
		t.Errorf("the action's path a moment after the deletion = %s, want the last good one", got)
	}
	live := b.restart()
	if got := path(live); got != "/builtin" {
		t.Errorf("the action's path without the folder = %s, want the built-in one", got)
	}
	wantRejected(t, live)
}

// Reloads, and runs that look for their versions, at the same time.
func TestConcurrency(t *testing.T) {
	b := newBench(t, sound())
	first := b.catalog.Live().Set.Flows["tagger"].Hash
	var g sync.WaitGroup
	for i := range 8 {
		g.Go(func() {
			for range 10 {
				if i == 0 {
					b.edit("flows/tagger.yaml", "tag: ", "tag: x")
				}
				if _, err := b.catalog.Reload(t.Context()); err != nil {
					t.Errorf("Reload: %v", err)
				}
				flow, err := b.catalog.Definition(t.Context(), first)
				if err != nil || flow.Hash != first {
					t.Errorf("Definition: %v", err)
				}
				if live := b.catalog.Live(); len(live.Set.Flows) != 2 {
					t.Errorf("version %d has the flows %v", live.Version, hashes(live))
				}
			}
		})
	}
	g.Wait()
	if got := b.reload().Set.Flows["tagger"].Steps[0].With.Const.(map[string]any)["tag"]; got != "xxxxxxxxxxred" {
		t.Errorf("the tag = %v after ten edits", got)
	}
}

// A store that takes nothing leaves the old snapshot live.
func TestStoreFails(t *testing.T) {
	b := newBench(t, sound())
	before := b.catalog.Live()
	b.edit("flows/tagger.yaml", "red", "blue")
	b.stop()
	_, err := b.catalog.Reload(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "publish tagger: ") && !strings.HasPrefix(err.Error(), "publish caller: ") {
		t.Errorf("Reload = %v, want that it could not publish", err)
	}
	if b.catalog.Live() != before {
		t.Error("the snapshot is another one")
	}
	if got := tag(b.start()); got != "blue" {
		t.Errorf("the tag = %q, want blue", got)
	}
}
