package spec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

// FuzzParse parses any bytes as each kind of file: nothing panics or hangs,
// and each finding speaks of a place that the file has.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	archives, err := filepath.Glob("../../cmd/patchbay/testdata/corpus/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("the corpus: %v, %d archives", err, len(archives))
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, connector := spec.ParseConnector("f.yaml", text)
		flow, found := spec.ParseFlow("f.yaml", text)
		_, connections := spec.ParseConnections("f.yaml", text)
		_, table := spec.ParseTable("f.yaml", text)
		_, group := spec.ParseConnector("connectors/x/f.yaml", text)
		spec.KindOf(text)
		if flow == nil && len(found) == 0 {
			t.Errorf("no flow and no finding in %q", text)
		}
		lines := strings.Split(string(text), "\n")
		for _, l := range []diag.List{connector, group, found, connections, table} {
			for _, x := range l {
				inside(t, lines, x.Pos)
			}
		}
		if flow != nil {
			for _, c := range flow.Conditions {
				inside(t, lines, c.At(len(c.Value)/2))
				inside(t, lines, c.At(len(c.Value)))
			}
		}
	})
}

// inside fails where a place lies outside the file.
func inside(t *testing.T, lines []string, at diag.Pos) {
	t.Helper()
	if at.Line == 0 {
		return
	}
	if at.Line > len(lines) || at.Column < 1 || at.Column > len([]rune(lines[at.Line-1]))+1 {
		t.Errorf("%s lies outside the file %q", at, strings.Join(lines, "\n"))
	}
}
