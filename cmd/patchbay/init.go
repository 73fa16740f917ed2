package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"patchbay/flows"
)

const ignored = `# What Patchbay keeps: history, tokens, tables.
.patchbay/
# Secrets for the environment.
.env
`

const connectorsNote = `# Connectors of your own

Patchbay brings its connectors along; ` + "`patchbay catalog`" + ` lists them. A folder here adds one, under the name of the
folder. A folder that bears the name of a built-in connector takes its place as a whole.

    connectors/
      acme/
        connector.yaml    # first line: connector: 1
`

func newInit(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a new workspace",
		Long: `Makes a workspace in a folder: flows to start from in flows/, a place for connectors of your own, and a .gitignore
that keeps data and secrets out of git. Files that exist stay as they are.`,
		Example: `  patchbay init
  patchbay init my-workspace`,
		Args: atMost("DIR"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir := a.dir
			if len(args) == 1 {
				dir = args[0]
			}
			return a.initialize(dir)
		},
	}
}

func (a *app) initialize(dir string) error {
	type file struct {
		name string
		data []byte
	}
	files := []file{{".gitignore", []byte(ignored)}, {"connectors/README.md", []byte(connectorsNote)}}
	templates, err := fs.Glob(flows.Files, "*.yaml")
	if err != nil {
		return fmt.Errorf("list the templates: %w", err)
	}
	for _, name := range templates {
		data, err := flows.Files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read the template %s: %w", name, err)
		}
		files = append(files, file{"flows/" + name, data})
	}
	for _, f := range files {
		made, err := writeNew(filepath.Join(dir, filepath.FromSlash(f.name)), f.data)
		if err != nil {
			return usagef("", "make the workspace: %v", err)
		}
		if made {
			fmt.Fprintf(a.Stdout, "made  %s\n", f.name)
		} else {
			fmt.Fprintf(a.Stdout, "kept  %s\n", f.name)
		}
	}
	in := ""
	if filepath.Clean(dir) != "." {
		in = " --dir " + dir
	}
	fmt.Fprintf(a.Stdout, `
Next:
  patchbay check%[1]s
  patchbay run tag-hygiene --sandbox%[1]s   tries a flow without any account
  flows/connections.yaml names the accounts; put yours there, then:
  patchbay connections --test%[1]s
  patchbay serve%[1]s
`, in)
	return nil
}

// writeNew writes a file that does not exist yet, with its folders, and
// reports false if there is one already.
func writeNew(name string, data []byte) (bool, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return false, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = f.Write(data)
	return err == nil, errors.Join(err, f.Close())
}
