package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/engine/program"
)

// The corpus is files with mistakes as people make them, and what
// `patchbay check` prints of each. testdata/corpus/*.txtar hold the cases, by
// theme: the files of a case lie in a folder named after it and stand in the
// workspace of testdata/corpus/workspace, beside or in place of what is there;
// the file "want" of the folder is what is printed. Cases that are too large
// to be kept, or that no editor would save, are made by [madeCases]; of those
// only "want" is kept.
const corpus = "testdata/corpus"

// corpusCase is one workspace with mistakes.
type corpusCase struct {
	archive string // the file it is kept in
	name    string
	files   map[string][]byte
	want    string
}

// id names the case among those of all archives.
func (c *corpusCase) id() string {
	return strings.TrimSuffix(filepath.Base(c.archive), ".txtar") + "/" + c.name
}

// corpusCases reads all cases, by archive and in the order of its file.
func corpusCases(t testing.TB) []*corpusCase {
	t.Helper()
	archives, err := filepath.Glob(corpus + "/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("%s: %v, %d archives", corpus, err, len(archives))
	}
	made := madeCases()
	var cases []*corpusCase
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c *corpusCase
		for _, f := range archive.Files {
			name, rest, _ := strings.Cut(f.Name, "/")
			if c == nil || c.name != name {
				c = &corpusCase{archive: file, name: name, files: map[string][]byte{}}
				cases = append(cases, c)
			}
			if rest == "want" {
				c.want = string(f.Data)
			} else {
				c.files[rest] = f.Data
			}
		}
		if filepath.Base(file) == madeArchive {
			cases = slices.DeleteFunc(cases, func(c *corpusCase) bool { return c.archive == file })
			wants := map[string]string{}
			for _, f := range archive.Files {
				wants[strings.TrimSuffix(f.Name, "/want")] = string(f.Data)
			}
			for _, c := range made {
				c.archive, c.want = file, wants[c.name]
				cases = append(cases, c)
			}
		}
	}
	return cases
}

// corpusWorkspace is what every case stands in, checked once.
type corpusWorkspace struct {
	src program.Sources
	set *program.Set
}

var loadCorpusWorkspace = sync.OnceValues(func() (*corpusWorkspace, error) {
	src, err := catalog.Read(os.DirFS(corpus+"/workspace"), connectors.Files)
	if err != nil {
		return nil, err
	}
	return &corpusWorkspace{src, program.Build(src, program.Options{})}, nil
})

// sourcesOf returns the workspace with the files of a case in it.
func sourcesOf(t testing.TB, files map[string][]byte) (program.Sources, *program.Set) {
	t.Helper()
	w, err := loadCorpusWorkspace()
	if err != nil {
		t.Fatal(err)
	}
	src := program.Sources{Connectors: maps.Clone(w.src.Connectors), Flows: slices.Clone(w.src.Flows), AsNeeded: w.src.AsNeeded}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := program.File{Path: name, Data: files[name]}
		parts := strings.Split(name, "/")
		switch parts[0] {
		case "connectors":
			src.Connectors[parts[1]] = put(src.Connectors[parts[1]], file)
		case "flows":
			src.Flows = put(src.Flows, file)
		default:
			t.Fatalf("a case has the file %q, want one below flows or connectors", name)
		}
	}
	return src, w.set
}

// put returns the files with one more, in place of the one of its name.
func put(files []program.File, file program.File) []program.File {
	files = slices.DeleteFunc(slices.Clone(files), func(f program.File) bool { return f.Path == file.Path })
	files = append(files, file)
	slices.SortFunc(files, func(a, b program.File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// checked returns what `patchbay check` prints of the workspace with the files
// in it, and the findings.
func checked(t testing.TB, files map[string][]byte) (string, diag.List) {
	t.Helper()
	src, before := sourcesOf(t, files)
	w := &workspace{src: src, set: program.Build(src, program.Options{Previous: []*program.Set{before}})}
	found := w.set.Findings
	errs := len(found.Errors())
	var out bytes.Buffer
	a := &app{Process: Process{Stdout: &out}}
	sum := checkAnswer{Flows: len(w.flows()), Connectors: len(w.src.Connectors), Errors: errs, Warnings: len(found) - errs}
	if err := a.printCheck(sum, found, w.source); err != nil {
		t.Fatal(err)
	}
	return out.String(), found
}

// TestCorpus checks each case and compares what is printed.
func TestCorpus(t *testing.T) {
	cases := corpusCases(t)
	if len(cases) < 300 {
		t.Errorf("the corpus has %d cases, want at least 300", len(cases))
	}
	got := make([]string, len(cases))
	t.Run("cases", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.id(), func(t *testing.T) {
				t.Parallel()
				got[i], _ = checked(t, c.files)
				if diff := cmp.Diff(c.want, got[i]); diff != "" && !*update {
					t.Errorf("patchbay check (-want +got):\n%s", diff)
				}
			})
		}
	})
	if *update {
		rewriteCorpus(t, cases, got)
	}
}

// rewriteCorpus keeps what was printed as what is wanted.
func rewriteCorpus(t *testing.T, cases []*corpusCase, got []string) {
	t.Helper()
	for start := 0; start < len(cases); {
		file := cases[start].archive
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		archive.Files = nil
		for ; start < len(cases) && cases[start].archive == file; start++ {
			c := cases[start]
			if filepath.Base(file) != madeArchive {
				for _, name := range slices.Sorted(maps.Keys(c.files)) {
					archive.Files = append(archive.Files, txtar.File{Name: c.name + "/" + name, Data: c.files[name]})
				}
			}
			archive.Files = append(archive.Files, txtar.File{Name: c.name + "/want", Data: []byte(got[start])})
		}
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// uncovers names the cases in which one of the fixes leaves as many findings as
// there were, for what was not read before has a mistake of its own.
func uncovers() map[string]string {
	return map[string]string{
		"connector/sandbox-action-misspelt":            "the value that is read then has another mistake",
		"connector/trigger-type-misspelt":              "the value that is read then has another mistake",
		"expressions/assignment":                       "nothing that is quite right can stand there",
		"expressions/braces-without-dollar-in-a-block": "the value that is read then has another mistake",
		"expressions/marks-in-a-key":                   "nothing that is quite right can stand there",
		"expressions/var-misspelt":                     "the value that is read then has another mistake",
		"flow-keys/a-step-is-a-text":                   "the value that is read then has another mistake",
		"flow-values/clock-am-pm":                      "a time that is read has no time zone",
		"flow-values/clock-unquoted":                   "a time that is read has no time zone",
		"made/cut-at-a-sign-6":                         "the flow is cut off there, and what follows is missing",
		"made/cut-in-line-08":                          "the flow is cut off there, and what follows is missing",
		"made/cut-in-line-18":                          "the flow is cut off there, and what follows is missing",
		"made/cut-in-line-19":                          "the flow is cut off there, and what follows is missing",
		"made/cut-in-line-26":                          "the flow is cut off there, and what follows is missing",
		"others/table-columns":                         "the value that is read then has another mistake",
		"yaml/anchor-and-alias":                        "nothing that is quite right can stand there",
	}
}

// TestCorpusFixes makes each fix that a case offers by itself, and looks that
// fewer findings are left. What a fix brings to light may be fixed too.
func TestCorpusFixes(t *testing.T) {
	for _, c := range corpusCases(t) {
		if !strings.Contains(c.want, "fix:  ") || strings.Contains(c.want, " more findings of ") {
			continue // of thousands alike, a smaller case makes one
		}
		t.Run(c.id(), func(t *testing.T) {
			t.Parallel()
			src, before := sourcesOf(t, c.files)
			opt := program.Options{Previous: []*program.Set{before}}
			found := program.Build(src, opt).Findings
			for i, f := range found {
				if f.Fix == nil {
					continue
				}
				fixed := edit.Fix(src, opt, func(g diag.Finding) bool {
					return same(f, g) || !slices.ContainsFunc(found, func(h diag.Finding) bool { return same(g, h) })
				})
				if left := fixed.Set.Findings; len(left) >= len(found) {
					if uncovers()[c.id()] != "" {
						continue
					}
					t.Errorf("%d findings, and %d once %q is written for finding %d, want fewer: %v", len(found), len(left), f.Fix.Label, i+1, f)
				}
			}
		})
	}
}

// same reports whether two findings are about the same thing, wherever a fix
// to the left of it has moved it to.
func same(a, b diag.Finding) bool {
	return a.Pos.File == b.Pos.File && a.Pos.Line == b.Pos.Line && a.Code == b.Code && a.Message == b.Message
}
