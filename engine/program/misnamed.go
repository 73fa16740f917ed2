package program

import (
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

// How many actions or triggers a hint lists: fewer where it is clear which of
// them is meant.
const (
	operationsShown = 12
	nearestShown    = 8
)

// misnamedOperation is the finding about an action or trigger that a connector
// does not have. kind is "action" or "trigger", names are those that it has.
func misnamedOperation(t spec.Text, code, kind string, use *Use, names []string) diag.Finding {
	f := nearest(t.Pos, t.Value, diag.Finding{
		Code: code, Message: fmt.Sprintf("%q is not %s of %s", t.Value, withArticle(kind), use.Connector.Name),
	}, names)
	below := namesBelow(t.Value, names)
	switch {
	case len(below) > 0:
		what := "a group of " + plural(kind)
		if t.Value == use.Role {
			what = "a connector"
		}
		f.Message = fmt.Sprintf("%q is %s, and %s is wanted here", t.Value, what, withArticle(kind)+" of it")
		names, f.Fix = below, nil
	case f.Fix == nil:
		if alike := elsewhere(t.Value, names); len(alike) > 0 {
			names = alike
		} else if own := namesBelow(t.Value[:max(strings.LastIndexByte(t.Value, '.'), 0)], names); len(own) > 0 {
			names = own
		}
		if len(names) == 1 {
			f.Fix = replacement(f.Pos, f.Width, names[0], false)
		}
	}
	most := operationsShown
	if f.Fix != nil {
		most = nearestShown
	}
	switch {
	case len(names) == 0:
		f.Hint = "there are no " + plural(kind) + " here"
	case len(names) > 1 || f.Fix == nil:
		f.Hint = plural(kind) + ": " + diag.Few(t.Value, names, most)
	}
	if len(names) > most && f.Fix == nil {
		f.Hint += "\npatchbay catalog " + use.Connector.ID + " lists them all"
	}
	return f
}

// namesBelow returns the names that begin with group and a dot.
func namesBelow(group string, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, group+".") })
}

// elsewhere returns the names whose last word is that of got, which stand in
// another group than the one that is named.
func elsewhere(got string, names []string) []string {
	last := got[strings.LastIndexByte(got, '.')+1:]
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n[strings.LastIndexByte(n, '.')+1:] != last })
}
