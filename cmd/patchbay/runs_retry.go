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
	c := &cobra.Command{
		Use:   "retry ID",
		Short: "Take up a run again that has ended",
		Long: `Does once more what failed in a run, under its number. What came of the steps before is kept and not done again.

--from failed  the step that failed and what followed it; of a loop only the items that failed
--from start   everything
--from STEP    that step and what followed it, by its path as "patchbay runs show" prints it

The run goes on with the version of the flow it ran on, or --with current with the one that is live now. The exit code
is 0 only if the run succeeds or is skipped.`,
		Example: `  patchbay runs retry 42
  patchbay runs retry 42 --with current
  patchbay runs retry 42 --from 'each[3].apply'
  patchbay runs retry 42 --from start`,
		Args:              exactly("ID", "`patchbay runs --status failed` lists the runs that failed"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := runNumber(args[0])
			if err != nil {
				return err
			}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.retry(ctx, c, at, f)
			})
		},
	}
	c.Flags().StringVar(&f.From, "from", "failed", "where it begins: failed, start, or the path of a `step`")
	c.Flags().StringVar(&f.With, "with", "original", "the `version` of the flow: original or current")
	return c
}

func (a *app) retry(ctx context.Context, c *client, at string, f console.RetryRequest) error {
	var r console.Run
	if err := c.get(ctx, at, &r); err != nil {
		return err
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
