package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
)

func newTriggers(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "triggers",
		Short: "Show when schedules are due, how polls stand and what is subscribed to",
		Long: `Shows, for the flows that a running serve has at work, when each schedule is due next, when each poll last looked and
what came of it, and for each webhook that serve subscribes to whether the service has taken the subscription. Where the
other services deliver their webhooks is what serve prints when it starts.`,
		Example: `  patchbay triggers
  patchbay triggers look FLOW TRIGGER         a poll looks now, whenever it would be due
  patchbay triggers backfill FLOW --from 7d   the runs that a schedule would have started`,
		Args:              subcommand,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				var found []console.TriggerState
				if err := c.get(ctx, "/triggers", &found); err != nil {
					return err
				}
				return a.printTriggers(found, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	a.sandboxFlag(c)
	c.AddCommand(newTriggersLook(a), newTriggersBackfill(a))
	return c
}

func newTriggersLook(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "look FLOW TRIGGER",
		Short:   "Let a poll look at once",
		Example: "  patchbay triggers look qonto-transaction-tags new_transaction",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("patchbay triggers lists them", "FLOW and TRIGGER are needed")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				var found []console.TriggerState
				path := "/flows/" + url.PathEscape(args[0]) + "/triggers/" + url.PathEscape(args[1]) + "/look"
				if err := c.post(ctx, path, struct{}{}, &found); err != nil {
					return err
				}
				return a.printTriggers(found, false)
			})
		},
	}
}

func (a *app) printTriggers(found []console.TriggerState, asJSON bool) error {
	if asJSON {
		return a.printJSON(found)
	}
	if len(found) == 0 {
		fmt.Fprintln(a.Stdout, "nothing is at work: patchbay serve runs schedules and polls")
		return nil
	}
	g := grid(a.Stdout)
	row(g, "FLOW", "TRIGGER", "KIND", "NEXT", "LAST", "")
	for _, t := range found {
		about := t.Error
		switch {
		case t.Paused != "":
			about = "paused until " + t.Paused + " is connected: " + about
		case about != "" && t.Hint != "":
			about += ": " + t.Hint
		case about != "":
		case !t.Since.IsZero():
			about = "subscribed since " + moment(t.Since)
		case t.State != "":
			about = strings.ReplaceAll(t.State, "_", " ")
		case t.Kind != "schedule" && !t.Last.IsZero():
			about = strconv.Itoa(t.Items) + " items"
		}
		row(g, t.Flow, t.Trigger, t.Kind, moment(t.Next), moment(t.Last), about)
	}
	return g.Flush()
}
