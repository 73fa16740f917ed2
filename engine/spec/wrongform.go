package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// wrongForm reports a value of another form than the one wanted.
func (p *parser) wrongForm(s spot, wants string) {
	pos, width := s.place()
	f := diag.Finding{
		Pos: pos, Width: width, Code: "S104",
		Message: fmt.Sprintf("%s wants %s, %s is given", s.name, wants, s.value.Kind.given()),
		Hint:    s.formHint(),
		Fix:     s.formFix(),
	}
	// Of a value that YAML stumbled over it is not known what it was to be.
	unread := func(f diag.Finding) bool {
		return strings.HasPrefix(f.Code, "Y") && f.Pos.Line >= s.value.Pos.Line && f.Pos.Line <= lastLine(s.value)
	}
	if s.value.Kind == String && slices.ContainsFunc(p.found, unread) {
		return
	}
	p.found.Add(f)
}

// formHint says how a value of the form that is wanted is written.
func (s spot) formHint() string {
	v, isList := s.value, !s.item && (s.rule.Form == Blocks || s.rule.Form == Lines || s.rule.Form == Expressions)
	switch {
	case v.Kind == String && !isList && equals.MatchString(v.Text.Value):
		return "a colon and a space stand behind a key, as in:  id: contact"
	case s.item:
		return ""
	case isList && s.rule.Example != "":
		return fmt.Sprintf("as in: %s: %s", s.rule.Name, s.rule.Example)
	case isList && v.Kind == Map && !slices.ContainsFunc(v.Entries, func(e Entry) bool { return e.Value.Kind != Map }):
		return `each entry begins with "- ", and has no name in front of it`
	case isList:
		return `each entry begins with "- "`
	case s.rule.Form == Block:
		return exampleOf(s.rule)
	case s.rule.Example == "":
		return ""
	}
	return fmt.Sprintf("as in: %s: %s", s.rule.Name, s.rule.Example)
}

var (
	equals    = regexp.MustCompile(`^\w+ *= `)
	operation = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)
	special   = regexp.MustCompile("[][{},:#\"'&*!|>%@`\n]|^[-?]")
)

// formFix is the value as it is probably meant: a list of one, or a step that
// does the one thing that is named.
func (s spot) formFix() *diag.Fix {
	t := s.value.Text
	if s.value.Kind != String || t.spansLines() || !t.Plain {
		return nil
	}
	var text string
	switch {
	case s.item && operation.MatchString(t.Value) && slices.Contains([]string{"step", "branch"}, s.rule.Section):
		text = "{ action: " + t.Value + " }"
	case s.item && operation.MatchString(t.Value) && s.rule.Section == "trigger":
		text = "{ trigger: " + t.Value + " }"
	case !s.item && (s.rule.Form == Lines || s.rule.Form == Expressions) && !special.MatchString(t.Value):
		text = "[" + t.Value + "]"
	default:
		return nil
	}
	fix := replace(t.Pos, t.width(), text)
	fix.Safe = false
	return fix
}

// exampleOf shows a map of a section with its first few keys, "" where they
// have nothing to show.
func exampleOf(k Key) string {
	var parts []string
	for _, required := range []bool{true, false} {
		for _, key := range Keys(k.Section) {
			plain := key.Form < Literal && key.Example != ""
			if plain && key.Required == required && len(parts) < 3 {
				parts = append(parts, key.Name+": "+key.Example)
			}
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("as in: %s: { %s }", k.Name, strings.Join(parts, ", "))
}
