package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
)

func newRunsDismiss(a *app) *cobra.Command {
	var f console.DismissRequest
	c := &cobra.Command{
		Use:   "dismiss ID [ITEM]",
		Short: "Say that nothing is to be done about a failure",
		Long: `Takes a failed run out of the inbox, or of a run that failed in part one item or step. The run keeps its status, and a
later retry leaves the item out. The history says who dismissed it and why.`,
		Example: `  patchbay runs dismiss 42 --reason 'the client is gone'
  patchbay runs dismiss 42 'each[3]' --reason 'was done by hand'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return usagef("patchbay runs dismiss 42 --reason 'was done by hand'", "dismiss needs the number of a run, and of one that failed in part an item")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := runNumber(args[0])
			if err != nil {
				return err
			}
			f.Path, f.By = strings.Join(args[1:], ""), a.who(f.By)
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				var got console.DismissAnswer
				if err := c.post(ctx, at+"/dismiss", f, &got); err != nil {
					return err
				}
				what := fmt.Sprintf("run %d", got.Run)
				if got.Path != "" {
					what += " " + got.Path
				}
				if got.Left > 0 {
					what += fmt.Sprintf("; %s left", count(got.Left, "failure"))
				}
				fmt.Fprintf(a.Stdout, "dismissed: %s\n", what)
				return nil
			})
		},
	}
	c.Flags().StringVar(&f.Reason, "reason", "", "why nothing is to be done")
	c.Flags().StringVar(&f.By, "by", "", "the `name` of who says so (default: yours on this machine)")
	return c
}
