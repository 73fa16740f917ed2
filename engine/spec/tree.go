package spec

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"patchbay/engine/diag"
)

// deepest is how many lists and maps may stand inside one another.
const deepest = 100

// tree makes values of the nodes of the YAML library.
type tree struct {
	src   *source
	found diag.List
}

// value returns what the node says. indent is the column of the block
// collection the node is in, depth counts the collections around it.
func (t *tree) value(n *yaml.Node, indent, depth int) *Value {
	v := &Value{Pos: t.pos(n)}
	if depth > deepest {
		t.found.Addf(v.Pos, 1, "Y104", "lists and maps stand more than %d deep inside one another", deepest)
		return v
	}
	t.refuseExtras(n)
	if n.Style&yaml.FlowStyle == 0 && n.Kind != yaml.ScalarNode {
		indent = n.Column - 1
	}
	switch n.Kind {
	case yaml.MappingNode:
		v.Kind = Map
		v.Entries = t.entries(n, indent, depth)
	case yaml.SequenceNode:
		v.Kind = List
		for _, item := range n.Content {
			v.Items = append(v.Items, t.value(item, indent, depth+1))
		}
	case yaml.ScalarNode:
		v.Text = t.text(n, indent)
		v.Pos = v.Text.Pos
		v.Kind = kindOfScalar(v.Text)
	default:
		v.Text = Text{Pos: v.Pos, Plain: true}
	}
	return v
}

func (t *tree) pos(n *yaml.Node) diag.Pos { return t.src.pos(n.Line-1, n.Column-1) }

// entries returns the entries of a map. Of equal keys the first counts.
func (t *tree) entries(n *yaml.Node, indent, depth int) []Entry {
	var entries []Entry
	first := map[string]Text{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode {
			t.found.Add(diag.Finding{
				Pos: t.pos(k), Width: 1, Code: "S108", Message: "a key must be a word, a list or map is given",
				Hint: "a value that begins with { or [ is put in quotes",
			})
			continue
		}
		t.refuseExtras(k)
		if isMerge(k) {
			continue
		}
		key := t.text(k, indent)
		if before, twice := first[key.Value]; twice {
			t.found.Add(diag.Finding{
				Pos: key.Pos, Width: key.width(), Code: "S102", Message: fmt.Sprintf("%q stands here a second time", key.Value),
				Related: []diag.Related{{Pos: before.Pos, Message: "the first one"}},
			})
			continue
		}
		first[key.Value] = key
		entries = append(entries, Entry{Key: key, Value: t.value(n.Content[i+1], indent, depth+1)})
	}
	return entries
}

// refuseExtras finds what YAML has and the languages do not.
func (t *tree) refuseExtras(n *yaml.Node) {
	refuse := func(width int, what string) {
		t.found.Add(diag.Finding{
			Pos: t.pos(n), Width: width, Code: "Y105", Message: what,
			Hint: "if the sign is part of the text, put the whole value in quotes",
		})
	}
	switch {
	case n.Kind == yaml.AliasNode:
		refuse(len(n.Value)+1, fmt.Sprintf("*%s is a YAML alias, which is not used here: write the value out", n.Value))
	case n.Anchor != "":
		refuse(len(n.Anchor)+1, fmt.Sprintf("&%s is a YAML anchor, which is not used here", n.Anchor))
	case n.Style&yaml.TaggedStyle != 0:
		refuse(len(n.Tag), fmt.Sprintf("%s is a YAML tag, which is not used here", n.Tag))
	case isMerge(n):
		refuse(2, "<< merges maps in YAML, which is not used here: write the keys out")
	}
}

// isMerge reports whether a key is the one that merges maps.
func isMerge(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Style == 0 && n.Value == "<<" }

func (t *tree) text(n *yaml.Node, indent int) Text {
	p := &places{src: t.src, line: n.Line - 1, col: n.Column - 1, indent: indent, whole: n.Value}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		p.style = doubleQuoted
	case n.Style&yaml.SingleQuotedStyle != 0:
		p.style = singleQuoted
	case n.Style&yaml.LiteralStyle != 0:
		p.style = literal
	case n.Style&yaml.FoldedStyle != 0:
		p.style = folded
	}
	text := Text{Value: n.Value, Plain: p.style == plain, places: p}
	text.Pos = p.at(text, 0)
	return text
}

// width returns how many characters of its first line the text takes up in
// the file.
func (t Text) width() int {
	end := t.At(len(t.Value))
	if end.Line == t.Pos.Line {
		return max(1, end.Column-t.Pos.Column)
	}
	return 1
}

// kindOfScalar follows the core schema of YAML 1.2. The words .inf and .nan
// stay text: no data of a service can hold them.
func kindOfScalar(t Text) Kind {
	if !t.Plain {
		return String
	}
	switch t.Value {
	case "", "~", "null", "Null", "NULL":
		return Null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return Bool
	}
	switch {
	case intForm.MatchString(t.Value):
		return Int
	case floatForm.MatchString(t.Value):
		return Float
	}
	return String
}

// Const returns the value as plain Go data: nil, bool, int, float64, string,
// []any or map[string]any. Text that holds ${{ }} is returned as it stands. A
// whole number too large for an int becomes a float64.
func (v *Value) Const() any {
	if v == nil {
		return nil
	}
	switch v.Kind {
	case Bool:
		return strings.EqualFold(v.Text.Value, "true")
	case Int:
		return wholeNumber(v.Text.Value)
	case Float:
		f, err := strconv.ParseFloat(v.Text.Value, 64)
		if err != nil { // too large to be told from infinity
			return math.Copysign(math.MaxFloat64, f)
		}
		return f
	case String:
		return v.Text.Value
	case List:
		list := make([]any, 0, len(v.Items))
		for _, item := range v.Items {
			list = append(list, item.Const())
		}
		return list
	case Map:
		m := make(map[string]any, len(v.Entries))
		for _, e := range v.Entries {
			m[e.Key.Value] = e.Value.Const()
		}
		return m
	default:
		return nil
	}
}

func wholeNumber(s string) any {
	base, digits := 10, s
	switch {
	case strings.HasPrefix(s, "0o"):
		base, digits = 8, s[2:]
	case strings.HasPrefix(s, "0x"):
		base, digits = 16, s[2:]
	}
	if n, err := strconv.ParseInt(digits, base, 0); err == nil {
		return int(n)
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err == nil {
		return float64(n)
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return s
	}
	return f
}
