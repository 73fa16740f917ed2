package expr

import (
	"errors"
	"fmt"
	"regexp"
	goruntime "runtime"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// EvalError says why an expression could not be evaluated, and which part of
// its source is to blame. From and To are byte offsets.
type EvalError struct {
	From, To int
	Message  string // "steps.page.tags is missing"
}

// Error returns the message.
func (e *EvalError) Error() string { return e.Message }

// absent says that what the author wrote as shown holds nothing.
func absent(shown string) string {
	if strings.HasPrefix(shown, ".") || strings.HasPrefix(shown, "#") && !strings.HasPrefix(shown, "#acc") {
		return shown + " is missing in an item"
	}
	return shown + " is missing"
}

func (c *Code) failure(n ast.Node, message string) *EvalError {
	part := c.src.span(n)
	return &EvalError{From: part.from, To: part.to, Message: message}
}

// notBelow says that base, which is v, has nothing below it.
func (c *Code) notBelow(base ast.Node, v any, n *ast.MemberNode) *EvalError {
	shown := c.src.show(base)
	if v == nil {
		return c.failure(base, absent(shown))
	}
	return c.failure(n, fmt.Sprintf("%s is %s and has no field %s", shown, kindWord(v), c.src.show(n.Property)))
}

// fault turns an error of expr's machine into the author's words.
func (c *Code) fault(err error) *EvalError {
	var at *file.Error
	if !errors.As(err, &at) || at.From >= len(c.nodes) {
		return c.failure(c.tree, "the expression cannot be worked out")
	}
	n := c.nodes[at.From]
	cause := at.Prev
	var bug goruntime.Error
	if errors.As(cause, &bug) {
		cause = nil
	}
	var wrong *argumentError
	switch {
	case errors.As(cause, &wrong):
		return c.wrongArgument(n, wrong)
	case errors.Is(cause, errTooMuchWork), errors.Is(cause, errTooMuchData), errors.Is(cause, errTooLong):
		return c.failure(n, cause.Error())
	case cause != nil && strings.Contains(at.Message, "reduce of empty array"):
		return c.failure(n, fmt.Sprintf("reduce: %s is empty, and there is no value to start with", c.src.show(children(n)[0])))
	case cause != nil:
		return c.failure(n, called(n)+cause.Error())
	}
	return c.machineFault(n, at.Message)
}

// called returns the name of the function that n calls, as the beginning of a
// message.
func called(n ast.Node) string {
	switch n := n.(type) {
	case *ast.BuiltinNode:
		return n.Name + ": "
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			return callee.Value + ": "
		}
	}
	return ""
}

func (c *Code) wrongArgument(n ast.Node, wrong *argumentError) *EvalError {
	arg := n
	switch n := n.(type) {
	case *ast.CallNode:
		if _, ok := n.Callee.(*ast.IdentifierNode); ok {
			arg = n.Arguments[wrong.index]
		} else {
			arg = n.Callee.(*ast.MemberNode).Node
		}
	case *ast.BuiltinNode:
		if !table[n.Name].each {
			arg = n.Arguments[wrong.index]
		}
	case *ast.SliceNode:
		arg = []ast.Node{n.Node, n.From, n.To}[wrong.index]
	case *ast.BinaryNode:
		if n.Operator == "+" || n.Operator == "*" {
			arg = []ast.Node{n.Left, n.Right}[wrong.index]
		}
	}
	if wrong.reason == "" {
		return c.failure(arg, absent(c.src.show(arg)))
	}
	if name := called(n); name != "" && arg != n {
		return c.failure(arg, name+wrong.reason)
	}
	return c.failure(arg, c.src.show(arg)+": "+wrong.reason)
}

// The sentences of expr's machine that carry something worth telling.
var (
	fetchFault   = regexp.MustCompile(`^cannot fetch (.*) from (.*)$`)
	rangeFault   = regexp.MustCompile(`^index out of range: (-?\d+) \(array length is (\d+)\)$`)
	operandFault = regexp.MustCompile(`^invalid operation: (\S.*?) (\+|-|\*|/|%|\*\*|<|>|<=|>=) (\S.*)$`)
	convertFault = regexp.MustCompile(`(?:interface \{\}|any) is (.+?), not`)
)

func (c *Code) machineFault(n ast.Node, message string) *EvalError {
	if m := fetchFault.FindStringSubmatch(message); m != nil {
		return c.fetchFault(n, m[2])
	}
	if m := rangeFault.FindStringSubmatch(message); m != nil {
		if member, ok := n.(*ast.MemberNode); ok {
			return c.failure(n, fmt.Sprintf("item %s of %s does not exist: it has %s items, counted from 0", m[1], c.src.show(member.Node), m[2]))
		}
	}
	binary, isBinary := n.(*ast.BinaryNode)
	if m := operandFault.FindStringSubmatch(message); m != nil {
		switch {
		case isBinary && m[1] == "<nil>":
			return c.failure(binary.Left, absent(c.src.show(binary.Left)))
		case isBinary && m[3] == "<nil>":
			return c.failure(binary.Right, absent(c.src.show(binary.Right)))
		case isBinary:
			return c.failure(n, fmt.Sprintf("%q does not work on %s and %s", binary.Operator, goWord(m[1]), goWord(m[3])))
		}
		return c.failure(n, fmt.Sprintf("%s%s and %s do not go together", called(n), goWord(m[1]), goWord(m[3])))
	}
	switch {
	case strings.Contains(message, "divide by zero"):
		return c.failure(n, c.src.show(n)+" divides by zero")
	case strings.Contains(message, "memory budget"):
		return c.failure(n, errTooMuchData.Error())
	case isBinary:
		found := "something else"
		if m := convertFault.FindStringSubmatch(message); m != nil {
			found = goWord(m[1])
		} else if _, typ, ok := strings.Cut(message, "not defined on "); ok {
			found = goWord(typ)
		}
		if binary.Operator == "in" {
			return c.failure(binary.Right, fmt.Sprintf(`"in" looks into a list, %s is given`, found))
		}
		return c.failure(n, fmt.Sprintf("%q does not work on %s", binary.Operator, found))
	}
	return c.failure(n, c.src.show(n)+" cannot be worked out")
}

func (c *Code) fetchFault(n ast.Node, from string) *EvalError {
	member, ok := n.(*ast.MemberNode)
	if !ok {
		return c.failure(n, absent(c.src.show(n)))
	}
	shown := c.src.show(member.Node)
	if from == "<nil>" {
		return c.failure(member.Node, absent(shown))
	}
	return c.failure(n, fmt.Sprintf("%s is %s and has no field %s", shown, goWord(from), c.src.show(member.Property)))
}

// goWord returns our word for what expr's machine calls a type.
func goWord(typ string) string {
	switch {
	case typ == "<nil>" || typ == "nil":
		return "nothing"
	case typ == "bool":
		return "boolean"
	case typ == "int":
		return "integer"
	case typ == "float64":
		return "number"
	case typ == "string":
		return "string"
	case strings.HasPrefix(typ, "[]"):
		return "list"
	case strings.HasPrefix(typ, "map["):
		return "object"
	case typ == "time.Time":
		return "datetime"
	case typ == "time.Duration":
		return "duration"
	}
	return "something else"
}
