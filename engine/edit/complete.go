package edit

import (
	"slices"
	"strings"
	"unicode/utf8"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/spec"
)

// Item is one thing that can be written at a place.
type Item struct {
	Label  string // what is shown and looked for
	Text   string // what is written in place of Width characters at Pos
	Kind   ItemKind
	Detail string // one line: what it does, or its signature
	Help   string // more, "" for nothing
	Pos    diag.Pos
	Width  int
}

// ItemKind is what an [Item] is.
type ItemKind string

// The kinds of items.
const (
	ItemKey      ItemKind = "key"
	ItemAction   ItemKind = "action"
	ItemTrigger  ItemKind = "trigger"
	ItemFunction ItemKind = "function"
	ItemName     ItemKind = "name" // of a field, a step, a connection, a value
)

// probe is a word that nobody writes. Where it stands, the checker says what
// may stand there.
const probe = "zqzq"

// Complete returns what can be written at a place of a file of the workspace,
// where something may have been begun already. It is the checker that knows: a
// word that cannot be right is put there, and the finding about that word
// names those that can.
func Complete(src program.Sources, opt program.Options, at diag.Pos) []Item {
	source := text(src, at.File)
	offset, ok := offsetOf(source, at)
	if !ok {
		return nil
	}
	for _, attempt := range attempts(source, offset) {
		set := program.Build(withTexts(src, map[string][]byte{at.File: attempt.text}), opt)
		if items := offered(set, source, at, attempt.begun); len(items) > 0 {
			return items
		}
	}
	return nil
}

// attempt is a text with the probe in it.
type attempt struct {
	text  []byte
	begun string // the word that was begun before the place
}

// attempts returns the texts that may let the checker see the place: as it
// stands, as a key, and with an expression closed that has no end yet.
func attempts(source []byte, offset int) []attempt {
	from := offset
	for from > 0 && isWordByte(source[from-1]) {
		from--
	}
	to := offset
	for to < len(source) && isWordByte(source[to]) {
		to++
	}
	begun := string(source[from:offset])
	lineStart := strings.LastIndexByte(string(source[:from]), '\n') + 1
	lineEnd := len(source)
	if i := strings.IndexByte(string(source[to:]), '\n'); i >= 0 {
		lineEnd = to + i
	}
	before, after := string(source[lineStart:from]), string(source[to:lineEnd])
	with := func(end string) attempt {
		return attempt{text: slices.Concat(source[:offset], []byte(probe+end), source[to:]), begun: begun}
	}
	out := []attempt{with("")}
	if strings.Trim(before, " -{,") == "" || strings.HasSuffix(strings.TrimSpace(before), "{") || strings.HasSuffix(strings.TrimSpace(before), ",") {
		out = append([]attempt{with(": x")}, out...)
	}
	if open := strings.LastIndex(before, "${{"); open >= 0 && !strings.Contains(before[open:], "}}") && !strings.Contains(after, "}}") {
		out = append(out, with(" }}"), with(` }}"`), with(` }}'`))
	}
	return out
}

func isWordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= utf8.RuneSelf
}

// offered returns what the finding about the probe names.
func offered(set *program.Set, source []byte, at diag.Pos, begun string) []Item {
	for _, f := range set.Findings {
		reaches := f.Pos.File == at.File && f.Pos.Line == at.Line && f.Pos.Column <= at.Column && at.Column < f.Pos.Column+f.Width
		if !reaches || len(f.Allowed) == 0 || !strings.Contains(f.Message, probe) {
			continue
		}
		pos, width := f.Pos, at.Column-f.Pos.Column
		if offset, ok := offsetOf(source, pos); ok && offset < len(source) && strings.IndexByte("\"'`", source[offset]) >= 0 {
			// The finding is about a text in an expression, quotes and all.
			width = utf8.RuneCountInString(begun)
			pos.Column = at.Column - width
		}
		var items []Item
		for _, name := range f.Allowed {
			items = append(items, describe(set, f, name)...)
		}
		if f.Code == codeUnknownName {
			items = append(items, functions()...)
		}
		for i := range items {
			items[i].Pos, items[i].Width = pos, width
		}
		return items
	}
	return nil
}

// The codes of findings that are more than a list of names.
const (
	codeUnknownKey  = "S101"
	codeUnknownName = "F300"
	codeNoConnector = "F203"
)

// describe returns the items for one name that a finding allows.
func describe(set *program.Set, f diag.Finding, name string) []Item {
	plain := Item{Label: name, Text: name, Kind: ItemName}
	switch f.Code {
	case codeUnknownKey:
		plain.Kind = ItemKey
		plain.Text = name + ": "
		if k, ok := keyAmong(f.Allowed, name); ok {
			plain.Detail = k.Help
			if k.Example != "" {
				plain.Help = "Example: " + name + ": " + k.Example
			}
		}
	case codeNoConnector:
		return operations(set, name)
	}
	if a, _, ok := set.FindAction(name); ok {
		return []Item{{Label: name, Text: name, Kind: ItemAction, Detail: a.Title, Help: a.Help}}
	}
	if t, _, ok := set.FindTrigger(name); ok {
		return []Item{{Label: name, Text: name, Kind: ItemTrigger, Detail: t.Title, Help: t.Help}}
	}
	return []Item{plain}
}

// keyAmong returns the key of that name of the kind of map that has those keys.
func keyAmong(keys []string, name string) (spec.Key, bool) {
	for _, s := range spec.Sections() {
		names := make([]string, 0, len(s.Keys))
		for _, k := range s.Keys {
			names = append(names, k.Name)
		}
		if !slices.Equal(names, keys) {
			continue
		}
		if i := slices.Index(names, name); i >= 0 {
			return s.Keys[i], true
		}
	}
	return spec.Key{}, false
}

// operations returns all actions and triggers of a connector.
func operations(set *program.Set, connector string) []Item {
	k, ok := set.Connector(connector)
	if !ok {
		return []Item{{Label: connector, Text: connector, Kind: ItemName}}
	}
	var out []Item
	for _, a := range k.Actions() {
		out = append(out, Item{Label: a.ID, Text: a.ID, Kind: ItemAction, Detail: a.Title, Help: a.Help})
	}
	for _, t := range k.Triggers() {
		out = append(out, Item{Label: t.ID, Text: t.ID, Kind: ItemTrigger, Detail: t.Title, Help: t.Help})
	}
	return out
}

func functions() []Item {
	var out []Item
	for _, f := range expr.Functions() {
		out = append(out, Item{Label: f.Name, Text: f.Name + "(", Kind: ItemFunction, Detail: f.Signature, Help: f.Help})
	}
	return out
}
