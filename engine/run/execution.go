package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// execution is one run while a worker has it.
type execution struct {
	runner *Runner
	run    *journal.Run
	flow   *program.Flow
	state  *journal.State // what the journal said when the run was taken up

	taken    time.Time // when the worker took it up
	cleaning bool      // on_error or finally is under way, which have no limit of time

	mu      sync.Mutex
	pending []journal.Event  // recorded, not yet on disk
	waits   journal.Progress // its waits that begin and end, not yet on disk
	fresh   bool             // pending holds the outcome of a read
	partly  bool             // a loop or a step went on after a failure
	undone  bool             // of these failures there is one that nobody has dismissed

	offers func() (map[string][]journal.Offered, error) // what waiting steps are to look at, by their paths
}

// end is how a walk through steps came to its end before the last step. A nil
// *end means: all steps are through.
type end struct {
	kind    endKind
	reason  string
	final   bool      // of failed: no on_error of a step or loop lets the run go on
	until   time.Time // of suspended; zero where no time ends it
	paused  string    // of suspended: the connection that must be connected first, "" for none
	failure *value.Failure
	err     error
}

type endKind uint8

const (
	stopped   endKind = iota // a stop step
	failed                   // a step failed for good
	suspended                // nothing to do before until, or before paused is connected
	unsettled                // a write without a known outcome
	timedOut                 // the time of a step around this place is over
	aborted                  // the worker must let go: err
)

func abort(err error) *end { return &end{kind: aborted, err: err} }

// frame is what the steps at one place see: the names of expressions, and the
// path of the step around them.
type frame struct {
	flow  *program.Flow
	names map[string]any
	path  string // "" or ends in a separator
	last  any    // what the latest step gave
	// now is what now() answers: when the step before this place came to its
	// end. It stands in the journal, so that a repeat says the same words.
	now time.Time
	// sight is set while a look goes through the steps.
	sight *sight
}

// inner returns a frame whose outputs can be added to without the outer one
// seeing them.
func (f *frame) inner(path string) *frame {
	names := make(map[string]any, len(f.names)+2)
	maps.Copy(names, f.names)
	for _, k := range []string{"steps", "failures"} {
		m := map[string]any{}
		//nolint:forcetypeassert // every frame is made with both maps
		maps.Copy(m, f.names[k].(map[string]any))
		names[k] = m
	}
	return &frame{flow: f.flow, names: names, path: path, now: f.now, sight: f.sight.clone()}
}

func (f *frame) set(name, id string, v any) {
	if id != "" {
		f.names[name].(map[string]any)[id] = v //nolint:forcetypeassert // every frame is made with both maps
	}
}

// merge takes over the outputs of the steps that a branch went through.
func (f *frame) merge(branch *frame) {
	for _, k := range []string{"steps", "failures"} {
		for id, v := range branch.names[k].(map[string]any) { //nolint:forcetypeassert // every frame is made with both maps
			f.set(k, id, v)
		}
	}
	f.sight = branch.sight
}

// walk goes through the whole flow and writes how it ended.
func (x *execution) walk(ctx context.Context) error {
	f := x.topFrame()
	if began, ok := x.state.Data.(map[string]any); ok {
		f.names["inputs"], f.names["vars"], f.now = began["inputs"], began["vars"], x.state.BegunAt
	} else if done, err := x.begin(ctx, f); done || err != nil {
		return err
	}
	e := x.steps(ctx, x.flow.Steps, f)
	e = x.afterwards(ctx, f, e)
	return x.finish(ctx, f, e)
}

// topFrame returns the names that a flow's expressions see at its beginning.
func (x *execution) topFrame() *frame {
	f := &frame{flow: x.flow, names: map[string]any{
		"event":      x.run.Event,
		"trigger":    map[string]any{"id": x.run.Trigger, "time": x.run.Created.Format(time.RFC3339Nano)},
		"inputs":     map[string]any{},
		"vars":       map[string]any{},
		"steps":      map[string]any{},
		"failures":   map[string]any{},
		"run":        x.about(x.flow, ""),
		"flow":       map[string]any{"id": x.flow.ID, "name": x.flow.Name},
		"connection": x.connections(x.flow),
	}}
	return f
}

// about is what `run` is in the expressions of a flow whose steps stand under
// the given path.
func (x *execution) about(flow *program.Flow, path string) map[string]any {
	links := make(map[string]any, len(flow.Links))
	for id, at := range flow.Links {
		links[id] = x.runner.opt.Link(x.run.ID, path+at)
	}
	return map[string]any{"id": strconv.FormatInt(x.run.ID, 10), "url": x.runner.opt.URL(x.run.ID), "links": links}
}

func (x *execution) connections(flow *program.Flow) map[string]any {
	out := map[string]any{}
	for role, use := range flow.Uses {
		if c, ok := x.runner.opt.Connection(x.connectionOf(use)); ok {
			out[role] = c.Fields
		} else {
			out[role] = map[string]any{}
		}
	}
	return out
}

// connectionOf returns the connection a role stands for in this run.
func (x *execution) connectionOf(use *program.Use) string { return use.In(x.run.Connection) }

// begin checks the conditions of the flow and computes its inputs and vars.
// It reports whether the run has ended with that.
func (x *execution) begin(ctx context.Context, f *frame) (bool, error) {
	f.now = present()
	inputs, err := program.FillInputs(x.flow.Inputs, x.run.Inputs)
	if err != nil {
		return true, x.finish(ctx, f, &end{kind: failed, failure: value.Fail(value.ClassInvalid, "%s", err)})
	}
	f.names["inputs"] = inputs
	reason, err := x.unmet(f)
	if err != nil {
		return true, x.finish(ctx, f, &end{kind: failed, failure: value.Fail(value.ClassInvalid, "conditions: %s", err)})
	}
	if reason != "" {
		return true, x.close(ctx, journal.Event{Kind: journal.Ended, Status: journal.SkippedStatus, Text: reason})
	}
	vars, err := x.vars(f)
	if err != nil {
		return true, x.finish(ctx, f, &end{kind: failed, failure: value.Fail(value.ClassInvalid, "vars: %s", err)})
	}
	x.record(journal.Event{At: f.now, Kind: journal.Began, Data: map[string]any{"inputs": inputs, "vars": vars}})
	return false, nil
}

// unmet returns which condition of the flow is not true and why, "" if all are.
func (x *execution) unmet(f *frame) (string, error) {
	env := x.env(f, "conditions")
	for _, c := range f.flow.Conditions {
		ok, err := c.EvalBool(env)
		if err != nil {
			return "", err
		}
		if !ok {
			return c.Explain(env), nil
		}
	}
	return "", nil
}

func (x *execution) vars(f *frame) (map[string]any, error) {
	vars := map[string]any{}
	f.names["vars"] = vars
	for _, v := range f.flow.Vars {
		got, err := v.Value.Eval(x.env(f, "vars."+v.Name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		vars[v.Name] = got
	}
	return vars, nil
}

// afterwards runs on_error behind a failure and finally behind every end. The
// end it returns is that of the run.
func (x *execution) afterwards(ctx context.Context, f *frame, e *end) *end {
	if e != nil && (e.kind == suspended || e.kind == unsettled || e.kind == aborted) {
		return e
	}
	var failure *value.Failure
	if e != nil && e.kind == failed {
		failure = e.failure
	}
	if failure != nil && len(f.flow.OnError) > 0 {
		if later := x.cleanUp(ctx, f, "on_error/", f.flow.OnError, failure); later != nil {
			return later
		}
	}
	if len(f.flow.Finally) > 0 {
		if later := x.cleanUp(ctx, f, "finally/", f.flow.Finally, failure); later != nil {
			return later
		}
	}
	return e
}

// cleanUp runs the steps that follow an end. It returns an end only where the
// run has to wait or to be let go; that one of these steps fails does not
// change how the run ended.
func (x *execution) cleanUp(ctx context.Context, f *frame, path string, steps []*program.Step, failure *value.Failure) *end {
	in := f.inner(f.path + path)
	in.names["error"] = errorValue(failure)
	x.cleaning = true
	e := x.steps(ctx, steps, in)
	if e != nil && (e.kind == suspended || e.kind == unsettled || e.kind == aborted) {
		return e
	}
	return nil
}

// errorValue is what `error` and `failures.<id>` are in an expression.
func errorValue(f *value.Failure) any {
	if f == nil {
		return nil
	}
	v := map[string]any{"message": f.Message, "class": string(f.Class), "step": f.Step, "action": nil, "status": nil}
	if f.Action != "" {
		v["action"] = f.Action
	}
	if f.Status != 0 {
		v["status"] = f.Status
	}
	return v
}

// finish writes how the walk ended: the end of the run, a wait, or nothing.
func (x *execution) finish(ctx context.Context, f *frame, e *end) error {
	if e == nil {
		return x.succeed(ctx, f)
	}
	switch e.kind {
	case stopped:
		return x.close(ctx, journal.Event{Kind: journal.Ended, Status: x.good(), Text: e.reason})
	case failed:
		return x.close(ctx, journal.Event{
			Kind: journal.Ended, Status: journal.FailedStatus, Text: sentence(e.failure), Failure: e.failure,
		})
	case suspended:
		return x.rest(ctx, e)
	case unsettled:
		return x.release(ctx, journal.OutcomeUnknown, time.Time{}, e.reason)
	default:
		if errors.Is(e.err, errStopping) {
			// What was done so far need not be done again.
			if err := x.flush(ctx); err != nil {
				return err
			}
		}
		return e.err
	}
}

func (x *execution) succeed(ctx context.Context, f *frame) error {
	output, err := x.flow.Output.Eval(x.env(f, "output"))
	if err != nil {
		failure := value.Fail(value.ClassInvalid, "output: %s", err)
		return x.finish(ctx, f, &end{kind: failed, failure: failure})
	}
	return x.close(ctx, journal.Event{Kind: journal.Ended, Status: x.good(), Data: output})
}

// good is the status of a run that came to a good end.
func (x *execution) good() journal.Status {
	if x.partly {
		return journal.PartlyFailed
	}
	return journal.Succeeded
}

// sentence says in one line what failed where.
func sentence(f *value.Failure) string {
	if f.Step == "" {
		return f.Message
	}
	return fmt.Sprintf("step %s: %s", f.Step, f.Message)
}

// refuse ends a run whose definition cannot be had.
func (x *execution) refuse(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	failure := value.Fail(value.ClassInvalid, "the version of the flow this run began with cannot be loaded: %s", cause)
	if err := x.close(ctx, journal.Event{Kind: journal.Ended, Status: journal.FailedStatus, Text: failure.Message, Failure: failure}); err != nil {
		return err
	}
	return journal.ErrStaleEpoch // nothing more to do with this run
}

// present is the time of now, as the journal gives it back.
func present() time.Time { return time.Now().Round(0).UTC() }

// record notes an event; it is on disk with the next flush. It returns when
// the event happened.
func (x *execution) record(e journal.Event) time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.recordLocked(e)
}

func (x *execution) recordLocked(e journal.Event) time.Time {
	if e.At.IsZero() {
		e.At = present()
	}
	x.pending = append(x.pending, e)
	if x.runner.opt.Observe != nil {
		x.runner.opt.Observe(x.run, e)
	}
	return e.At
}

// flush brings what was recorded to disk.
func (x *execution) flush(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.pending) == 0 {
		return nil
	}
	return x.appendLocked(ctx, journal.Progress{Status: journal.Running})
}

// appendLocked writes progress. What has happened is written even when the
// worker is told to stop, and tried again while the disk takes nothing: a write
// whose outcome is lost would have to be asked about.
func (x *execution) appendLocked(ctx context.Context, p journal.Progress) error {
	p.Run, p.Epoch, p.Events = x.run.ID, x.run.Epoch, x.pending
	p.Waits, p.Over, p.Looked = x.waits.Waits, x.waits.Over, x.waits.Looked
	giveUp := time.Now().Add(unwritten)
	for {
		err := x.runner.opt.Store.Append(context.WithoutCancel(ctx), p)
		if errors.Is(err, journal.ErrUnavailable) && ctx.Err() == nil && time.Now().Before(giveUp) {
			select {
			case <-ctx.Done():
			case <-time.After(pauseUnwritten):
			}
			continue
		}
		if err != nil {
			return err
		}
		x.pending, x.waits, x.fresh = nil, journal.Progress{}, false
		return nil
	}
}

// close writes the end of the run.
func (x *execution) close(ctx context.Context, e journal.Event) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.recordLocked(e)
	return x.appendLocked(ctx, journal.Progress{
		Status: e.Status, Reason: e.Text, Output: e.Data, Dismissed: e.Status == journal.PartlyFailed && !x.undone,
	})
}

// rest gives the run back until it is time to go on, or until a connection is
// connected.
func (x *execution) rest(ctx context.Context, e *end) error {
	err := x.release(ctx, journal.WaitingStatus, e.until, e.reason)
	if err == nil && e.paused != "" && x.runner.opt.Paused != nil {
		// It may be connected since the step was refused.
		x.runner.opt.Paused()
	}
	return err
}

// release gives the run back until something happens.
func (x *execution) release(ctx context.Context, s journal.Status, due time.Time, reason string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	// What was known already need not be said again: a run may be shown many
	// events that are not the one it waits for.
	known := len(x.pending) == 0 && x.state.Status == journal.WaitingStatus && x.state.NotBefore.Equal(due)
	if s == journal.WaitingStatus && !known {
		x.recordLocked(journal.Event{Kind: journal.Waiting, Until: due, Worked: x.worked()})
	}
	return x.appendLocked(ctx, journal.Progress{Status: s, Due: due, Reason: reason})
}

// worked returns how long the run has been worked on so far, which is not what
// it waited.
func (x *execution) worked() time.Duration { return x.state.Worked + time.Since(x.taken) }

// env is what an expression at this place is evaluated with.
func (x *execution) env(f *frame, place string) *expr.Env {
	return &expr.Env{
		Names: f.names, Now: f.now,
		Place: x.runner.opt.Identity + "/" + strconv.FormatInt(x.run.ID, 10) + "/" + f.path + place,
	}
}
