package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
)

func newTriggersBackfill(a *app) *cobra.Command {
	var req console.BackfillRequest
	var asJSON bool
	c := &cobra.Command{
		Use:   "backfill FLOW [TRIGGER]",
		Short: "Start the runs that a schedule would have started in the past",
		Long: `Starts a run for each time at which a schedule was due in a span of the past and no run was started: the flow was not
there yet, was switched off, or nothing was serving. In each run event.scheduled is the time it stands for, so let the
flow go by that and not by now(). A time that has a run already starts none: the command can be given twice.

The runs begin in the order of the times. A flow whose mode lets one run at a time works through them one by one.

--from and --to are a date (midnight in the time zone of the schedule), a time such as 2026-03-01T08:00, or how long ago,
such as 7d. --to itself is not part of the span; without it the span ends now.`,
		Example: `  patchbay triggers backfill weekly-report --from 2026-03-01 --to 2026-04-01 --dry-run
  patchbay triggers backfill weekly-report --from 30d`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return usagef("patchbay triggers lists them", "FLOW is needed, and TRIGGER where the flow has several schedules")
			}
			return nil
		},
		ValidArgsFunction: a.completeFlow,
		RunE: func(cmd *cobra.Command, args []string) error {
			if req.From == "" {
				return usagef("as in: --from 2026-03-01, or --from 7d", "--from is missing")
			}
			id := "-"
			if len(args) == 2 {
				id = args[1]
			}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.backfill(ctx, c, args[0], id, req, asJSON)
			})
		},
	}
	c.Flags().StringVar(&req.From, "from", "", "the `time` at which the span begins")
	c.Flags().StringVar(&req.To, "to", "", "the `time` at which it ends (default now)")
	c.Flags().StringVar(&req.Connection, "connection", "", "the one account, such as ghl_agency/<id>, of a flow that runs for many")
	c.Flags().BoolVar(&req.DryRun, "dry-run", false, "say which times there are, and start nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	a.sandboxFlag(c)
	return c
}

func (a *app) backfill(ctx context.Context, c *client, flow, id string, req console.BackfillRequest, asJSON bool) error {
	var done console.BackfillAnswer
	path := "/flows/" + url.PathEscape(flow) + "/triggers/" + url.PathEscape(id) + "/backfill"
	if err := c.post(ctx, path, req, &done); err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(done)
	}
	if done.Times == 0 {
		fmt.Fprintf(a.Stdout, "%s was not due in that span\n", done.Flow)
		return nil
	}
	fmt.Fprintf(a.Stdout, "%s was due %s, from %s to %s\n", done.Flow, count(done.Times, "time"), done.First.Format(time.RFC3339), done.Last.Format(time.RFC3339))
	switch {
	case req.DryRun:
		fmt.Fprintf(a.Stdout, "%s would be started, without --dry-run; a time that has a run already starts none\n", count(done.Runs, "run"))
		return nil
	case done.Had > 0:
		fmt.Fprintf(a.Stdout, "%s started, %d had a run already\n", count(done.Queued, "run"), done.Had)
	default:
		fmt.Fprintf(a.Stdout, "%s started\n", count(done.Queued, "run"))
	}
	if done.Queued > 0 && !c.running {
		fmt.Fprintln(a.Stdout, "they go on as soon as patchbay serve runs")
	}
	return nil
}
