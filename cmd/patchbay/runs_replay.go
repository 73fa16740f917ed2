package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

func newRunsReplay(a *app) *cobra.Command {
	var f console.ReplayRequest
	var yes bool
	c := &cobra.Command{
		Use:   "replay",
		Short: "Take up again many runs of a flow",
		Long: `Retries the runs of a flow that failed within a time, oldest first: says how many there are, which of their steps write
and how many calls that makes, and asks. Without a terminal, --yes or --dry-run must be given.

The runs go through the queues of their flow like any others: its mode and its limits hold, and new events find a place
between them. Where the command is cut off, the same command goes on behind the runs that were taken up already; none is
taken up twice. Runs that were dismissed are left out.

While "patchbay serve" runs, the runs go on there, and the command ends when all are queued. Otherwise it works on them
itself, and its exit code is 0 only if all of them succeed or are skipped.`,
		Example: `  patchbay runs replay --flow weekly-report --since 24h --dry-run
  patchbay runs replay --flow weekly-report --since 24h --with current
  patchbay runs replay --flow order --since 2026-03-01T09:00:00Z --until 2026-03-01T12:00:00Z --status partly_failed --yes`,
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes && !f.DryRun && !isTerminal(a.Stdin) {
				return usagef("--dry-run says what would be done", "nobody can be asked here: give --yes")
			}
			f.By = a.who(f.By)
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.replay(ctx, c, f, yes)
			})
		},
	}
	c.Flags().StringVar(&f.Flow, "flow", "", "the `flow` whose runs are taken up")
	c.Flags().StringVar(&f.Since, "since", "", "runs accepted from this `time` on, or how long ago: 24h, 7d")
	c.Flags().StringVar(&f.Until, "until", "", "runs accepted before this `time`, or how long ago (default: now)")
	c.Flags().StringVar(&f.Status, "status", "", "only runs of this status: failed, partly_failed, cancelled; with --from start also succeeded, skipped (default: the first two)")
	c.Flags().StringVar(&f.From, "from", "failed", "where each begins: failed or start")
	c.Flags().StringVar(&f.With, "with", "original", "the `version` of the flow: original or current")
	c.Flags().BoolVar(&f.DryRun, "dry-run", false, "only say what would be done")
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	c.Flags().StringVar(&f.By, "by", "", "the `name` of who wants it (default: yours on this machine)")
	return c
}

func (a *app) replay(ctx context.Context, c *client, f console.ReplayRequest, yes bool) error {
	if f.DryRun || !yes {
		first := f
		first.DryRun = true
		var plan console.ReplayAnswer
		if err := c.post(ctx, "/replays", first, &plan); err != nil {
			return err
		}
		a.printReplay(plan)
		if f.DryRun || plan.Taken+plan.Before == 0 {
			return nil
		}
		if plan.Taken > 0 {
			if agreed, err := a.agreed(ctx, "Go on?"); err != nil || !agreed {
				return err
			}
		}
	}
	var done console.ReplayAnswer
	if err := c.post(ctx, "/replays", f, &done); err != nil {
		return err
	}
	if yes {
		a.printReplay(done)
	}
	fmt.Fprintf(a.Stdout, "%s taken up\n", count(done.Taken, "run"))
	if done.Left {
		fmt.Fprintf(a.Stdout, "The flow lets %d runs wait (limits.queue), and half of that is left to new events: the same command takes up the rest later.\n", done.Queue)
	}
	good := true
	if !c.running {
		var err error
		if good, err = a.followAll(ctx, c, done); err != nil {
			return err
		}
	} else if done.Taken > 0 {
		fmt.Fprintf(a.Stdout, "They go on in the running `patchbay serve`: patchbay runs --flow %s\n", f.Flow)
	}
	if !done.Left {
		// Everything was told: the same command is a new replay from here on.
		if err := c.post(ctx, "/replays/close", f, nil); err != nil {
			return err
		}
	}
	if !good {
		return errSaid
	}
	return nil
}

// printReplay says what a replay does.
func (a *app) printReplay(plan console.ReplayAnswer) {
	fmt.Fprintf(a.Stdout, "%s of %s since %s, %s version\n", count(plan.Taken, "run"), plan.Flow, moment(plan.Since), plan.With)
	if plan.Before > 0 {
		fmt.Fprintf(a.Stdout, "  this goes on with the replay of %s, which took up %s\n", moment(plan.Begun), count(plan.Before, "run"))
	}
	g := grid(a.Stdout)
	for _, s := range plan.Writing() {
		row(g, "  "+s.What(), s.Path, s.Does, s.Remark())
	}
	g.Flush() //nolint:errcheck // what cannot be printed, nobody reads
	if plan.Taken > 0 {
		fmt.Fprintln(a.Stdout, "  "+plan.Cost())
	}
	if plan.Refusals > 0 {
		fmt.Fprintf(a.Stdout, "  %s cannot be taken up:\n", count(plan.Refusals, "run"))
	}
	for _, r := range plan.Refused {
		fmt.Fprintf(a.Stdout, "  run %d: %s\n", r.Run, printable(r.Error))
	}
}

// followAll works on the runs until each has come to a rest. It reports whether
// all of them went well.
func (a *app) followAll(ctx context.Context, c *client, done console.ReplayAnswer) (bool, error) {
	counts := map[journal.Status]int{}
	for _, id := range done.Runs {
		if err := c.follow(ctx, id, func(journal.Event) {}); err != nil {
			return false, err
		}
		var r console.Run
		if err := c.get(ctx, "/runs/"+strconv.FormatInt(id, 10), &r); err != nil {
			return false, err
		}
		counts[r.Status]++
	}
	var parts []string
	for _, s := range statuses() {
		if n := counts[journal.Status(s)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(s, "_", " ")))
		}
	}
	good := counts[journal.Succeeded] + counts[journal.SkippedStatus]
	if len(parts) > 0 {
		fmt.Fprintln(a.Stdout, strings.Join(parts, ", "))
	}
	if good < len(done.Runs) {
		fmt.Fprintf(a.Stdout, "what needs you: patchbay inbox --flow %s\n", done.Flow)
	}
	return good == len(done.Runs), nil
}
