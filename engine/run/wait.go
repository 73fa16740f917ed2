package run

import (
	"context"
	"maps"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// waitFor waits for an event: those that came since the wait began are held
// against `match`, in the order of their arrival.
func (x *execution) waitFor(ctx context.Context, s *program.Step, f *frame, path string) *end {
	w := s.WaitFor
	past := x.awaited(path)
	if past == nil {
		a := journal.Await{Path: path, Trigger: w.Event.ID, Connection: x.connectionOf(s.Use)}
		if w.Key != nil {
			if key, err := w.Key.Eval(x.env(f, s.Path+".match")); err == nil {
				if a.Key, _ = key.(string); a.Key != "" {
					a.At = w.At
				}
			}
		}
		return x.beginWait(ctx, s, a, w.Event.ID)
	}
	offers, err := x.offers()
	if err != nil {
		return abort(err)
	}
	for _, o := range offers[path] {
		if x.matches(s, f, path, o.Event) {
			e := x.done(s, f, path, o.Event)
			x.over(path)
			return e
		}
		x.looked(o.ID)
	}
	if time.Now().Before(past.NotBefore) {
		return waiting(past.NotBefore, past.Awaits)
	}
	x.over(path)
	if w.Optional {
		return x.done(s, f, path, nil)
	}
	return broken("no event of %s came within %d days", w.Event.ID, int(s.Wait.Hours()/24))
}

// matches reports whether an event is the one that is waited for. One that the
// condition cannot even look into is not.
func (x *execution) matches(s *program.Step, f *frame, path string, event any) bool {
	if s.WaitFor.Match == nil {
		return true
	}
	env := x.env(f, s.Path+".match")
	env.Names = maps.Clone(f.names)
	env.Names["arriving"] = event
	ok, err := s.WaitFor.Match.EvalBool(env)
	if err != nil {
		x.runner.opt.Logger.Warn("match of a wait", "run", x.run.ID, "flow", x.run.Flow, "step", path, "error", err)
	}
	return ok && err == nil
}

// approve waits for a person. Nobody's answer is no.
func (x *execution) approve(ctx context.Context, s *program.Step, f *frame, path string) *end {
	past := x.awaited(path)
	if past == nil {
		what := "an approval"
		if by := s.Approve.By; len(by) > 0 {
			what += " by " + strings.Join(by, " or ")
		}
		return x.beginWait(ctx, s, journal.Await{Path: path}, what)
	}
	offers, err := x.offers()
	if err != nil {
		return abort(err)
	}
	var answer any
	switch {
	case len(offers[path]) > 0:
		answer = offers[path][0].Event
	case time.Now().Before(past.NotBefore):
		return waiting(past.NotBefore, past.Awaits)
	default:
		answer = s.Approve.Unanswered(past.NotBefore)
	}
	e := x.done(s, f, path, answer)
	x.over(path)
	return e
}

// awaited returns what the journal says of a wait that is under way, nil where
// one is to begin: also after a retry, before which it was given up.
func (x *execution) awaited(path string) *journal.StepState {
	past, ok := x.state.Step(path)
	if !ok || past.Awaits == "" || past.AwaitsSince.Before(x.state.RetriedAt) {
		return nil
	}
	return past
}

// beginWait writes down that a step waits. It is on disk at once: what arrives
// from then on is seen, whatever the run does beside it.
func (x *execution) beginWait(ctx context.Context, s *program.Step, a journal.Await, what string) *end {
	until := present().Add(s.Wait)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.recordLocked(journal.Event{Kind: journal.Waiting, Path: a.Path, Until: until, Text: what})
	x.waits.Waits = append(x.waits.Waits, a)
	if err := x.appendLocked(ctx, journal.Progress{Status: journal.Running}); err != nil {
		return abort(err)
	}
	return waiting(until, what)
}

// waiting ends a walk until then, or until what is waited for happens.
func waiting(until time.Time, what string) *end {
	return &end{kind: suspended, until: until, reason: "waits for " + what}
}

// over ends a wait. It is called when the outcome of the step is recorded: on
// disk the wait must not end before there is one.
func (x *execution) over(path string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waits.Over = append(x.waits.Over, path)
}

// looked notes that an offer was looked at and meant nothing.
func (x *execution) looked(offer int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waits.Looked = append(x.waits.Looked, offer)
}

// offers returns what the waiting steps of a run are to look at, by their paths.
func (r *Runner) offers(ctx context.Context, run int64) (map[string][]journal.Offered, error) {
	all, err := r.opt.Offers(ctx, run)
	byPath := map[string][]journal.Offered{}
	for _, o := range all {
		byPath[o.Path] = append(byPath[o.Path], o)
	}
	return byPath, err
}
