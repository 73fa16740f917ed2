package expr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/diag"
	"patchbay/engine/value"
)

// fit checks n, whose type is known, against the type that is wanted at its
// place. What is written literally is looked into, so that a wrong field of an
// object is told where it stands.
func (c *checker) fit(n ast.Node, want *value.Type) {
	if want.IsAny() {
		return
	}
	switch n := n.(type) {
	case *ast.ConditionalNode:
		c.fit(n.Exp1, want)
		c.fit(n.Exp2, want)
		return
	case *ast.SequenceNode:
		c.fit(n.Nodes[len(n.Nodes)-1], want)
		return
	case *ast.VariableDeclaratorNode:
		c.fit(n.Expr, want)
		return
	case *ast.BinaryNode:
		if n.Operator == "??" {
			c.fit(n.Left, want.AsOptional())
			c.fit(n.Right, want)
			return
		}
	case *ast.ArrayNode:
		if want.Kind == value.List {
			for _, e := range n.Nodes {
				c.fit(e, elemOf(want))
			}
			return
		}
	case *ast.MapNode:
		if want.Kind == value.Object || want.Kind == value.Map {
			c.fitObject(n, want)
			return
		}
	}
	if v, ok := literal(n); ok {
		c.fitLiteral(n, v, want)
		return
	}
	c.fitType(n, want)
}

func (c *checker) fitType(n ast.Node, want *value.Type) {
	t := c.types[n]
	switch reason := value.Mismatch(t, want); reason {
	case "":
	case "may be missing":
		c.reportAt(n, codeMissing, c.guard(n, t), "%s may be missing", c.src.show(n))
	default:
		if strings.HasSuffix(reason, itemsMayBeMissing) {
			c.reportAt(n, codeWrongType, hintLeaveOut(c.src.show(n)), "%s", reason)
			return
		}
		c.reportAt(n, codeWrongType, convertHint(c.src.show(n), t, want), "%s", reason)
	}
}

// itemsMayBeMissing ends the reasons that speak of the items of a list.
const itemsMayBeMissing = "items of the list may be missing"

func hintLeaveOut(shown string) string {
	return fmt.Sprintf("filter(%s, # != nil) leaves out what is missing", shown)
}

// convertHint says how to make a value of type want of one of type t.
func convertHint(shown string, t, want *value.Type) string {
	switch {
	case want.Kind == value.Boolean:
		return truthHint(shown, t)
	case want.Kind == value.List && t.Kind != value.List && value.Mismatch(t, elemOf(want)) == "":
		return fmt.Sprintf("[%s] is a list of it", shown)
	case t.Kind == value.List && value.Mismatch(elemOf(t), want) == "":
		return fmt.Sprintf("first(%s) takes the first item, join(%s, \", \") writes all", shown, shown)
	case want.Kind == value.String && t.Kind != value.FileKind:
		return fmt.Sprintf("string(%s) makes text of it", shown)
	case want.Kind == value.Date && (t.Kind == value.Datetime || t.Kind == value.Time):
		return fmt.Sprintf("format_date(%s, \"date\") makes a date of it", shown)
	case want.Kind == value.Integer && t.Kind == value.Number:
		return fmt.Sprintf("round(%s) makes a whole number of it", shown)
	case want.Kind == value.Integer && isText(t):
		return fmt.Sprintf("int(%s) makes a whole number of it", shown)
	case want.Kind == value.Number && isText(t):
		return fmt.Sprintf("float(%s) makes a number of it", shown)
	case want.Kind == value.Enum:
		return "values: " + strings.Join(want.Values, ", ")
	}
	return ""
}

func (c *checker) fitLiteral(n ast.Node, v any, want *value.Type) {
	reason := value.MismatchValue(v, want)
	if reason == "" {
		return
	}
	part, hint, fix := c.src.span(n), "", ""
	var allowed []string
	if isNumber(want) && isQuotedNumber(n) {
		hint, fix = "a number is written without quotes", v.(string)
	}
	if s, ok := v.(string); ok && want.Kind == value.Enum {
		hint, allowed = "values: "+strings.Join(want.Values, ", "), want.Values
		if near := diag.Nearest(s, want.Values); near != "" {
			fix = strconv.Quote(near)
			if c.src.text[part.from] == '\'' {
				fix = "'" + near + "'"
			}
		}
	}
	c.report(part, codeWrongType, hint, fix, "%s", reason)
	c.offer(allowed)
}

// literal returns the value of a number, a text, true, false or nil.
func literal(n ast.Node) (v any, ok bool) {
	switch n := n.(type) {
	case *ast.NilNode:
		return nil, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.StringNode:
		return n.Value, true
	}
	return nil, false
}

// fitObject checks {"name": value, …} field by field.
func (c *checker) fitObject(n *ast.MapNode, want *value.Type) {
	given, computed := map[string]bool{}, false
	for _, p := range n.Pairs {
		pair := p.(*ast.PairNode)
		name, ok := pair.Key.(*ast.StringNode)
		if !ok {
			computed = true
			continue
		}
		given[name.Value] = true
		if want.Kind == value.Map {
			c.fit(pair.Value, elemOf(want))
			continue
		}
		f, ok := want.Lookup(name.Value)
		if !ok {
			names := want.FieldNames()
			c.report(c.src.at(name.Location()), codeField, "fields: "+strings.Join(names, ", "),
				c.spelled(name, diag.Nearest(name.Value, names)), "%q is not a field of %s", name.Value, bareName(want))
			c.offer(names)
			continue
		}
		c.fit(pair.Value, typeOf(f))
	}
	if computed {
		return
	}
	var missing []string
	for _, f := range want.Fields {
		if !given[f.Name] && !f.Type.MayBeNil() && !f.Type.IsAny() {
			missing = append(missing, f.Name)
		}
	}
	if len(missing) > 0 {
		c.reportAt(n, codeWrongType, "", "%s is missing here: %s needs it", strings.Join(missing, ", "), bareName(want))
	}
}

func bareName(t *value.Type) string { return t.AsPresent().String() }
