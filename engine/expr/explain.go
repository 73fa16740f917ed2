package expr

import (
	"fmt"
	"maps"
	"strings"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/value"
)

// Explain says of a condition that came out false which part of it is false,
// with the values: "len(steps.page.tags) > 0 is false: len(steps.page.tags) is
// 0". It returns "" for a condition that is true.
func (c *Code) Explain(env *Env) string {
	e := &explainer{c, env}
	v, err := c.Eval(env)
	switch {
	case err != nil:
		return err.Error()
	case v != false:
		return ""
	}
	return e.why(c.tree, false)
}

// explainer works out the parts of a condition one by one.
type explainer struct {
	code *Code
	env  *Env
}

// of evaluates the part n of the condition.
func (e *explainer) of(n ast.Node) (any, error) {
	c := e.code
	part := &Code{src: c.src, tree: n, types: c.types, typ: c.types[n], roots: c.roots, missing: true}
	l := &lowering{types: c.types}
	program, err := l.program(n)
	if err != nil {
		return nil, err
	}
	part.program, part.nodes, part.called = program, l.nodes, l.called
	return part.Eval(e.env)
}

// why says why n is false, or true if that is what it came out as.
func (e *explainer) why(n ast.Node, is bool) string {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return e.why(n.Node, !is)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			return e.logic(n, is)
		case "==", "!=", "<", ">", "<=", ">=", "in", "contains", "startsWith", "endsWith", "matches":
			return e.sentence(n, is, e.operand(n.Left), e.operand(n.Right))
		}
	case *ast.BuiltinNode:
		if table[n.Name].each {
			return e.sentence(n, is, e.items(n, is))
		}
		values := make([]string, len(n.Arguments))
		for i, a := range n.Arguments {
			values[i] = e.operand(a)
		}
		return e.sentence(n, is, values...)
	}
	return e.sentence(n, is)
}

// logic finds the side of an and, or an or, that decided.
func (e *explainer) logic(n *ast.BinaryNode, is bool) string {
	decides := n.Operator == "or" || n.Operator == "||" // what one side alone makes of the whole
	var whys []string
	for _, side := range []ast.Node{n.Left, n.Right} {
		v, err := e.of(side)
		if err != nil {
			return err.Error()
		}
		if v == is {
			whys = append(whys, e.why(side, is))
			if is == decides {
				break
			}
		}
	}
	return strings.Join(whys, "; and ")
}

// sentence is "n is false: because, because".
func (e *explainer) sentence(n ast.Node, is bool, because ...string) string {
	var reasons []string
	for _, b := range because {
		if b != "" {
			reasons = append(reasons, b)
		}
	}
	text := fmt.Sprintf("%s is %t", e.code.src.show(n), is)
	if len(reasons) > 0 {
		text += ": " + strings.Join(reasons, ", ")
	}
	return text
}

// operand says what n is, nothing of what is written literally.
func (e *explainer) operand(n ast.Node) string {
	if constantNode(n) {
		return ""
	}
	v, err := e.of(n)
	if err != nil {
		return err.Error()
	}
	return e.code.src.show(n) + " is " + shownValue(v)
}

func constantNode(n ast.Node) bool {
	if _, ok := literal(n); ok {
		return true
	}
	switch n := n.(type) {
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			if !constantNode(item) {
				return false
			}
		}
		return true
	case *ast.UnaryNode:
		return constantNode(n.Node)
	}
	return false
}

// items says what is to be known of the list that all, any and the like went
// through: which item decided, or how many there were.
func (e *explainer) items(n *ast.BuiltinNode, is bool) string {
	v, err := e.of(n.Arguments[0])
	if err != nil {
		return err.Error()
	}
	list, err := listOf(v)
	if err != nil {
		return ""
	}
	shown := e.code.src.show(n.Arguments[0])
	if len(list) == 0 {
		return shown + " is empty"
	}
	search := "findIndex"
	decided := n.Name == "all" && !is || n.Name == "any" && is || n.Name == "none" && !is
	if decided && len(n.Arguments) > 1 {
		predicate := n.Arguments[1].(*ast.PredicateNode)
		if n.Name == "all" {
			not := &ast.UnaryNode{Operator: "not", Node: predicate.Node}
			e.code = e.code.with(not)
			predicate = &ast.PredicateNode{Node: not}
		}
		if i, err := e.of(&ast.BuiltinNode{Name: search, Arguments: []ast.Node{n.Arguments[0], predicate}}); err == nil {
			if at, ok := i.(int); ok {
				return fmt.Sprintf("item %d of %s is %s", at+1, shown, shownValue(list[at]))
			}
		}
	}
	if len(list) == 1 {
		return fmt.Sprintf("%s has 1 item, %s", shown, shownValue(list[0]))
	}
	return fmt.Sprintf("%s has %d items", shown, len(list))
}

// with returns the code knowing that n, a node of no source, is a condition.
func (c *Code) with(n ast.Node) *Code {
	more := *c
	more.types = make(map[ast.Node]*value.Type, len(c.types)+1)
	maps.Copy(more.types, c.types)
	more.types[n] = boolType
	return &more
}

// longestValue is how many characters of a value an explanation shows.
const longestValue = 80

func shownValue(v any) string {
	if v == nil {
		return "missing"
	}
	b, err := value.Encode(v)
	if err != nil {
		return kindWord(v)
	}
	if r := []rune(string(b)); len(r) > longestValue {
		return string(r[:longestValue-1]) + "…"
	}
	return string(b)
}
