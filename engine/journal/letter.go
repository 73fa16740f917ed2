package journal

import (
	"maps"

	"patchbay/engine/value"
)

// Letter is a failure of a run that has ended about which nobody has done
// anything: all of the run, a turn of a loop, or a step that the run went on
// behind.
type Letter struct {
	Path    string // "" for the run as a whole
	Failure *value.Failure
	Item    any // of a turn of a loop: what it was about
}

// IsTurn reports whether a path is that of a turn of a loop, "each[3]".
func IsTurn(path string) bool { return isTurn(path) }

// Letters returns the failures of a run that failed, in the order of the run,
// without those that were dismissed. Of one that failed as a whole this is
// the failure that ended it.
func (s *State) Letters() []Letter {
	if !s.Status.HasFailed() || s.dismissed[""] {
		return nil
	}
	if s.Status == FailedStatus {
		return []Letter{{Failure: s.ending}}
	}
	var all []Letter
	for _, path := range s.paths {
		st := s.steps[path]
		if st.Outcome == Caught && !s.Dismissed(path) {
			all = append(all, Letter{Path: path, Failure: st.Failure, Item: st.Item})
		}
	}
	return all
}

// Dismissed reports whether the failure at path was dismissed, by itself or
// with a place around it. That of the whole run is not asked for.
func (s *State) Dismissed(path string) bool {
	for u := path; u != ""; u = Around(u) {
		if s.dismissed[u] {
			return true
		}
	}
	return false
}

func (s *State) dismiss(path string) {
	if s.dismissed == nil {
		s.dismissed = map[string]bool{}
	}
	s.dismissed[path] = true
}

// forgetDismissed removes what was dismissed in a place that is done once more.
func (s *State) forgetDismissed(path string) {
	maps.DeleteFunc(s.dismissed, func(p string, _ bool) bool { return p == path || Inside(p, path) || Inside(path, p) })
}
