package expr

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// The codes of this package's problems.
const (
	codeSyntax     = "F100" // the expression cannot be read
	codeUnclosed   = "F101" // "${{" without "}}"
	codeName       = "F300" // unknown name
	codeField      = "F301" // unknown field
	codeFunction   = "F302" // unknown function
	codeNotHere    = "F303" // a name that exists, but not at this place
	codeStep       = "F304" // unknown step
	codeTaken      = "F306" // let gives a name that has a meaning already
	codeMissing    = "F310" // may be missing where a value is needed
	codeOperator   = "F320" // an operator does not work on these types
	codeArguments  = "F330" // a function is given the wrong things
	codeNeverEqual = "F340" // a comparison that can never be true
	codeWrongType  = "F350" // another type is wanted at this place
)

// Sentences that are said at more than one place, or are long.
const (
	errorTooComplex  = "the expression is too complex"
	wordEndTooEarly  = "the expression ends too early"
	wordNoNumber     = "this is no number, or one that is too large"
	hintCompare      = `two values are compared with ==`
	hintAndOr        = "conditions are joined with and, or, not"
	hintParentheses  = "put parentheses around the part with ??: (a ?? b) + c"
	hintPredicate    = "the second value says what to do with each item: filter(list, .name == \"x\")"
	hintNoAssignment = `a value is named with let: let x = 1; x + 1`
)

// parse reads the expression with expr's parser.
func parse(s *source) (ast.Node, *Problem) {
	if strings.TrimSpace(s.text) == "" {
		return nil, &Problem{To: len(s.text), Code: codeSyntax, Message: "the expression is empty"}
	}
	tree, err := parser.Parse(s.text)
	if err != nil {
		return nil, syntaxProblem(s, err)
	}
	if tree.Node == nil || count(tree.Node, maxNodes) > maxNodes {
		return nil, &Problem{To: len(s.text), Code: codeSyntax, Message: errorTooComplex}
	}
	return tree.Node, nil
}

// token takes expr's "unexpected token Operator("=")" apart.
var token = regexp.MustCompile(`^unexpected token (\w+)(?:\((".*")\))?$`)

func syntaxProblem(s *source, err error) *Problem {
	var fault *file.Error
	if !errors.As(err, &fault) {
		return &Problem{To: len(s.text), Code: codeSyntax, Message: "the expression cannot be read"}
	}
	part := s.at(fault.Location)
	part.to = max(part.to, part.from)
	p := &Problem{From: part.from, To: part.to, Code: codeSyntax}
	p.Message, p.Hint = syntaxWords(fault.Message)
	if strings.HasPrefix(p.Message, wordEndTooEarly) {
		p.From, p.To = len(s.text), len(s.text)
		if open := s.unclosed(); open != "" {
			p.Hint = fmt.Sprintf("%q is opened and not closed", open)
		}
	}
	if strings.IndexByte(")]}", s.opens(fault.Location)) >= 0 && p.Hint == "" {
		if open := s.unclosed(); open != "" {
			p.Hint = fmt.Sprintf("%q is opened and not closed", open)
		}
	}
	s.reread(p)
	if p.From == p.To && p.From > 0 && p.To == len(s.text) {
		p.From--
	}
	before := strings.TrimRight(s.text[:p.From], " ")
	if number := strings.LastIndexAny(before, " +-*/%(,<>=[") + 1; p.Message == wordNoNumber && number < p.From {
		p.From, p.To = number, max(len(before), number+1)
	}
	return p
}

// unclosed returns the last bracket that is not closed, "" if there is none.
func (s *source) unclosed() string {
	for i := len(s.text) - 1; i >= 0; i-- {
		if _, ok := s.closes[i]; !ok && strings.IndexByte("([{", s.text[i]) >= 0 {
			return s.text[i : i+1]
		}
	}
	return ""
}

// syntaxWords says what expr's parser found, for somebody who never saw a
// parser.
func syntaxWords(found string) (message, hint string) {
	if t := token.FindStringSubmatch(found); t != nil {
		return unexpected(t[1], strings.Trim(t[2], `"`))
	}
	switch {
	case strings.HasPrefix(found, "unexpected end"):
		return wordEndTooEarly, ""
	case found == "literal not terminated":
		return "a quote is opened and not closed", ""
	case found == "unclosed comment":
		return "a comment is opened with /* and not closed", ""
	case strings.HasPrefix(found, "unrecognized character"):
		_, char, _ := strings.Cut(found, "'")
		if r, _ := utf8.DecodeRuneInString(char); !unicode.IsGraphic(r) {
			return fmt.Sprintf("a character that cannot be seen stands here (%U)", r), "delete it"
		}
		return fmt.Sprintf("the character %s has no meaning here", strings.TrimSuffix(char, "'")), ""
	case strings.Contains(found, "coalesce expressions"):
		return "?? cannot stand beside another operator without parentheses", hintParentheses
	case strings.HasPrefix(found, "expected at least"):
		return "the function is given too little", hintPredicate
	case strings.Contains(found, "wrap predicate with brackets"):
		return "what is done with each item needs braces when it has several parts", "filter(list, { let x = .a; x > 1 })"
	case strings.HasPrefix(found, "a map key must be"):
		return "the name of a field is wanted here", `{"name": value}`
	case found == "expected name":
		return "the name of a field is wanted after the dot", ""
	case strings.Contains(found, "invalid char escape"), strings.Contains(found, "unable to unescape"):
		return `a backslash in a text starts an escape such as \n, \" or \\`, "without escapes: `text in backquotes`"
	case strings.Contains(found, "integer"), strings.Contains(found, "number"), strings.Contains(found, "float"),
		strings.Contains(found, "literal"):
		return wordNoNumber, ""
	case strings.Contains(found, "maximum allowed nodes"):
		return errorTooComplex, ""
	}
	return "the expression cannot be read here", ""
}

func unexpected(kind, text string) (message, hint string) {
	switch {
	case kind == "EOF":
		return wordEndTooEarly, ""
	case text == "=":
		return `"=" has no meaning here`, hintCompare + "; " + hintNoAssignment
	case text == "&" || text == "|":
		return fmt.Sprintf("%q has no meaning here", text), hintAndOr
	case text == "#" || text == ".":
		return fmt.Sprintf("%q stands for the item of a list and has a meaning only inside filter, map and the like", text), ""
	case text == ":":
		return `":" has no meaning here`, `an object made of each item needs braces of its own: map(list, { {"name": .name} })`
	case kind == "Identifier" || kind == "Number" || kind == "String" || kind == "Bytes":
		return fmt.Sprintf("%s is not expected here", shownToken(kind, text)), "an operator or a comma may be missing before it"
	}
	return fmt.Sprintf("%q is not expected here", text), ""
}

func shownToken(kind, text string) string {
	switch kind {
	case "String":
		return fmt.Sprintf("the text %q", text)
	case "Number":
		return "the number " + text
	default:
		return fmt.Sprintf("%q", text)
	}
}
