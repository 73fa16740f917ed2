package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/run"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// readEdits reads what a person sets, each as "step.input=value", and returns
// the events that write it down. steps is the run as it stands without.
func readEdits(steps []run.Glance, written []string, at time.Time, by string) ([]journal.Event, *refusal) {
	var events []journal.Event
	for _, text := range written {
		place, given, ok := strings.Cut(text, "=")
		if !ok {
			return nil, wrongEdit("write it as step.input=value", "the edit %s has no value", strconv.Quote(text))
		}
		t, refused := findEdited(steps, place)
		if refused != nil {
			return nil, refused
		}
		v, refused := t.read(place, given)
		if refused != nil {
			return nil, refused
		}
		old, _ := value.Get(t.given, t.field)
		events = append(events, journal.Edit{Field: t.field, Old: old, New: v, By: by, At: at}.Event(t.path))
	}
	return events, nil
}

func wrongEdit(hint, format string, args ...any) *refusal {
	return &refusal{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...), hint}
}

// target is what an edit sets: a field of what a step is given, or of an item.
type target struct {
	path  string
	about string // "bell.ring", "the item"
	typ   *value.Type
	field []string
	given any
	kept  bool
}

// findEdited returns what a place names: the step with the longest path that
// stands before the field, or a turn with the name of its item.
func findEdited(steps []run.Glance, place string) (*target, *refusal) {
	var found *target
	var longest int
	var allowed []string
	for _, g := range steps {
		ways := targets(g)
		if len(ways) > 0 && g.Outcome == "" {
			allowed = append(allowed, placesOf(ways[len(ways)-1])...)
		}
		for _, t := range ways {
			t.kept = g.Outcome != ""
			rest, ok := strings.CutPrefix(place, t.prefix)
			whole := g.Turn && place == strings.TrimSuffix(t.prefix, ".")
			if !ok && !whole || longest > len(t.prefix) {
				continue
			}
			longest = len(t.prefix)
			own := t.target
			if !whole {
				own.field = value.SplitPath(rest)
			}
			found = &own
		}
	}
	switch {
	case found == nil:
		return nil, wrongEdit(nearest(place, allowed, "what can be set"), "%s is nothing that a step of this retry is given", strconv.Quote(place))
	case found.kept:
		return nil, wrongEdit("--from "+found.path+" does it once more",
			"step %s keeps what came of it, so that another value for %s would change nothing", found.path, place)
	default:
		return found, nil
	}
}

// named is a target with what stands before the field of it.
type named struct {
	target

	prefix string
}

// targets returns what a person may set of a step or a turn.
func targets(g run.Glance) []named {
	t := target{path: g.Path, given: g.Given}
	switch {
	case g.Turn:
		t.about, t.typ = "the item", itemOf(g.Step)
		return []named{{t, g.Path + "." + g.Step.As + "."}}
	case g.Step.Kind == program.DoAction:
		t.about, t.typ = g.Step.Action.ID, g.Step.Action.InputType()
	case g.Flow != nil:
		t.about, t.typ = g.Flow.ID, g.Flow.InputType()
	case g.Step.Kind == program.DoSet:
		t.about, t.typ = "the step", typeOfSet(g.Step)
	default:
		return nil
	}
	all := []named{{t, g.Path + "."}}
	if turn, only := strings.CutSuffix(g.Path, ".#1"); only && journal.IsTurn(turn) {
		all = append(all, named{t, turn + "."}) // the one action beside for_each
	}
	return all
}

// placesOf returns how the fields of a target are named.
func placesOf(n named) []string {
	if len(n.typ.FieldNames()) == 0 {
		return []string{strings.TrimSuffix(n.prefix, ".")}
	}
	var out []string
	for _, name := range n.typ.FieldNames() {
		out = append(out, n.prefix+name)
	}
	return out
}

func itemOf(loop *program.Step) *value.Type {
	if t := loop.ForEach.Type(); t != nil && t.Kind == value.List {
		return t.Elem
	}
	return value.Of(value.Any)
}

func typeOfSet(s *program.Step) *value.Type {
	t := &value.Type{Kind: value.Object}
	for _, n := range s.Set {
		t.Fields = append(t.Fields, value.Field{Name: n.Name, Type: n.Value.Type})
	}
	return t
}

// read reads the value for a target.
func (t *target) read(place, text string) (any, *refusal) {
	typ, refused := t.fieldType(place)
	if refused != nil {
		return nil, refused
	}
	v, err := spec.ParseValue(text)
	if err != nil {
		return nil, wrongEdit("quotes around the whole text make it text", "%s: %v", place, err)
	}
	if _, isText := v.(string); !isText && v != nil && holdsText(typ) && !strings.ContainsAny(text[:1], "[{") {
		v = text // no zero in front of it is lost
	}
	if v, err = value.Normalize(v); err != nil {
		return nil, wrongEdit("", "%s: %v", place, err)
	}
	if wrong := value.MismatchValue(v, typ); wrong != "" {
		return nil, wrongEdit("", "%s: %s", place, wrong)
	}
	return v, nil
}

func holdsText(t *value.Type) bool {
	if t == nil {
		return false
	}
	switch t.Kind {
	case value.String, value.Enum, value.Date, value.Datetime, value.Duration:
		return true
	default:
		return false
	}
}

// fieldType returns the type of what the target leads to.
func (t *target) fieldType(place string) (*value.Type, *refusal) {
	at, about := t.typ, t.about
	for _, part := range t.field {
		switch {
		case at.IsAny():
			return value.Of(value.Any), nil
		case at.Kind == value.Map:
			at = at.Elem
		case at.Kind == value.List:
			if n, err := strconv.Atoi(part); err != nil || n < 0 {
				return nil, wrongEdit("the first has the number 0", "%s: %s is a list, so that a number must stand behind it and not %q", place, about, part)
			}
			at = at.Elem
		case at.Kind == value.Object:
			f, ok := at.Lookup(part)
			if !ok {
				return nil, wrongEdit(nearest(part, at.FieldNames(), "allowed"), "%s: %q is nothing that %s takes", place, part, about)
			}
			at = f.Type
		default:
			return nil, wrongEdit("", "%s: %s is of the type %s, and has nothing inside it", place, about, at)
		}
		about = part
	}
	return at, nil
}

// newEdits tells the edits again.
func newEdits(events []journal.Event) []RetryEdit {
	var out []RetryEdit
	for _, e := range events {
		edit := journal.EditOf(e)
		out = append(out, RetryEdit{Path: e.Path, Field: e.Text, Old: edit.Old, New: edit.New})
	}
	return out
}
