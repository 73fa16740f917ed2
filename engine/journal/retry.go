package journal

import (
	"slices"
	"strings"
	"time"
)

// Retry is what a run that has ended does once more, and what it keeps. Paths
// are those of steps, of turns of a loop ("each[3]"), or "on_error" and
// "finally"; what is inside a path that is named is not named beside it.
type Retry struct {
	From  []string // where it begins; none for the start, or where nothing but the end is done once more
	Again []string // done once more, in the order of the run; an on_error may follow
	Kept  []string // keep their outcome
	// Open are those to be done once more whose last write may or may not
	// have happened: nothing may be forgotten before that is known.
	Open []string

	forget []string // the paths of the Retried events
}

// Events returns the events that take the run up again, as somebody wants.
func (r *Retry) Events(at time.Time, by string) []Event {
	events := make([]Event, 0, len(r.forget))
	for _, path := range r.forget {
		events = append(events, Event{At: at, Kind: Retried, Path: path, By: by})
	}
	return events
}

// RetryStart returns the retry of everything.
func (s *State) RetryStart() *Retry {
	return &Retry{Again: s.tree().inside[""], Open: s.open(), forget: []string{""}}
}

// RetryFailed returns the retry of what failed, false if nothing did. Of a run
// that failed this is the step that failed for good and what followed it; of
// one that failed in part, each step that did and what followed it, but of a
// loop only the turns that failed: other turns and the steps behind the loop
// are kept. A run that failed or was broken off between its steps goes on
// where it was. What was dismissed is no failure any more.
//
// With places, such as turns of a loop, it is the retry of what failed there
// alone, and of what failed for good beside it.
func (s *State) RetryFailed(places ...string) (*Retry, bool) {
	c := newChoice(s)
	switch s.Status {
	case PartlyFailed:
		c.caught(places)
		if len(c.from) == 0 {
			return nil, false
		}
	case FailedStatus, Cancelled:
		if !s.Begun {
			return s.RetryStart(), len(places) == 0
		}
		if len(places) > 0 {
			c.caught(places)
			if len(c.from) == 0 {
				return nil, false
			}
		}
		c.failed()
	default:
		return nil, false
	}
	if len(c.from) == 0 {
		c.end("")
		c.behind("", true)
	}
	return c.retry(), true
}

// RetryAlso returns a retry that does some steps once more beside those of r,
// and nothing that followed them.
func (s *State) RetryAlso(r *Retry, paths ...string) *Retry {
	c := newChoice(s)
	c.from = r.From
	for _, path := range slices.Concat(r.forget, paths) {
		if path == "" {
			return r
		}
		if end, only := strings.CutSuffix(path, "."); only {
			c.end(end)
		} else {
			c.step(path)
		}
	}
	return c.retry()
}

// RetryFrom returns the retry of one step and of all that followed it, and of
// what failed for good beside it, without which the run could not end
// otherwise; false if the run never came to that step.
func (s *State) RetryFrom(path string) (*Retry, bool) {
	c := newChoice(s)
	if !c.tree.has(path) {
		return nil, false
	}
	c.begin(path)
	c.step(path)
	c.behind(path, false)
	if s.Status == FailedStatus && !s.cleaning(path) {
		c.failed()
	}
	return c.retry(), true
}

// The names by which the steps behind the end of a flow stand in paths.
const (
	onError = "on_error"
	finally = "finally"
)

// open reports whether a write of the step may or may not have happened.
func (s *StepState) open() bool {
	if s.Ended() || s.FirstIntent.IsZero() {
		return false
	}
	return s.Unsettled() || s.Failure != nil && s.Failure.Unsettled
}

// open returns the steps of which that is so.
func (s *State) open() []string {
	var open []string
	for _, path := range s.paths {
		if s.steps[path].open() {
			open = append(open, path)
		}
	}
	return open
}

// choice collects what is to be forgotten.
type choice struct {
	state *State
	tree  *tree
	gone  map[string]bool // places to be forgotten with all inside them
	again map[string]bool // places of which only the end is
	from  []string
	open  []string // steps whose last write may or may not have happened
}

func newChoice(s *State) *choice {
	return &choice{state: s, tree: s.tree(), open: s.open(), gone: map[string]bool{}, again: map[string]bool{}}
}

func (c *choice) begin(path string) { c.from = append(c.from, path) }
func (c *choice) step(path string)  { c.gone[path] = true }
func (c *choice) end(path string)   { c.again[path] = true }

// failed chooses the steps that failed for good and what followed them.
func (c *choice) failed() {
	c.innermost(func(path string, outcome Kind) bool {
		if outcome != Failed {
			return false
		}
		for u := path; u != ""; u = Around(u) {
			if st := c.state.steps[u]; st != nil && st.Outcome == Caught {
				return false
			}
		}
		return !c.state.cleaning(path)
	}, false)
}

// caught chooses the failures that the run went on after and that were not
// dismissed: those at or inside the places, if there are any.
func (c *choice) caught(places []string) {
	c.innermost(func(path string, outcome Kind) bool {
		if outcome != Caught && (outcome != Failed || c.state.cleaning(path)) || c.state.Dismissed(path) {
			return false
		}
		return len(places) == 0 || slices.ContainsFunc(places, func(p string) bool { return p == path || Inside(path, p) })
	}, true)
}

// innermost chooses those of the steps for which meant is true that have no
// other one of them inside, and what followed.
func (c *choice) innermost(meant func(path string, outcome Kind) bool, turns bool) {
	var found []string
	around := map[string]bool{} // the places with one of them inside
	for _, path := range c.state.paths {
		if !meant(path, c.state.steps[path].Outcome) {
			continue
		}
		found = append(found, path)
		for u := Around(path); u != ""; u = Around(u) {
			around[u] = true
		}
	}
	for _, path := range found {
		switch {
		case around[path]:
			if c.state.steps[path].Outcome == Caught && !isTurn(path) {
				c.behind(path, turns)
			}
			continue
		case len(c.tree.inside[path]) > 0:
			c.end(path) // it did not fail for what is inside
		default:
			c.step(path)
		}
		c.begin(path)
		c.behind(path, turns)
	}
}

// behind chooses what followed a place: the later ones of its list, and of the
// lists around it. With turns, what follows behind a loop around it is kept, up
// to the end of the flow: on_error and finally belong to that end. The empty
// path is the end of the run's steps.
func (c *choice) behind(path string, turns bool) {
	onlySections := path == ""
	for u := path; ; u = Around(u) {
		if isTurn(u) {
			onlySections = onlySections || turns
			continue
		}
		later := u == ""
		for _, v := range c.tree.inside[Around(u)] {
			if later && (!onlySections || c.state.section(v)) && frame(v) == frame(u) {
				c.step(v)
			}
			later = later || v == u
		}
		if Around(u) == "" {
			return
		}
	}
}

// retry sorts all places into those that are done once more and those kept.
func (c *choice) retry() *Retry {
	r := &Retry{From: c.from}
	touched := map[string]bool{}
	for _, places := range []map[string]bool{c.gone, c.again} {
		for path := range places {
			for u := Around(path); u != ""; u = Around(u) {
				touched[u] = true
			}
		}
	}
	if c.again[""] {
		r.forget = append(r.forget, ".")
	}
	c.sort(r, touched, c.tree.inside[""])
	return r
}

func (c *choice) sort(r *Retry, touched map[string]bool, places []string) {
	for _, path := range places {
		st := c.state.steps[path]
		switch {
		case c.gone[path]:
			if !strings.HasSuffix(path, onError) || !c.state.section(path) || slices.Contains(c.from, path) {
				r.Again = append(r.Again, path)
			}
			r.forget = append(r.forget, path)
			for _, open := range c.open {
				if open == path || Inside(open, path) {
					r.Open = append(r.Open, open)
				}
			}
		case c.again[path]:
			r.Again, r.forget = append(r.Again, path), append(r.forget, path+".")
			c.sort(r, touched, c.tree.inside[path])
		case !touched[path] && (st != nil && st.Ended() || isTurn(path)):
			r.Kept = append(r.Kept, path)
		default:
			c.sort(r, touched, c.tree.inside[path])
		}
	}
}

// section reports whether a place is the on_error or the finally of a flow.
func (s *State) section(path string) bool {
	name := path[len(frame(path)):]
	return (name == onError || name == finally) && s.steps[path] == nil
}

// cleaning reports whether a place belongs to the on_error or the finally of a
// flow, whose failures are not those of the run.
func (s *State) cleaning(path string) bool {
	for u := path; u != ""; u = Around(u) {
		if s.section(u) {
			return true
		}
	}
	return false
}

// tree is the order of the places that a journal speaks of: under each place
// those directly inside it, in the order in which the run came to them. What is
// at the top is under "".
type tree struct{ inside map[string][]string }

func (s *State) tree() *tree {
	t := &tree{inside: map[string][]string{}}
	seen := map[string]bool{}
	for _, path := range s.paths {
		for u := path; u != "" && !seen[u]; u = Around(u) {
			seen[u] = true
			t.inside[Around(u)] = append(t.inside[Around(u)], u)
		}
	}
	return t
}

func (t *tree) has(path string) bool { return slices.Contains(t.inside[Around(path)], path) }

// Around returns the place directly around another: of a step in a loop its
// turn, of a turn its loop, of a step in a branch the step with the branches,
// and of what stands behind a slash what stands before it. At the top this is
// "".
func Around(path string) string {
	if isTurn(path) {
		return path[:strings.LastIndexByte(path, '[')]
	}
	outer := strings.TrimRight(frame(path), "./")
	if strings.HasSuffix(frame(path), ".") && !isTurn(outer) {
		outer = outer[:max(strings.LastIndexByte(outer, '.'), 0)] // what is cut is the number of the branch
	}
	return outer
}

// frame returns the part of a path that it shares with the steps of its list.
func frame(path string) string { return path[:strings.LastIndexAny(path, "./")+1] }

func isTurn(path string) bool {
	return strings.HasSuffix(path, "]") && strings.Contains(path, "[")
}
