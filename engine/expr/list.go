package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"

	"patchbay/engine/value"
)

func listFunctions() []function {
	list, condition, part := listParam(), anyParam("condition"), anyParam("part")
	each := []function{
		{name: "all", params: []param{list, condition}, result: "boolean", help: "tells whether the condition is true of every item", example: `all([1, 2], # > 0) → true`},
		{name: "any", params: []param{list, condition}, result: "boolean", help: "tells whether the condition is true of at least one item", example: `any([1, 2], # > 1) → true`},
		{name: "none", params: []param{list, condition}, result: "boolean", help: "tells whether the condition is true of no item", example: `none([1, 2], # > 2) → true`},
		{name: "one", params: []param{list, condition}, result: "boolean", help: "tells whether the condition is true of exactly one item", example: `one([1, 2], # > 1) → true`},
		{name: "count", params: []param{list, condition.orNot()}, result: "integer", help: "counts the items of which the condition is true", example: `count([1, 2, 3], # > 1) → 2`},
		{name: "filter", params: []param{list, condition}, result: "list", help: "keeps the items of which the condition is true", example: `filter([1, 2, 3], # > 1) → [2, 3]`},
		{name: "map", params: []param{list, anyParam("value")}, result: "list", help: "makes a value of each item", example: `map([1, 2], # * 10) → [10, 20]`},
		{name: "find", params: []param{list, condition}, result: "item", help: "is the first item of which the condition is true, nil if there is none", example: `find([1, 2, 3], # > 1) → 2`},
		{name: "findLast", params: []param{list, condition}, result: "item", help: "is the last item of which the condition is true, nil if there is none", example: `findLast([1, 2, 3], # > 1) → 3`},
		{name: "findIndex", params: []param{list, condition}, result: "integer", help: "is the place of the first such item, counted from 0, nil if there is none", example: `findIndex([1, 2, 3], # > 1) → 1`},
		{name: "findLastIndex", params: []param{list, condition}, result: "integer", help: "is the place of the last such item, counted from 0, nil if there is none", example: `findLastIndex([1, 2, 3], # > 1) → 2`},
		{name: "sum", params: []param{list, part.orNot()}, result: "number", help: "adds up the items, or a part of each", example: `sum([{"n": 1}, {"n": 2}], .n) → 3`},
		{name: "groupBy", params: []param{list, part}, result: "map of list", help: "sorts the items into lists by a text", example: `groupBy([{"k": "a"}], .k) → {"a": [{"k": "a"}]}`},
		{name: "sortBy", params: []param{list, part, textParam("order").orNot()}, result: "list", help: `sorts the items by a part of each, "asc" or "desc"`, example: `sortBy([{"n": 2}, {"n": 1}], .n) → [{"n": 1}, {"n": 2}]`},
		{name: "reduce", params: []param{list, anyParam("value"), anyParam("start").orNot()}, result: "value", help: "makes one value of all items: #acc is what was made so far", example: `reduce([1, 2, 3], #acc + #, 0) → 6`},
	}
	for i := range each {
		each[i].each = true
	}
	object := param{name: "object", typ: value.MapOf(anyType)}
	return append(each, []function{
		{name: "len", params: []param{anyParam("x")}, result: "integer", help: "counts the items of a list, the characters of a text or the fields of an object", example: `len([1, 2]) → 2`, typed: typedLen, run: runLen},
		{name: "first", params: []param{list}, result: "item", help: "is the first item, nil of an empty list", example: `first([1, 2]) → 1`, typed: typedItem, run: runFirst},
		{name: "last", params: []param{list}, result: "item", help: "is the last item, nil of an empty list", example: `last([1, 2]) → 2`, typed: typedItem, run: runLast},
		{name: "take", params: []param{list, wholeParam("count")}, result: "list", help: "keeps so many items from the front", example: `take([1, 2, 3], 2) → [1, 2]`, typed: typedSame, run: runTake},
		{name: "reverse", params: []param{list}, result: "list", help: "turns a list around", example: `reverse([1, 2]) → [2, 1]`, typed: typedSame, run: runReverse},
		{name: "sort", params: []param{list, textParam("order").orNot()}, result: "list", help: `sorts numbers, texts or times, "asc" or "desc"`, example: `sort([2, 1]) → [1, 2]`, typed: typedSort, run: runSort},
		{name: "uniq", params: []param{list}, result: "list", help: "keeps the first of equal items", example: `uniq([1, 1, 2]) → [1, 2]`, typed: typedSame, deep: true, run: runUniq},
		{name: "concat", params: []param{list}, repeats: true, result: "list", help: "joins lists", example: `concat([1], [2]) → [1, 2]`, typed: typedConcat, run: runConcat},
		{name: "flatten", params: []param{list}, result: "list", help: "joins the lists inside a list", example: `flatten([[1], [2]]) → [1, 2]`, typed: typedFlatten, run: runFlatten},
		{name: "chunk", params: []param{list, wholeParam("size")}, result: "list of list", help: "cuts a list into lists of at most that size", example: `chunk([1, 2, 3], 2) → [[1, 2], [3]]`, typed: typedChunk, run: runChunk},
		{name: "join", params: []param{list, textParam("separator").orNot()}, result: "string", help: "writes the items one after another", example: `join(["a", "b"], ", ") → "a, b"`, typed: typedJoin, run: runJoin},
		{name: "keys", params: []param{object}, result: "list of string", help: "lists the names of the fields, sorted", example: `keys({"b": 1, "a": 2}) → ["a", "b"]`, run: runKeys},
		{name: "values", params: []param{object}, result: "list", help: "lists what the fields hold, in the order of their names", example: `values({"b": 1, "a": 2}) → [2, 1]`, typed: typedValues, run: runValues},
		{name: "toPairs", params: []param{object}, result: "list of list", help: "lists the fields as [name, value], sorted by name", example: `toPairs({"a": 1}) → [["a", 1]]`, typed: typedPairs, run: runToPairs},
		{name: "fromPairs", params: []param{list}, result: "map", help: "makes an object of a list of [name, value]", example: `fromPairs([["a", 1]]) → {"a": 1}`, typed: typedFromPairs, run: runFromPairs},
		{name: "get", params: []param{anyParam("from"), anyParam("key")}, result: "value", help: "is the item or field of that key, nil if there is none", example: `get({"a": 1}, "a") → 1`, typed: typedGet, run: runGet},
	}...)
}

func typedLen(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	t := types[0]
	if t.IsAny() || isText(t) || t.Kind == value.List || t.Kind == value.Map || t.Kind == value.Object {
		return wholeType, ""
	}
	return nil, fmt.Sprintf("a list, a text or an object is wanted, %s is given", t)
}

func typedItem(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	return perhaps(elemOf(types[0])), ""
}

func typedSort(args []ast.Node, types []*value.Type) (*value.Type, string) {
	if len(args) > 1 {
		if s, ok := args[1].(*ast.StringNode); ok && s.Value != "asc" && s.Value != "desc" {
			return nil, fmt.Sprintf(`the order is "asc" or "desc", %q is given`, s.Value)
		}
	}
	if elemOf(types[0]).MayBeNil() {
		return nil, itemsMayBeMissing
	}
	if e := elemOf(types[0]); !types[0].IsAny() && !e.IsAny() && !isNumber(e) && !isText(e) && !isMoment(e) {
		return nil, fmt.Sprintf("numbers, texts or times are wanted, %s is given; sortBy(list, .field) sorts by a field", types[0])
	}
	return types[0], ""
}

func typedConcat(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	elem := nothingType
	for _, t := range types {
		elem = join(elem, elemOf(t))
	}
	return value.ListOf(elem), ""
}

func typedFlatten(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	elem, maybe := elemOf(types[0]), false
	for elem.Kind == value.List {
		maybe = maybe || elem.Optional // a list that is missing stays as nothing
		elem = elemOf(elem)
	}
	if maybe {
		elem = elem.AsOptional()
	}
	return value.ListOf(elem), ""
}

func typedChunk(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	return value.ListOf(types[0]), ""
}

func typedJoin(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	e := elemOf(types[0])
	if types[0].IsAny() || e.IsAny() || !e.Optional && (isText(e) || isNumber(e) || e.Kind == value.Boolean) {
		return textType, ""
	}
	if e.Optional {
		return nil, itemsMayBeMissing
	}
	return nil, fmt.Sprintf("a list of texts or numbers is wanted, %s is given; map(list, .field) takes one field", types[0])
}

func typedValues(_ []ast.Node, types []*value.Type) (*value.Type, string) {
	t := types[0]
	if t.Kind != value.Object {
		return value.ListOf(elemOf(t)), ""
	}
	elem := nothingType
	for _, f := range t.Fields {
		elem = join(elem, typeOf(f))
	}
	return value.ListOf(elem), ""
}

func typedPairs(_ []ast.Node, _ []*value.Type) (*value.Type, string) {
	return value.ListOf(anyList), ""
}

func typedFromPairs(_ []ast.Node, _ []*value.Type) (*value.Type, string) {
	return value.MapOf(anyType), ""
}

func typedGet(args []ast.Node, types []*value.Type) (*value.Type, string) {
	t := types[0]
	switch t.Kind {
	case value.List:
		if k := types[1]; !k.IsAny() && k.Kind != value.Integer {
			return nil, fmt.Sprintf("the items of a list are counted by whole numbers from 0, %s is given", k)
		}
		return perhaps(elemOf(t)), ""
	case value.Map, value.Object:
		if k := types[1]; !k.IsAny() && !isText(k) {
			return nil, fmt.Sprintf("the fields of an object are named by text, %s is given", k)
		}
		if t.Kind == value.Map {
			return perhaps(elemOf(t)), ""
		}
		if name, ok := args[1].(*ast.StringNode); ok {
			f, ok := t.Lookup(name.Value)
			if !ok {
				return nil, fmt.Sprintf("%q is not a field; fields: %s", name.Value, strings.Join(t.FieldNames(), ", "))
			}
			return typeOf(f), ""
		}
		return anyType, ""
	case value.Any:
		return anyType, ""
	default:
	}
	return nil, fmt.Sprintf("a list or an object is wanted, %s is given", t)
}

// listOf returns v as a list of any, whatever expr's machine made it as.
func listOf(v any) ([]any, error) {
	switch v := v.(type) {
	case []any:
		return v, nil
	case []int:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = e
		}
		return list, nil
	}
	return nil, fmt.Errorf("a list is wanted, %s is given", kindWord(v))
}

func runLen(_ *state, args []any) (any, error) {
	switch x := args[0].(type) {
	case string:
		return utf8.RuneCountInString(x), nil
	case map[string]any:
		return len(x), nil
	case []any:
		return len(x), nil
	case []int:
		return len(x), nil
	}
	return nil, fmt.Errorf("a list, a text or an object is wanted, %s is given", kindWord(args[0]))
}

func runFirst(_ *state, args []any) (any, error) {
	if l := args[0].([]any); len(l) > 0 {
		return l[0], nil
	}
	return nil, nil
}

func runLast(_ *state, args []any) (any, error) {
	if l := args[0].([]any); len(l) > 0 {
		return l[len(l)-1], nil
	}
	return nil, nil
}

func runTake(_ *state, args []any) (any, error) {
	l := args[0].([]any)
	return l[:min(max(args[1].(int), 0), len(l))], nil
}

func runReverse(_ *state, args []any) (any, error) {
	l := slices.Clone(args[0].([]any))
	slices.Reverse(l)
	return l, nil
}

func runSort(_ *state, args []any) (any, error) {
	l, sign := slices.Clone(args[0].([]any)), 1
	if len(args) > 1 {
		switch args[1] {
		case "asc":
		case "desc":
			sign = -1
		default:
			return nil, fmt.Errorf(`the order is "asc" or "desc", %q is given`, args[1])
		}
	}
	var fault error
	slices.SortStableFunc(l, func(a, b any) int {
		order, err := compare(a, b)
		if err != nil {
			fault = err
		}
		return sign * order
	})
	return l, fault
}

// compare orders two numbers, two texts, two times or two durations.
func compare(a, b any) (int, error) {
	if !ordered(a, b) {
		return 0, fmt.Errorf("%s and %s cannot be compared", kindWord(a), kindWord(b))
	}
	switch {
	case runtime.Less(a, b):
		return -1, nil
	case runtime.Less(b, a):
		return 1, nil
	}
	return 0, nil
}

func ordered(a, b any) bool {
	switch a.(type) {
	case int, float64:
		return isNumeric(b)
	case string:
		_, ok := b.(string)
		return ok
	case time.Time:
		_, ok := b.(time.Time)
		return ok
	case time.Duration:
		_, ok := b.(time.Duration)
		return ok
	}
	return false
}

// runUniq compares by the JSON of the items, so that a long list takes no
// longer than reading it.
func runUniq(_ *state, args []any) (any, error) {
	seen, out := map[string]bool{}, []any{}
	for _, item := range args[0].([]any) {
		key, err := encode(item)
		if err != nil {
			return nil, err
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, item)
		}
	}
	return out, nil
}

func runConcat(st *state, args []any) (any, error) {
	out := []any{}
	for _, a := range args {
		if err := st.spend(len(a.([]any))); err != nil {
			return nil, err
		}
		out = append(out, a.([]any)...)
	}
	return out, nil
}

func runFlatten(st *state, args []any) (any, error) {
	out := []any{}
	var add func(list []any) error
	add = func(list []any) error {
		if err := st.spend(len(list)); err != nil {
			return err
		}
		for _, item := range list {
			inner, err := listOf(item)
			if err != nil {
				out = append(out, item)
				continue
			}
			if err := add(inner); err != nil {
				return err
			}
		}
		return nil
	}
	err := add(args[0].([]any))
	return out, err
}

func runChunk(_ *state, args []any) (any, error) {
	size := args[1].(int)
	if size < 1 {
		return nil, fmt.Errorf("the size is at least 1, %d is given", size)
	}
	out := []any{}
	for part := range slices.Chunk(args[0].([]any), size) {
		out = append(out, part)
	}
	return out, nil
}

func runJoin(_ *state, args []any) (any, error) {
	separator := ""
	if len(args) > 1 {
		separator = args[1].(string)
	}
	var b strings.Builder
	for i, item := range args[0].([]any) {
		if i > 0 {
			b.WriteString(separator)
		}
		switch item.(type) {
		case string, int, float64, bool:
		default:
			return nil, fmt.Errorf("item %d of the list is %s, not text", i+1, kindWord(item))
		}
		text, err := textOf(item)
		if err != nil {
			return nil, err
		}
		if b.WriteString(text); b.Len() > longestText {
			return nil, errTooLong
		}
	}
	return b.String(), nil
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func runKeys(_ *state, args []any) (any, error) {
	out := []any{}
	for _, k := range sortedKeys(args[0].(map[string]any)) {
		out = append(out, k)
	}
	return out, nil
}

func runValues(_ *state, args []any) (any, error) {
	m, out := args[0].(map[string]any), []any{}
	for _, k := range sortedKeys(m) {
		out = append(out, m[k])
	}
	return out, nil
}

func runToPairs(_ *state, args []any) (any, error) {
	m, out := args[0].(map[string]any), []any{}
	for _, k := range sortedKeys(m) {
		out = append(out, []any{k, m[k]})
	}
	return out, nil
}

func runFromPairs(_ *state, args []any) (any, error) {
	out := map[string]any{}
	for i, item := range args[0].([]any) {
		pair, err := listOf(item)
		if err != nil || len(pair) != 2 {
			return nil, fmt.Errorf("item %d of the list is not a list of a name and a value", i+1)
		}
		name, ok := pair[0].(string)
		if !ok {
			return nil, fmt.Errorf("the name in item %d of the list is %s, not text", i+1, kindWord(pair[0]))
		}
		out[name] = pair[1]
	}
	return out, nil
}

func runGet(_ *state, args []any) (any, error) {
	switch from := args[0].(type) {
	case map[string]any:
		key, _ := args[1].(string)
		return from[key], nil
	default:
		list, err := listOf(from)
		i, ok := args[1].(int)
		if err != nil || !ok {
			return nil, fmt.Errorf("%s has no key %v", kindWord(from), args[1])
		}
		if i < 0 {
			i += len(list)
		}
		if i < 0 || i >= len(list) {
			return nil, nil
		}
		return list[i], nil
	}
}
