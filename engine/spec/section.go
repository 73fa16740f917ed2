package spec

import (
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// section is the table of one kind of map, which is read into a T.
type section[T any] struct {
	name string // "step"
	noun string // "a step"
	rows []row[T]
	// rest takes the keys that have no row; without it they are findings.
	rest    func(p *parser, into *T, e Entry)
	restKey Key
	// one lists keys of which exactly one is given.
	one []string
	// notes say what to write in place of keys that other tools have.
	notes map[string]string
	// sound finds what no single row can see.
	sound func(p *parser, into *T, s spot)
}

// row is one line of the table: a key, and what to do with what stands there.
type row[T any] struct {
	Key
	meant []string // what people write who know the key from elsewhere
	read  func(p *parser, into *T, s spot)
}

// spot is a value on its way into a T.
type spot struct {
	key   Text // the key in front of it; not given for an item of a list
	name  string
	value *Value
	rule  Key
	meant []string // of a map: the keys that unknown keys seem to stand for
	item  bool     // it is an item of the list that the rule is about
	whole bool     // it is the file as a whole
}

// place returns where to point when the value as a whole is meant.
func (s spot) place() (diag.Pos, int) {
	if s.key.Given() {
		return s.key.Pos, s.key.width()
	}
	if s.value.Kind == Map && len(s.value.Entries) > 0 {
		k := s.value.Entries[0].Key
		return k.Pos, k.width()
	}
	if s.value.Text.Given() {
		return s.value.Pos, s.value.Text.width()
	}
	return s.value.Pos, 1
}

// has reports whether the spot is a map with that key.
func (s spot) has(key string) bool { return s.value.Lookup(key) != nil }

// misspelt returns the key of the map that may stand for a key it lacks, which
// only a map that takes keys of any name still has.
func (s spot) misspelt(key string) Text {
	for _, e := range s.value.Entries {
		if diag.Nearest(e.Key.Value, []string{key}) == key {
			return e.Key
		}
	}
	return Text{}
}

func (s section[T]) shown() Section {
	shown := Section{Name: s.name, Noun: s.noun, Rest: s.restKey, One: s.one}
	for _, r := range s.rows {
		shown.Keys = append(shown.Keys, r.Key)
	}
	return shown
}

func (s section[T]) names() []string {
	names := make([]string, 0, len(s.rows))
	for _, r := range s.rows {
		names = append(names, r.Name)
	}
	return names
}

// required returns the keys that a map must have, but for the one that says
// what a file is.
func (s section[T]) required() []string {
	var names []string
	for _, r := range s.rows {
		if r.Required && !strings.HasPrefix(r.Help, "the version") {
			names = append(names, r.Name)
		}
	}
	return names
}

// row returns the row of a key, nil where there is none.
func (s section[T]) row(key string) *row[T] {
	for i := range s.rows {
		if s.rows[i].Name == key {
			return &s.rows[i]
		}
	}
	return nil
}

// read reads a map into a T along the table. It returns nil where the value
// is no map at all.
func read[T any](p *parser, table section[T], s spot) *T {
	if !p.is(s, Map) {
		return nil
	}
	into := new(T)
	var hollow Text    // the map in front, which is empty
	var strays []Entry // the unknown keys right below it
	for _, e := range s.value.Entries {
		r := table.row(e.Key.Value)
		if r != nil || hollow.Given() && hollow.Pos.Column != e.Key.Pos.Column {
			p.indented(hollow, strays)
			hollow, strays = Text{}, nil
		}
		switch {
		case r != nil:
			if e.Value.Kind == Null && e.Value.Text.Value == "" && (r.Form == Pairs || r.Form == Block || r.Form == NamedBlocks) {
				hollow = e.Key
			}
			r.read(p, into, spot{key: e.Key, name: r.Name, value: e.Value, rule: r.Key})
		case table.rest != nil:
			table.rest(p, into, e)
		case hollow.Given():
			strays = append(strays, e)
		default:
			near := unknownKey(p, table, e)
			if near != nil && !s.has(near.Name) && !s.means([]string{near.Name}) {
				told := len(p.found)
				near.read(p, into, spot{key: e.Key, name: e.Key.Value, value: e.Value, rule: near.Key})
				if !diag.Sure(e.Key.Value, near.Name) {
					p.forget(told, e)
				}
				s.meant = append(s.meant, near.Name)
			}
		}
	}
	p.indented(hollow, strays)
	for _, r := range table.rows {
		if r.Required && !s.has(r.Name) && !slices.Contains(s.meant, r.Name) {
			p.missing(s, r.Key, table.noun)
		}
	}
	if table.sound != nil {
		table.sound(p, into, s)
	}
	return into
}

// unknownKey reports a key that has no row, and returns the row it seems to
// stand for, nil for none.
func unknownKey[T any](p *parser, table section[T], e Entry) *row[T] {
	f := diag.Finding{
		Pos: e.Key.Pos, Width: e.Key.width(), Code: "S101",
		Message: fmt.Sprintf("%q is not a key of %s", e.Key.Value, table.noun),
		Hint:    "keys: " + diag.Names(e.Key.Value, table.names()),
		Allowed: table.names(),
	}
	if note := table.notes[e.Key.Value]; note != "" {
		f.Hint = note
		p.found.Add(f)
		return nil
	}
	near := table.row(diag.Nearest(e.Key.Value, table.names()))
	if near != nil {
		f.Fix = replace(e.Key.Pos, e.Key.width(), near.Name)
		f.Fix.Safe = diag.Sure(e.Key.Value, near.Name)
	}
	for i, r := range table.rows {
		if near != &table.rows[i] && slices.Contains(r.meant, strings.ToLower(e.Key.Value)) {
			near = &table.rows[i]
			f.Fix = replace(e.Key.Pos, e.Key.width(), near.Name)
			f.Fix.Safe = false
		}
	}
	p.found.Add(f)
	return near
}

// forget takes back what was found since then of the value behind a key that
// is not known, and only seems to stand for another.
func (p *parser) forget(since int, e Entry) {
	kept := slices.DeleteFunc(slices.Clone(p.found[since:]), func(f diag.Finding) bool {
		return strings.HasPrefix(f.Code, "S") && (f.Pos == e.Key.Pos || f.Pos == e.Value.Pos ||
			slices.ContainsFunc(e.Value.Items, func(v *Value) bool { return v.Kind != Map && v.Pos == f.Pos }))
	})
	p.found = append(p.found[:since], kept...)
}

// means reports whether one of the unknown keys of a map stands for one of
// the names.
func (s spot) means(names []string) bool {
	return slices.ContainsFunc(s.meant, func(key string) bool { return slices.Contains(names, key) })
}

// replace is the fix that puts text in place of what stands at pos.
func replace(pos diag.Pos, width int, text string) *diag.Fix {
	return &diag.Fix{Label: text, Safe: true, Edits: []diag.Edit{{Pos: pos, Width: width, Text: text}}}
}

// must returns the row with its key required.
func (r row[T]) must() row[T] {
	r.Required = true
	return r
}

// least returns the row with a least number for its key.
func (r row[T]) least(n int) row[T] {
	r.Least = n
	return r
}

// not returns the row with the words that other tools have for its key.
func (r row[T]) not(words ...string) row[T] {
	r.meant = words
	return r
}
