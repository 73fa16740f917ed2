package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/contract"
	"patchbay/engine/diag"
	"patchbay/engine/program"
)

func newContract(a *app) *cobra.Command {
	var paths []string
	var asJSON, all bool
	c := &cobra.Command{
		Use:   "contract CONNECTOR",
		Short: "Hold a connector against the service's own description",
		Long: `Compares every action of a connector with the service's own description of its API (OpenAPI 3 or Swagger 2, JSON or
YAML): the request, what is sent and where, what is required, the fields of the answer, the version header, the scopes.
At the end stands what the description has and no action does. Nothing is called.

What differs is shown with its place in the connector and in the description. A difference that is meant is written in
the connector, with the reason:  differs: { required.followers: "the service does not ask for it" }`,
		Example: `  patchbay contract qwilr --openapi spec3.json
  patchbay contract ghl --openapi apps --openapi apps-v3
  patchbay contract qonto --openapi qonto.json --all
  patchbay contract slack --openapi slack.json --json`,
		Args:              exactly("CONNECTOR", "patchbay catalog lists them"),
		ValidArgsFunction: a.completeConnector,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(paths) == 0 {
				return usagef("it is the file, or the folder of files, that the service publishes", "--openapi is missing")
			}
			return a.contract(args[0], paths, asJSON, all)
		},
	}
	c.Flags().StringArrayVar(&paths, "openapi", nil, "the description: a file or a folder of files; may be given several times")
	c.Flags().BoolVar(&asJSON, "json", false, "print the comparison as JSON")
	c.Flags().BoolVar(&all, "all", false, "list what matches too")
	return c
}

// contractAnswer is the JSON of `contract`.
type contractAnswer struct {
	Connector string              `json:"connector"`
	Matched   int                 `json:"matched"`
	Differs   int                 `json:"differs"`
	Intended  int                 `json:"intended"`
	Unknown   int                 `json:"unknown"`
	Actions   []contract.Compared `json:"actions"`
	Coverage  contract.Coverage   `json:"coverage"`
	Findings  []console.Finding   `json:"findings"` // in the description
}

func (a *app) contract(id string, paths []string, asJSON, all bool) error {
	w, err := a.workspace()
	if err != nil {
		return err
	}
	c, err := w.connector(id)
	if err != nil {
		return err
	}
	desc, found, err := describe(paths)
	if err != nil {
		return err
	}
	if desc.Operations() == 0 {
		return a.undescribed(found)
	}
	sum := contractAnswer{
		Connector: c.ID, Actions: contract.Compare(c, desc), Coverage: contract.Cover(c, desc), Findings: []console.Finding{},
	}
	for _, one := range sum.Actions {
		sum.Matched += one.Count(contract.Matched)
		sum.Differs += one.Count(contract.Differs)
		sum.Intended += one.Count(contract.Intended)
		sum.Unknown += one.Count(contract.Unknown)
	}
	if asJSON {
		for _, f := range found {
			sum.Findings = append(sum.Findings, console.NewFinding(f))
		}
		if err := a.printJSON(sum); err != nil {
			return err
		}
	} else {
		a.printContract(sum, all)
		if len(found) > 0 {
			fmt.Fprintf(a.Stdout, "the description itself has %s; --json lists them\n", count(len(found), "defect"))
		}
	}
	if sum.Differs > 0 {
		return errSaid
	}
	return nil
}

func (a *app) printContract(sum contractAnswer, all bool) {
	for _, one := range sum.Actions {
		if one.Count(contract.Matched) == len(one.Points) && !all {
			continue
		}
		fmt.Fprintf(a.Stdout, "%s: %s  %s\n", one.Ours, one.Action, one.Request)
		if one.Theirs != "" {
			fmt.Fprintf(a.Stdout, "  in %s\n", one.Theirs)
		}
		for _, p := range one.Points {
			if p.Verdict == contract.Matched && !all {
				continue
			}
			text := p.What
			if p.Message != "" {
				text += ": " + p.Message
			}
			fmt.Fprintf(a.Stdout, "  %-8s  %s\n", p.Verdict, printable(text))
			if p.Theirs != "" && p.Theirs != one.Theirs {
				fmt.Fprintf(a.Stdout, "            at %s\n", printable(p.Theirs))
			}
			if p.Reason != "" {
				fmt.Fprintf(a.Stdout, "            because %s\n", printable(p.Reason))
			}
		}
		fmt.Fprintln(a.Stdout)
	}
	fmt.Fprintf(a.Stdout, "%s of %s: %d matched, %d differ, %d differ as intended, %d unknown\n",
		count(len(sum.Actions), "action"), sum.Connector, sum.Matched, sum.Differs, sum.Intended, sum.Unknown)
	a.printCoverage(sum.Coverage)
}

// printCoverage says how many operations there are actions for, and lists the
// others.
func (a *app) printCoverage(sum contract.Coverage) {
	text := fmt.Sprintf("covered %d of %s", sum.Covered, count(sum.Operations, "operation"))
	if len(sum.Missing) > 0 {
		text += "; there is no action for"
	}
	fmt.Fprintln(a.Stdout, text)
	for _, op := range sum.Missing {
		fmt.Fprintf(a.Stdout, "  %s  %s\n", op.Request, printable(op.Theirs))
	}
}

// undescribed ends a command whose description describes nothing.
func (a *app) undescribed(found diag.List) error {
	if err := diag.Print(a.Stderr, found, func(string) string { return "" }); err != nil {
		return err
	}
	return usagef("OpenAPI 3 and Swagger 2 are understood, as JSON or YAML", "there is no operation in the description")
}

// connector returns a sound connector of the workspace.
func (w *workspace) connector(id string) (*program.Connector, error) {
	if c, ok := w.set.Connector(id); ok {
		return c, nil
	}
	if _, broken := w.src.Connectors[id]; broken {
		return nil, failuref("`patchbay check connectors/"+id+"` says what is wrong", "the connector %s has errors", id)
	}
	return nil, usagef(nearest(id, w.connectors()), "there is no connector %q", id)
}

// connectors returns the ids of the sound connectors, in order.
func (w *workspace) connectors() []string { return w.set.ConnectorIDs() }

// completeConnector completes the id of a connector on the command line.
func (a *app) completeConnector(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	w, err := a.workspace()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return beginning(begun, w.connectors())
}

// describe reads a description from files and folders.
func describe(paths []string) (*contract.Description, diag.List, error) {
	var files []contract.File
	for _, p := range paths {
		names, err := descriptionFiles(p)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, nil, usagef("", "the description: %v", err)
			}
			files = append(files, contract.File{Path: filepath.ToSlash(name), Data: data})
		}
	}
	desc, found := contract.Load(files, func(name string) ([]byte, error) { return os.ReadFile(filepath.FromSlash(name)) })
	return desc, found, nil
}

// descriptionFiles returns the files below a path that may be descriptions.
func descriptionFiles(p string) ([]string, error) {
	info, err := os.Stat(p)
	if err != nil {
		return nil, usagef("", "there is no file or folder %s", p)
	}
	if !info.IsDir() {
		return []string{p}, nil
	}
	var names []string
	err = filepath.WalkDir(p, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(name)) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, usagef("", "the folder %s: %v", p, err)
	}
	if len(names) == 0 {
		return nil, usagef("", "the folder %s has no .json or .yaml file", p)
	}
	return names, nil
}
