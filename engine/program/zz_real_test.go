package program_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/engine/diag"
	"patchbay/engine/program"
)

func TestReal(t *testing.T) {
	src := program.Sources{Connectors: map[string][]program.File{}}
	filepath.Walk("../../connectors", func(p string, i os.FileInfo, err error) error {
		if i.IsDir() || strings.HasSuffix(p, ".go") {
			return nil
		}
		rel, _ := filepath.Rel("../..", p)
		id := strings.Split(rel, "/")[1]
		d, _ := os.ReadFile(p)
		src.Connectors[id] = append(src.Connectors[id], program.File{Path: rel, Data: d})
		return nil
	})
	fs, _ := filepath.Glob("../../flows/*.yaml")
	for _, p := range fs {
		rel, _ := filepath.Rel("../..", p)
		d, _ := os.ReadFile(p)
		src.Flows = append(src.Flows, program.File{Path: rel, Data: d})
	}
	set := program.Build(src, program.Options{})
	diag.Print(os.Stdout, set.Findings, func(f string) string { d, _ := os.ReadFile("../../" + f); return string(d) })
	t.Log(len(set.Findings), len(set.Connectors), len(set.Flows), set.Broken)
}
