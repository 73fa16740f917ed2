package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// statuses are the states a run may be in, in the order of its life.
func statuses() []string {
	var out []string
	for _, s := range []journal.Status{
		journal.Queued, journal.Running, journal.WaitingStatus, journal.OutcomeUnknown, journal.Succeeded,
		journal.SkippedStatus, journal.PartlyFailed, journal.FailedStatus, journal.Cancelled,
	} {
		out = append(out, string(s))
	}
	return out
}

func newRuns(a *app) *cobra.Command {
	var flow, status, connection string
	var limit int
	var asJSON bool
	c := &cobra.Command{
		Use:   "runs",
		Short: "List the runs there were, and look into them",
		Long:  "Lists the latest runs, the newest first. The commands below it look into one run, end it, answer its question, approve what it asks, retry it or many at once, or dismiss what failed in it.",
		Example: `  patchbay runs
  patchbay runs --flow weekly-report --status failed
  patchbay runs show 42`,
		Args:              subcommand,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if status != "" && !slices.Contains(statuses(), status) {
				return usagef("allowed: "+strings.Join(statuses(), ", "), "--status cannot be %q", status)
			}
			q := url.Values{"flow": {flow}, "status": {status}, "connection": {connection}, "limit": {strconv.Itoa(limit)}}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.listRuns(ctx, c, q, asJSON)
			})
		},
	}
	c.Flags().StringVar(&flow, "flow", "", "only runs of this flow")
	c.Flags().StringVar(&status, "status", "", "only runs of this status: "+strings.Join(statuses(), ", "))
	c.Flags().StringVar(&connection, "connection", "", "only runs whose event came through this connection, such as ghl_agency/<id>")
	c.Flags().IntVar(&limit, "limit", 50, "how many runs at the most")
	c.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	a.sandboxFlag(c)
	c.AddCommand(newRunsShow(a), newRunsCancel(a), newRunsAnswer(a), newRunsApprove(a), newRunsRetry(a), newRunsReplay(a), newRunsDismiss(a), newRunsExport(a))
	return c
}

// elsewhere tells of the sandbox's runs, which are kept apart, where there is
// a sandbox and it is not the one that was asked.
func (a *app) elsewhere() string {
	other := engine.Options{Dir: a.dir, Sandbox: true}.DataDir()
	if _, err := os.Stat(other); a.sandbox || a.data != "" || err != nil {
		return ""
	}
	return "; those of the sandbox: patchbay runs --sandbox"
}

func (a *app) listRuns(ctx context.Context, c *client, q url.Values, asJSON bool) error {
	var runs []console.Run
	if err := c.get(ctx, "/runs?"+q.Encode(), &runs); err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(runs)
	}
	if len(runs) == 0 {
		fmt.Fprintln(a.Stdout, "no runs"+a.elsewhere())
		return nil
	}
	g := grid(a.Stdout)
	head := []string{"RUN", "FLOW", "STATUS", "TRIGGER", "BEGAN", "TOOK", "WHY"}
	accounts := slices.ContainsFunc(runs, func(r console.Run) bool { return accountOf(r) != "" })
	if accounts {
		head = slices.Insert(head, 3, "FOR")
	}
	row(g, head...)
	for _, r := range runs {
		took := ""
		if !r.Ended.IsZero() {
			took = span(r.Ended.Sub(r.Created))
		}
		cells := []string{strconv.FormatInt(r.ID, 10), r.Flow, string(r.Status), r.Trigger, moment(r.Created), took, compact(r.Reason, 80)}
		if accounts {
			cells = slices.Insert(cells, 3, accountOf(r))
		}
		row(g, cells...)
	}
	return g.Flush()
}

// accountOf returns the connection to the account that a run is about, "" for
// a run about none of many.
func accountOf(r console.Run) string {
	if _, account := program.SplitMember(r.Connection); account == "" {
		return ""
	}
	return r.Connection
}

// runNumber returns the run that an argument names.
func runNumber(text string) (string, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err != nil || n < 1 {
		return "", usagef("`patchbay runs` lists them", "%q is not the number of a run", text)
	}
	return "/runs/" + text, nil
}

func newRunsShow(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:               "show ID",
		Short:             "Show what happened in a run",
		Example:           "  patchbay runs show 42\n  patchbay runs show 42 --json",
		Args:              exactly("ID", "`patchbay runs` lists the runs"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := runNumber(args[0])
			if err != nil {
				return err
			}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				var r console.Run
				if err := c.get(ctx, at, &r); err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(r)
				}
				a.printRun(r)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON, with its whole journal")
	return c
}

func (a *app) printRun(r console.Run) {
	fmt.Fprintf(a.Stdout, "run %d of %s%s, %s, trigger %s\n", r.ID, r.Flow, forAccount(accountOf(r)), moment(r.Created), r.Trigger)
	if fields, ok := r.Event.(map[string]any); r.Event != nil && (!ok || len(fields) > 0) {
		fmt.Fprintf(a.Stdout, "event %s:\n%s", printable(r.EventID), indented(r.Event))
	}
	if len(r.Inputs) > 0 {
		fmt.Fprintf(a.Stdout, "inputs:\n%s", indented(r.Inputs))
	}
	t := newTrace(a.Stdout, a.stepNames(r.Flow, r.Definition))
	for _, e := range r.Journal {
		t.event(e)
	}
	a.printEnding(r)
}

func newRunsCancel(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "cancel ID",
		Short:             "End a run that has not ended",
		Long:              "Ends a run. A request under way is not taken back; no further step begins.",
		Example:           "  patchbay runs cancel 42",
		Args:              exactly("ID", "`patchbay runs` lists the runs"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := runNumber(args[0])
			if err != nil {
				return err
			}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				if err := c.post(ctx, at+"/cancel", struct{}{}, nil); err != nil {
					return err
				}
				fmt.Fprintf(a.Stdout, "run %s cancelled\n", args[0])
				return nil
			})
		},
	}
}

// goOn says what becomes of a run that goes on.
func (a *app) goOn(ctx context.Context, c *client, r console.Run) error {
	var told time.Time // what was known before has been told
	if n := len(r.Journal); n > 0 {
		told = r.Journal[n-1].At
	}
	t := newTrace(a.Stdout, a.stepNames(r.Flow, r.Definition))
	err := c.follow(ctx, r.ID, func(e journal.Event) {
		if e.At.After(told) {
			t.event(e)
		}
	})
	if err != nil {
		return err
	}
	var now console.Run
	if err := c.get(ctx, "/runs/"+strconv.FormatInt(r.ID, 10), &now); err != nil {
		return err
	}
	a.printEnding(now)
	return nil
}
