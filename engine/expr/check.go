package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/diag"
	"patchbay/engine/value"
)

// checker finds the type of every node and gathers what is wrong. After a
// problem the type at hand becomes any, so that one cause is told once.
type checker struct {
	src    *source
	scope  *Scope
	known  facts // at the node that is being checked
	locals []local
	loops  []loop
	// chained is set when a ?. of the chain at hand may meet nil.
	chained bool

	types    map[ast.Node]*value.Type
	names    map[ast.Node]*value.Type // of the names and fields alone, those within a path too
	places   map[ast.Node]place
	learned  map[outcome]facts
	refs     []string
	problems []Problem
	varies   bool // calls now() or uuid(), or reads a name
}

// local is a name given by let.
type local struct {
	name string
	typ  *value.Type
}

// loop is a predicate that is being checked: what `#` and `#acc` stand for.
type loop struct{ item, acc *value.Type }

// The types the checker hands out again and again.
//
//nolint:gochecknoglobals // never written
var (
	anyType     = value.Of(value.Any)
	nilType     = value.Of(value.Nil)
	textType    = value.Of(value.String)
	wholeType   = value.Of(value.Integer)
	numberType  = value.Of(value.Number)
	boolType    = value.Of(value.Boolean)
	timeType    = value.Of(value.Time)
	spanType    = value.Of(value.Span)
	anyList     = value.ListOf(anyType)
	textList    = value.ListOf(textType)
	nothingType = value.Of(value.Any)                             // the items of []: joins with everything
	emptyList   = value.ListOf(nothingType)                       // the type of []
	emptyObject = &value.Type{Kind: value.Map, Elem: nothingType} // the type of {}
)

func (c *checker) report(part span, code, hint, fix, format string, args ...any) {
	c.problems = append(c.problems, Problem{
		From: part.from, To: part.to, Code: code,
		Message: fmt.Sprintf(format, args...), Hint: hint, Fix: fix,
	})
}

// offer adds to the problem that was reported last the names that may stand
// there.
func (c *checker) offer(allowed []string) { c.problems[len(c.problems)-1].Allowed = allowed }

// reportAt reports a problem of node n that has no certain fix.
func (c *checker) reportAt(n ast.Node, code, hint, format string, args ...any) {
	c.report(c.src.span(n), code, hint, "", format, args...)
}

// check returns the type of n, any if it is not known. A node that stands at
// two places, as x does in 1 < x < 5, is checked once.
func (c *checker) check(n ast.Node) *value.Type {
	if t, ok := c.types[n]; ok {
		return t
	}
	t := c.checkNode(n)
	if t == nil {
		t = anyType
	}
	c.types[n] = t
	return t
}

func (c *checker) checkNode(n ast.Node) *value.Type {
	switch n := n.(type) {
	case *ast.NilNode:
		return nilType
	case *ast.IntegerNode:
		return wholeType
	case *ast.FloatNode:
		return numberType
	case *ast.BoolNode:
		return boolType
	case *ast.StringNode:
		return textType
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode:
		t := c.named(n)
		c.refer(n)
		return t
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.SliceNode:
		return c.slice(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.BuiltinNode:
		return c.builtin(n)
	case *ast.VariableDeclaratorNode:
		return c.let(n)
	case *ast.SequenceNode:
		var t *value.Type
		for _, part := range n.Nodes {
			t = c.check(part)
		}
		return t
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.MapNode:
		return c.object(n)
	default:
		c.reportAt(n, codeSyntax, "", "%s is not allowed here", c.src.show(n))
		return anyType
	}
}

// needs reports n if it may be nil where a value is needed, and returns its
// type without that.
func (c *checker) needs(n ast.Node, t *value.Type) *value.Type {
	switch {
	case !t.MayBeNil():
		return t
	case t.Kind == value.Nil:
		c.reportAt(n, codeMissing, "", "nil is nothing, and a value is needed here")
		return anyType
	}
	c.reportAt(n, codeMissing, c.guard(n, t), "%s may be missing", c.src.show(n))
	return t.AsPresent()
}

// guard says how to meet a value n of type t that may be missing.
func (c *checker) guard(n ast.Node, t *value.Type) string {
	shown, instead := c.src.show(n), ""
	switch t.Kind {
	case value.String, value.Enum:
		instead = `""`
	case value.Integer, value.Number:
		instead = "0"
	case value.Boolean:
		instead = "false"
	case value.List:
		instead = "[]"
	default:
	}
	if _, ok := n.(*ast.BinaryNode); ok {
		shown = "(" + shown + ")"
	}
	if instead == "" {
		return fmt.Sprintf("add the condition %s != nil", shown)
	}
	return fmt.Sprintf("give a value to use instead: %s ?? %s, or add the condition %s != nil", shown, instead, shown)
}

// value checks n and insists that it is there.
func (c *checker) value(n ast.Node) *value.Type { return c.needs(n, c.check(n)) }

// truth checks that n is true or false.
func (c *checker) truth(n ast.Node) {
	t := c.check(n)
	if t.IsAny() || t.Kind == value.Boolean && !t.Optional {
		return
	}
	if t.Kind == value.Boolean {
		c.needs(n, t)
		return
	}
	c.reportAt(n, codeOperator, truthHint(c.src.show(n), t), "true or false is wanted, %s is given", t.AsPresent())
}

// truthHint says which condition is probably meant by a value that is none.
func truthHint(shown string, t *value.Type) string {
	switch {
	case t.Optional:
		return shown + " != nil"
	case t.Kind == value.List:
		return fmt.Sprintf("len(%s) > 0", shown)
	case t.Kind == value.String || t.Kind == value.Enum:
		return shown + ` != ""`
	case t.Kind == value.Integer || t.Kind == value.Number:
		return shown + " != 0"
	}
	return ""
}

func (c *checker) conditional(n *ast.ConditionalNode) *value.Type {
	c.truth(n.Cond)
	before := c.known
	c.known = before.and(c.factsOf(n.Cond, true))
	yes := c.check(n.Exp1)
	c.known = before.and(c.factsOf(n.Cond, false))
	no := c.check(n.Exp2)
	c.known = before
	return join(yes, no)
}

func (c *checker) let(n *ast.VariableDeclaratorNode) *value.Type {
	t := c.check(n.Value)
	if _, ok := c.scope.lookup(n.Name, c.known); ok || isFunction(n.Name) {
		c.report(c.src.at(n.Location()), codeTaken, "choose another name", "", "%q has a meaning already", n.Name)
	}
	before := c.known
	c.known = before.without(n.Name)
	c.locals = append(c.locals, local{n.Name, t})
	result := c.check(n.Expr)
	c.locals = c.locals[:len(c.locals)-1]
	c.known = before
	return result
}

func (c *checker) array(n *ast.ArrayNode) *value.Type {
	elem := nothingType
	for _, e := range n.Nodes {
		elem = join(elem, c.check(e))
	}
	if elem == nothingType {
		return emptyList
	}
	return value.ListOf(elem)
}

// object types {"a": 1} field by field; with a computed key it is a map.
func (c *checker) object(n *ast.MapNode) *value.Type {
	if len(n.Pairs) == 0 {
		return emptyObject
	}
	object, elem, computed := &value.Type{Kind: value.Object}, nothingType, false
	for _, p := range n.Pairs {
		pair := p.(*ast.PairNode)
		t := c.check(pair.Value)
		elem = join(elem, t)
		name, ok := pair.Key.(*ast.StringNode)
		if !ok {
			computed = true
			if k := c.value(pair.Key); !isText(k) && !k.IsAny() {
				c.reportAt(pair.Key, codeOperator, "string(…) makes text of it", "the name of a field is text, %s is given", k)
			}
			continue
		}
		if _, twice := object.Lookup(name.Value); twice {
			c.report(c.src.at(name.Location()), codeTaken, "", "", "the field %q is given twice", name.Value)
			continue
		}
		object.Fields = append(object.Fields, value.Field{Name: name.Value, Type: t})
	}
	if computed {
		return value.MapOf(elem)
	}
	return object
}

func (c *checker) pointer(n *ast.PointerNode) *value.Type {
	in := c.loops[len(c.loops)-1]
	switch {
	case n.Name == "":
		if c.known.present[c.key(n)] {
			return in.item.AsPresent()
		}
		return in.item
	case n.Name == "index":
		return wholeType
	case n.Name == "acc" && in.acc != nil:
		return in.acc
	case n.Name == "acc":
		c.reportAt(n, codeName, "", "#acc has a meaning only inside reduce")
	default:
		c.reportAt(n, codeName, "inside filter, map and the like: # (the item), #index; inside reduce also #acc",
			"%q is not known", "#"+n.Name)
	}
	return anyType
}

// named returns the type of a name, or of what lies below one.
func (c *checker) named(n ast.Node) *value.Type {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		c.names[n] = c.name(n)
		return c.names[n]
	case *ast.ChainNode:
		outer := c.chained
		c.chained = false
		t := c.named(n.Node)
		if c.chained {
			t = t.AsOptional()
			if c.known.present[c.key(n)] {
				t = t.AsPresent()
			}
		}
		c.chained = outer
		return t
	case *ast.MemberNode:
		c.names[n] = c.member(n)
		return c.names[n]
	default:
		return c.check(n)
	}
}

func (c *checker) name(n *ast.IdentifierNode) *value.Type {
	t, ok := c.local(n.Value)
	if !ok {
		if reason, absent := c.scope.absent[n.Value]; absent {
			c.reportAt(n, codeNotHere, "", "%s", reason)
			return anyType
		}
		var f value.Field
		if f, ok = c.scope.lookup(n.Value, c.known); ok {
			t = typeOf(f)
		}
	}
	if !ok {
		c.unknownName(n)
		return anyType
	}
	if c.known.present[n.Value] {
		t = t.AsPresent()
	}
	return t
}

func (c *checker) local(name string) (*value.Type, bool) {
	for _, l := range slices.Backward(c.locals) {
		if l.name == name {
			return l.typ, true
		}
	}
	return nil, false
}

// unknownName tells a name nobody gave, and where one of that name would be
// found: as a function, or below another name.
func (c *checker) unknownName(n *ast.IdentifierNode) {
	names := c.scope.Names()
	for _, l := range c.locals {
		names = append(names, l.name)
	}
	part := c.src.at(n.Location())
	if m, ok := meantName(n.Value); ok && len(names) > 0 && (m.fix != "event" || slices.Contains(names, "event")) {
		c.report(part, codeName, m.hint, m.fix, "%q is not known here", n.Value)
		return
	}
	if isFunction(n.Value) {
		c.report(part, codeName, signatureOf(n.Value), "", "%s is a function: what it works on goes into parentheses", n.Value)
		return
	}
	var below []string
	for _, f := range c.scope.fields {
		if _, ok := f.Type.Lookup(n.Value); ok {
			below = append(below, f.Name+"."+n.Value)
		}
	}
	hint := "names: " + strings.Join(names, ", ")
	switch {
	case len(below) == 1:
		c.report(part, codeName, hint, below[0], "%q is not known here, %s is", n.Value, below[0])
		c.offer(names)
	case len(below) > 1:
		c.report(part, codeName, hint, "", "%q is not known here, %s are", n.Value, strings.Join(below, " and "))
		c.offer(names)
	case len(names) == 0:
		c.report(part, codeName, "no names can be used here", "", "%q is not known here", n.Value)
	default:
		c.report(part, codeName, hint, diag.Nearest(n.Value, names), "%q is not known here", n.Value)
		c.offer(names)
	}
}

// place is where a member lies, found once: paths are as long as the source.
type place struct {
	key, path string
	whole     bool
}

// placeOf returns key and path of a member, which c.key and c.path ask for at
// each step down.
func (c *checker) placeOf(n *ast.MemberNode) place {
	if p, ok := c.places[n]; ok {
		return p
	}
	var p place
	if base := c.key(n.Node); base != "" {
		switch name := n.Property.(type) {
		case *ast.StringNode:
			p.key = base + "." + name.Value
		case *ast.IntegerNode:
			p.key = fmt.Sprintf("%s.%d", base, name.Value)
		}
	}
	base, whole := c.path(n.Node)
	p.path = base
	if name, ok := n.Property.(*ast.StringNode); ok && whole && base != "" {
		p.path, p.whole = base+"."+name.Value, true
	}
	c.places[n] = p
	return p
}

// key writes the path of n as facts know it, "" if n is no path: "steps.page",
// "#1.email" for the item of the outermost predicate, "first(steps.list)".
func (c *checker) key(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.ChainNode:
		return c.key(n.Node)
	case *ast.PointerNode:
		if n.Name == "" {
			return fmt.Sprintf("#%d", len(c.loops))
		}
	case *ast.MemberNode:
		return c.placeOf(n).key
	case *ast.BuiltinNode:
		if (n.Name == "first" || n.Name == "last") && len(n.Arguments) == 1 {
			if of := c.key(n.Arguments[0]); of != "" {
				return n.Name + "(" + of + ")"
			}
		}
	}
	return ""
}

// path returns the dotted path of a name of the scope and what is written
// below it; whole is false where a part of it is only known at run time.
func (c *checker) path(n ast.Node) (path string, whole bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if _, ok := c.local(n.Value); ok {
			return "", false
		}
		return n.Value, true
	case *ast.ChainNode:
		return c.path(n.Node)
	case *ast.MemberNode:
		p := c.placeOf(n)
		return p.path, p.whole
	}
	return "", false
}

// refer notes the path that n reads.
func (c *checker) refer(n ast.Node) {
	path, _ := c.path(n)
	if path == "" {
		return
	}
	c.varies = true
	if !slices.Contains(c.refs, path) {
		c.refs = append(c.refs, path)
	}
}
