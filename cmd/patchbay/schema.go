package main

import (
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/spec"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [flow|connector|group|connections|table]",
		Short: "Print the JSON Schema of the files, for editors",
		Long: `Prints a JSON Schema (draft 2020-12), by which an editor with a YAML language server completes keys, explains them
and marks mistakes while you write. Without a kind it describes every file of a workspace, told apart by the first line.

Keep it in a file of the workspace:

  patchbay schema > .patchbay-schema.json

and tell the editor that it holds for flows/*.yaml and connectors/*/*.yaml: in Visual Studio Code with the extension
redhat.vscode-yaml through the setting yaml.schemas, elsewhere through the settings of yaml-language-server. A first
line in a file does it, too:

  # yaml-language-server: $schema=../.patchbay-schema.json

The schema knows the form of the files only. What they name (actions, fields, steps) is checked by patchbay check.`,
		Example: `  patchbay schema > .patchbay-schema.json
  patchbay schema flow`,
		Args:              atMost("kind of file"),
		ValidArgsFunction: cobra.FixedCompletions(spec.Files(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			kind := strings.Join(args, "")
			schema, err := spec.Schema(kind)
			if err != nil {
				return usagef(nearest(kind, spec.Files()), "there is no kind of file %q", kind)
			}
			_, err = a.Stdout.Write(schema)
			return err
		},
	}
}
