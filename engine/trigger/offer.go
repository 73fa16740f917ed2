package trigger

import (
	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// through returns the triggers whose events steps wait for through a
// connection, each once.
func through(awaited []Awaited, c *program.Connection) []*program.Trigger {
	var all []*program.Trigger
	known := map[string]bool{}
	for _, a := range awaited {
		if a.comesThrough(c) && !known[a.Trigger.ID] {
			known[a.Trigger.ID] = true
			all = append(all, a.Trigger)
		}
	}
	return all
}

// offer returns the arrival by which a delivery comes to the runs that wait for
// it, whether any does now or not: what came before a wait began and is
// delivered once more must not wake it.
func (h *Hooks) offer(t *program.Trigger, names map[string]any, a journal.Arrival) (_ journal.Arrival, misfit string) {
	if misfit = h.read(t, names, &a); misfit != "" {
		return a, misfit
	}
	return journal.Offer(t.ID, a.Connection, a.EventID, a.Event, a.At), ""
}
