package journal

import (
	"maps"
	"slices"
	"strings"
	"time"

	"patchbay/engine/value"
)

// State is what a journal says about a run: the fold of its events. The zero
// State is that of a run nobody has taken up yet.
type State struct {
	Begun     bool
	BegunAt   time.Time // zero until it began
	Data      any       // of the Began event: {"vars": …, "inputs": …}
	Status    Status    // Queued until it began; the status of the Ended event once it ended
	Reason    string    // of an ended run
	Output    any       // of an ended run
	NotBefore time.Time // of a run that waits as a whole, not in one of its steps
	EndedAt   time.Time // zero while it has not ended
	RetriedAt time.Time // when a retry took it up, zero if none did
	// Worked is how long the run was worked on before it was given back to wait,
	// since the last retry. What was interrupted instead is not in it.
	Worked time.Duration

	retried []string // the paths of the retries
	edits   map[string][]Edit
	// dismissed are the places whose failure nobody has to care about, "" for
	// the whole run.
	dismissed map[string]bool
	ending    *value.Failure // of the Ended event
	steps     map[string]*StepState
	paths     []string // keys of steps, in the order of their first event
}

// StepState is what a journal says about one step.
type StepState struct {
	Path     string
	Outcome  Kind           // Done, Skipped, Caught or Failed; "" while there is none
	Output   any            // of Done
	Reason   string         // of Skipped, and of Done where a step ended the run
	Failure  *value.Failure // of Caught and Failed; before, of the last attempt
	Item     any            // of a turn that was Caught: what it was about
	Attempts int            // begun so far
	Limited  int            // of these, how many only met a rate limit, or a connection that must be connected
	EndedAt  time.Time      // when it got its outcome
	// NotBefore is the time before which there is nothing to do: the end of
	// a wait, or the time of the next attempt.
	NotBefore time.Time
	// Awaits says what the step waits for beside NotBefore, as a person would
	// be told; "" for nothing. It is set since AwaitsSince.
	Awaits      string
	AwaitsSince time.Time
	// Intent is the write that was about to be sent and of which nothing
	// more is known; nil if there is none.
	Intent *Event
	// Doubt says why an attempt before the last one may have happened; nil if
	// none may.
	Doubt *value.Failure
	// FirstIntent is when the write was about to be sent for the first time,
	// zero if it never was: from then on a vendor may remember its key.
	FirstIntent time.Time
}

// Ended reports whether the step has an outcome.
func (s *StepState) Ended() bool { return s.Outcome != "" }

// Unsettled reports whether a write of the step may or may not have happened.
func (s *StepState) Unsettled() bool { return s.Intent != nil }

// Fold returns the state after the events, which are in the order in which
// they were written.
func Fold(events []Event) *State {
	s := &State{}
	for i := range events {
		s.Apply(events[i])
	}
	return s
}

// Apply adds one more event. Events of a kind that is not known here change
// nothing.
func (s *State) Apply(e Event) {
	switch e.Kind {
	case Began:
		s.Begun, s.BegunAt, s.Data, s.Status = true, e.At, e.Data, Running
	case Intent, Done, Tried, Skipped, Caught, Failed:
		s.step(e.Path).apply(e)
		s.Status, s.NotBefore = Running, time.Time{}
	case Waiting:
		s.wait(e)
	case Answered:
		s.reopen()
		s.step(e.Path).answer(e)
	case Edited:
		s.edit(e)
	case Dismissed:
		s.dismiss(e.Path)
	case Retried:
		s.reopen()
		s.forget(e.Path)
		s.RetriedAt, s.retried, s.Worked = e.At, append(s.retried, e.Path), 0
	case Ended:
		s.Status, s.Reason, s.Output, s.EndedAt, s.ending = e.Status, e.Text, e.Data, e.At, e.Failure
	}
}

// Step returns what is known of the step at path, and false if the journal
// does not speak of it. It is not to be changed.
func (s *State) Step(path string) (*StepState, bool) {
	st, ok := s.steps[path]
	return st, ok
}

// Paths returns the paths of the steps that the journal speaks of, in the order
// of their first event.
func (s *State) Paths() []string { return slices.Clone(s.paths) }

// Unsettled returns the paths of the steps whose last write may or may not
// have happened, in the order of their first event.
func (s *State) Unsettled() []string {
	var paths []string
	for _, path := range s.paths {
		if s.steps[path].Unsettled() {
			paths = append(paths, path)
		}
	}
	return paths
}

// Awaiting returns the paths of the steps that wait for an event or a person, in
// the order of their first event.
func (s *State) Awaiting() []string {
	var paths []string
	for _, path := range s.paths {
		if s.steps[path].Awaits != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// Retries returns how often what was known of the step at path was forgotten.
func (s *State) Retries(path string) int {
	n := 0
	for _, p := range s.retried {
		if p == "" || p == path || Inside(path, p) {
			n++
		}
	}
	return n
}

func (s *State) step(path string) *StepState {
	st, ok := s.steps[path]
	if ok {
		return st
	}
	if s.steps == nil {
		s.steps = map[string]*StepState{}
	}
	st = &StepState{Path: path}
	s.steps[path] = st
	s.paths = append(s.paths, path)
	return st
}

func (s *State) wait(e Event) {
	s.Status = WaitingStatus
	if e.Path == "" {
		s.NotBefore, s.Worked = e.Until, max(s.Worked, e.Worked)
		return
	}
	st := s.step(e.Path)
	st.NotBefore, st.Awaits = e.Until, e.Text
	if e.Text != "" {
		st.AwaitsSince = e.At
	}
}

// reopen takes back the end of the run.
func (s *State) reopen() {
	delete(s.dismissed, "")
	s.ending = nil
	s.Status, s.Reason, s.Output = Queued, "", nil
	s.NotBefore, s.EndedAt = time.Time{}, time.Time{}
}

// forget removes the step at path and the steps inside it, and takes the
// outcome from the steps around it, which have to come to an end once more.
// The empty path stands for the whole run; of a path that ends in a dot only
// the outcome of the step before the dot is taken, of "." only the run's.
func (s *State) forget(path string) {
	if path == "" {
		*s = State{Status: Queued, retried: s.retried}
		return
	}
	s.forgetEdits(path)
	s.forgetDismissed(path)
	gone := func(p string) bool { return p == path || Inside(p, path) }
	maps.DeleteFunc(s.steps, func(p string, _ *StepState) bool { return gone(p) })
	s.paths = slices.DeleteFunc(s.paths, gone)
	for p, st := range s.steps {
		if Inside(path, p) {
			*st = StepState{Path: p}
		}
	}
}

// Inside reports whether path is the place of a step inside the step at outer:
// "each[3].apply" is inside "each[3]" and inside "each", "invoice/send" inside
// "invoice".
func Inside(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[' || rest[0] == '/')
}

func (s *StepState) apply(e Event) {
	if s.Intent != nil && e.Attempt > s.Intent.Attempt {
		s.Doubt = Interrupted() // a worker was lost between the two attempts
	}
	s.Attempts = max(s.Attempts, e.Attempt)
	s.NotBefore, s.Awaits, s.Intent = time.Time{}, "", nil
	switch e.Kind {
	case Intent:
		s.Intent = &e
		if s.FirstIntent.IsZero() {
			s.FirstIntent = e.At
		}
	case Tried:
		s.Failure, s.NotBefore = e.Failure, e.Until
		s.Doubt = Doubt(s.Doubt, e.Failure)
		if e.Failure != nil && (e.Failure.Class == value.ClassRateLimit || e.Failure.Reconnect != "") {
			s.Limited++
		}
	case Done:
		s.Outcome, s.Output, s.Reason, s.Failure, s.EndedAt = Done, e.Data, e.Text, nil, e.At
		s.Doubt = nil
	case Skipped:
		s.Outcome, s.Reason, s.EndedAt = Skipped, e.Text, e.At
	default: // Caught, Failed
		s.Outcome, s.Failure, s.Item, s.EndedAt = e.Kind, e.Failure, e.Data, e.At
	}
}

// Doubt returns why a write may have happened, nil if it did not: after one more
// failure, before which there was that doubt or none.
func Doubt(before, failure *value.Failure) *value.Failure {
	switch {
	case failure == nil:
		return before
	case failure.Unsettled:
		return failure
	case failure.Decides():
		return nil
	default:
		return before
	}
}

// Interrupted is the failure of an attempt of whose worker nothing more was
// heard.
func Interrupted() *value.Failure {
	f := value.Fail(value.ClassUnknown, "the run was interrupted while the request was under way")
	f.Unsettled = true
	return f
}

func (s *StepState) answer(e Event) {
	s.Outcome, s.Output, s.Failure, s.Intent, s.Doubt = "", nil, nil, nil, nil
	if e.Text == Happened {
		s.Outcome, s.Output, s.EndedAt = Done, e.Data, e.At
	}
}
