package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/store"
)

func newDoctor(a *app) *cobra.Command {
	var fix, asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether the data folder is well, and what to do where it is not",
		Long: `Looks at the data folder and says what is wrong with it, where, and what to do: the database from end to end, the key,
who may read the files, the room on the disk, the clock, runs that do not go on or that ask something, connections that
must be connected again, subscriptions in trouble. It works beside serve, which it asks, and without it.

Nothing is changed without --fix, which takes away the rights of others to read the files and, while serve does not run,
removes the old versions of flows that no run needs. The exit code is 1 if there is a problem.`,
		Example:           "  patchbay doctor\n  patchbay doctor --fix",
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.doctor(cmd.Context(), fix, asJSON)
		},
	}
	c.Flags().BoolVar(&fix, "fix", false, "repair what can be repaired without a loss")
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	a.sandboxFlag(c)
	return c
}

func (a *app) doctor(ctx context.Context, fix, asJSON bool) error {
	if err := a.needData(); err != nil {
		return err
	}
	opt, err := a.options(slog.LevelError)
	if err != nil {
		return err
	}
	h, err := examine(ctx, opt, fix)
	if err != nil {
		return err
	}
	if asJSON {
		err = a.printJSON(h)
	} else {
		a.printHealth(h)
	}
	if err == nil && !h.OK {
		return errSaid
	}
	return err
}

// examine asks the process that owns the data folder, or looks itself. A
// folder that cannot be opened is one problem.
func examine(ctx context.Context, opt engine.Options, fix bool) (console.Health, error) {
	e, err := engine.Open(ctx, opt)
	if locked, ok := errors.AsType[*store.LockedError](err); ok {
		c, err := running(opt, locked)
		if err != nil {
			return console.Health{}, err
		}
		var h console.Health
		err = c.post(ctx, "/doctor", console.DoctorRequest{Fix: fix}, &h)
		return h, err
	}
	if err != nil {
		return console.Health{ //nolint:nilerr // the error is the problem that is told
			Data: opt.Data, Notes: []console.Problem{}, Problems: []console.Problem{
				{Code: "unusable", Where: opt.Data, What: "cannot be used: " + err.Error()},
			},
		}, nil
	}
	return e.Doctor(ctx, fix)
}

func (a *app) printHealth(h console.Health) {
	if h.Format > 0 {
		oldest := ""
		if !h.Oldest.IsZero() {
			oldest = ", the oldest of " + moment(h.Oldest)
		}
		fmt.Fprintf(a.Stdout, "%s: %s data in format %d, %s, %s (%d not ended)%s\n",
			h.Data, h.World, h.Format, size(h.Bytes), count(h.Runs, "run"), h.Open, oldest)
	}
	for _, p := range h.Problems {
		a.printProblem("PROBLEM", p)
	}
	for _, p := range h.Notes {
		a.printProblem("note", p)
	}
	if len(h.Problems) == 0 {
		fmt.Fprintln(a.Stdout, "no problems")
	}
}

func (a *app) printProblem(kind string, p console.Problem) {
	if p.Fixed {
		kind, p.Do = "fixed", ""
	}
	fmt.Fprintf(a.Stdout, "%-7s  %s: %s\n", kind, printable(p.Where), printable(p.What))
	if p.Do != "" {
		fmt.Fprintf(a.Stdout, "         %s\n", printable(p.Do))
	}
}
