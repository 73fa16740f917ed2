package main

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// TestExamplesCheck puts what `catalog` offers for pasting into a flow, for
// each action and trigger there is, and lets the checker read it.
func TestExamplesCheck(t *testing.T) {
	src, err := catalog.Read(fstest.MapFS{}, connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	src.AsNeeded = nil // whole, whether a flow names it or not
	set := program.Build(src, program.Options{Sandbox: true})
	deprecated := map[string]bool{}
	file := func(id string) string { return "flows/" + strings.ReplaceAll(id, ".", "-") + ".yaml" }
	add := func(id, text string) {
		path := file(id)
		src.Flows = append(src.Flows, program.File{Path: path, Data: []byte("flow: 1\nname: Example\n" + text)})
	}
	for _, k := range set.Connectors {
		for _, a := range k.Actions() {
			if a.Transport == program.Table || slices.ContainsFunc(a.Input, isFile) {
				continue // a row depends on its table, a file comes from another step
			}
			deprecated[file(a.ID)] = a.Deprecated != ""
			add(a.ID, "triggers:\n  - on_demand: {}\nsteps:\n"+exampleStep(a))
		}
		for _, t := range k.Triggers() {
			add(t.ID, exampleTrigger(t)+"steps:\n  - stop: done\n")
		}
	}
	if len(src.Flows) < 100 {
		t.Fatalf("there are %d examples, want those of the whole catalog", len(src.Flows))
	}
	for _, f := range program.Build(src, program.Options{Sandbox: true}).Findings {
		if !deprecated[f.Pos.File] || f.Code != "W107" { // that it is deprecated is all there is to say
			t.Errorf("an example has a finding: %v", f)
		}
	}
}

func isFile(in *program.Input) bool {
	t := in.Type
	if t.Kind == value.List || t.Kind == value.Map {
		t = t.Elem
	}
	return in.Required() && t != nil && t.Kind == value.FileKind
}

func TestYAMLText(t *testing.T) {
	for _, tt := range []struct {
		v    any
		want string
	}{
		{"Lamp", "Lamp"},
		{"Lamp: large", `"Lamp: large"`},
		{"true", `"true"`},
		{"10", `"10"`},
		{"", `""`},
		{"a ", `"a "`},
		{"<b>", `"<b>"`},
		{7, "7"},
		{[]any{"a", 1}, `["a",1]`},
		{map[string]any{"a": nil}, `{"a":null}`},
	} {
		if got := yamlText(tt.v); got != tt.want {
			t.Errorf("yamlText(%#v) = %s, want %s", tt.v, got, tt.want)
		}
	}
}
