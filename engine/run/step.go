package run

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// steps goes through steps one after the other.
func (x *execution) steps(ctx context.Context, steps []*program.Step, f *frame) *end {
	for _, s := range steps {
		if e := x.interrupted(ctx); e != nil {
			return e
		}
		if e := x.step(ctx, s, f); e != nil {
			return e
		}
	}
	return nil
}

// interrupted returns the end of a walk that must not go on to another step.
func (x *execution) interrupted(ctx context.Context) *end {
	select {
	case <-x.runner.stopping:
		return abort(errStopping)
	case <-ctx.Done():
		return cut(ctx)
	default:
		return x.overtime()
	}
}

// overtime returns the end of a run that was worked on longer than its flow
// allows. What it waited does not count, and the step under way is brought to
// its end first: what it sends is not left halfway.
func (x *execution) overtime() *end {
	if x.flow.RunTime == 0 || x.cleaning || x.worked() <= x.flow.RunTime {
		return nil
	}
	e := broken("the run took longer than the flow allows: limits.run_time is %s", x.flow.RunTime)
	e.final = true
	return e
}

// step passes by a step that has an outcome, and does the others.
func (x *execution) step(ctx context.Context, s *program.Step, f *frame) *end {
	path := f.path + s.Path
	f.set("steps", s.ID, nil)
	f.last = nil
	past, known := x.state.Step(path)
	if known {
		if e, over := x.passBy(s, f, past); over {
			return e
		}
	}
	// Where the step was begun before, its condition was true.
	if !known {
		if skip, e := x.skips(s, f, path); skip || e != nil {
			return e
		}
	}
	return x.settle(x.perform(ctx, s, f, path), s, f, path)
}

// passBy takes over the outcome that the journal has for a step. It reports
// whether there is nothing more to do about it.
func (x *execution) passBy(s *program.Step, f *frame, past *journal.StepState) (*end, bool) {
	if past.Outcome == journal.Done && len(s.Branches) > 0 {
		// What its branches gave is found again by walking through them.
		f.set("steps", s.ID, past.Output)
		return nil, false
	}
	if past.Ended() {
		f.now = past.EndedAt
	}
	switch past.Outcome {
	case journal.Done:
		f.set("steps", s.ID, past.Output)
		f.last = past.Output
		return x.ended(s, past.Reason), true
	case journal.Skipped:
		return nil, true
	case journal.Caught:
		x.caught(s, f, past.Failure, past.Path)
		return nil, true
	case journal.Failed:
		return &end{kind: failed, failure: past.Failure}, true
	default:
		return nil, false
	}
}

// ended returns the end that a stop or fail step stands for.
func (x *execution) ended(s *program.Step, reason string) *end {
	switch s.Kind {
	case program.DoStop:
		return &end{kind: stopped, reason: reason}
	default:
		return nil
	}
}

// skips evaluates the `if` of a step.
func (x *execution) skips(s *program.Step, f *frame, path string) (bool, *end) {
	if s.If == nil {
		return false, nil
	}
	env := x.env(f, s.Path)
	ok, err := s.If.EvalBool(env)
	if err != nil {
		return false, x.settle(&end{kind: failed, failure: value.Fail(value.ClassInvalid, "if: %s", err)}, s, f, path)
	}
	if ok {
		return false, nil
	}
	f.now = x.record(journal.Event{Kind: journal.Skipped, Path: path, Text: s.If.Explain(env)})
	return true, nil
}

// settle decides what a failed step means for the steps after it.
func (x *execution) settle(e *end, s *program.Step, f *frame, path string) *end {
	if e == nil || e.kind != failed {
		return e
	}
	if e.failure.Step == "" {
		e.failure.Step = path
	}
	if s.Continue && !e.final {
		f.now = x.record(journal.Event{Kind: journal.Caught, Path: path, Failure: e.failure})
		x.caught(s, f, e.failure, path)
		return nil
	}
	f.now = x.record(journal.Event{Kind: journal.Failed, Path: path, Failure: e.failure})
	return e
}

// caught lets the run go on behind the failure of a step or a turn.
func (x *execution) caught(s *program.Step, f *frame, failure *value.Failure, path string) {
	f.set("failures", s.ID, errorValue(failure))
	x.mu.Lock()
	defer x.mu.Unlock()
	x.partly = true
	x.undone = x.undone || !x.state.Dismissed(path)
}

// errTime ends a step that has steps inside when its time is over.
var errTime = errors.New("the time of the step is over")

// perform does the step, within its time if it has one. An action minds its
// time itself: it is that of one attempt.
func (x *execution) perform(ctx context.Context, s *program.Step, f *frame, path string) *end {
	if s.Timeout == 0 || s.Kind == program.DoAction {
		return x.do(ctx, s, f, path)
	}
	timed, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTime)
	defer cancel()
	e := x.do(timed, s, f, path)
	if e == nil || e.kind != timedOut {
		return e
	}
	if ctx.Err() != nil {
		return cut(ctx)
	}
	return &end{kind: failed, failure: value.Fail(value.ClassTransient, "the step took longer than its timeout of %s", s.Timeout)}
}

// cut is the end of what ctx does not let go on.
func cut(ctx context.Context) *end {
	if errors.Is(context.Cause(ctx), errTime) {
		return &end{kind: timedOut, err: errTime}
	}
	return abort(ctx.Err())
}

// do does what the step says.
func (x *execution) do(ctx context.Context, s *program.Step, f *frame, path string) *end {
	switch s.Kind {
	case program.DoAction:
		return x.action(ctx, s, f, path)
	case program.DoSet:
		return x.set(s, f, path)
	case program.DoForEach:
		return x.forEach(ctx, s, f, path)
	case program.DoParallel:
		return x.parallel(ctx, s, f, path)
	case program.DoSwitch:
		return x.choose(ctx, s, f, path)
	case program.DoCall:
		return x.call(ctx, s, f, path)
	case program.DoWait:
		return x.wait(s, f, path, time.Now().Add(s.Wait))
	case program.DoWaitUntil:
		return x.waitUntil(s, f, path)
	case program.DoWaitFor:
		return x.waitFor(ctx, s, f, path)
	case program.DoApprove:
		return x.approve(ctx, s, f, path)
	case program.DoStop, program.DoFail:
		return x.stop(s, f, path)
	default:
		// unreachable: the checker lets no other kind through.
		return broken("a step of the kind %q cannot be run", s.Kind)
	}
}

// broken is the end of a step that is wrong in itself.
func broken(format string, args ...any) *end {
	return &end{kind: failed, failure: value.Fail(value.ClassInvalid, format, args...)}
}

// done notes that a step ended well, and what it gave.
func (x *execution) done(s *program.Step, f *frame, path string, output any) *end {
	f.now = x.record(journal.Event{Kind: journal.Done, Path: path, Data: output})
	f.set("steps", s.ID, output)
	f.last = output
	return nil
}

func (x *execution) set(s *program.Step, f *frame, path string) *end {
	out := make(map[string]any, len(s.Set))
	for _, n := range s.Set {
		v, err := n.Value.Eval(x.env(f, s.Path+"."+n.Name))
		if err != nil {
			return broken("%s: %s", n.Name, err)
		}
		out[n.Name] = v
	}
	return x.done(s, f, path, x.state.Edited(path, out))
}

func (x *execution) stop(s *program.Step, f *frame, path string) *end {
	v, err := s.Reason.Eval(x.env(f, s.Path))
	if err != nil {
		return broken("%s: %s", s.Kind, err)
	}
	reason, _ := v.(string)
	if s.Kind == program.DoFail {
		return broken("%s", reason)
	}
	f.now = x.record(journal.Event{Kind: journal.Done, Path: path, Text: reason})
	return &end{kind: stopped, reason: reason}
}

// wait lets time pass until the given moment, or the one the journal holds.
func (x *execution) wait(s *program.Step, f *frame, path string, until time.Time) *end {
	if past, ok := x.state.Step(path); ok && !past.NotBefore.IsZero() {
		until = past.NotBefore
	} else {
		x.record(journal.Event{Kind: journal.Waiting, Path: path, Until: until})
	}
	if time.Now().Before(until) {
		return &end{kind: suspended, until: until}
	}
	return x.done(s, f, path, nil)
}

func (x *execution) waitUntil(s *program.Step, f *frame, path string) *end {
	v, err := s.WaitUntil.Eval(x.env(f, s.Path))
	if err != nil {
		return broken("wait_until: %s", err)
	}
	text, _ := v.(string)
	until, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return broken("wait_until: %q is not a point in time", text)
	}
	return x.wait(s, f, path, until)
}

// choose goes through the first branch whose condition is true.
func (x *execution) choose(ctx context.Context, s *program.Step, f *frame, path string) *end {
	for _, b := range s.Branches {
		for _, inner := range b.Steps {
			f.set("steps", inner.ID, nil)
		}
	}
	for _, b := range s.Branches {
		if b.If != nil {
			ok, err := b.If.EvalBool(x.env(f, s.Path+"."+b.Path))
			if err != nil {
				return broken("if: %s", err)
			}
			if !ok {
				continue
			}
		}
		in := f.inner(path + "." + b.Path + ".")
		if e := x.steps(ctx, b.Steps, in); e != nil {
			return e
		}
		f.merge(in)
		break
	}
	return x.finishBranches(s, f, path)
}

// finishBranches notes the end of a step with branches, once.
func (x *execution) finishBranches(s *program.Step, f *frame, path string) *end {
	if past, ok := x.state.Step(path); ok && past.Outcome == journal.Done {
		f.now = past.EndedAt
		return nil
	}
	return x.done(s, f, path, nil)
}

// parallel goes through all branches side by side.
func (x *execution) parallel(ctx context.Context, s *program.Step, f *frame, path string) *end {
	frames := make([]*frame, len(s.Branches))
	ends := make([]*end, len(s.Branches))
	var wg sync.WaitGroup
	for i, b := range s.Branches {
		frames[i] = f.inner(path + "." + b.Path + ".")
		wg.Go(func() { ends[i] = x.steps(ctx, b.Steps, frames[i]) })
	}
	wg.Wait()
	if e := first(ends); e != nil {
		return e
	}
	for _, in := range frames {
		f.merge(in)
	}
	return x.finishBranches(s, f, path)
}

// first returns the end that counts of several that happened side by side: an
// abort before anything else, then what is unsettled, then the end of the time,
// then waits (the earliest), then failures and stops: while one branch waits,
// the run has not ended yet.
func first(ends []*end) *end {
	var out *end
	for _, kind := range []endKind{aborted, unsettled, timedOut, suspended, failed, stopped} {
		for _, e := range ends {
			if e == nil || e.kind != kind {
				continue
			}
			switch {
			case out == nil:
				out = e
			case kind == suspended:
				out = sooner(out, e)
			}
		}
		if out != nil {
			return out
		}
	}
	return nil
}

// sooner returns the end of two waits side by side: the time of the one that is
// over first, and that a connection is waited for, for which somebody has to do
// something.
func sooner(a, b *end) *end {
	if a.until.IsZero() || !b.until.IsZero() && b.until.Before(a.until) {
		a, b = b, a
	}
	if a.paused != "" || b.paused == "" {
		return a
	}
	both := *a
	both.paused, both.reason = b.paused, b.reason
	return &both
}

// forEach goes through the steps of a loop once for each item.
func (x *execution) forEach(ctx context.Context, s *program.Step, f *frame, path string) *end {
	v, err := s.ForEach.Eval(x.env(f, s.Path))
	if err != nil {
		return broken("for_each: %s", err)
	}
	items, ok := v.([]any)
	if !ok {
		return broken("for_each: a list is needed, and this is none")
	}
	turns := newTurns(x, s, f, path, items)
	turns.run(ctx)
	if e := first(turns.ends); e != nil {
		return e
	}
	return x.done(s, f, path, turns.outputs())
}

// turns are the turns of a loop.
type turns struct {
	x     *execution
	s     *program.Step
	f     *frame
	path  string
	items []any

	ends []*end
	out  []any
	good []bool
}

func newTurns(x *execution, s *program.Step, f *frame, path string, items []any) *turns {
	return &turns{
		x: x, s: s, f: f, path: path, items: items,
		ends: make([]*end, len(items)), out: make([]any, len(items)), good: make([]bool, len(items)),
	}
}

// run goes through the turns, AtOnce of them at a time. Where a turn ends the
// run, or waits for a connection that all need, no further one is begun.
func (t *turns) run(ctx context.Context) {
	slots := make(chan struct{}, max(t.s.AtOnce, 1))
	var wg sync.WaitGroup
	var mu sync.Mutex
	over := false
	for i := range t.items {
		slots <- struct{}{}
		mu.Lock()
		stop := over
		mu.Unlock()
		if stop || ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			t.ends[i] = t.turn(ctx, i)
			if e := t.ends[i]; e != nil && (e.kind != suspended || e.paused != "") {
				mu.Lock()
				over = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		t.ends = append(t.ends, cut(ctx))
	}
}

func (t *turns) turn(ctx context.Context, i int) *end {
	path := t.path + "[" + strconv.Itoa(i) + "]"
	if past, ok := t.x.state.Step(path); ok && past.Outcome == journal.Caught {
		t.x.caught(&program.Step{}, t.f, past.Failure, path)
		return nil
	}
	in := t.f.inner(path + ".")
	item := t.x.state.Edited(path, t.items[i])
	in.names[t.s.As], in.names["index"] = item, i
	e := t.x.steps(ctx, t.s.Steps, in)
	switch {
	case e == nil:
		t.good[i], t.out[i] = true, in.last
		return nil
	case e.kind == failed && t.s.Collect && !e.final:
		t.x.record(journal.Event{Kind: journal.Caught, Path: path, Failure: e.failure, Data: item})
		t.x.caught(&program.Step{}, in, e.failure, path)
		return nil
	}
	return e
}

// outputs returns what the good turns gave, in the order of the items.
func (t *turns) outputs() []any {
	out := []any{}
	for i, ok := range t.good {
		if ok {
			out = append(out, t.out[i])
		}
	}
	return out
}

// call goes through the steps of another flow, in this run.
func (x *execution) call(ctx context.Context, s *program.Step, f *frame, path string) *end {
	callee, ok := f.flow.Calls[s.Flow]
	if !ok {
		return broken("the flow %q is not part of this version", s.Flow)
	}
	given, err := s.With.Eval(x.env(f, s.Path))
	if err != nil {
		return broken("with: %s", err)
	}
	with, _ := x.state.Edited(path, given).(map[string]any)
	e, output := x.inside(ctx, x.calledFrame(callee, f, path), with)
	if e == nil {
		return x.done(s, f, path, output)
	}
	if e.kind == stopped {
		return broken("%s stopped: %s", callee.Name, e.reason)
	}
	return e
}

// calledFrame returns the names that the expressions of a flow see which a step
// calls.
func (x *execution) calledFrame(callee *program.Flow, f *frame, path string) *frame {
	in := x.topFrame()
	in.flow, in.path, in.now = callee, path+"/", f.now
	in.names["run"] = x.about(callee, in.path)
	in.names["flow"] = map[string]any{"id": callee.ID, "name": callee.Name}
	in.names["connection"] = x.connections(callee)
	in.names["trigger"] = map[string]any{"id": "on_demand", "time": x.run.Created.Format(time.RFC3339Nano)}
	in.names["event"] = map[string]any{}
	return in
}

// inside begins, walks through and leaves a called flow.
func (x *execution) inside(ctx context.Context, in *frame, with map[string]any) (*end, any) {
	inputs, err := program.FillInputs(in.flow.Inputs, with)
	if err != nil {
		return broken("%s: %s", in.flow.Name, err), nil
	}
	in.names["inputs"] = inputs
	reason, err := x.unmet(in)
	if err != nil {
		return broken("%s: conditions: %s", in.flow.Name, err), nil
	}
	if reason != "" {
		return broken("%s has nothing to do: %s", in.flow.Name, reason), nil
	}
	if _, err := x.vars(in); err != nil {
		return broken("%s: vars: %s", in.flow.Name, err), nil
	}
	e := x.afterwards(ctx, in, x.steps(ctx, in.flow.Steps, in))
	if e != nil {
		return e, nil
	}
	output, err := in.flow.Output.Eval(x.env(in, "output"))
	if err != nil {
		return broken("%s: output: %s", in.flow.Name, err), nil
	}
	return nil, output
}
