package trigger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

const (
	usualLooks = 8
	// stagger is the time over which polls begin after a start.
	stagger = 10 * time.Second
	// firstRetry and lastRetry bound the pauses after a look that failed: they
	// double, up to the poll's own interval where that is longer.
	firstRetry = 30 * time.Second
	lastRetry  = 10 * time.Minute
	// longestLook is when a look is given up.
	longestLook = 10 * time.Minute
)

// PollOptions are what [Polls] work with. Intake, with its Cursor, and List are
// required.
type PollOptions struct {
	Intake

	// List calls an action that lists, and brings its items page by page. It
	// ends after the first error.
	List func(ctx context.Context, action *program.Action, conn *program.Connection, input map[string]any) iter.Seq2[[]any, error]
	// SandboxEvery is the interval of all polls of the sandbox; 0 leaves each
	// its own.
	SandboxEvery time.Duration
	// Paused is told when a poll waits for a connection; nil tells nobody.
	Paused func()
	// AtOnce is how many looks are under way at the same time, for each sign-in
	// with many accounts and for all other connections together; 0 means 8.
	AtOnce int
}

// Polls starts runs for what is new or changed in lists.
//
// A look reads the whole list and hands over an arrival for each item, the
// oldest first; those that were seen before start nothing. The cursor is the
// highest value of `changed` and moves in the same transaction. The first look
// of a trigger without FromStart only marks what is there as seen, and so does
// the first one after its flow was switched off and on again, or after it was
// told to look at something else. A poll never overlaps with itself.
//
// A poll through each account of a sign-in is as many polls, each with a
// cursor, a rhythm and failures of its own. One that waits is an entry in a
// heap and nothing more.
type Polls struct {
	opt     PollOptions
	log     *slog.Logger
	changed chan struct{} // signalled also when a look is over
	stale   atomic.Bool   // something else is live since the polls were aligned

	mu     sync.Mutex
	polls  map[place]*poll
	lanes  map[string]*lane
	paused map[place]bool // polls of flows that are switched off, as the store has it
	of     *program.Set   // what the polls were aligned with
}

// poll is one poll at work. Its fields are guarded by the mutex of [Polls].
type poll struct {
	at    place
	gate  chan struct{} // held by whoever looks
	lane  *lane
	index int  // in the lane's heap, or out
	gone  bool // it is no longer live: whoever looks removes it

	every  time.Duration
	status PollStatus
}

// PollStatus is how a poll stands.
type PollStatus struct {
	Flow, Trigger, Connection string

	Last     time.Time // when it last looked, zero for never
	Next     time.Time // when it looks again, zero while it is paused
	Items    int       // in the list at the last look that went well
	Failures int       // looks that failed since one went well
	Error    string    // what was wrong with the last look, "" for nothing
	Paused   string    // the connection that must be connected before it looks again, "" for none
}

// NewPolls returns polls that stand still until Run.
func NewPolls(opt PollOptions) *Polls {
	if opt.AtOnce == 0 {
		opt.AtOnce = usualLooks
	}
	return &Polls{
		opt: opt, log: opt.log(), changed: make(chan struct{}, 1),
		polls: map[place]*poll{}, lanes: map[string]*lane{}, paused: map[place]bool{},
	}
}

// Refresh says that something else is live now. Polls that did not change keep
// their time.
func (p *Polls) Refresh() {
	p.stale.Store(true)
	signal(p.changed)
}

// Status returns how each poll stands, sorted by flow, trigger and connection.
func (p *Polls) Status() []PollStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []PollStatus
	for _, at := range slices.SortedFunc(maps.Keys(p.polls), place.compare) {
		all = append(all, p.polls[at].status)
	}
	return all
}

// Run looks whenever a poll is due, until ctx ends, and returns when every look
// it began is over. It always returns nil.
func (p *Polls) Run(ctx context.Context) error {
	var looks sync.WaitGroup
	defer looks.Wait()
	for {
		p.align(ctx, time.Now())
		for _, known := range p.due(time.Now()) {
			looks.Go(func() {
				_ = p.look(ctx, known) // told by Status and the log
				<-known.lane.slots
				signal(p.changed)
			})
		}
		wake := time.NewTimer(p.sleep(time.Now()))
		select {
		case <-ctx.Done():
		case <-p.changed:
		case <-wake.C:
		}
		wake.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// PollNow looks at once for a trigger of a flow, through each connection it
// has, whenever it would be due. It needs no Run.
func (p *Polls) PollNow(ctx context.Context, flow, trigger string) error {
	p.align(ctx, time.Now())
	p.mu.Lock()
	var meant []*poll
	for at, known := range p.polls {
		if at.flow == flow && at.trigger == trigger {
			meant = append(meant, known)
		}
	}
	p.mu.Unlock()
	if len(meant) == 0 {
		return fmt.Errorf("poll %s of flow %s: there is no such poll", trigger, flow)
	}
	slices.SortFunc(meant, func(a, b *poll) int { return a.at.compare(b.at) })
	failed := make([]error, len(meant))
	var looks errgroup.Group
	looks.SetLimit(p.opt.AtOnce)
	for i, known := range meant {
		looks.Go(func() error {
			select {
			case known.gate <- struct{}{}:
				failed[i] = p.look(ctx, known)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	if err := looks.Wait(); err != nil {
		return err
	}
	return errors.Join(failed...)
}

// align brings the polls in line with what is live, if that has changed.
func (p *Polls) align(ctx context.Context, now time.Time) {
	set := p.opt.Live()
	p.mu.Lock()
	same := p.of == set
	p.mu.Unlock()
	if !p.stale.Swap(false) && same {
		return
	}
	live, done := map[place]bool{}, true
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		flow := set.Flows[id]
		for _, t := range flow.Triggers {
			if t.Event == nil || t.Event.Poll == nil {
				continue
			}
			for _, connection := range placesOf(set, t.Use) {
				at := place{flow: flow.ID, trigger: t.ID, connection: connection}
				if !flow.Enabled {
					done = p.pause(ctx, at) && done
					continue
				}
				live[at] = true
				p.keep(at, p.interval(set.Connections[at.connection], t.Event.Poll), now)
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, known := range p.polls {
		if known.gone = !live[at]; known.gone && len(known.gate) == 0 {
			p.drop(known)
		}
	}
	for at := range live {
		delete(p.paused, at)
	}
	if p.of = set; !done {
		p.of = nil
	}
}

// drop forgets a poll. The mutex is held.
func (p *Polls) drop(known *poll) {
	known.lane.remove(known)
	if p.polls[known.at] == known {
		delete(p.polls, known.at)
	}
}

// pause notes that the poll's flow is switched off, and reports whether that is
// done. If it cannot be written down, or a look is under way that will write
// the cursor, the next time Run wakes up is another chance.
func (p *Polls) pause(ctx context.Context, at place) bool {
	p.mu.Lock()
	done, known := p.paused[at], p.polls[at]
	p.mu.Unlock()
	if done {
		return true
	}
	if known != nil {
		select {
		case known.gate <- struct{}{}:
			defer func() { <-known.gate }()
		default:
			return false
		}
	}
	if err := p.opt.pause(ctx, at); err != nil {
		p.log.Error("pause poll", "flow", at.flow, "trigger", at.trigger, "error", err)
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused[at] = true
	return true
}

func (p *Polls) interval(c *program.Connection, poll *program.Poll) time.Duration {
	if p.opt.SandboxEvery > 0 && c != nil && c.Sandbox {
		return p.opt.SandboxEvery
	}
	return max(poll.Every, time.Second)
}

// keep begins a poll, or goes on with it at an interval that may be new.
func (p *Polls) keep(at place, every time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.polls[at]
	if known == nil {
		first := firstLook(at, every, now)
		known = &poll{
			at: at, gate: make(chan struct{}, 1), lane: p.lane(at), index: out, every: every,
			status: PollStatus{Flow: at.flow, Trigger: at.trigger, Connection: at.connection, Next: first},
		}
		p.polls[at] = known
		known.lane.put(known)
		return
	}
	if known.every == every {
		return
	}
	known.every = every
	if sooner := nextLook(at, every, now); sooner.Before(known.status.Next) {
		known.status.Next = sooner
		if known.index != out {
			known.lane.put(known)
		}
	}
}

// lane returns the lane of a place. The mutex is held.
func (p *Polls) lane(at place) *lane {
	name := laneOf(at.connection)
	l := p.lanes[name]
	if l == nil {
		l = &lane{slots: make(chan struct{}, p.opt.AtOnce)}
		p.lanes[name] = l
	}
	return l
}

// due returns the polls that are due, as many as there are free slots in their
// lanes. It takes the slot and the gate of each.
func (p *Polls) due(now time.Time) []*poll {
	p.mu.Lock()
	defer p.mu.Unlock()
	var taken []*poll
	for _, name := range slices.Sorted(maps.Keys(p.lanes)) {
		taken = append(taken, p.lanes[name].take(now)...)
	}
	return taken
}

// sleep returns how long there is nothing to do.
func (p *Polls) sleep(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	sleep := longestSleep
	for _, l := range p.lanes {
		sleep = l.sleep(now, sleep)
	}
	return sleep
}

// look looks for a poll whose gate the caller has taken, and gives it back.
func (p *Polls) look(ctx context.Context, known *poll) error {
	at, began := known.at, time.Now()
	limited, cancel := context.WithTimeout(ctx, longestLook)
	defer cancel()
	found, err := p.read(limited, at, began)
	p.mu.Lock()
	defer func() {
		<-known.gate
		switch {
		case known.gone:
			p.drop(known)
		case known.status.Paused == "":
			known.lane.put(known)
		}
		p.mu.Unlock()
		signal(p.changed)
	}()
	if err != nil && ctx.Err() != nil {
		return err // cut off, which says nothing about the service
	}
	s := &known.status
	s.Last, s.Next, s.Error = began, nextLook(at, known.every, began), found.remark()
	if now := time.Now(); s.Next.Before(now) {
		s.Next = now
	}
	if err == nil {
		s.Items, s.Failures, s.Paused = found.items, 0, ""
		return nil
	}
	s.Failures++
	s.Error = err.Error()
	if f, ok := errors.AsType[*value.Failure](err); ok && f.Reconnect != "" {
		s.Paused, s.Next = f.Reconnect, time.Time{}
		if p.opt.Paused != nil {
			p.opt.Paused()
		}
		return err
	}
	s.Paused = ""
	s.Next = retryAt(err, s.Failures, known.every, time.Now())
	if f, ok := errors.AsType[*value.Failure](err); ok && f.Class == value.ClassRateLimit && laneOf(at.connection) != "" {
		// The limit may be that of the sign-in, which says nothing about this
		// account. All who wait for it must not come back in one moment.
		s.Next = f.NotBefore.Add(spread(at, min(known.every, stagger)))
	}
	p.log.Warn("poll", "flow", at.flow, "trigger", at.trigger, "connection", at.connection, "failures", s.Failures, "error", err)
	return err
}

// retryAt returns when to look again after so many failures in a row.
func retryAt(err error, failures int, every time.Duration, now time.Time) time.Time {
	pause := min(every, firstRetry)
	for range failures - 1 {
		if pause *= 2; pause >= max(every, lastRetry) {
			pause = max(every, lastRetry)
			break
		}
	}
	at := now.Add(pause)
	if f, ok := errors.AsType[*value.Failure](err); ok && f.NotBefore.After(at) {
		return f.NotBefore
	}
	return at
}
