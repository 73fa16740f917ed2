package journal

import "slices"

// Paths returns the paths of the steps in the order of their first event.
func (s *State) Paths() []string { return slices.Clone(s.paths) }
