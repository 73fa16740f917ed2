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
	lost   lost
	// asking is set while the values are checked that are sent to a service
	// only to ask it something. All other values are their author's: a fix that
	// alters one is offered, and never safe.
	asking bool
	// unseen says of a step that an expression names and cannot see why it
	// cannot, and what to do about it; "" where there is no such step.
	unseen func(step string) (reason, hint string)
	// named is told of the names in expressions that are sound, nil for nobody.
	named func(at diag.Pos, width int, n expr.Named)
	// reads is told of the paths that sound expressions read, nil for nobody.
	reads func(path string)
}

func (r *report) add(f diag.Finding) {
	if !f.IsWarning() {
		r.failed = true
	}
	r.list.Add(f)
}

// follow notes that the file cannot be used because of something that has been
// told where it stands: one cause, one finding.
func (r *report) follow() { r.failed = true }

// at adds a finding about a written scalar.
func (r *report) at(t spec.Text, code, format string, args ...any) {
	r.hinted(t, code, "", format, args...)
}

// hinted adds a finding about a written scalar with what is allowed there.
func (r *report) hinted(t spec.Text, code, hint, format string, args ...any) {
	r.add(diag.Finding{Pos: t.Pos, Width: width(t.Value), Code: code, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// name adds a finding about a name that does not exist: `"tagz" what`, with
// the names that do and the nearest of them as the fix. kind is the word for
// such names, such as "field".
func (r *report) name(t spec.Text, code, kind, what string, valid []string) {
	r.add(misnamed(t, code, kind, what, valid))
}

// choice adds a finding about a name that decides what is done, or by whose
// leave: its fix is safe only where safe says so of the nearest name.
func (r *report) choice(f diag.Finding, safe func(near string) bool) {
	if f.Fix != nil {
		f.Fix.Safe = f.Fix.Safe && safe(f.Fix.Label)
	}
	r.add(f)
}

// never is for a choice that is always its author's.
func never(string) bool { return false }

// misnamed is the finding of [report.name].
func misnamed(t spec.Text, code, kind, what string, valid []string) diag.Finding {
	return nearest(t.Pos, t.Value, diag.Finding{
		Code:    code,
		Message: fmt.Sprintf("%q %s", t.Value, what),
		Hint:    namesHint(kind, t.Value, valid),
	}, valid)
}

// local is name for what is declared in the same file.
func (r *report) local(t spec.Text, code, kind, what string, valid []string) {
	if r.lost.has(t.Value[strings.LastIndexByte(t.Value, '.')+1:], t.Pos) {
		r.follow()
		return
	}
	r.name(t, code, kind, what, valid)
}

func (r *report) nameAt(pos diag.Pos, got string, f diag.Finding, valid []string) {
	r.add(nearest(pos, got, f, valid))
}

// nearest places a finding at a name, with the nearest of the valid names as
// its fix.
func nearest(pos diag.Pos, got string, f diag.Finding, valid []string) diag.Finding {
	f.Pos, f.Width, f.Allowed = pos, width(got), valid
	if near := diag.Nearest(got, valid); near != "" {
		f.Fix = replacement(pos, f.Width, near, diag.Sure(got, near))
	}
	return f
}

// replacement is the fix that writes text in place of width characters.
func replacement(pos diag.Pos, width int, text string, safe bool) *diag.Fix {
	return &diag.Fix{Label: text, Safe: safe, Edits: []diag.Edit{{Pos: pos, Width: width, Text: text}}}
}

// namesHint lists the names that are allowed where got stands: "fields: id,
// name".
func namesHint(kind, got string, names []string) string {
	if len(names) == 0 {
		return "there are no " + plural(kind) + " here"
	}
	return plural(kind) + ": " + diag.Names(got, names)
}

func plural(noun string) string {
	if strings.HasSuffix(noun, "s") {
		return noun + "es"
	}
	return noun + "s"
}

func width(s string) int { return max(1, utf8.RuneCountInString(s)) }

// compile compiles a bare expression. It returns nil after a finding.
func (r *report) compile(t spec.Text, scope *expr.Scope, want *value.Type) *expr.Code {
	if !t.Given() {
		return nil
	}
	return r.expression(t, 0, t.Value, scope, want)
}

// expression compiles the expression src, which begins at byte offset of t. It
// returns nil after a finding.
func (r *report) expression(t spec.Text, offset int, src string, scope *expr.Scope, want *value.Type) *expr.Code {
	code, problems := expr.Compile(src, scope, want)
	r.problems(t, offset, src, problems)
	if code != nil && r.reads != nil {
		for _, path := range code.Refs() {
			r.reads(path)
		}
	}
	if code == nil || r.named == nil {
		return code
	}
	for _, n := range code.Named() {
		r.named(t.At(offset+n.From), width(src[n.From:n.To]), n)
	}
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
		f := diag.Finding{Pos: t.At(offset + from), Width: 1, Code: p.Code, Message: p.Message, Hint: p.Hint, Allowed: p.Allowed}
		if to > from {
			f.Width = width(src[from:to])
		}
		name := strings.Trim(src[from:max(from, to)], quotes)
		if p.Fix != "" {
			fix := p.Fix
			if inner := strings.Trim(fix, `"`); len(inner) == len(fix)-2 && !strings.Contains(inner, "'") && src[from] != '"' {
				fix = t.Quoted(inner)
			}
			f.Fix = replacement(f.Pos, f.Width, fix, r.certain(p, name))
		}
		r.problem(f, name)
	}
}

const quotes = "\"'`"

// certain reports whether the fix of a problem with what is written is safe.
func (r *report) certain(p expr.Problem, written string) bool {
	switch {
	case p.Fix == "nil":
		return true // the word that other languages have for it
	case p.Code == codeWrongType && !r.asking:
		return false
	}
	return diag.Sure(written, strings.Trim(p.Fix, quotes))
}

// The codes of problems that are more than passed on.
const (
	codeUnknownField = "F301"
	codeUnseenStep   = "F303"
	codeUnknownStep  = "F304"
	codeWrongType    = "F350"
)

// problem adds a finding about an expression. name is what it speaks of.
func (r *report) problem(f diag.Finding, name string) {
	unknown := f.Code == codeUnknownField || f.Code == codeUnknownStep
	if unknown && r.lost.has(name, f.Pos) {
		r.follow()
		return
	}
	if f.Code == codeUnknownStep && r.unseen != nil {
		if reason, hint := r.unseen(name); reason != "" {
			f.Code, f.Message, f.Hint, f.Fix = codeUnseenStep, reason, hint, nil
		}
	}
	r.add(f)
}

// duration reads a duration such as 15m or 7d. What is wrong with it was a
// finding of the parser.
func (r *report) duration(t spec.Text) time.Duration {
	d, _ := spec.ParseDuration(t.Value)
	return d
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

// quoted lists names as a sentence does: "a", "b" and "c".
func quoted(names []string) string {
	var b strings.Builder
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(n))
	}
	return b.String()
}
