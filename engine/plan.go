package engine

import (
	"context"
	"os"
	"time"

	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/plan"
	"patchbay/engine/trigger"
)

// Plan says what the next start of `serve` with the files as they are would
// change, held against what `serve` had live last, and gives the data folder
// back.
func (e *Engine) Plan(ctx context.Context) (console.PlanAnswer, error) {
	var out console.PlanAnswer
	err := e.starting(ctx, func(ctx context.Context) error {
		known, err := e.catalog.Recall(ctx)
		if err != nil {
			return err
		}
		against := console.AgainstLast
		if !known {
			against = console.AgainstNothing
		}
		out, err = e.console.Plan(ctx, against, catalog.Change{})
		return err
	})
	return out, err
}

// Compare says what is different in the files of the workspace from those of
// another folder. It needs no data folder, and says nothing that only one
// knows.
func Compare(ctx context.Context, opt Options, from string) (console.PlanAnswer, error) {
	c := catalog.New(catalog.Options{Workspace: os.DirFS(opt.Dir), Builtin: opt.Builtin, Sandbox: opt.Sandbox, Logger: opt.Logger})
	if err := c.Assume(ctx, os.DirFS(from)); err != nil {
		return console.PlanAnswer{}, err
	}
	next, err := c.Plan(ctx, catalog.Change{})
	if err != nil {
		return console.PlanAnswer{}, err
	}
	p := plan.Of(c.Set(), next.Set, plan.Facts{Now: time.Now(), Next: trigger.Next, Ticks: trigger.Ticks})
	return console.NewPlan(console.AgainstFolder, next, p), nil
}
