package trigger

import (
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"patchbay/engine/program"
)

// clock is a schedule that is ready to be asked.
type clock struct {
	every time.Duration
	zone  *time.Location
	// face returns the next tick after a time as the clock on the wall shows
	// it, written as if it were UTC; zero for none.
	face func(wall time.Time) time.Time
	// passing is true if a time of day that comes twice counts twice, and one
	// that is left out not at all.
	passing bool
}

func clockOf(s *program.Schedule) clock {
	c := clock{every: s.Every, zone: s.Zone}
	if c.zone == nil {
		c.zone = time.UTC
	}
	switch {
	case s.Every > 0:
	case s.Cron != "":
		c.cron(s.Cron)
	default:
		c.face = func(wall time.Time) time.Time { return onDays(s, wall) }
	}
	return c
}

// cron makes the clock of a cron expression.
func (c *clock) cron(text string) {
	parsed, err := cron.ParseStandard(text)
	if err != nil {
		c.face = func(time.Time) time.Time { return time.Time{} } // unreachable: the program was checked
		return
	}
	switch parsed := parsed.(type) {
	case *cron.SpecSchedule:
		const everyHour = 1<<24 - 1
		c.passing = parsed.Hour&everyHour == everyHour
		if parsed.Location != time.Local { // the expression names a zone of its own
			c.zone = parsed.Location
		}
		parsed.Location = time.UTC
		c.face = parsed.Next
	case cron.ConstantDelaySchedule: // "@every 5m"
		c.every = parsed.Delay
	}
}

// onDays returns the first time after wall at which the schedule's hour and
// minute come on one of its days.
func onDays(s *program.Schedule, wall time.Time) time.Time {
	for i := range 8 {
		tick := time.Date(wall.Year(), wall.Month(), wall.Day()+i, s.Hour, s.Minute, 0, 0, time.UTC)
		if tick.After(wall) && (len(s.Days) == 0 || slices.Contains(s.Days, tick.Weekday())) {
			return tick
		}
	}
	return time.Time{} // unreachable: eight days hold every weekday
}

// next returns the first tick after the given time, zero if there is none.
//
// `every` counts from midnight UTC of a Monday, whatever the time zone. Times
// of day are those of the schedule's zone: one that a change to summer time
// leaves out runs once, at the moment after the gap, and one that comes twice
// when the clocks go back runs the first time only. A cron expression that
// leaves the hour open counts minutes as they pass: nothing is left out, and
// nothing runs once only.
func (c clock) next(after time.Time) time.Time {
	if c.every > 0 {
		return after.Truncate(c.every).Add(c.every).In(c.zone)
	}
	// Between two changes of the zone's clocks, the wall shows UTC and a fixed
	// offset: the tick is looked for in one such stretch after the other.
	at := after.In(c.zone)
	wall := c.afterRepeat(at, shown(at, offset(at)))
	for {
		_, end := at.ZoneBounds()
		tick := c.face(wall)
		switch {
		case tick.IsZero():
			return time.Time{}
		case end.IsZero() || tick.Before(shown(end, offset(at))):
			return tick.Add(-offset(at)).In(c.zone)
		}
		leap := shown(end, offset(end))
		if !c.passing && tick.Before(leap) {
			return end // the wall never shows the time of the tick
		}
		at = end
		wall = c.afterRepeat(at, justBefore(leap))
	}
}

// afterRepeat returns wall, or where the stretch that holds at began by
// turning the clocks back, the end of what the wall then shows a second time.
func (c clock) afterRepeat(at, wall time.Time) time.Time {
	start, _ := at.ZoneBounds()
	if c.passing || start.IsZero() {
		return wall
	}
	again := justBefore(shown(start, offset(justBefore(start))))
	if wall.Before(again) {
		return again
	}
	return wall
}

// justBefore makes the search for what comes after a time find that time, too.
func justBefore(t time.Time) time.Time { return t.Add(-1) }

// shown returns what the wall shows at t where the zone is that far from UTC.
func shown(t time.Time, from time.Duration) time.Time { return t.UTC().Add(from) }

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
