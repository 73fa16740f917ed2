package contract_test

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"patchbay/engine/contract"
	"patchbay/engine/diag"
	"patchbay/engine/program"
)

// checked builds a connector of imported files.
func checked(files []contract.File) *program.Set {
	src := program.Sources{Connectors: map[string][]program.File{}}
	for _, f := range files {
		src.Connectors["imported"] = append(src.Connectors["imported"], program.File{Path: "connectors/imported/" + f.Path, Data: f.Data})
	}
	return program.Build(src, program.Options{})
}

func source(files []contract.File) func(string) string {
	return func(name string) string {
		for _, f := range files {
			if strings.HasSuffix(name, "/"+f.Path) {
				return string(f.Data)
			}
		}
		return ""
	}
}

// TestImportEverything imports each description there is and wants a
// connector that checks without findings, has all operations, and agrees with
// the description it comes from.
func TestImportEverything(t *testing.T) {
	described(t)
	names, err := filepath.Glob(descriptions + "/ghl/apps/*.json")
	if err != nil || len(names) != 41 {
		t.Fatalf("%d descriptions of GoHighLevel, want 41 (%v)", len(names), err)
	}
	total := 0
	v3, _ := filepath.Glob(descriptions + "/ghl/apps-v3/*.json")
	names = append(names, v3...)
	names = append(names, descriptions+"/qwilr/spec3.json", descriptions+"/qonto/qonto-business-api.derived.openapi.json",
		descriptions+"/slack/slack_web_openapi_v2.json", descriptions+"/slack/slack-additions.openapi.yaml")
	for _, name := range names {
		t.Run(path.Base(name), func(t *testing.T) {
			rel, err := filepath.Rel(descriptions, name)
			if err != nil {
				t.Fatal(err)
			}
			desc := load(t, rel)
			group := strings.ReplaceAll(strings.Split(path.Base(name), ".")[0], "-", "_")
			made := contract.Import(desc, contract.Target{Connector: "imported", Group: group, New: true})
			set := checked(made.Files)
			if len(set.Findings) > 0 {
				var b bytes.Buffer
				if err := diag.Print(&b, set.Findings, source(made.Files)); err != nil {
					t.Fatal(err)
				}
				t.Fatalf("the imported connector has %d findings:\n%s", len(set.Findings), b.String())
			}
			c := set.Connectors["imported"]
			if len(c.Actions()) != desc.Operations() {
				t.Errorf("%d actions of %d operations", len(c.Actions()), desc.Operations())
			}
			wellNamed(t, c, group)
			for _, a := range contract.Compare(c, desc) {
				for _, p := range a.Points {
					if p.Verdict == contract.Differs {
						t.Errorf("%s %s: %s: %s\n  %s", a.Action, a.Request, p.What, p.Message, p.Theirs)
					}
				}
			}
			if strings.Contains(name, "/apps/") {
				total += len(c.Actions())
			}
		})
	}
	if total != 576 {
		t.Errorf("%d actions of GoHighLevel, want 576", total)
	}
}

// wellNamed wants names of few words, no word twice, that do not repeat the
// group's.
func wellNamed(t *testing.T, c *program.Connector, group string) {
	t.Helper()
	form := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, a := range c.Actions() {
		name := strings.TrimPrefix(a.Name, group+".")
		words := strings.Split(name, "_")
		slices.Sort(words)
		twice := len(slices.Compact(slices.Clone(words))) < len(words)
		if !form.MatchString(name) || seen[name] || twice || len(words) > 5 || strings.Contains("_"+name+"_", "_"+group+"_") {
			t.Errorf("the action %s %s is called %q", a.Method, a.Path, name)
		}
		seen[name] = true
	}
}

// TestImport imports the description of each archive; what is found in it and
// the files that are written follow in the archive.
func TestImport(t *testing.T) {
	names, err := filepath.Glob("testdata/import/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			described := archive.Files[0]
			desc, found := contract.Load([]contract.File{{Path: described.Name, Data: described.Data}}, nil)
			made := contract.Import(desc, contract.Target{Connector: "imported", Group: "orders", New: true})
			var b strings.Builder
			for _, f := range found {
				fmt.Fprintln(&b, f.Error())
			}
			for _, f := range made.Files {
				if !strings.HasPrefix(f.Path, ".import/") {
					fmt.Fprintf(&b, "=== %s\n%s", f.Path, f.Data)
				}
			}
			if set := checked(made.Files); len(set.Findings) > 0 {
				t.Errorf("the imported connector has findings: %v", set.Findings)
			}
			last := len(archive.Files) - 1
			if *update {
				archive.Files[last].Data = []byte(b.String())
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[last].Data), b.String()); diff != "" {
				t.Errorf("Import (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLoadRefuses gives files that describe nothing.
func TestLoadRefuses(t *testing.T) {
	for _, test := range []struct{ name, data, want string }{
		{"nothing", " \n", "x.json: this file cannot be read: it is empty [K101]"},
		{"cut off", `{"openapi": "3.0.0", "paths": {`, "x.json: this file cannot be read: it ends too early [K101]"},
		{"two values", `{} {}`, "x.json: this file cannot be read: there is more after its end [K101]"},
		{"a page", "<html><body>Not found</body></html>", "x.json: this file cannot be read: it is neither JSON nor YAML [K101]"},
		{"another file", `{"name": "shop"}`, "x.json: this is no description of an API: it has no paths [K102]"},
		{"a list", `[1, 2]`, "x.json: this is no description of an API: it has no paths [K102]"},
		{"a YAML list", "- a\n- b\n", "x.json: this file cannot be read: it is neither JSON nor YAML [K101]"},
		{"too deep", strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300), "x.json: this file cannot be read: it is nested more than 200 deep [K101]"},
	} {
		desc, found := contract.Load([]contract.File{{Path: "x.json", Data: []byte(test.data)}}, nil)
		if err := found.Err(); err == nil || err.Error() != test.want || desc.Operations() != 0 {
			t.Errorf("Load(%s) = %d operations, %v, want none and %s", test.name, desc.Operations(), err, test.want)
		}
	}
}

// TestImportMuch imports a description of more than 10 MB.
func TestImportMuch(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"openapi":"3.0.0","paths":{`)
	const paths = 4000
	for i := range paths {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"/things%d/{id}":{"get":{"summary":"Get it","description":%q,"responses":{"200":{"content":{"application/json":{"schema":{"type":"object","properties":{"id":{"type":"string"}}}}}}}}}`,
			i, strings.Repeat("All about it. ", 190))
	}
	b.WriteString(`}}`)
	if b.Len() < 10<<20 {
		t.Fatalf("only %d bytes", b.Len())
	}
	desc, found := contract.Load([]contract.File{{Path: "much.json", Data: []byte(b.String())}}, nil)
	made := contract.Import(desc, contract.Target{Connector: "imported", Group: "things", New: true})
	if len(found) > 0 || made.Actions != paths {
		t.Errorf("Import made %d actions with %d findings, want %d and none", made.Actions, len(found), paths)
	}
}
