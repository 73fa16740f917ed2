package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/contract"
	"patchbay/engine/diag"
	"patchbay/engine/program"
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
	var connector, group, out, scopes string
	c := &cobra.Command{
		Use:   "openapi FILE…",
		Short: "Write a group of actions from OpenAPI or Swagger files",
		Long: `Writes the operations of a description (OpenAPI 3 or Swagger 2, JSON or YAML) as a group of a connector. Where the
connector is new, connector.yaml is written too.

The result is a beginning: what a description cannot tell is marked "settle" in the files, with the reason. Delete each
mark once you have decided. What is broken in the description is told, and all else is imported.

Import a newer description into the same group to bring it up to date. What you left alone takes the new value; what you
changed, renamed or deleted stays as you have it, and is told where the service changed it too. Of a group written by hand
nothing is changed: the actions it lacks are added, and what differs is told.`,
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
			return a.importOpenAPI(args, connector, group, out, scopes)
		},
	}
	c.Flags().StringVar(&connector, "connector", "", "the id of the connector")
	c.Flags().StringVar(&group, "group", "", "the group the actions go into")
	c.Flags().StringVar(&out, "out", "", "the folder to write to (default connectors/<id> in the workspace)")
	c.Flags().StringVar(&scopes, "scopes", "", "a Markdown table of scopes with METHOD /path, for operations that name none")
	return c
}

var idForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (a *app) importOpenAPI(paths []string, connector, group, out, scopes string) error {
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
	if scopes != "" {
		table, err := os.ReadFile(scopes)
		if err != nil {
			return usagef("", "the table of scopes: %v", err)
		}
		if to.Scopes = contract.ReadScopes(table); len(to.Scopes) == 0 {
			return usagef("a row has the scope and the operation, as in  | orders.write | POST /orders |", "%s has no table of scopes", scopes)
		}
	}
	made := contract.Import(desc, to)
	if err := a.put(out, made.Files, to.Held); err != nil {
		return err
	}
	if len(found) > 0 {
		fmt.Fprintln(a.Stdout)
		if err := diag.Print(a.Stdout, found, func(string) string { return "" }); err != nil {
			return err
		}
	}
	a.printImport(out, to, made)
	return a.printOwn(connector, out, desc, made)
}

// put writes the files of an import. Only that of the group is written over,
// where nobody has changed it meanwhile.
func (a *app) put(out string, files []contract.File, held []byte) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return usagef("", "write to %s: %v", out, err)
	}
	root, err := os.OpenRoot(out)
	if err != nil {
		return usagef("", "write to %s: %v", out, err)
	}
	defer root.Close() //nolint:errcheck // nothing is written by it
	for _, f := range files {
		name := filepath.Join(out, f.Path)
		before, err := os.ReadFile(name)
		verb := "changed"
		switch {
		case errors.Is(err, fs.ErrNotExist):
			verb = "made"
			_, err = writeNew(name, f.Data)
		case err != nil || bytes.Equal(before, f.Data):
			verb = ""
		case held != nil && !isRecord(f.Path) && !bytes.Equal(before, held):
			err = errors.New("it was changed meanwhile; import again")
		default:
			err = engine.ReplaceFile(root, filepath.ToSlash(f.Path), before, f.Data)
		}
		if err != nil {
			return usagef("", "write %s: %v", name, err)
		}
		if verb != "" && !isRecord(f.Path) {
			fmt.Fprintf(a.Stdout, "%s  %s\n", verb, filepath.ToSlash(name))
		}
	}
	return nil
}

// isRecord reports whether a file of an import is the record of it.
func isRecord(name string) bool { return strings.HasPrefix(name, ".import/") }

// printImport says what an import did.
func (a *app) printImport(out string, to contract.Target, made contract.Imported) {
	if to.Held == nil {
		fmt.Fprintf(a.Stdout, "\n%s, %s to settle", count(made.Actions, "action"), count(len(made.Settle), "thing"))
		if len(made.Settle) > 0 {
			fmt.Fprint(a.Stdout, ":")
		}
		fmt.Fprintln(a.Stdout)
		for _, f := range made.Settle {
			f.Pos.File = filepath.ToSlash(filepath.Join(out, f.Pos.File))
			fmt.Fprintf(a.Stdout, "  %s: %s\n", f.Pos, printable(f.Message))
		}
		return
	}
	sum := map[string]int{}
	for _, c := range made.Changes {
		sum[c.Verb]++
		c.Pos.File = filepath.ToSlash(filepath.Join(out, c.Pos.File))
		text := c.What
		if c.Why != "" {
			text += ": " + c.Why
		}
		if c.Verb == "removed" {
			fmt.Fprintf(a.Stdout, "  removed  %s\n", printable(text))
			continue
		}
		fmt.Fprintf(a.Stdout, "  %-7s  %s: %s\n", c.Verb, c.Pos, printable(text))
	}
	if len(made.Changes) > 0 {
		fmt.Fprintln(a.Stdout)
	}
	fmt.Fprintf(a.Stdout, "%d added, %d updated, %d removed, %d kept as you have it, %s to settle\n",
		sum["added"], sum["updated"], sum["removed"], sum["kept"], count(len(made.Settle), "thing"))
}

// printOwn tells in what the actions that no import wrote differ from the
// description.
func (a *app) printOwn(connector, out string, desc *contract.Description, made contract.Imported) error {
	if len(made.Own) == 0 || !a.isWorkspaceFolder(connector, out) {
		return nil
	}
	w, err := a.workspace()
	if err != nil {
		return err
	}
	c, err := w.connector(connector)
	if err != nil {
		return nil //nolint:nilerr // what is wrong with it is a matter of check
	}
	for _, one := range contract.Compare(c, desc) {
		if !slices.Contains(made.Own, one.Action) {
			continue
		}
		for _, p := range one.Points {
			if p.Verdict == contract.Differs {
				fmt.Fprintf(a.Stdout, "  differs  %s: %s: %s\n", one.Ours, printable(p.What), printable(p.Message))
			}
		}
	}
	return nil
}

// isWorkspaceFolder reports whether a folder is that of the connector in the
// workspace.
func (a *app) isWorkspaceFolder(connector, out string) bool {
	return filepath.Clean(out) == filepath.Join(a.dir, "connectors", connector)
}

// target returns what the import must know of the connector in the folder.
func (a *app) target(connector, group, out string) (contract.Target, error) {
	to := contract.Target{Connector: connector, Group: group}
	for file, into := range map[string]*[]byte{group + ".yaml": &to.Held, ".import/" + group: &to.Record} {
		data, err := os.ReadFile(filepath.Join(out, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return to, usagef("", "%v", err)
		}
		*into = data
	}
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
	to.Headers = sharedHeaders(c, group)
	return to, nil
}

// sharedHeaders returns the constant headers that all actions of a group have.
func sharedHeaders(c *program.Connector, group string) map[string]string {
	var out map[string]string
	for _, action := range c.Actions() {
		if !strings.HasPrefix(action.Name, group+".") {
			continue
		}
		has := map[string]string{}
		for _, h := range action.Headers {
			if text, ok := h.Value.Const.(string); ok && h.Value.IsConst() {
				has[strings.ToLower(h.Name)] = text
			}
		}
		if out == nil {
			out = has
		}
		maps.DeleteFunc(out, func(name, text string) bool { return has[name] != text })
	}
	return out
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
