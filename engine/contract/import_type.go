package contract

import (
	"cmp"
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
	things  map[string]string // pointer → what that is
	tail    string            // what the schema being made is, without the words that tell it from others
	known   map[string]string // where the description has it → the name it had the last time
	named   map[string]string // the same, of this time
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
		if m.direct > 0 && !s.get("items").exists() {
			return kind(value.Any) // a list of lists of nothing is a slip of the generator
		}
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
	names, tail := []string{name, m.context + name}, m.tail
	for _, home := range []string{"/schemas/", "/definitions/"} {
		if _, after, ok := strings.Cut(s.place(), home); ok && !strings.Contains(after, "/") {
			tail = short(typeName(after))
			names = []string{tail, typeName(after), m.group + short(typeName(after)), pascal(after)}
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
	if thing := m.things[s.place()]; thing != "" && !sent {
		tail = thing
	}
	family := kin(s, tail, sent)
	if twin := m.same[family]; twin != "" && m.made[id] == "" {
		m.made[id], m.named[shortPlace(s, sent)] = twin, twin
		return m.object(s, name, sent, depth)
	}
	switch before := m.known[shortPlace(s, sent)]; {
	case before == "":
	case m.exists(before): // the two were one
	default:
		names = []string{before}
		delete(m.taken, before)
	}
	name = m.unused(names, sent)
	m.made[id], m.same[family] = name, name
	at := len(m.types)
	m.types = append(m.types, madeType{name: name})
	outside := m.direct
	m.open, m.direct = append(m.open, name), 0
	fields := m.fields(s, name, sent, depth)
	m.open, m.direct = m.open[:len(m.open)-1], outside
	m.types[at].fields = fields
	m.named[shortPlace(s, sent)] = name
	return []pair{{"type", name}}
}

// exists reports whether a type of that name is made.
func (m *typeMaker) exists(name string) bool {
	return slices.ContainsFunc(m.types, func(t madeType) bool { return t.name == name })
}

// shortPlace names a schema whatever the file is called that it is in.
func shortPlace(s shape, sent bool) string {
	way := "out"
	if sent {
		way = "in"
	}
	if s.doc == nil {
		return way
	}
	return strings.ReplaceAll(s.at, " ", "%20") + " " + way
}

// kin is what a type is made of and what it is called without the words that
// tell it from others: two types of one kin are one.
func kin(s shape, tail string, sent bool) string {
	var b strings.Builder
	fmt.Fprint(&b, tail, sent)
	trace(&b, s, 0)
	return b.String()
}

// trace writes down what a schema is made of.
func trace(b *strings.Builder, s shape, depth int) {
	fmt.Fprint(b, s.types, s.format, s.enum)
	if depth > 8 {
		b.WriteString(s.place())
		return
	}
	for _, name := range s.names {
		fmt.Fprint(b, "{", name, slices.Contains(s.needs, name), s.props[name].yes("readOnly"))
		trace(b, shapeOf(s.props[name]), depth+1)
		b.WriteString("}")
	}
	if slices.Contains(s.types, "array") {
		b.WriteString("[")
		trace(b, s.items(), depth+1)
		b.WriteString("]")
	}
	for _, one := range s.any {
		b.WriteString("|")
		trace(b, one, depth+1)
	}
	if extra := s.get("additionalProperties"); len(extra.keys()) > 0 {
		b.WriteString("*")
		trace(b, shapeOf(extra), depth+1)
	}
}

// within returns the name of a type in another one.
func within(parent, prop string) string {
	outer, inner := strings.TrimSuffix(parent, "Input"), pascal(prop)
	if strings.HasSuffix(outer, inner) {
		return outer
	}
	return outer + inner
}

// one returns a name for one of what a word names many of.
func one(word string) string { return pascal(singular(snake(word))) }

// reserve keeps the first free one of some names for the type of a schema that
// an operation brings.
func (m *typeMaker) reserve(s shape, names []string, thing string) {
	place := s.place()
	if before := m.known[shortPlace(s, false)]; before != "" {
		m.things[place] = cmp.Or(m.things[place], thing)
		return
	}
	if place == "" || len(s.names) == 0 || !slices.Equal(s.types, []string{"object"}) || m.roots[place] != "" {
		return
	}
	for _, name := range names {
		if _, reserved := value.KindOf(name); name != "" && !reserved && !m.taken[name] {
			m.roots[place], m.things[place], m.taken[name] = name, thing, true
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
		m.tail = one(prop)
		f.pairs = m.typed(p, within(name, prop), sent, depth+1)
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
