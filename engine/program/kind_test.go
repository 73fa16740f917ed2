package program_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/diag"
	"patchbay/engine/program"
)

func TestUnknownKind(t *testing.T) {
	const kinds = "kinds: flow, table, connections, test, dashboard"
	for _, test := range []struct {
		text, code, hint, fix string
		pos                   diag.Pos
	}{
		{"flwo: 1\n", "F122", kinds, "flow", diag.Pos{File: "flows/x.yaml", Line: 1, Column: 1}},
		{"# tables\n---\n\ntabel: 1\n", "F122", kinds, "table", diag.Pos{File: "flows/x.yaml", Line: 4, Column: 1}},
		{"\ufeff\"conections\": 1\n", "F122", kinds, "connections", diag.Pos{File: "flows/x.yaml", Line: 1, Column: 3}},
		{"workflow: 1\n", "F122", kinds, "", diag.Pos{File: "flows/x.yaml", Line: 1, Column: 1}},
		{"connector: 1\n", "F123", "the files of a connector lie in connectors/<id>/", "", diag.Pos{File: "flows/x.yaml", Line: 1, Column: 1}},
		{"group: a\n", "F123", "the files of a connector lie in connectors/<id>/", "", diag.Pos{File: "flows/x.yaml", Line: 1, Column: 1}},
	} {
		set := program.Build(program.Sources{Flows: []program.File{{Path: "flows/x.yaml", Data: []byte(test.text)}}}, program.Options{})
		if len(set.Findings) != 1 {
			t.Errorf("Build(%q) found %v, want one finding", test.text, set.Findings)
			continue
		}
		got := set.Findings[0]
		fix := ""
		if got.Fix != nil {
			fix = got.Fix.Label
		}
		if got.Pos != test.pos || got.Code != test.code || got.Hint != test.hint || fix != test.fix {
			t.Errorf("Build(%q) found %s (hint %q, fix %q), want %s %s (hint %q, fix %q)",
				test.text, got.Error(), got.Hint, fix, test.pos, test.code, test.hint, test.fix)
		}
	}
}

func TestAllowedWarnings(t *testing.T) {
	connector := program.File{Path: "connectors/a/connector.yaml", Data: []byte(`connector: 1
id: a
name: A
docs: https://a.example
api: { base_url: https://a.example }
connection:
  auth:
    t: { type: bearer, label: T, fields: { token: { type: secret, label: T } } }
`)}
	for _, test := range []struct {
		line string
		want []string
	}{
		{"  token: abc", []string{"W101"}},
		{"  token: abc # patchbay: allow W101", nil},
		{"  token: abc # patchbay: allow W104, W101", nil},
		{"  token: abc # patchbay: allow W104", []string{"W101"}},
		{"  token: abc\n# patchbay: allow W101", []string{"W101"}},
		{"  token: \"\" # patchbay: allow F255", []string{"F255"}},
	} {
		set := program.Build(program.Sources{
			Connectors: map[string][]program.File{"a": {connector}},
			Flows:      []program.File{{Path: "flows/connections.yaml", Data: []byte("connections: 1\na:\n  connector: a\n" + test.line + "\n")}},
		}, program.Options{})
		var got []string
		for _, f := range set.Findings {
			got = append(got, f.Code)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("findings of %q (-want +got):\n%s", test.line, diff)
		}
	}
}
