package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// runFlags are the flags of `run`.
type runFlags struct {
	inputs         []string
	event, trigger string
	asJSON         bool
}

func newRun(a *app) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run FLOW",
		Short: "Run a flow once and watch it",
		Long: `Starts a flow by hand and prints each step as it happens. With --event it runs as if its trigger had brought that
event. Values of --input are read as YAML: text, 10, true, '[a, b]'.

The exit code is 0 only if the run succeeded or was skipped.`,
		Example: `  patchbay run tag-hygiene --sandbox
  patchbay run weekly-report --input channel='#marketing' --input recipients='[grace@example.com]'
  patchbay run qwilr-page-accepted --event accepted.json --sandbox
  patchbay run statistics --json`,
		Args:              exactly("FLOW", "a flow is named by its file in the folder flows, without .yaml"),
		ValidArgsFunction: a.completeFlow,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.run(ctx, c, args[0], f)
			})
		},
	}
	c.Flags().StringArrayVar(&f.inputs, "input", nil, "an input of the flow as `name=value`; may be given many times")
	c.Flags().StringVar(&f.event, "event", "", "run as if its trigger had brought the JSON in this `file`; - reads it from the standard input")
	c.Flags().StringVar(&f.trigger, "trigger", "", "the `id` of the trigger that brings the event, if the flow has several")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print the run as JSON when it has ended")
	a.sandboxFlag(c)
	return c
}

func (a *app) run(ctx context.Context, c *client, id string, f runFlags) error {
	at := "/flows/" + url.PathEscape(id)
	var flow console.Flow
	if err := c.get(ctx, at, &flow); err != nil {
		return err
	}
	if err := oneTrigger(flow, f.trigger); err != nil {
		return err
	}
	inputs, err := assigned("--input", f.inputs, flow.Inputs)
	if err != nil {
		return err
	}
	event, err := a.event(f.event)
	if err != nil {
		return err
	}
	request := console.StartRequest{Inputs: inputs, Trigger: f.trigger}
	if event != nil {
		request.Event = event
	}
	var started console.StartAnswer
	if err := c.post(ctx, at+"/runs", request, &started); err != nil {
		return err
	}
	if !f.asJSON {
		fmt.Fprintf(a.Stdout, "run %d of %s\n", started.Run, id)
	}
	watch := func(journal.Event) {}
	if !f.asJSON {
		watch = newTrace(a.Stdout, a.stepNames(id, flow.Hash)).event
	}
	if err := c.follow(ctx, started.Run, watch); err != nil {
		return err
	}
	var r console.Run
	if err := c.get(ctx, "/runs/"+strconv.FormatInt(started.Run, 10), &r); err != nil {
		return err
	}
	if f.asJSON {
		err = a.printJSON(r)
	} else {
		a.printEnding(r)
	}
	if err == nil && r.Status != journal.Succeeded && r.Status != journal.SkippedStatus {
		return errSaid
	}
	return err
}

// oneTrigger refuses a run for which nobody says which of the flow's triggers
// it stands for.
func oneTrigger(flow console.Flow, named string) error {
	var ids []string
	for _, t := range flow.Triggers {
		if t.Kind == "on_demand" {
			return nil
		}
		ids = append(ids, t.ID)
	}
	if named != "" || len(ids) < 2 {
		return nil
	}
	return usagef("one must be named: patchbay run "+flow.ID+" --trigger "+ids[0],
		"the flow %q is not started by hand, but by one of these: %s", flow.ID, strings.Join(ids, ", "))
}

// printEnding prints how a run stands, and its output.
func (a *app) printEnding(r console.Run) {
	fmt.Fprintln(a.Stdout, ending(r))
	if r.Output != nil {
		fmt.Fprintf(a.Stdout, "output:\n%s", indented(r.Output))
	}
}

// follow hands the events of a run to watch as they happen, until the run has
// ended or does not go on by itself.
func (c *client) follow(ctx context.Context, run int64, watch func(journal.Event)) error {
	resp, err := c.send(ctx, http.MethodGet, fmt.Sprintf("/runs/%d/events?follow=1", run), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d := numbered(resp.Body)
	for {
		var e journal.Event
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.unreachable(ctx, fmt.Errorf("read the events of run %d: %w", run, err))
		}
		watch(e)
	}
}
