package trigger

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// failurePage is how many failed runs are looked at in one transaction.
const failurePage = 100

// FailureStore is what [Failures] read.
type FailureStore interface {
	// FailedRuns returns up to limit runs that failed behind a position, in
	// the order in which they did.
	FailedRuns(ctx context.Context, behind int64, limit int) ([]journal.FailedRun, error)
	// LastFailure returns the position of the newest failure, 0 if there was
	// none.
	LastFailure(ctx context.Context) (int64, error)
	// EventsOf returns the journal of a failed run as it was when it failed.
	EventsOf(ctx context.Context, f journal.FailedRun) ([]journal.Event, error)
	// RunByID returns a run with its event, or [journal.ErrNoRun].
	RunByID(ctx context.Context, id int64) (journal.Run, error)
}

// FailureOptions are what [Failures] work with. All are required.
type FailureOptions struct {
	Intake

	Store  FailureStore
	Notify <-chan struct{}       // receives when a run may have failed
	URL    func(id int64) string // the address of a run's page
}

// Failures starts runs because runs of other flows failed.
//
// The cursor of such a trigger is the position of the last failure that was
// looked at, which moves in the transaction that queues the runs. One that is
// new, watches another flow than before, or was switched off begins with the
// next failure.
//
// No flow is started by a failure that it caused: not by those of its own
// runs, nor by those of a run that a failure of its own started, by way of
// whatever others. A trigger for all flows leaves out every run that a failure
// started, so that two of them do not feed each other.
type Failures struct {
	opt     FailureOptions
	log     *slog.Logger
	changed chan struct{}

	// watches are the triggers at work, paused those of flows that are
	// switched off, as far as the store knows it. Only Run touches them.
	watches map[place]*watch
	paused  map[place]bool
}

// watch is how far a trigger has come among the failures.
type watch struct {
	of string // the flow it watches
	at int64
}

// NewFailures returns failures that start nothing until Run.
func NewFailures(opt FailureOptions) *Failures {
	return &Failures{
		opt: opt, log: opt.log(), changed: make(chan struct{}, 1),
		watches: map[place]*watch{}, paused: map[place]bool{},
	}
}

// Refresh says that something else is live now.
func (f *Failures) Refresh() { signal(f.changed) }

// Run starts runs until ctx ends. It always returns nil.
func (f *Failures) Run(ctx context.Context) error {
	troubles := 0
	for {
		pause := longestSleep
		if f.turn(ctx) {
			troubles = 0
		} else {
			troubles++
			pause = min(time.Second<<min(troubles-1, 6), longestSleep)
		}
		wake := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-f.changed:
		case <-f.opt.Notify:
		case <-wake.C:
		}
		wake.Stop()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is the end of the work, not an error
		}
	}
}

// Begin sees to all triggers once, so that a trigger that is new then misses
// nothing which fails from then on. It must not be called during Run.
func (f *Failures) Begin(ctx context.Context) { f.turn(ctx) }

// turn brings the watches in line with what is live and starts what is to be
// started. It reports whether all went well; what did not is tried again by
// the next turn.
func (f *Failures) turn(ctx context.Context) bool {
	set := f.opt.Live()
	live := map[place]bool{}
	well := true
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		flow := set.Flows[id]
		for _, t := range flow.Triggers {
			if t.FlowFailed == "" {
				continue
			}
			at := place{flow: flow.ID, trigger: t.ID}
			live[at] = true
			if err := f.tend(ctx, set, flow, t); err != nil && ctx.Err() == nil {
				well = false
				f.log.Error("watch failures", "flow", flow.ID, "trigger", t.ID, "error", err)
			}
		}
	}
	gone := func(at place) bool { return !live[at] }
	maps.DeleteFunc(f.watches, func(at place, _ *watch) bool { return gone(at) })
	maps.DeleteFunc(f.paused, func(at place, _ bool) bool { return gone(at) })
	return well
}

// tend sees to one trigger: it rests, begins, or goes on behind the failure it
// looked at last.
func (f *Failures) tend(ctx context.Context, set *program.Set, flow *program.Flow, t *program.FlowTrigger) error {
	at := place{flow: flow.ID, trigger: t.ID}
	if !flow.Enabled {
		return f.pause(ctx, at)
	}
	delete(f.paused, at)
	w := f.watches[at]
	if w == nil || w.of != t.FlowFailed {
		begun, err := f.begin(ctx, at, t.FlowFailed)
		if err != nil {
			return err
		}
		w = &watch{of: t.FlowFailed, at: begun}
		f.watches[at] = w
	}
	for {
		found, err := f.opt.Store.FailedRuns(ctx, w.at, failurePage)
		if err != nil || len(found) == 0 {
			return err
		}
		arrivals, err := f.arrivals(ctx, set, flow, t, found)
		if err != nil {
			return err
		}
		last := found[len(found)-1].Position
		if _, err := f.opt.Accept(ctx, arrivals, w.position(last).cursor(at)); err != nil {
			return err
		}
		w.at = last
	}
}

// position returns where the watch stands at a failure.
func (w *watch) position(at int64) position { return position{at: int(at), of: w.of} }

// pause notes that the trigger's flow is switched off.
func (f *Failures) pause(ctx context.Context, at place) error {
	delete(f.watches, at)
	if f.paused[at] {
		return nil
	}
	if err := f.opt.pause(ctx, at); err != nil {
		return err
	}
	f.paused[at] = true
	return nil
}

// begin returns the failure behind which a trigger goes on: the one it looked
// at last, or the newest.
func (f *Failures) begin(ctx context.Context, at place, of string) (int64, error) {
	v, begun, err := f.opt.Cursor(ctx, at.flow, at.trigger, "")
	if err != nil {
		return 0, err
	}
	p := positionOf(v)
	if known, ok := p.at.(int); ok && begun && !p.paused && p.of == of {
		return int64(known), nil
	}
	last, err := f.opt.Store.LastFailure(ctx)
	if err != nil {
		return 0, err
	}
	_, err = f.opt.Accept(ctx, nil, (&watch{of: of}).position(last).cursor(at))
	return last, err
}

// arrivals returns one arrival for each of the failed runs that starts the
// flow.
func (f *Failures) arrivals(
	ctx context.Context, set *program.Set, flow *program.Flow, t *program.FlowTrigger, found []journal.FailedRun,
) ([]journal.Arrival, error) {
	var all []journal.Arrival
	for _, failed := range found {
		wanted, err := f.starts(ctx, set, flow, t, &failed.Run)
		if err != nil {
			return nil, err
		}
		if !wanted {
			continue
		}
		events, err := f.opt.Store.EventsOf(ctx, failed)
		if err != nil {
			return nil, err
		}
		event := newFailure(set, &failed.Run, events)
		a := journal.Arrival{
			Flow: flow.ID, Definition: flow.Hash, Trigger: t.ID, EventID: event.id(),
			Event: event.value(f.opt.URL(failed.Run.ID)), At: time.Now(),
		}
		if a.Queue, err = f.opt.Queue(ctx, flow, &a); err != nil {
			f.log.Warn("queue_by", "flow", flow.ID, "event", a.EventID, "error", err)
		}
		all = append(all, a)
	}
	return all, nil
}

// starts reports whether the failure of a run starts the flow.
func (f *Failures) starts(ctx context.Context, set *program.Set, flow *program.Flow, t *program.FlowTrigger, r *journal.Run) (bool, error) {
	switch {
	case r.Flow == flow.ID:
		return false, nil
	case t.FlowFailed == program.AnyFlow:
		return !byFailure(set, r), nil
	case t.FlowFailed != r.Flow:
		return false, nil
	}
	// A cause is older than what it caused. One that an event given by hand
	// names need not be.
	for cause, older := causeOf(set, r), r.ID; cause != 0 && cause < older; {
		before, err := f.opt.Store.RunByID(ctx, cause)
		switch {
		case errors.Is(err, journal.ErrNoRun):
			return true, nil
		case err != nil:
			return false, err
		case before.Flow == flow.ID:
			return false, nil
		}
		cause, older = causeOf(set, &before), cause
	}
	return true, nil
}

// byFailure reports whether the failure of another run started this one.
func byFailure(set *program.Set, r *journal.Run) bool {
	flow := set.Flows[r.Flow]
	return flow != nil && slices.ContainsFunc(flow.Triggers, func(t *program.FlowTrigger) bool {
		return t.ID == r.Trigger && t.FlowFailed != ""
	})
}

// causeOf returns the run whose failure started this one, 0 if none did.
func causeOf(set *program.Set, r *journal.Run) int64 {
	event, ok := r.Event.(map[string]any)
	if !ok || !byFailure(set, r) {
		return 0
	}
	id, _ := event["run"].(int)
	return int64(id)
}

// id is what two failures of the same run are told apart by.
func (f *failure) id() string {
	return strconv.FormatInt(f.run.ID, 10) + "@" + f.ended.UTC().Format(time.RFC3339Nano)
}
