package trigger_test

import (
	"fmt"
	"testing"
	"time"

	"patchbay/engine/enginetest/fault"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
)

// TestFaultClock sets the clock forward and back, across the ticks of schedules
// of every kind and the changes of their zones, and starts the schedules anew
// in between. However it goes: what the clock shows on its way comes once, what
// is to be made up for is, and what passed before the schedule began is not.
func TestFaultClock(t *testing.T) {
	dice := fault.Throw(t)
	var n clockCount
	for range fault.Rounds() {
		c := newClock(t, dice)
		for range 60 {
			c.step()
		}
		c.check()
		n.add(c.clockCount)
	}
	t.Logf("seed %d: %d schedules; %d jumps forward, %d back, %d restarts; %d ticks, lost %d, doubled %d",
		dice.Seed, fault.Rounds(), n.forward, n.back, n.restarts, n.ticks, n.lost, n.doubled)
}

type clockCount struct{ forward, back, restarts, ticks, lost, doubled int }

func (n *clockCount) add(m clockCount) {
	n.forward, n.back, n.restarts = n.forward+m.forward, n.back+m.back, n.restarts+m.restarts
	n.ticks, n.lost, n.doubled = n.ticks+m.ticks, n.lost+m.lost, n.doubled+m.doubled
}

// clock is one that is set, and a schedule that goes by it.
type clock struct {
	clockCount

	t        *testing.T
	dice     fault.Dice
	text     string // the schedule as it is written
	schedule *program.Schedule
	w        *workspace
	s        *trigger.Schedules

	now, began, latest time.Time
	ran                map[string]bool
	want               map[string]string // tick → why it must have run
}

// newClock returns a clock that stands some hours from a change of its zone.
func newClock(t *testing.T, dice fault.Dice) *clock {
	t.Helper()
	pick := func(of ...string) string { return of[dice.IntN(len(of))] }
	change := map[string][]string{
		"Europe/Paris":     {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"},
		"America/New_York": {"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"},
		"UTC":              {"2026-06-01T00:00:00Z"},
	}
	zone := pick("Europe/Paris", "America/New_York", "UTC")
	text := pick(`every: 1m`, `every: 15m`, `every: 1h`, `cron: "*/20 * * * *"`, `cron: "30 2 * * *"`, `time: "02:30"`, `time: "00:00"`)
	text += ", missed: " + pick("skip", "run_once", "run_all")
	if text[0] != 'e' {
		text += ", timezone: " + zone
	}
	now, err := time.Parse(time.RFC3339, pick(change[zone]...))
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Duration(dice.Int64N(int64(12*time.Hour))) - 10*time.Hour).Truncate(time.Second).Add(time.Millisecond)
	set := scheduled(t, map[string]string{"flow": text})
	c := &clock{
		t: t, dice: dice, text: text + " in " + zone, schedule: set.Flows["flow"].Triggers[0].Schedule, w: newWorkspace(set),
		now: now, began: now, latest: now, ran: map[string]bool{}, want: map[string]string{},
	}
	c.s = trigger.NewSchedules(c.w.intake())
	c.s.Turn(t.Context(), now)
	return c
}

// step lets time pass as the schedules sleep, and now and then sets the clock or
// starts them anew.
func (c *clock) step() {
	before := c.now
	fresh := false
	switch c.dice.IntN(8) {
	case 0:
		c.forward++
		c.now = c.now.Add(time.Duration(c.dice.Int64N(int64(3 * time.Hour))))
	case 1:
		c.back++
		c.now = c.now.Add(-time.Duration(c.dice.Int64N(int64(3 * time.Hour))))
	case 2:
		c.restarts++
		c.s = trigger.NewSchedules(c.w.intake())
		c.now = c.now.Add(time.Duration(c.dice.Int64N(int64(40 * time.Minute))))
		fresh = true
	default:
		c.now = c.now.Add(c.s.Turn(c.t.Context(), c.now) + time.Duration(c.dice.Int64N(int64(3*time.Second))))
	}
	c.s.Turn(c.t.Context(), c.now)
	c.note(before, fresh)
}

// note looks at what ran, and notes what has to have run.
func (c *clock) note(before time.Time, fresh bool) {
	for _, a := range c.w.take() {
		if c.ran[a.EventID] {
			c.doubled++
			c.t.Errorf("%s: tick %s ran twice", c.text, a.EventID)
		}
		c.ran[a.EventID] = true
		tick, err := time.Parse(time.RFC3339, a.EventID)
		if err != nil {
			c.t.Fatal(err)
		}
		late := c.now.Sub(tick)
		switch {
		case late < 0:
			c.t.Errorf("%s: tick %s ran at %s, before its time", c.text, a.EventID, c.now)
		case late <= time.Minute:
		case c.schedule.Missed == program.MissedSkip:
			c.t.Errorf("%s: tick %s ran at %s, which is too late", c.text, a.EventID, c.now)
		case !tick.After(c.began):
			c.t.Errorf("%s: tick %s was made up for at %s, but had passed when the schedule began at %s", c.text, a.EventID, c.now, c.began)
		}
	}
	var newest time.Time
	for tick := trigger.Next(c.schedule, before); !tick.After(c.now); tick = trigger.Next(c.schedule, tick) {
		newest = tick
		if c.schedule.Missed == program.MissedRunAll && tick.After(c.latest) {
			c.must(tick, "every tick is made up for")
		}
	}
	switch {
	case newest.IsZero() || fresh:
	case c.now.Sub(newest) <= time.Minute:
		c.must(newest, fmt.Sprintf("it was due at %s", c.now))
	case c.schedule.Missed == program.MissedRunOnce && newest.After(c.latest):
		c.must(newest, "the newest tick is made up for")
	}
	if c.now.After(c.latest) {
		c.latest = c.now
	}
}

func (c *clock) must(tick time.Time, why string) {
	c.want[tick.UTC().Format(time.RFC3339)] = why
}

// check compares what ran with what had to.
func (c *clock) check() {
	c.ticks = len(c.ran)
	for tick, why := range c.want {
		if !c.ran[tick] {
			c.lost++
			c.t.Errorf("%s: tick %s did not run: %s", c.text, tick, why)
		}
	}
}
