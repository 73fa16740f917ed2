package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/contract"
	"patchbay/engine/diag"
)

func newImport(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "Write a connector from a service's own description",
		Args:  subcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(newImportOpenAPI(a))
	return c
}

func newImportOpenAPI(a *app) *cobra.Command {
	var connector, group, out string
	c := &cobra.Command{
		Use:   "openapi FILE…",
		Short: "Write a group of actions from OpenAPI or Swagger files",
		Long: `Writes the operations of a description (OpenAPI 3 or Swagger 2, JSON or YAML) as a group of a connector. Where the
connector is new, connector.yaml is written too. Files that exist are never written over.

The result is a beginning: what a description cannot tell is marked "settle" in the files, with the reason. Delete each
mark once you have decided. What is broken in the description is told, and all else is imported.`,
		Example: `  patchbay import openapi invoices.json --connector ghl --group invoices
  patchbay import openapi spec3.json --connector qwilr --group pages --out drafts/qwilr`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("it is what the service publishes as OpenAPI or Swagger", "FILE is missing")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.importOpenAPI(args, connector, group, out)
		},
	}
	c.Flags().StringVar(&connector, "connector", "", "the id of the connector")
	c.Flags().StringVar(&group, "group", "", "the group the actions go into")
	c.Flags().StringVar(&out, "out", "", "the folder to write to (default connectors/<id> in the workspace)")
	return c
}

var idForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (a *app) importOpenAPI(paths []string, connector, group, out string) error {
	for _, given := range []struct{ flag, value string }{{"--connector", connector}, {"--group", group}} {
		if !idForm.MatchString(given.value) {
			return usagef("small letters, digits and underscores, as in  --connector ghl --group invoices", "%s cannot be %q", given.flag, given.value)
		}
	}
	if out == "" {
		out = filepath.Join(a.dir, "connectors", connector)
	}
	desc, found, err := describe(paths)
	if err != nil {
		return err
	}
	if desc.Operations() == 0 {
		return a.undescribed(found)
	}
	to, err := a.target(connector, group, out)
	if err != nil {
		return err
	}
	made := contract.Import(desc, to)
	for _, f := range made.Files {
		if exists(filepath.Join(out, f.Path)) {
			return usagef("give another --group or --out, or move the file away", "%s exists already", filepath.Join(out, f.Path))
		}
	}
	for _, f := range made.Files {
		name := filepath.Join(out, f.Path)
		if _, err := writeNew(name, f.Data); err != nil {
			return usagef("", "write %s: %v", name, err)
		}
		fmt.Fprintf(a.Stdout, "made  %s\n", filepath.ToSlash(name))
	}
	if len(found) > 0 {
		fmt.Fprintln(a.Stdout)
		if err := diag.Print(a.Stdout, found, func(string) string { return "" }); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.Stdout, "\n%s, %s to settle", count(made.Actions, "action"), count(len(made.Settle), "thing"))
	if len(made.Settle) > 0 {
		fmt.Fprint(a.Stdout, ":")
	}
	fmt.Fprintln(a.Stdout)
	for _, f := range made.Settle {
		f.Pos.File = filepath.ToSlash(filepath.Join(out, f.Pos.File))
		fmt.Fprintf(a.Stdout, "  %s: %s\n", f.Pos, printable(f.Message))
	}
	return nil
}

// target returns what the import must know of the connector in the folder.
func (a *app) target(connector, group, out string) (contract.Target, error) {
	to := contract.Target{Connector: connector, Group: group}
	if !exists(filepath.Join(out, "connector.yaml")) {
		to.New = true
		return to, nil
	}
	w, err := a.workspace()
	if err != nil {
		return to, err
	}
	c, err := w.connector(connector)
	if err != nil {
		return to, err
	}
	for _, f := range c.Fields {
		to.Fields = append(to.Fields, f.Name)
	}
	for name := range c.Types() {
		if !strings.Contains(name, ".") { // those of other groups are out of sight
			to.Types = append(to.Types, name)
		}
	}
	slices.Sort(to.Types)
	return to, nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
