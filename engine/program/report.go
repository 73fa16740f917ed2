package program

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// report gathers findings about one file and knows whether one of them blocks.
type report struct {
	list   *diag.List
	failed bool
}

func (r *report) add(f diag.Finding) {
	if !f.IsWarning() {
		r.failed = true
	}
	r.list.Add(f)
}

// at adds a finding about a written scalar.
func (r *report) at(t spec.Text, code, format string, args ...any) {
	r.add(diag.Finding{Pos: t.Pos, Width: width(t.Value), Code: code, Message: fmt.Sprintf(format, args...)})
}

// hinted adds a finding about a written scalar with what is allowed there.
func (r *report) hinted(t spec.Text, code, hint, format string, args ...any) {
	r.add(diag.Finding{Pos: t.Pos, Width: width(t.Value), Code: code, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// name adds a finding about a name that does not exist: `"tagz" what`, with
// the names that do and the nearest of them as the fix. kind is the word for
// such names in the plural hint, such as "field".
func (r *report) name(t spec.Text, code, kind, what string, valid []string) {
	r.nameAt(t.Pos, t.Value, diag.Finding{
		Code:    code,
		Message: fmt.Sprintf("%q %s", t.Value, what),
		Hint:    namesHint(kind, valid),
	}, valid)
}

func (r *report) nameAt(pos diag.Pos, got string, f diag.Finding, valid []string) {
	f.Pos, f.Width = pos, width(got)
	if near := diag.Nearest(got, valid); near != "" {
		f.Fix = replacement(pos, width(got), near)
	}
	r.add(f)
}

// replacement is the fix that writes text in place of width characters.
func replacement(pos diag.Pos, width int, text string) *diag.Fix {
	return &diag.Fix{Label: text, Safe: true, Edits: []diag.Edit{{Pos: pos, Width: width, Text: text}}}
}

// shown is how many names a hint lists at the most.
const shown = 40

// namesHint lists the names that are allowed: "fields: id, name".
func namesHint(kind string, names []string) string {
	if len(names) == 0 {
		return "there are no " + kind + "s here"
	}
	list := strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		list += fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return kind + "s: " + list
}

func width(s string) int { return max(1, utf8.RuneCountInString(s)) }

// compile compiles a bare expression. It returns nil after a finding.
func (r *report) compile(t spec.Text, scope *expr.Scope, want *value.Type) *expr.Code {
	if !t.Given() {
		return nil
	}
	code, problems := expr.Compile(t.Value, scope, want)
	r.problems(t, 0, t.Value, problems)
	return code
}

// condition compiles a bare expression that is true or false.
func (r *report) condition(t spec.Text, scope *expr.Scope) *expr.Code {
	return r.compile(t, scope, value.Of(value.Boolean))
}

// problems turns problems of the expression src, which begins at byte offset
// of t, into findings.
func (r *report) problems(t spec.Text, offset int, src string, problems []expr.Problem) {
	for _, p := range problems {
		from, to := min(max(p.From, 0), len(src)), min(max(p.To, 0), len(src))
		f := diag.Finding{Pos: t.At(offset + from), Width: 1, Code: p.Code, Message: p.Message, Hint: p.Hint}
		if to > from {
			f.Width = width(src[from:to])
		}
		if p.Fix != "" {
			f.Fix = replacement(f.Pos, f.Width, p.Fix)
		}
		r.add(f)
	}
}

// duration reads a duration such as 15m or 7d. What is wrong with it was a
// finding of the parser.
func (r *report) duration(t spec.Text) time.Duration {
	d, _ := ParseDuration(t.Value)
	return d
}

// ParseDuration reads a duration of the languages: a whole number with one of
// s, m, h, d, or several of them behind each other, such as "1h30m". "500ms"
// is allowed too.
func ParseDuration(text string) (time.Duration, error) {
	var total time.Duration
	rest := text
	for rest != "" {
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		letters := digits
		for letters < len(rest) && (rest[letters] < '0' || rest[letters] > '9') {
			letters++
		}
		n, err := strconv.Atoi(rest[:digits])
		unit := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[rest[digits:letters]]
		if err != nil || unit == 0 || n > 36500 && unit == 24*time.Hour {
			return 0, fmt.Errorf("%q is not a duration such as 30s, 15m, 24h or 7d", text)
		}
		total += time.Duration(n) * unit
		rest = rest[letters:]
	}
	if text == "" {
		return 0, fmt.Errorf("an empty text is not a duration such as 30s, 15m, 24h or 7d")
	}
	return total, nil
}

func (r *report) number(t spec.Text, otherwise int) int {
	n, err := strconv.Atoi(t.Value)
	if err != nil {
		return otherwise
	}
	return n
}

func isTrue(t spec.Text) bool { return t.Value == "true" }

func float(t spec.Text) *float64 {
	f, err := strconv.ParseFloat(t.Value, 64)
	if err != nil {
		return nil
	}
	return &f
}

func texts(ts []spec.Text) []string {
	var out []string
	for _, t := range ts {
		out = append(out, t.Value)
	}
	return out
}
