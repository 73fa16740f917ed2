package contract

import (
	"slices"
	"strings"

	"patchbay/engine/value"
)

// shape is what a schema says, as far as it matters here.
type shape struct {
	node
	types  []string // JSON types, without null; nil where nothing is said
	format string
	enum   []string
	names  []string // of the properties, in order
	open   bool     // may have properties that are not named
	needs  []string // the properties that must be there
	any    []shape  // alternatives
	props  map[string]node
}

// known reports whether the schema says anything.
func (s shape) known() bool {
	return len(s.types) > 0 || len(s.enum) > 0 || len(s.names) > 0 || len(s.any) > 0
}

// shapeOf reads a schema, with allOf put together.
func shapeOf(n node) shape { return shapeWithin(n, 0) }

func shapeWithin(n node, depth int) shape {
	s := shape{node: n.deref(), props: map[string]node{}}
	if n = s.node; depth > 12 || !n.exists() {
		return s
	}
	s.simple()
	properties := n.get("properties")
	for _, name := range properties.keys() {
		s.name(name, properties.get(name))
	}
	s.needs = n.get("required").texts()
	if extra := n.get("additionalProperties"); extra.exists() {
		s.open = extra.v != false
	}
	for _, part := range n.get("allOf").items() {
		s.join(shapeWithin(part, depth+1))
	}
	s.alternatives(depth)
	switch {
	case len(s.types) == 0 && len(s.names) > 0:
		s.types = []string{"object"}
	case len(s.types) == 0 && len(s.any) == 0 && n.get("items").exists():
		s.types = []string{"array"}
	case len(s.types) == 1 && s.types[0] == "object" && len(s.names) == 0 && len(s.enum) > 0:
		s.types = []string{"string"} // a list of words whose type went wrong when the file was generated
	}
	return s
}

// simple reads what a schema says of the value itself.
func (s *shape) simple() {
	n := s.node
	if t := n.text("type"); t != "" && t != "any" && t != "null" {
		s.types = []string{t}
	}
	for _, t := range n.get("type").texts() {
		if t != "null" {
			s.types = append(s.types, t)
		}
	}
	if s.format = n.text("format"); n.text("type") == "file" { // of Swagger 2
		s.types, s.format = []string{"string"}, "binary"
	}
	s.enum = words(n.get("enum"))
	if c := n.get("const"); c.exists() && len(s.enum) == 0 {
		if t, ok := c.v.(string); ok {
			s.enum = []string{t}
		}
	}
}

// alternatives reads the schemas of which one holds.
func (s *shape) alternatives(depth int) {
	n := s.node
	for _, key := range []string{"oneOf", "anyOf"} {
		for _, part := range n.get(key).items() {
			if part.text("type") != "null" {
				s.any = append(s.any, shapeWithin(part, depth+1))
			}
		}
	}
	if list := n.get("items").items(); len(s.types) == 0 && len(list) > 0 {
		for _, part := range list { // alternatives, as some generators write them
			s.any = append(s.any, shapeWithin(part, depth+1))
		}
	}
	if len(s.any) > 1 && len(s.enum) == 0 {
		if one := either(s.any); len(one.enum) > 0 {
			s.types, s.enum, s.any = one.types, one.enum, nil
		}
	}
	if len(s.any) == 1 && len(s.types) == 0 {
		s.join(s.any[0])
		s.any = nil
	}
}

func (s *shape) name(name string, n node) {
	if _, twice := s.props[name]; !twice {
		s.names = append(s.names, name)
	}
	s.props[name] = n
}

func (s *shape) join(part shape) {
	if len(s.types) == 0 {
		s.types = part.types
	}
	if s.format == "" {
		s.format = part.format
	}
	if len(s.enum) == 0 {
		s.enum = part.enum
	}
	for _, name := range part.names {
		s.name(name, part.props[name])
	}
	s.needs = append(s.needs, part.needs...)
	s.any = append(s.any, part.any...)
	s.open = s.open || part.open
}

// bare reports whether the schema is an object of which nothing is named,
// which generators write for anything they do not understand.
func (s shape) bare() bool {
	return slices.Equal(s.types, []string{"object"}) && len(s.names) == 0 && len(s.any) == 0
}

// items returns what a list holds.
func (s shape) items() shape {
	n := s.get("items")
	if list := n.deref().items(); len(list) > 0 {
		var all []shape
		for _, one := range list {
			all = append(all, shapeOf(one))
		}
		return either(all)
	}
	return shapeOf(n)
}

// either puts alternatives together; their enums to one.
func either(all []shape) shape {
	if len(all) == 1 {
		return all[0]
	}
	one := shape{node: all[0].node, any: all, props: map[string]node{}}
	var words []string
	for _, a := range all {
		if len(a.enum) == 0 {
			return one
		}
		words = append(words, a.enum...)
	}
	one.types, one.enum, one.any = all[0].types, slices.Compact(slices.Sorted(slices.Values(words))), nil
	return one
}

// property finds a property by name, also in the alternatives. Where it is not
// found, known tells whether the schema rules it out.
func (s shape) property(name string) (p shape, found, known bool) {
	if n, ok := s.props[name]; ok {
		return shapeOf(n), true, true
	}
	known = !s.open && (len(s.names) > 0 || len(s.types) > 0 && !slices.Contains(s.types, "object") && len(s.any) == 0)
	if len(s.names) == 0 && len(s.any) > 0 {
		known = true
	}
	var all []shape
	for _, a := range s.any {
		p, ok, sure := a.property(name)
		if ok {
			all = append(all, p)
		}
		known = known && sure
	}
	if len(all) > 0 {
		return either(all), true, true
	}
	return shape{}, false, known
}

// via follows a dotted path through properties and list positions.
func (s shape) via(parts []string) (found shape, missing string, known bool) {
	for i, part := range parts {
		if slices.Contains(s.types, "array") && part != "" && strings.Trim(part, "0123456789") == "" {
			s = s.items()
			continue
		}
		if !s.known() || s.bare() {
			return shape{}, "", false
		}
		p, ok, sure := s.property(part)
		switch {
		case ok:
			s = p
		case sure:
			return shape{}, strings.Join(parts[:i+1], "."), true
		default:
			return shape{}, "", false
		}
	}
	return s, "", true
}

// word names the type a schema wants.
func (s shape) word() string {
	switch {
	case len(s.types) > 0:
		return strings.Join(s.types, " or ")
	case len(s.any) > 0:
		var all []string
		for _, a := range s.any {
			if w := a.word(); !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
		return strings.Join(all, " or ")
	}
	return "anything"
}

// wire says which JSON types a value of our type has on the wire.
func wire(t *value.Type, asText bool) []string {
	switch t.Kind {
	case value.String, value.Datetime, value.Date, value.Duration, value.Enum, value.SecretText, value.FileKind:
		return []string{"string"}
	case value.Integer, value.Number:
		if asText {
			return []string{"string"}
		}
		return []string{"integer", "number"}
	case value.Boolean:
		if asText {
			return []string{"string"}
		}
		return []string{"boolean"}
	case value.List:
		return []string{"array"}
	case value.Object, value.Map:
		return []string{"object"}
	default:
		return nil
	}
}
