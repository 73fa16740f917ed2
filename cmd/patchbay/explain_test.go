package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/contract"
	"patchbay/engine/diag"
	"patchbay/engine/program"
)

var codeInSource = regexp.MustCompile(`"([YSFCWK][0-9]{3})"`)

// withoutExample are the codes whose page shows no example, and why.
var withoutExample = map[string]string{
	"Y102": "a page is text, and no text can show a file that is none",
	"Y103": "it would have more than 1 MB",
	"Y126": "no text says that a machine does not let it be read",
	"W114": "it is about what a person agreed to when signing in",
	"W901": "it is about a file that is not there before an import writes it",
}

// TestEveryCodeHasAPage looks for the codes in the code.
func TestEveryCodeHasAPage(t *testing.T) {
	used := map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", ".."), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go") {
			return err
		}
		text, err := os.ReadFile(p)
		for _, m := range codeInSource.FindAllSubmatch(text, -1) {
			used[string(m[1])] = true
		}
		delete(used, "S256") // a method of signing in
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for code := range used {
		if _, ok := diag.Explain(code); !ok {
			t.Errorf("the code %s has no page in engine/diag/codes", code)
		}
	}
	for _, c := range diag.Codes() {
		if !used[c.ID] {
			t.Errorf("engine/diag/codes/%s.md is about a code that no finding has", c.ID)
		}
	}
}

// TestExplained does what the pages say: the wrong example has findings of
// that code and of no other, the right one has none.
func TestExplained(t *testing.T) {
	var brought []*program.Set
	for _, c := range diag.Codes() {
		t.Run(c.ID, func(t *testing.T) {
			if c.Title == "" || strings.HasSuffix(c.Title, ".") {
				t.Errorf("the title is %q, want a line without a full stop", c.Title)
			}
			about, examples, _ := strings.Cut(c.Text, "## Wrong\n")
			if len(strings.Fields(about)) < 8 {
				t.Errorf("the page does not say what it means: %q", about)
			}
			wrong, right, ok := strings.Cut(examples, "## Right\n")
			if reason := withoutExample[c.ID]; reason != "" {
				if examples != "" {
					t.Errorf("there is an example, although %s", reason)
				}
				return
			}
			if !ok {
				t.Fatal("the page has no parts ## Wrong and ## Right")
			}
			found := findingsIn(t, &brought, wrong)
			if len(found) == 0 {
				t.Error("the wrong example has no findings")
			}
			for _, f := range found {
				if f.Code != c.ID {
					t.Errorf("the wrong example has another finding: %v", f)
				}
			}
			for _, f := range findingsIn(t, &brought, right) {
				t.Errorf("the right example has a finding: %v", f)
			}
		})
	}
}

// fence is a fenced block, and the name in the line above it.
var fence = regexp.MustCompile("(?ms)(?:^`([^`\n]+)`:\n\n)?^```(\\w+)\n(.*?)^```$")

// findingsIn returns the findings of a workspace of the files in the fenced
// blocks: YAML, each named by its first line, and what cannot have such a
// line, named above it; or those of a service's description, which has no name.
// What they make is gathered in brought, so that the connectors that Patchbay
// brings along are checked once.
func findingsIn(t *testing.T, brought *[]*program.Set, text string) diag.List {
	t.Helper()
	dir := t.TempDir()
	blocks := fence.FindAllStringSubmatch(text, -1)
	if len(blocks) == 0 {
		t.Fatal("there is no fenced block")
	}
	own := false // with connections of its own nothing is played
	for _, b := range blocks {
		name, kind, data := b[1], b[2], b[3]
		if kind == "json" && name == "" {
			_, found := contract.Load([]contract.File{{Path: "description.json", Data: []byte(data)}}, nil)
			return found
		}
		if name == "" {
			head, _, _ := strings.Cut(data, "\n")
			var ok bool
			if name, ok = strings.CutPrefix(head, "# "); !ok || kind != "yaml" {
				t.Fatalf("a block begins with %q, want \"# flows/x.yaml\" in a block of yaml", head)
			}
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		own = own || strings.HasSuffix(name, "connections.yaml")
	}
	src, err := catalog.Read(os.DirFS(dir), connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	set := program.Build(src, program.Options{Sandbox: !own, Previous: *brought})
	*brought = append(*brought, set)
	return set.Findings
}
