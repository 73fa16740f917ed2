package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/diag"
	"patchbay/engine/store"
)

func newPlan(a *app) *cobra.Command {
	var from string
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "Say what the files will change once they are live",
		Long: `Compares the files with what is live and says what they will change: flows, triggers and how far they have come, runs
under way, connections, rights, what is done to services, and about how many calls a day that makes. Nothing is called,
nothing is written and nothing goes live.

While serve runs, what it has live is compared with the files: those of its own folder go live as soon as they are saved,
so this is for those of another one (--dir with --data). Else the files are compared with what serve had live last.

With --from, two folders are compared and no data folder is needed: the workspace with another one, such as the branch
that is live. What only a data folder knows is left out then: runs, cursors, how connections stand.

Numbers of runs and calls are estimates. A schedule counts by the clock, a poll by its interval, one call each time; any
other trigger by the runs it started in the last 7 days, or where there was none, in the last 30. A step counts the calls
that it made in the last 20 runs of its flow; one that is new counts one a run, or one for each turn of its loop.

A file with errors leaves its last good version live. The exit code is 1 if there is one.`,
		Example: `  patchbay plan
  patchbay plan --from ../live
  patchbay plan --dir new --data /srv/patchbay/.patchbay
  patchbay plan --json`,
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.plan(cmd.Context(), from, asJSON)
		},
	}
	c.Flags().StringVar(&from, "from", "", "the `folder` of another workspace to compare with, in place of what is live")
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	a.sandboxFlag(c)
	return c
}

func (a *app) plan(ctx context.Context, from string, asJSON bool) error {
	if err := a.needWorkspace(); err != nil {
		return err
	}
	opt, err := a.options(slog.LevelError)
	if err != nil {
		return err
	}
	w, err := a.workspace()
	if err != nil {
		return err
	}
	var answer console.PlanAnswer
	if from != "" {
		answer, err = a.planFrom(ctx, opt, from)
	} else {
		answer, err = planLive(ctx, opt, w)
	}
	if err != nil {
		return err
	}
	if asJSON {
		err = a.printJSON(answer)
	} else {
		err = a.printPlan(&answer, from, w)
	}
	if err == nil && answer.Errors > 0 {
		return errSaid
	}
	return err
}

// planFrom compares the workspace with another one.
func (a *app) planFrom(ctx context.Context, opt engine.Options, from string) (console.PlanAnswer, error) {
	other := app{Process: a.Process, dir: from}
	if err := other.needWorkspace(); err != nil {
		return console.PlanAnswer{}, err
	}
	answer, err := engine.Compare(ctx, opt, from)
	if err == nil && len(answer.Uncompared) > 0 {
		fmt.Fprintf(a.Stderr, "not compared, because of errors in %s: %s (patchbay check --dir %s shows them)\n",
			from, strings.Join(answer.Uncompared, ", "), from)
	}
	return answer, err
}

// planLive compares the workspace with what is live in its data folder, or was
// last. Where there is none yet, nothing was, and none is made.
func planLive(ctx context.Context, opt engine.Options, w *workspace) (console.PlanAnswer, error) {
	if _, err := os.Stat(opt.Data); errors.Is(err, os.ErrNotExist) {
		empty, err := os.MkdirTemp("", "patchbay-plan-")
		if err != nil {
			return console.PlanAnswer{}, fmt.Errorf("make room for an empty data folder: %w", err)
		}
		defer os.RemoveAll(empty) //nolint:errcheck // what is left is empty
		opt.Data = empty
	}
	e, err := engine.Open(ctx, opt)
	locked, ok := errors.AsType[*store.LockedError](err)
	switch {
	case ok:
		return planServed(ctx, opt, locked, w)
	case err != nil:
		return console.PlanAnswer{}, err
	}
	return e.Plan(ctx)
}

// planServed asks the `serve` that owns the data folder. The files of another
// folder than its own are sent to it.
func planServed(ctx context.Context, opt engine.Options, locked *store.LockedError, w *workspace) (console.PlanAnswer, error) {
	var answer console.PlanAnswer
	c, err := running(opt, locked)
	if err != nil {
		return answer, err
	}
	served, err := engine.ServedDir(opt.Data)
	if err != nil {
		return answer, fmt.Errorf("find the running patchbay: %w", err)
	}
	var req console.PlanRequest
	if !sameFolder(served, opt.Dir) {
		if req, err = wholeWorkspace(w); err != nil {
			return answer, err
		}
	}
	return answer, c.post(ctx, "/plan", req, &answer)
}

func sameFolder(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// wholeWorkspace returns the request to plan with all files of the workspace.
func wholeWorkspace(w *workspace) (console.PlanRequest, error) {
	req := console.PlanRequest{Files: map[string]*string{}, Whole: true}
	files := w.src.Flows
	for id, own := range w.src.Connectors {
		if !w.src.AsNeeded[id] {
			files = append(files, own...)
		}
	}
	for _, f := range files {
		if f.Unreadable != nil {
			return req, failuref("patchbay check says more", "nothing can be planned while %s cannot be read: %s", f.Path, f.Unreadable.Message)
		}
		text := string(f.Data)
		req.Files[f.Path] = &text
	}
	return req, nil
}

// printPlan prints what has errors and stays, and then what will be different.
func (a *app) printPlan(answer *console.PlanAnswer, from string, w *workspace) error {
	var errs diag.List
	for _, f := range answer.Findings {
		if found := findingOf(f); !found.IsWarning() {
			errs.Add(found)
		}
	}
	if err := diag.Print(a.Stdout, errs, w.source); err != nil {
		return err
	}
	if len(errs) > 0 {
		fmt.Fprintln(a.Stdout)
	}
	if answer.Warnings > 0 {
		fmt.Fprintf(a.Stdout, "%s, which patchbay check shows\n", count(answer.Warnings, "warning"))
	}
	for _, f := range answer.Files {
		fmt.Fprintln(a.Stdout, stays(f))
	}
	if len(answer.Files) > 0 || answer.Warnings > 0 {
		fmt.Fprintln(a.Stdout)
	}
	switch answer.Against {
	case console.AgainstLive:
		fmt.Fprint(a.Stdout, "compared with what is live: ")
	case console.AgainstLast:
		fmt.Fprint(a.Stdout, "compared with what was live last: ")
	case console.AgainstNothing:
		fmt.Fprint(a.Stdout, "nothing was live here before: ")
	case console.AgainstFolder:
		fmt.Fprintf(a.Stdout, "compared with %s: ", filepath.ToSlash(from))
	}
	return answer.Print(a.Stdout)
}

// stays says what becomes of a file that has errors.
func stays(f console.File) string {
	switch {
	case f.Kept && f.Flow != "":
		return f.Path + " has errors: the flow " + f.Flow + " stays on its last good version"
	case f.Kept:
		return f.Path + " has errors, its last good version stays live"
	case f.Flow != "":
		return f.Path + " has errors: the flow " + f.Flow + " will not be live"
	default:
		return f.Path + " has errors and will not be live"
	}
}

// findingOf returns a finding of the API as the checker has it.
func findingOf(f console.Finding) diag.Finding {
	out := diag.Finding{
		Pos: diag.Pos{File: f.File, Line: f.Line, Column: f.Column}, Width: f.Width, Code: f.Code, Message: f.Message, Hint: f.Hint,
	}
	if f.Fix != "" {
		out.Fix = &diag.Fix{Label: f.Fix}
	}
	return out
}
