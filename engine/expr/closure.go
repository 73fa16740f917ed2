package expr

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/value"
)

// builtin types a call of one of expr's own functions. Those that do something
// with each item of a list have a grammar of their own and are typed here, the
// others are typed by the table.
func (c *checker) builtin(n *ast.BuiltinNode) *value.Type {
	f, ok := table[n.Name]
	if !ok || !f.each {
		return c.apply(n, n.Name, n.Arguments)
	}
	item := c.itemsOf(n)
	var body ast.Node
	if len(n.Arguments) > 1 {
		body = n.Arguments[1].(*ast.PredicateNode).Node
	}
	switch n.Name {
	case "all", "any", "none", "one", "count", "filter", "find", "findLast", "findIndex", "findLastIndex":
		return c.search(n, item, body)
	case "map":
		t, _ := c.inLoop(loop{item: item}, func() { c.check(body) }, body)
		return value.ListOf(t)
	case "sum":
		return c.sum(n, item, body)
	case "groupBy":
		return c.groupBy(item, body)
	case "sortBy":
		return c.sortBy(n, item, body)
	default:
		return c.reduce(n, item, body)
	}
}

// itemsOf returns the type of the items of the list that n goes through.
func (c *checker) itemsOf(n *ast.BuiltinNode) *value.Type {
	list := n.Arguments[0]
	t := c.value(list)
	switch {
	case t.IsAny():
		return anyType
	case t.Kind == value.List:
		return elemOf(t)
	}
	hint, shown := "", c.src.show(list)
	if t.Kind == value.Map || t.Kind == value.Object {
		hint = fmt.Sprintf("values(%s) and keys(%s) are lists", shown, shown)
	}
	c.reportAt(list, codeArguments, hint, "%s goes through a list, %s is given", n.Name, t)
	return anyType
}

// inLoop runs check with `#` standing for an item, and returns the type of body
// and what is known of the item if body is true.
func (c *checker) inLoop(l loop, check func(), body ast.Node) (*value.Type, [][]string) {
	before := c.known
	c.loops = append(c.loops, l)
	item := fmt.Sprintf("#%d", len(c.loops))
	c.known = before.without(item).without(fmt.Sprintf("#acc%d", len(c.loops)))
	check()
	var paths [][]string
	for key := range c.factsOf(body, true).present {
		if rest, ok := strings.CutPrefix(key, item); ok {
			paths = append(paths, value.SplitPath(strings.TrimPrefix(rest, ".")))
		}
	}
	c.loops = c.loops[:len(c.loops)-1]
	c.known = before
	return c.types[body], paths
}

func (c *checker) search(n *ast.BuiltinNode, item *value.Type, body ast.Node) *value.Type {
	var paths [][]string
	if body != nil {
		_, paths = c.inLoop(loop{item: item}, func() { c.truth(body) }, body)
	} else if !item.IsAny() && item.Kind != value.Boolean {
		c.reportAt(n, codeArguments, signatureOf(n.Name), "%s needs a condition", n.Name)
	}
	switch n.Name {
	case "filter":
		return value.ListOf(refine(item, paths))
	case "find", "findLast":
		return perhaps(refine(item, paths))
	case "findIndex", "findLastIndex":
		return wholeType.AsOptional()
	case "count":
		return wholeType
	}
	return boolType
}

func (c *checker) sum(n *ast.BuiltinNode, item *value.Type, body ast.Node) *value.Type {
	t := item
	if body != nil {
		t, _ = c.inLoop(loop{item: item}, func() { c.value(body) }, body)
		t = t.AsPresent()
	} else if t.MayBeNil() {
		c.reportAt(n.Arguments[0], codeMissing, "sum(list, # ?? 0)", "items of %s may be missing", c.src.show(n.Arguments[0]))
		return numberType
	}
	if t.IsAny() {
		return numberType
	}
	if !isNumber(t) {
		at := body
		if at == nil {
			at = n.Arguments[0]
		}
		c.reportAt(at, codeArguments, "sum(list, .field) adds up one field of each item", "sum adds numbers, %s is given", t)
		return numberType
	}
	return t
}

func (c *checker) groupBy(item *value.Type, body ast.Node) *value.Type {
	t, _ := c.inLoop(loop{item: item}, func() { c.value(body) }, body)
	if t = t.AsPresent(); !t.IsAny() && !isText(t) {
		hint := fmt.Sprintf("string(%s) makes text of it", c.src.show(body))
		c.reportAt(body, codeArguments, hint, "groupBy groups by text, %s is given", t)
	}
	return value.MapOf(value.ListOf(item))
}

func (c *checker) sortBy(n *ast.BuiltinNode, item *value.Type, body ast.Node) *value.Type {
	t, _ := c.inLoop(loop{item: item}, func() { c.value(body) }, body)
	if t = t.AsPresent(); !t.IsAny() && !isText(t) && !isNumber(t) && !isMoment(t) {
		c.reportAt(body, codeArguments, "", "sortBy sorts by text, number or time, %s is given", t)
	}
	if len(n.Arguments) > 2 {
		order := n.Arguments[2]
		s, ok := order.(*ast.StringNode)
		if o := c.value(order); !o.IsAny() && !isText(o) || ok && s.Value != "asc" && s.Value != "desc" {
			c.reportAt(order, codeArguments, "", `the order is "asc" or "desc", %s is given`, c.src.show(order))
		}
	}
	return value.ListOf(item)
}

// turnsOfReduce is how often the body of a reduce is checked at the most, and
// turnsOfAll how often that happens again in one expression: a reduce inside a
// reduce would double the work at each step down.
const (
	turnsOfReduce = 3
	turnsOfAll    = 30
)

// reduce types the body with #acc being what it starts with. What the body makes
// is #acc in the next turn: if that may be more, the body is checked again with
// it. Where that comes to no end nothing is known of #acc.
func (c *checker) reduce(n *ast.BuiltinNode, item *value.Type, body ast.Node) *value.Type {
	acc := item
	if len(n.Arguments) > 2 {
		if acc = c.check(n.Arguments[2]); acc.Kind == value.Nil {
			acc = anyType // what it becomes says the first turn alone
		}
	}
	told := len(c.problems)
	for turn := 1; ; turn++ {
		t, _ := c.inLoop(loop{item: item, acc: acc}, func() { c.check(body) }, body)
		made := join(acc, t)
		wrong := t.IsAny() && len(c.problems) > told
		if wrong || acc.IsAny() && acc != nothingType || sameType(made, acc) {
			return made
		}
		if c.again++; turn == turnsOfReduce || c.again > turnsOfAll {
			made = anyType
		}
		acc, c.problems = made, c.problems[:told]
		c.forget(body)
	}
}

// forget makes that a node is checked again.
func (c *checker) forget(n ast.Node) {
	if n == nil {
		return
	}
	delete(c.types, n)
	delete(c.names, n)
	c.learned = map[outcome]facts{}
	for _, child := range children(n) {
		c.forget(child)
	}
}
