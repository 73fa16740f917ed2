package trigger

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

const (
	// late is how long after its time a tick still counts as on time: a restart
	// or a slow disk makes no tick a missed one.
	late = time.Minute
	// mostMissed is how many missed ticks run_all makes up for, the newest.
	mostMissed = 1000
	// longestSleep is after how long the clock is looked at anyway: it may have
	// been set, or the machine may have slept.
	longestSleep = time.Minute
)

// Schedules starts runs by the clock.
//
// The cursor of a schedule is its last tick, which moves in the transaction
// that queues the runs. A schedule that is new, was edited, or was switched
// off has missed nothing: it begins with its next tick. What passed while
// nothing ran is up to the schedule's Missed.
type Schedules struct {
	opt     Intake
	log     *slog.Logger
	changed chan struct{}

	// paused are the schedules of flows that are switched off, as far as the
	// store knows it. Only Run touches it.
	paused map[place]bool

	mu     sync.Mutex
	timers map[place]*timer
}

// timer is a schedule at work.
type timer struct {
	clock clock
	of    string // the schedule it is
	since time.Time
	last  time.Time
	next  time.Time
}

// Upcoming is when a schedule is due.
type Upcoming struct {
	Flow, Trigger string
	Next          time.Time // zero for never
}

// NewSchedules returns schedules that stand still until Run.
func NewSchedules(opt Intake) *Schedules {
	return &Schedules{
		opt: opt, log: opt.log(), changed: make(chan struct{}, 1),
		timers: map[place]*timer{}, paused: map[place]bool{},
	}
}

// Refresh says that something else is live now. What did not change goes on as
// it was.
func (s *Schedules) Refresh() { signal(s.changed) }

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Upcoming returns when each schedule is due, sorted by flow and trigger.
func (s *Schedules) Upcoming() []Upcoming {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Upcoming
	for _, at := range slices.SortedFunc(maps.Keys(s.timers), place.compare) {
		all = append(all, Upcoming{Flow: at.flow, Trigger: at.trigger, Next: s.timers[at].next})
	}
	return all
}

func (p place) compare(q place) int {
	return slices.Compare([]string{p.flow, p.trigger, p.connection}, []string{q.flow, q.trigger, q.connection})
}

// Run starts runs until ctx ends. It always returns nil.
func (s *Schedules) Run(ctx context.Context) error {
	failures := 0
	for {
		if s.turn(ctx, time.Now()) {
			failures = 0
		} else {
			failures++
		}
		wake := time.NewTimer(s.sleep(time.Now(), failures))
		select {
		case <-ctx.Done():
		case <-s.changed:
		case <-wake.C:
		}
		wake.Stop()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is the end of the work, not an error
		}
	}
}

// sleep returns how long no schedule will be due. After failures, what is
// overdue has to wait a while.
func (s *Schedules) sleep(now time.Time, failures int) time.Duration {
	sleep := longestSleep
	if failures > 0 {
		sleep = min(time.Second<<min(failures-1, 6), longestSleep)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.timers {
		switch {
		case t.next.After(now):
			sleep = min(sleep, t.next.Sub(now))
		case !t.next.IsZero() && failures == 0:
			return 0
		}
	}
	return sleep
}

// turn brings the timers in line with what is live and fires those that are
// due. It reports whether all went well; what did not is tried again by the
// next turn.
func (s *Schedules) turn(ctx context.Context, now time.Time) bool {
	set := s.opt.Live()
	live := map[place]bool{}
	well := true
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		flow := set.Flows[id]
		for _, t := range flow.Triggers {
			if t.Schedule == nil {
				continue
			}
			at := place{flow: flow.ID, trigger: t.ID}
			var err error
			if flow.Enabled {
				live[at] = true
				err = s.tend(ctx, flow, t, now)
			} else {
				err = s.pause(ctx, at)
			}
			if err != nil && ctx.Err() == nil {
				well = false
				s.log.Error("schedule", "flow", flow.ID, "trigger", t.ID, "error", err)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.timers, func(at place, _ *timer) bool { return !live[at] })
	return well
}

// pause notes that the schedule's flow is switched off.
func (s *Schedules) pause(ctx context.Context, at place) error {
	if s.paused[at] {
		return nil
	}
	if err := s.opt.pause(ctx, at); err != nil {
		return err
	}
	s.paused[at] = true
	return nil
}

// pause marks the cursor of a place, if it has one, as that of a flow which is
// switched off.
func (in Intake) pause(ctx context.Context, at place) error {
	v, begun, err := in.Cursor(ctx, at.flow, at.trigger, at.connection)
	if err != nil || !begun {
		return err
	}
	p := positionOf(v)
	if p.paused {
		return nil
	}
	p.paused = true
	_, err = in.Accept(ctx, nil, p.cursor(at))
	return err
}

// tend sees to one schedule: it begins, goes on, or fires.
func (s *Schedules) tend(ctx context.Context, flow *program.Flow, t *program.FlowTrigger, now time.Time) error {
	at := place{flow: flow.ID, trigger: t.ID}
	delete(s.paused, at)
	tm := s.timer(at)
	if of := written(t.Schedule); tm == nil || tm.of != of {
		var err error
		if tm, err = s.begin(ctx, at, of, now); err != nil {
			return err
		}
		tm.clock = clockOf(t.Schedule)
	}
	if tm.last.After(now) {
		// The clock was set back. What comes again is known by its event id.
		tm.last = now
	}
	ticks := tm.due(now)
	if len(ticks) > 0 {
		if err := s.fire(ctx, flow, t, tm.chosen(t.Schedule.Missed, ticks, now), tm.position(ticks)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(ticks) > 0 {
		tm.last = ticks[len(ticks)-1]
	}
	tm.next = tm.clock.next(tm.last)
	s.timers[at] = tm
	return nil
}

func (s *Schedules) timer(at place) *timer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timers[at]
}

// begin returns the timer of a schedule, without its clock: it goes on from the
// last tick it had before, or begins now.
func (s *Schedules) begin(ctx context.Context, at place, of string, now time.Time) (*timer, error) {
	v, begun, err := s.opt.Cursor(ctx, at.flow, at.trigger, "")
	if err != nil {
		return nil, err
	}
	p := positionOf(v)
	text, _ := p.at.(string)
	if last, err := time.Parse(time.RFC3339Nano, text); err == nil && begun && !p.paused && p.of == of {
		since, _ := time.Parse(time.RFC3339Nano, p.since) // zero of a schedule that began before this was kept
		return &timer{of: of, since: since, last: last}, nil
	}
	text = now.UTC().Format(time.RFC3339Nano)
	p = position{at: text, of: of, since: text}
	_, err = s.opt.Accept(ctx, nil, p.cursor(at))
	return &timer{of: of, since: now, last: now}, err
}

// position returns where the schedule stands after the ticks.
func (t *timer) position(ticks []time.Time) position {
	p := position{at: ticks[len(ticks)-1].UTC().Format(time.RFC3339Nano), of: t.of}
	if !t.since.IsZero() {
		p.since = t.since.UTC().Format(time.RFC3339Nano)
	}
	return p
}

// due returns the ticks up to now, no more than the newest that may be made up
// for.
func (t *timer) due(now time.Time) []time.Time {
	from := t.last
	if t.clock.every > 0 {
		// There is no need to count up to the newest.
		if earliest := now.Add(-(mostMissed + 1) * t.clock.every); from.Before(earliest) {
			from = earliest
		}
	}
	var ticks []time.Time
	for tick := t.clock.next(from); !tick.IsZero() && !tick.After(now); tick = t.clock.next(tick) {
		if len(ticks) == 2*mostMissed {
			ticks = append(ticks[:0], ticks[mostMissed:]...)
		}
		ticks = append(ticks, tick)
	}
	return ticks[max(0, len(ticks)-mostMissed):]
}

// chosen returns those of the ticks that have passed which a run is started for.
func (t *timer) chosen(missed program.Missed, ticks []time.Time, now time.Time) []time.Time {
	first, _ := slices.BinarySearchFunc(ticks, t.since, time.Time.Compare)
	if first < len(ticks) && ticks[first].Equal(t.since) {
		first++
	}
	newest := ticks[len(ticks)-1:]
	switch own := ticks[first:]; {
	case missed == program.MissedRunAll && len(own) > 0:
		return own
	case missed == program.MissedRunOnce && len(own) > 0, now.Sub(newest[0]) <= late:
		return newest
	default:
		return nil
	}
}

// fire queues a run for each tick, or where the flow runs for many accounts one
// for each of them, and moves the cursor. Many runs are queued in pieces, each
// with the cursor that belongs to it.
func (s *Schedules) fire(ctx context.Context, flow *program.Flow, t *program.FlowTrigger, ticks []time.Time, p position) error {
	at := place{flow: flow.ID, trigger: t.ID}
	connections := []string{""}
	if use := flow.Fanned(); use != nil {
		connections = placesOf(s.opt.Live(), use)
	}
	var arrivals []journal.Arrival
	for _, tick := range ticks {
		for _, connection := range connections {
			a := s.opt.tick(ctx, flow, t, tick, connection)
			if len(ticks) > 1 {
				a = inTurn(a)
			}
			arrivals = append(arrivals, a)
		}
		if len(arrivals) < mostMissed || tick.Equal(ticks[len(ticks)-1]) {
			continue
		}
		so := position{at: tick.UTC().Format(time.RFC3339Nano), of: p.of, since: p.since}
		if _, err := s.opt.Accept(ctx, arrivals, so.cursor(at)); err != nil {
			return err
		}
		arrivals = nil
	}
	_, err := s.opt.Accept(ctx, arrivals, p.cursor(at))
	return err
}

// tick is a tick of a schedule, for one account or for none.
func (in Intake) tick(ctx context.Context, flow *program.Flow, t *program.FlowTrigger, tick time.Time, connection string) journal.Arrival {
	a := journal.Arrival{
		Flow: flow.ID, Definition: flow.Hash, Trigger: t.ID, Connection: connection, EventID: tick.UTC().Format(time.RFC3339),
		Event: map[string]any{"scheduled": tick.Format(time.RFC3339)},
		At:    time.Now(),
	}
	if t.Schedule.Spread > 0 {
		a.Due = tick.Add(spread(place{flow.ID, t.ID, connection}, t.Schedule.Spread))
	}
	var err error
	if a.Queue, err = in.Queue(ctx, flow, &a); err != nil {
		in.log().Warn("queue_by", "flow", flow.ID, "event", a.EventID, "error", err)
	}
	return a
}

// spread returns the moment within a span that belongs to a place: always the
// same for the same place, and different ones for most others.
func spread(at place, within time.Duration) time.Duration {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s\x00%s", at.flow, at.trigger, at.connection)
	// Names that differ in their last letter only have sums that lie close
	// together until their bits are mixed.
	sum := h.Sum64()
	sum = (sum ^ sum>>33) * 0xff51afd7ed558ccd
	sum = (sum ^ sum>>33) * 0xc4ceb9fe1a85ec53
	return time.Duration((sum ^ sum>>33) % uint64(max(within, 1)))
}

// written returns a text that differs for schedules with different ticks.
func written(s *program.Schedule) string {
	zone := "UTC"
	if s.Zone != nil {
		zone = s.Zone.String()
	}
	switch {
	case s.Every > 0:
		return "every " + s.Every.String()
	case s.Cron != "":
		return "cron " + s.Cron + " " + zone
	}
	days := make([]string, len(s.Days))
	for i, d := range slices.Sorted(slices.Values(s.Days)) {
		days[i] = d.String()
	}
	return fmt.Sprintf("on %s at %02d:%02d %s", strings.Join(days, ","), s.Hour, s.Minute, zone)
}
