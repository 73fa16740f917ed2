// Package run executes programs durably: steps, branches, loops, waits,
// retries, resume.
//
// A [Runner] claims runs from the store under a lease, folds the journal of
// each and walks through the steps of its flow. A step with an outcome in the
// journal is passed by with that outcome; the first one without is where the
// run goes on. So the same walk serves a new run, one that waited, and one
// that a crash interrupted.
//
// What is plainly repeatable (reading, computing) is written to the journal
// together with what follows it. Before anything is written to a service, all
// that led to it is on disk; where a repeat could do harm the intent is, too,
// and its outcome is on disk before the next step begins.
//
// The package decides about the next attempt; making one is the business of
// the [Options].Call it was given.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// Store is where runs are kept.
type Store interface {
	// Claim takes up to limit runs that are due under a lease of that length,
	// as far as there is room for them: of those who have something due each in
	// turn.
	Claim(ctx context.Context, now time.Time, lease time.Duration, limit int, room journal.Room) ([]journal.Run, error)
	// Append writes progress; [journal.ErrStaleEpoch] if the lease is gone.
	Append(ctx context.Context, p journal.Progress) error
	// Events returns the journal of a run.
	Events(ctx context.Context, run int64) ([]journal.Event, error)
	// Extend renews leases until that time and returns the runs whose lease
	// is gone.
	Extend(ctx context.Context, leases []journal.Lease, until time.Time) ([]int64, error)
	// NextDue returns when more runs become due; false if none will by itself.
	NextDue(ctx context.Context) (time.Time, bool, error)
}

// Call is one attempt to be made.
type Call struct {
	Action     *program.Action
	Connection *program.Connection // nil where none is needed
	Input      map[string]any
	Key        string // by which the vendor knows a repeat; "" for none
	Flow       string
	Run        int64
	// Path tells the call from all others of the run: the path of its step,
	// with "~1" behind it once the step was retried.
	Path string
}

// Options are what a [Runner] works with. All but Observe and
// Paused are required.
type Options struct {
	Store Store
	// Notify is signalled when a run may have become due.
	Notify <-chan struct{}
	// Identity tells this data folder from all others; it is part of every
	// idempotency key.
	Identity string

	// Definition returns the version of a flow by its hash.
	Definition func(ctx context.Context, hash string) (*program.Flow, error)
	// Connection returns a connection by name.
	Connection func(name string) (*program.Connection, bool)
	// Call makes one attempt. Its error is a *value.Failure.
	Call func(ctx context.Context, c Call) (output any, sent *journal.Exchange, err error)
	// Prepare returns the request that Call would send, for the journal.
	Prepare func(ctx context.Context, c Call) (*journal.Exchange, error)
	// URL returns the address of a run's page.
	URL func(run int64) string
	// Offers returns what the waiting steps of a run are to look at.
	Offers func(ctx context.Context, run int64) ([]journal.Offered, error)
	// Link returns the address at which a person answers an approve step.
	Link func(run int64, path string) string
	// Paused is told when a run waits for a connection; nil tells nobody.
	Paused func()
	// Observe is told of each event as it happens, before it is on disk.
	Observe func(r *journal.Run, e journal.Event)
	Logger  *slog.Logger
	// Workers is how many runs may be worked on at once; 0 means 256.
	Workers int
	// AtOnce is how many of them may be those of one flow; 0 means any number,
	// and so does a nil AtOnce.
	AtOnce func(flow string) int
}

const (
	lease     = 30 * time.Second
	heartbeat = lease / 3
	// inline is the longest a worker waits for one run; what waits longer
	// becomes a row with a time.
	inline = 5 * time.Second
	// grace is how long a request under way may take after the runner was
	// told to stop.
	grace = 10 * time.Second
	// idle is how long the runner sleeps at the most before it looks again.
	idle = time.Minute
	// unwritten is how long a worker keeps what it cannot write down: less
	// than is left of its lease if that cannot be extended either.
	unwritten      = lease - heartbeat - 5*time.Second
	pauseUnwritten = 250 * time.Millisecond
)

// errStopping lets go of a run because the runner stops.
var errStopping = errors.New("the runner stops")

// Runner takes up runs and brings them to their end.
type Runner struct {
	opt   Options
	share *share
	freed chan struct{}
	// stopping is closed when no further step may begin, over when none is
	// under way any more.
	stopping, over chan struct{}
	stop           func() // closes stopping

	mu       sync.Mutex
	live     map[journal.Lease]bool
	extended time.Time // when the leases were last renewed, by the clock on the wall
}

// New returns a runner. It does nothing before Run.
func New(opt Options) *Runner {
	if opt.Workers == 0 {
		opt.Workers = 256
	}
	r := &Runner{
		opt: opt, live: map[journal.Lease]bool{}, share: newShare(opt.Workers, opt.AtOnce),
		freed: make(chan struct{}, 1), stopping: make(chan struct{}), over: make(chan struct{}),
	}
	r.stop = sync.OnceFunc(func() { close(r.stopping) })
	return r
}

// Finish lets no further step begin and returns when none is under way, however
// long their requests take, or when ctx ends. Run is called before.
func (r *Runner) Finish(ctx context.Context) {
	r.stop()
	select {
	case <-r.over:
	case <-ctx.Done():
	}
}

// Run claims and executes runs until ctx ends or Finish is called, and returns
// when all it began have come to a place where they can be taken up again:
// requests that are under way when ctx ends get some seconds to be answered.
func (r *Runner) Run(ctx context.Context) error {
	hard, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	defer close(r.over)
	beating, endBeat := context.WithCancel(ctx)
	var beat, workers sync.WaitGroup
	defer beat.Wait()
	defer endBeat()
	defer workers.Wait()
	context.AfterFunc(ctx, func() {
		r.stop()
		time.AfterFunc(grace, cutOff)
	})
	beat.Go(func() { r.keepLeases(beating) })
	for {
		claimed, err := r.claim(ctx, hard, &workers)
		if err != nil && ctx.Err() == nil {
			r.opt.Logger.Error("claim runs", "error", err)
		}
		if claimed && err == nil && !r.isStopping() {
			continue
		}
		timer := time.NewTimer(r.pause(ctx, err))
		select {
		case <-ctx.Done():
		case <-r.stopping:
		case <-r.opt.Notify:
		case <-r.freed:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil || r.isStopping() {
			return nil
		}
	}
}

func (r *Runner) isStopping() bool {
	select {
	case <-r.stopping:
		return true
	default:
		return false
	}
}

// claim takes up what is due as far as workers are free. It reports whether it
// is worth to look again at once.
func (r *Runner) claim(ctx, hard context.Context, workers *sync.WaitGroup) (bool, error) {
	free := r.share.free()
	if free == 0 {
		return false, nil
	}
	now := time.Now()
	if err := r.outlive(ctx, now); err != nil {
		return false, err
	}
	runs, err := r.opt.Store.Claim(ctx, now, lease, free, r.share)
	if err != nil {
		return false, err
	}
	for _, run := range runs {
		held := journal.Lease{Run: run.ID, Epoch: run.Epoch}
		r.hold(held)
		workers.Go(func() {
			defer func() {
				r.letGo(held)
				r.share.Free(run.Flow, run.Connection)
				select {
				case r.freed <- struct{}{}:
				default:
				}
			}()
			r.execute(hard, &run)
		})
	}
	return len(runs) > 0, nil
}

// pause returns how long there is nothing to do.
func (r *Runner) pause(ctx context.Context, failed error) time.Duration {
	if failed != nil {
		return time.Second
	}
	if r.share.free() == 0 {
		return idle
	}
	due, ok, err := r.opt.Store.NextDue(ctx)
	if err != nil || !ok {
		return idle
	}
	return min(max(time.Until(due), time.Millisecond), idle)
}

func (r *Runner) hold(l journal.Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live[l] = true
}

func (r *Runner) letGo(l journal.Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, l)
}

// keepLeases renews the leases until ctx ends, however much there is to claim.
func (r *Runner) keepLeases(ctx context.Context) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			if err := r.extend(ctx, time.Now()); err != nil && ctx.Err() == nil {
				r.opt.Logger.Error("keep runs", "error", err)
			}
		}
	}
}

// outlive renews the leases where a heartbeat is missing, as after a disk that
// took nothing, a process that was stopped, or a clock that was set: whoever
// claims runs then must not take them away from workers of its own.
func (r *Runner) outlive(ctx context.Context, now time.Time) error {
	r.mu.Lock()
	missing := now.Round(0).Sub(r.extended) > lease-heartbeat
	r.mu.Unlock()
	if !missing {
		return nil
	}
	return r.extend(ctx, now)
}

// extend renews the leases of all runs under way.
func (r *Runner) extend(ctx context.Context, now time.Time) error {
	r.mu.Lock()
	leases := make([]journal.Lease, 0, len(r.live))
	for l := range r.live {
		leases = append(leases, l)
	}
	r.mu.Unlock()
	// A run whose lease is gone finds out with its next append.
	if _, err := r.opt.Store.Extend(ctx, leases, now.Add(lease)); err != nil {
		return fmt.Errorf("extend leases: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.extended = now.Round(0)
	return nil
}

// execute takes a run as far as it goes now.
func (r *Runner) execute(ctx context.Context, run *journal.Run) {
	x, err := r.load(ctx, run)
	if err == nil {
		err = x.walk(ctx)
	}
	switch {
	case err == nil, errors.Is(err, journal.ErrStaleEpoch), errors.Is(err, errStopping), ctx.Err() != nil:
		// Ended, given back, or in other hands. What was cut off keeps its
		// lease until the next owner of the data folder voids it.
	default:
		r.opt.Logger.Error("execute run", "run", run.ID, "flow", run.Flow, "error", err)
	}
}

// load finds the version of the flow and what has happened so far.
func (r *Runner) load(ctx context.Context, run *journal.Run) (*execution, error) {
	var events []journal.Event
	if run.Epoch > 1 {
		var err error
		if events, err = r.opt.Store.Events(ctx, run.ID); err != nil {
			return nil, err
		}
	}
	x := &execution{runner: r, run: run, state: journal.Fold(events), taken: time.Now()}
	x.offers = sync.OnceValues(func() (map[string][]journal.Offered, error) { return r.offers(ctx, run.ID) })
	flow, err := r.opt.Definition(ctx, run.Definition)
	if err != nil {
		return nil, x.refuse(ctx, err)
	}
	x.flow = flow
	return x, nil
}
