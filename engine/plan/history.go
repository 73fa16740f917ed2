package plan

import (
	"regexp"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// The times over which runs are counted: the last week, or where there was no
// run in it, the last month.
const (
	Week  = 7 * 24 * time.Hour
	Month = 30 * 24 * time.Hour
)

// Sample is how many of the latest runs of a flow are looked into.
const Sample = 20

// History is what is known of the runs of a flow.
type History struct {
	Triggers map[string]journal.Started // by the id of the trigger
	// Sampled is how many runs were looked into; Calls what each step called in
	// all of them, by its path without the numbers of turns; Turns how many
	// turns each loop made.
	Sampled int
	Calls   map[string]Measure
	Turns   map[string]int
}

// Measure is how often a step called an action.
type Measure struct {
	Action string
	Calls  int
}

var turn = regexp.MustCompile(`\[\d+\]`)

// Add counts what a run has done. A page of a list is a call of its own, and so
// is an attempt that failed.
func (h *History) Add(events []journal.Event) {
	if h.Calls == nil {
		h.Calls, h.Turns = map[string]Measure{}, map[string]int{}
	}
	h.Sampled++
	turns := map[string]bool{}
	for i := range events {
		e := &events[i]
		for _, at := range turn.FindAllStringIndex(e.Path, -1) {
			turns[e.Path[:at[1]]] = true
		}
		action, calls := e.Action, 1
		switch {
		case e.Kind == journal.Done || e.Kind == journal.Tried:
			if e.Request != nil {
				calls = max(e.Request.Pages, 1)
			}
		case (e.Kind == journal.Failed || e.Kind == journal.Caught) && e.Failure != nil && e.Failure.Step == e.Path:
			action = e.Failure.Action // a step around it fails by it, too
		default:
			continue
		}
		if path := program.WrittenPath(e.Path); action != "" {
			h.Calls[path] = Measure{action, h.Calls[path].Calls + calls}
		}
	}
	for path := range turns {
		at := turn.FindAllStringIndex(path, -1)
		h.Turns[program.WrittenPath(path[:at[len(at)-1][0]])]++
	}
}
