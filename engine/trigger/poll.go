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
	"time"

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
	AtOnce       int // looks at the same time; 0 means 8
}

// Polls starts runs for what is new or changed in lists.
//
// A look reads the whole list and hands over an arrival for each item, the
// oldest first; those that were seen before start nothing. The cursor is the
// highest value of `changed` and moves in the same transaction. The first look
// of a trigger without FromStart only marks what is there as seen, and so does
// the first one after its flow was switched off and on again, or after it was
// told to look at something else. A poll never overlaps with itself.
type Polls struct {
	opt     PollOptions
	log     *slog.Logger
	changed chan struct{} // signalled also when a look is over
	slots   chan struct{}

	mu     sync.Mutex
	polls  map[place]*poll
	paused map[place]bool // polls of flows that are switched off, as the store has it
}

// poll is one poll at work. Its fields are guarded by the mutex of [Polls].
type poll struct {
	gate   chan struct{} // held by whoever looks
	every  time.Duration
	status PollStatus
}

// PollStatus is how a poll stands.
type PollStatus struct {
	Flow, Trigger, Connection string

	Last     time.Time // when it last looked, zero for never
	Next     time.Time // when it looks again
	Items    int       // in the list at the last look that went well
	Failures int       // looks that failed since one went well
	Error    string    // what was wrong with the last look, "" for nothing
}

// NewPolls returns polls that stand still until Run.
func NewPolls(opt PollOptions) *Polls {
	if opt.AtOnce == 0 {
		opt.AtOnce = usualLooks
	}
	return &Polls{
		opt: opt, log: opt.log(), changed: make(chan struct{}, 1), slots: make(chan struct{}, opt.AtOnce),
		polls: map[place]*poll{}, paused: map[place]bool{},
	}
}

// Refresh says that something else is live now. Polls that did not change keep
// their time.
func (p *Polls) Refresh() { signal(p.changed) }

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
		for _, at := range p.due(time.Now()) {
			looks.Go(func() {
				_ = p.look(ctx, at) // told by Status and the log
				<-p.slots
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
	var places []place
	for at := range p.polls {
		if at.flow == flow && at.trigger == trigger {
			places = append(places, at)
		}
	}
	p.mu.Unlock()
	if len(places) == 0 {
		return fmt.Errorf("poll %s of flow %s: there is no such poll", trigger, flow)
	}
	slices.SortFunc(places, place.compare)
	var failed []error
	for _, at := range places {
		if err := p.wait(ctx, at); err != nil {
			return err
		}
		failed = append(failed, p.look(ctx, at))
	}
	return errors.Join(failed...)
}

// wait waits until nobody else looks for the poll, and takes its gate.
func (p *Polls) wait(ctx context.Context, at place) error {
	p.mu.Lock()
	known := p.polls[at]
	p.mu.Unlock()
	if known == nil {
		return errGone
	}
	select {
	case known.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// align brings the polls in line with what is live.
func (p *Polls) align(ctx context.Context, now time.Time) {
	set := p.opt.Live()
	live := map[place]bool{}
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		flow := set.Flows[id]
		for _, t := range flow.Triggers {
			if t.Event == nil || t.Event.Poll == nil {
				continue
			}
			at := place{flow: flow.ID, trigger: t.ID, connection: t.Use.Connection}
			if !flow.Enabled {
				p.pause(ctx, at)
				continue
			}
			live[at] = true
			p.keep(at, p.interval(set.Connections[at.connection], t.Event.Poll), now)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// A poll that looks just now goes when it has looked.
	maps.DeleteFunc(p.polls, func(at place, known *poll) bool { return !live[at] && len(known.gate) == 0 })
	for at := range live {
		delete(p.paused, at)
	}
}

// pause notes that the poll's flow is switched off. If that cannot be written
// down, or a look is under way that will write the cursor, the next time Run
// wakes up is another chance.
func (p *Polls) pause(ctx context.Context, at place) {
	p.mu.Lock()
	done, known := p.paused[at], p.polls[at]
	p.mu.Unlock()
	if done {
		return
	}
	if known != nil {
		select {
		case known.gate <- struct{}{}:
			defer func() { <-known.gate }()
		default:
			return
		}
	}
	if err := p.opt.pause(ctx, at); err != nil {
		p.log.Error("pause poll", "flow", at.flow, "trigger", at.trigger, "error", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused[at] = true
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
		p.polls[at] = &poll{gate: make(chan struct{}, 1), every: every, status: PollStatus{
			Flow: at.flow, Trigger: at.trigger, Connection: at.connection,
			Next: now.Add(spread(at, min(every, stagger))),
		}}
		return
	}
	if known.every != every {
		known.every = every
		if sooner := now.Add(every); sooner.Before(known.status.Next) {
			known.status.Next = sooner
		}
	}
}

// due returns the polls that are due, the longest overdue first, as many as
// there are free slots. It takes the slot and the gate of each.
func (p *Polls) due(now time.Time) []place {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := slices.SortedFunc(maps.Keys(p.polls), func(a, b place) int {
		return p.polls[a].status.Next.Compare(p.polls[b].status.Next)
	})
	var taken []place
	for _, at := range waiting {
		if p.polls[at].status.Next.After(now) {
			break
		}
		select {
		case p.slots <- struct{}{}:
		default:
			return taken
		}
		select {
		case p.polls[at].gate <- struct{}{}:
			taken = append(taken, at)
		default: // somebody looks already
			<-p.slots
		}
	}
	return taken
}

// sleep returns how long there is nothing to do.
func (p *Polls) sleep(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	sleep := longestSleep
	if len(p.slots) == cap(p.slots) {
		return sleep
	}
	for _, known := range p.polls {
		if len(known.gate) == 0 {
			sleep = min(sleep, known.status.Next.Sub(now))
		}
	}
	return max(sleep, 0)
}

// look looks for a poll whose gate the caller has taken, and gives it back.
func (p *Polls) look(ctx context.Context, at place) error {
	p.mu.Lock()
	known := p.polls[at]
	p.mu.Unlock()
	if known == nil {
		return nil // it was removed since
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, longestLook)
	defer cancel()
	found, err := p.read(limited, at, began)
	p.mu.Lock()
	defer func() {
		<-known.gate
		p.mu.Unlock()
		signal(p.changed)
	}()
	if err != nil && ctx.Err() != nil {
		return err // cut off, which says nothing about the service
	}
	s := &known.status
	s.Last, s.Next, s.Error = began, began.Add(known.every), found.remark()
	if now := time.Now(); s.Next.Before(now) {
		s.Next = now
	}
	if err == nil {
		s.Items, s.Failures = found.items, 0
		return nil
	}
	s.Failures++
	s.Error = err.Error()
	s.Next = retryAt(err, s.Failures, known.every, time.Now())
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
