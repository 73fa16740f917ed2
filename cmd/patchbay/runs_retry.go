package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

func newRunsRetry(a *app) *cobra.Command {
	var f console.RetryRequest
	var yes bool
	c := &cobra.Command{
		Use:   "retry ID",
		Short: "Take up a run again that has ended",
		Long: `Does once more what failed in a run, under its number. What came of the steps before is kept and not done again.

--from failed  the step that failed and what followed it; of a loop only the items that failed
--from start   everything
--from STEP    that step and what followed it, by its path as "patchbay runs show" prints it
--item ITEM    of what failed in a loop only this item, such as 'each[3]'

The run goes on with the version of the flow it ran on, or --with current with the one that is live now. A step that
only reads or computes, and would give something else in that version, is then done once more if a later step needs it.
What was written to a service stays written.

--edit sets what a step is given, as step.input=value; the value is read as YAML. The item of a loop is set under the name
it has in the flow: 'each[3].contact.email=ada@example.com'. The history keeps what it was.

At a terminal you are shown which steps are kept, which are done and which of them write, and asked; --yes asks nothing.
The exit code is 0 only if the run succeeds or is skipped.`,
		Example: `  patchbay runs retry 42
  patchbay runs retry 42 --dry-run
  patchbay runs retry 42 --with current
  patchbay runs retry 42 --item 'each[3]' --edit 'each[3].apply.email=ada@example.com'
  patchbay runs retry 42 --from start`,
		Args:              exactly("ID", "`patchbay runs --status failed` lists the runs that failed"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := runNumber(args[0])
			if err != nil {
				return err
			}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.retry(ctx, c, at, f, yes)
			})
		},
	}
	c.Flags().StringVar(&f.From, "from", "failed", "where it begins: failed, start, or the path of a `step`")
	c.Flags().StringVar(&f.With, "with", "original", "the `version` of the flow: original or current")
	c.Flags().StringArrayVar(&f.Items, "item", nil, "an `item` of a loop that failed, by its path; may be given many times")
	c.Flags().StringArrayVar(&f.Edit, "edit", nil, "what a step is given, as `step.input=value`; may be given many times")
	c.Flags().BoolVar(&f.DryRun, "dry-run", false, "only say what would be done")
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	c.Flags().StringVar(&f.By, "by", "", "the `name` of who wants it (default: yours on this machine)")
	return c
}

func (a *app) retry(ctx context.Context, c *client, at string, f console.RetryRequest, yes bool) error {
	var r console.Run
	if err := c.get(ctx, at, &r); err != nil {
		return err
	}
	f.By = a.who(f.By)
	if ask := !yes && isTerminal(a.Stdin); ask || f.DryRun {
		first := f
		first.DryRun = true
		var plan console.RetryAnswer
		if err := c.post(ctx, at+"/retry", first, &plan); err != nil {
			return err
		}
		a.printRetry(r, plan)
		if f.DryRun {
			return nil
		}
		if agreed, err := a.agreed(ctx, "Go on?"); err != nil || !agreed {
			return err
		}
	}
	var begun console.RetryAnswer
	if err := c.post(ctx, at+"/retry", f, &begun); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "run %d of %s: %s\n", r.ID, r.Flow, begun.Sentence())
	r.Definition = begun.Definition
	if err := a.goOn(ctx, c, r); err != nil {
		return err
	}
	if err := c.get(ctx, "/runs/"+strconv.FormatInt(r.ID, 10), &r); err != nil {
		return err
	}
	if r.Status != journal.Succeeded && r.Status != journal.SkippedStatus {
		return errSaid
	}
	return nil
}

// printRetry says what a retry would do.
func (a *app) printRetry(r console.Run, plan console.RetryAnswer) {
	fmt.Fprintf(a.Stdout, "run %d of %s, %s version:\n", r.ID, r.Flow, plan.With)
	g := grid(a.Stdout)
	for _, s := range plan.Steps {
		row(g, "  "+s.What(), s.Path, s.Does, s.Remark())
	}
	g.Flush() //nolint:errcheck // what cannot be printed, nobody reads
	for _, e := range plan.Edits {
		fmt.Fprintf(a.Stdout, "  edited  %s\n", printable(e.Sentence()))
	}
	fmt.Fprintln(a.Stdout, plan.Cost())
}
