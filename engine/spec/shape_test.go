package spec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/spec"
)

// step writes what a step is in one line: what it does, and in brackets the
// steps inside it.
func step(s *spec.Step) string {
	var inner []string
	for _, one := range s.Steps {
		inner = append(inner, step(one))
	}
	for _, b := range append(s.Parallel, s.Switch...) {
		var branch []string
		for _, one := range b.Steps {
			branch = append(branch, step(one))
		}
		inner = append(inner, b.If.Value+b.Else.Value+"("+strings.Join(branch, " ")+")")
	}
	text := s.Does.Value
	if s.Action.Given() {
		text += " " + s.Action.Value
	}
	if len(inner) > 0 {
		text += " [" + strings.Join(inner, " ") + "]"
	}
	return text
}

// TestSteps reads steps of all kinds.
func TestSteps(t *testing.T) {
	for source, want := range map[string]string{
		"{ action: a.b }":                                                              "action a.b",
		"{ set: { a: 1 }, id: x }":                                                     "set",
		"{ with: { a: 1 }, action: a.b, for_each: xs }":                                "for_each a.b",
		"{ for_each: xs, steps: [{ stop: x }, { wait: 1h }] }":                         "for_each [stop wait]",
		"{ parallel: [{ stop: x }, { steps: [{ wait: 1h }, { fail: y }] }] }":          "parallel [(stop) (wait fail)]",
		"{ switch: [{ if: a, steps: [{ stop: x }] }, { else: true, steps: [] }] }":     "switch [a(stop) true()]",
		"{ call: other, with: { a: 1 } }":                                              "call",
		"{ wait_until: event.at }":                                                     "wait_until",
		"{ wait_for: { trigger: a.b, match: arriving.id == 1 } }":                      "wait_for",
		"{ approve: { by: ops, form: { why: { type: string } } } }":                    "approve",
		"{ switch: [{ if: !a, steps: [{ parallel: [{ stop: x }] }] }], name: mended }": "switch [not a(parallel [(stop)])]",
		"{ actoin: a.b }": " a.b",
		"{ for_each: \"${{ xs }}\", steps: [{ for_each: ys, steps: [{ call: other }]}]}": "for_each [for_each [call]]",
	} {
		flow, _ := spec.ParseFlow("f.yaml", []byte("flow: 1\nsteps:\n  - "+source+"\n"))
		if got := step(flow.Steps[0]); got != want {
			t.Errorf("step %s = %q, want %q", source, got, want)
		}
	}
}

// kind writes what a type is in one line.
func kind(d *spec.TypeDef) string {
	if d == nil {
		return "nothing"
	}
	text := d.Type.Value
	if d.IsFields {
		text = "fields"
	}
	if d.Of != nil {
		text += " of " + kind(d.Of)
	}
	for _, f := range d.Fields {
		text += fmt.Sprintf(" %s(%s)", f.Name.Value, kind(&f.TypeDef))
	}
	for _, v := range d.Values {
		text += " " + v.Value
	}
	return text
}

// TestTypes reads types in all the forms they have.
func TestTypes(t *testing.T) {
	for source, want := range map[string]string{
		"{ id: { type: string }, at: { type: datetime } }":        "fields id(string) at(datetime)",
		"{ type: enum, values: [a, b] }":                          "enum a b",
		"{ type: list, of: string }":                              "list of string",
		"{ type: list, of: { type: map, of: Tag } }":              "list of map of Tag",
		"{ type: list, of: { id: { type: string } } }":            "list of fields id(string)",
		"{ type: object, fields: { id: { type: string } } }":      "object id(string)",
		"{ fields: { id: { type: string } } }":                    " id(string)",
		"{ type: { type: string }, id: { type: string } }":        "fields type(string) id(string)",
		"{ fields: { type: string } }":                            "fields fields(string)",
		"{ tags: { type: list, of: { type: enum, values: [x]}} }": "fields tags(list of enum x)",
	} {
		c, found := spec.ParseConnector("c.yaml", []byte("connector: 1\nid: a\nname: A\ntypes:\n  T: "+source+"\n"))
		if len(found) > 0 {
			t.Errorf("type %s: %v", source, found)
		}
		if got := kind(&c.Types[0].Def); got != want {
			t.Errorf("type %s = %q, want %q", source, got, want)
		}
	}
}

// TestConnectorShape reads the parts of a connector that have more than one
// form.
func TestConnectorShape(t *testing.T) {
	c, found := spec.ParseConnector("connectors/a/connector.yaml", []byte(`connector: 1
id: a
name: A
connection:
  auth:
    one: { type: oauth2_code, scopes: auto }
    two: { type: oauth2_code, scopes: [x, y] }
actions:
  get: { effect: read, request: "GET /a", output: { one: Page, at: response } }
  list: { effect: read, request: "GET /b", output: { list: { type: string } } }
  make: { effect: create, request: "POST /c", repeat: unsafe }
  again: { effect: update, request: "POST /d", repeat: { key: X-Key, for: 30m } }
webhooks:
  subscribe:
    on: { action: hooks.create, with: { url: "${{ address }}" } }
    keep: { id: output.id }
    off: { action: hooks.delete, with: { id: "${{ kept.id }}" } }
  verify: [{ type: none }]
`))
	if len(found) > 0 {
		t.Fatal(found)
	}
	get, list, again := c.Actions[0], c.Actions[1], c.Actions[3]
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"file", c.File, "connectors/a/connector.yaml"},
		{"scopes of one", c.Connection.Auth[0].Scopes.Const(), "auto"},
		{"scopes of two", c.Connection.Auth[1].Scopes.Const(), []any{"x", "y"}},
		{"output of get", kind(get.Output.Type) + " " + get.Output.Key.Value + " " + get.Output.At[0].Value, "Page one response"},
		{"get brings a list", get.Output.IsList, false},
		{"list brings a list", list.Output.IsList, true},
		{"repeat of get", get.Repeat == nil, true},
		{"repeat of make", c.Actions[2].Repeat.Word.Value, "unsafe"},
		{"repeat of again", again.Repeat.Key.Value + " " + again.Repeat.For.Value, "X-Key 30m"},
		{"subscribe", c.Webhooks.Subscribe.On.Action.Value + " " + c.Webhooks.Subscribe.Keep.ID.Value + " " + c.Webhooks.Subscribe.Off.Action.Value, "hooks.create output.id hooks.delete"},
		{"verify", c.Webhooks.Verify[0].Type.Value, "none"},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestConnectionsAndTables reads the two other kinds of files.
func TestConnectionsAndTables(t *testing.T) {
	c, _ := spec.ParseConnections("flows/connections.yaml", []byte("connections: 1\nmain: { connector: ghl, auth: token, token: \"${{ env.T }}\", base_url: https://a.b }\n"))
	main := c.Connections[0]
	got := []string{main.Name.Value, main.Connector.Value, main.Auth.Value, main.BaseURL.Value, main.Fields[0].Key.Value, main.Fields[0].Value.Text.Value}
	if diff := cmp.Diff([]string{"main", "ghl", "token", "https://a.b", "token", "${{ env.T }}"}, got); diff != "" {
		t.Errorf("connection (-want +got):\n%s", diff)
	}
	for key, want := range map[string]int{"id": 1, "[id, at]": 2} {
		table, found := spec.ParseTable("flows/seen.yaml", []byte("table: 1\nfields: { id: { type: string } }\nkey: "+key+"\n"))
		if table.ID != "seen" || len(table.Key) != want || len(found) > 0 {
			t.Errorf("ParseTable(key: %s) = %s with %d keys, %v", key, table.ID, len(table.Key), found)
		}
	}
}

// TestRefused gives files that are not read at all.
func TestRefused(t *testing.T) {
	deep := strings.Repeat("[", 200)
	var steps strings.Builder
	for i := range 200 {
		steps.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for _, tt := range []struct{ name, source, want string }{
		{"too large", strings.Repeat("flow: 1\n", 10<<20/8), "f.yaml: the file has 10240 KB, more than 1 MB is not read [Y103]"},
		{"too deep in brackets", "flow: 1\nsteps: " + deep, "f.yaml:2:108: lists and maps stand more than 100 deep inside one another [Y104]"},
		{"too deep in dashes", "flow: 1\nsteps:\n  " + strings.Repeat("- ", 200) + "a", "f.yaml:3:201: lists and maps stand more than 100 deep inside one another [Y104]"},
		{"too deep in lines", "flow: 1\n" + steps.String(), "f.yaml:103:102: lists and maps stand more than 100 deep inside one another [Y104]"},
		{"UTF-16", "\xff\xfef\x00", "f.yaml: the file is saved as UTF-16 [Y102]"},
	} {
		flow, found := spec.ParseFlow("f.yaml", []byte(tt.source))
		if flow != nil || len(found) != 1 || found[0].Error() != tt.want {
			t.Errorf("%s: ParseFlow() = %v, %v, want nil, %s", tt.name, flow != nil, found, tt.want)
		}
	}
}

// TestAllowed reads the warnings that lines allow.
func TestAllowed(t *testing.T) {
	got := spec.Allowed([]byte("flow: 1\nif: true   # patchbay: allow W104\na: 1 # patchbay:allow W1, W2 for a reason\nb: 'patchbay: allow W3'\n"))
	want := map[int][]string{2: {"W104"}, 3: {"W1", "W2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Allowed() (-want +got):\n%s", diff)
	}
}
