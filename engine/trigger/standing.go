package trigger

import (
	"time"

	"patchbay/engine/program"
)

// Next returns the first tick of a schedule after a time, zero for none.
func Next(s *program.Schedule, after time.Time) time.Time { return clockOf(s).next(after) }

// Ticks returns a text that differs for schedules with different ticks. It is
// what the cursor of a schedule is a position in.
func Ticks(s *program.Schedule) string { return written(s) }

// Standing returns what the cursor of a trigger, as the store has it, is a
// position in, and whether the trigger's flow was switched off since.
func Standing(cursor any) (of string, paused bool) {
	p := positionOf(cursor)
	return p.of, p.paused
}
