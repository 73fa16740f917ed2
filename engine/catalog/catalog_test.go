package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/store"
	"patchbay/flows"
)

const (
	crm = `connector: 1
id: crm
name: CRM
docs: https://crm.example/docs
api: { base_url: https://api.crm.example }
connection:
  auth:
    token:
      type: bearer
      label: Token
      fields:
        token: { type: secret, label: Token }
actions:
  add_tag:
    name: Add a tag
    effect: update
    repeat: safe
    request: POST /tags
    input:
      tag: { type: string, label: Tag, example: new }
    output: { one: Tag }
types:
  Tag:
    id: { type: string }
`
	connections = `connections: 1
crm:
  connector: crm
  token: ${{ env.CRM_TOKEN }}
`
	tagger = `flow: 1
name: Tagger
triggers:
  - on_demand: {}
steps:
  - id: tag
    action: crm.add_tag
    with: { tag: red }
output: { id: "${{ steps.tag.id }}" }
`
	caller = `flow: 1
triggers:
  - on_demand: {}
steps:
  - id: tagged
    call: tagger
  - action: table.append
    with:
      table: seen
      row: { id: "${{ steps.tagged.id }}" }
`
	seen = `table: 1
fields:
  id: { type: string }
`
	tables = `connector: 1
id: table
name: Tables
docs: https://tables.example
actions:
  append:
    name: Add a row
    effect: create
    repeat: safe
    request: table append
    input:
      table: { type: string, label: Table, example: seen }
      row: { type: map, label: Row }
`
)

func sound() map[string]string {
	return map[string]string{
		"connectors/crm/connector.yaml":   crm,
		"connectors/crm/fixtures/logo":    "\xff\xfe\x00 no text",
		"connectors/table/connector.yaml": tables,
		"flows/connections.yaml":          connections,
		"flows/tagger.yaml":               tagger,
		"flows/caller.yaml":               caller,
		"flows/seen.yaml":                 seen,
	}
}

// bench is a workspace with a catalog over it.
type bench struct {
	t       testing.TB
	dir     string
	data    string
	catalog *catalog.Catalog
	changed chan *catalog.Live
	builtin fs.FS
	stop    func()
}

func newBench(t testing.TB, files map[string]string) *bench {
	t.Helper()
	b := &bench{t: t, dir: filepath.Join(t.TempDir(), "workspace"), data: t.TempDir()}
	b.write("flows/.keep", "")
	for name, text := range files {
		b.write(name, text)
	}
	t.Cleanup(func() { b.stop() })
	b.start()
	return b
}

// start opens the store and loads the workspace.
func (b *bench) start() *catalog.Live {
	b.t.Helper()
	s, err := store.Open(b.t.Context(), b.data, store.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
		b.stop = func() {}
	}
	b.changed = make(chan *catalog.Live, 1000)
	b.catalog = catalog.New(catalog.Options{
		Dir: b.dir, Workspace: os.DirFS(b.dir), Builtin: b.builtin, Store: s,
		Changed: func(l *catalog.Live) { b.changed <- l },
	})
	live, err := b.catalog.Load(b.t.Context())
	if err != nil {
		b.t.Fatalf("Load: %v", err)
	}
	return live
}

func (b *bench) restart() *catalog.Live {
	b.t.Helper()
	b.stop()
	return b.start()
}

func (b *bench) reload() *catalog.Live {
	b.t.Helper()
	live, err := b.catalog.Reload(b.t.Context())
	if err != nil {
		b.t.Fatalf("Reload: %v", err)
	}
	return live
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, filepath.FromSlash(name)) }

func (b *bench) write(name, text string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// edit replaces a part of a file.
func (b *bench) edit(name, old, text string) {
	b.t.Helper()
	data, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		b.t.Fatalf("%s does not contain %q", name, old)
	}
	b.write(name, strings.Replace(string(data), old, text, 1))
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// hashes returns the version of each flow.
func hashes(l *catalog.Live) map[string]string {
	out := map[string]string{}
	for id, f := range l.Set.Flows {
		out[id] = f.Hash
	}
	return out
}

// rejected says which files are not live as they stand.
func rejected(l *catalog.Live) []string {
	var out []string
	for _, f := range l.Files {
		if f.State != catalog.Loaded {
			out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%s %s kept=%t", f.Path, f.Flow, f.Kept)), " "))
		}
	}
	return out
}

func told(l diag.List) []string {
	var out []string
	for _, f := range l {
		out = append(out, f.Error())
	}
	return out
}

func wantFindings(t testing.TB, l *catalog.Live, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, told(l.Findings)); diff != "" {
		t.Errorf("Findings (-want +got):\n%s", diff)
	}
}

func wantRejected(t testing.TB, l *catalog.Live, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, rejected(l)); diff != "" {
		t.Errorf("rejected files (-want +got):\n%s", diff)
	}
	if l.InSync() != (len(want) == 0) {
		t.Errorf("InSync() = %t, want %t", l.InSync(), len(want) == 0)
	}
}

func wantHashes(t testing.TB, l *catalog.Live, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, hashes(l)); diff != "" {
		t.Errorf("versions of the flows (-want +got):\n%s", diff)
	}
}

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

// Connections that an edited connector leaves without a field it asks for now
// stay as they are, and so do the flows that use them.
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

// Whatever lies in a file is at most a finding, and stops nothing that runs.
func TestBadInput(t *testing.T) {
	const start = "flow: 1\ntriggers: [{ on_demand: {} }]\n"
	for _, test := range []struct {
		name, file, text string
		rejected         string
		findings         []string
	}{
		{"no YAML", "flows/x.yaml", "flow: 1\nsteps: [", "flows/x.yaml x kept=false", nil},
		{"empty", "flows/x.yaml", "", "flows/x.yaml x kept=false", nil},
		{"large", "flows/x.yaml", strings.Repeat("flow: 1\n", 10<<20/8), "flows/x.yaml x kept=false", nil},
		{"binary", "flows/x.yaml", "\x00\x01\xff\xfe flow: 1", "flows/x.yaml x kept=false", nil},
		{"deep", "flows/x.yaml", "flow: 1\noutput: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "flows/x.yaml x kept=false", nil},
		{"calls itself", "flows/x.yaml", start + "steps: [{ call: x }]\n", "flows/x.yaml x kept=false", nil},
		{"calls what is not", "flows/x.yaml", start + "steps: [{ call: taggre }]\n", "flows/x.yaml x kept=false", nil},
		{"unknown connector", "flows/x.yaml", start + "steps: [{ action: crn.add_tag }]\n", "flows/x.yaml x kept=false", nil},
		{"misspelt kind", "flows/x.yaml", "# a flow\nflwo: 1\n", "flows/x.yaml x kept=false", nil},
		{"unknown kind", "flows/x.yaml", "workflow: 1\n", "flows/x.yaml x kept=false", nil},
		{"no kind", "flows/x.yaml", "name: x\ntriggers: [{ on_demand: {} }]\nsteps: [{ stop: x }]\n", "flows/x.yaml x kept=false", nil},
		{"connector among the flows", "flows/x.yaml", crm, "flows/x.yaml x kept=false", nil},
		{"flow of the same id", "flows/tagger.yml", tagger + "# another\n", "flows/tagger.yml tagger kept=false", nil},
		{"second connector of the id", "connectors/crm2/connector.yaml", crm, "connectors/crm2 kept=false", nil},
		{"connector without connector.yaml", "connectors/new/actions.yaml", "group: actions\n", "connectors/new kept=false", nil},
		{"large fixture", "connectors/crm/fixtures/x.json", strings.Repeat("[", 3<<20), "connectors/crm kept=true", nil},
		{"binary connector", "connectors/crm/connector.yaml", "\xff\xfe\x00", "connectors/crm kept=true", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, sound())
			before := hashes(b.catalog.Live())
			b.write(test.file, test.text)
			for _, live := range []*catalog.Live{b.reload(), b.restart()} {
				wantHashes(t, live, before)
				wantRejected(t, live, test.rejected)
				wantFindings(t, live, test.findings...)
			}
		})
	}
}

// What is no plain file is told, or is nothing.
func TestNoPlainFile(t *testing.T) {
	b := newBench(t, sound())
	before := hashes(b.catalog.Live())
	b.must(os.Symlink("circle.yaml", b.path("flows/circle.yaml")))
	b.must(os.Symlink("nowhere.yaml", b.path("flows/dangling.yaml")))
	b.must(os.Mkdir(b.path("flows/folder.yaml"), 0o700))
	b.must(os.Symlink("..", b.path("connectors/crm/up")))
	b.write("flows/README.md", "not read")
	live := b.reload()
	wantHashes(t, live, before)
	wantRejected(t, live, "flows/circle.yaml circle kept=false")
	wantFindings(t, live, "flows/circle.yaml: the file cannot be read: too many levels of symbolic links [Y126]")
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
	const warning = "flows/connections.yaml:4:10: a secret stands readable in the file [W101]"
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
	path := func(l *catalog.Live) string { return l.Set.Connectors["crm"].Actions[0].Path }
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

// A store that fails leaves the old snapshot live, and the next reload tries
// again.
func TestStoreFails(t *testing.T) {
	b := newBench(t, sound())
	before := b.catalog.Live()
	b.edit("flows/tagger.yaml", "red", "blue")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.catalog.Reload(over)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Reload = %v, want %v", err, context.Canceled)
	}
	if b.catalog.Live() != before {
		t.Error("the snapshot is another one")
	}
	if got := b.reload(); got.Version != 2 {
		t.Errorf("Version = %d, want 2", got.Version)
	}
}

// BenchmarkReload is an edit of one flow with all connectors the binary
// carries, stored on disk.
func BenchmarkReload(b *testing.B) {
	benchmark(b, "flows/qwilr-page-accepted.yaml")
}

// BenchmarkReloadConnector is the same for an edit of the largest connector.
func BenchmarkReloadConnector(b *testing.B) {
	benchmark(b, "connectors/ghl/connector.yaml")
}

func benchmark(b *testing.B, file string) {
	w := newBench(b, nil)
	w.builtin = connectors.Files
	w.must(os.RemoveAll(w.path("flows")))
	w.must(os.CopyFS(w.path("flows"), flows.Files))
	ghl, err := fs.Sub(connectors.Files, "ghl")
	w.must(err)
	w.must(os.CopyFS(w.path("connectors/ghl"), ghl))
	wantRejected(b, w.restart())
	text, err := os.ReadFile(w.path(file))
	w.must(err)
	i := 0
	for b.Loop() {
		i++
		w.write(file, fmt.Sprintf("%s\n# %d\n", text, i))
		w.reload()
	}
}
