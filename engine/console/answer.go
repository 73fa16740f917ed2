package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// question is a write of a run of which nobody knows whether it happened.
type question struct {
	run    journal.Run
	path   string
	action *program.Action // nil where the version of the flow is gone
	use    *program.Use
}

// question returns the open write of a run that an answer is for: the one at
// the path, or the only one.
func (c *Console) question(ctx context.Context, run journal.Run, path string) (*question, *refusal, error) {
	if run.Status != journal.OutcomeUnknown {
		return nil, conflict("", "the run has no open question: it is %s", run.Status), nil
	}
	events, err := c.opt.Store.Events(ctx, run.ID)
	if err != nil {
		return nil, nil, err
	}
	path, message, hint := openStep(path, journal.Fold(events).Unsettled())
	if message != "" {
		return nil, &refusal{http.StatusUnprocessableEntity, message, hint}, nil
	}
	q := &question{run: run, path: path}
	if flow, err := c.opt.Catalog.Definition(ctx, run.Definition); err == nil {
		if at, ok := flow.Standings()[program.WrittenPath(path)]; ok {
			q.action, q.use = at.Action, at.Use
		}
	}
	return q, nil, nil
}

// misfit says why something cannot be what the service answered; "" if it can.
func (q *question) misfit(output any) string {
	switch {
	case q.action == nil:
		return ""
	case q.action.Output.Type == nil:
		return q.action.ID + " brings nothing"
	default:
		return value.MismatchValue(output, q.action.Output.Whole())
	}
}

// result returns what a check found as what the service would have answered:
// as it is, or the only one of a list. The reason says why it cannot be that.
func (q *question) result(found any) (result any, reason string) {
	if found == nil {
		return nil, ""
	}
	reason = q.misfit(found)
	if reason == "" {
		return found, ""
	}
	if list, ok := found.([]any); ok && len(list) == 1 && q.misfit(list[0]) == "" {
		return list[0], ""
	}
	return nil, reason
}

// checkWrite looks with an action that only reads whether a write happened, and
// writes down what it brought.
func (c *Console) checkWrite(w http.ResponseWriter, r *http.Request) { onRun(c, w, r, c.lookAfter) }

func (c *Console) lookAfter(r *http.Request, run journal.Run, req WriteCheckRequest) (WriteCheckAnswer, *refusal, error) {
	q, refused, err := c.question(r.Context(), run, req.Path)
	if refused != nil || err != nil {
		return WriteCheckAnswer{}, refused, err
	}
	if connector, _, _ := strings.Cut(req.Action, "."); req.Connection == "" && q.action != nil && q.action.Connector.ID == connector {
		req.Connection = q.use.In(run.Connection) // the account that was written to
	}
	made, refused := c.toCall(r, CallRequest{Action: req.Action, Connection: req.Connection, With: req.With})
	if refused != nil {
		return WriteCheckAnswer{}, refused, nil
	}
	action := made.Action
	if action.Effect != program.EffectRead {
		return WriteCheckAnswer{}, &refusal{
			http.StatusUnprocessableEntity, fmt.Sprintf("%s cannot be a check: it writes (%s)", action.ID, action.Effect), "choose an action that only reads",
		}, nil
	}
	done := c.callNow(r.Context(), made)
	out := WriteCheckAnswer{Run: run.ID, Path: q.path, Action: action.ID, Output: done.Output, Failure: done.Failure, Request: done.Request}
	e := journal.Event{At: time.Now(), Kind: journal.Checked, Path: q.path, Action: action.ID, Data: done.Output, Request: done.Request, By: req.By}
	if done.Failure != nil {
		e.Text = done.Failure.Message
	} else {
		out.Result, out.Misfit = q.result(done.Output)
	}
	return out, nil, c.opt.Store.Note(r.Context(), run.ID, []journal.Event{e}, false)
}

// settle takes what a person says came of a write without a known outcome.
func (c *Console) settle(w http.ResponseWriter, r *http.Request) { onRun(c, w, r, c.say) }

// say writes down what came of a write, and lets the run go on.
func (c *Console) say(r *http.Request, run journal.Run, req SettleRequest) (SettleAnswer, *refusal, error) {
	q, refused, err := c.question(r.Context(), run, req.Path)
	if refused != nil || err != nil {
		return SettleAnswer{}, refused, err
	}
	e, message := settled(q, req)
	if message != "" {
		return SettleAnswer{}, &refusal{http.StatusUnprocessableEntity, message, ""}, nil
	}
	err = c.opt.Store.Reopen(r.Context(), run.ID, []journal.Event{e})
	if errors.Is(err, journal.ErrNotEnded) {
		return SettleAnswer{}, conflict("", "the question was answered meanwhile"), nil
	}
	return SettleAnswer{Run: run.ID, Path: q.path}, nil, err
}

// openStep returns the step an answer is for; the message says why there is
// none.
func openStep(path string, open []string) (step, message, hint string) {
	switch {
	case path == "" && len(open) == 1:
		return open[0], "", ""
	case path == "" && len(open) > 1:
		return "", fmt.Sprintf("the run asks about %d steps, so path must name one", len(open)), "open steps: " + strings.Join(open, ", ")
	case !slices.Contains(open, path):
		return "", "the step " + strconv.Quote(path) + " has no open question", nearest(path, open, "open steps")
	default:
		return path, "", ""
	}
}

// settled returns the event that writes down an answer; the message says what
// is wrong with the answer.
func settled(q *question, req SettleRequest) (e journal.Event, message string) {
	if req.Happened == nil {
		return e, `"happened" is missing: true if the write happened, false if it did not`
	}
	output, err := value.Normalize(req.Output)
	if err != nil {
		return e, "output: " + err.Error()
	}
	e = journal.Event{At: time.Now(), Kind: journal.Answered, Path: q.path, Text: journal.DidNotHappen, By: req.By}
	switch {
	case !*req.Happened && output != nil:
		return e, "a write that did not happen has no output"
	case !*req.Happened:
		return e, ""
	case output != nil && q.misfit(output) != "":
		return e, "output: " + q.misfit(output)
	}
	e.Text, e.Data = journal.Happened, output
	return e, ""
}
