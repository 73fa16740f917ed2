package edit_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/engine/program"
)

var update = flag.Bool("update", false, "rewrite what is wanted in testdata")

// TestFix fixes the workspace in each testdata/*.txtar, which has the connector
// in testdata/cafe besides. "changes" has what was done, the files below
// "fixed" what the changed files are then, and "left" the findings that are
// left. With "all" at its beginning all fixes are made, not only the safe ones.
func TestFix(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata: %v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			given, wanted := split(archive)
			all := strings.HasPrefix(string(archive.Comment), "all")
			fixed := edit.Fix(sources(t, given), program.Options{}, func(f diag.Finding) bool { return all || f.Fix.Safe })
			got := results(t, fixed, given)
			if *update {
				archive.Files = append(given, got...)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(shown(wanted), shown(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
			again := edit.Fix(fixed.Sources, program.Options{}, func(f diag.Finding) bool { return all || f.Fix.Safe })
			if len(again.Changes) > 0 || len(again.Files) > 0 {
				t.Errorf("fixed once more: %v, want no changes", again.Changes)
			}
		})
	}
}

// TestFixNothing wants none of the fixes: nothing changes.
func TestFixNothing(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/safe.txtar")
	if err != nil {
		t.Fatal(err)
	}
	given, _ := split(archive)
	src := sources(t, given)
	fixed := edit.Fix(src, program.Options{}, func(diag.Finding) bool { return false })
	if diff := cmp.Diff(src, fixed.Sources); diff != "" || len(fixed.Files) > 0 || len(fixed.Changes) > 0 {
		t.Errorf("Fix with no fix wanted: %d files, %v (-before +after):\n%s", len(fixed.Files), fixed.Changes, diff)
	}
	if diff := cmp.Diff(program.Build(src, program.Options{}).Findings, fixed.Set.Findings); diff != "" {
		t.Errorf("findings (-Build +Fix):\n%s", diff)
	}
}

// split parts the workspace of an archive from what is wanted of it.
func split(archive *txtar.Archive) (given, wanted []txtar.File) {
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "connectors/") || strings.HasPrefix(f.Name, "flows/") {
			given = append(given, f)
		} else {
			wanted = append(wanted, f)
		}
	}
	return given, wanted
}

// sourcesOfCafe is the connector in testdata/cafe.
func sourcesOfCafe(t testing.TB) map[string][]program.File {
	t.Helper()
	cafe, err := os.ReadFile("testdata/cafe/connector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]program.File{"cafe": {{Path: "connectors/cafe/connector.yaml", Data: cafe}}}
}

func sources(t *testing.T, files []txtar.File) program.Sources {
	t.Helper()
	src := program.Sources{Connectors: sourcesOfCafe(t)}
	for _, f := range files {
		file := program.File{Path: f.Name, Data: f.Data}
		if parts := strings.Split(f.Name, "/"); parts[0] == "connectors" {
			src.Connectors[parts[1]] = append(src.Connectors[parts[1]], file)
		} else {
			src.Flows = append(src.Flows, file)
		}
	}
	return src
}

func results(t *testing.T, fixed edit.Fixed, given []txtar.File) []txtar.File {
	t.Helper()
	var changes, left strings.Builder
	for _, c := range fixed.Changes {
		fmt.Fprintf(&changes, "%s: %s → %s [%s]\n", c.Pos, c.From, c.To, c.Code)
	}
	texts := map[string]string{}
	var out []txtar.File
	for _, f := range given {
		texts[f.Name] = string(f.Data)
		if text, ok := fixed.Files[f.Name]; ok {
			texts[f.Name] = string(text)
			out = append(out, txtar.File{Name: "fixed/" + f.Name, Data: text})
		}
	}
	if err := diag.Print(&left, fixed.Set.Findings, func(file string) string { return texts[file] }); err != nil {
		t.Fatal(err)
	}
	return append([]txtar.File{{Name: "changes", Data: []byte(changes.String())}},
		append(out, txtar.File{Name: "left", Data: []byte(left.String())})...)
}

func shown(files []txtar.File) string { return string(txtar.Format(&txtar.Archive{Files: files})) }
