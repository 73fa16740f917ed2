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

func newInbox(a *app) *cobra.Command {
	var flow string
	var limit int
	var asJSON bool
	c := &cobra.Command{
		Use:   "inbox",
		Short: "List what needs a person",
		Long: `Lists what stands still until somebody does something, each with the commands that deal with it: writes of which
nobody knows whether they happened, approvals, runs that failed, and items and steps that failed in runs which went on.
What was retried or dismissed is not in it any more.`,
		Example: `  patchbay inbox
  patchbay inbox --flow weekly-report --json`,
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"flow": {flow}, "limit": {strconv.Itoa(limit)}}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				var letters []console.Letter
				if err := c.get(ctx, "/inbox?"+q.Encode(), &letters); err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(letters)
				}
				a.printInbox(letters)
				return nil
			})
		},
	}
	c.Flags().StringVar(&flow, "flow", "", "only what runs of this flow ask")
	c.Flags().IntVar(&limit, "limit", 200, "how much at the most")
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON, with what was sent")
	a.sandboxFlag(c)
	return c
}

func (a *app) printInbox(letters []console.Letter) {
	if len(letters) == 0 {
		fmt.Fprintln(a.Stdout, "nothing needs you"+strings.Replace(a.elsewhere(), "runs --sandbox", "inbox --sandbox", 1))
		return
	}
	for _, l := range letters {
		head := fmt.Sprintf("run %d of %s%s", l.Run, l.Flow, forAccount(l.Connection))
		if l.Path != "" && l.Kind != "approval" {
			head += ", " + l.Path
		}
		fmt.Fprintf(a.Stdout, "%s: %s\n", head, printable(compact(l.Reason, 300)))
		if l.Item != nil {
			fmt.Fprintf(a.Stdout, "  item: %s\n", printable(compact(l.Item, 200)))
		}
		if s := l.Sent; s != nil {
			fmt.Fprintf(a.Stdout, "  sent %s: %s\n", moment(l.Since), printable(compact(strings.TrimSpace(s.Method+" "+s.URL+" "+s.Body), 300)))
		}
		for _, command := range l.Resolve {
			fmt.Fprintf(a.Stdout, "  %s\n", printable(command))
		}
	}
}
