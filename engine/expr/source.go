package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// The bounds of an expression's source. They keep expr's recursive parser, and
// the walks over what it made, from overflowing the stack.
const (
	maxLength  = 10_000 // bytes
	maxNesting = 100    // open brackets at one place
	maxNodes   = 10_000
)

// source is the text of an expression and where its brackets close.
type source struct {
	text   string
	offset []int       // the byte each character starts at; nil for plain ASCII
	closes map[int]int // byte of an opening bracket → byte after the closing one
}

// newSource looks at the text before the parser does. The problem is nil if the
// parser may have it; brackets that do not match are left for the parser.
func newSource(text string) (*source, *Problem) {
	s := &source{text: text, closes: map[int]int{}}
	if len(text) > maxLength {
		return nil, &Problem{
			To: len(text), Code: codeSyntax,
			Message: fmt.Sprintf("the expression is too long: %d characters, at most %d are allowed", len(text), maxLength),
		}
	}
	if !utf8.ValidString(text) {
		return nil, &Problem{To: len(text), Code: codeSyntax, Message: "the expression holds bytes that are not UTF-8 text"}
	}
	if utf8.RuneCountInString(text) != len(text) {
		for i := range text {
			s.offset = append(s.offset, i)
		}
	}
	var open []int
	for i := 0; i < len(text); i++ {
		switch b := text[i]; b {
		case '"', '\'', '`':
			end, ok := skipString(text, i)
			if !ok {
				return s, nil // the parser tells that the quote is not closed
			}
			i = end - 1
		case '(', '[', '{':
			if open = append(open, i); len(open) > maxNesting {
				return nil, &Problem{
					From: i, To: i + 1, Code: codeSyntax,
					Message: fmt.Sprintf("brackets nest too deep: at most %d may be open", maxNesting),
				}
			}
		case ')', ']', '}':
			if len(open) > 0 && strings.IndexByte("([{", text[open[len(open)-1]]) == strings.IndexByte(")]}", b) {
				s.closes[open[len(open)-1]] = i + 1
				open = open[:len(open)-1]
			}
		}
	}
	return s, nil
}

// skipString returns the byte after the string that opens at from. ok is false
// where the string does not end.
func skipString(text string, from int) (end int, ok bool) {
	quote := text[from]
	for i := from + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote != '`':
			i++
		case text[i] == quote && quote == '`' && strings.HasPrefix(text[i+1:], "`"):
			i++
		case text[i] == quote:
			return i + 1, true
		}
	}
	return len(text), false
}

// at turns a place of expr, in characters, into bytes.
func (s *source) at(loc file.Location) span {
	return span{s.byte(loc.From), s.byte(loc.To)}
}

func (s *source) byte(char int) int {
	switch {
	case s.offset == nil:
		return min(max(char, 0), len(s.text))
	case char < 0:
		return 0
	case char >= len(s.offset):
		return len(s.text)
	}
	return s.offset[char]
}

// span is a part of the source, in bytes.
type span struct{ from, to int }

func (a span) join(b span) span {
	switch {
	case b == span{}:
		return a
	case a == span{}:
		return b
	}
	return span{min(a.from, b.from), max(a.to, b.to)}
}

// span returns the part of the source that node n was read from, without the
// parentheses around it.
func (s *source) span(n ast.Node) span {
	open := s.opening(n)
	own := s.at(n.Location())
	switch n := n.(type) {
	case *ast.ConditionalNode, *ast.PairNode:
		own = span{} // expr notes the place of another token
	case *ast.PointerNode:
		if strings.HasPrefix(s.text[own.from:], "#"+n.Name) {
			own.to = own.from + 1 + len(n.Name) // expr notes the place of the # alone
		}
	case *ast.VariableDeclaratorNode:
		own.from = max(0, strings.LastIndex(s.text[:own.from], "let"))
	case *ast.CallNode:
		if _, ok := n.Callee.(*ast.IdentifierNode); !ok {
			own = span{}
		}
	}
	for _, child := range children(n) {
		own = own.join(s.withParentheses(s.span(child), open))
	}
	if end, ok := s.closes[open]; ok && open >= 0 {
		own.to = max(own.to, end)
	}
	if n, ok := n.(*ast.ConditionalNode); ok && !n.Ternary {
		own.from = max(0, strings.LastIndex(s.text[:own.from], "if"))
		own.to = s.afterSpaces(own.to)
		own.to = min(own.to+1, len(s.text)) // the brace
	}
	return own
}

// opening returns the byte of the bracket that belongs to n, -1 if none does.
func (s *source) opening(n ast.Node) int {
	switch n := n.(type) {
	case *ast.ArrayNode, *ast.MapNode, *ast.SliceNode:
		return s.byte(n.Location().From)
	case *ast.MemberNode:
		if s.opens(n.Location()) == '[' {
			return s.byte(n.Location().From)
		}
	case *ast.CallNode, *ast.BuiltinNode:
		return s.afterSpaces(s.at(n.Location()).to)
	}
	return -1
}

func (s *source) afterSpaces(at int) int {
	return at + len(s.text[at:]) - len(strings.TrimLeft(s.text[at:], " \t\r\n"))
}

// withParentheses widens part by the parentheses around it. The one at open is
// that of a call, and not widened over.
func (s *source) withParentheses(part span, open int) span {
	for {
		at := len(strings.TrimRight(s.text[:part.from], " \t\r\n")) - 1
		end, ok := s.closes[at]
		if !ok || at == open || s.text[at] != '(' || s.afterSpaces(part.to) != end-1 {
			return part
		}
		part = span{at, end}
	}
}

func (s *source) opens(loc file.Location) byte {
	if at := s.byte(loc.From); at < len(s.text) {
		return s.text[at]
	}
	return 0
}

// longestShown is how many characters of a source are quoted in a message.
const longestShown = 80

// show returns the source of node n as a message quotes it: on one line, and
// cut where it is long.
func (s *source) show(n ast.Node) string {
	if p, ok := n.(*ast.PointerNode); ok && p.Name == "" {
		return "the item"
	}
	part := s.span(n)
	text := strings.Join(strings.Fields(s.text[part.from:part.to]), " ")
	if r := []rune(text); len(r) > longestShown {
		return string(r[:longestShown-1]) + "…"
	}
	return text
}

// children returns the nodes directly below n, in the order of the source.
func children(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		return present(n.Node, n.From, n.To)
	case *ast.CallNode:
		if m, ok := n.Callee.(*ast.MemberNode); ok {
			return append([]ast.Node{m}, n.Arguments...)
		}
		return n.Arguments
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		return n.Nodes
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.MapNode:
		return n.Pairs
	case *ast.PairNode:
		return []ast.Node{n.Key, n.Value}
	default:
		return nil
	}
}

func present(nodes ...ast.Node) []ast.Node {
	var p []ast.Node
	for _, n := range nodes {
		if n != nil {
			p = append(p, n)
		}
	}
	return p
}

// count returns how many nodes n and what lies below it have, or a number
// above most once it is clear that there are more.
func count(n ast.Node, most int) int {
	total := 1
	for _, child := range children(n) {
		if total > most {
			break
		}
		total += count(child, most-total)
	}
	return total
}
