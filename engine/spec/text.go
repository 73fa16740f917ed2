package spec

import "patchbay/engine/diag"

// Text is a scalar as it is written. The zero Text means the key was not there.
type Text struct {
	Value string
	Pos   diag.Pos // of the first character, behind an opening quote
	Plain bool     // written without quotes and not as a block

	places *places
}

// Given reports whether the file has the scalar at all.
func (t Text) Given() bool { return t.Pos.Line > 0 }

// At returns the place in the file of the byte at offset of Value, which may
// be len(Value). It is exact inside quoted, folded and block scalars.
func (t Text) At(offset int) diag.Pos { return t.places.at(t, offset) }

// Quoted returns a text as it may be written in an expression inside t: in
// double quotes, or in single ones where double quotes stand around t.
func (t Text) Quoted(text string) string {
	if t.places != nil && t.places.style == doubleQuoted {
		return "'" + text + "'"
	}
	return `"` + text + `"`
}

// Kind is the form of a written [Value].
type Kind uint8

// The forms of a written value. A plain scalar is Null, Bool, Int or Float
// where the YAML 1.2 core schema says so; everything else is String.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

// Value is any written value: a scalar, a list or a map. Its parts keep their
// places. A nil *Value means the key was not there.
type Value struct {
	Kind    Kind
	Pos     diag.Pos
	Text    Text     // of a scalar: the text as written, without quotes
	Items   []*Value // of a List
	Entries []Entry  // of a Map, in the order of the file
}

// Entry is one key of a written map and what stands behind it.
type Entry struct {
	Key   Text
	Value *Value
}

// Lookup returns the value behind key of a Map, nil where there is none.
func (v *Value) Lookup(key string) *Value {
	if v == nil {
		return nil
	}
	for _, e := range v.Entries {
		if e.Key.Value == key {
			return e.Value
		}
	}
	return nil
}
