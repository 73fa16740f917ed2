package catalog

import (
	"maps"
	"path"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/program"
)

// Check returns the findings there would be in the file of that path, such as
// "flows/report.yaml", if it held the text: checked against all else as it
// stands in the workspace. more adds those that the files alone do not give.
// Nothing is written and nothing goes live.
func (c *Catalog) Check(file string, text []byte, more func(*program.Set) diag.List) diag.List {
	live := c.Live()
	src := With(live.read.Sources, fileOf(file, text))
	set := program.Build(src, program.Options{Sandbox: c.opt.Sandbox, Previous: []*program.Set{live.Set}})
	return slices.DeleteFunc(slices.Concat(set.Findings, more(set)), func(f diag.Finding) bool { return path.Clean(f.Pos.File) != file })
}

// With returns the text of a workspace with a file in place of the one of the
// same path, or beside the others.
func With(src program.Sources, f program.File) program.Sources {
	out := program.Sources{Connectors: maps.Clone(src.Connectors), Flows: src.Flows, AsNeeded: src.AsNeeded}
	if rest, ok := strings.CutPrefix(f.Path, "connectors/"); ok {
		id, _, _ := strings.Cut(rest, "/")
		if src.AsNeeded[id] {
			// A folder in the workspace replaces a built-in connector whole.
			out.AsNeeded = maps.Clone(src.AsNeeded)
			delete(out.AsNeeded, id)
			out.Connectors[id] = nil
		}
		out.Connectors[id] = put(out.Connectors[id], f)
	} else {
		out.Flows = put(out.Flows, f)
	}
	return out
}

// put returns files with f in place of the one of the same path, or beside
// them.
func put(files []program.File, f program.File) []program.File {
	out := slices.DeleteFunc(slices.Clone(files), func(g program.File) bool { return g.Path == f.Path })
	return append(out, f)
}
