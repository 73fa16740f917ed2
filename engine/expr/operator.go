package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/diag"
	"patchbay/engine/value"
)

func (c *checker) unary(n *ast.UnaryNode) *value.Type {
	if n.Operator == "not" || n.Operator == "!" {
		c.truth(n.Node)
		return boolType
	}
	t := c.value(n.Node)
	if t.IsAny() || isNumber(t) {
		return t
	}
	c.reportAt(n, codeOperator, "", "%q works on numbers, %s is given", n.Operator, t)
	return anyType
}

func (c *checker) binary(n *ast.BinaryNode) *value.Type {
	switch n.Operator {
	case "and", "&&", "or", "||":
		return c.logic(n)
	case "??":
		left := c.check(n.Left)
		right := c.check(n.Right)
		if left.Kind == value.Nil {
			return right
		}
		return join(left.AsPresent(), right)
	case "==", "!=":
		left, right := c.check(n.Left), c.check(n.Right)
		c.equality(n, n.Left, left, n.Right, right)
		c.bareText(n, left, right)
		return boolType
	case "in":
		return c.in(n)
	case "..":
		c.whole(n.Left, n.Operator)
		c.whole(n.Right, n.Operator)
		return value.ListOf(wholeType)
	case "%":
		c.whole(n.Left, n.Operator)
		c.whole(n.Right, n.Operator)
		return wholeType
	}
	left, right := c.value(n.Left), c.value(n.Right)
	t := operation(n.Operator, left, right)
	if t == nil {
		c.reportAt(n, codeOperator, c.operatorHint(n, left, right), "%q does not work on %s and %s", n.Operator, inWords(left), inWords(right))
		return anyType
	}
	if n.Operator == "matches" {
		c.pattern(n.Right)
	}
	return t
}

func (c *checker) logic(n *ast.BinaryNode) *value.Type {
	before, holds := c.known, n.Operator == "and" || n.Operator == "&&"
	c.truth(n.Left)
	c.known = before.and(c.factsOf(n.Left, holds))
	c.truth(n.Right)
	c.known = before
	return boolType
}

func (c *checker) whole(n ast.Node, operator string) {
	if t := c.value(n); !t.IsAny() && t.Kind != value.Integer {
		c.reportAt(n, codeOperator, "int(…) makes a whole number", "%q works on whole numbers, %s is given", operator, t)
	}
}

// pattern tells a regular expression that cannot be read.
func (c *checker) pattern(n ast.Node) {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return
	}
	if _, err := regexp.Compile(s.Value); err != nil {
		_, reason, _ := strings.Cut(err.Error(), "error parsing regexp: ")
		c.reportAt(n, codeArguments, "", "the pattern cannot be read: %s", reason)
	}
}

// operation returns the type of a operator b for values that are there, nil
// where the operator does not work on them.
func operation(operator string, a, b *value.Type) *value.Type {
	unknown := a.IsAny() || b.IsAny()
	switch operator {
	case "<", ">", "<=", ">=":
		if unknown || isNumber(a) && isNumber(b) || isText(a) && isText(b) || a.Kind == b.Kind && isMoment(a) {
			return boolType
		}
	case "contains", "startsWith", "endsWith", "matches":
		if (a.IsAny() || isText(a)) && (b.IsAny() || isText(b)) {
			return boolType
		}
	case "+":
		return addition(a, b)
	case "-":
		return subtraction(a, b)
	case "*":
		switch {
		case unknown:
			return anyType
		case isNumber(a) && isNumber(b):
			return join(a, b)
		case a.Kind == value.Span && isNumber(b), isNumber(a) && b.Kind == value.Span:
			return spanType
		}
	case "/", "**", "^":
		if (a.IsAny() || isNumber(a)) && (b.IsAny() || isNumber(b)) {
			return numberType
		}
	}
	return nil
}

func addition(a, b *value.Type) *value.Type {
	switch {
	case a.IsAny() || b.IsAny():
		return anyType
	case isNumber(a) && isNumber(b):
		return join(a, b)
	case isText(a) && isText(b):
		return textType
	case a.Kind == value.Time && b.Kind == value.Span, a.Kind == value.Span && b.Kind == value.Time:
		return timeType
	case a.Kind == value.Span && b.Kind == value.Span:
		return spanType
	}
	return nil
}

func subtraction(a, b *value.Type) *value.Type {
	switch {
	case a.IsAny() || b.IsAny():
		return anyType
	case isNumber(a) && isNumber(b):
		return join(a, b)
	case a.Kind == value.Time && b.Kind == value.Span:
		return timeType
	case a.Kind == b.Kind && isMoment(a):
		return spanType
	}
	return nil
}

// operatorHint says what is probably meant by an operator on types it does not
// work on.
func (c *checker) operatorHint(n *ast.BinaryNode, a, b *value.Type) string {
	left, right := c.src.show(n.Left), c.src.show(n.Right)
	switch {
	case n.Operator != "+" && isNumber(a) && isQuotedNumber(n.Right), n.Operator != "+" && isNumber(b) && isQuotedNumber(n.Left):
		return "a number is written without quotes"
	case isDateText(a) && isMoment(b):
		return fmt.Sprintf("%s makes a time of the text", reader(a, left))
	case isMoment(a) && isDateText(b):
		return fmt.Sprintf("%s makes a time of the text", reader(b, right))
	case isDateText(a) && isDateText(b):
		return fmt.Sprintf("%s and %s make times of the texts", reader(a, left), reader(b, right))
	case n.Operator == "+" && isText(a) && isMoment(b):
		return fmt.Sprintf("format_date(%s) makes text of it", right)
	case n.Operator == "+" && isText(a):
		return fmt.Sprintf("string(%s) makes text of it", right)
	case n.Operator == "+" && isText(b):
		return fmt.Sprintf("string(%s) makes text of it", left)
	case n.Operator == "+" && a.Kind == value.List && b.Kind == value.List:
		return fmt.Sprintf("concat(%s, %s) joins two lists", left, right)
	case n.Operator == "+" && a.Kind == value.List:
		return fmt.Sprintf("concat(%s, [%s]) adds to a list", left, right)
	case n.Operator == "contains" && a.Kind == value.List:
		return fmt.Sprintf("%s in %s", right, left)
	case isNumber(a) && isText(b):
		return fmt.Sprintf("float(%s) makes a number of it", right)
	case isText(a) && isNumber(b):
		return fmt.Sprintf("float(%s) makes a number of it", left)
	}
	return ""
}

// isQuotedNumber reports whether n is a number written as a text, such as "3".
func isQuotedNumber(n ast.Node) bool {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return false
	}
	_, err := strconv.ParseFloat(s.Value, 64)
	return err == nil
}

func reader(t *value.Type, shown string) string {
	if t.Kind == value.Duration {
		return "duration(" + shown + ")"
	}
	return "date(" + shown + ")"
}

// equality checks a == b, and a against one item b of a list.
func (c *checker) equality(at, a ast.Node, ta *value.Type, b ast.Node, tb *value.Type) {
	if ta.Kind == value.Enum && c.inEnum(a, ta, b) || tb.Kind == value.Enum && c.inEnum(b, tb, a) {
		return
	}
	if mayEqual(ta, tb) {
		return
	}
	if ta.Kind == value.Enum && tb.Kind == value.Enum {
		hint := fmt.Sprintf("values: %s; %s", strings.Join(ta.Values, ", "), strings.Join(tb.Values, ", "))
		c.reportAt(at, codeNeverEqual, hint, "%s and %s have no value in common", c.src.show(a), c.src.show(b))
		return
	}
	hint := ""
	if n, ok := at.(*ast.BinaryNode); ok && n.Operator != "in" {
		hint = c.operatorHint(n, ta, tb)
	}
	c.reportAt(at, codeOperator, hint, "%s and %s are never equal", inWords(ta), inWords(tb))
}

// inEnum tells a literal text that is none of the values of enum, the type of
// n. It reports whether it did.
func (c *checker) inEnum(n ast.Node, enum *value.Type, literal ast.Node) bool {
	s, ok := literal.(*ast.StringNode)
	if !ok || len(enum.Values) == 0 {
		return false
	}
	if slices.Contains(enum.Values, s.Value) {
		return false
	}
	part := c.src.at(s.Location())
	fix := diag.Nearest(s.Value, enum.Values)
	if fix != "" {
		quote := c.src.text[part.from : part.from+1]
		if fix = quote + fix + quote; quote == "`" {
			fix = strconv.Quote(strings.Trim(fix, "`"))
		}
	}
	c.report(part, codeNeverEqual, "values: "+strings.Join(enum.Values, ", "), fix, "%s is never %q", c.src.show(n), s.Value)
	c.offer(enum.Values)
	return true
}

func (c *checker) in(n *ast.BinaryNode) *value.Type {
	left := c.check(n.Left)
	if list, ok := n.Right.(*ast.ArrayNode); ok {
		c.check(list)
		for _, e := range list.Nodes {
			c.equality(e, n.Left, left, e, c.check(e))
		}
		return boolType
	}
	right := c.value(n.Right)
	switch {
	case right.IsAny():
	case right.Kind == value.List:
		c.equality(n, n.Left, left, n.Right, elemOf(right))
	case right.Kind == value.Map, right.Kind == value.Object:
		if t := c.needs(n.Left, left); !t.IsAny() && !isText(t) {
			c.reportAt(n.Left, codeOperator, "", "the fields of an object are named by text, %s is given", t)
		}
	case isText(right):
		c.reportAt(n, codeOperator, fmt.Sprintf("%s contains %s", c.src.show(n.Right), c.src.show(n.Left)),
			`"in" looks into a list, %s is given`, right)
	default:
		c.reportAt(n, codeOperator, "", `"in" looks into a list, %s is given`, right)
	}
	return boolType
}

// mayEqual reports whether a value of type a can ever equal one of type b.
func mayEqual(a, b *value.Type) bool {
	switch {
	case a.IsAny(), b.IsAny(), a.Kind == value.Nil, b.Kind == value.Nil, a.MayBeNil() && b.MayBeNil():
		return true
	case a.Kind == value.Enum && b.Kind == value.Enum:
		for _, v := range a.Values {
			if slices.Contains(b.Values, v) {
				return true
			}
		}
		return false
	case a.Kind == value.List && b.Kind == value.List:
		return mayEqual(elemOf(a), elemOf(b))
	}
	isObject := func(t *value.Type) bool { return t.Kind == value.Object || t.Kind == value.Map }
	return a.Kind == b.Kind || isNumber(a) && isNumber(b) || isText(a) && isText(b) || isObject(a) && isObject(b)
}

// inWords tells a date that is text from one that can be calculated with.
func inWords(t *value.Type) string {
	if isDateText(t) {
		return t.AsPresent().String() + " (as text)"
	}
	return t.AsPresent().String()
}

func isNumber(t *value.Type) bool { return t.Kind == value.Integer || t.Kind == value.Number }

// isText reports whether a value of the type is text at run time.
func isText(t *value.Type) bool {
	return t.Kind == value.String || t.Kind == value.Enum || t.Kind == value.SecretText || isDateText(t)
}

// isDateText reports whether t is a date, a time or a duration written as text.
func isDateText(t *value.Type) bool {
	return t.Kind == value.Datetime || t.Kind == value.Date || t.Kind == value.Duration
}

// isMoment reports whether t is a time or a duration one can calculate with.
func isMoment(t *value.Type) bool { return t.Kind == value.Time || t.Kind == value.Span }
