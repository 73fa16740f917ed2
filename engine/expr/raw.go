package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/value"
)

// Raw is a part of an expression that brings text from somewhere else into the
// text the expression makes, just as it is. From and To are byte offsets.
type Raw struct {
	From, To int
	// Origins are the paths the text comes from, of which at least one is
	// given. The items of a list have the path of the list.
	Origins [][]string
	Type    *value.Type
	// First is set where nothing of the text stands before it.
	First bool
}

// Raw returns the parts of the text the expression makes that came through
// none of the functions named: those that make text safe for its place. Numbers,
// times and words of an enum are always safe.
func (c *Code) Raw(safe ...string) []Raw {
	r := &rawText{code: c, safe: append(safe, "sha256", "uuid", "type", "format_date", "money")}
	r.text(c.tree, nil, true)
	return r.found
}

// Origins returns the paths of all text that the expression hands on without
// one of the safe functions, as [Code.Raw] does for the parts of a text.
func (c *Code) Origins(safe ...string) [][]string {
	r := &rawText{code: c, safe: append(safe, "sha256", "uuid", "type", "format_date", "money")}
	return r.origins(c.tree, nil)
}

// rawText follows text through an expression to where it comes from.
type rawText struct {
	code  *Code
	safe  []string
	found []Raw
}

// bound is what the names of an expression stand for inside of it: a `let`, or
// "#" and "#acc" in a predicate.
type bound struct {
	name    string
	origins [][]string
	outer   *bound
}

func (b *bound) lookup(name string) ([][]string, bool) {
	for ; b != nil; b = b.outer {
		if b.name == name {
			return b.origins, true
		}
	}
	return nil, false
}

// text goes down to the parts that a text is made of, and notes those that
// bring text from elsewhere. first is set while nothing stands before.
func (r *rawText) text(n ast.Node, env *bound, first bool) {
	switch n := n.(type) {
	case *ast.BinaryNode:
		if n.Operator == "+" {
			r.text(n.Left, env, first)
			r.text(n.Right, env, false)
			return
		}
	case *ast.ConditionalNode:
		r.text(n.Exp1, env, first)
		r.text(n.Exp2, env, first)
		return
	case *ast.VariableDeclaratorNode:
		r.text(n.Expr, &bound{n.Name, r.origins(n.Value, env), env}, first)
		return
	case *ast.SequenceNode:
		r.text(n.Nodes[len(n.Nodes)-1], env, first)
		return
	case *ast.ArrayNode:
		for _, e := range n.Nodes {
			r.text(e, env, false)
		}
		return
	case *ast.BuiltinNode:
		switch n.Name {
		case "join", "concat", "flatten", "string":
			for i, a := range n.Arguments {
				r.text(a, env, first && i == 0 && n.Name == "string")
			}
			return
		case "map":
			r.text(n.Arguments[1].(*ast.PredicateNode).Node, &bound{"#", r.origins(n.Arguments[0], env), env}, false)
			return
		}
	}
	if origins := r.origins(n, env); len(origins) > 0 {
		part := r.code.src.span(n)
		r.found = append(r.found, Raw{From: part.from, To: part.to, Origins: origins, Type: r.code.types[n], First: first})
	}
}

// origins returns the paths from which text comes into what n gives.
func (r *rawText) origins(n ast.Node, env *bound) [][]string {
	if n == nil || harmless(r.code.types[n]) {
		return nil
	}
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if origins, ok := env.lookup(n.Value); ok {
			return origins
		}
		return [][]string{{n.Value}}
	case *ast.PointerNode:
		origins, _ := env.lookup("#" + n.Name)
		return origins
	case *ast.ChainNode:
		return r.origins(n.Node, env)
	case *ast.MemberNode:
		return further(r.origins(n.Node, env), n.Property)
	case *ast.ConditionalNode:
		return r.all(env, n.Exp1, n.Exp2)
	case *ast.VariableDeclaratorNode:
		return r.origins(n.Expr, &bound{n.Name, r.origins(n.Value, env), env})
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			return r.called(callee.Value, n.Arguments, env)
		}
		return nil // what a time is asked is no text of anybody
	case *ast.BuiltinNode:
		return r.called(n.Name, n.Arguments, env)
	default:
		return r.all(env, children(n)...)
	}
}

func (r *rawText) called(name string, args []ast.Node, env *bound) [][]string {
	if slices.Contains(r.safe, name) {
		return nil
	}
	if f := table[name]; f == nil || !f.each || len(args) < 2 {
		return r.all(env, args...)
	}
	list := r.origins(args[0], env)
	body := args[1].(*ast.PredicateNode).Node
	switch name {
	case "map":
		return r.origins(body, &bound{"#", list, env})
	case "reduce":
		start := r.all(env, args[2:]...)
		if len(args) < 3 {
			start = list
		}
		return append(start, r.origins(body, &bound{"#", list, &bound{"#acc", start, env}})...)
	}
	return list // a choice of its items, or another order
}

func (r *rawText) all(env *bound, nodes ...ast.Node) [][]string {
	var out [][]string
	for _, n := range nodes {
		out = append(out, r.origins(n, env)...)
	}
	return out
}

// further returns the paths one step further down. An item of a list has the
// path of the list.
func further(origins [][]string, property ast.Node) [][]string {
	name, ok := property.(*ast.StringNode)
	if !ok {
		return origins
	}
	out := make([][]string, len(origins))
	for i, path := range origins {
		out[i] = append(slices.Clip(path), name.Value)
	}
	return out
}

// harmless reports whether what is written of a value can hold no sign with a
// meaning.
func harmless(t *value.Type) bool {
	if t.IsAny() {
		return false
	}
	switch t.Kind {
	case value.String, value.List, value.Object, value.Map, value.SecretText, value.Any:
		return false
	default:
		return true
	}
}
