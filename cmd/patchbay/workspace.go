package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/program"
)

// workspace is the files of a workspace, read and checked.
type workspace struct {
	src program.Sources
	set *program.Set
}

// workspace reads and checks the files, the built-in connectors among them.
func (a *app) workspace() (*workspace, error) {
	if info, err := os.Stat(a.dir); err != nil || !info.IsDir() {
		return nil, usagef("", "there is no folder %s", a.dir)
	}
	src, err := catalog.Read(os.DirFS(a.dir), connectors.Files)
	if err != nil {
		return nil, usagef("", "the files of the workspace: %v", err)
	}
	return &workspace{src: src, set: program.Build(src, program.Options{Sandbox: a.sandbox})}, nil
}

// needWorkspace refuses a folder that is none, before anything is made in it.
func (a *app) needWorkspace() error {
	if info, err := os.Stat(a.dir); err != nil || !info.IsDir() {
		return usagef("", "there is no folder %s", a.dir)
	}
	for _, name := range []string{"flows", "connectors"} {
		if info, err := os.Stat(filepath.Join(a.dir, name)); err == nil && info.IsDir() {
			return nil
		}
	}
	return usagef("go to the folder of your workspace, name it with --dir, or make one with `patchbay init`",
		"%s is no workspace: it has neither a folder flows nor a folder connectors", a.place())
}

// place names the folder of the workspace in a sentence.
func (a *app) place() string {
	if filepath.Clean(a.dir) == "." {
		return "this folder"
	}
	return a.dir
}

// source returns the text of a file that findings speak of.
func (w *workspace) source(file string) string {
	files := w.src.Flows
	if parts := strings.SplitN(file, "/", 3); parts[0] == "connectors" && len(parts) == 3 {
		files = w.src.Connectors[parts[1]]
	}
	for _, f := range files {
		if f.Path == file {
			return string(f.Data)
		}
	}
	return ""
}

// flows returns the ids of all flows, the broken ones too, in order.
func (w *workspace) flows() []string {
	ids := slices.Clone(w.set.Broken)
	for id := range w.set.Flows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// completeFlow completes the id of a flow on the command line.
func (a *app) completeFlow(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	w, err := a.workspace()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return beginning(begun, w.flows())
}

// beginning returns the names that complete what has been typed.
func beginning(begun string, names []string) ([]string, cobra.ShellCompDirective) {
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, begun) }), cobra.ShellCompDirectiveNoFileComp
}

// nearest returns a hint with the name that was probably meant, or the names
// there are.
func nearest(got string, names []string) string {
	switch near := diag.Nearest(got, names); {
	case near != "":
		return "did you mean " + strconv.Quote(near) + "?"
	case len(names) == 0:
		return ""
	case len(names) > 20:
		names = append(slices.Clone(names[:20]), "…")
		fallthrough
	default:
		return "there are: " + strings.Join(names, ", ")
	}
}
