package spec

import (
	"fmt"
	"strings"
)

// The makers of rows. Each takes the key, its help, an example where the form
// does not say it all, and where in a T the value goes. A section is given by
// its name too, for a table may lead back to itself.

// scalar is a key with one text behind it, of any of the forms of a text.
func scalar[T any](name string, form Form, help, example string, at func(*T) *Text) row[T] {
	return row[T]{
		Key:  Key{Name: name, Form: form, Help: help, Example: example},
		read: func(p *parser, into *T, s spot) { *at(into) = p.text(s) },
	}
}

// word is a key with one of a few words behind it.
func word[T any](name, words, help string, at func(*T) *Text) row[T] {
	r := scalar(name, Word, help, "", at)
	r.Words = strings.Fields(words)
	r.Example = r.Words[0]
	return r
}

// lines is a key with a list of texts behind it.
func lines[T any](name string, form Form, help, example string, at func(*T) *[]Text) row[T] {
	return row[T]{
		Key:  Key{Name: name, Form: form, Help: help, Example: example},
		read: func(p *parser, into *T, s spot) { *at(into) = p.texts(s) },
	}
}

// anything is a key with any value behind it.
func anything[T any](name, help, example string, at func(*T) **Value) row[T] {
	return row[T]{
		Key:  Key{Name: name, Form: Literal, Help: help, Example: example},
		read: func(p *parser, into *T, s spot) { *at(into) = p.value(s) },
	}
}

// pairs is a key with a map from any key to any value behind it.
func pairs[T any](name, help, example string, at func(*T) *[]Entry) row[T] {
	return row[T]{
		Key:  Key{Name: name, Form: Pairs, Names: Line, Help: help, Example: example},
		read: func(p *parser, into *T, s spot) { *at(into) = p.entries(s) },
	}
}

// block is a key with a map of another section behind it.
func block[T, U any](name, section string, of func() section[U], help string, put func(*T, *U)) row[T] {
	return row[T]{
		Key: Key{Name: name, Form: Block, Section: section, Help: help},
		read: func(p *parser, into *T, s spot) {
			if u := read(p, of(), s); u != nil {
				put(into, u)
			}
		},
	}
}

// blocks is a key with a list of maps of another section behind it.
func blocks[T, U any](name, section string, of func() section[U], help string, put func(*T, *U)) row[T] {
	return row[T]{
		Key: Key{Name: name, Form: Blocks, Section: section, Help: help},
		read: func(p *parser, into *T, s spot) {
			table := of()
			for _, item := range p.items(s) {
				if u := read(p, table, item); u != nil {
					put(into, u)
				}
			}
		},
	}
}

// named is a key with a map behind it, from snake_case names to maps of another section.
func named[T, U any](name, section string, of func() section[U], help string, put func(*T, Text, *U)) row[T] {
	return row[T]{
		Key: Key{Name: name, Form: NamedBlocks, Names: Name, Section: section, Help: help},
		read: func(p *parser, into *T, s spot) {
			table := of()
			for _, e := range p.entriesOf(s) {
				p.named(e.Key, s.rule.Names)
				if u := read(p, table, spot{key: e.Key, name: e.Key.Value, value: e.Value}); u != nil {
					put(into, e.Key, u)
				}
			}
		},
	}
}

// custom is a key that is read by a function of its own.
func custom[T any](key Key, read func(p *parser, into *T, s spot)) row[T] {
	return row[T]{Key: key, read: read}
}

// items returns the items of a list as spots of their own.
func (p *parser) items(s spot) []spot {
	if !p.is(s, List) {
		return nil
	}
	spots := make([]spot, 0, len(s.value.Items))
	for _, item := range s.value.Items {
		spots = append(spots, spot{name: fmt.Sprintf("an entry of %s", s.name), value: item, rule: s.rule, item: true})
	}
	return spots
}

// entriesOf returns the entries of a map.
func (p *parser) entriesOf(s spot) []Entry {
	if !p.is(s, Map) {
		return nil
	}
	return s.value.Entries
}

// weekdays is a key with days of the week behind it.
func weekdays[T any](name, help, example string, at func(*T) *[]Text) row[T] {
	r := lines(name, OneOrLines, help, example, at)
	r.Words = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
	return r
}

// namedPairs is a key with a map behind it, from names of the author's choice
// to any value.
func namedPairs[T any](name, help, example string, at func(*T) *[]Entry) row[T] {
	r := pairs(name, help, example, at)
	r.Names = Identifier
	r.read = func(p *parser, into *T, s spot) {
		entries := p.entries(s)
		for _, e := range entries {
			p.named(e.Key, s.rule.Names)
		}
		*at(into) = entries
	}
	return r
}

// typed is a key with a type behind it: a word, or a map that defines it.
func typed[T any](name, help, example string, at func(*T) **TypeDef) row[T] {
	return row[T]{
		Key:  Key{Name: name, Form: Either, Forms: []Form{TypeName, Block}, Section: "type", Help: help, Example: example},
		read: func(p *parser, into *T, s spot) { *at(into) = p.typeDef(s) },
	}
}

// fields is a key with a map of fields behind it.
func fields[T any](name, help string, at func(*T) *[]Field) row[T] {
	return row[T]{
		Key: Key{Name: name, Form: NamedBlocks, Names: Line, Section: "field", Help: help},
		read: func(p *parser, into *T, s spot) {
			table := fieldSection()
			for _, e := range p.entriesOf(s) {
				if f := p.field(table, e); f != nil {
					*at(into) = append(*at(into), *f)
				}
			}
		},
	}
}

// headers is the key with the headers of a request behind it, which are sent
// just as they are written.
func headers[T any](help string, at func(*T) *[]Entry) row[T] {
	r := pairs("headers", help, `{ Version: "2021-07-28" }`, at)
	r.read = func(p *parser, into *T, s spot) {
		*at(into) = p.entries(s)
		for _, e := range *at(into) {
			p.exact(e)
		}
	}
	return r
}

// names is a key with a map behind it, from names of the author's choice to
// texts.
func names[T any](name, help, example string, at func(*T) *[]Entry) row[T] {
	r := pairs(name, help, example, at)
	r.Names, r.Forms = Name, []Form{Line}
	r.read = func(p *parser, into *T, s spot) {
		for _, e := range p.entriesOf(s) {
			p.named(e.Key, s.rule.Names)
			if p.text(spot{key: e.Key, name: e.Key.Value, value: e.Value, rule: Key{Form: Line}}).Given() {
				*at(into) = append(*at(into), e)
			}
		}
	}
	return r
}

// reasons is a key with a map behind it, from what something is said about to
// a sentence.
func reasons[T any](name, help, example string, at func(*T) *[]Entry) row[T] {
	r := pairs(name, help, example, at)
	r.Forms = []Form{Line}
	r.read = func(p *parser, into *T, s spot) {
		for _, e := range p.entriesOf(s) {
			if p.text(spot{key: e.Key, name: e.Key.Value, value: e.Value, rule: Key{Form: Line}}).Given() {
				*at(into) = append(*at(into), e)
			}
		}
	}
	return r
}
