package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/diag"
	"patchbay/engine/value"
)

// member types base.name, base["name"], base[0], each also with ?. before it.
func (c *checker) member(n *ast.MemberNode) *value.Type {
	base := c.named(n.Node)
	if _, ok := n.Property.(*ast.StringNode); !ok {
		c.check(n.Property)
	}
	if path, whole := c.path(n); whole {
		if reason, absent := c.scope.absent[path]; absent {
			c.report(c.src.at(n.Property.Location()), codeNotHere, "", "", "%s", reason)
			return anyType
		}
	}
	base, ok := c.base(n, base)
	if !ok {
		return anyType
	}
	t := c.below(n, base)
	if c.known.present[c.key(n)] {
		t = t.AsPresent()
	}
	return t
}

// base returns the type below which n looks. ok is false if that may be
// missing and nothing in n meets it.
func (c *checker) base(n *ast.MemberNode, t *value.Type) (_ *value.Type, ok bool) {
	switch {
	case !t.MayBeNil():
		return t, true
	case n.Optional:
		c.chained = true
		if t.Kind == value.Nil {
			return anyType, true
		}
		return t.AsPresent(), true
	}
	shown := c.src.show(n.Node)
	hint := fmt.Sprintf("add the condition %s != nil", shown)
	if name, ok := n.Property.(*ast.StringNode); ok && c.src.opens(name.Location()) != '"' {
		hint = fmt.Sprintf("write %s?.%s, or add the condition %s != nil", shown, name.Value, shown)
	}
	c.reportAt(n.Node, codeMissing, hint, "%s may be missing", shown)
	if t.Kind == value.Nil {
		return anyType, false
	}
	return t.AsPresent(), true
}

func (c *checker) below(n *ast.MemberNode, base *value.Type) *value.Type {
	switch {
	case base.IsAny():
		return anyType
	case base.Kind == value.List:
		return c.item(n, base)
	case base.Kind == value.Map:
		return c.entry(n, base)
	case base.Kind == value.Object:
		return c.field(n, base)
	}
	part := c.src.at(n.Property.Location())
	name, _ := n.Property.(*ast.StringNode)
	switch {
	case base.Kind == value.Time || base.Kind == value.Span:
		c.report(part, codeField, "it can be asked: "+strings.Join(methodNames(base.Kind), ", "), "",
			"%s is a %s and has no fields", c.src.show(n.Node), base)
	case name == nil && isText(base):
		c.report(part, codeField, fmt.Sprintf("%s[0:1] is its first character", c.src.show(n.Node)), "",
			"%s is text and has no items", c.src.show(n.Node))
	default:
		c.report(part, codeField, "", "", "%s is %s and has no fields", c.src.show(n.Node), base)
	}
	return anyType
}

// item types list[0].
func (c *checker) item(n *ast.MemberNode, list *value.Type) *value.Type {
	shown := c.src.show(n.Node)
	if name, ok := n.Property.(*ast.StringNode); ok {
		hint := fmt.Sprintf("first(%s)?.%s takes the first item, map(%s, .%s) takes all", shown, name.Value, shown, name.Value)
		if _, err := strconv.Atoi(name.Value); err == nil {
			hint = fmt.Sprintf("%s[%s], without quotes", shown, name.Value)
		}
		c.report(c.src.at(name.Location()), codeField, hint, "", "%s is a list, and a list has no field %q", shown, name.Value)
		return anyType
	}
	if t := c.value(n.Property); !t.IsAny() && t.Kind != value.Integer {
		c.reportAt(n.Property, codeOperator, "", "the items of a list are counted by whole numbers from 0, %s is given", t)
	}
	return elemOf(list)
}

// entry types map["key"]: nobody knows whether a key is there.
func (c *checker) entry(n *ast.MemberNode, m *value.Type) *value.Type {
	if _, ok := n.Property.(*ast.StringNode); !ok {
		if t := c.value(n.Property); !t.IsAny() && !isText(t) {
			c.reportAt(n.Property, codeOperator, "", "the keys of a map are text, %s is given", t)
		}
	}
	return elemOf(m).AsOptional()
}

// field types object.name.
func (c *checker) field(n *ast.MemberNode, object *value.Type) *value.Type {
	name, ok := n.Property.(*ast.StringNode)
	if !ok {
		if t := c.value(n.Property); !t.IsAny() && !isText(t) {
			c.reportAt(n.Property, codeOperator, "", "the fields of an object are named by text, %s is given", t)
		}
		return anyType // which field is only known at run time
	}
	if f, ok := object.Lookup(name.Value); ok {
		if f.Type == nil {
			return anyType
		}
		return f.Type
	}
	c.unknownField(n.Node, name, object)
	return anyType
}

// unknownField tells that object, the type of base, has no field of that name.
func (c *checker) unknownField(base ast.Node, name *ast.StringNode, object *value.Type) {
	part, names := c.src.at(name.Location()), object.FieldNames()
	fix := c.spelled(name, diag.Nearest(name.Value, names))
	if path, whole := c.path(base); whole && path == "steps" {
		hint := "steps before this one: " + diag.Names(name.Value, names)
		if len(names) == 0 {
			hint = "there are no steps before this one"
		}
		c.report(part, codeStep, hint, fix, "there is no step %q", name.Value)
		c.offer(names)
		return
	}
	of := object.Name
	if of == "" {
		of = c.src.show(base)
	}
	hint := "fields: " + diag.Names(name.Value, names)
	if len(names) == 0 {
		hint = "it has no fields"
		if path, whole := c.path(base); whole && path == "inputs" {
			hint = "the flow declares none, as in:  inputs: { " + name.Value + ": { type: string } }"
		}
	}
	if path, _ := c.path(base); fix == "" && strings.HasPrefix(path, "steps.") && slices.Contains([]string{"output", "outputs", "result", "data", "body"}, name.Value) {
		hint += fmt.Sprintf("\nthe output of the step is %s itself", path)
	}
	c.report(part, codeField, hint, fix, "%q is not a field of %s", name.Value, of)
	c.offer(names)
}

// spelled writes a field's name the way name is written: bare after a dot, or
// in quotes. It returns "" where a bare name could not be read.
func (c *checker) spelled(name *ast.StringNode, better string) string {
	switch quote := c.src.opens(name.Location()); {
	case better == "":
		return ""
	case quote == '"' || quote == '`':
		return strconv.Quote(better)
	case quote == '\'':
		return "'" + better + "'"
	case strings.Trim(better, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "":
		return ""
	}
	return better
}

// slice types list[1:3] and text[1:3].
func (c *checker) slice(n *ast.SliceNode) *value.Type {
	t := c.value(n.Node)
	for _, bound := range present(n.From, n.To) {
		if b := c.value(bound); !b.IsAny() && b.Kind != value.Integer {
			c.reportAt(bound, codeOperator, "", "a part is taken by whole numbers from 0, %s is given", b)
		}
	}
	switch {
	case t.IsAny(), t.Kind == value.List:
		return t
	case isText(t):
		return textType
	}
	c.reportAt(n.Node, codeOperator, "", "a part can be taken of text or a list, %s is given", t)
	return anyType
}
