package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/diag"
	"patchbay/engine/value"
)

// FuncDoc is what the documentation says of one function.
type FuncDoc struct {
	Name      string
	Group     string // "text", "numbers", "lists", "dates", "data"
	Signature string // "round(x: number, digits?: integer) → number"
	Help      string // one line
	Example   string // an expression, "→", and what it gives
}

// function is one entry of the table that checker, machine and documentation
// share.
type function struct {
	name, help, example string
	result              string // the word for the type of the result
	params              []param
	repeats             bool // the last parameter may be given again and again
	each                bool // does something with each item: typed in closure.go, run by expr
	varies              bool // gives another answer each time
	deep                bool // walks through all of its first argument

	// typed returns the type of the result, or the reason why the arguments
	// are wrong. It is nil where result is always the type.
	typed func(args []ast.Node, types []*value.Type) (t *value.Type, wrong string)
	// run is given what accepts of the parameters returned.
	run func(st *state, args []any) (any, error)
}

// param is one parameter of a function.
type param struct {
	name     string
	typ      *value.Type
	optional bool
	nilable  bool // nil may be given
}

// table holds every function by its name.
var table = indexFunctions( //nolint:gochecknoglobals // never written
	listFunctions(), textFunctions(), numberFunctions(), dateFunctions(), dataFunctions(),
)

func indexFunctions(groups ...[]function) map[string]*function {
	m := map[string]*function{}
	for _, g := range groups {
		for i := range g {
			m[g[i].name] = &g[i]
		}
	}
	return m
}

func isFunction(name string) bool { return table[name] != nil }

// Functions returns every function an expression may call, by group and name.
func Functions() []FuncDoc {
	var docs []FuncDoc
	for _, g := range []struct {
		name      string
		functions []function
	}{
		{"text", textFunctions()},
		{"numbers", numberFunctions()},
		{"lists", listFunctions()},
		{"dates", dateFunctions()},
		{"data", dataFunctions()},
	} {
		from := len(docs)
		for _, f := range g.functions {
			docs = append(docs, FuncDoc{f.name, g.name, f.signature(), f.help, f.example})
		}
		slices.SortFunc(docs[from:], func(a, b FuncDoc) int { return strings.Compare(a.Name, b.Name) })
	}
	return docs
}

func (f *function) signature() string {
	words := make([]string, len(f.params))
	for i, p := range f.params {
		words[i] = p.name
		if p.optional {
			words[i] += "?"
		}
		if !p.typ.IsAny() {
			words[i] += ": " + p.typ.String()
		}
	}
	list := strings.Join(words, ", ")
	if f.repeats {
		list += ", …"
	}
	return fmt.Sprintf("%s(%s) → %s", f.name, list, f.result)
}

func signatureOf(name string) string { return table[name].signature() }

// call types name(…) and value.name(…).
func (c *checker) call(n *ast.CallNode) *value.Type {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		return c.apply(n, callee.Value, n.Arguments)
	case *ast.MemberNode:
		return c.method(n, callee)
	}
	return anyType
}

// apply types a call by the table.
func (c *checker) apply(n ast.Node, name string, args []ast.Node) *value.Type {
	f, ok := table[name]
	types := make([]*value.Type, len(args))
	for i, a := range args {
		types[i] = c.check(a)
	}
	if !ok {
		c.unknownFunction(n, name)
		return anyType
	}
	c.varies = c.varies || f.varies
	if !c.rightNumber(n, f, len(args)) {
		return f.fixed()
	}
	for i := range args {
		if !c.argument(f, f.params[min(i, len(f.params)-1)], args[i], types[i]) {
			return f.fixed()
		}
		if !f.params[min(i, len(f.params)-1)].nilable {
			types[i] = types[i].AsPresent()
		}
	}
	t := f.fixed()
	if f.typed != nil {
		var wrong string
		if t, wrong = f.typed(args, types); wrong != "" {
			hint := f.signature()
			if wrong == itemsMayBeMissing {
				hint = hintLeaveOut(c.src.show(args[0]))
			}
			c.reportAt(n, codeArguments, hint, "%s: %s", name, wrong)
			return f.fixed()
		}
	}
	if c.known.present[c.key(n)] {
		t = t.AsPresent()
	}
	return t
}

// fixed returns the type the word of the result stands for, any if there is
// none.
func (f *function) fixed() *value.Type {
	switch f.result {
	case "boolean":
		return boolType
	case "integer":
		return wholeType
	case "number":
		return numberType
	case "string":
		return textType
	case "datetime":
		return timeType
	case "duration":
		return spanType
	case "list":
		return anyList
	case "list of string":
		return textList
	}
	return anyType
}

func (c *checker) unknownFunction(n ast.Node, name string) {
	part := c.src.at(n.Location())
	if _, ok := c.scope.lookup(name, c.known); ok {
		c.report(part, codeFunction, "", "", "%s is a value, not a function", name)
		return
	}
	names := make([]string, 0, len(table))
	for known := range table {
		names = append(names, known)
	}
	slices.Sort(names)
	var hint string
	fix := diag.Nearest(name, names)
	switch m, ok := meantFunction(name); {
	case ok:
		fix, hint = m.fix, m.hint
	case fix != "":
		hint = signatureOf(fix)
	default:
		hint = "`patchbay functions` lists them all"
	}
	c.report(part, codeFunction, hint, fix, "there is no function %q", name)
	c.offer(names)
}

func (c *checker) rightNumber(n ast.Node, f *function, given int) bool {
	least, most := 0, len(f.params)
	for _, p := range f.params {
		if !p.optional {
			least++
		}
	}
	if given >= least && (given <= most || f.repeats) {
		return true
	}
	wanted := fmt.Sprint(least)
	switch {
	case f.repeats:
		wanted = fmt.Sprintf("at least %d", least)
	case most != least:
		wanted = fmt.Sprintf("%d to %d", least, most)
	}
	noun := "values"
	if wanted == "1" {
		noun = "value"
	}
	c.reportAt(n, codeArguments, f.signature(), "%s takes %s %s, %d given", f.name, wanted, noun, given)
	return false
}

// argument checks one argument against its parameter.
func (c *checker) argument(f *function, p param, n ast.Node, t *value.Type) bool {
	if !p.nilable && t.MayBeNil() {
		c.needs(n, t)
		return false
	}
	reason := value.Mismatch(t.AsPresent(), p.typ)
	if reason == "" && isMoment(t) && p.typ.Kind == value.String {
		reason = "string is wanted, " + t.AsPresent().String() + " is given"
	}
	if reason == "" || p.nilable && t.Kind == value.Nil {
		return true
	}
	hint := f.signature()
	switch shown := c.src.show(n); {
	case p.typ.Kind == value.String && isMoment(t):
		hint = fmt.Sprintf("format_date(%s) makes text of it", shown)
	case p.typ.Kind == value.String && (isNumber(t) || t.Kind == value.Boolean):
		hint = fmt.Sprintf("string(%s) makes text of it", shown)
	case isNumber(p.typ) && isText(t):
		hint = fmt.Sprintf("float(%s) makes a number of it", shown)
	}
	c.reportAt(n, codeArguments, hint, "%s: %s", f.name, reason)
	return false
}

// The parameters most functions have.

func textParam(name string) param  { return param{name: name, typ: textType} }
func wholeParam(name string) param { return param{name: name, typ: wholeType} }
func numParam(name string) param   { return param{name: name, typ: numberType} }
func listParam() param             { return param{name: "list", typ: anyList} }
func anyParam(name string) param   { return param{name: name, typ: anyType} }

func (p param) orNot() param { p.optional = true; return p }
func (p param) orNil() param { p.nilable = true; return p }
