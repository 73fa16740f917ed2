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
	"patchbay/engine/program"
)

// runFlags are the flags of `run`.
type runFlags struct {
	inputs         []string
	event, trigger string
	connection     string
	all, asJSON    bool
}

func newRun(a *app) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run FLOW",
		Short: "Run a flow once and watch it",
		Long: `Starts a flow by hand and prints each step as it happens. With --event it runs as if its trigger had brought that
event. Values of --input are read as YAML: text, 10, true, '[a, b]'.

A flow that runs for the accounts of a sign-in ("use: { ghl: ghl_agency/* }") needs one of them, by --connection, or
runs for each of them in turn with --all. ` + "`patchbay connections ghl_agency`" + ` lists them.

The exit code is 0 only if the run succeeded or was skipped.`,
		Example: `  patchbay run tag-hygiene --sandbox
  patchbay run weekly-report --input channel='#marketing' --input recipients='[grace@example.com]'
  patchbay run qwilr-page-accepted --event accepted.json --sandbox
  patchbay run new-contact --connection ghl_agency/ve9EPM428h8vShlRW1KT
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
	c.Flags().StringVar(&f.connection, "connection", "", "the `account` to run for, as agency/id, of a flow that runs for many")
	c.Flags().BoolVar(&f.all, "all", false, "run for each account in turn")
	c.MarkFlagsMutuallyExclusive("connection", "all")
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
	request := console.StartRequest{Inputs: inputs, Trigger: f.trigger, Connection: f.connection}
	if event != nil {
		request.Event = event
	}
	if !f.all {
		return a.runOnce(ctx, c, flow, request, f)
	}
	return a.runAll(ctx, c, flow, request, f)
}

// runAll runs a flow for each account of the sign-in it names, and goes on
// where it fails for one.
func (a *app) runAll(ctx context.Context, c *client, flow console.Flow, request console.StartRequest, f runFlags) error {
	agency := ""
	for _, connection := range flow.Uses {
		if written, account := program.SplitMember(connection); account == "*" {
			agency = written
		}
	}
	if agency == "" {
		return usagef("leave out --all", "the flow %q does not run for the accounts of a sign-in", flow.ID)
	}
	members, err := a.membersOf(ctx, c, agency, false)
	if err != nil {
		return err
	}
	var failed error
	for _, m := range members {
		if !m.Left.IsZero() {
			continue
		}
		request.Connection = m.Connection
		err := a.runOnce(ctx, c, flow, request, f)
		if err != nil && !errors.Is(err, errSaid) {
			return err
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		return errSaid
	}
	return nil
}

// runOnce starts a run and watches it to its end.
func (a *app) runOnce(ctx context.Context, c *client, flow console.Flow, request console.StartRequest, f runFlags) error {
	id := flow.ID
	var started console.StartAnswer
	if err := c.post(ctx, "/flows/"+url.PathEscape(id)+"/runs", request, &started); err != nil {
		return err
	}
	if !f.asJSON {
		fmt.Fprintf(a.Stdout, "run %d of %s%s\n", started.Run, id, forAccount(request.Connection))
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
	var err error
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

// forAccount says for which account something is done, behind its name.
func forAccount(connection string) string {
	if connection == "" {
		return ""
	}
	return " for " + connection
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
