package journal

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/value"
)

// Edit is a value that a person has set in place of what a flow works out: of
// an input of a step, or of the item of a turn.
type Edit struct {
	Field    []string // below what the step is given; none for all of it
	Old, New any      // Old is nil where it was not known
	By       string
	At       time.Time
}

// The keys of the data of an [Edited] event.
const (
	editNew = "new"
	editOld = "old"
)

// Event returns the event that writes the edit down.
func (e Edit) Event(path string) Event {
	data := map[string]any{editNew: e.New}
	if e.Old != nil {
		data[editOld] = e.Old
	}
	return Event{At: e.At, Kind: Edited, Path: path, Text: strings.Join(e.Field, "."), Data: data, By: e.By}
}

// EditOf returns the edit that an [Edited] event writes down.
func EditOf(e Event) Edit {
	data, _ := e.Data.(map[string]any)
	return Edit{Field: value.SplitPath(e.Text), Old: data[editOld], New: data[editNew], By: e.By, At: e.At}
}

// edit notes an edit; a later one of the same field takes the place of the
// earlier.
func (s *State) edit(e Event) {
	if s.edits == nil {
		s.edits = map[string][]Edit{}
	}
	made := EditOf(e)
	s.edits[e.Path] = append(slices.DeleteFunc(s.edits[e.Path], func(earlier Edit) bool {
		return len(earlier.Field) >= len(made.Field) && slices.Equal(earlier.Field[:len(made.Field)], made.Field)
	}), made)
}

// forgetEdits removes the edits inside a place that is done once more as a
// whole: a loop may go through other items then.
func (s *State) forgetEdits(path string) {
	maps.DeleteFunc(s.edits, func(p string, _ []Edit) bool { return Inside(p, path) })
}

// Edited returns what the step or the turn at path is given, v, with what a
// person has set in it. v itself is not changed.
func (s *State) Edited(path string, v any) any {
	for _, e := range s.edits[path] {
		v = put(v, e.Field, e.New)
	}
	return v
}

// put returns v with another value at a path.
func put(v any, path []string, to any) any {
	if len(path) == 0 {
		return to
	}
	if list, ok := v.([]any); ok {
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(list) {
			return v
		}
		list = slices.Clone(list)
		list[i] = put(list[i], path[1:], to)
		return list
	}
	object, _ := v.(map[string]any)
	own := make(map[string]any, len(object)+1)
	maps.Copy(own, object)
	own[path[0]] = put(own[path[0]], path[1:], to)
	return own
}
