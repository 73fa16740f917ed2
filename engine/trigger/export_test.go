package trigger

import (
	"context"
	"time"

	"patchbay/engine/program"
)

// Next returns the first moment of a schedule that lies after the given time.
func Next(s *program.Schedule, after time.Time) time.Time { return clockOf(s).next(after) }

// Turn does what Run does when it wakes up at that time, and returns how long
// Run would sleep after it.
func (s *Schedules) Turn(ctx context.Context, now time.Time) time.Duration {
	s.turn(ctx, now)
	return s.sleep(now, 0)
}
