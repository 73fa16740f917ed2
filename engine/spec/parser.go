package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// parser walks a tree of values along the tables and gathers what is wrong.
type parser struct {
	file     string
	found    diag.List
	absences []absence
}

// add reports a finding about the value of s.
func (p *parser) add(s spot, code, message, hint string, fix *diag.Fix) {
	pos, width := s.value.Pos, 1
	if s.value.Text.Given() {
		width = s.value.Text.width()
	}
	p.found.Add(diag.Finding{Pos: pos, Width: width, Code: code, Message: message, Hint: hint, Fix: fix})
}

// missing reports a key that the map of s must have.
func (p *parser) missing(s spot, k Key, noun string) {
	f := diag.Finding{Code: "S103", Message: fmt.Sprintf("%s is missing: %s needs it", k.Name, noun), Hint: k.asHint()}
	f.Pos, f.Width = s.place()
	if meant := s.misspelt(k.Name); meant.Given() {
		f.Pos, f.Width, f.Fix = meant.Pos, meant.width(), replace(meant.Pos, meant.width(), k.Name)
		f.Fix.Safe = false
		p.found.Add(f)
		return
	}
	p.absent(s, f)
}

// asHint says what a key is for, in one line.
func (k Key) asHint() string {
	switch {
	case len(k.Words) > 0:
		return fmt.Sprintf("%s: %s", k.Name, strings.Join(k.Words, " | "))
	case k.Example != "":
		return fmt.Sprintf("%s: %s (%s)", k.Name, k.Example, k.Help)
	}
	return fmt.Sprintf("%s: %s", k.Name, k.Help)
}

// is reports whether the value of s has one of the forms; if not, that is a
// finding.
func (p *parser) is(s spot, kind Kind) bool {
	v := s.value
	switch {
	case v.Kind == kind:
		return true
	case p.emptyOr(s, p.indentedHint(s, kind)):
	default:
		p.wrongForm(s, map[Kind]string{List: "a list", Map: "a map"}[kind])
	}
	return false
}

// indentedHint says of a map that is empty what is most often the reason: what
// belongs to it stands below it, but not to the right of it.
func (p *parser) indentedHint(s spot, kind Kind) string {
	if kind == Map && s.key.Given() && s.rule.Example != "" && s.rule.Example != "{}" {
		return fmt.Sprintf("what belongs to %s is indented below it by two spaces, or stands beside it: %s: %s", s.name, s.rule.Name, s.rule.Example)
	}
	return s.rule.emptyHint()
}

// empty reports whether nothing stands where a value is needed; if so, that is
// a finding.
func (p *parser) empty(s spot) bool { return p.emptyOr(s, s.rule.emptyHint()) }

// emptyOr is empty with a hint of its own.
func (p *parser) emptyOr(s spot, hint string) bool {
	if s.value.Kind != Null {
		return false
	}
	pos, width := s.place()
	if s.value.Text.Value != "" {
		p.found.Addf(pos, width, "S105", "%s is %s, a value is needed", s.name, s.value.Text.Value)
		return true
	}
	f := diag.Finding{Pos: pos, Width: width, Code: "S105", Message: s.name + " has no value", Hint: hint}
	if comment := s.key.commentBehind(); comment.Given() {
		f.Hint = "# begins a comment: a value that begins with it must be in quotes"
		f.Fix = replace(comment.Pos, comment.width(), `"`+comment.Value+`"`)
		f.Fix.Safe = false
		p.found.Add(f)
		return true
	}
	p.absent(s, f)
	return true
}

func (k Key) emptyHint() string {
	if k.Name == "" {
		return "write null where nothing is meant, \"\" for an empty text"
	}
	return k.asHint()
}

func (k Kind) given() string {
	return [...]string{"nothing", "true or false", "a number", "a number", "a text", "a list", "a map"}[k]
}

// text returns the scalar of s, checked for the form its rule names. What is
// not sound is not returned.
func (p *parser) text(s spot) Text {
	v := s.value
	if v.Kind == List || v.Kind == Map {
		p.wrongForm(s, s.rule.Form.String())
		return Text{}
	}
	if p.empty(s) {
		return Text{}
	}
	if v.Text.Value == "" && s.rule.Form != Line {
		p.empty(spot{key: s.key, name: s.name, rule: s.rule, value: &Value{Kind: Null, Pos: v.Pos, Text: v.Text}})
		return Text{}
	}
	return p.checked(s)
}

// texts returns the scalars of a list, or of one scalar where the form allows
// that.
func (p *parser) texts(s spot) []Text {
	item := s.rule
	switch s.rule.Form {
	case Expressions:
		item.Form = Expression
	case OneOrPaths:
		item.Form = Path
	default:
		item.Form = Line
		if len(item.Words) > 0 {
			item.Form = Word
		}
	}
	one := s.rule.Form == OneOrLines || s.rule.Form == OneOrPaths
	if one && s.value.Kind != List && s.value.Kind != Map {
		s.rule = item
		if t := p.text(s); t.Given() {
			return []Text{t}
		}
		return nil
	}
	var texts []Text
	for _, one := range p.items(s) {
		one.rule = item
		if t := p.text(one); t.Given() {
			texts = append(texts, t)
		}
	}
	return texts
}

// value returns any value in which nothing is left empty.
func (p *parser) value(s spot) *Value {
	p.full(s)
	return s.value
}

// full finds keys and list items inside s that have nothing behind them.
func (p *parser) full(s spot) {
	switch s.value.Kind {
	case Null:
		if s.value.Text.Value == "" {
			p.empty(s)
		}
	case List:
		for _, item := range s.value.Items {
			p.full(spot{name: "an entry of " + s.name, value: item})
		}
	case Map:
		for _, e := range s.value.Entries {
			p.filled(e)
		}
	default:
	}
}

// filled looks at an entry of a map of any values.
func (p *parser) filled(e Entry) {
	p.full(spot{key: e.Key, name: cmp.Or(e.Key.Value, `""`), value: e.Value})
	if strings.Contains(strings.ToLower(e.Key.Value), "version") {
		p.exact(e)
	}
}

// exact finds a version that YAML reads as a number or a date.
func (p *parser) exact(e Entry) {
	t := e.Value.Text
	var what string
	switch {
	case e.Value.Kind == Float:
		what = "a number"
	case t.Plain && dateForm.MatchString(t.Value):
		what = "a date"
	default:
		return
	}
	quoted := `"` + t.Value + `"`
	e.Value.Kind = String // as it will be once it is put right
	p.found.Add(diag.Finding{
		Pos: t.Pos, Width: t.width(), Code: "Y123", Message: fmt.Sprintf("YAML reads %s as %s, not as text", t.Value, what),
		Hint: "put it in quotes", Fix: replace(t.Pos, t.width(), quoted),
	})
}

// entries returns the entries of a map of any values.
func (p *parser) entries(s spot) []Entry {
	entries := p.entriesOf(s)
	for _, e := range entries {
		p.filled(e)
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
		return e.Value.Kind == Null && e.Value.Text.Value == ""
	})
}
