package expr

import (
	"cmp"
	"slices"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/value"
)

// Named is a name that stands in an expression, or a field behind a dot. From
// and To are offsets in bytes.
type Named struct {
	From, To int
	Path     string   // from the left up to this name, as it is written: "steps.page.status"
	Names    []string // of the path: "steps", "page", "status"; nil below what has no name
	Type     *value.Type
	Help     string // of a field: what its type says about it
	Open     bool   // a key of a map, which may have any other as well
}

// Named returns the names in the expression, from left to right.
func (c *Code) Named() []Named {
	var out []Named
	for n, t := range c.names {
		named := Named{Type: t}
		var at span
		switch n := n.(type) {
		case *ast.IdentifierNode:
			at = c.src.at(n.Location())
		case *ast.MemberNode:
			property, ok := n.Property.(*ast.StringNode)
			if !ok {
				continue
			}
			at = c.src.at(property.Location())
			if base := c.names[n.Node]; base != nil {
				f, _ := base.Lookup(property.Value)
				named.Help, named.Open = cmp.Or(f.Help, f.Label), base.AsPresent().Kind == value.Map
			}
		default:
			continue
		}
		whole := c.src.span(n)
		named.Names = namesOf(n)
		named.From, named.To, named.Path = at.from, at.to, c.src.text[whole.from:max(whole.from, at.to)]
		out = append(out, named)
	}
	slices.SortFunc(out, func(a, b Named) int { return cmp.Compare(a.From, b.From) })
	return out
}

// namesOf returns the names of a path from the left on, nil for what is not
// made of names alone.
func namesOf(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return []string{n.Value}
	case *ast.ChainNode:
		return namesOf(n.Node)
	case *ast.MemberNode:
		base := namesOf(n.Node)
		name, ok := n.Property.(*ast.StringNode)
		if base == nil || !ok {
			return nil
		}
		return append(base, name.Value)
	default:
		return nil
	}
}
