package program_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"patchbay/engine/program"
)

// asNeeded returns the sources with all of these connectors read as needed.
func asNeeded(src program.Sources, ids ...string) program.Sources {
	src.AsNeeded = map[string]bool{}
	for _, id := range ids {
		src.AsNeeded[id] = true
	}
	return src
}

// hashesOf returns the hash of each flow that is sound.
func hashesOf(set *program.Set) map[string]string {
	out := map[string]string{}
	for id, f := range set.Flows {
		out[id] = f.Hash
	}
	return out
}

// TestAsNeededIsTheSame builds what is shipped, and the workspaces of all
// findings, once with the connectors checked whole and once with the sound ones
// read as needed: nobody can tell by what a flow is and what is found.
func TestAsNeededIsTheSame(t *testing.T) {
	compare := func(name string, src program.Sources, opt program.Options) {
		t.Helper()
		whole := program.Build(src, opt)
		lazy := program.Build(asNeeded(src, slices.Collect(maps.Keys(whole.Connectors))...), opt)
		if diff := cmp.Diff(whole.Findings, lazy.Findings); diff != "" {
			t.Errorf("%s: findings (-whole +as needed):\n%s", name, diff)
		}
		if diff := cmp.Diff(hashesOf(whole), hashesOf(lazy)); diff != "" {
			t.Errorf("%s: hashes of the flows (-whole +as needed):\n%s", name, diff)
		}
		if diff := cmp.Diff(whole.Broken, lazy.Broken); diff != "" {
			t.Errorf("%s: broken flows (-whole +as needed):\n%s", name, diff)
		}
		if diff := cmp.Diff(whole.ConnectorIDs(), lazy.ConnectorIDs()); diff != "" {
			t.Errorf("%s: connectors (-whole +as needed):\n%s", name, diff)
		}
	}
	compare("shipped", shipped(t), program.Options{})
	compare("shipped, in the sandbox", shipped(t), program.Options{Sandbox: true})
	for _, file := range archives(t) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		compare(file, sources(t, archive), program.Options{Sandbox: strings.Contains(string(archive.Comment), "sandbox")})
	}
}

// depot is a connector of groups. Two poll what the other lists; one has an
// error, and one names what that has.
var depot = map[string]string{
	"connector.yaml": `connector: 1
id: depot
name: Depot
api: { base_url: "https://depot.example" }
connection:
  auth: { key: { type: bearer, fields: { token: { type: secret } } } }
  test: { action: crates.list }
types: { Tag: { id: { type: string } } }
actions:
  hello: { effect: read, request: GET /hello, output: { one: Tag } }
`,
	"crates.yaml": `group: crates
types: { Crate: { id: { type: string }, tag: { type: Tag } } }
actions:
  list: { effect: read, request: GET /crates, output: { list: Crate, at: body } }
  get: { effect: read, request: "GET /crates/{id}", input: { id: { type: string } }, output: { one: Crate } }
triggers:
  arrived: { type: poll, action: trucks.list, every: 5m, item_id: item.id }
`,
	"trucks.yaml": `group: trucks
types: { Crate: { id: { type: string }, wheels: { type: integer } } }
actions:
  list: { effect: read, request: GET /trucks, output: { list: Crate, at: body } }
triggers:
  unloaded: { type: poll, action: crates.list, every: 5m, item_id: item.id }
`,
	"pallets.yaml": `group: pallets
actions:
  list: { effect: read, request: GET /pallets, output: { list: Tag, at: body } }
`,
	"broken.yaml": `group: broken
actions:
  list: { effect: read, request: FETCH /broken, output: { list: Tag, at: body } }
`,
	"leaning.yaml": `group: leaning
actions:
  get: { effect: read, request: GET /leaning }
triggers:
  leant: { type: poll, action: broken.list, every: 5m, item_id: item.id }
`,
}

// depotWith returns the depot, read as needed, and one flow with these steps
// and, where it is not "", this trigger.
func depotWith(trigger, steps string) program.Sources {
	src := asNeeded(program.Sources{Connectors: map[string][]program.File{}}, "depot", "idle")
	for name, text := range depot {
		src.Connectors["depot"] = append(src.Connectors["depot"], program.File{Path: "connectors/depot/" + name, Data: []byte(text)})
	}
	src.Connectors["idle"] = []program.File{{Path: "connectors/idle/connector.yaml", Data: []byte(
		"connector: 1\nid: idle\nname: Idle\napi: { base_url: \"https://idle.example\" }\nactions:\n  rest: { effect: read, request: GET /rest }\n")}}
	if trigger == "" {
		trigger = "on_demand: {}"
	} else {
		trigger = "trigger: " + trigger
	}
	src.Flows = []program.File{
		{Path: "flows/connections.yaml", Data: []byte("connections: 1\nmain: { connector: depot, token: \"${{ env.TOKEN }}\" }\n")},
		{Path: "flows/f.yaml", Data: []byte("flow: 1\nuse: { yard: main }\ntriggers: [{ " + trigger + " }]\nsteps:\n" + steps)},
	}
	return src
}

func TestAsNeededReadsWhatIsNamed(t *testing.T) {
	broken := `connectors/depot/broken.yaml:3:34: "FETCH /broken" is not a request [C211]`
	for _, test := range []struct {
		name, trigger, steps string
		want                 []string
		read                 []string // beside depot
	}{
		{"nothing of a group", "", "  - action: yard.hello\n", nil, nil},
		{"a group", "", "  - action: yard.crates.get\n    with: { id: a }\n", nil, nil},
		{"a group's trigger, which needs another group", "yard.crates.arrived", "  - action: depot.trucks.list\n", nil, nil},
		{"a group with an error", "", "  - action: yard.broken.list\n", []string{broken}, nil},
		{"a group that needs one with an error", "", "  - action: yard.leaning.get\n", []string{broken}, nil},
		{
			"an action that no group has", "", "  - action: yard.crates.lisst\n",
			[]string{`flows/f.yaml:5:13: "yard.crates.lisst" is not an action of Depot [F242]`},
			nil,
		},
		{
			"a group that is none", "", "  - action: yard.crate.list\n",
			[]string{`flows/f.yaml:5:13: "yard.crate.list" is not an action of Depot [F242]`},
			nil,
		},
		{
			"a connector that is none", "", "  - action: idel.rest\n",
			[]string{`flows/f.yaml:5:13: "idel" is not a connector [F203]`},
			[]string{"idle"},
		},
	} {
		set := program.Build(depotWith(test.trigger, test.steps), program.Options{})
		var got []string
		for _, f := range set.Findings {
			got = append(got, fmt.Sprintf("%v: %s [%s]", f.Pos, f.Message, f.Code))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", test.name, diff)
		}
		if _, sound := set.Flows["f"]; sound != (test.want == nil) {
			t.Errorf("%s: the flow is sound = %t, want %t", test.name, sound, test.want == nil)
		}
		want := append([]string{"depot"}, test.read...)
		if got := slices.Sorted(maps.Keys(set.Connectors)); !slices.Equal(got, want) {
			t.Errorf("%s: the connectors that were read = %v, want %v", test.name, got, want)
		}
	}
}

// What is wrong in a group that nobody uses is found by whoever checks the
// connector whole.
func TestCheckedWhole(t *testing.T) {
	src := depotWith("", "  - action: yard.hello\n")
	src.AsNeeded = nil
	set := program.Build(src, program.Options{})
	if got, want := len(set.Findings), 1; got != want || set.Connectors["depot"] != nil {
		t.Errorf("findings = %v, want that of the broken group; the connector is sound = %t, want false", set.Findings, set.Connectors["depot"] != nil)
	}
}

func TestAsNeededTypes(t *testing.T) {
	set := program.Build(depotWith("yard.trucks.unloaded", "  - action: yard.hello\n"), program.Options{})
	flow := set.Flows["f"]
	if flow == nil {
		t.Fatal(set.Findings.Err())
	}
	trucks, _, ok := set.FindAction("depot.trucks.list")
	if !ok {
		t.Fatal("depot.trucks.list is not found")
	}
	for _, test := range []struct{ what, got, want string }{
		{"the event of the flow", flow.Triggers[0].Type.String(), "depot.crates.Crate"},
		{"the output of the other group", trucks.Output.Whole().String(), "list of depot.trucks.Crate"},
		{"the output of connector.yaml", flow.Steps[0].Output.String(), "depot.Tag"},
	} {
		if test.got != test.want {
			t.Errorf("%s is %s, want %s", test.what, test.got, test.want)
		}
	}
}

func TestFindAmongTheUnread(t *testing.T) {
	set := program.Build(depotWith("", "  - action: yard.hello\n"), program.Options{})
	if got, want := set.ConnectorIDs(), []string{"depot", "idle"}; !slices.Equal(got, want) {
		t.Errorf("connectors = %v, want %v", got, want)
	}
	for _, test := range []struct{ id, hint string }{
		{"depot.crates.get", ""},
		{"idle.rest", ""},
		{"idle.rst", `did you mean "idle.rest"?`},
		{"depot.crate.get", `did you mean "depot.crates.get"?`},
		{"depot.trucks.lst", `did you mean "depot.trucks.list"?`},
	} {
		a, hint, ok := set.FindAction(test.id)
		if ok != (test.hint == "") || hint != test.hint || ok && a.ID != test.id {
			t.Errorf("FindAction(%s) = %t, %q, want the hint %q", test.id, ok, hint, test.hint)
		}
	}
	for _, test := range []struct{ id, hint string }{
		{"depot.crates.arrived", ""},
		{"depot.trucks.unladed", `did you mean "depot.trucks.unloaded"?`},
	} {
		trigger, hint, ok := set.FindTrigger(test.id)
		if ok != (test.hint == "") || hint != test.hint || ok && trigger.ID != test.id {
			t.Errorf("FindTrigger(%s) = %t, %q, want the hint %q", test.id, ok, hint, test.hint)
		}
	}
	if _, ok := set.Connector("nobody"); ok {
		t.Error("Connector(nobody) is found")
	}
}

// A connector that is taken over by the next Build brings any group that a
// flow names now.
func TestPreviousBringsAnotherGroup(t *testing.T) {
	first := program.Build(depotWith("", "  - action: yard.crates.get\n    with: { id: a }\n"), program.Options{})
	get, _, _ := first.FindAction("depot.crates.get")
	second := program.Build(depotWith("", "  - action: yard.trucks.list\n"), program.Options{Previous: []*program.Set{first}})
	if second.Flows["f"] == nil {
		t.Fatal(second.Findings.Err())
	}
	if first.Connectors["depot"] != second.Connectors["depot"] {
		t.Error("the connector was built again, want it taken over")
	}
	if again, _, _ := second.FindAction("depot.crates.get"); again != get {
		t.Error("the group that was at hand was read again")
	}
	// And its findings are told by each Build that names it.
	for range 2 {
		third := program.Build(depotWith("", "  - action: yard.broken.list\n"), program.Options{Previous: []*program.Set{first}})
		if got := len(third.Findings); got != 1 {
			t.Errorf("findings = %v, want one", third.Findings)
		}
	}
}

// A group that nobody has a part of any more is given back, and makes the same
// group when it is asked for again.
func TestGroupsAreGivenBack(t *testing.T) {
	set := program.Build(depotWith("", "  - action: yard.crates.list\n"), program.Options{})
	k := set.Connectors["depot"]
	seen := func(name string) *string {
		a, ok := k.Action(name)
		if !ok {
			t.Fatalf("%s is not found", name)
		}
		return &a.Path
	}
	gone := make(chan string, 2)
	for _, name := range []string{"pallets.list", "crates.list"} {
		runtime.AddCleanup(seen(name), func(name string) { gone <- name }, name)
	}
	runtime.GC()
	if got := <-gone; got != "pallets.list" {
		t.Errorf("%s was given back, want pallets.list", got)
	}
	if got := *seen("pallets.list"); got != "/pallets" {
		t.Errorf("the path of pallets.list is now %s, want /pallets", got)
	}
	if got := set.Flows["f"].Steps[0].Action; got.Path != *seen("crates.list") {
		t.Errorf("the action of the flow is %s", got.Path)
	}
	select {
	case name := <-gone:
		t.Errorf("%s was given back, and a flow uses it", name)
	default:
	}
}

// Whoever asks, and however many at once, gets the same groups.
func TestGroupsAreReadOnce(t *testing.T) {
	set := program.Build(depotWith("", "  - action: yard.hello\n"), program.Options{})
	var wg sync.WaitGroup
	found := make([]*program.Action, 16)
	for i := range found {
		wg.Go(func() {
			if i%2 == 0 {
				found[i], _ = set.Connectors["depot"].Action("crates.get")
				return
			}
			for _, a := range set.Connectors["depot"].Actions() {
				if a.Name == "crates.get" {
					found[i] = a
				}
			}
		})
	}
	wg.Wait()
	for i, a := range found {
		if a == nil || a != found[0] {
			t.Errorf("the action that asker %d got is not that of the first", i)
		}
	}
}

// A version of a flow in the store is compiled with the groups it names: what
// is wrong with others, for a later binary, is nothing to it.
func TestPinnedReadsItsGroups(t *testing.T) {
	src := depotWith("", "  - action: yard.crates.list\n")
	want := program.Build(src, program.Options{}).Flows["f"].Hash
	src.Flows = src.Flows[1:]
	uses := map[string]map[string]program.Role{"f": {"yard": {Connector: "depot", Connection: "main"}}}
	set := program.Build(src, program.Options{Pinned: true, Uses: uses})
	if set.Flows["f"] == nil || set.Flows["f"].Hash != want {
		t.Errorf("the flow is %+v, want that of the hash %s: %v", set.Flows["f"], want, set.Findings.Err())
	}
}
