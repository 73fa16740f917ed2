package expr

import (
	"strings"
	"testing"

	"patchbay/engine/value"
)

// FuzzCompile asks for no more than that nothing panics or hangs, that each
// problem speaks of a part of the source, and that what is evaluated gives a
// value.
func FuzzCompile(f *testing.F) {
	for _, src := range []string{
		"", " ", "steps.page.tags", "steps.page?.tags[0:1]", `filter(steps.list, .email != nil) | map(.email) | join(", ")`,
		`{"a": [1, 2.5], (event.name): nil}`, "let x = 1; x ?? 2", `if true { 1 } else { "a" }`, "1 < steps.page.count < 5",
		"reduce(steps.list, #acc + [#], [])", `now() - duration("7d")`, "$env", "a?.b?.[0]?.c()", "b'x'", "not not !true", "-1 ** 2",
		"`raw``quote`", "\"\\u00e9\\n\"", "// comment\n1", "/* open", "1..10", "::len([])", "#", "x | y", "groupBy(steps.list, .id)",
		"{[(", strings.Repeat("(", 10_000), strings.Repeat("[", 90) + strings.Repeat("]", 90), strings.Repeat("!", 9_000) + "true",
		strings.Repeat("-", 9_000) + "1", strings.Repeat("1<(", 50) + "1" + strings.Repeat("<2)<3", 50),
		strings.Repeat("sum([1],", 40) + "1" + strings.Repeat(")", 40), "steps" + strings.Repeat(".page", 1_900),
		strings.Repeat("1 ? ", 2_000) + "1", strings.Repeat("let a = 1;", 900) + "1", strings.Repeat("steps.contact != nil or ", 400) + "true",
		"é.ü == \"ñ\"", "\xff", "1e999", "0x", "99999999999999999999", "steps.page.name matches '('",
	} {
		f.Add(src)
	}
	scope, env := testScope(), testEnv()
	f.Fuzz(func(t *testing.T, src string) {
		for _, want := range []*value.Type{nil, value.Of(value.Boolean), value.ListOf(value.Of(value.String))} {
			code, problems := Compile(src, scope, want)
			if (code == nil) != (len(problems) > 0) {
				t.Fatalf("Compile(%q) = %v, %v, want a code or problems", src, code, problems)
			}
			for _, p := range problems {
				if p.From < 0 || p.From > p.To || p.To > len(src) || p.Message == "" || p.Code == "" {
					t.Errorf("Compile(%q) reports %+v, which is no part of the source", src, p)
				}
			}
			if code == nil {
				continue
			}
			v, err := code.evaluate(env, 2_000)
			if err == nil {
				if _, err := value.Encode(v); err != nil {
					t.Errorf("Eval(%q) = %#v, which is no value: %v", src, v, err)
				}
			}
			code.Explain(env)
			scope.Assume(code, true).Assume(code, false)
		}
	})
}

// FuzzScan checks that the parts of a text lie end to end and that no
// expression is more than what stands in the text.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		"", "plain", "${{ a }}", "x ${{ a }} y ${{b}}", `${{ "}}" }}`, "$${{ a }}", "${{", "${{ 'a }} b", "${{ {\"a\": {\"b\": 1}} }}", "$", "$$", "$$$${{",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, problems := Scan(text)
		at := 0
		for _, p := range parts {
			if p.From != at || p.To <= p.From {
				t.Fatalf("Scan(%q) = %+v: a part starts at %d, want %d", text, parts, p.From, at)
			}
			at = p.To
			if p.IsExpr && text[p.Inner:p.Inner+len(p.Expr)] != p.Expr {
				t.Errorf("Scan(%q): %q is said to stand at %d", text, p.Expr, p.Inner)
			}
		}
		if at != len(text) {
			t.Errorf("Scan(%q) ends at %d, want %d", text, at, len(text))
		}
		for _, p := range problems {
			if p.From < 0 || p.From > p.To || p.To > len(text) {
				t.Errorf("Scan(%q) reports %+v", text, p)
			}
		}
	})
}
