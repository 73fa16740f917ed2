package contract

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"patchbay/engine/value"
)

// typeMaker turns schemas into types of the language, each schema once for
// what goes out and once for what comes back.
type typeMaker struct {
	taken   map[string]bool
	made    map[string]string // pointer and direction → name
	open    []string          // the names being made, from the outside in
	roots   map[string]string // pointer → the name kept for what an operation brings
	same    map[string]string // the fields of a type and its direction → its name
	types   []madeType
	group   string // the group being written, and
	context string // its action being written, in case a name is taken
	direct  int    // how many lists lie between here and the innermost open type
}

type madeType struct {
	name   string
	fields []field
}

// field is one field of a type or one input, as it will be written.
type field struct {
	name  string
	pairs []pair
}

// typed returns the pairs that say what type a schema is; name is what to call
// it if it needs a name.
func (m *typeMaker) typed(s shape, name string, sent bool, depth int) []pair {
	if name == "" {
		name = "Item"
	}
	switch {
	case depth > 8 || !s.known():
		return kind(value.Any)
	case len(s.any) > 0 && len(s.types) == 0:
		return m.alternatives(s, name, sent, depth)
	case len(s.types) != 1:
		return kind(value.Any)
	}
	switch s.types[0] {
	case "string":
		return m.text(s, sent)
	case "integer":
		return kind(value.Integer)
	case "number":
		return kind(value.Number)
	case "boolean":
		return kind(value.Boolean)
	case "array":
		return []pair{{"type", "list"}, {"of", m.element(s.items(), name, sent, depth)}}
	case "object":
		return m.object(s, name, sent, depth)
	}
	return kind(value.Any)
}

func kind(k value.Kind) []pair { return []pair{{"type", k.String()}} }

// element returns the type of the items of a list or map, in one value.
func (m *typeMaker) element(s shape, name string, sent bool, depth int) string {
	if strings.HasSuffix(name, "s") {
		name = pascal(singular(snake(name)))
	}
	m.direct++
	pairs := m.typed(s, name, sent, depth+1)
	m.direct--
	if len(pairs) == 1 {
		return pairs[0].value
	}
	return flow(pairs)
}

func (m *typeMaker) text(s shape, sent bool) []pair {
	example := plain(s.get("example"))
	switch {
	case s.format == "binary":
		return kind(value.FileKind)
	case s.format == "date-time" && (example == "" || isTime(time.RFC3339, example)):
		return kind(value.Datetime)
	case s.format == "date" && (example == "" || isTime(time.DateOnly, example)):
		return kind(value.Date)
	case len(s.enum) > 0 && len(s.enum) <= 40 && !slices.Contains(s.enum, "") && (sent || !slices.ContainsFunc(s.enum, func(w string) bool { return strings.Contains(w, ",") })):
		return []pair{{"type", "enum"}, {"values", list(s.enum)}}
	}
	return kind(value.String)
}

func isTime(layout, s string) bool {
	_, err := time.Parse(layout, s)
	return err == nil
}

// alternatives returns what is true of every alternative, any where that is
// nothing.
func (m *typeMaker) alternatives(s shape, name string, sent bool, depth int) []pair {
	var same []pair
	for i, a := range s.any {
		if len(a.types) == 1 && (a.types[0] == "object" || a.types[0] == "array") {
			return kind(value.Any)
		}
		if p := m.typed(a, name, sent, depth+1); i > 0 && flow(p) != flow(same) {
			return kind(value.Any)
		} else if i == 0 {
			same = p
		}
	}
	return same
}

// object returns the name of an object's type, which is made if there is none.
func (m *typeMaker) object(s shape, name string, sent bool, depth int) []pair {
	if len(s.names) == 0 {
		if extra := s.get("additionalProperties"); len(extra.keys()) > 0 {
			return []pair{{"type", "map"}, {"of", m.element(shapeOf(extra), name, sent, depth)}}
		}
		if s.get("additionalProperties").exists() || len(s.any) > 0 {
			return kind(value.Map)
		}
		return kind(value.Any) // written for anything the generator did not understand
	}
	names := []string{name, m.context + name}
	for _, home := range []string{"/schemas/", "/definitions/"} {
		if _, after, ok := strings.Cut(s.place(), home); ok && !strings.Contains(after, "/") {
			names = []string{short(typeName(after)), typeName(after), m.group + short(typeName(after)), pascal(after)}
		}
	}
	id := fmt.Sprint(s.place(), sent)
	if root := m.roots[s.place()]; root != "" && !sent {
		names = []string{root}
		delete(m.taken, root)
		delete(m.roots, s.place())
	}
	if made, ok := m.made[id]; ok {
		if i := slices.Index(m.open, made); i >= 0 && m.direct == 0 {
			return kind(value.Any) // it would contain itself
		}
		return []pair{{"type", made}}
	}
	name = m.unused(names, sent)
	m.made[id] = name
	at := len(m.types)
	m.types = append(m.types, madeType{name: name})
	outside := m.direct
	m.open, m.direct = append(m.open, name), 0
	fields := m.fields(s, name, sent, depth)
	m.open, m.direct = m.open[:len(m.open)-1], outside
	m.types[at].fields = fields
	return []pair{{"type", m.merged(id, name, at, sent)}}
}

// merged returns the name of a type that has the same fields as the one just
// made, which is then dropped, else its own name.
func (m *typeMaker) merged(id, name string, at int, sent bool) string {
	var b strings.Builder
	for _, f := range m.types[at].fields {
		b.WriteString(f.name + flow(f.pairs) + "\n")
	}
	key := fmt.Sprint(sent, b.String())
	twin, ok := m.same[key]
	if !ok || at != len(m.types)-1 {
		m.same[key] = name
		return name
	}
	m.types = m.types[:at]
	delete(m.taken, name)
	m.made[id] = twin
	return twin
}

// reserve keeps the first free one of some names for the type of a schema that
// an operation brings.
func (m *typeMaker) reserve(s shape, names []string) {
	place := s.place()
	if place == "" || len(s.names) == 0 || !slices.Equal(s.types, []string{"object"}) || m.roots[place] != "" {
		return
	}
	for _, name := range names {
		if _, reserved := value.KindOf(name); name != "" && !reserved && !m.taken[name] {
			m.roots[place], m.taken[name] = name, true
			return
		}
	}
}

// unused returns the first of the names that no other type has.
func (m *typeMaker) unused(names []string, sent bool) string {
	last := "Item"
	for _, name := range names {
		name = pascal(name)
		if sent && !strings.HasSuffix(name, "Input") {
			name += "Input"
		}
		if _, reserved := value.KindOf(name); name == "" || reserved {
			continue
		}
		if last = name; !m.taken[name] {
			break
		}
	}
	made := last
	for i := 2; m.taken[made]; i++ {
		made = fmt.Sprintf("%s%d", last, i)
	}
	m.taken[made] = true
	return made
}

// short returns the name of a type without the verb it begins with.
func short(name string) string {
	for _, verb := range []string{"Create", "Get", "List", "Update", "Upsert", "Search", "Delete", "Fetch"} {
		if rest, ok := strings.CutPrefix(name, verb); ok && len(rest) > 3 && rest[0] >= 'A' && rest[0] <= 'Z' {
			return rest
		}
	}
	return name
}

// fields returns the fields of an object's type. What comes back may always be
// missing, whatever the description says, but for an id.
func (m *typeMaker) fields(s shape, name string, sent bool, depth int) []field {
	var out []field
	names := map[string]bool{}
	for _, prop := range s.names {
		if sent && s.props[prop].yes("readOnly") {
			continue
		}
		f := field{name: fieldName(prop, s, sent, names)}
		p := shapeOf(s.props[prop])
		f.pairs = m.typed(p, name+pascal(prop), sent, depth+1)
		if f.name != prop {
			f.pairs = append(f.pairs, pair{"from", scalar(prop)})
			if strings.ContainsAny(prop, ". ") || sent {
				continue // no path leads to it
			}
		}
		required := slices.Contains(s.needs, prop)
		if !required || !sent && f.name != "id" {
			f.pairs = append(f.pairs, pair{"optional", "true"})
		}
		f.pairs = append(f.pairs, describing(p, prop, f.pairs[0].value)...)
		out = append(out, f)
	}
	return out
}

// fieldName returns the name of a property as expressions can write it.
func fieldName(prop string, s shape, sent bool, taken map[string]bool) string {
	name := prop
	if prop == "_id" && !sent {
		if _, both := s.props["id"]; !both {
			name = "id"
		}
	} else if !identifier.MatchString(prop) {
		if name = snake(prop); name == "" {
			name = "field"
		}
	}
	for base, i := name, 2; taken[name]; i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	taken[name] = true
	return name
}

// describing returns the keys that tell people about a field.
func describing(s shape, name, kind string) []pair {
	var out []pair
	if help := telling(s.text("description"), name); help != "" {
		out = append(out, pair{"help", scalar(help)})
	}
	if example := exampleOf(s, name, kind); example != "" {
		out = append(out, pair{"example", example})
	}
	if s.yes("deprecated") {
		out = append(out, pair{"deprecated", "the service says so"})
	}
	return out
}

// private are words in the names of fields whose examples are not repeated.
var private = regexp.MustCompile(`(?i)token|secret|passw|authorization|api_?key|signature|credential|ssn|iban|cvv|card_?number|private`)

// exampleOf returns the example of a description as YAML, "" for none, for one
// that is not of the type, and for what looks like a secret.
func exampleOf(s shape, name, kind string) string {
	n := s.get("example")
	if !n.exists() || private.MatchString(name) {
		return ""
	}
	switch text := plain(n); kind {
	case "string":
		if _, ok := n.v.(string); ok && text != "" && text != "string" && len(text) <= 60 && !strings.ContainsAny(text, "\n{<") && !strings.Contains(text, "Bearer ") {
			return scalar(text)
		}
	case "datetime":
		return quoted(text)
	case "date":
		return quoted(text)
	case "number":
		if _, ok := n.v.(json.Number); ok && numberForm.MatchString(text) {
			return text
		}
	case "integer":
		if _, ok := n.v.(json.Number); ok && numberForm.MatchString(text) && !strings.Contains(text, ".") {
			return text
		}
	}
	return ""
}

var numberForm = regexp.MustCompile(`^-?\d{1,15}(\.\d{1,6})?$`)
