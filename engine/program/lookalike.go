package program

import (
	"regexp"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
)

var (
	// otherMarks matches what marks an expression in other tools.
	otherMarks = regexp.MustCompile(`(?:\$ ?)?\{\{[-~]?\s*([^{}]+?)\s*[-~]?\}\}|\$\{\s*([^{}]+?)\s*\}`)
	// wholePath matches a text that is nothing but the path of a value.
	wholePath = regexp.MustCompile(`^=?\s*([a-z_]+(?:\??\.[A-Za-z_]\w*|\[\d+\])+)$`)
	firstName = regexp.MustCompile(`^[A-Za-z_]\w*`)
)

// lookalikes warns of a text that goes out as it stands, and is meant as an
// expression: what stands in the marks of another tool, and begins with a name
// that is known here; or the path of a value alone.
func (r *report) lookalikes(t spec.Text, parts []expr.Part, scope *expr.Scope) {
	for _, p := range parts {
		if p.IsExpr || strings.Contains(t.Value[p.From:p.To], "$${{") {
			continue
		}
		for _, m := range otherMarks.FindAllStringSubmatchIndex(p.Literal, -1) {
			inner := p.Literal[max(m[2], m[4]):max(m[3], m[5])]
			if _, known := scope.Lookup(firstName.FindString(inner)); known {
				r.lookalike(t, p.From+m[0], p.From+m[1], "${{ "+inner+" }}")
			}
		}
	}
	if m := wholePath.FindStringSubmatch(t.Value); m != nil && len(parts) == 1 {
		if code, problems := expr.Compile(m[1], scope, nil); code != nil && len(problems) == 0 {
			r.lookalike(t, 0, len(t.Value), "${{ "+m[1]+" }}")
		}
	}
}

func (r *report) lookalike(t spec.Text, from, to int, marked string) {
	f := diag.Finding{
		Pos: t.At(from), Width: width(t.Value[from:to]), Code: "W120",
		Message: strings.Join(strings.Fields(t.Value[from:to]), " ") + " goes out as text, just as it stands",
		Hint:    "an expression is written ${{ … }}; to keep the text: # patchbay: allow W120",
	}
	if end := t.At(to); end.Line == f.Pos.Line {
		f.Fix = replacement(f.Pos, end.Column-f.Pos.Column, marked, false)
	}
	r.add(f)
}
