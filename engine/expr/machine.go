package expr

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/vm/runtime"

	"patchbay/engine/value"
)

// The bounds of one evaluation. A step of work is one item a predicate is asked
// about, or itemsPerStep items or textPerStep bytes that a function goes through.
const (
	maxWork      = 1_000_000
	itemsPerStep = 4
	textPerStep  = 64
)

var (
	errTooMuchWork = errors.New("this expression does too much work: it goes through more than 1,000,000 items")
	errTooMuchData = errors.New("this expression makes too much data: more than 1,000,000 items")
	errTooLong     = errors.New("this makes too long a text")
)

var machineFunctions = makeMachineFunctions() //nolint:gochecknoglobals // never written

// state is what one evaluation keeps.
type state struct {
	env   *Env
	left  int // steps of work
	uuids int
}

func (st *state) spend(steps int) error {
	if st.left -= steps; st.left < 0 {
		return errTooMuchWork
	}
	return nil
}

// argumentError says that an argument of a function, or an operand, is not what
// it must be. An empty reason means that it is missing.
type argumentError struct {
	index  int
	reason string
}

func (e *argumentError) Error() string { return fmt.Sprintf("value %d: %s", e.index+1, e.reason) }

// makeMachineFunctions gives expr's machine the functions of the table, and
// those that only lowering calls.
func makeMachineFunctions() conf.FunctionsTable {
	functions := conf.FunctionsTable{}
	add := func(name string, run func(st *state, args []any) (any, error)) {
		functions[name] = &builtin.Function{Name: name, Func: func(args ...any) (any, error) {
			return run(args[0].(*state), args[1:])
		}}
	}
	for name, f := range table {
		if f.run != nil {
			add(name, f.call)
		}
	}
	add("$count", func(st *state, _ []any) (any, error) { return nil, st.spend(1) })
	add("$weigh", weigh)
	add("$equal", equalAll)
	add("$truth", needTruth)
	add("$list", needList)
	add("$key", needKey)
	add("$add", addOrJoin)
	add("$times", times)
	add("$item", itemOrNil)
	add("$last", runLast)
	add("$lastPresent", lastPresent)
	add("$slice", slice)
	add("$ask", askMethod)
	add("$group", plainGroups)
	return functions
}

// call runs f with its arguments in the form the function works with.
func (f *function) call(st *state, args []any) (any, error) {
	for i, a := range args {
		p := f.params[min(i, len(f.params)-1)]
		v, err := p.accept(a)
		if err != nil {
			var wrong *argumentError
			if errors.As(err, &wrong) {
				wrong.index = i
			}
			return nil, err
		}
		args[i] = v
		if f.deep && i == 0 {
			err = st.spend(size(v, maxWork))
		} else {
			err = st.spend(1 + breadth(v))
		}
		if err != nil {
			return nil, err
		}
	}
	return f.run(st, args)
}

// accept returns v as the function works with it.
func (p param) accept(v any) (any, error) {
	if v == nil {
		if p.nilable {
			return nil, nil
		}
		return nil, &argumentError{}
	}
	wanted := p.typ.String()
	switch p.typ.Kind {
	case value.String:
		if s, ok := v.(string); ok {
			return s, nil
		}
	case value.Integer:
		switch n := v.(type) {
		case int:
			return n, nil
		case float64:
			if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
				return int(n), nil
			}
		}
	case value.Number:
		if isNumeric(v) {
			return v, nil
		}
	case value.List:
		if l, err := listOf(v); err == nil {
			return l, nil
		}
		wanted = "list"
	case value.Map:
		if m, ok := v.(map[string]any); ok {
			return m, nil
		}
		wanted = "object"
	case value.Datetime:
		switch v.(type) {
		case string, time.Time:
			return v, nil
		}
	default:
		return v, nil
	}
	return nil, &argumentError{reason: wanted + " is wanted, " + kindWord(v) + " is given"}
}

// breadth is the work of going once through v, without what lies below it.
func breadth(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) / textPerStep
	case []any:
		return len(v) / itemsPerStep
	case []int:
		return len(v) / itemsPerStep
	case map[string]any:
		return len(v) / itemsPerStep
	}
	return 0
}

// size is the work of going through all of v. It stops counting above most:
// what shares its parts may be far larger than the memory it takes.
func size(v any, most int) int {
	total := 1 + breadth(v)
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if total > most {
				break
			}
			total += size(e, most-total)
		}
	case map[string]any:
		for _, e := range v {
			if total > most {
				break
			}
			total += size(e, most-total)
		}
	}
	return total
}

func weigh(st *state, args []any) (any, error) { return args[0], st.spend(size(args[0], maxWork)) }

// equalAll compares all of two values; 1 and 1.0 are equal in a list, too.
func equalAll(st *state, args []any) (any, error) {
	if err := st.spend(min(size(args[0], maxWork), size(args[1], maxWork))); err != nil {
		return nil, err
	}
	return equal(args[0], args[1]), nil
}

func equal(a, b any) bool {
	if m, ok := a.(map[string]any); ok {
		other, ok := b.(map[string]any)
		if !ok || len(m) != len(other) {
			return false
		}
		for k, v := range m {
			if w, ok := other[k]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	}
	list, err := listOf(a)
	other, err2 := listOf(b)
	if err != nil || err2 != nil {
		return err != nil && err2 != nil && runtime.Equal(a, b)
	}
	if len(list) != len(other) {
		return false
	}
	for i := range list {
		if !equal(list[i], other[i]) {
			return false
		}
	}
	return true
}

func needTruth(_ *state, args []any) (any, error) {
	switch v := args[0].(type) {
	case bool:
		return v, nil
	case nil:
		return nil, &argumentError{}
	default:
		return nil, &argumentError{reason: "true or false is wanted, " + kindWord(v) + " is given"}
	}
}

func needList(st *state, args []any) (any, error) {
	switch v := args[0].(type) {
	case []any, []int:
		return v, st.spend(1 + breadth(v))
	case nil:
		return nil, &argumentError{}
	default:
		return nil, &argumentError{reason: "a list is wanted, " + kindWord(v) + " is given"}
	}
}

func needKey(_ *state, args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return v, nil
	case nil:
		return nil, &argumentError{}
	default:
		return nil, &argumentError{reason: "the name of a field is text, " + kindWord(v) + " is given"}
	}
}

// addOrJoin is + where the operands may be text, whose length must be bounded.
func addOrJoin(st *state, args []any) (any, error) {
	for i, a := range args {
		if a == nil {
			return nil, &argumentError{index: i}
		}
	}
	a, text := args[0].(string)
	b, also := args[1].(string)
	if !text || !also {
		return runtime.Add(args[0], args[1]), nil
	}
	if len(a)+len(b) > longestText {
		return nil, errTooLong
	}
	return a + b, st.spend((len(a) + len(b)) / textPerStep)
}

// itemOrNil is the item of a list, or what an object has under a key: nil where
// there is none, and where what it is taken of is missing and may be.
func itemOrNil(_ *state, args []any) (any, error) {
	if args[0] == nil && args[2] == true {
		return nil, nil //nolint:nilnil // nothing is there
	}
	list, notList := listOf(args[0])
	at, whole := args[1].(int)
	if notList != nil || !whole {
		return runtime.Fetch(args[0], args[1]), nil //nolint:nilerr // what is no list may have a field
	}
	if at < 0 {
		at += len(list)
	}
	if at < 0 || at >= len(list) {
		return nil, nil //nolint:nilnil // as above
	}
	return list[at], nil
}

// lastPresent is the last item that is not nil, nil if there is none.
func lastPresent(_ *state, args []any) (any, error) {
	for _, item := range slices.Backward(args[0].([]any)) {
		if item != nil {
			return item, nil
		}
	}
	return nil, nil //nolint:nilnil // nothing was found
}

// times is * where a duration may be taken so many times.
func times(_ *state, args []any) (any, error) {
	for i, a := range args {
		if a == nil {
			return nil, &argumentError{index: i}
		}
	}
	span, ok := args[0].(time.Duration)
	by := args[1]
	if !ok {
		span, ok = args[1].(time.Duration)
		by = args[0]
	}
	if !ok || !isNumeric(by) {
		return runtime.Multiply(args[0], args[1]), nil
	}
	long := float64(span) * toFloat(by)
	if !(math.Abs(long) < 1<<63) { // nor what is no number
		return nil, errors.New("this makes too long a duration")
	}
	return time.Duration(long), nil
}

// slice takes a part of a list, or of a text by its characters.
func slice(st *state, args []any) (any, error) {
	if args[0] == nil {
		return nil, &argumentError{}
	}
	if s, ok := args[0].(string); ok {
		chars := []rune(s)
		from, to, err := bounds(args[1], args[2], len(chars))
		if err != nil {
			return nil, err
		}
		return string(chars[from:to]), st.spend(breadth(s))
	}
	list, err := listOf(args[0])
	if err != nil {
		return nil, &argumentError{reason: "text or a list is wanted, " + kindWord(args[0]) + " is given"}
	}
	from, to, err := bounds(args[1], args[2], len(list))
	if err != nil {
		return nil, err
	}
	return list[from:to], nil
}

// bounds cuts from and to, which may be nil or count from the end, to 0..n.
func bounds(from, to any, n int) (int, int, error) {
	places := [2]int{0, n}
	for i, b := range []any{from, to} {
		if b == nil {
			continue
		}
		at, ok := b.(int)
		if !ok {
			return 0, 0, &argumentError{index: i + 1, reason: "a whole number is wanted, " + kindWord(b) + " is given"}
		}
		if at < 0 {
			at += n
		}
		places[i] = min(max(at, 0), n)
	}
	return min(places[0], places[1]), places[1], nil
}

func askMethod(st *state, args []any) (any, error) {
	if args[0] == nil {
		return nil, &argumentError{}
	}
	return runMethod(st, args)
}

// plainGroups makes an object of what expr's groupBy gives.
func plainGroups(_ *state, args []any) (any, error) {
	groups := args[0].(map[any][]any)
	object := make(map[string]any, len(groups))
	for k, list := range groups {
		name, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("text is wanted, %s is given", kindWord(k))
		}
		object[name] = list
	}
	return object, nil
}
