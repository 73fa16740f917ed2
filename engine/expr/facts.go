package expr

import (
	"maps"
	"strings"
)

// facts is what is known at one place of an expression or a flow. The keys are
// paths as [checker.key] writes them. facts are never changed, only made anew.
type facts struct {
	present map[string]bool   // paths that hold a value, not nil
	equal   map[string]string // paths that equal a literal text
}

func (f facts) empty() bool { return len(f.present) == 0 && len(f.equal) == 0 }

// and returns what is known if both are.
func (f facts) and(g facts) facts {
	if g.empty() {
		return f
	}
	if f.empty() {
		return g
	}
	n := facts{present: maps.Clone(f.present), equal: maps.Clone(f.equal)}
	if n.present == nil {
		n.present = map[string]bool{}
	}
	if n.equal == nil {
		n.equal = map[string]string{}
	}
	maps.Copy(n.present, g.present)
	maps.Copy(n.equal, g.equal)
	return n
}

// or returns what is known if one of them is, and nobody knows which.
func (f facts) or(g facts) facts {
	n := facts{present: map[string]bool{}, equal: map[string]string{}}
	for k := range f.present {
		if g.present[k] {
			n.present[k] = true
		}
	}
	for k, v := range f.equal {
		if w, ok := g.equal[k]; ok && v == w {
			n.equal[k] = v
		}
	}
	return n
}

// without returns the facts that do not speak of the name.
func (f facts) without(name string) facts {
	if f.empty() {
		return f
	}
	speaks := func(key string) bool {
		key = strings.TrimPrefix(strings.TrimPrefix(key, "first("), "last(")
		rest, ok := strings.CutPrefix(key, name)
		return ok && (rest == "" || strings.ContainsAny(rest[:1], ".[)"))
	}
	n := facts{present: maps.Clone(f.present), equal: maps.Clone(f.equal)}
	maps.DeleteFunc(n.present, func(k string, _ bool) bool { return speaks(k) })
	maps.DeleteFunc(n.equal, func(k, _ string) bool { return speaks(k) })
	return n
}

// presence returns the fact that these paths hold a value.
func presence(keys ...string) facts {
	f := facts{present: map[string]bool{}}
	for _, k := range keys {
		if k != "" {
			f.present[k] = true
		}
	}
	return f
}
