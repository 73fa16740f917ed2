package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
)

// approveFlags are the flags of `runs approve`.
type approveFlags struct {
	yes, no bool
	by      string
	with    []string
}

func newRunsApprove(a *app) *cobra.Command {
	var f approveFlags
	c := &cobra.Command{
		Use:   "approve ID [STEP]",
		Short: "Answer a step that waits for an approval",
		Long: `Answers a step with "approve", at which a run waits for a person, and goes on with the run. What the step asks for is
given with --with; values are read as YAML. Who answers is your name on this machine, or --by.`,
		Example: `  patchbay runs approve 42 --yes
  patchbay runs approve 42 agreed --yes --by grace@example.com --with reason='a good client'
  patchbay runs approve 42 --no`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return usagef("patchbay runs approve 42 --yes", "approve needs the number of a run, and a step if the run waits for several approvals")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := runNumber(args[0])
			if err != nil {
				return err
			}
			if f.yes == f.no {
				return usagef("", "either --yes or --no must be given")
			}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.approve(ctx, c, at, strings.Join(args[1:], ""), f)
			})
		},
	}
	c.Flags().BoolVar(&f.yes, "yes", false, "it is approved")
	c.Flags().BoolVar(&f.no, "no", false, "it is not")
	c.Flags().StringVar(&f.by, "by", "", "the `name` of who answers")
	c.Flags().StringArrayVar(&f.with, "with", nil, "a field of the form as `name=value`; may be given many times")
	a.sandboxFlag(c)
	return c
}

func (a *app) approve(ctx context.Context, c *client, at, step string, f approveFlags) error {
	var r console.Run
	if err := c.get(ctx, at, &r); err != nil {
		return err
	}
	var form []console.Input
	who := "NAME"
	for _, q := range r.Asks {
		if q.Path == step || step == "" && len(r.Asks) == 1 {
			step, form = q.Path, q.Form
			who = strings.Join(append(q.By, who)[:1], "")
		}
	}
	with, err := assigned("--with", f.with, form)
	if err != nil && len(r.Asks) > 0 {
		return err
	}
	if f.by = a.who(f.by); f.by == "" {
		return usagef("--by "+who, "it must be said who answers")
	}
	request := map[string]any{"path": step, "approved": f.yes, "by": f.by, "form": with}
	if err := c.post(ctx, at+"/approve", request, nil); err != nil {
		return err
	}
	said := "approved"
	if f.no {
		said = "not approved"
	}
	fmt.Fprintf(a.Stdout, "run %d of %s: %s %s\n", r.ID, r.Flow, step, said)
	return a.goOn(ctx, c, r)
}
