package expr

import (
	"maps"
	"slices"

	"patchbay/engine/value"
)

// Scope is the names an expression can see, each with its type, and what is
// known about them at this place. A Scope is immutable: each method that
// changes something returns a new one.
type Scope struct {
	fields []value.Field
	absent map[string]string // dotted path → why it cannot be used here
	cases  []choice
	known  facts
}

// choice is a name that has another type once path equals literal.
type choice struct {
	path, literal string
	field         value.Field
}

// NewScope returns a scope with these names.
func NewScope(fields ...value.Field) *Scope {
	s := &Scope{}
	for _, f := range fields {
		s = s.With(f)
	}
	return s
}

// With returns the scope with a top-level name added, or replaced. What was
// known about that name is forgotten, also that it was [Scope.Missing].
func (s *Scope) With(f value.Field) *Scope {
	n := *s
	if _, ok := s.absent[f.Name]; ok {
		n.absent = maps.Clone(s.absent)
		delete(n.absent, f.Name)
	}
	n.fields = slices.Clone(s.fields)
	n.known = s.known.without(f.Name)
	for i := range n.fields {
		if n.fields[i].Name == f.Name {
			n.fields[i] = f
			return &n
		}
	}
	n.fields = append(n.fields, f)
	return &n
}

// Missing returns the scope in which the dotted path, such as "steps.apply",
// exists but cannot be used: whoever names it is told the reason.
func (s *Scope) Missing(path, reason string) *Scope {
	n := *s
	n.absent = maps.Clone(s.absent)
	if n.absent == nil {
		n.absent = map[string]string{}
	}
	n.absent[path] = reason
	return &n
}

// Case returns the scope in which f takes the place of the name it bears
// wherever the text at path is known to equal literal, be it through Assume or
// inside an expression: `trigger.id == "a" and event.amount > 5`.
func (s *Scope) Case(path, literal string, f value.Field) *Scope {
	n := *s
	n.cases = append(slices.Clip(s.cases), choice{path, literal, f})
	return &n
}

// Assume returns the scope with what is known when the condition c came out
// true (holds) or false: which optional values are there after all, and which
// case applies. A nil c says nothing.
func (s *Scope) Assume(c *Code, holds bool) *Scope {
	if c == nil {
		return s
	}
	n := *s
	n.known = s.known.and(c.whenFalse)
	if holds {
		n.known = s.known.and(c.whenTrue)
	}
	return &n
}

// Names returns the top-level names, in the order they were added.
func (s *Scope) Names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.Name
	}
	return names
}

// Lookup returns the type of a top-level name.
func (s *Scope) Lookup(name string) (*value.Type, bool) {
	f, ok := s.lookup(name, s.known)
	return f.Type, ok
}

// lookup returns the field of that name, given what is known.
func (s *Scope) lookup(name string, known facts) (value.Field, bool) {
	for _, c := range s.cases {
		if literal, ok := known.equal[c.path]; ok && literal == c.literal && c.field.Name == name {
			return c.field, true
		}
	}
	for _, f := range s.fields {
		if f.Name == name {
			return f, true
		}
	}
	return value.Field{}, false
}
