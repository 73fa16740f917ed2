package call

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/value"
)

// Map brings data as a service sends it into the form a type describes: of an
// object only the fields of the type pass, each taken from where the service
// keeps it. A field that is missing or null is nil if it is optional, else an
// error; nothing is converted, so another JSON type is an error too. The error
// is a *value.Failure of class invalid whose Field is the path on the wire.
//
// A text that is none of the values of an enum passes: vendors add values
// without asking, and a flow that does not look at the field must go on.
func Map(t *value.Type, wire any) (any, error) {
	v, wrong := fromWire(t, wire)
	if wrong != nil {
		return nil, wrong.failure("")
	}
	return v, nil
}

// misfit is a value that is not what its type says. It is made where it is
// found, without knowing where that is: each level it passes on its way up puts
// its own name before the path.
type misfit struct {
	path string
	is   string // "is a number, string is expected"
}

func (m *misfit) within(name string) *misfit {
	switch {
	case m.path == "":
		m.path = name
	case name == "":
	case strings.HasPrefix(m.path, "["):
		m.path = name + m.path
	default:
		m.path = name + "." + m.path
	}
	return m
}

func (m *misfit) failure(lead string) *value.Failure {
	what := m.path
	if what == "" {
		what = "it"
	}
	f := value.Fail(value.ClassInvalid, "%s%s %s", lead, what, m.is)
	f.Field = m.path
	return f
}

func fromWire(t *value.Type, v any) (any, *misfit) {
	switch {
	case v == nil && (t.MayBeNil() || t.IsAny()):
		return nil, nil //nolint:nilnil // what may be missing is nil
	case t.IsAny():
		return v, nil
	}
	switch t.Kind {
	case value.List:
		return eachItem(t, v, fromWire)
	case value.Map:
		return eachEntry(t, v, fromWire)
	case value.Object:
		wire, ok := v.(map[string]any)
		if !ok {
			return nil, unexpected(t, v)
		}
		out := make(map[string]any, len(t.Fields))
		for _, f := range t.Fields {
			mapped, wrong := fieldFromWire(f, wire)
			if wrong != nil {
				return nil, wrong.within(strings.Join(wirePath(f), "."))
			}
			out[f.Name] = mapped
		}
		return out, nil
	case value.Enum:
		if s, ok := v.(string); ok {
			return s, nil
		}
		return nil, unexpected(t, v)
	default:
		return scalar(t, v)
	}
}

func fieldFromWire(f value.Field, wire map[string]any) (any, *misfit) {
	v, found := lookup(wire, f)
	if v == nil && !f.Type.MayBeNil() && !f.Type.IsAny() {
		state := "missing"
		if found {
			state = "null"
		}
		return nil, &misfit{is: fmt.Sprintf("is %s, %s is expected%s", state, f.Type, beside(wire))}
	}
	return fromWire(f.Type, v)
}

func lookup(wire map[string]any, f value.Field) (any, bool) {
	if f.Wire == nil {
		v, ok := wire[f.Name]
		return v, ok
	}
	return value.Get(wire, f.Wire)
}

func wirePath(f value.Field) []string {
	if f.Wire == nil {
		return []string{f.Name}
	}
	return f.Wire
}

// beside lists what an object has in place of a missing field.
func beside(wire map[string]any) string {
	const most = 12
	keys := slices.Sorted(maps.Keys(wire))
	if len(keys) == 0 {
		return " (the object is empty)"
	}
	more := ""
	if len(keys) > most {
		keys, more = keys[:most], ", …"
	}
	return " (the object has: " + strings.Join(keys, ", ") + more + ")"
}

// toWire is the way back: it checks a value against its type and puts the
// fields of objects where the service keeps them. What an object has beyond
// the fields of its type stays behind.
func toWire(t *value.Type, v any) (any, *misfit) {
	switch {
	case v == nil && (t.MayBeNil() || t.IsAny()):
		return nil, nil //nolint:nilnil // what may be missing is nil
	case t.IsAny():
		return v, nil
	}
	switch t.Kind {
	case value.List:
		return eachItem(t, v, toWire)
	case value.Map:
		return eachEntry(t, v, toWire)
	case value.Object:
		given, ok := v.(map[string]any)
		if !ok {
			return nil, unexpected(t, v)
		}
		return objectToWire(t, given)
	default:
		return scalar(t, v)
	}
}

func objectToWire(t *value.Type, given map[string]any) (any, *misfit) {
	out := make(map[string]any, len(t.Fields))
	for _, f := range t.Fields {
		v := given[f.Name]
		if v == nil {
			if f.Type.MayBeNil() || f.Type.IsAny() {
				continue
			}
			wrong := &misfit{is: fmt.Sprintf("is missing, %s is expected", f.Type)}
			return nil, wrong.within(f.Name)
		}
		mapped, wrong := toWire(f.Type, v)
		if wrong != nil {
			return nil, wrong.within(f.Name)
		}
		if reason := f.OutOfBounds(v); reason != "" {
			wrong := &misfit{is: "is " + describe(v) + ", " + reason}
			return nil, wrong.within(f.Name)
		}
		value.Put(out, wirePath(f), mapped)
	}
	return out, nil
}

type mapper func(*value.Type, any) (any, *misfit)

func eachItem(t *value.Type, v any, convert mapper) (any, *misfit) {
	items, ok := v.([]any)
	if !ok {
		return nil, unexpected(t, v)
	}
	out := make([]any, len(items))
	for i, item := range items {
		mapped, wrong := convert(t.Elem, item)
		if wrong != nil {
			return nil, wrong.within("[" + strconv.Itoa(i) + "]")
		}
		out[i] = mapped
	}
	return out, nil
}

func eachEntry(t *value.Type, v any, convert mapper) (any, *misfit) {
	entries, ok := v.(map[string]any)
	if !ok {
		return nil, unexpected(t, v)
	}
	out := make(map[string]any, len(entries))
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		mapped, wrong := convert(t.Elem, entries[k])
		if wrong != nil {
			return nil, wrong.within(k)
		}
		out[k] = mapped
	}
	return out, nil
}

// scalar checks a value that holds no others.
func scalar(t *value.Type, v any) (any, *misfit) {
	ok := false
	switch x := v.(type) {
	case string:
		ok = fitsText(t, x)
	case bool:
		ok = t.Kind == value.Boolean
	case int:
		ok = t.Kind == value.Integer || t.Kind == value.Number
	case float64:
		if t.Kind == value.Integer && x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int(x), nil
		}
		ok = t.Kind == value.Number
	case value.File:
		ok = t.Kind == value.FileKind
	}
	if !ok {
		return nil, unexpected(t, v)
	}
	return v, nil
}

func fitsText(t *value.Type, s string) bool {
	switch t.Kind {
	case value.String, value.SecretText:
		return true
	case value.Enum:
		return slices.Contains(t.Values, s)
	case value.Datetime:
		_, err := time.Parse(time.RFC3339, s)
		return err == nil
	case value.Date:
		_, err := time.Parse(time.DateOnly, s)
		return err == nil
	case value.Duration:
		_, err := value.ParseDuration(s)
		return err == nil
	default:
		return false
	}
}

func unexpected(t *value.Type, v any) *misfit {
	found := describe(v)
	if t.Kind == value.SecretText {
		found = kindOf(v)
	}
	return &misfit{is: fmt.Sprintf("is %s, %s is expected", found, t.AsPresent())}
}

// describe names a value in a sentence: its JSON type and, of text, numbers
// and booleans, a short piece of it.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return "the text " + strconv.Quote(excerpt(v, 40))
	case bool:
		return strconv.FormatBool(v)
	case int:
		return "the number " + strconv.Itoa(v)
	case float64:
		return "the number " + textOfNumber(v)
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	default:
		return kindOf(v)
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case string:
		return "a text"
	case bool:
		return "a boolean"
	case int, float64:
		return "a number"
	case []any:
		return "a list"
	case value.File:
		return "a file"
	default:
		return "an object"
	}
}

func textOfNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// excerpt returns the beginning of a text on one line.
func excerpt(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
