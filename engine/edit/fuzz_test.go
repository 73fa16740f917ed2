package edit_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/engine/program"
)

// corpus adds the broken flows of the corpus as seeds.
func corpus(f *testing.F, add func(text []byte)) {
	f.Helper()
	archives, err := filepath.Glob("../../cmd/patchbay/testdata/corpus/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("the corpus: %v, %d archives", err, len(archives))
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for i, file := range archive.Files {
			if strings.Contains(file.Name, "/flows/") && i%4 == 0 {
				add(bytes.ReplaceAll(file.Data, []byte("shop."), []byte("cafe.")))
			}
		}
	}
}

// cafeWith is a workspace of the connector in testdata/cafe and one flow.
func cafeWith(f *testing.F) func(text []byte) program.Sources {
	f.Helper()
	connector := sourcesOfCafe(f)
	return func(text []byte) program.Sources {
		return program.Sources{Connectors: connector, Flows: []program.File{{Path: "flows/x.yaml", Data: text}}}
	}
}

// FuzzFix makes all fixes of any text as a flow: nothing panics, no finding
// comes that was not there, and where nothing is wanted every byte stays.
func FuzzFix(f *testing.F) {
	with := cafeWith(f)
	corpus(f, func(text []byte) { f.Add(text) })
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4000 {
			return // checked again for each of its fixes
		}
		src := with(text)
		before := program.Build(src, program.Options{Sandbox: true}).Findings
		same := edit.Fix(src, program.Options{Sandbox: true}, func(diag.Finding) bool { return false })
		if len(same.Files) > 0 || !bytes.Equal(same.Sources.Flows[0].Data, text) {
			t.Errorf("Fix with no fix wanted changed %q", text)
		}
		if len(before) > 40 {
			return
		}
		fixed := edit.Fix(src, program.Options{Sandbox: true}, func(diag.Finding) bool { return true })
		if len(fixed.Set.Findings) > len(before) || len(fixed.Set.Findings.Errors()) > len(before.Errors()) {
			t.Errorf("%d findings before, %d after the fixes of %q: %v", len(before), len(fixed.Set.Findings), text, fixed.Set.Findings)
		}
		after := program.Build(fixed.Sources, program.Options{Sandbox: true}).Findings
		if len(after) != len(fixed.Set.Findings) {
			t.Errorf("%d findings are left in %q, Fix tells of %d", len(after), fixed.Sources.Flows[0].Data, len(fixed.Set.Findings))
		}
	})
}

// FuzzComplete asks for what can be written at any place of any text.
func FuzzComplete(f *testing.F) {
	with := cafeWith(f)
	n := 0
	corpus(f, func(text []byte) {
		n++
		f.Add(text, uint16(n%12+1), uint16(n%30+1))
	})
	f.Fuzz(func(t *testing.T, text []byte, line, column uint16) {
		at := diag.Pos{File: "flows/x.yaml", Line: int(line), Column: int(column)}
		for _, item := range edit.Complete(with(text), program.Options{Sandbox: true}, at) {
			end := item.Pos.Column + item.Width
			if item.Label == "" || item.Pos.Line != at.Line || item.Pos.Column > at.Column || end < at.Column {
				t.Errorf("Complete(%q, %v) offers %+v", text, at, item)
			}
		}
	})
}
