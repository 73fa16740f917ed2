package spec_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

var update = flag.Bool("update", false, "rewrite the .out files and the schema")

// parse parses a file by what its first key says.
func parse(name string, text []byte) diag.List {
	var found diag.List
	switch spec.KindOf(text) {
	case "connector", "group":
		_, found = spec.ParseConnector(name, text)
	case "connections":
		_, found = spec.ParseConnections(name, text)
	case "table":
		_, found = spec.ParseTable(name, text)
	default:
		_, found = spec.ParseFlow(name, text)
	}
	return found
}

// TestFindings compares what is found in each testdata/x.yaml with x.out.
func TestFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			source := func(string) string { return string(text) }
			if err := diag.Print(&got, parse(filepath.Base(file), text), source); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".out"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("findings in %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// TestFixes applies the fix of each finding in testdata by itself, and looks
// that this finding is gone.
func TestFixes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range parse(file, text) {
			if f.Fix == nil {
				continue
			}
			fixed := apply(string(text), f.Fix.Edits)
			for _, after := range parse(file, []byte(fixed)) {
				if after.Pos == f.Pos && after.Code == f.Code && after.Message == f.Message {
					line := strings.Split(fixed, "\n")[f.Pos.Line-1]
					t.Errorf("%v is still there after its fix:\n%s", f, line)
				}
			}
		}
	}
}

// apply makes the edits, which are given from left to right.
func apply(text string, edits []diag.Edit) string {
	lines := strings.Split(text, "\n")
	for _, e := range slices.Backward(edits) {
		row := []rune(lines[e.Pos.Line-1])
		from := e.Pos.Column - 1
		lines[e.Pos.Line-1] = string(row[:from]) + e.Text + string(row[from+e.Width:])
	}
	return strings.Join(lines, "\n")
}
