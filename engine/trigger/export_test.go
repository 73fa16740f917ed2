package trigger

import (
	"context"
	"time"
)

// Turn does what Run does when it wakes up at that time, and returns how long
// Run would sleep after it.
func (s *Schedules) Turn(ctx context.Context, now time.Time) time.Duration {
	s.turn(ctx, now)
	return s.sleep(now, 0)
}
