package run

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// action makes the call of a step, as often as the failures it meets and the
// nature of the action allow.
func (x *execution) action(ctx context.Context, s *program.Step, f *frame, path string) *end {
	a := &attempts{x: x, s: s, path: path, policy: policyOf(s)}
	if past, ok := x.state.Step(path); ok {
		a.made, a.waits = past.Attempts-past.Limited, past.Attempts
		if e := a.resume(past); e != nil {
			return e
		}
	}
	c, e := a.prepare(f)
	if e != nil {
		return e
	}
	for {
		output, e, again := a.once(ctx, f, c)
		if again {
			continue
		}
		if e != nil {
			return e
		}
		f.set("steps", s.ID, output)
		f.last = output
		return nil
	}
}

// attempts are the attempts at one step.
type attempts struct {
	x      *execution
	s      *program.Step
	path   string
	policy program.Retry
	made   int // attempts that used up a try
	waits  int // attempts in all, for the growth of the wait
	intent time.Time
	doubt  *value.Failure // why an earlier attempt may have happened, nil if none may
}

// policyOf returns how a step is tried again where nothing else is said:
// three times, after 1 s, growing.
func policyOf(s *program.Step) program.Retry {
	p := program.Retry{Max: 3, Wait: time.Second}
	if s.Retry != nil {
		p = *s.Retry
		if p.Wait == 0 {
			p.Wait = time.Second
		}
	}
	return p
}

// resume decides about a step that a worker left in the middle.
func (a *attempts) resume(past *journal.StepState) *end {
	if wait := time.Until(past.NotBefore); wait > 0 {
		return &end{kind: suspended, until: past.NotBefore}
	}
	if past.Failure != nil && past.Failure.Reconnect != "" {
		a.x.over(a.path)
	}
	a.intent, a.doubt = past.FirstIntent, past.Doubt
	if past.Unsettled() {
		a.doubt = journal.Interrupted()
	}
	switch {
	case a.doubt == nil, a.mayRepeat(time.Now()):
		return nil
	case past.Unsettled():
		return a.unknown(a.doubt.Message)
	default:
		// The next attempt was meant to come while the vendor knew the key.
		return a.reopen(nil)
	}
}

// mayRepeat reports whether a request whose outcome is unknown may be sent
// again at that time: where a repeat changes nothing, or the vendor still
// knows its key.
func (a *attempts) mayRepeat(at time.Time) bool {
	action := a.s.Action
	if action.Repeatable() {
		return true
	}
	return action.Repeat.Keyed() && at.Sub(a.intent) < action.Repeat.For
}

// reopen puts the intent behind an attempt again: what came of it, or of one
// before it, is open.
func (a *attempts) reopen(sent *journal.Exchange) *end {
	a.x.record(journal.Event{Kind: journal.Intent, Path: a.path, Action: a.s.Action.ID, Attempt: a.waits, Request: sent})
	return a.unknown(a.doubt.Message)
}

func (a *attempts) unknown(why string) *end {
	return &end{kind: unsettled, reason: "step " + a.path + ": " + a.s.Action.ID + " may or may not have happened: " + why}
}

// prepare evaluates the inputs of the call.
func (a *attempts) prepare(f *frame) (Call, *end) {
	s := a.s
	with, err := s.With.Eval(a.x.env(f, s.Path))
	if err != nil {
		return Call{}, broken("%s: with: %s", s.Action.ID, err)
	}
	with = a.x.state.Edited(a.path, with)
	c := Call{Action: s.Action, Flow: a.x.run.Flow, Run: a.x.run.ID, Path: a.place()}
	c.Input, _ = with.(map[string]any)
	if s.Action.Repeat.Keyed() {
		c.Key = a.key()
	}
	name := a.x.connectionOf(s.Use)
	if name == "" && !s.Use.Every() {
		return c, nil
	}
	conn, ok := a.x.runner.opt.Connection(name)
	var failure *value.Failure
	switch gone := conn.Gone(); {
	case name == "":
		failure = value.Fail(value.ClassInvalid, "the flow runs for one account of %q at a time, and this run is about none", s.Use.Written())
	case !ok:
		failure = value.Fail(value.ClassAuth, "there is no connection %q any more", name)
		failure.Reconnect = name
	case gone != "":
		failure = value.Fail(value.ClassForbidden, "%s", gone)
		failure.Reconnect = name
	}
	if failure != nil {
		failure.Action = s.Action.ID
		if failure.Reconnect != "" {
			a.waits++
			return Call{}, a.pause(failure, nil)
		}
		return Call{}, &end{kind: failed, failure: failure}
	}
	c.Connection = conn
	return c, nil
}

// place is the path of the step, with the number of its retries behind it: what
// a person wants done once more is no repeat that changes nothing.
func (a *attempts) place() string {
	if n := a.x.state.Retries(a.path); n > 0 {
		return a.path + "~" + strconv.Itoa(n)
	}
	return a.path
}

// key is the idempotency key of the step: a UUID made of the hash of data
// folder, run and place, so that every repeat carries the same one.
func (a *attempts) key() string {
	return value.UUID(a.x.runner.opt.Identity + "/" + strconv.FormatInt(a.x.run.ID, 10) + "/" + a.place())
}

// once makes one attempt. It reports whether another follows at once.
func (a *attempts) once(ctx context.Context, f *frame, c Call) (any, *end, bool) {
	if e := a.ready(ctx, c); e != nil {
		return nil, e, false
	}
	attempt, cancel := a.limited(ctx)
	output, sent, err := a.x.runner.opt.Call(attempt, c)
	cancel()
	if ctx.Err() != nil && err != nil && !errors.Is(context.Cause(ctx), errTime) {
		// The engine is stopping: the intent, if there is one, tells the next
		// worker what was under way.
		return nil, abort(ctx.Err()), false
	}
	a.waits++
	if err != nil {
		e, again := a.failed(ctx, failureOf(err, c.Action), sent)
		return nil, e, again
	}
	return output, a.succeeded(ctx, f, output, sent), false
}

// limited returns the context of one attempt: it has the time of the step, and
// where an earlier attempt may have happened no longer than the vendor knows the
// key, so that it does not wait for a place in a limit and is sent after that.
func (a *attempts) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	var until time.Time
	if a.s.Timeout > 0 {
		until = time.Now().Add(a.s.Timeout)
	}
	if a.doubt != nil && !a.s.Action.Repeatable() {
		if known := a.intent.Add(a.s.Action.Repeat.For); until.IsZero() || known.Before(until) {
			until = known
		}
	}
	if until.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, until)
}

func failureOf(err error, action *program.Action) *value.Failure {
	failure := new(value.Failure)
	if !errors.As(err, &failure) {
		failure = value.Fail(value.ClassUnknown, "%s", err)
	}
	own := *failure
	if own.Action == "" {
		own.Action = action.ID
	}
	return &own
}

// ready brings to disk what must be there before the request is sent.
func (a *attempts) ready(ctx context.Context, c Call) *end {
	if c.Action.Effect == program.EffectRead {
		return nil
	}
	if !c.Action.Repeatable() {
		if err := a.intend(ctx, c); err != nil {
			return abort(err)
		}
		return nil
	}
	a.x.mu.Lock()
	fresh := a.x.fresh
	a.x.mu.Unlock()
	if !fresh {
		// Nothing the request depends on could come out otherwise if it were
		// done again.
		return nil
	}
	if err := a.x.flush(ctx); err != nil {
		return abort(err)
	}
	return nil
}

// intend writes down that a request that must not be repeated blindly is
// about to be sent.
func (a *attempts) intend(ctx context.Context, c Call) error {
	request, err := a.x.runner.opt.Prepare(ctx, c)
	if err != nil {
		request = nil // the attempt itself will tell what is wrong
	}
	if a.intent.IsZero() {
		a.intent = time.Now()
	}
	a.x.record(journal.Event{
		Kind: journal.Intent, Path: a.path, Action: c.Action.ID, Attempt: a.waits + 1, Request: request,
	})
	return a.x.flush(ctx)
}

func (a *attempts) succeeded(ctx context.Context, f *frame, output any, sent *journal.Exchange) *end {
	e := journal.Event{
		Kind: journal.Done, Path: a.path, Action: a.s.Action.ID, Attempt: a.waits, Data: output, Request: sent,
	}
	a.x.mu.Lock()
	f.now = a.x.recordLocked(e)
	if a.s.Action.Effect == program.EffectRead {
		a.x.fresh = true
	}
	a.x.mu.Unlock()
	if a.s.Action.Repeatable() {
		return nil
	}
	if err := a.x.flush(ctx); err != nil {
		return abort(err)
	}
	return nil
}

// failed decides what follows a failed attempt: another one at once, a wait, a
// question to a person, or the failure of the step.
func (a *attempts) failed(ctx context.Context, failure *value.Failure, sent *journal.Exchange) (*end, bool) {
	failure.Step = a.path
	a.doubt = journal.Doubt(a.doubt, failure)
	if failure.Reconnect != "" {
		return a.pause(failure, sent), false
	}
	now := time.Now()
	until := now.Add(a.backoff())
	if failure.NotBefore.After(until) || notSent(failure) {
		until = failure.NotBefore
	}
	again := a.again(failure)
	if a.doubt != nil && !a.s.Action.Repeatable() && (!again || !a.mayRepeat(until)) {
		a.x.record(journal.Event{Kind: journal.Tried, Path: a.path, Action: a.s.Action.ID, Attempt: a.waits, Failure: failure, Request: sent})
		return a.reopen(sent), false
	}
	if !again {
		return &end{kind: failed, failure: failure}, false
	}
	a.x.record(journal.Event{
		Kind: journal.Tried, Path: a.path, Action: a.s.Action.ID, Attempt: a.waits, Failure: failure, Until: until, Request: sent,
	})
	if until.Sub(now) > inline {
		return &end{kind: suspended, until: until}, false
	}
	select {
	case <-a.x.runner.stopping:
		return abort(errStopping), false
	case <-ctx.Done():
		return cut(ctx), false
	case <-time.After(until.Sub(now)):
		return nil, true
	}
}

// pause has the run wait until a connection is connected, without using up a
// try: nothing else would help. The step goes on where it is.
func (a *attempts) pause(failure *value.Failure, sent *journal.Exchange) *end {
	failure.Step = a.path
	x, name := a.x, failure.Reconnect
	x.mu.Lock()
	defer x.mu.Unlock()
	x.recordLocked(journal.Event{
		Kind: journal.Tried, Path: a.path, Action: a.s.Action.ID, Attempt: a.waits, Failure: failure, Request: sent,
	})
	x.waits.Waits = append(x.waits.Waits, journal.Await{Path: a.path, Connection: name})
	return &end{kind: suspended, paused: name, reason: "paused until " + name + " is connected: " + failure.Message}
}

// notSent reports whether a rate limit that is known here held the call back. It
// gave the call a time at which there is room, and no service was asked in vain.
func notSent(f *value.Failure) bool {
	return f.Class == value.ClassRateLimit && f.Status == 0 && !f.NotBefore.IsZero()
}

// again reports whether the failure leaves room for another attempt, and
// counts it. Waiting for a rate limit uses up no try.
func (a *attempts) again(failure *value.Failure) bool {
	switch failure.Class {
	case value.ClassRateLimit:
		return true
	case value.ClassTransient:
		a.made++
		return a.made <= a.policy.Max
	default:
		return false
	}
}

// longestWait is how far the wait between two attempts grows.
const longestWait = 5 * time.Minute

// backoff returns how long to wait before the next attempt: the wait doubles
// with each one, and a random part of it spreads those who wait together.
func (a *attempts) backoff() time.Duration {
	wait := a.policy.Wait
	if !a.policy.Fixed {
		wait = min(wait<<min(max(a.waits-1, 0), 16), longestWait)
	}
	return wait/2 + rand.N(wait/2+1)
}
