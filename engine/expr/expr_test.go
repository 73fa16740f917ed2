package expr

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/value"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func object(name string, fields ...value.Field) *value.Type {
	return &value.Type{Kind: value.Object, Name: name, Fields: fields}
}

func field(name string, t *value.Type) value.Field { return value.Field{Name: name, Type: t} }

// testScope is what a step of a flow sees: a page, a contact that may not be
// there, a list, and answers of which nothing is known.
func testScope() *Scope {
	text, status := value.Of(value.String), &value.Type{Kind: value.Enum, Values: []string{"draft", "live"}}
	page := object("qwilr.Page",
		field("id", text),
		field("name", text),
		field("status", status),
		field("tags", value.ListOf(text)),
		field("count", value.Of(value.Integer)),
		field("price", value.Of(value.Number)),
		field("at", value.Of(value.Datetime)),
		field("accepted", value.Of(value.Boolean)),
		field("note", text.AsOptional()),
		field("metadata", value.MapOf(text).AsOptional()),
		field("raw", value.Of(value.Any)),
	)
	contact := object("ghl.Contact", field("id", text), field("email", text.AsOptional()), field("age", value.Of(value.Integer)))
	return NewScope(
		field("steps", object("", field("page", page), field("contact", contact.AsOptional()), field("list", value.ListOf(contact)))),
		field("event", object("", field("name", text))),
		field("trigger", object("", field("id", &value.Type{Kind: value.Enum, Values: []string{"signed", "paid"}}))),
		field("body", value.Of(value.Any)),
	).
		Missing("steps.apply", `the step "apply" comes after this one`).
		Missing("item", "item exists only inside for_each").
		Case("trigger.id", "paid", field("event", object("qonto.Payment", field("amount", value.Of(value.Number)))))
}

func testEnv() *Env {
	page := map[string]any{
		"id": "p1", "name": "Café", "status": "live", "tags": []any{"a", "b"}, "count": 3, "price": 2.5,
		"at": "2026-03-14T15:00:00Z", "accepted": true, "raw": map[string]any{"n": 1, "list": []any{1, 2.5}},
	}
	list := []any{
		map[string]any{"id": "c1", "email": "ann@acme.test", "age": 41},
		map[string]any{"id": "c2", "age": 7},
	}
	return &Env{
		Names: map[string]any{
			"steps":   map[string]any{"page": page, "contact": nil, "list": list},
			"event":   map[string]any{"name": "Ann"},
			"trigger": map[string]any{"id": "signed"},
			"body":    map[string]any{"message": "scope missing", "n": 4, "ok": true},
		},
		Now:   time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC),
		Place: "run 1, step page",
	}
}

// wants are the types a golden file can ask for with a line "want: <name>".
func wants() map[string]*value.Type {
	return map[string]*value.Type{
		"anything":       nil,
		"boolean":        value.Of(value.Boolean),
		"string":         value.Of(value.String),
		"integer":        value.Of(value.Integer),
		"date":           value.Of(value.Date),
		"datetime":       value.Of(value.Datetime),
		"list of string": value.ListOf(value.Of(value.String)),
		"status":         {Kind: value.Enum, Values: []string{"draft", "live"}},
		"input": object("ghl.TagInput", field("contactId", value.Of(value.String)),
			field("tags", value.ListOf(value.Of(value.String))), field("note", value.Of(value.String).AsOptional())),
	}
}

// TestGolden runs the expressions of the files in testdata. An expression is a
// line at the margin; what is expected of it stands below, indented.
func TestGolden(t *testing.T) {
	for _, test := range []struct {
		file string
		tell func(src string, want *value.Type) string
	}{
		{"problems.txt", tellProblems},
		{"values.txt", tellValue},
		{"explain.txt", tellExplanation},
	} {
		t.Run(test.file, func(t *testing.T) {
			name := filepath.Join("testdata", test.file)
			golden, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := rewrite(string(golden), test.tell)
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(golden), got); diff != "" && !*update {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		})
	}
}

// rewrite returns the golden text with what is told of each expression.
func rewrite(golden string, tell func(src string, want *value.Type) string) string {
	var b strings.Builder
	var want *value.Type
	for line := range strings.Lines(golden) {
		line = strings.TrimRight(line, "\n")
		name, isWant := strings.CutPrefix(line, "want: ")
		switch {
		case strings.HasPrefix(line, "    "):
			continue
		case isWant:
			want = wants()[name]
			fmt.Fprintln(&b, line)
		case line == "" || strings.HasPrefix(line, "== "):
			fmt.Fprintln(&b, line)
		default:
			fmt.Fprintln(&b, line)
			for told := range strings.Lines(tell(line, want)) {
				fmt.Fprintln(&b, strings.TrimRight("    "+strings.TrimRight(told, "\n"), " "))
			}
		}
	}
	return b.String()
}

func tellProblems(src string, want *value.Type) string {
	code, problems := Compile(src, testScope(), want)
	if code != nil {
		return "fine: " + code.Type().String()
	}
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s %q: %s\n", p.Code, src[p.From:p.To], p.Message)
		if p.Hint != "" {
			fmt.Fprintf(&b, "     hint: %s\n", p.Hint)
		}
		if p.Fix != "" {
			fmt.Fprintf(&b, "     fix:  %s\n", src[:p.From]+p.Fix+src[p.To:])
		}
	}
	return b.String()
}

func tellValue(src string, want *value.Type) string {
	code, problems := Compile(src, testScope(), want)
	if code == nil {
		return "does not compile: " + problems[0].Message
	}
	told := code.Type().String()
	v, err := code.Eval(testEnv())
	if err != nil {
		return told + "\n" + tellError(src, err)
	}
	b, err := value.Encode(v)
	if err != nil {
		return told + "\nno value: " + err.Error()
	}
	return told + "\n= " + string(b)
}

func tellError(src string, err error) string {
	var e *EvalError
	if !errors.As(err, &e) {
		return "another error: " + err.Error()
	}
	return fmt.Sprintf("error %q: %s", src[e.From:e.To], e.Message)
}

func tellExplanation(src string, _ *value.Type) string {
	code, problems := Compile(src, testScope(), wants()["boolean"])
	if code == nil {
		return "does not compile: " + problems[0].Message
	}
	if why := code.Explain(testEnv()); why != "" {
		return why
	}
	return "true"
}

func TestExamplesOfFunctions(t *testing.T) {
	for _, doc := range Functions() {
		src, want, ok := strings.Cut(doc.Example, " → ")
		if !ok {
			t.Errorf("the example of %s is %q, want an expression → its value", doc.Name, doc.Example)
			continue
		}
		code, problems := Compile(src, NewScope(), nil)
		if code == nil {
			t.Errorf("Compile(%q) = %v, want no problems", src, problems)
			continue
		}
		v, err := code.Eval(testEnv())
		if err != nil {
			t.Errorf("Eval(%q) = %v, want no error", src, err)
			continue
		}
		got, _ := value.Encode(v)
		shown, err := value.Decode([]byte(want))
		if err != nil {
			t.Errorf("the example of %s shows %s, want JSON", doc.Name, want)
			continue
		}
		if again, _ := value.Encode(shown); string(again) != string(got) {
			t.Errorf("Eval(%q) = %s, want %s", src, got, again)
		}
		if doc.Help == "" || utf8.RuneCountInString(doc.Help) > 100 || doc.Signature == "" {
			t.Errorf("the help of %s is %q, want one short line", doc.Name, doc.Help)
		}
	}
}

func TestRefs(t *testing.T) {
	for _, test := range []struct {
		src  string
		want []string
	}{
		{`1 + 2`, nil},
		{`steps.page.tags`, []string{"steps.page.tags"}},
		{`steps.contact?.id ?? event.name`, []string{"steps.contact.id", "event.name"}},
		{`steps.list[0].id == steps["page"].id`, []string{"steps.list", "steps.page.id"}},
		{`filter(steps.list, .id == steps.page.id and .email != nil)`, []string{"steps.list", "steps.page.id"}},
		{`let p = steps.page; p.id + p.name`, []string{"steps.page"}},
		{`body[event.name]`, []string{"event.name", "body"}},
		{`steps`, []string{"steps"}},
		{`steps.page.id + steps.page.id`, []string{"steps.page.id"}},
	} {
		code, problems := Compile(test.src, testScope(), nil)
		if code == nil {
			t.Errorf("Compile(%q) = %v, want no problems", test.src, problems)
			continue
		}
		if diff := cmp.Diff(test.want, code.Refs()); diff != "" {
			t.Errorf("Refs(%q) (-want +got):\n%s", test.src, diff)
		}
	}
}

func TestConstant(t *testing.T) {
	for _, test := range []struct {
		src  string
		want any
		ok   bool
	}{
		{`1 + 2`, 3, true},
		{`upper("a")`, "A", true},
		{`[1, "a"]`, []any{1, "a"}, true},
		{`nil`, nil, true},
		{`date("2026-01-01")`, "2026-01-01T00:00:00Z", true},
		{`event.name`, nil, false},
		{`now()`, nil, false},
		{`uuid()`, nil, false},
		{`1 % 0`, nil, false},
		{`len(map(1..50000, #))`, nil, false}, // too much work to find out beforehand
	} {
		code, problems := Compile(test.src, testScope(), nil)
		if code == nil {
			t.Errorf("Compile(%q) = %v, want no problems", test.src, problems)
			continue
		}
		got, ok := code.Constant()
		if ok != test.ok || !cmp.Equal(got, test.want) {
			t.Errorf("Constant(%q) = %v, %v, want %v, %v", test.src, got, ok, test.want, test.ok)
		}
	}
}

func TestEvalBool(t *testing.T) {
	for _, test := range []struct{ src, want string }{
		{`steps.page.accepted`, "true"},
		{`body.ok`, "true"},
		{`body.n`, "true or false is wanted, body.n is integer"},
		{`body.gone`, "body.gone is missing"},
	} {
		code, problems := Compile(test.src, testScope(), value.Of(value.Boolean))
		if code == nil {
			t.Errorf("Compile(%q) = %v, want no problems", test.src, problems)
			continue
		}
		b, err := code.EvalBool(testEnv())
		got := fmt.Sprint(b)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("EvalBool(%q) = %s, want %s", test.src, got, test.want)
		}
	}
}

func TestUUIDIsRepeatable(t *testing.T) {
	code, _ := Compile(`[uuid(), uuid()]`, NewScope(), nil)
	series := func(place string) []any {
		t.Helper()
		v, err := code.Eval(&Env{Place: place})
		if err != nil {
			t.Fatal(err)
		}
		return v.([]any)
	}
	first, again, other := series("a"), series("a"), series("b")
	if first[0] == first[1] {
		t.Errorf("two calls of uuid() gave the same, %v", first[0])
	}
	if !cmp.Equal(first, again) {
		t.Errorf("uuid() at the same place = %v, want %v", again, first)
	}
	if first[0] == other[0] {
		t.Errorf("uuid() at two places gave the same, %v", first[0])
	}
}

func TestLimitsOfSource(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"nesting", strings.Repeat("(", 10_000), "brackets nest too deep: at most 100 may be open"},
		{"closed", strings.Repeat("[", 500) + strings.Repeat("]", 500), "brackets nest too deep: at most 100 may be open"},
		{"length", strings.Repeat("1+", 6_000) + "1", "the expression is too long: 12001 characters, at most 10000 are allowed"},
		{"shared", strings.Repeat("1<(", 60) + "1" + strings.Repeat("<2)<3", 60), "the expression is too complex"},
		{"bytes", "\xff", "the expression holds bytes that are not UTF-8 text"},
	} {
		_, problems := Compile(test.src, NewScope(), nil)
		if len(problems) != 1 || problems[0].Message != test.want {
			t.Errorf("Compile(%s) = %v, want %q", test.name, problems, test.want)
		}
	}
}

func TestWorkIsBounded(t *testing.T) {
	numbers := make([]any, 3_000)
	for i := range numbers {
		numbers[i] = i
	}
	scope := NewScope(field("a", value.ListOf(value.Of(value.Integer))), field("x", value.Of(value.Any)))
	env := &Env{Names: map[string]any{"a": numbers, "x": numbers}}
	const work = "this expression does too much work: it goes through more than 1,000,000 items"
	const data = "this expression makes too much data: more than 1,000,000 items"
	for _, test := range []struct{ src, want string }{
		{`sum(a, sum(a, sum(a, 1)))`, work},
		{`count(a, count(a, sort(x)[0] == 1) > 0)`, work},
		{`count(a, count(a, x == x) > 0)`, work},
		{`count(a, # in x and count(x, # in x) > 0)`, work},
		{`reduce(1..60, [#acc, #acc], [])`, data},
		{`len(string(reduce(1..60, [#acc, #acc], [])))`, work},
		{`reduce(1..60, [#acc, #acc], []) == reduce(1..60, [#acc, #acc], [])`, work},
		{`reduce(1..60, concat(#acc, #acc), [1])`, work},
		{`1..100000000`, data},
		{`repeat("a", 100000000)`, "this makes too long a text"},
		{`reduce(1..60, #acc + #acc, "x")`, "this makes too long a text"},
		{`replace(repeat("a", 10000), "a", repeat("b", 10000))`, "this makes too long a text"},
		{`join(map(1..2000, repeat("b", 10000)))`, "this makes too long a text"},
	} {
		code, problems := Compile(test.src, scope, nil)
		if code == nil {
			t.Errorf("Compile(%q) = %v, want no problems", test.src, problems)
			continue
		}
		v, err := code.Eval(env)
		if err == nil || err.Error() != test.want {
			t.Errorf("Eval(%q) = %.40v, %v, want %q", test.src, v, err, test.want)
		}
	}
}

func TestEvaluationsAtOnce(t *testing.T) {
	code, problems := Compile(`map(a, {uuid() + string(# + n)})`, NewScope(
		field("a", value.ListOf(value.Of(value.Integer))), field("n", value.Of(value.Integer))), nil)
	if code == nil {
		t.Fatal(problems)
	}
	results := make(chan string)
	for i := range 8 {
		go func() {
			v, err := code.Eval(&Env{Names: map[string]any{"a": []any{1, 2, 3}, "n": i}, Place: "p"})
			results <- fmt.Sprint(v, err)
		}()
	}
	seen := map[string]bool{}
	for range 8 {
		seen[<-results] = true
	}
	if len(seen) != 8 {
		t.Errorf("8 evaluations at once gave %d different results, want 8: %v", len(seen), seen)
	}
}

func BenchmarkEval(b *testing.B) {
	for _, src := range []string{
		`steps.page.tags`,
		`steps.page.status == "live" and steps.page.count > 2`,
		`len(steps.page.tags) > 0`,
		`filter(steps.list, .age > 10)`,
	} {
		code, problems := Compile(src, testScope(), nil)
		if code == nil {
			b.Fatal(problems)
		}
		env := testEnv()
		b.Run(src, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := code.Eval(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	scope := testScope()
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := Compile(`steps.contact != nil and len(steps.page.tags) > 0`, scope, nil); problems != nil {
			b.Fatal(problems)
		}
	}
}
