package expr

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScan(t *testing.T) {
	literal := func(from, to int, text string) Part { return Part{From: from, To: to, Literal: text} }
	expression := func(from, to, inner int, src string) Part {
		return Part{From: from, To: to, Inner: inner, Expr: src, IsExpr: true}
	}
	unclosed := func(to int, fix string) []Problem {
		return []Problem{{
			From: 0, To: to, Code: "F101", Message: `"${{" is opened and not closed`,
			Hint: `"}}" ends an expression; "$${{" writes the characters themselves`, Fix: fix,
		}}
	}
	for _, test := range []struct {
		text     string
		want     []Part
		problems []Problem
	}{
		{"", nil, nil},
		{"plain $5", []Part{literal(0, 8, "plain $5")}, nil},
		{"${{ a.b }}", []Part{expression(0, 10, 4, "a.b")}, nil},
		{"${{a}}${{b}}", []Part{expression(0, 6, 3, "a"), expression(6, 12, 9, "b")}, nil},
		{"é ${{ a }}!", []Part{literal(0, 3, "é "), expression(3, 11, 7, "a"), literal(11, 12, "!")}, nil},
		{`${{ "}}" }}`, []Part{expression(0, 11, 4, `"}}"`)}, nil},
		{`${{ '\'}}' }}`, []Part{expression(0, 13, 4, `'\'}}'`)}, nil},
		{"${{ `}}``` }}", []Part{expression(0, 13, 4, "`}}```")}, nil},
		{`${{ {"a": {"b": 1}} }}`, []Part{expression(0, 22, 4, `{"a": {"b": 1}}`)}, nil},
		{`${{ {"a": {"b": 1}}}}`, []Part{expression(0, 21, 4, `{"a": {"b": 1}}`)}, nil},
		{"$${{ a }}", []Part{literal(0, 9, "${{ a }}")}, nil},
		{"$$${{ a }}", []Part{literal(0, 10, "$${{ a }}")}, nil},
		{"${{ }}", []Part{expression(0, 6, 4, "")}, nil},
		{"${{ a", []Part{expression(0, 5, 4, "a")}, unclosed(5, "${{ a }}")},
		{"${{ {a }}", []Part{expression(0, 9, 4, "{a }}")}, unclosed(3, "")},
		{"${{ a.b } c", []Part{expression(0, 11, 4, "a.b } c")}, unclosed(9, "${{ a.b }}")},
		{"${{ len(a) is ${{ b }}", []Part{expression(0, 14, 4, "len(a) is"), expression(14, 22, 18, "b")}, unclosed(10, "${{ len(a) }}")},
		{
			"${{ 'a }} b ${{ c }}",
			[]Part{expression(0, 9, 4, "'a"), literal(9, 12, " b "), expression(12, 20, 16, "c")},
			[]Problem{{From: 4, To: 5, Code: "F101", Message: "a quote is opened and not closed", Hint: "a text in an expression ends with the quote it begins with"}},
		},
	} {
		parts, problems := Scan(test.text)
		if diff := cmp.Diff(test.want, parts); diff != "" {
			t.Errorf("Scan(%q) parts (-want +got):\n%s", test.text, diff)
		}
		if diff := cmp.Diff(test.problems, problems); diff != "" {
			t.Errorf("Scan(%q) problems (-want +got):\n%s", test.text, diff)
		}
	}
}
