package program_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"weak"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
)

// edited returns the sources with another text of one file; edit is given "" for
// one that there is not, and what is "" then is removed.
func edited(src program.Sources, file string, edit func(string) string) program.Sources {
	change := func(files []program.File) []program.File {
		var out []program.File
		there := false
		for _, f := range files {
			if f.Path == file {
				there = true
				f.Data = []byte(edit(string(f.Data)))
				if len(f.Data) == 0 {
					continue
				}
			}
			out = append(out, f)
		}
		if text := edit(""); !there && text != "" {
			out = append(out, program.File{Path: file, Data: []byte(text)})
		}
		return out
	}
	out := program.Sources{Connectors: maps.Clone(src.Connectors), Flows: src.Flows, AsNeeded: src.AsNeeded}
	parts := strings.Split(file, "/")
	if parts[0] != "connectors" {
		out.Flows = change(src.Flows)
		return out
	}
	if files := change(src.Connectors[parts[1]]); len(files) > 0 {
		out.Connectors[parts[1]] = files
	} else {
		delete(out.Connectors, parts[1])
	}
	return out
}

// shape is what a set says, in a form that can be compared.
func shape(s *program.Set) []string {
	var out []string
	for id, f := range s.Flows {
		var line strings.Builder
		fmt.Fprintf(&line, "flow %s %s %q", id, f.Hash, f.Name)
		for _, role := range slices.Sorted(maps.Keys(f.Uses)) {
			fmt.Fprintf(&line, " %s=%s/%s", role, f.Uses[role].Connector.Sum, f.Uses[role].Connection)
			if f.Uses[role].Connector != s.Connectors[f.Uses[role].Connector.ID] {
				line.WriteString(" of another set")
			}
		}
		for _, called := range slices.Sorted(maps.Keys(f.Calls)) {
			if f.Calls[called] != s.Flows[called] {
				line.WriteString(" calls another version of " + called)
			}
		}
		out = append(out, line.String())
	}
	for name, c := range s.Connections {
		out = append(out, fmt.Sprintf("connection %s %s %s %v %v %q %t", name, c.Connector.Sum, c.Auth.Name, c.Fields, c.Secrets, c.BaseURL, c.Sandbox))
	}
	for id, t := range s.Tables {
		out = append(out, fmt.Sprintf("table %s %q %v %v %v", id, t.Name, t.Row.FieldNames(), t.Key, t.Keep))
	}
	for id, k := range s.Connectors {
		out = append(out, "connector "+id+" "+k.Sum)
	}
	slices.Sort(out)
	out = append(out, fmt.Sprintf("broken %q", s.Broken), fmt.Sprintf("all %q", s.ConnectorIDs()))
	for _, f := range s.Findings {
		out = append(out, fmt.Sprintf("%s hint %q fix %+v related %v allowed %q", f.Error(), f.Hint, f.Fix, f.Related, f.Allowed))
	}
	return out
}

// town is a small workspace in which much depends on other files.
func town(t testing.TB) program.Sources {
	t.Helper()
	return shopWith(t, map[string]string{
		"flows/connections.yaml": connected + "spare: { connector: shop, shopId: b, token: \"${{ env.C }}\" }\n",
		"flows/seen.yaml":        "table: 1\nfields: { id: { type: string }, at: { type: datetime, optional: true } }\nkey: id\n",
		"flows/inner.yaml":       "flow: 1\ntriggers: [{ on_demand: {} }]\ninputs: { name: { type: string } }\nsteps: [{ wait: 1s }]\noutput: { done: true }\n",
		"flows/middle.yaml":      "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps:\n  - { id: got, call: inner, with: { name: a } }\noutput: ${{ steps.got.done }}\n",
		"flows/a-outer.yaml":     "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps:\n  - { id: got, call: middle }\n  - { if: steps.got, stop: yes }\n",
		"flows/alarm.yaml":       "flow: 1\ntriggers: [{ flow_failed: inner }]\nsteps: [{ stop: \"${{ event.message }}\" }]\n",
		"flows/orders.yaml":      "flow: 1\nuse: { shop: spare }\ntriggers: [{ trigger: shop.order_paid }]\nsteps:\n  - { action: shop.get_order, with: { id: \"${{ event.id }}\" } }\n",
		"flows/default.yaml":     "flow: 1\ntriggers: [{ trigger: shop.order_paid }]\nsteps:\n  - { action: shop.get_order, with: { id: \"${{ event.id }}\" } }\n",
		"flows/wrong.yaml":       "flow: 1\nuse: { other: spart }\ntriggers: [{ trigger: shop.order_payed }]\nsteps:\n  - { call: iner }\n  - { action: shopp.get_order }\n",
		"flows/tests.test.yaml":  "test: 1\n",
	})
}

var townEdits = []struct{ name, file, from, to string }{
	{"a flow changed", "flows/a-outer.yaml", "stop: yes", "stop: no"},
	{"a flow broken", "flows/middle.yaml", "steps.got.done", "steps.got.don"},
	{"a flow that is no YAML", "flows/inner.yaml", "flow: 1", "flow: [1"},
	{"a flow removed", "flows/inner.yaml", "", ""},
	{"a flow added", "flows/iner.yaml", "", "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps: [{ wait: 1s }]\n"},
	{"a second flow of the id", "flows/inner.yml", "", "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps: [{ wait: 1s }]\n"},
	{"an input of a called flow", "flows/inner.yaml", "{ name:", "{ nome:"},
	{"the output of a called flow", "flows/inner.yaml", "done: true", "did: 1"},
	{"the steps of a called flow", "flows/inner.yaml", "wait: 1s", "wait: 2s"},
	{"another input of a called flow", "flows/inner.yaml", "{ name:", "{ other: { type: string, optional: true }, name:"},
	{"another input that a call must have", "flows/inner.yaml", "{ name:", "{ other: { type: string }, name:"},
	{"a called flow with accounts of its own", "flows/inner.yaml", "flow: 1", "flow: 1\nuse: { shop: spare/* }"},
	{"a called flow that waits", "flows/inner.yaml", "[{ wait: 1s }]", "[{ wait_for: { trigger: shop.order_paid, timeout: 1h } }]"},
	{"the actions of a called flow", "flows/inner.yaml", "{ wait: 1s }", "{ action: shop.get_order, with: { id: a } }"},
	{"a called flow without on_demand", "flows/inner.yaml", "on_demand: {}", "schedule: { every: 1h }"},
	{"a circle", "flows/inner.yaml", "[{ wait: 1s }]", "[{ call: a-outer }]"},
	{"a circle of two calls", "flows/inner.yaml", "[{ wait: 1s }]", "[{ call: middle }, { call: middle }, { call: a-outer }]"},
	{"a circle of one", "flows/inner.yaml", "[{ wait: 1s }]", "[{ call: inner, with: { name: b } }]"},
	{"a connection renamed", "flows/connections.yaml", "spare:", "spart:"},
	{"the default connection renamed", "flows/connections.yaml", "\nshop:", "\nshop_a:"},
	{"a connection broken", "flows/connections.yaml", "shopId: b", "shopIt: b"},
	{"a connection of another account", "flows/connections.yaml", "shopId: b", "shopId: c"},
	{"a connection of no connector", "flows/connections.yaml", "connector: shop", "connector: shap"},
	{"no YAML of connections", "flows/connections.yaml", "connections: 1", "connections: [1"},
	{"connections removed", "flows/connections.yaml", "", ""},
	{"a table changed", "flows/seen.yaml", "at:", "when:"},
	{"a table without a key", "flows/seen.yaml", "key: id\n", ""},
	{"a table broken", "flows/seen.yaml", "key: id", "key: ids"},
	{"a table that is a flow", "flows/seen.yaml", "table: 1", "flow: 1"},
	{"a flow that is a table", "flows/inner.yaml", "flow: 1", "table: 1"},
	{"a connector changed", "connectors/shop/connector.yaml", "name: ", "name: New "},
	{"an action renamed", "connectors/shop/connector.yaml", "get_order:", "got_order:"},
	{"a connector broken", "connectors/shop/connector.yaml", "connector: 1", "connector: 2"},
	{"a connector removed", "connectors/shop/connector.yaml", "", ""},
	{"a connector added", "connectors/shopp/connector.yaml", "", "connector: 1\nid: shopp\nname: Shopp\napi: { base_url: https://example.com }\nconnection: { auth: { none: { type: none } } }\nactions: { get_order: { effect: read, request: GET /x } }\n"},
}

// edits returns the small workspace, and it after each of the edits above.
func edits(t testing.TB) (from program.Sources, after map[string]program.Sources) {
	t.Helper()
	from, after = town(t), map[string]program.Sources{}
	for _, e := range townEdits {
		after[e.name] = edited(from, e.file, func(text string) string {
			if e.from == "" {
				return e.to
			}
			if text != "" && !strings.Contains(text, e.from) {
				t.Fatalf("%s: %s has no %q", e.name, e.file, e.from)
			}
			return strings.Replace(text, e.from, e.to, 1)
		})
	}
	return from, after
}

// TestPrevious holds every Build beside an earlier set against one from
// nothing: there and back, and from each edit to the next.
func TestPrevious(t *testing.T) {
	from, after := edits(t)
	for _, sandbox := range []bool{false, true} {
		opt := program.Options{Sandbox: sandbox}
		first := program.Build(from, opt)
		other := program.Build(from, program.Options{Sandbox: !sandbox})
		names := slices.Sorted(maps.Keys(after))
		last := first
		for _, name := range names {
			want := shape(program.Build(after[name], opt))
			there := again(t, name, after[name], opt, want, first)
			again(t, name+" and back", from, opt, shape(first), there)
			last = again(t, name+" after the edit before", after[name], opt, want, last)
			again(t, name+" beside several sets", after[name], opt, want, first, there, other)
			again(t, name+" beside the other kind", after[name], opt, want, other)
		}
	}
}

// TestPreviousShipped does the same to the flows that are shipped, each edited
// in one of several ways, and to connectors.
func TestPreviousShipped(t *testing.T) {
	src := shipped(t)
	src.AsNeeded = map[string]bool{}
	for id := range src.Connectors {
		src.AsNeeded[id] = true
	}
	first := program.Build(src, program.Options{})
	try := func(name string, src program.Sources) {
		again(t, name, src, program.Options{}, shape(program.Build(src, program.Options{})), first)
	}
	for i, f := range src.Flows {
		switch i % 3 {
		case 0:
			try(f.Path+" removed", edited(src, f.Path, func(string) string { return "" }))
		case 1:
			try(f.Path+" cut", edited(src, f.Path, func(text string) string { return text[:len(text)*2/3] }))
		default:
			try(f.Path+" with a line", edited(src, f.Path, func(text string) string {
				return strings.TrimSuffix(text, "\n") + "\n# more\n"
			}))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(first.Connectors))[:2] {
		file := "connectors/" + id + "/connector.yaml"
		try(file+" cut", edited(src, file, func(text string) string { return text[:len(text)*2/3] }))
		try(file+" renamed", edited(src, file, func(text string) string { return strings.Replace(text, "\nname: ", "\nname: New ", 1) }))
	}
}

// again builds beside earlier sets and holds what comes out against want.
func again(t *testing.T, name string, src program.Sources, opt program.Options, want []string, previous ...*program.Set) *program.Set {
	t.Helper()
	opt.Previous = previous
	set := program.Build(src, opt)
	if diff := cmp.Diff(want, shape(set)); diff != "" {
		t.Fatalf("%s (sandbox %t): (-from nothing +beside an earlier set):\n%s", name, opt.Sandbox, diff)
	}
	return set
}

// TestPreviousTakesOver counts which flows are the same as before.
func TestPreviousTakesOver(t *testing.T) {
	from, after := edits(t)
	first := program.Build(from, program.Options{})
	for name, want := range map[string]string{
		"a flow changed":                  "alarm default inner middle orders",
		"an input of a called flow":       "alarm default orders",
		"a connection of another account": "a-outer alarm default inner middle orders",
		"a connection renamed":            "a-outer alarm default inner middle",
		"a table changed":                 "a-outer alarm default inner middle orders",
		"a connector changed":             "a-outer alarm inner middle",
	} {
		second := program.Build(after[name], program.Options{Previous: []*program.Set{first}})
		var same []string
		for _, id := range slices.Sorted(maps.Keys(second.Flows)) {
			if second.Flows[id] == first.Flows[id] {
				same = append(same, id)
			}
		}
		if got := strings.Join(same, " "); got != want {
			t.Errorf("%s: taken over are %q, want %q", name, got, want)
		}
	}
}

// TestPreviousInHand asks for a connector that nothing names: while somebody
// has it in hand, the sets after that one know it, too.
func TestPreviousInHand(t *testing.T) {
	src := depotWith("", "")
	src.Flows = nil
	set := program.Build(src, program.Options{})
	if len(set.Connectors) > 0 {
		t.Fatalf("%d connectors are read, want none", len(set.Connectors))
	}
	first, ok := set.Connector("depot")
	if !ok {
		t.Fatal("there is no connector depot")
	}
	for range 3 {
		set = program.Build(src, program.Options{Previous: []*program.Set{set}})
	}
	if again, _ := set.Connector("depot"); again != first {
		t.Error("the connector was read again, want the one in hand")
	}
	runtime.KeepAlive(first)
}

// TestPreviousIsGivenBack builds each set beside the one before it: the first
// is not kept, though its flows are.
func TestPreviousIsGivenBack(t *testing.T) {
	src := town(t)
	set := program.Build(src, program.Options{})
	flow, first := set.Flows["inner"], weak.Make(set)
	connection := weak.Make(set.Connections["shop"])
	for range 3 {
		set = program.Build(src, program.Options{Previous: []*program.Set{set}})
	}
	for range 3 {
		runtime.GC()
	}
	if first.Value() != nil || connection.Value() != nil {
		t.Error("the first set is still held")
	}
	if set.Flows["inner"] != flow {
		t.Error("the flow was checked again, want it taken over")
	}
	runtime.KeepAlive(set)
}
