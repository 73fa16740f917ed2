package program_test

import (
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"patchbay/connectors"
	"patchbay/engine/diag"
	"patchbay/engine/program"
	"patchbay/flows"
)

var update = flag.Bool("update", false, "rewrite what is wanted in testdata")

// TestFindings checks the workspace in each testdata/*.txtar and compares what
// is found with its file "want". The comment may hold the word sandbox; a file
// "granted" says in each line which scopes a connection has: "shop: a b".
func TestFindings(t *testing.T) {
	for _, file := range archives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src := sources(t, archive)
			set := program.Build(src, program.Options{Sandbox: strings.Contains(string(archive.Comment), "sandbox")})
			set.Findings.Add(set.Ungranted(granted(archive))...)
			got := printed(t, src, set)
			if *update {
				setFile(archive, "want", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(fileOf(archive, "want"), got); diff != "" {
				t.Errorf("findings in %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// TestEveryCodeHasAnExample looks for each code that the source can give in
// what testdata wants.
func TestEveryCodeHasAnExample(t *testing.T) {
	code := regexp.MustCompile(`"([FCW][0-9]{3})"`)
	var wanted strings.Builder
	for _, file := range archives(t) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wanted.WriteString(fileOf(archive, "want"))
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range code.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(wanted.String(), "["+m[1]+"]") {
				missing = append(missing, m[1])
			}
		}
	}
	slices.Sort(missing)
	if missing = slices.Compact(missing); len(missing) > 0 {
		t.Errorf("codes without an example in testdata: %s", strings.Join(missing, " "))
	}
}

// TestFixes applies the fix of each finding in testdata by itself, and looks
// that this finding is gone and no other has come.
func TestFixes(t *testing.T) {
	for _, file := range archives(t) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		opt := program.Options{Sandbox: strings.Contains(string(archive.Comment), "sandbox")}
		src := sources(t, archive)
		before := program.Build(src, opt).Findings
		for _, f := range before {
			if f.Fix == nil || !f.Fix.Safe {
				continue
			}
			fixed := txtar.Archive{Comment: archive.Comment, Files: slices.Clone(archive.Files)}
			setFile(&fixed, f.Pos.File, apply(fileOf(archive, f.Pos.File), f.Fix.Edits))
			after := program.Build(sources(t, &fixed), opt).Findings
			for _, g := range after {
				if g.Pos == f.Pos && g.Code == f.Code && g.Message == f.Message {
					t.Errorf("%s: %v is still there after its fix", file, f)
				}
			}
			if len(after) > len(before) {
				t.Errorf("%s: %d findings after the fix of %v, want at most %d:\n%v", file, len(after), f, len(before), after.Errors())
			}
		}
	}
}

// TestShipped checks all that Patchbay brings along: nothing is found.
func TestShipped(t *testing.T) {
	src := shipped(t)
	set := program.Build(src, program.Options{})
	if got := printed(t, src, set); got != "" {
		t.Errorf("findings in what is shipped:\n%s", got)
	}
	if len(set.Broken) > 0 {
		t.Errorf("broken flows = %v, want none", set.Broken)
	}
}

func archives(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata: %v, %d files", err, len(files))
	}
	return files
}

// sources makes a workspace of the connector in testdata/shop and the files
// of an archive.
func sources(t testing.TB, archive *txtar.Archive) program.Sources {
	t.Helper()
	shop, err := os.ReadFile("testdata/shop/connector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	src := program.Sources{Connectors: map[string][]program.File{"shop": {{Path: "connectors/shop/connector.yaml", Data: shop}}}}
	for _, f := range archive.Files {
		file := program.File{Path: f.Name, Data: f.Data}
		parts := strings.Split(f.Name, "/")
		switch parts[0] {
		case "connectors":
			src.Connectors[parts[1]] = append(src.Connectors[parts[1]], file)
		case "flows":
			src.Flows = append(src.Flows, file)
		}
	}
	return src
}

// granted says what the file "granted" of an archive does.
func granted(archive *txtar.Archive) func(connection string) ([]string, bool) {
	return func(connection string) ([]string, bool) {
		for line := range strings.Lines(fileOf(archive, "granted")) {
			if name, scopes, _ := strings.Cut(line, ":"); name == connection {
				return strings.Fields(scopes), true
			}
		}
		return nil, false
	}
}

// printed returns the findings of a set as `patchbay check` prints them.
func printed(t testing.TB, src program.Sources, set *program.Set) string {
	t.Helper()
	files := map[string]string{}
	for _, f := range src.Flows {
		files[f.Path] = string(f.Data)
	}
	for _, folder := range src.Connectors {
		for _, f := range folder {
			files[f.Path] = string(f.Data)
		}
	}
	var out strings.Builder
	if err := diag.Print(&out, set.Findings, func(file string) string { return files[file] }); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func fileOf(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func setFile(archive *txtar.Archive, name, text string) {
	for i, f := range archive.Files {
		if f.Name == name {
			archive.Files[i].Data = []byte(text)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
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

// shipped returns all connectors and flows that Patchbay brings along.
func shipped(t testing.TB) program.Sources {
	t.Helper()
	src := program.Sources{Connectors: map[string][]program.File{}}
	read := func(fsys fs.FS, use func(name string, data []byte)) {
		err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(fsys, name)
			use(name, data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read(connectors.Files, func(name string, data []byte) {
		id, _, _ := strings.Cut(name, "/")
		src.Connectors[id] = append(src.Connectors[id], program.File{Path: path.Join("connectors", name), Data: data})
	})
	read(flows.Files, func(name string, data []byte) {
		src.Flows = append(src.Flows, program.File{Path: path.Join("flows", name), Data: data})
	})
	return src
}
