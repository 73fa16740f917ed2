package trigger

import (
	"time"

	"patchbay/engine/program"
)

// Next returns the first moment of a schedule that lies after the given time.
func Next(s *program.Schedule, after time.Time) time.Time { return clockOf(s).next(after) }
