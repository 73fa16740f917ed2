package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"patchbay/engine/value"
)

// stateName is the name under which the machine finds the state of an
// evaluation. No author can write it: the checker knows no such name.
const stateName = "$state"

// startName is the name of the value that a reduce inside of a loop starts with.
const startName = "$start"

// lowering makes of checked nodes the ones that expr's machine shall run. They
// differ in this:
//
//   - what is done with each item of a list is counted first
//   - every function is one of the table, and is given the state of the evaluation
//   - where the machine would fail in its own words, or give nothing where there
//     is something wrong, a function of ours looks first
//   - the location of each node is its place in nodes, by which a fault is traced
//     back to what the author wrote
type lowering struct {
	types  map[ast.Node]*value.Type
	nodes  []ast.Node
	loops  int
	called bool // a function is called: the machine needs the state
}

// program compiles the node n, which has been checked, for expr's machine.
func (l *lowering) program(n ast.Node) (*vm.Program, error) {
	// conf.New would list all builtins of the library in it, which only its own
	// parser and checker ask for.
	config := &conf.Config{Optimize: true, ShortCircuit: true, Functions: machineFunctions}
	config.WithEnv(map[string]any{})
	tree := &parser.Tree{Node: l.node(n), Source: file.NewSource("")}
	return compiler.Compile(tree, config)
}

// mark puts made in the place of the author's node n.
func (l *lowering) mark(n, made ast.Node) ast.Node {
	made.SetLocation(file.Location{From: len(l.nodes)})
	l.nodes = append(l.nodes, n)
	return made
}

// call makes a call of a function of the table or of hidden.
func (l *lowering) call(n ast.Node, name string, args ...ast.Node) ast.Node {
	l.called = true
	args = append([]ast.Node{&ast.IdentifierNode{Value: stateName}}, args...)
	return l.mark(n, &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args})
}

func (l *lowering) node(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.NilNode:
		return l.mark(n, &ast.NilNode{})
	case *ast.IdentifierNode:
		return l.mark(n, &ast.IdentifierNode{Value: n.Value})
	case *ast.IntegerNode:
		return l.mark(n, &ast.IntegerNode{Value: n.Value})
	case *ast.FloatNode:
		return l.mark(n, &ast.FloatNode{Value: n.Value})
	case *ast.BoolNode:
		return l.mark(n, &ast.BoolNode{Value: n.Value})
	case *ast.StringNode:
		return l.mark(n, &ast.StringNode{Value: n.Value})
	case *ast.PointerNode:
		return l.mark(n, &ast.PointerNode{Name: n.Name})
	case *ast.UnaryNode:
		return l.unary(n)
	case *ast.BinaryNode:
		return l.binary(n)
	case *ast.ChainNode:
		return l.mark(n, &ast.ChainNode{Node: l.node(n.Node)})
	case *ast.MemberNode:
		base := l.node
		if n.Optional {
			base = l.guarded
		}
		return l.mark(n, &ast.MemberNode{Node: base(n.Node), Property: l.node(n.Property), Optional: n.Optional})
	case *ast.SliceNode:
		return l.call(n, "$slice", l.node(n.Node), l.orNil(n.From), l.orNil(n.To))
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.MemberNode); ok {
			name := &ast.StringNode{Value: callee.Property.(*ast.StringNode).Value}
			return l.call(n, "$ask", l.node(callee.Node), name)
		}
		return l.call(n, n.Callee.(*ast.IdentifierNode).Value, l.all(n.Arguments)...)
	case *ast.BuiltinNode:
		return l.builtin(n)
	case *ast.ConditionalNode:
		return l.mark(n, &ast.ConditionalNode{Cond: l.truth(n.Cond), Exp1: l.node(n.Exp1), Exp2: l.node(n.Exp2)})
	case *ast.VariableDeclaratorNode:
		return l.mark(n, &ast.VariableDeclaratorNode{Name: n.Name, Value: l.node(n.Value), Expr: l.node(n.Expr)})
	case *ast.SequenceNode:
		return l.mark(n, &ast.SequenceNode{Nodes: l.all(n.Nodes)})
	case *ast.ArrayNode:
		return l.mark(n, &ast.ArrayNode{Nodes: l.all(n.Nodes)})
	case *ast.MapNode:
		return l.object(n)
	}
	return l.mark(n, &ast.NilNode{}) // unreachable: the checker refuses all other nodes
}

// guarded is node for what may be missing because it is met with ?., ?? or a
// comparison with nil: an item that is not there is nil then, and no fault.
func (l *lowering) guarded(n ast.Node) ast.Node {
	m := itemOf(n)
	if m == nil {
		return l.node(n)
	}
	base := &ast.ChainNode{Node: l.guarded(m.Node)} // what is missing before it must not end the call
	_, chained := n.(*ast.ChainNode)
	maybe := &ast.BoolNode{Value: chained || m.Optional || holdsChain(m.Node)}
	return l.call(m, "$item", l.mark(m.Node, base), l.node(m.Property), l.mark(m, maybe))
}

// holdsChain reports whether a part of the path n may be missing.
func holdsChain(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ChainNode:
		return true
	case *ast.MemberNode:
		return n.Optional || holdsChain(n.Node)
	}
	return false
}

func (l *lowering) all(nodes []ast.Node) []ast.Node {
	made := make([]ast.Node, len(nodes))
	for i, n := range nodes {
		made[i] = l.node(n)
	}
	return made
}

func (l *lowering) orNil(n ast.Node) ast.Node {
	if n == nil {
		return &ast.NilNode{}
	}
	return l.node(n)
}

// truth makes n fail in our words where it is neither true nor false.
func (l *lowering) truth(n ast.Node) ast.Node {
	if l.types[n].Kind == value.Boolean {
		return l.node(n)
	}
	return l.call(n, "$truth", l.node(n))
}

func (l *lowering) unary(n *ast.UnaryNode) ast.Node {
	if n.Operator == "not" || n.Operator == "!" {
		return l.mark(n, &ast.UnaryNode{Operator: n.Operator, Node: l.truth(n.Node)})
	}
	return l.mark(n, &ast.UnaryNode{Operator: n.Operator, Node: l.node(n.Node)})
}

func (l *lowering) binary(n *ast.BinaryNode) ast.Node {
	switch n.Operator {
	case "and", "&&", "or", "||":
		return l.mark(n, &ast.BinaryNode{Operator: n.Operator, Left: l.truth(n.Left), Right: l.truth(n.Right)})
	case "+":
		if t := l.types[n]; !isNumber(t) && !isMoment(t) {
			return l.call(n, "$add", l.node(n.Left), l.node(n.Right))
		}
	case "*":
		if t := l.types[n]; !isNumber(t) {
			return l.call(n, "$times", l.node(n.Left), l.node(n.Right))
		}
	}
	left, right := l.operand(n, n.Left, n.Right), l.operand(n, n.Right, n.Left)
	switch n.Operator {
	case "==", "!=":
		if l.large(n.Left) && l.large(n.Right) {
			equal := l.call(n, "$equal", left, right)
			if n.Operator == "!=" {
				return l.mark(n, &ast.UnaryNode{Operator: "not", Node: equal})
			}
			return equal
		}
	case "in":
		if l.large(n.Right) {
			right = l.call(n.Right, "$weigh", right)
		}
	case "contains", "matches":
		if l.loops > 0 && !constantNode(n.Left) {
			left = l.call(n.Left, "$weigh", left)
		}
	}
	return l.mark(n, &ast.BinaryNode{Operator: n.Operator, Left: left, Right: right})
}

// operand is node for one side of an operator, which may meet what is missing.
func (l *lowering) operand(of *ast.BinaryNode, n, other ast.Node) ast.Node {
	_, withNil := other.(*ast.NilNode)
	if of.Operator == "??" && n == of.Left || withNil && (of.Operator == "==" || of.Operator == "!=") {
		return l.guarded(n)
	}
	return l.node(n)
}

// large reports whether n may be a list or an object, which an operator goes
// through as a whole, and is not written out.
func (l *lowering) large(n ast.Node) bool {
	switch l.types[n].Kind {
	case value.Any, value.List, value.Map, value.Object:
		return !constantNode(n)
	default:
		return false
	}
}

func (l *lowering) object(n *ast.MapNode) ast.Node {
	pairs := make([]ast.Node, len(n.Pairs))
	for i, p := range n.Pairs {
		pair := p.(*ast.PairNode)
		key := l.node(pair.Key)
		if _, ok := pair.Key.(*ast.StringNode); !ok {
			key = l.call(pair.Key, "$key", key)
		}
		pairs[i] = l.mark(pair, &ast.PairNode{Key: key, Value: l.node(pair.Value)})
	}
	return l.mark(n, &ast.MapNode{Pairs: pairs})
}

// conditions are the functions whose body must be true or false.
func conditions() []string {
	return []string{"all", "any", "none", "one", "filter", "find", "findLast", "findIndex", "findLastIndex", "count"}
}

func (l *lowering) builtin(n *ast.BuiltinNode) ast.Node {
	if f := table[n.Name]; !f.each {
		return l.call(n, n.Name, l.all(n.Arguments)...)
	}
	args := []ast.Node{l.call(n.Arguments[0], "$list", l.node(n.Arguments[0]))}
	if len(n.Arguments) > 1 {
		predicate := n.Arguments[1].(*ast.PredicateNode)
		l.loops++
		body := l.node(predicate.Node)
		if slices.Contains(conditions(), n.Name) && l.types[predicate.Node].Kind != value.Boolean {
			body = l.call(predicate.Node, "$truth", body)
		}
		l.loops--
		if n.Name == "findLastIndex" {
			body = l.mark(predicate, &ast.ConditionalNode{Cond: body, Exp1: l.mark(predicate, &ast.PointerNode{Name: "index"}), Exp2: l.mark(predicate, &ast.NilNode{})})
		}
		counted := &ast.SequenceNode{Nodes: []ast.Node{l.call(n, "$count"), body}}
		args = append(args, l.mark(n, &ast.PredicateNode{Node: l.mark(n, counted)}))
	}
	if n.Name == "reduce" && len(n.Arguments) > 2 && l.loops > 0 && !constantNode(n.Arguments[2]) {
		// The machine would take # in the value to start with for an item of this
		// list, and not of the one around.
		start := l.node(n.Arguments[2])
		args = append(args, l.mark(n, &ast.IdentifierNode{Value: startName}))
		reduced := l.mark(n, &ast.BuiltinNode{Name: n.Name, Arguments: args})
		return l.mark(n, &ast.VariableDeclaratorNode{Name: startName, Value: start, Expr: reduced})
	}
	if len(n.Arguments) > 2 {
		args = append(args, l.node(n.Arguments[2]))
	}
	// The machine's own search from the end leaves a value behind for each item
	// it looks at, which then stands in the list around it.
	switch n.Name {
	case "groupBy":
		return l.call(n, "$group", l.mark(n, &ast.BuiltinNode{Name: n.Name, Arguments: args}))
	case "findLast":
		return l.call(n, "$last", l.mark(n, &ast.BuiltinNode{Name: "filter", Arguments: args}))
	case "findLastIndex":
		return l.call(n, "$lastPresent", l.mark(n, &ast.BuiltinNode{Name: "map", Arguments: args}))
	}
	return l.mark(n, &ast.BuiltinNode{Name: n.Name, Arguments: args})
}
