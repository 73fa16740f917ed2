package spec

import (
	"slices"
	"strings"
	"testing"
)

// TestSections holds the tables against themselves: the reference and the
// completion are made from them.
func TestSections(t *testing.T) {
	all := Sections()
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	for i, s := range all {
		if slices.Contains(names[:i], s.Name) {
			t.Errorf("two sections are called %s", s.Name)
		}
		var keys []string
		for _, k := range s.Keys {
			if slices.Contains(keys, k.Name) {
				t.Errorf("%s has the key %s twice", s.Name, k.Name)
			}
			keys = append(keys, k.Name)
			if k.Help == "" || strings.HasSuffix(k.Help, ".") {
				t.Errorf("help of %s.%s = %q, want a sentence without a full stop", s.Name, k.Name, k.Help)
			}
			if k.Section != "" && !slices.Contains(names, k.Section) {
				t.Errorf("%s.%s holds a %s, which is no section", s.Name, k.Name, k.Section)
			}
		}
	}
}

// TestExamples reads the example of each key as it would stand in a file.
func TestExamples(t *testing.T) {
	scalars := []Form{Version, Line, Word, Name, Identifier, TypeName, Expression, Path, Duration, Size, Clock, Switch, Whole, Number}
	lists := []Form{Lines, OneOrLines, OneOrPaths, Expressions}
	for _, s := range Sections() {
		for _, k := range s.Keys {
			if k.Example == "" {
				continue
			}
			root, found := readTree("x.yaml", []byte(k.Name+": "+k.Example+"\n"))
			if len(found) > 0 {
				t.Errorf("example of %s.%s: %v", s.Name, k.Name, found)
				continue
			}
			p := &parser{}
			at := spot{key: root.Entries[0].Key, name: k.Name, value: root.Entries[0].Value, rule: k}
			switch {
			case slices.Contains(scalars, k.Form):
				p.text(at)
			case slices.Contains(lists, k.Form):
				p.texts(at)
			case k.Form == Pairs:
				p.entries(at)
			}
			if len(p.found) > 0 {
				t.Errorf("example of %s.%s: %v", s.Name, k.Name, p.found)
			}
		}
	}
}

// TestKeys looks up a section by its name.
func TestKeys(t *testing.T) {
	var got []string
	for _, k := range Keys("retry") {
		got = append(got, k.Name)
	}
	if want := []string{"max", "wait", "backoff"}; !slices.Equal(got, want) {
		t.Errorf("Keys(retry) = %v, want %v", got, want)
	}
	if got := Keys("nothing"); got != nil {
		t.Errorf("Keys(nothing) = %v, want nil", got)
	}
}
