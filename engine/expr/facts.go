package expr

import (
	"maps"
	"slices"
	"strings"
)

// facts is what is known at one place of an expression or a flow. The keys are
// paths as [checker.key] writes them. facts are never changed, only made anew.
type facts struct {
	present map[string]bool     // paths that hold a value, not nil
	among   map[string][]string // paths that equal one of these texts
}

func (f facts) empty() bool { return len(f.present) == 0 && len(f.among) == 0 }

// and returns what is known if both are.
func (f facts) and(g facts) facts {
	if g.empty() {
		return f
	}
	if f.empty() {
		return g
	}
	n := facts{present: maps.Clone(f.present), among: maps.Clone(f.among)}
	if n.present == nil {
		n.present = map[string]bool{}
	}
	if n.among == nil {
		n.among = map[string][]string{}
	}
	maps.Copy(n.present, g.present)
	for k, texts := range g.among {
		if before, ok := f.among[k]; ok {
			texts = slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return !slices.Contains(before, s) })
		}
		n.among[k] = texts
	}
	return n
}

// or returns what is known if one of them is, and nobody knows which.
func (f facts) or(g facts) facts {
	n := facts{present: map[string]bool{}, among: map[string][]string{}}
	for k := range f.present {
		if g.present[k] {
			n.present[k] = true
		}
	}
	for k, texts := range f.among {
		if others, ok := g.among[k]; ok {
			n.among[k] = slices.Concat(texts, others)
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
	n := facts{present: maps.Clone(f.present), among: maps.Clone(f.among)}
	maps.DeleteFunc(n.present, func(k string, _ bool) bool { return speaks(k) })
	maps.DeleteFunc(n.among, func(k string, _ []string) bool { return speaks(k) })
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
