package catalog_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/program"
)

// depot is a built-in connector of two groups; that of the third does not check.
var depot = fstest.MapFS{
	"depot/connector.yaml": {Data: []byte("connector: 1\nid: depot\nname: Depot\napi: { base_url: \"https://depot.example\" }\n")},
	"depot/crates.yaml": {Data: []byte(
		"group: crates\nactions:\n  list: { effect: read, request: GET /crates, output: { list: string, at: body } }\n")},
	"depot/trucks.yaml": {Data: []byte(
		"group: trucks\nactions:\n  list: { effect: read, request: GET /trucks, output: { list: string, at: body } }\n")},
	"depot/broken.yaml":   {Data: []byte("group: broken\nactions:\n  list: { effect: read, request: FETCH /broken }\n")},
	"idle/connector.yaml": {Data: []byte("connector: 1\nid: idle\nname: Idle\napi: { base_url: \"https://idle.example\" }\n")},
}

func lister(group string) string {
	return "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps:\n  - { id: found, action: depot." + group + ".list }\noutput: { n: \"${{ len(steps.found) }}\" }\n"
}

// paths returns what the steps of the live flow call.
func paths(live *catalog.Live) string {
	var out []string
	for _, s := range live.Set.Flows["lister"].Steps {
		out = append(out, s.Action.Path)
	}
	return strings.Join(out, " ")
}

// Of what the binary carries only what flows name is read; an edit of a flow
// brings another group, and the version of before keeps its own.
func TestReloadBringsAnotherGroup(t *testing.T) {
	b := newBench(t, map[string]string{"flows/lister.yaml": lister("crates")})
	b.builtin = depot
	live := b.restart()
	wantFindings(t, live)
	if got := slices.Sorted(maps.Keys(live.Set.Connectors)); !slices.Equal(got, []string{"depot"}) {
		t.Errorf("the connectors that were read = %v, want depot", got)
	}
	first := live.Set.Flows["lister"].Hash

	b.write("flows/lister.yaml", lister("trucks"))
	live = b.reload()
	wantFindings(t, live)
	if got := paths(live); got != "/trucks" {
		t.Errorf("after the edit the flow calls %s, want /trucks", got)
	}
	live = b.restart()
	wantFindings(t, live)
	for hash, want := range map[string]string{first: "/crates", live.Set.Flows["lister"].Hash: "/trucks"} {
		f, err := b.catalog.Definition(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Steps[0].Action.Path; got != want || f.Hash != hash {
			t.Errorf("the version %s calls %s, want %s", f.Hash, got, want)
		}
	}

	b.write("flows/lister.yaml", lister("broken"))
	live = b.reload()
	wantFindings(t, live,
		`connectors/depot/broken.yaml:3:34: "FETCH /broken" is not a request [C211]`,
	)
	wantRejected(t, live, "flows/lister.yaml lister kept=true")
	if got := paths(live); got != "/trucks" {
		t.Errorf("beside a group that is broken the flow calls %s, want /trucks", got)
	}
}

// A folder of the workspace is checked whole, also when it takes the place of a
// connector that was read as needed.
func TestOwnConnectorIsCheckedWhole(t *testing.T) {
	b := newBench(t, map[string]string{"flows/lister.yaml": lister("crates")})
	b.builtin = depot
	wantFindings(t, b.restart())
	for name, file := range depot {
		if strings.HasPrefix(name, "depot/") {
			b.write("connectors/"+name, string(file.Data))
		}
	}
	wantFindings(t, b.reload(), `connectors/depot/broken.yaml:3:34: "FETCH /broken" is not a request [C211]`)
	found := b.catalog.Check("connectors/idle/connector.yaml", []byte("connector: 1\nid: idle\nname: Idle\napi: { base_url: nowhere }\n"),
		func(*program.Set) diag.List { return nil })
	if got, want := fmt.Sprint(found), `connectors/idle/connector.yaml:4:18: "nowhere" is not the address of a service [C103]`; got != want {
		t.Errorf("Check of a connector of one's own = %s, want %s", got, want)
	}
}
