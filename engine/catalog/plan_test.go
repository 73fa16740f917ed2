package catalog_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/catalog"
)

func (b *bench) plan(change catalog.Change) *catalog.Live {
	b.t.Helper()
	next, err := b.catalog.Plan(b.t.Context(), change)
	if err != nil {
		b.t.Fatalf("Plan: %v", err)
	}
	return next
}

// became is what a snapshot makes of its files.
type became struct {
	Hashes   map[string]string
	Findings []string
	Files    []catalog.FileStatus
}

func whatBecame(l *catalog.Live) became {
	out := became{Hashes: hashes(l), Files: l.Files}
	for _, f := range l.Findings {
		out.Findings = append(out.Findings, f.Error())
	}
	return out
}

// TestPlanIsWhatAReloadMakes plans edits of the files, sound ones and broken
// ones, and then reloads.
func TestPlanIsWhatAReloadMakes(t *testing.T) {
	for name, edit := range map[string]func(*bench){
		"nothing":        func(*bench) {},
		"a flow":         func(b *bench) { b.edit("flows/tagger.yaml", "tag: red", "tag: blue") },
		"a broken flow":  func(b *bench) { b.edit("flows/tagger.yaml", "crm.add_tag", "crm.add_tga") },
		"a new flow":     func(b *bench) { b.write("flows/more.yaml", tagger) },
		"a connector":    func(b *bench) { b.edit("connectors/crm/connector.yaml", "POST /tags", "POST /labels") },
		"a broken one":   func(b *bench) { b.edit("connectors/crm/connector.yaml", "POST /tags", "PSOT /tags") },
		"no action":      func(b *bench) { b.edit("connectors/crm/connector.yaml", "add_tag:", "put_tag:") },
		"a table":        func(b *bench) { b.edit("flows/seen.yaml", "id:", "no:") },
		"no connections": func(b *bench) { b.edit("flows/connections.yaml", "connector: crm", "connector: crmm") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, sound())
			before := b.catalog.Live()
			edit(b)
			planned := b.plan(catalog.Change{})
			if b.catalog.Live() != before {
				t.Error("the plan went live")
			}
			if diff := cmp.Diff(whatBecame(b.reload()), whatBecame(planned)); diff != "" {
				t.Errorf("Plan (-reloaded +planned):\n%s", diff)
			}
		})
	}
}

// TestPlanOfTexts plans files that lie in no folder.
func TestPlanOfTexts(t *testing.T) {
	b := newBench(t, sound())
	other := strings.Replace(tagger, "tag: red", "tag: blue", 1)
	label := strings.Replace(crm, "POST /tags", "POST /labels", 1)
	whole := map[string]*string{}
	for name, text := range sound() {
		whole[name] = &text
	}
	delete(whole, "flows/caller.yaml")
	for _, test := range []struct {
		name   string
		change catalog.Change
		files  map[string]string // as they are written for the reload, "" for one that is removed
	}{
		{"another text", catalog.Change{Files: map[string]*string{"flows/tagger.yaml": &other}}, map[string]string{"flows/tagger.yaml": other}},
		{"a new file", catalog.Change{Files: map[string]*string{"flows/more.yaml": &other}}, map[string]string{"flows/more.yaml": other}},
		{"a file less", catalog.Change{Files: map[string]*string{"flows/caller.yaml": nil}}, map[string]string{"flows/caller.yaml": ""}},
		{"a file of a connector", catalog.Change{Files: map[string]*string{"connectors/crm/connector.yaml": &label}}, map[string]string{"connectors/crm/connector.yaml": label}},
		{"a connector less", catalog.Change{Files: map[string]*string{
			"connectors/crm/connector.yaml": nil, "connectors/crm/fixtures/logo": nil,
		}}, map[string]string{"connectors/crm": ""}},
		{"the whole", catalog.Change{Files: whole, Whole: true}, map[string]string{"flows/caller.yaml": ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			planned := b.plan(test.change)
			c := newBench(t, sound())
			for name, text := range test.files {
				if text == "" {
					c.must(os.RemoveAll(c.path(name)))
				} else {
					c.write(name, text)
				}
			}
			want := c.plan(catalog.Change{})
			if diff := cmp.Diff(whatBecame(want), whatBecame(planned)); diff != "" {
				t.Errorf("Plan (-of the files +of the texts):\n%s", diff)
			}
		})
	}
}

// TestRecall serves one version of a flow and loads another for a command: what
// counts is what was served.
func TestRecall(t *testing.T) {
	b := newBench(t, sound())
	first := hashes(b.catalog.Live())
	if known := b.recall(); !known {
		t.Error("Recall = false after a command had the workspace live, want true")
	}
	wantHashes(t, b.catalog.Live(), first)

	b.edit("flows/tagger.yaml", "tag: red", "tag: blue")
	served := hashes(b.restart())
	b.must(b.catalog.Serve(t.Context()))
	b.edit("flows/tagger.yaml", "tag: blue", "tag: green")
	now := hashes(b.restart()) // as a command does
	b.recall()
	wantHashes(t, b.catalog.Live(), served)
	wantHashes(t, b.plan(catalog.Change{}), now)
}

// recall recalls what was live last into a catalog of its own, over the same
// store, and reports whether there was anything.
func (b *bench) recall() bool {
	b.t.Helper()
	b.catalog = b.catalog.Again()
	known, err := b.catalog.Recall(b.t.Context())
	if err != nil {
		b.t.Fatalf("Recall: %v", err)
	}
	return known
}

func TestRecallOfNothing(t *testing.T) {
	b := newBench(t, map[string]string{})
	b.stop()
	b.data = t.TempDir()
	b.open()
	if b.recall() {
		t.Error("Recall = true where nothing was ever live, want false")
	}
	wantHashes(t, b.catalog.Live(), map[string]string{})
}

// TestAssume holds the files of one folder against those of another, without a
// store.
func TestAssume(t *testing.T) {
	from, to := newBench(t, sound()), newBench(t, sound())
	to.edit("flows/tagger.yaml", "crm.add_tag", "crm.add_tga")
	to.write("flows/more.yaml", tagger)
	c := catalog.New(catalog.Options{Workspace: os.DirFS(to.dir)})
	if err := c.Assume(t.Context(), os.DirFS(from.dir)); err != nil {
		t.Fatalf("Assume: %v", err)
	}
	wantHashes(t, c.Live(), hashes(from.catalog.Live()))
	next, err := c.Plan(t.Context(), catalog.Change{})
	if err != nil {
		t.Fatalf("Plan: %v", err)
	}
	want := hashes(from.catalog.Live())
	want["more"] = hashes(to.reload())["more"]
	wantHashes(t, next, want)
	wantRejected(t, next, "flows/tagger.yaml tagger kept=true")
}

func TestIsRead(t *testing.T) {
	for name, want := range map[string]bool{
		"flows/a.yaml":                   true,
		"flows/a.yml":                    true,
		"flows/a.yaml.txt":               false,
		"flows/sub/a.yaml":               false,
		"flows/.a.yaml":                  false,
		"flows":                          false,
		"connectors/a/connector.yaml":    true,
		"connectors/a/fixtures/one.json": true,
		"connectors/a/README.md":         false,
		"connectors/a":                   false,
		"connectors/.git/config":         false,
		"other/a.yaml":                   false,
		"../flows/a.yaml":                false,
		"flows/../flows/a.yaml":          false,
		"/flows/a.yaml":                  false,
		"":                               false,
	} {
		if got := catalog.IsRead(name); got != want {
			t.Errorf("IsRead(%q) = %t, want %t", name, got, want)
		}
	}
}
