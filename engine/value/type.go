package value

import (
	"slices"
	"strings"
)

// Kind is the basic form of a [Type].
type Kind uint8

// The kinds, by the words the languages use for them.
const (
	Any        Kind = iota // nothing is known: a vendor gave no schema
	Nil                    // the type of the literal nil alone
	String                 // text
	Integer                // whole number
	Number                 // whole or decimal number
	Boolean                // true or false
	Datetime               // text in RFC 3339 form
	Date                   // text "2006-01-02"
	Duration               // text "15m"
	Enum                   // one of Values, as text
	List                   // of Elem
	Object                 // Fields, each with a type of its own
	Map                    // text keys, values of Elem
	SecretText             // only in auth and verify of a connector
	FileKind               // bytes with a name
	Time                   // inside an expression only: now(), date(x); a Datetime once it leaves
	Span                   // inside an expression only: duration("1h"); a Duration once it leaves
)

var kindNames = [...]string{ //nolint:gochecknoglobals // the words of the Kind constants, never written
	"any", "nil", "string", "integer", "number", "boolean", "datetime", "date", "duration",
	"enum", "list", "object", "map", "secret", "file", "time", "span",
}

// String returns the word the languages use for the kind, such as "integer".
func (k Kind) String() string { return kindNames[k] }

// KindOf returns the kind that word names in a connector or flow file. The
// kinds that exist only inside expressions (nil, time, span) have no word.
func KindOf(word string) (Kind, bool) {
	i := slices.Index(kindNames[:], word)
	if i < 0 || Kind(i) == Nil || Kind(i) == Time || Kind(i) == Span {
		return Any, false
	}
	return Kind(i), true
}

// Type says what a value may be before it exists. A Type is immutable once it
// has been built; two types may share parts. A nil *Type means [Any].
type Type struct {
	Kind     Kind
	Name     string   // the name to show, such as "qwilr.Page"; "" for an unnamed type
	Optional bool     // the value may be nil
	Elem     *Type    // of List and Map
	Fields   []Field  // of Object, in the order of the file
	Values   []string // of Enum
}

// Field is one named part of an object, or one named input.
type Field struct {
	Name string
	Type *Type
	Wire []string // where the vendor keeps it, as a path; nil where it has the name of the field

	Label, Help, Deprecated, Pattern string
	Format                           string // what a text is read as: html, mrkdwn, url; "" for plain text
	Example                          any
	Min, Max                         *float64
}

// Lookup returns the field of that name of an Object type.
func (t *Type) Lookup(name string) (Field, bool) {
	if t == nil {
		return Field{}, false
	}
	for _, f := range t.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// FieldNames returns the names of the fields in the order of the file.
func (t *Type) FieldNames() []string {
	names := make([]string, 0, len(t.Fields))
	for _, f := range t.Fields {
		names = append(names, f.Name)
	}
	return names
}

// IsAny reports whether nothing is known of the type.
func (t *Type) IsAny() bool { return t == nil || t.Kind == Any }

// MayBeNil reports whether a value of the type may be nil without being
// [Any], of which nothing is known.
func (t *Type) MayBeNil() bool { return t != nil && (t.Optional || t.Kind == Nil) }

// AsOptional returns the type with Optional set.
func (t *Type) AsOptional() *Type {
	if t == nil || t.Optional || t.Kind == Nil || t.Kind == Any {
		return t
	}
	o := *t
	o.Optional = true
	return &o
}

// AsPresent returns the type with Optional cleared.
func (t *Type) AsPresent() *Type {
	if t == nil || !t.Optional {
		return t
	}
	p := *t
	p.Optional = false
	return &p
}

// ListOf returns the type of a list of elem.
func ListOf(elem *Type) *Type { return &Type{Kind: List, Elem: elem} }

// MapOf returns the type of a map from text to elem.
func MapOf(elem *Type) *Type { return &Type{Kind: Map, Elem: elem} }

// Of returns the unnamed type of that kind.
func Of(k Kind) *Type { return &Type{Kind: k} }

// String returns the type in the words of the languages: "integer", "list of
// qwilr.Page", "enum (draft, live)", "string, may be missing".
func (t *Type) String() string {
	s := t.bare()
	if t != nil && t.Optional {
		s += ", may be missing"
	}
	return s
}

func (t *Type) bare() string {
	switch {
	case t == nil:
		return "any"
	case t.Name != "":
		return t.Name
	}
	switch t.Kind {
	case List, Map:
		if t.Elem.IsAny() {
			return t.Kind.String()
		}
		return t.Kind.String() + " of " + t.Elem.bare()
	case Enum:
		return "enum (" + strings.Join(t.Values, ", ") + ")"
	case Time:
		return "datetime"
	case Span:
		return "duration"
	default:
		return t.Kind.String()
	}
}
