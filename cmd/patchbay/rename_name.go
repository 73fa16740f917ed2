package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/edit"
	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// stateFollows ends the help of each command below.
const stateFollows = `

What is kept under the name goes with it, at once with the files or not at all. A "patchbay serve" that is running does it
itself: it brings what is under way to rest, which may take as long as a request to a service does, and goes on under the
new name. Nothing is written where the files have errors, or would have any.`

func newRenameFlow(a *app) *cobra.Command {
	return a.newRenameName(journal.FlowName, &cobra.Command{
		Use:   "flow NAME NEW",
		Short: "Give a flow another name",
		Long: `Gives a flow another name: its file, and every call: and flow_failed: that names it. Its history stays its own, polls and
schedules go on where they were, events that are known stay known, and runs that wait, or stand in a queue, end as they
would have. The address of a webhook of its own stays as it is.

A text that says the name, as in event.flow == "weekly-report", is left and listed.` + stateFollows,
		Example: `  patchbay rename flow weekly-report friday-report
  patchbay rename flow weekly-report friday-report --dry-run`,
		ValidArgsFunction: a.completeFlow,
	})
}

func newRenameConnection(a *app) *cobra.Command {
	return a.newRenameName(journal.ConnectionName, &cobra.Command{
		Use:   "connection NAME NEW",
		Short: "Give a connection another name",
		Long: `Gives a connection another name: in flows/connections.yaml, and in every use: that names it, with the roles that bear its
name. Its sign-in stays, with those of the accounts that it serves, as does what was done through it and what waits for
its events. The address at which its service delivers stays as it is.` + stateFollows,
		Example: `  patchbay rename connection slack slack_team
  patchbay rename connection slack slack_team --dry-run`,
		ValidArgsFunction: a.completeName(func(w *workspace) []string { return w.set.WrittenConnections() }),
	})
}

func newRenameConnector(a *app) *cobra.Command {
	return a.newRenameName(journal.ConnectorName, &cobra.Command{
		Use:   "connector ID NEW",
		Short: "Give a connector of your own another id",
		Long: `Gives a connector of the workspace another id: its folder and its id:, every connection to it, and every action and
trigger that a flow names. A connector that comes with Patchbay keeps its id.` + stateFollows,
		Example: `  patchbay rename connector shop webshop
  patchbay rename connector shop webshop --dry-run`,
		ValidArgsFunction: a.completeName(func(w *workspace) []string {
			return slices.DeleteFunc(slices.Sorted(maps.Keys(w.src.Connectors)), func(id string) bool { return w.src.AsNeeded[id] })
		}),
	})
}

// newRenameName fills in what these commands have in common.
func (a *app) newRenameName(kind journal.NameKind, c *cobra.Command) *cobra.Command {
	var opt renameOptions
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 2 {
			return usagef(fmt.Sprintf("as in: patchbay rename %s old new", kind), "the %s and its new name are needed", kind)
		}
		return nil
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		request := console.RenameRequest{Kind: string(kind), From: args[0], To: args[1], DryRun: opt.dryRun}
		return a.renameName(cmd.Context(), request, opt)
	}
	c.Flags().BoolVar(&opt.dryRun, "dry-run", false, "print what would be changed, and write nothing")
	c.Flags().BoolVar(&opt.json, "json", false, "print it as JSON")
	a.sandboxFlag(c)
	return c
}

// completeName completes one of the names.
func (a *app) completeName(names func(w *workspace) []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		w, err := a.workspace()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return beginning(begun, names(w))
	}
}

func (a *app) renameName(ctx context.Context, request console.RenameRequest, opt renameOptions) error {
	if err := a.needWorkspace(); err != nil {
		return err
	}
	answer, err := a.askRename(ctx, request)
	if no, ok := errors.AsType[*edit.RefusedError](err); ok {
		return usagef(no.Hint, "%s", no.Reason)
	}
	if err != nil {
		return err
	}
	if opt.json {
		return a.printJSON(answer)
	}
	a.printRenamedName(request, answer)
	return nil
}

// askRename has the process do the rename that owns the data folder, which is
// this one where no other does.
func (a *app) askRename(ctx context.Context, request console.RenameRequest) (console.RenameAnswer, error) {
	opt, err := a.options(slog.LevelWarn)
	if err != nil {
		return console.RenameAnswer{}, err
	}
	if request.DryRun && !store.Exists(opt.DataDir()) {
		return engine.PlanRename(ctx, opt, request)
	}
	e, err := engine.Open(ctx, opt)
	if locked, ok := errors.AsType[*store.LockedError](err); ok {
		c, err := running(opt, locked)
		if err != nil {
			return console.RenameAnswer{}, err
		}
		var answer console.RenameAnswer
		return answer, c.post(ctx, "/rename", request, &answer)
	}
	if err != nil {
		return console.RenameAnswer{}, err
	}
	return e.Rename(ctx, request)
}

func (a *app) printRenamedName(request console.RenameRequest, r console.RenameAnswer) {
	what := "the " + request.Kind
	a.printPlaces(r.Changed, r.Left, what)
	for _, m := range r.Moved {
		fmt.Fprintf(a.Stdout, "%s → %s\n", m.From, m.To)
	}
	places := ""
	if len(r.Changed) > 0 {
		places = ", in " + count(len(r.Changed), "place")
	}
	if r.Written {
		fmt.Fprintf(a.Stdout, "\n%s %s is named %s now%s\n", what, request.From, request.To, places)
	} else {
		fmt.Fprintf(a.Stdout, "\n%s %s would be named %s%s; nothing was written\n", what, request.From, request.To, places)
	}
	if state := kept(r.State); state != "" {
		fmt.Fprintf(a.Stdout, "with it: %s\n", state)
	}
	if r.State.Joined > 0 {
		fmt.Fprintf(a.Stdout, "in its history: %s of an earlier %s of that name\n", count(r.State.Joined, "run"), request.Kind)
	}
	for _, other := range r.Others {
		fmt.Fprintf(a.Stdout, "the data in %s follows when it is used next\n", other)
	}
	if r.Address {
		fmt.Fprintln(a.Stdout, "its address for webhooks stays as it is")
	}
}

// kept says what is kept under a name, "" for nothing.
func kept(c store.RenameCount) string {
	var all []string
	add := func(n int, what string) {
		if n > 0 {
			all = append(all, count(n, what))
		}
	}
	add(c.Runs, "run")
	if c.Open > 0 {
		all[0] += fmt.Sprintf(" (%d not ended)", c.Open)
	}
	add(c.Seen, "known event")
	add(c.Cursors, "position")
	add(c.Waits, "wait")
	add(c.Accounts, "account")
	add(c.Tokens, "token")
	return strings.Join(all, ", ")
}
