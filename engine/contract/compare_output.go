package contract

import (
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// output compares where an action finds its answer, and each field of it.
func (c *comparison) output() {
	out := c.action.Output
	if out.Type == nil || len(out.At) == 0 || out.At[0] != "body" || out.Decode == program.DecodeText || out.Decode == program.DecodeFile {
		return
	}
	s, ok := c.answered("output", out.At[1:])
	if !ok {
		return
	}
	if list := slices.Contains(s.types, "array"); out.List && !list && s.known() && !s.bare() {
		c.differs("output", s.place(), "the connector brings a list, and the description has %s there", s.word())
		return
	}
	c.matched("output", s.node)
	if out.List {
		s = s.items()
	}
	c.fields("output", out.Type, s, map[*value.Type]bool{})
}

// answered finds a path in the answers that mean success. What cannot be
// found has been told.
func (c *comparison) answered(what string, path []string) (shape, bool) {
	var missing string
	var at node
	answers := c.op.answers()
	for _, a := range answers {
		s := a.shape
		found, lack, known := s.via(path)
		switch {
		case !s.known():
		case known && lack == "":
			return found, true
		case known:
			missing, at = lack, s.node
		default:
			c.unknown(what, a.at, "the description does not say what is in the answer at %s", strings.Join(path, "."))
			return shape{}, false
		}
	}
	if missing != "" {
		c.differs(what, at.place(), "the answer of the description has no %s", missing)
		return shape{}, false
	}
	c.unknown(what, c.op.get("responses"), "the description says nothing about the answer")
	return shape{}, false
}

// fields compares the fields of a record with the properties of a schema.
func (c *comparison) fields(what string, t *value.Type, s shape, seen map[*value.Type]bool) {
	for t != nil && (t.Kind == value.List || t.Kind == value.Map) {
		if t.Kind == value.Map {
			return
		}
		t, s = t.Elem, s.items()
	}
	if t == nil || t.Kind != value.Object || seen[t] {
		return
	}
	if !s.known() || s.bare() {
		c.unknown(what, s.node, "the description does not say what is in it")
		return
	}
	seen[t] = true
	defer delete(seen, t)
	for _, f := range t.Fields {
		path := f.Wire
		if len(path) == 0 {
			path = []string{f.Name}
		}
		name := what + "." + f.Name
		found, missing, known := s.via(path)
		switch {
		case !known:
			c.unknown(name, s.node, "the description does not say whether there is a %s", strings.Join(path, "."))
		case missing != "":
			hint := ""
			if near := nearest(path[len(path)-1], s.names); near != "" {
				hint = "; it has " + near
			}
			c.differs(name, s.place(), "the answer of the description has no %s%s", missing, hint)
		case !found.known():
			c.unknown(name, found.node, "the description gives it no type")
		default:
			if problem := shallow(f.Type, found); problem != "" {
				c.differs(name, found.place(), "%s", problem)
				continue
			}
			c.matched(name, found.node)
			c.fields(name, f.Type, found, seen)
		}
	}
}

// shallow compares a field with its schema, but not what is in it.
func shallow(t *value.Type, s shape) string {
	if t.Kind == value.Object || t.Kind == value.List && t.Elem != nil && t.Elem.Kind == value.Object {
		flat := *t
		flat.Fields = nil
		if t.Kind == value.List {
			flat.Elem = value.Of(value.Any)
		}
		t = &flat
	}
	return mismatch(t, s, false, false, 0)
}

func nearest(name string, names []string) string { return diag.Nearest(name, names) }
