package expr

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"

	"patchbay/engine/value"
)

// outcome is a condition and what it came out as.
type outcome struct {
	condition ast.Node
	holds     bool
}

// factsOf returns what is known once the condition n, which has been checked,
// came out true (holds) or false. Each is found out once: and below or below
// and would double the work at each step down.
func (c *checker) factsOf(n ast.Node, holds bool) facts {
	f, ok := c.learned[outcome{n, holds}]
	if !ok {
		f = c.learn(n, holds)
		c.learned[outcome{n, holds}] = f
	}
	return f
}

func (c *checker) learn(n ast.Node, holds bool) facts {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return c.factsOf(n.Node, !holds)
		}
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode, *ast.PointerNode:
		if holds {
			return presence(c.keys(n)...)
		}
	case *ast.BinaryNode:
		return c.factsOfBinary(n, holds)
	case *ast.BuiltinNode:
		if holds && (n.Name == "any" || n.Name == "one") && len(n.Arguments) > 0 {
			return c.factsOfDefault(n.Arguments[0]) // nothing is true of any item of []
		}
	}
	return facts{}
}

func (c *checker) factsOfBinary(n *ast.BinaryNode, holds bool) facts {
	switch n.Operator {
	case "and", "&&":
		if holds {
			return c.factsOf(n.Left, true).and(c.factsOf(n.Right, true))
		}
		return c.factsOf(n.Left, false).or(c.factsOf(n.Left, true).and(c.factsOf(n.Right, false)))
	case "or", "||":
		if !holds {
			return c.factsOf(n.Left, false).and(c.factsOf(n.Right, false))
		}
		return c.factsOf(n.Left, true).or(c.factsOf(n.Left, false).and(c.factsOf(n.Right, true)))
	}
	known := c.factsOfFallback(n, holds)
	switch n.Operator {
	case "==", "!=":
		equal := (n.Operator == "==") == holds
		known = known.and(c.factsOfEquality(n, equal)).and(c.factsOfLength(n, holds))
		known = known.and(c.factsOfWords(n.Left, []ast.Node{n.Right}, equal)).and(c.factsOfWords(n.Right, []ast.Node{n.Left}, equal))
	case "contains", "startsWith", "endsWith", "matches":
		if holds {
			known = known.and(presence(c.keys(n.Left)...))
		}
	case "in":
		if list := c.types[n.Right]; holds && list != nil && list.Kind == value.List && neverNil(elemOf(list)) {
			known = known.and(presence(c.keys(n.Left)...))
		}
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			known = known.and(c.factsOfWords(n.Left, list.Nodes, holds))
		}
	case ">", "<", ">=", "<=":
		known = known.and(c.factsOfLength(n, holds))
	}
	return known
}

// factsOfEquality returns what follows from left == right (equal), or from
// left != right.
func (c *checker) factsOfEquality(n *ast.BinaryNode, equal bool) facts {
	_, leftNil := n.Left.(*ast.NilNode)
	_, rightNil := n.Right.(*ast.NilNode)
	switch {
	case !equal && rightNil:
		return presence(c.keys(n.Left)...)
	case !equal && leftNil:
		return presence(c.keys(n.Right)...)
	case !equal || leftNil || rightNil:
		return facts{}
	}
	known := facts{}
	if t := c.types[n.Right]; t != nil && neverNil(t) {
		known = known.and(presence(c.keys(n.Left)...))
	}
	if t := c.types[n.Left]; t != nil && neverNil(t) {
		known = known.and(presence(c.keys(n.Right)...))
	}
	return known
}

// factsOfWords knows which texts n can be if it is one of the literals given, or
// none of them.
func (c *checker) factsOfWords(n ast.Node, literals []ast.Node, is bool) facts {
	key, t := c.key(n), c.types[n]
	var words []string
	for _, l := range literals {
		s, ok := l.(*ast.StringNode)
		if !ok {
			return facts{}
		}
		words = append(words, s.Value)
	}
	switch {
	case key == "":
		return facts{}
	case is:
		return facts{among: map[string][]string{key: words}}
	case t == nil || t.Kind != value.Enum || t.Optional:
		return facts{}
	}
	rest := slices.DeleteFunc(slices.Clone(t.Values), func(v string) bool { return slices.Contains(words, v) })
	return facts{among: map[string][]string{key: rest}}
}

func neverNil(t *value.Type) bool { return !t.MayBeNil() && !t.IsAny() }

// factsOfLength knows that a list with a length above 0 has a first item.
func (c *checker) factsOfLength(n *ast.BinaryNode, holds bool) facts {
	operator, left, right := n.Operator, n.Left, n.Right
	if _, turned := left.(*ast.IntegerNode); turned {
		turn := map[string]string{">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
		operator, left, right = turn[operator], right, left
	}
	call, ok := left.(*ast.BuiltinNode)
	least, whole := right.(*ast.IntegerNode)
	if !ok || !whole || call.Name != "len" || len(call.Arguments) != 1 {
		return facts{}
	}
	list := call.Arguments[0]
	if b, ok := list.(*ast.BinaryNode); ok && b.Operator == "??" {
		list = b.Left
	}
	some := map[string]bool{
		">": holds && least.Value >= 0, ">=": holds && least.Value >= 1,
		"<": !holds && least.Value >= 1, "<=": !holds && least.Value >= 0,
		"==": holds && least.Value >= 1 || !holds && least.Value == 0, "!=": !holds && least.Value >= 1 || holds && least.Value == 0,
	}[operator]
	if of := c.key(list); some && of != "" && !elemOf(c.types[list]).MayBeNil() {
		return presence("first("+of+")", "last("+of+")")
	}
	return facts{}
}

// factsOfFallback looks for x ?? fallback inside the condition n. If n comes
// out the other way with the fallback, x must be there.
func (c *checker) factsOfFallback(n ast.Node, holds bool) facts {
	var left []ast.Node
	result, ok := foldWithFallback(n, &left)
	if b, isBool := result.(bool); ok && isBool && b != holds && len(left) == 1 {
		return presence(c.keys(left[0])...)
	}
	return facts{}
}

func (c *checker) factsOfDefault(list ast.Node) facts {
	b, ok := list.(*ast.BinaryNode)
	if !ok || b.Operator != "??" {
		return facts{}
	}
	if a, ok := b.Right.(*ast.ArrayNode); ok && len(a.Nodes) == 0 {
		return presence(c.keys(b.Left)...)
	}
	return facts{}
}

// foldWithFallback works out n with the right side of each ??, and gathers the
// left sides. ok is false where n holds something else that is not constant.
func foldWithFallback(n ast.Node, left *[]ast.Node) (_ any, ok bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.ArrayNode:
		return []any{}, len(n.Nodes) == 0
	case *ast.MapNode:
		return map[string]any{}, len(n.Pairs) == 0
	case *ast.BuiltinNode:
		if len(n.Arguments) != 1 {
			return nil, false
		}
		v, ok := foldWithFallback(n.Arguments[0], left)
		if !ok {
			return nil, false
		}
		return foldCall(n.Name, v)
	case *ast.BinaryNode:
		if n.Operator == "??" {
			*left = append(*left, n.Left)
			return foldWithFallback(n.Right, left)
		}
		a, ok := foldWithFallback(n.Left, left)
		b, also := foldWithFallback(n.Right, left)
		if !ok || !also {
			return nil, false
		}
		return foldComparison(n.Operator, a, b)
	}
	return nil, false
}

func foldCall(name string, v any) (any, bool) {
	switch v := v.(type) {
	case string:
		switch name {
		case "len":
			return utf8.RuneCountInString(v), true
		case "trim":
			return strings.TrimSpace(v), true
		case "lower":
			return strings.ToLower(v), true
		case "upper":
			return strings.ToUpper(v), true
		}
	case []any:
		return len(v), name == "len"
	case map[string]any:
		return len(v), name == "len"
	}
	return nil, false
}

func foldComparison(operator string, a, b any) (any, bool) {
	switch operator {
	case "==":
		return runtime.Equal(a, b), true
	case "!=":
		return !runtime.Equal(a, b), true
	}
	_, textA := a.(string)
	_, textB := b.(string)
	if textA != textB || !textA && (!isNumeric(a) || !isNumeric(b)) {
		return nil, false
	}
	switch operator {
	case "<":
		return runtime.Less(a, b), true
	case ">":
		return runtime.More(a, b), true
	case "<=":
		return runtime.LessOrEqual(a, b), true
	case ">=":
		return runtime.MoreOrEqual(a, b), true
	}
	return nil, false
}

func isNumeric(v any) bool {
	switch v.(type) {
	case int, float64:
		return true
	}
	return false
}

// keys returns the keys of n and of all above it: what lies at a?.b?.c is only
// there if a and a.b are.
func (c *checker) keys(n ast.Node) []string {
	var keys []string
	for {
		switch m := n.(type) {
		case *ast.ChainNode:
			n = m.Node
			continue
		case *ast.MemberNode:
			keys = append(keys, c.key(m))
			n = m.Node
			continue
		}
		return append(keys, c.key(n))
	}
}
