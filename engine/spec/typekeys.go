package spec

import (
	"cmp"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// Kinds returns the kinds of types, which can stand behind `type:` beside the
// names of types.
func Kinds() []string {
	return []string{
		"string", "integer", "number", "boolean", "datetime", "date", "duration",
		"enum", "list", "object", "map", "secret", "file", "any",
	}
}

// typeSection is a type definition: the map with `type:` behind a name under
// `types:`, behind `of:`, or where the type of an output is written in place.
func typeSection() section[TypeDef] {
	return section[TypeDef]{name: "type", noun: "a type", rows: typeRows(func(d *TypeDef) *TypeDef { return d })}
}

// typeRows are the keys that say what type something is.
func typeRows[T any](of func(*T) *TypeDef) []row[T] {
	return []row[T]{
		scalar("type", TypeName, "a kind, or the name of a type", "string", func(t *T) *Text { return &of(t).Type }).must(),
		typed("of", "the type of the items of a list or of the values of a map", "string", func(t *T) **TypeDef { return &of(t).Of }).not("items", "item"),
		fields("fields", "the fields of an object", func(t *T) *[]Field { return &of(t).Fields }).not("properties"),
		lines("values", Lines, "the words of an enum", "[draft, live]", func(t *T) *[]Text { return &of(t).Values }).not("enum", "options"),
	}
}

func fieldSection() section[Field] {
	return section[Field]{
		name: "field", noun: "a field",
		notes: map[string]string{
			"required": "a field is required unless optional: true stands there",
			"in":       "as in: send_as: query.limit; it says where the field goes in the request",
		},
		rows: slices.Concat(typeRows(func(f *Field) *TypeDef { return &f.TypeDef }), describingRows(), []row[Field]{
			scalar("from", Path, "where the service keeps it, if not under its own name", "_id", func(f *Field) *Text { return &f.From }),
			scalar("send_as", Path, "where it goes in the request", "query.limit", func(f *Field) *Text { return &f.SendAs }),
			word("style", "repeat comma", "how a list is written in the query", func(f *Field) *Text { return &f.Style }),
			word("wire", "text seconds milliseconds", "text sends numbers and booleans in quotes; the others send a time as a count since 1970", func(f *Field) *Text { return &f.Wire }),
			word("format", "html mrkdwn url", "of a text that is read as more than text: what others wrote must be made safe for it, with html(…), mrkdwn(…) or urlencode(…)", func(f *Field) *Text { return &f.Format }),
			scalar("from_token", Path, "where the answer of the token address has it", "locationId", func(f *Field) *Text { return &f.FromToken }),
			anything("default", "what is meant where nothing is given", `"${{ connection.locationId }}"`, func(f *Field) **Value { return &f.Default }),
		}),
	}
}

// describingRows are the keys that describe a field to a reader and to a form.
func describingRows() []row[Field] {
	return []row[Field]{
		scalar("optional", Switch, "true where it may be missing", "true", func(f *Field) *Text { return &f.Optional }).not("nullable"),
		scalar("label", Line, "what a form calls it", "Contact", func(f *Field) *Text { return &f.Label }).not("title", "name"),
		scalar("help", Line, "one sentence for a form", "The contact's address", func(f *Field) *Text { return &f.Help }).not("description", "hint"),
		anything("example", "a value as it might be", "ve9EPM428h8vShlRW1KT", func(f *Field) **Value { return &f.Example }),
		scalar("min", Number, "the least number, length of a text or count of a list", "1", func(f *Field) *Text { return &f.Min }).not("minimum"),
		scalar("max", Number, "the greatest number, length of a text or count of a list", "100", func(f *Field) *Text { return &f.Max }).not("maximum"),
		scalar("pattern", Line, "a regular expression the text must match", `"^[A-Z]{2}$"`, func(f *Field) *Text { return &f.Pattern }).not("regex"),
		block("choices", "choices", choicesSection, "where a form finds the values to offer", func(f *Field, c *Choices) { f.Choices = c }),
		scalar("deprecated", Line, "why it should not be used any more", "use tags", func(f *Field) *Text { return &f.Deprecated }),
	}
}

func choicesSection() section[Choices] {
	return section[Choices]{name: "choices", noun: "choices", rows: []row[Choices]{
		scalar("action", Line, "the action that lists the values", "users.list", func(c *Choices) *Text { return &c.Action }).must(),
		scalar("value", Path, "the field to send", "id", func(c *Choices) *Text { return &c.Value }).must(),
		scalar("label", Path, "the field to show", "name", func(c *Choices) *Text { return &c.Label }),
		pairs("with", "what the action is given", "{ limit: 100 }", func(c *Choices) *[]Entry { return &c.With }),
	}}
}

// typeDef reads a type: its name, or a map that defines it.
func (p *parser) typeDef(s spot) *TypeDef {
	if s.value.Kind == Map {
		return p.inlineType(s)
	}
	s.rule.Form = TypeName
	t := p.text(s)
	if !t.Given() {
		return nil
	}
	return &TypeDef{Type: t}
}

// inlineType reads a type that is written out. If it has a key type with a
// word behind it, or fields that are none themselves, it is a definition; else
// its keys are the fields of an object.
func (p *parser) inlineType(s spot) *TypeDef {
	if !defines(s.value) {
		d := &TypeDef{IsFields: true}
		table := fieldSection()
		for _, e := range p.entriesOf(s) {
			if f := p.field(table, e); f != nil {
				d.Fields = append(d.Fields, *f)
			}
		}
		return d
	}
	table := typeSection()
	if s.has("fields") && !s.has("type") {
		table.rows[0].Required = false
	}
	return read(p, table, s)
}

// defines reports whether a map is the definition of a type, not its fields.
func defines(v *Value) bool {
	if t := v.Lookup("type"); t != nil {
		return t.Kind != Map
	}
	fields := v.Lookup("fields")
	if fields == nil || fields.Kind != Map {
		return false
	}
	t := fields.Lookup("type")
	return t == nil || t.Kind == Map
}

// field reads one named field.
func (p *parser) field(table section[Field], e Entry) *Field {
	s := spot{key: e.Key, name: e.Key.Value, value: e.Value}
	if p.bareType(s) {
		return nil
	}
	f := read(p, table, s)
	if f != nil {
		f.Name = e.Key
	}
	return f
}

// bareType reports a type without the map around it, which is what most
// people write first.
func (p *parser) bareType(s spot) bool {
	v := s.value
	if v.Kind != String || !v.Text.Plain || v.Text.spansLines() {
		return false
	}
	kind := cmp.Or(KindWord(v.Text.Value), v.Text.Value)
	p.found.Add(diag.Finding{
		Pos: v.Pos, Width: v.Text.width(), Code: "S104", Message: s.name + " wants a map, a text is given",
		Fix: replace(v.Pos, v.Text.width(), "{ type: "+kind+" }"),
	})
	return true
}

// KindWord returns the kind that a word of another language stands for, "" for
// none.
func KindWord(word string) string {
	return map[string]string{
		"text": "string", "str": "string", "varchar": "string", "uuid": "string", "email": "string", "url": "string", "uri": "string",
		"int": "integer", "long": "integer", "bool": "boolean", "float": "number", "double": "number", "decimal": "number",
		"array": "list", "dict": "object", "hash": "object", "timestamp": "datetime", "time": "datetime", "date-time": "datetime",
	}[strings.ToLower(word)]
}

// spansLines reports whether the text is written on more than one line.
func (t Text) spansLines() bool { return t.At(len(t.Value)).Line != t.Pos.Line }
