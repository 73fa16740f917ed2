package expr

import (
	"regexp"
	"strings"
)

// Part is a piece of a text: literal characters, or an expression.
type Part struct {
	From, To int    // bytes of the whole piece, with its ${{ and }}
	Literal  string // the characters, $${{ already read as ${{
	Expr     string // the expression without the spaces around it
	IsExpr   bool
	Inner    int // the byte at which Expr starts
}

// mostProblems is how many expressions of one text are told to have no end:
// behind the last of them the text is not read.
const mostProblems = 20

// Scan cuts a text at each ${{ … }}. A }} inside a string of the expression, or
// one that closes braces opened there, does not end it; $${{ stands for the
// characters ${{. An expression that does not end is a problem and the last
// part.
func Scan(text string) ([]Part, []Problem) {
	var parts []Part
	var problems []Problem
	literal, from := strings.Builder{}, 0
	flush := func(to int) {
		if to > from {
			parts = append(parts, Part{From: from, To: to, Literal: literal.String()})
		}
		literal.Reset()
	}
	for at := 0; at < len(text); {
		switch {
		case len(problems) == mostProblems:
			at = len(text) // what follows is not read any more
		case strings.HasPrefix(text[at:], "$${{"):
			literal.WriteString("${{")
			at += len("$${{")
		case strings.HasPrefix(text[at:], "${{"):
			flush(at)
			part, problem := scanExpression(text, at)
			parts = append(parts, part)
			if problem != nil {
				problems = append(problems, *problem)
			}
			at, from = part.To, part.To
		default:
			next := strings.IndexByte(text[at+1:], '$') + 1
			if next == 0 {
				next = len(text) - at
			}
			literal.WriteString(text[at : at+next])
			at += next
		}
	}
	flush(len(text))
	return parts, problems
}

// scanExpression reads the expression whose ${{ stands at from.
func scanExpression(text string, from int) (Part, *Problem) {
	start := from + len("${{")
	depth := 0
	for i := start; i < len(text); i++ {
		switch text[i] {
		case '"', '\'', '`':
			end, ok := skipString(text, i)
			if !ok {
				return openQuote(text, from, i)
			}
			i = end - 1
		case '{':
			depth++
		case '}':
			if depth > 0 {
				depth--
			} else if strings.HasPrefix(text[i:], "}}") {
				return expression(text, from, i, i+2), nil
			}
		}
	}
	return unclosed(text, from)
}

// begun matches the beginning of an expression that does not end, as far as it
// is a name or a call; a brace behind it is half of its end.
var begun = regexp.MustCompile(`^\$\{\{[ \t]*[A-Za-z_][\w.?\[\]]*(\([^(){}$]*\))?( *\})?`)

// unclosed ends an expression that has no end before the next one, which is
// read too then. Where it begins with a name it is most likely that alone.
func unclosed(text string, from int) (Part, *Problem) {
	start, end := from+len("${{"), len(text)
	if i := strings.Index(text[start:], "${{"); i >= 0 {
		end = start + i
	}
	p := &Problem{
		From: from, To: start, Code: codeUnclosed,
		Message: `"${{" is opened and not closed`, Hint: `"}}" ends an expression; "$${{" writes the characters themselves`,
	}
	if name := begun.FindString(text[from:end]); name != "" {
		p.To = from + len(name)
		p.Fix = strings.TrimRight(strings.TrimSuffix(name, "}"), " ") + " }}"
	}
	return expression(text, from, end, end), p
}

// openQuote ends an expression with a quote that is not closed at the next }},
// so that what comes after is read too.
func openQuote(text string, from, quote int) (Part, *Problem) {
	end, after := len(text), len(text)
	if i := strings.Index(text[quote:], "}}"); i >= 0 {
		end, after = quote+i, quote+i+2
	}
	return expression(text, from, end, after), &Problem{
		From: quote, To: quote + 1, Code: codeUnclosed,
		Message: "a quote is opened and not closed", Hint: "a text in an expression ends with the quote it begins with",
	}
}

func expression(text string, from, end, after int) Part {
	source := text[from+len("${{") : end]
	left := strings.TrimLeft(source, " \t\r\n")
	return Part{
		From: from, To: after, IsExpr: true,
		Expr: strings.TrimRight(left, " \t\r\n"), Inner: end - len(left),
	}
}
