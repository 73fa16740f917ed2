package expr

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"patchbay/engine/value"
)

func numberFunctions() []function {
	x := numParam("x")
	return []function{
		{name: "int", params: []param{anyParam("x")}, result: "integer", help: "makes a whole number of a number or a text", example: `int("12") → 12`, typed: typedToNumber(wholeType), run: runInt},
		{name: "float", params: []param{anyParam("x")}, result: "number", help: "makes a number of a text", example: `float("12.5") → 12.5`, typed: typedToNumber(numberType), run: runFloat},
		{name: "abs", params: []param{x}, result: "number", help: "takes the sign off", example: `abs(-3) → 3`, typed: typedSame, run: runAbs},
		{name: "ceil", params: []param{x}, result: "integer", help: "rounds up to a whole number", example: `ceil(1.2) → 2`, run: onNumber(math.Ceil)},
		{name: "floor", params: []param{x}, result: "integer", help: "rounds down to a whole number", example: `floor(1.8) → 1`, run: onNumber(math.Floor)},
		{name: "round", params: []param{x, wholeParam("digits").orNot()}, result: "number", help: "rounds to so many digits after the point, to a whole number without", example: `round(2.345, 2) → 2.35`, typed: typedRound, run: runRound},
		{name: "min", params: []param{anyParam("x")}, repeats: true, result: "number", help: "is the smallest of several values or of a list; nil for an empty list", example: `min([3, 1, 2]) → 1`, typed: typedExtreme, run: runExtreme(func(order int) bool { return order < 0 })},
		{name: "max", params: []param{anyParam("x")}, repeats: true, result: "number", help: "is the largest of several values or of a list; nil for an empty list", example: `max(3, 7) → 7`, typed: typedExtreme, run: runExtreme(func(order int) bool { return order > 0 })},
		{name: "mean", params: []param{listParam()}, result: "number", help: "is the average of a list of numbers; 0 for an empty list", example: `mean([1, 2, 6]) → 3`, typed: typedNumbers, run: runMean},
		{name: "median", params: []param{listParam()}, result: "number", help: "is the middle of a list of numbers; 0 for an empty list", example: `median([1, 2, 6]) → 2`, typed: typedNumbers, run: runMedian},
	}
}

func typedToNumber(t *value.Type) func([]ast.Node, []*value.Type) (*value.Type, string) {
	return func(_ []ast.Node, types []*value.Type) (*value.Type, string) {
		if a := types[0]; !a.IsAny() && !isNumber(a) && !isText(a) {
			return nil, fmt.Sprintf("a number or a text is wanted, %s is given", a)
		}
		return t, ""
	}
}

// typedSame is the type of a function that gives what it is given.
func typedSame(_ []ast.Node, types []*value.Type) (*value.Type, string) { return types[0], "" }

func typedRound(args []ast.Node, _ []*value.Type) (*value.Type, string) {
	if len(args) == 1 {
		return wholeType, ""
	}
	if digits, ok := args[1].(*ast.IntegerNode); ok && digits.Value == 0 {
		return wholeType, ""
	}
	return numberType, ""
}

func typedExtreme(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	t, known, lists := nothingType, true, 0
	for _, a := range types {
		if a.Kind == value.List {
			a = elemOf(a)
			lists++
		}
		known = known && (!a.IsAny() || a == nothingType)
		if a.MayBeNil() {
			return nil, itemsMayBeMissing
		}
		if !a.IsAny() && !isNumber(a) && !isText(a) && !isMoment(a) {
			return nil, fmt.Sprintf("numbers, texts or times are wanted, %s is given", a)
		}
		t = join(t, a)
	}
	switch {
	case known && t.IsAny() && t != nothingType:
		return nil, "only numbers, only texts or only times can be compared"
	case lists == len(types):
		return perhaps(t), "" // all of them may be empty
	}
	return t, ""
}

func typedNumbers(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	if elemOf(types[0]).MayBeNil() {
		return nil, itemsMayBeMissing
	}
	if e := elemOf(types[0]); !types[0].IsAny() && !e.IsAny() && !isNumber(e) {
		return nil, fmt.Sprintf("a list of numbers is wanted, %s is given", types[0])
	}
	return numberType, ""
}

func toFloat(v any) float64 {
	if i, ok := v.(int); ok {
		return float64(i)
	}
	return v.(float64)
}

// whole returns f as an int if that is what it is.
func whole(f float64) (any, error) {
	if f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return nil, fmt.Errorf("%v is not a whole number, or too large", f)
	}
	return int(f), nil
}

func onNumber(do func(float64) float64) func(*state, []any) (any, error) {
	return func(_ *state, args []any) (any, error) {
		if i, ok := args[0].(int); ok {
			return i, nil
		}
		return whole(do(args[0].(float64)))
	}
}

func runInt(_ *state, args []any) (any, error) {
	switch x := args[0].(type) {
	case int:
		return x, nil
	case float64:
		return whole(math.Trunc(x))
	case string:
		i, err := strconv.Atoi(strings.TrimSpace(x))
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", x)
		}
		return i, nil
	}
	return nil, fmt.Errorf("a number or a text is wanted, %s is given", kindWord(args[0]))
}

func runFloat(_ *state, args []any) (any, error) {
	switch x := args[0].(type) {
	case int:
		return float64(x), nil
	case float64:
		return x, nil
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(x), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("%q is not a number", x)
		}
		return f, nil
	}
	return nil, fmt.Errorf("a number or a text is wanted, %s is given", kindWord(args[0]))
}

func runAbs(_ *state, args []any) (any, error) {
	if i, ok := args[0].(int); ok {
		return max(i, -i), nil
	}
	return math.Abs(args[0].(float64)), nil
}

// runRound rounds half away from zero. The decimal form decides, so that
// round(2.675, 2) is 2.68 as on paper.
func runRound(_ *state, args []any) (any, error) {
	digits := 0
	if len(args) > 1 {
		digits = args[1].(int)
	}
	if digits < 0 || digits > 15 {
		return nil, errors.New("the digits after the point are 0 to 15")
	}
	if i, ok := args[0].(int); ok {
		return i, nil
	}
	x := args[0].(float64)
	if digits == 0 {
		return whole(math.Round(x))
	}
	scaled, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', -1, 64)+"e"+strconv.Itoa(digits), 64)
	if err != nil || math.IsInf(scaled, 0) {
		return x, nil //nolint:nilerr // so many digits change nothing
	}
	return strconv.ParseFloat(strconv.FormatFloat(math.Round(scaled), 'f', -1, 64)+"e-"+strconv.Itoa(digits), 64)
}

// runExtreme returns the value that better prefers over all others.
func runExtreme(better func(order int) bool) func(*state, []any) (any, error) {
	return func(_ *state, args []any) (any, error) {
		var best any
		for _, a := range args {
			items, err := listOf(a)
			if err != nil {
				items = []any{a}
			}
			for _, item := range items {
				if item == nil {
					return nil, errors.New("an item is missing")
				}
				if best == nil {
					best = item
				}
				order, err := compare(item, best)
				if err != nil {
					return nil, err
				}
				if better(order) {
					best = item
				}
			}
		}
		return best, nil
	}
}

func floats(list []any) ([]float64, error) {
	out := make([]float64, len(list))
	for i, item := range list {
		if !isNumeric(item) {
			return nil, fmt.Errorf("item %d of the list is %s, not a number", i+1, kindWord(item))
		}
		out[i] = toFloat(item)
	}
	return out, nil
}

func runMean(_ *state, args []any) (any, error) {
	numbers, err := floats(args[0].([]any))
	if err != nil || len(numbers) == 0 {
		return 0, err
	}
	total := 0.0
	for _, n := range numbers {
		total += n
	}
	return total / float64(len(numbers)), nil
}

func runMedian(_ *state, args []any) (any, error) {
	numbers, err := floats(args[0].([]any))
	if err != nil || len(numbers) == 0 {
		return 0, err
	}
	slices.Sort(numbers)
	middle := len(numbers) / 2
	if len(numbers)%2 == 1 {
		return numbers[middle], nil
	}
	return (numbers[middle-1] + numbers[middle]) / 2, nil
}
