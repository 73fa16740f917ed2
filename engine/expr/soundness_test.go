package expr

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"patchbay/engine/value"
)

// TestTypesAreTrue makes expressions by chance, and wherever the checker finds
// nothing wrong with one works it out over data of the types it was promised:
// what comes out must be of the type that the checker said, and nothing may
// fail but for the reasons that no type can rule out.
func TestTypesAreTrue(t *testing.T) {
	const expressions, turns = 8_000, 6
	r, scope := rand.New(rand.NewPCG(7, 2026)), makerScope()
	sound := 0
	for range expressions {
		g := &maker{r: r, depth: 4}
		src := g.of(kinds[r.IntN(len(kinds))])
		code, _ := Compile(src, scope, nil)
		if code == nil {
			continue
		}
		sound++
		for range turns {
			names := map[string]any{}
			for _, f := range scope.fields {
				names[f.Name] = someValue(r, f.Type, 0)
			}
			env := &Env{Names: names, Now: time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC), Place: "p"}
			v, err := code.Eval(env)
			if err != nil {
				if !unforeseeable(err.Error(), code) {
					t.Errorf("%s\n\tof type %s fails: %v\n\twith %s", src, code.Type(), err, shownNames(code, names))
					break
				}
				continue
			}
			if reason := untrue(v, code.Type()); reason != "" {
				t.Errorf("%s\n\tis said to be %s, and is %s: %s\n\twith %s", src, code.Type(), shownValue(v), reason, shownNames(code, names))
				break
			}
		}
	}
	if sound < expressions/10 {
		t.Errorf("%d of %d expressions were sound, want a tenth at least", sound, expressions)
	}
}

func shownNames(code *Code, names map[string]any) string {
	var b strings.Builder
	for _, name := range code.roots {
		fmt.Fprintf(&b, "%s = %s; ", name, shownValue(names[name]))
	}
	return b.String()
}

// unforeseeable reports whether an error is one that no type rules out. Where
// the type of a part is not known, its data may be anything.
func unforeseeable(message string, code *Code) bool {
	for _, t := range code.types {
		if holdsAny(t, 0) {
			return true
		}
	}
	return slices.ContainsFunc([]string{
		"divides by zero", "divided by zero", "does not exist: it has", "is not a whole number", "is not a number", "is not a date", "is not a duration",
		"and there is no value to start with", "too much work", "too much data", "too long a text", "the size is at least 1",
		"cannot be written", "too long a duration", "or too large", "is not base64",
	}, func(part string) bool { return strings.Contains(message, part) })
}

func holdsAny(t *value.Type, depth int) bool {
	switch {
	case t == nothingType:
		return depth == 0 // what is taken of an empty list
	case t.IsAny():
		return true
	case depth > 5:
		return false
	}
	if t.Kind == value.List || t.Kind == value.Map {
		return holdsAny(t.Elem, depth+1)
	}
	return slices.ContainsFunc(t.Fields, func(f value.Field) bool { return holdsAny(f.Type, depth+1) })
}

// untrue says why v is not of type t, "" if it is.
func untrue(v any, t *value.Type) string {
	switch {
	case t.IsAny():
		return ""
	case v == nil && t.MayBeNil():
		return ""
	}
	not := "it is " + kindWord(v) + ", not " + t.String()
	switch t.Kind {
	case value.Integer:
		if _, ok := v.(int); ok {
			return ""
		}
	case value.Number:
		if isNumeric(v) {
			return ""
		}
	case value.Boolean:
		if _, ok := v.(bool); ok {
			return ""
		}
	case value.Enum:
		if s, ok := v.(string); ok && slices.Contains(t.Values, s) {
			return ""
		}
	case value.List:
		list, ok := v.([]any)
		if !ok {
			return not
		}
		for _, e := range list {
			if reason := untrue(e, t.Elem); reason != "" {
				return "an item: " + reason
			}
		}
		return ""
	case value.Map:
		m, ok := v.(map[string]any)
		if !ok {
			return not
		}
		for _, e := range m {
			if reason := untrue(e, t.Elem); reason != "" {
				return "an entry: " + reason
			}
		}
		return ""
	case value.Object:
		m, ok := v.(map[string]any)
		if !ok {
			return not
		}
		for _, f := range t.Fields {
			if reason := untrue(m[f.Name], f.Type); reason != "" {
				return "the field " + f.Name + ": " + reason
			}
		}
		return ""
	default:
		if _, ok := v.(string); ok {
			return ""
		}
	}
	return not
}

// someValue returns data of a type. What may be missing is missing as often as
// not, in an object without a trace.
func someValue(r *rand.Rand, t *value.Type, depth int) any {
	if t.Optional && r.IntN(2) == 0 {
		return nil
	}
	texts := []string{"", "a", "b", "Café", "12", "2026-03-14", "live", "c d"}
	switch t.Kind {
	case value.Integer:
		return r.IntN(5) - 1
	case value.Number:
		return []any{0, 1.5, -2.25, 3, 0.1}[r.IntN(5)]
	case value.Boolean:
		return r.IntN(2) == 0
	case value.Datetime:
		return []any{"2026-03-14T15:00:00Z", "2025-01-01T00:00:00+02:00"}[r.IntN(2)]
	case value.Date:
		return []any{"2026-03-14", "2025-12-31"}[r.IntN(2)]
	case value.Duration:
		return []any{"15m", "2d"}[r.IntN(2)]
	case value.Enum:
		return t.Values[r.IntN(len(t.Values))]
	case value.List:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, someValue(r, t.Elem, depth+1))
		}
		return list
	case value.Map:
		m := map[string]any{}
		for range r.IntN(4) {
			m[texts[r.IntN(len(texts))]] = someValue(r, t.Elem, depth+1)
		}
		return m
	case value.Object:
		m := map[string]any{}
		for _, f := range t.Fields {
			if v := someValue(r, f.Type, depth+1); v != nil || r.IntN(2) == 0 {
				m[f.Name] = v
			}
		}
		return m
	default:
		return texts[r.IntN(len(texts))]
	}
}

// makerScope has names of every type, each also as one that may be missing.
func makerScope() *Scope {
	enum := &value.Type{Kind: value.Enum, Values: []string{"draft", "live"}}
	inner := object("Inner", field("x", wholeType), field("y", textType.AsOptional()))
	record := object("Record", field("id", textType), field("a", wholeType.AsOptional()), field("n", wholeType), field("in", inner),
		field("may", inner.AsOptional()), field("tags", value.ListOf(textType)), field("st", enum))
	return NewScope(
		field("i", wholeType), field("n", numberType), field("s", textType), field("b", boolType), field("e", enum),
		field("d", value.Of(value.Datetime)), field("day", value.Of(value.Date)), field("span", value.Of(value.Duration)),
		field("oi", wholeType.AsOptional()), field("os", textType.AsOptional()), field("oe", enum.AsOptional()), field("ob", boolType.AsOptional()),
		field("li", value.ListOf(wholeType)), field("ls", textList), field("ln", value.ListOf(numberType)), field("los", value.ListOf(textType.AsOptional())),
		field("loi", value.ListOf(wholeType.AsOptional())), field("oli", value.ListOf(wholeType).AsOptional()),
		field("lli", value.ListOf(value.ListOf(wholeType))), field("lol", value.ListOf(value.ListOf(wholeType).AsOptional())),
		field("o", record), field("oo", record.AsOptional()), field("lo", value.ListOf(record)), field("loo", value.ListOf(record.AsOptional())),
		field("m", value.MapOf(wholeType)), field("mo", value.MapOf(record)), field("ml", value.MapOf(textList)), field("om", value.MapOf(textType).AsOptional()),
	)
}

var kinds = []string{"bool", "int", "num", "text", "ints", "texts", "object", "objects", "map", "time", "span", "enum"}

// maker writes expressions by chance. It aims at the kind that is wanted and
// does not care whether it hits: the checker says.
type maker struct {
	r      *rand.Rand
	depth  int
	inside int // predicates around
	lets   []string
}

func (g *maker) one(of ...string) string { return of[g.r.IntN(len(of))] }

// any returns an expression that may be missing, or is of any kind.
func (g *maker) any() string { return g.of(kinds[g.r.IntN(len(kinds))]) }

// plain are the ways to a value of a kind that need nothing else.
func plain(kind string, inside bool) []string {
	paths := map[string][]string{
		"bool":    {"b", "true", "ob", "ob", "oo != nil", "os == nil", "oe != nil"},
		"int":     {"i", "1", "0", "-1", "oi", "oo.a", "oo?.a", "o.a", "o.n", "o.in.x", "o.may.x", "oo?.may?.x", "li[0]", "loi[0]", "m.a", `m["b"]`, "first(li)", "last(loi)", "oo.n"},
		"num":     {"n", "1.5", "i", "ln[0]", "first(ln)"},
		"text":    {"s", `"a"`, `""`, "os", "e", "d", "o.id", "oo.id", "oo?.id", "o.in.y", "o.may?.y", "ls[0]", "los[0]", "first(los)", "om?.a", "om.a", "o.st"},
		"enum":    {"e", "oe", "o.st", `"live"`, `"draft"`},
		"ints":    {"li", "oli", "loi", "[1, 2]", "[]", "1..3", "lli[0]", "first(lli)", "first(lol)", "ln"},
		"texts":   {"ls", "los", "o.tags", "oo?.tags", `["a"]`, "ml.a", "keys(m)", "first(values(ml))"},
		"object":  {"o", "oo", "lo[0]", "loo[0]", "first(lo)", "first(loo)", "mo.a", `{"id": "x", "n": 1}`},
		"objects": {"lo", "loo", "[o]", "[o, oo]", "values(mo)"},
		"map":     {"m", "mo", "ml", "om", "{}"},
		"time":    {"now()", "date(d)", "date(day)"},
		"span":    {`duration("1h")`, "duration(span)", "now() - date(d)"},
	}
	if !inside {
		return paths[kind]
	}
	return append(paths[kind], map[string][]string{
		"int": {"#", "#index", ".n", ".a", ".in.x", ".may?.x", ".may.x", "#?.n", "#?.a", "#.a"}, "text": {"#", ".id", ".in.y", "#?.id", ".st", ".may?.y"},
		"object": {"#", ".in", ".may"}, "bool": {"# != nil", ".a != nil", "#?.a != nil", ".may != nil", ".in.y != nil", "#?.may?.y != nil"},
		"ints": {"#"}, "texts": {".tags", "#?.tags", "#"}, "num": {"#"},
	}[kind]...)
}

// of returns an expression that is meant to be of that kind.
func (g *maker) of(kind string) string {
	if g.depth--; g.depth < 0 || g.r.IntN(6) == 0 {
		g.depth++
		if len(g.lets) > 0 && g.r.IntN(4) == 0 {
			return g.lets[g.r.IntN(len(g.lets))]
		}
		return g.one(plain(kind, g.inside > 0)...)
	}
	defer func() { g.depth++ }()
	switch g.r.IntN(12) {
	case 0:
		return fmt.Sprintf("(%s ? %s : %s)", g.of("bool"), g.of(kind), g.of(kind))
	case 1:
		return fmt.Sprintf("(%s ?? %s)", g.of(kind), g.of(kind))
	case 2:
		name := fmt.Sprintf("v%d", len(g.lets))
		bound := g.any()
		g.lets = append(g.lets, name)
		defer func() { g.lets = g.lets[:len(g.lets)-1] }()
		return fmt.Sprintf("(let %s = %s; %s)", name, bound, g.of(kind))
	case 3:
		known := g.one("oi", "os", "oo", "oli", "om", "oe", "o.a", "o.may", "oo?.a", "oo?.may?.y", "first(los)", "m.a", "mo.a", "o.in.y", "first(loo)")
		return fmt.Sprintf("(%s != nil ? %s : %s)", known, g.of(kind), g.of(kind))
	}
	return g.made(kind)
}

// predicate returns an expression for each item of a list.
func (g *maker) predicate(kind string) string {
	g.inside++
	defer func() { g.inside-- }()
	return g.of(kind)
}

func (g *maker) list() string { return g.of(g.one("ints", "texts", "objects")) }

func (g *maker) made(kind string) string {
	of, p, list := g.of, g.predicate, g.list
	switch kind {
	case "bool":
		return g.oneMade(
			func() string { return fmt.Sprintf("(%s %s %s)", of("bool"), g.one("and", "or"), of("bool")) },
			func() string { return fmt.Sprintf("(not %s)", of("bool")) },
			func() string { return fmt.Sprintf("(%s %s %s)", of("int"), g.one("<", ">=", "==", "!="), of("num")) },
			func() string {
				return fmt.Sprintf("(%s %s %s)", of("text"), g.one("==", "!=", "<", "contains", "startsWith"), of("text"))
			},
			func() string { return fmt.Sprintf("(%s %s %s)", of("enum"), g.one("==", "!="), of("enum")) },
			func() string { return fmt.Sprintf("(%s in %s)", of("text"), of("texts")) },
			func() string { return fmt.Sprintf("(%s in %s)", of("int"), of("ints")) },
			func() string { return fmt.Sprintf("(%s in %s)", of("text"), of(g.one("map", "object"))) },
			func() string { return fmt.Sprintf("%s(%s, %s)", g.one("all", "any", "none", "one"), list(), p("bool")) },
			func() string { return fmt.Sprintf("(%s %s nil)", g.any(), g.one("==", "!=")) },
			func() string { return fmt.Sprintf("(len(%s) > %s)", list(), g.one("0", "1")) },
			func() string { return fmt.Sprintf("(%s %s %s)", of("time"), g.one("<", ">="), of("time")) },
			func() string { return fmt.Sprintf("(%s < %s)", of("span"), of("span")) },
			func() string { return fmt.Sprintf("(%s == %s)", g.any(), g.any()) },
			func() string { return fmt.Sprintf(`hasPrefix(%s, "a")`, of("text")) },
		)
	case "int":
		return g.oneMade(
			func() string { return fmt.Sprintf("(%s %s %s)", of("int"), g.one("+", "-", "*", "%"), of("int")) },
			func() string { return fmt.Sprintf("len(%s)", g.any()) },
			func() string { return fmt.Sprintf("count(%s, %s)", list(), p("bool")) },
			func() string { return fmt.Sprintf("sum(%s)", of("ints")) },
			func() string { return fmt.Sprintf("sum(%s, %s)", list(), p("int")) },
			func() string { return fmt.Sprintf("%s(%s)", g.one("first", "last", "min", "max"), of("ints")) },
			func() string { return fmt.Sprintf("%s(%s, %s)", g.one("min", "max"), of("int"), of("ints")) },
			func() string { return fmt.Sprintf("%s(%s, %s)", g.one("find", "findLast"), of("ints"), p("bool")) },
			func() string {
				return fmt.Sprintf("%s(%s, %s)", g.one("findIndex", "findLastIndex"), list(), p("bool"))
			},
			func() string {
				return fmt.Sprintf("reduce(%s, %s, %s)", list(), g.one("#acc + 1", "#acc", "#", "(# ?? #acc)", p("int")), of("int"))
			},
			func() string { return fmt.Sprintf("reduce(%s, %s)", of("ints"), g.one("#acc + #", "#acc", "#")) },
			func() string { return fmt.Sprintf("%s(%s)", g.one("round", "ceil", "floor", "abs", "int"), of("num")) },
			func() string { return fmt.Sprintf("get(%s, %s)", of(g.one("ints", "map")), of(g.one("int", "text"))) },
			func() string { return fmt.Sprintf("default(%s, %s)", of("int"), of("int")) },
			func() string { return fmt.Sprintf("%s[%s]", of("ints"), of("int")) },
			func() string { return fmt.Sprintf("%s[%s]", of("map"), of("text")) },
			func() string { return fmt.Sprintf("(%s).%s", of("object"), g.one("n", "a", "in.x", "may.x", "may?.x")) },
			func() string {
				return fmt.Sprintf("(%s)?.%s", of("object"), g.one("n", "a", "in.x", "may?.x", "may.x"))
			},
			func() string { return fmt.Sprintf("%s.%s", of("time"), g.one("Year()", "Hour()")) },
			func() string { return fmt.Sprintf(`indexOf(%s, "a")`, of("text")) },
			func() string { return fmt.Sprintf("-%s", of("int")) },
			func() string { return fmt.Sprintf("bytes(%s)", of("text")) },
		)
	case "num":
		return g.oneMade(
			func() string { return fmt.Sprintf("(%s %s %s)", of("num"), g.one("+", "-", "*", "/", "**"), of("num")) },
			func() string { return fmt.Sprintf("%s(%s)", g.one("mean", "median", "sum", "max", "min"), of("ints")) },
			func() string { return fmt.Sprintf("round(%s, 1)", of("num")) },
			func() string { return fmt.Sprintf("float(%s)", of(g.one("num", "text"))) },
			func() string { return fmt.Sprintf("%s.Hours()", of("span")) },
			func() string { return fmt.Sprintf("reduce(%s, #acc + %s, %s)", of("ints"), p("num"), of("int")) },
		)
	case "text":
		return g.oneMade(
			func() string { return fmt.Sprintf("(%s + %s)", of("text"), of("text")) },
			func() string {
				return fmt.Sprintf("%s(%s)", g.one("upper", "lower", "trim", "html", "urlencode", "base64", "sha256"), of("text"))
			},
			func() string { return fmt.Sprintf("string(%s)", g.any()) },
			func() string { return fmt.Sprintf("%s(%s)", g.one("json", "type"), g.any()) },
			func() string { return fmt.Sprintf(`join(%s, ", ")`, of(g.one("texts", "ints"))) },
			func() string { return fmt.Sprintf("%s(%s)", g.one("first", "last", "min", "max"), of("texts")) },
			func() string { return fmt.Sprintf("find(%s, %s)", of("texts"), p("bool")) },
			func() string { return fmt.Sprintf("format_date(%s)", of(g.one("time", "text"))) },
			func() string { return fmt.Sprintf("money(%s, \"EUR\")", of("num")) },
			func() string { return fmt.Sprintf("%s[%s:%s]", of("text"), of("int"), of("int")) },
			func() string { return fmt.Sprintf(`replace(%s, "a", %s)`, of("text"), of("text")) },
			func() string { return fmt.Sprintf("default(%s, %s)", of("text"), of("text")) },
			func() string {
				return fmt.Sprintf("(%s).%s", of("object"), g.one("id", "in.y", "may.y", "may?.y", "st"))
			},
			func() string { return fmt.Sprintf("(%s)?.%s", of("object"), g.one("id", "in.y", "may?.y", "st")) },
			func() string { return fmt.Sprintf("reduce(%s, #acc + %s, %s)", list(), p("text"), of("text")) },
			func() string { return fmt.Sprintf("csv(%s)", of("objects")) },
		)
	case "enum":
		return g.oneMade(
			func() string { return fmt.Sprintf("(%s).st", of("object")) },
			func() string { return fmt.Sprintf("first(map(%s, .st))", of("objects")) },
			func() string { return fmt.Sprintf("default(%s, %s)", of("enum"), of("enum")) },
			func() string { return fmt.Sprintf("find([%s, %s], %s)", of("enum"), of("enum"), p("bool")) },
		)
	case "ints":
		return g.oneMade(
			func() string { return fmt.Sprintf("map(%s, %s)", list(), p("int")) },
			func() string { return fmt.Sprintf("filter(%s, %s)", of("ints"), p("bool")) },
			func() string { return fmt.Sprintf("filter(%s, # != nil)", of("ints")) },
			func() string { return fmt.Sprintf("%s(%s)", g.one("sort", "uniq", "reverse", "flatten"), of("ints")) },
			func() string {
				return fmt.Sprintf("flatten(%s)", g.one("lli", "lol", "[lli]", "chunk(li, 2)", "values(groupBy(li, string(#)))", "[li, [oi]]", "[li, loi]"))
			},
			func() string { return fmt.Sprintf("concat(%s, %s)", of("ints"), of("ints")) },
			func() string { return fmt.Sprintf("[%s, %s]", of("int"), of("int")) },
			func() string { return fmt.Sprintf("values(%s)", g.one("m", `{"a": 1, "b": oi}`, "mo")) },
			func() string { return fmt.Sprintf("take(%s, %s)", of("ints"), of("int")) },
			func() string { return fmt.Sprintf("%s[%s:]", of("ints"), of("int")) },
			func() string { return fmt.Sprintf("%s..%s", g.one("0", "1"), g.one("3", "i")) },
			func() string { return fmt.Sprintf("sortBy(%s, %s)", of("ints"), p("int")) },
			func() string {
				return fmt.Sprintf("reduce(%s, concat(#acc, [%s]), %s)", list(), p("int"), g.one("[]", of("ints")))
			},
		)
	case "texts":
		return g.oneMade(
			func() string { return fmt.Sprintf("map(%s, %s)", list(), p("text")) },
			func() string { return fmt.Sprintf("filter(%s, %s)", of("texts"), p("bool")) },
			func() string { return fmt.Sprintf("filter(%s, # != nil)", of("texts")) },
			func() string { return fmt.Sprintf("%s(%s)", g.one("sort", "uniq", "reverse"), of("texts")) },
			func() string { return fmt.Sprintf("split(%s, \",\")", of("text")) },
			func() string { return fmt.Sprintf("keys(%s)", of(g.one("map", "object"))) },
			func() string { return fmt.Sprintf("concat(%s, %s)", of("texts"), of("texts")) },
			func() string { return fmt.Sprintf("flatten(map(%s, %s))", of("objects"), p("texts")) },
			func() string { return fmt.Sprintf("[%s, %s]", of("text"), of("text")) },
			func() string { return fmt.Sprintf("(%s).tags", of("object")) },
		)
	case "object":
		return g.oneMade(
			func() string { return fmt.Sprintf(`{"id": %s, "n": %s, "a": %s}`, of("text"), of("int"), g.any()) },
			func() string { return fmt.Sprintf("%s(%s)", g.one("first", "last"), of("objects")) },
			func() string { return fmt.Sprintf("find(%s, %s)", of("objects"), p("bool")) },
			func() string { return fmt.Sprintf("%s[%s]", of("objects"), of("int")) },
			func() string { return fmt.Sprintf(`get(mo, %s)`, of("text")) },
		)
	case "objects":
		return g.oneMade(
			func() string { return fmt.Sprintf("filter(%s, %s)", of("objects"), p("bool")) },
			func() string { return fmt.Sprintf("map(%s, %s)", list(), p("object")) },
			func() string {
				return fmt.Sprintf(`map(%s, { {"id": %s, "n": %s, "a": %s} })`, list(), p("text"), p("int"), p("int"))
			},
			func() string { return fmt.Sprintf("sortBy(%s, %s)", of("objects"), p(g.one("int", "text"))) },
			func() string { return fmt.Sprintf("%s(%s)", g.one("uniq", "reverse"), of("objects")) },
			func() string { return fmt.Sprintf("[%s, %s]", of("object"), of("object")) },
			func() string { return fmt.Sprintf("concat(%s, %s)", of("objects"), of("objects")) },
			func() string {
				return fmt.Sprintf("filter(%s, #?.%s != nil)", of("objects"), g.one("a", "may", "in", "may?.y"))
			},
			func() string { return fmt.Sprintf("flatten(values(groupBy(%s, %s)))", of("objects"), p("text")) },
		)
	case "map":
		return g.oneMade(
			func() string { return fmt.Sprintf("groupBy(%s, %s)", list(), p("text")) },
			func() string { return fmt.Sprintf("{(%s): %s}", of("text"), g.any()) },
			func() string { return fmt.Sprintf("fromPairs(toPairs(%s))", of("map")) },
			func() string { return fmt.Sprintf("get(%s, %s)", of("map"), of("text")) },
		)
	case "time":
		return g.oneMade(
			func() string { return fmt.Sprintf("(%s %s %s)", of("time"), g.one("+", "-"), of("span")) },
			func() string { return fmt.Sprintf("date(%s)", g.one("d", "day", "now()", `"2026-03-14"`)) },
			func() string {
				return fmt.Sprintf("%s([%s, %s])", g.one("min", "max", "first"), of("time"), of("time"))
			},
		)
	default:
		return g.oneMade(
			func() string { return fmt.Sprintf("(%s - %s)", of("time"), of("time")) },
			func() string { return fmt.Sprintf("(%s * %s)", of("span"), of("num")) },
			func() string { return fmt.Sprintf("(%s + %s)", of("span"), of("span")) },
		)
	}
}

// oneMade writes one of them.
func (g *maker) oneMade(of ...func() string) string { return of[g.r.IntN(len(of))]() }
