package contract_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"patchbay/engine/contract"
	"patchbay/engine/program"
)

var update = flag.Bool("update", false, "rewrite the expected output")

// TestCompare holds the connector of each archive against the description in
// it; the last file of the archive is what comes out.
func TestCompare(t *testing.T) {
	names, err := filepath.Glob("testdata/compare/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var described []contract.File
			src := program.Sources{Connectors: map[string][]program.File{}}
			for _, f := range archive.Files {
				switch {
				case strings.HasPrefix(f.Name, "connectors/"):
					src.Connectors["shop"] = append(src.Connectors["shop"], program.File{Path: f.Name, Data: f.Data})
				case f.Name != "want":
					described = append(described, contract.File{Path: f.Name, Data: f.Data})
				}
			}
			set := program.Build(src, program.Options{})
			if err := set.Findings.Err(); err != nil {
				t.Fatal(err)
			}
			desc, found := contract.Load(described, nil)
			var b strings.Builder
			for _, f := range found {
				fmt.Fprintln(&b, f.Error())
			}
			write(&b, contract.Compare(set.Connectors["shop"], desc))
			cover := contract.Cover(set.Connectors["shop"], desc)
			fmt.Fprintf(&b, "covered %d of %d\n", cover.Covered, cover.Operations)
			for _, op := range cover.Missing {
				fmt.Fprintf(&b, "  not %s in %q\n", op.Request, op.Theirs)
			}
			last := len(archive.Files) - 1
			if *update {
				archive.Files[last].Data = []byte(b.String())
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[last].Data), b.String()); diff != "" {
				t.Errorf("Compare (-want +got):\n%s", diff)
			}
		})
	}
}

func write(b *strings.Builder, actions []contract.Compared) {
	for _, a := range actions {
		fmt.Fprintf(b, "%s: %s in %q\n", a.Ours, a.Action, a.Theirs)
		for _, p := range a.Points {
			fmt.Fprintf(b, "  %s %s", p.Verdict, p.What)
			if p.Message != "" {
				fmt.Fprintf(b, ": %s", p.Message)
			}
			if p.Theirs != a.Theirs {
				fmt.Fprintf(b, "\n    %s", strings.TrimPrefix(p.Theirs, a.Theirs))
			}
			if p.Reason != "" {
				fmt.Fprintf(b, "\n    because %s", p.Reason)
			}
			fmt.Fprintln(b)
		}
	}
}
