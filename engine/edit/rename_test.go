package edit_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/edit"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/flows"
)

// TestRenameStep renames a step in the workspace of each
// testdata/rename/*.txtar, which has the connector in testdata/cafe besides. Its
// first line is the flow, the step and the new name. "changes" has the places,
// the files below "renamed" what the changed files are then; "refused" says why
// it cannot be.
func TestRenameStep(t *testing.T) {
	testRename(t, "testdata/rename", func(src program.Sources, flow, from, to string) (edit.Renamed, error) {
		return edit.RenameStep(src, program.Options{}, flow, from, to)
	})
}

// TestRename does the same for flows, connections and connectors: the first
// word is which of them.
func TestRename(t *testing.T) {
	testRename(t, "testdata/rename-name", func(src program.Sources, kind, from, to string) (edit.Renamed, error) {
		return edit.Rename(src, program.Options{}, journal.NameKind(kind), from, to)
	})
}

func testRename(t *testing.T, dir string, rename func(src program.Sources, what, from, to string) (edit.Renamed, error)) {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %d files", dir, err, len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(string(archive.Comment))
			given, wanted := split(archive)
			src := sources(t, given)
			renamed, err := rename(src, words[0], words[1], words[2])
			got := renameResults(t, renamed, given, err)
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
			if err != nil {
				return
			}
			back, err := rename(renamed.Sources, words[0], words[2], words[1])
			if err != nil {
				t.Fatalf("rename it back: %v", err)
			}
			if diff := cmp.Diff(src, back.Sources, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("renamed back (-before +after):\n%s", diff)
			}
		})
	}
}

func renameResults(t *testing.T, renamed edit.Renamed, given []txtar.File, err error) []txtar.File {
	t.Helper()
	var refused *edit.RefusedError
	if errors.As(err, &refused) {
		if len(renamed.Files) > 0 {
			t.Errorf("refused, and %d files are changed", len(renamed.Files))
		}
		return []txtar.File{{Name: "refused", Data: []byte(refused.Reason + "\n" + refused.Hint + "\n")}}
	}
	if err != nil {
		t.Fatal(err)
	}
	var changes strings.Builder
	for _, c := range renamed.Changes {
		fmt.Fprintf(&changes, "%s: %s → %s\n", c.Pos, c.From, c.To)
	}
	for _, c := range renamed.Left {
		fmt.Fprintf(&changes, "%s: %s left\n", c.Pos, c.From)
	}
	for _, m := range renamed.Moves {
		fmt.Fprintf(&changes, "%s moved to %s\n", m.From, m.To)
	}
	out := []txtar.File{{Name: "changes", Data: []byte(changes.String())}}
	for _, f := range given {
		if text, ok := renamed.Files[f.Name]; ok {
			out = append(out, txtar.File{Name: "renamed/" + f.Name, Data: text})
		}
	}
	return out
}

// TestRenameShipped renames each step of the flows that Patchbay brings along,
// and back: then every byte is as it was.
func TestRenameShipped(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "flows"), flows.Files); err != nil {
		t.Fatal(err)
	}
	src, err := catalog.Read(os.DirFS(dir), connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	set := program.Build(src, program.Options{Sandbox: true})
	opt := program.Options{Sandbox: true, Previous: []*program.Set{set}}
	steps := 0
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		for s := range set.Flows[id].AllSteps() {
			if s.ID == "" {
				continue
			}
			steps++
			renamed, err := edit.RenameStep(src, opt, id, s.ID, "another_name")
			if err != nil {
				t.Errorf("RenameStep(%s.%s): %v", id, s.ID, err)
				continue
			}
			back, err := edit.RenameStep(renamed.Sources, opt, id, "another_name", s.ID)
			if err != nil {
				t.Errorf("RenameStep(%s.%s) back: %v", id, s.ID, err)
				continue
			}
			if diff := cmp.Diff(src.Flows, back.Sources.Flows); diff != "" {
				t.Errorf("RenameStep(%s.%s) and back (-before +after):\n%s", id, s.ID, diff)
			}
		}
	}
	if steps < 10 {
		t.Errorf("%d steps were renamed, want more", steps)
	}
}

// TestRenameStepBytes renames in texts that an archive cannot hold.
func TestRenameStepBytes(t *testing.T) {
	const text = "\ufeffflow: 1\r\ntriggers: [{ on_demand: {} }]\r\nsteps:\r\n  - { id: a, set: { n: \"é☃\" } }\r\n" +
		"  - set: { m: \"é☃ ${{ steps.a.n }} ${{ steps['a'].n }}\" }\r\n"
	src := program.Sources{Flows: []program.File{{Path: "flows/x.yaml", Data: []byte(text)}}}
	renamed, err := edit.RenameStep(src, program.Options{}, "x", "a", "longer")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("id: a,", "id: longer,", "steps.a.", "steps.longer.", "['a']", "['longer']").Replace(text)
	if diff := cmp.Diff(want, string(renamed.Files["flows/x.yaml"])); diff != "" {
		t.Errorf("RenameStep (-want +got):\n%s", diff)
	}
}
