package expr

import (
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"patchbay/engine/value"
)

// Code is an expression that was found right. It is immutable and may be
// evaluated by many goroutines at once.
type Code struct {
	src     *source
	tree    ast.Node
	types   map[ast.Node]*value.Type
	names   map[ast.Node]*value.Type
	typ     *value.Type
	refs    []string
	roots   []string // the names it reads
	missing bool     // nil is an answer

	program *vm.Program
	nodes   []ast.Node // where each part of the program comes from
	called  bool       // the program calls functions, which need the state
	walk    []ast.Node // a plain path: its parts from the name down; nil for all else

	constant   any
	isConstant bool

	whenTrue, whenFalse facts
}

// Compile reads the expression src and finds its type with the names of s. want
// is the type that is wanted of it, nil if anything will do. All problems are
// returned at once, in the order of the source; with any, the code is nil.
func Compile(src string, s *Scope, want *value.Type) (*Code, []Problem) {
	text, problem := newSource(src)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	tree, problem := parse(text)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	if s == nil {
		s = NewScope()
	}
	c := &checker{src: text, scope: s, known: s.known, types: map[ast.Node]*value.Type{}, names: map[ast.Node]*value.Type{}, places: map[ast.Node]place{}, learned: map[outcome]facts{}}
	typ := c.check(tree)
	c.fit(tree, want)
	if len(c.problems) > 0 {
		return nil, sorted(c.problems)
	}
	code := &Code{
		src: text, tree: tree, types: c.types, names: c.names, typ: typ, refs: c.refs,
		missing:  typ.MayBeNil() || want != nil && want.MayBeNil() || !isPath(tree) && typ.IsAny(),
		whenTrue: c.factsOf(tree, true), whenFalse: c.factsOf(tree, false),
	}
	for _, ref := range c.refs {
		if root, _, _ := strings.Cut(ref, "."); !slices.Contains(code.roots, root) {
			code.roots = append(code.roots, root)
		}
	}
	if err := code.build(); err != nil {
		return nil, []Problem{{To: len(src), Code: codeSyntax, Message: errorTooComplex}}
	}
	if !c.varies {
		v, err := code.evaluate(&Env{}, maxConstantWork)
		code.constant, code.isConstant = v, err == nil
	}
	return code, nil
}

// maxConstantWork is the work that is done while an expression is compiled to
// find out what a constant is.
const maxConstantWork = 10_000

// build makes what is run; a plain path is only followed.
func (c *Code) build() error {
	if isPath(c.tree) && len(c.roots) == 1 {
		c.walk = parts(c.tree)
		return nil
	}
	l := &lowering{types: c.types}
	program, err := l.program(c.tree)
	if err != nil {
		return err
	}
	c.program, c.nodes, c.called = program, l.nodes, l.called
	return nil
}

// sorted orders problems by place and drops those that say the same of the same
// place.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if a.From != b.From {
			return a.From - b.From
		}
		return a.To - b.To
	})
	return slices.CompactFunc(problems, func(a, b Problem) bool {
		return a.From == b.From && a.To == b.To && a.Message == b.Message
	})
}

// isPath reports whether n is a plain path such as steps.page.tags.
func isPath(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return true
	case *ast.MemberNode:
		_, named := n.Property.(*ast.StringNode)
		return named && !n.Optional && isPath(n.Node)
	}
	return false
}

// parts returns the nodes of a plain path from the name down.
func parts(n ast.Node) []ast.Node {
	if m, ok := n.(*ast.MemberNode); ok {
		return append(parts(m.Node), m)
	}
	return []ast.Node{n}
}

// Source returns the expression as it was written.
func (c *Code) Source() string { return c.src.text }

// Type returns the type of what the expression gives.
func (c *Code) Type() *value.Type { return c.typ }

// Refs returns the dotted paths that the expression reads, such as
// "steps.page.tags", in the order of the source. A path ends where the rest of
// it is only known at run time.
func (c *Code) Refs() []string { return slices.Clone(c.refs) }

// Constant returns what the expression always gives. ok is false if it names
// anything, or asks for the time or an identifier.
func (c *Code) Constant() (v any, ok bool) { return c.constant, c.isConstant }

// Eval evaluates the expression. What it gives is in the form of a value, and
// may share its parts with env. An error is an [*EvalError].
func (c *Code) Eval(env *Env) (any, error) { return c.evaluate(env, maxWork) }

// EvalBool evaluates an expression that must be true or false.
func (c *Code) EvalBool(env *Env) (bool, error) {
	v, err := c.Eval(env)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, c.failure(c.tree, "true or false is wanted, "+c.src.show(c.tree)+" is "+kindWord(v))
	}
	return b, nil
}

func (c *Code) evaluate(env *Env, work int) (any, error) {
	if env == nil {
		env = &Env{}
	}
	var v any
	var err error
	if c.walk != nil {
		v, err = c.follow(env)
	} else {
		v, err = c.run(env, work)
	}
	if err != nil {
		return nil, err
	}
	if v == nil && !c.missing {
		return nil, c.failure(c.tree, absent(c.src.show(c.tree)))
	}
	if v, err = settle(v); err != nil {
		return nil, c.failure(c.tree, err.Error())
	}
	return v, nil
}

// follow walks down a plain path: most expressions are no more than that.
func (c *Code) follow(env *Env) (any, error) {
	v := env.Names[c.roots[0]]
	for i, n := range c.walk[1:] {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, c.notBelow(c.walk[i], v, n.(*ast.MemberNode))
		}
		v = object[n.(*ast.MemberNode).Property.(*ast.StringNode).Value]
	}
	return v, nil
}

func (c *Code) run(env *Env, work int) (any, error) {
	names := env.Names
	if c.called {
		names = make(map[string]any, len(c.roots)+1)
		for _, name := range c.roots {
			names[name] = env.Names[name]
		}
		names[stateName] = &state{env: env, left: work}
	}
	var machine vm.VM
	v, err := machine.Run(c.program, names)
	if err != nil {
		return nil, c.fault(err)
	}
	return v, nil
}

// settle returns v in the form of a value. Most of what an expression gives has
// it already, as it comes from the data it was given.
func settle(v any) (any, error) {
	left := maxWork
	plain, err := inForm(v, 0, &left)
	if err != nil || plain {
		return v, err
	}
	return value.Normalize(v)
}

// inForm reports whether v and all below it have the form of a value. It counts
// down left, as what shares its parts can be larger than the memory it takes.
func inForm(v any, depth int, left *int) (bool, error) {
	if *left--; *left < 0 {
		return false, errTooMuchData
	}
	plain := depth <= value.MaxDepth
	switch v := v.(type) {
	case nil, bool, int, string, value.File:
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false, errors.New("the result is not a number: is something divided by zero?")
		}
		plain = plain && v != math.Trunc(v) // whole numbers are int
	case []any:
		for _, e := range v {
			ok, err := inForm(e, depth+1, left)
			if err != nil {
				return false, err
			}
			plain = plain && ok
		}
	case map[string]any:
		_, file := v["$file"]
		plain = plain && !file
		for _, e := range v {
			ok, err := inForm(e, depth+1, left)
			if err != nil {
				return false, err
			}
			plain = plain && ok
		}
	default:
		return false, nil
	}
	return plain, nil
}
