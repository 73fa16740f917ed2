package plan_test

import (
	"encoding/json"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/journal"
	"patchbay/engine/plan"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/flows"
)

var update = flag.Bool("update", false, "rewrite what is wanted in testdata")

// ten is when the examples are planned.
var ten = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// known is what the file "facts" of an example says, beside the workspaces.
type known struct {
	Open     map[string]map[journal.Status]int
	History  map[string]plan.History
	States   map[string]plan.State
	Accounts map[string]int
	Cursors  []struct {
		plan.Place
		plan.Cursor
	}
}

// TestPlans compares the two workspaces in each testdata/*.txtar: the files
// below before/, and those with the files below after/ in their place, of which
// an empty one is removed. common/ is on both sides. Without a file "facts" no
// data folder is known. It is ten o'clock on Monday, 2 March 2026.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := plan.Of(built(t, archive, "before/"), built(t, archive, "before/", "after/"), facts(t, archive))
			var got strings.Builder
			if err := p.Print(&got); err != nil {
				t.Fatal(err)
			}
			hold(t, archive, file, "want", got.String())
			if fileOf(archive, "want.json") != nil {
				data, err := json.MarshalIndent(p, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				hold(t, archive, file, "want.json", string(data)+"\n")
			}
		})
	}
}

// TestPlansOfTheSameAndOfNothing compares each workspace of the examples, and
// the one that is shipped, with itself, with nothing, and nothing with it.
func TestPlansOfTheSameAndOfNothing(t *testing.T) {
	builds := map[string]func() *program.Set{"shipped": func() *program.Set { return shipped(t) }}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		builds[file] = func() *program.Set { return built(t, archive, "before/", "after/") }
	}
	known := plan.Facts{Now: ten, Next: trigger.Next, Ticks: trigger.Ticks, Data: true}
	nothing := program.Build(program.Sources{}, program.Options{})
	for name, build := range builds {
		set := build()
		if p := plan.Of(set, build(), known); !p.IsEmpty() || len(p.Unchanged) != len(set.Flows) {
			t.Errorf("%s: compared with itself something is different: %+v", name, p)
		}
		for _, side := range []struct {
			before, after *program.Set
			how           plan.How
		}{{nothing, set, plan.New}, {set, nothing, plan.Removed}} {
			p := plan.Of(side.before, side.after, known)
			for _, f := range p.Flows {
				if f.How != side.how {
					t.Errorf("%s: the flow %s is %s, want %s", name, f.ID, f.How, side.how)
				}
			}
			if len(p.Flows) != len(set.Flows) {
				t.Errorf("%s: %d flows are %s, want %d", name, len(p.Flows), side.how, len(set.Flows))
			}
		}
	}
}

// shipped returns the checked workspace of the flows that come along.
func shipped(t *testing.T) *program.Set {
	t.Helper()
	workspace := fstest.MapFS{}
	names, err := fs.Glob(flows.Files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := flows.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		workspace["flows/"+name] = &fstest.MapFile{Data: data}
	}
	src, err := catalog.Read(workspace, connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	return program.Build(src, program.Options{})
}

// hold compares what came out with what the example wants.
func hold(t *testing.T, archive *txtar.Archive, file, name, got string) {
	t.Helper()
	f := fileOf(archive, name)
	if f == nil {
		t.Fatalf("%s has no file %s", file, name)
	}
	if *update {
		f.Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(f.Data), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func fileOf(archive *txtar.Archive, name string) *txtar.File {
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &archive.Files[i]
}

// built returns the checked workspace of the files below common/ and below the
// folders, of which later ones replace earlier ones.
func built(t *testing.T, archive *txtar.Archive, folders ...string) *program.Set {
	t.Helper()
	texts := map[string][]byte{}
	for _, folder := range append([]string{"common/"}, folders...) {
		for _, f := range archive.Files {
			if name, ok := strings.CutPrefix(f.Name, folder); ok {
				texts[name] = f.Data
				if len(f.Data) == 0 {
					delete(texts, name)
				}
			}
		}
	}
	src := program.Sources{Connectors: map[string][]program.File{}}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		f := program.File{Path: name, Data: texts[name]}
		if parts := strings.Split(name, "/"); parts[0] == "connectors" {
			src.Connectors[parts[1]] = append(src.Connectors[parts[1]], f)
		} else {
			src.Flows = append(src.Flows, f)
		}
	}
	set := program.Build(src, program.Options{})
	if err := set.Findings.Errors().Err(); err != nil {
		t.Fatalf("the workspace %v is not sound: %v", folders, err)
	}
	return set
}

func facts(t *testing.T, archive *txtar.Archive) plan.Facts {
	t.Helper()
	out := plan.Facts{Now: ten, Next: trigger.Next, Ticks: trigger.Ticks}
	f := fileOf(archive, "facts")
	if f == nil {
		return out
	}
	var k known
	if err := json.Unmarshal(f.Data, &k); err != nil {
		t.Fatalf("facts: %v", err)
	}
	out.Data, out.Open, out.History, out.States, out.Accounts = true, k.Open, k.History, k.States, k.Accounts
	out.Cursors = map[plan.Place]plan.Cursor{}
	for _, c := range k.Cursors {
		out.Cursors[c.Place] = c.Cursor
	}
	return out
}
