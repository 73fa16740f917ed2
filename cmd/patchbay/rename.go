package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/edit"
	"patchbay/engine/program"
)

func newRename(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "rename",
		Short: "Give something another name, wherever it is named",
		Long: `Gives something another name and writes it wherever the files name it. Every other byte of them stays as it is.
What is kept under a name goes with it: history, what is known already, what waits, tokens.`,
		Example: `  patchbay rename step weekly-report.rows lines
  patchbay rename flow weekly-report friday-report --dry-run
  patchbay rename connection slack slack_team`,
		Args:              subcommand,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(a.Stdout)
			return cmd.Help()
		},
	}
	c.AddCommand(newRenameStep(a), newRenameFlow(a), newRenameConnection(a), newRenameConnector(a))
	return c
}

// renameOptions are the flags of every rename.
type renameOptions struct{ json, dryRun bool }

func newRenameStep(a *app) *cobra.Command {
	var opt renameOptions
	c := &cobra.Command{
		Use:   "step FLOW.STEP NAME",
		Short: "Give a step another id",
		Long: `Gives a step of a flow another id: where it stands, and in every expression that names it, as in steps.rows.count,
steps["rows"] and failures.rows. It prints each place, and writes nothing unless the workspace checks afterwards as it
did before.

A text that says the name, as in error.step == "rows", is left: whether it means this step only its author knows. Such
texts are listed, in this flow and in those that are started when it fails.

Runs under way end on the version they began with. The history keeps the name that a step had then.`,
		Example: `  patchbay rename step weekly-report.rows lines
  patchbay rename step weekly-report.rows lines --dry-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 || !strings.Contains(args[0], ".") {
				return usagef("as in: patchbay rename step weekly-report.rows lines", "the step, with its flow, and its new name are needed")
			}
			return nil
		},
		ValidArgsFunction: a.completeStep,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.renameStep(args[0], args[1], opt)
		},
	}
	c.Flags().BoolVar(&opt.dryRun, "dry-run", false, "print what would be changed, and write nothing")
	c.Flags().BoolVar(&opt.json, "json", false, "print it as JSON")
	return c
}

// completeStep completes a flow with one of its steps.
func (a *app) completeStep(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	w, err := a.workspace()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for id, f := range w.set.Flows {
		for s := range f.AllSteps() {
			if s.ID != "" {
				names = append(names, id+"."+s.ID)
			}
		}
	}
	slices.Sort(names)
	return beginning(begun, names)
}

// renameAnswer is the JSON of `rename step`.
type renameAnswer struct {
	Written bool                  `json:"written"` // false with --dry-run
	Changed []console.RenamePlace `json:"changed"`
	Left    []console.RenamePlace `json:"left"` // texts that say the old name
}

func (a *app) renameStep(step, to string, opt renameOptions) error {
	if err := a.needWorkspace(); err != nil {
		return err
	}
	w, err := a.workspace()
	if err != nil {
		return err
	}
	flow, from, _ := strings.Cut(step, ".")
	renamed, err := edit.RenameStep(w.src, program.Options{Previous: []*program.Set{w.set}}, flow, from, to)
	var no *edit.RefusedError
	if errors.As(err, &no) {
		return usagef(no.Hint, "%s", no.Reason)
	}
	if err != nil {
		return err
	}
	if !opt.dryRun {
		if err := a.writeRenamed(w, renamed.Files); err != nil {
			return err
		}
	}
	answer := renameAnswer{Written: !opt.dryRun, Changed: console.RenamePlaces(renamed.Changes), Left: console.RenamePlaces(renamed.Left)}
	if opt.json {
		return a.printJSON(answer)
	}
	a.printRenamed("the step "+step, to, answer)
	return nil
}

// writeRenamed puts the new texts in the place of those that were checked.
func (a *app) writeRenamed(w *workspace, files map[string][]byte) error {
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return fmt.Errorf("open the workspace: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is written by it
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if !engine.IsOwn(root, file) {
			return failuref("rename it in the file that it stands for", "%s is no plain file of the workspace", file)
		}
		if err := engine.ReplaceFile(root, file, []byte(w.source(file)), files[file]); err != nil {
			return fmt.Errorf("rename in %s: %w", file, err)
		}
	}
	return nil
}

// printRenamed prints what has another name now, and where it is named.
func (a *app) printRenamed(what, to string, r renameAnswer) {
	a.printPlaces(r.Changed, r.Left, "the step")
	places := count(len(r.Changed), "place")
	if r.Written {
		fmt.Fprintf(a.Stdout, "\n%s is named %s now, in %s\n", what, to, places)
	} else {
		fmt.Fprintf(a.Stdout, "\n%s would be named %s, in %s; nothing was written\n", what, to, places)
	}
}

func (a *app) printPlaces(changed, left []console.RenamePlace, what string) {
	for _, p := range changed {
		fmt.Fprintf(a.Stdout, "%s: %s → %s\n", p.Pos(), p.From, p.To)
	}
	for _, p := range left {
		fmt.Fprintf(a.Stdout, "%s: %s is a text and was left: change it if it means %s\n", p.Pos(), p.From, what)
	}
}
