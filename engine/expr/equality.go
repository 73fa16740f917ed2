package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// Equality finds what must equal what for a condition to hold: a plain path
// below the given name, without that name, and the expression it is compared
// with, which does not read the name. Of `arriving.page.id == steps.page.id and
// arriving.total > 5` that is, for "arriving", page.id and `steps.page.id`. ok
// is false where the condition says no such thing.
func (c *Code) Equality(name string) (path []string, other *Code, ok bool) {
	return c.equality(c.tree, name)
}

func (c *Code) equality(n ast.Node, name string) ([]string, *Code, bool) {
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return nil, nil, false
	}
	switch b.Operator {
	case "and", "&&":
		if path, other, ok := c.equality(b.Left, name); ok {
			return path, other, true
		}
		return c.equality(b.Right, name)
	case "==":
		for _, sides := range [][2]ast.Node{{b.Left, b.Right}, {b.Right, b.Left}} {
			path, ok := below(sides[0], name)
			if !ok || reads(sides[1], name) {
				continue
			}
			if other, err := c.part(sides[1]); err == nil {
				return path, other, true
			}
		}
	}
	return nil, nil, false
}

// part returns a part of the expression as one of its own.
func (c *Code) part(n ast.Node) (*Code, error) {
	own := &Code{src: c.src, tree: n, types: c.types, typ: c.types[n], refs: c.refs, roots: c.roots, missing: true}
	return own, own.build()
}

// below returns the keys of a plain path under a name; `?.` on the way is as
// good as a dot.
func below(n ast.Node, name string) ([]string, bool) {
	var path []string
	for {
		switch at := n.(type) {
		case *ast.ChainNode:
			n = at.Node
		case *ast.MemberNode:
			key, ok := at.Property.(*ast.StringNode)
			if !ok {
				return nil, false
			}
			path = append(path, key.Value)
			n = at.Node
		case *ast.IdentifierNode:
			slices.Reverse(path)
			return path, at.Value == name && len(path) > 0
		default:
			return nil, false
		}
	}
}

// reads reports whether a name is read anywhere in n.
func reads(n ast.Node, name string) bool {
	if id, ok := n.(*ast.IdentifierNode); ok && id.Value == name {
		return true
	}
	return slices.ContainsFunc(children(n), func(child ast.Node) bool { return child != nil && reads(child, name) })
}
