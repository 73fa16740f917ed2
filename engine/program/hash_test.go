package program_test

import (
	"slices"
	"strings"
	"testing"

	"patchbay/engine/program"
)

// workspace is a small workspace for tests that change one thing in it.
var workspace = map[string]string{
	"connectors/shop/connector.yaml": `connector: 1
id: shop
name: Shop
api: { base_url: "https://shop.example" }
connection: { fields: { shopId: { type: string } }, auth: { key: { type: bearer, fields: { token: { type: secret } } } } }
actions:
  ping: { effect: read, request: GET /ping, output: { one: any } }
`,
	"connectors/shop/more.yaml":          "group: more\nactions:\n  ping: { effect: read, request: GET /more }\n",
	"connectors/shop/fixtures/ping.json": "{}\n",
	"connectors/other/connector.yaml":    "connector: 1\nid: other\nname: Other\napi: { base_url: \"https://other.example\" }\n",
	"connectors/table/connector.yaml": `connector: 1
id: table
name: Tables
actions:
  append: { effect: create, repeat: safe, request: table append, input: { table: { type: string }, row: { type: map } } }
`,
	"flows/connections.yaml": `connections: 1
shop_a: { connector: shop, shopId: a, token: "${{ env.A }}" }
shop_b: { connector: shop, shopId: b, token: "${{ env.B }}" }
`,
	"flows/seen.yaml":   "table: 1\nfields: { id: { type: string }, kind: { type: enum, values: [a, b], optional: true } }\nkey: id\n",
	"flows/unused.yaml": "table: 1\nfields: { id: { type: string } }\n",
	"flows/called.yaml": "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps: [{ wait: 1s }]\n",
	"flows/main.yaml": `flow: 1
use: { shop: shop_a }
triggers: [{ on_demand: {} }]
steps:
  - action: shop.ping
  - action: table.append
    with: { table: seen, row: { id: a } }
  - call: called
`,
}

// workspaceWith returns the sources of the workspace after one replacement in
// one file.
func workspaceWith(file, old, text string) program.Sources {
	src := program.Sources{Connectors: map[string][]program.File{}}
	for name, data := range workspace {
		if name == file {
			data = strings.Replace(data, old, text, 1)
		}
		f := program.File{Path: name, Data: []byte(data)}
		if parts := strings.Split(name, "/"); parts[0] == "connectors" {
			src.Connectors[parts[1]] = append(src.Connectors[parts[1]], f)
		} else {
			src.Flows = append(src.Flows, f)
		}
	}
	return src
}

// hashOf builds the sources, which must be sound, and returns the hash of the
// flow main.
func hashOf(t *testing.T, src program.Sources) string {
	t.Helper()
	set := program.Build(src, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatalf("the workspace is not sound: %v", err)
	}
	return set.Flows["main"].Hash
}

func TestFlowHash(t *testing.T) {
	before := hashOf(t, workspaceWith("", "", ""))
	for _, test := range []struct {
		name, file, old, text string
		same                  bool
	}{
		{"nothing", "", "", "", true},
		{"its own text", "flows/main.yaml", "flow: 1\n", "flow: 1\n# a note\n", false},
		{"a connector's first file", "connectors/shop/connector.yaml", "GET /ping", "GET /pong", false},
		{"a connector's group file", "connectors/shop/more.yaml", "GET /more", "GET /less", false},
		{"a connector's fixture", "connectors/shop/fixtures/ping.json", "{}", "[]", true},
		{"a connector it does not use", "connectors/other/connector.yaml", "name: Other", "name: Another", true},
		{"a flow it calls", "flows/called.yaml", "1s", "2s", false},
		{"an account", "flows/connections.yaml", "shopId: a", "shopId: c", true},
		{"which account it uses, elsewhere", "flows/connections.yaml", "env.A", "env.C", true},
		{"a column of its table", "flows/seen.yaml", "id: { type: string }", "id: { type: string, optional: false }", true},
		{"the type of a column", "flows/seen.yaml", "kind: { type: enum, values: [a, b], optional: true }", "kind: { type: string, optional: true }", false},
		{"the values of a column", "flows/seen.yaml", "[a, b]", "[a, b, c]", false},
		{"whether a column may be missing", "flows/seen.yaml", "[a, b], optional: true", "[a, b], optional: true }, more: { type: any, optional: true", false},
		{"the key of its table", "flows/seen.yaml", "key: id", "key: [id, kind]", false},
		{"how long its rows are kept", "flows/seen.yaml", "key: id", "key: id\nkeep: 3d", true},
		{"a table it does not use", "flows/unused.yaml", "string", "integer", true},
	} {
		got := hashOf(t, workspaceWith(test.file, test.old, test.text))
		if same := got == before; same != test.same {
			t.Errorf("after a change of %s: the hash is the same = %t, want %t", test.name, same, test.same)
		}
	}
}

func TestFlowHashKnowsNoOrder(t *testing.T) {
	src := workspaceWith("", "", "")
	want := hashOf(t, src)
	for range 5 {
		again := workspaceWith("", "", "") // ranging over a map shuffles the files
		slices.Reverse(again.Flows)
		if got := hashOf(t, again); got != want {
			t.Fatalf("hash = %s, want %s", got, want)
		}
	}
}

// Two flows with the same text are not the same flow.
func TestFlowHashKnowsTheFlow(t *testing.T) {
	src := workspaceWith("", "", "")
	src.Flows = append(src.Flows, program.File{Path: "flows/twin.yaml", Data: []byte(workspace["flows/called.yaml"])})
	set := program.Build(src, program.Options{})
	if a, b := set.Flows["called"].Hash, set.Flows["twin"].Hash; a == b {
		t.Errorf("two flows have the hash %s", a)
	}
}

// A flow built again from what the store keeps of it has the hash it had.
func TestPinned(t *testing.T) {
	src := workspaceWith("", "", "")
	set := program.Build(src, program.Options{})
	pinned := program.Sources{Connectors: map[string][]program.File{}}
	uses := map[string]map[string]program.Role{}
	for _, id := range []string{"main", "called"} {
		uses[id] = map[string]program.Role{}
		for role, use := range set.Flows[id].Uses {
			uses[id][role] = program.Role{Connector: use.Connector.ID, Connection: use.Connection}
			pinned.Connectors[use.Connector.ID] = program.OnlyYAML(src.Connectors[use.Connector.ID])
		}
	}
	for _, f := range src.Flows {
		if f.Path != "flows/connections.yaml" {
			pinned.Flows = append(pinned.Flows, f)
		}
	}
	again := program.Build(pinned, program.Options{Pinned: true, Uses: uses})
	if err := again.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	if got, want := again.Flows["main"].Hash, set.Flows["main"].Hash; got != want {
		t.Errorf("hash of the pinned flow = %s, want %s", got, want)
	}
	if got, want := again.Flows["main"].Uses["shop"].Connection, "shop_a"; got != want {
		t.Errorf("its connection = %q, want %q", got, want)
	}
}

// What the store keeps of a flow leaves out the flows whose failures start it.
func TestPinnedWatch(t *testing.T) {
	src := program.Sources{Flows: []program.File{{
		Path: "flows/alert.yaml", Data: []byte("flow: 1\ntriggers:\n  - flow_failed: orders\nsteps:\n  - stop: done\n"),
	}}}
	set := program.Build(src, program.Options{Pinned: true})
	if set.Flows["alert"] == nil {
		t.Error(set.Findings.Err())
	}
}

func TestPreviousConnectors(t *testing.T) {
	src := workspaceWith("", "", "")
	first := program.Build(src, program.Options{})
	src = workspaceWith("connectors/other/connector.yaml", "name: Other", "name: Another")
	second := program.Build(src, program.Options{Previous: []*program.Set{first}})
	if first.Connectors["shop"] != second.Connectors["shop"] {
		t.Errorf("the connector shop was built again, want it taken over")
	}
	if got := second.Connectors["other"].Name; got != "Another" {
		t.Errorf("the name of the connector that changed = %q, want %q", got, "Another")
	}
}
