package spec_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"patchbay/engine/spec"
)

// TestPlaces looks up the place of one word in scalars of all styles.
func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		name, source, want string // want is the line and column of the word "here"
	}{
		{"plain", "flow: 1\nname: it is here\n", "2:13"},
		{"plain, multi-byte", "flow: 1\nname: → é 日本 here\n", "2:14"},
		{"plain over lines", "flow: 1\nname: one\n  two\n   is here\n", "4:7"},
		{"plain over an empty line", "flow: 1\nname: one\n\n  is here\n", "4:6"},
		{"single quotes", "flow: 1\nname: 'it''s ''here'\n", "2:16"},
		{"single quotes over lines", "flow: 1\nname: 'it''s   \n\n\n  so, here'\n", "5:7"},
		{"double quotes", "flow: 1\nname: \"it is here\"\n", "2:14"},
		{"double quotes, escapes", "flow: 1\nname: \"\\t\\x41\\u00e9\\U0001F600\\\"here\"\n", "2:32"},
		{"double quotes over lines", "flow: 1\nname: \"one \\\n  \\ two\n\n  here\"\n", "5:3"},
		{"literal", "flow: 1\nname: |\n  one\n\n    two here\n", "5:9"},
		{"literal, indented", "flow: 1\nname: |2\n    one\n  here\n", "4:3"},
		{"literal, kept", "flow: 1\nname: |+\n\n  one here\n\n", "4:7"},
		{"folded", "flow: 1\nname: >\n  one\n  two\n\n  here\n", "6:3"},
		{"folded, stripped", "flow: 1\nname: >-\n  one\n    two\n  here\n", "5:3"},
		{"folded, indented by number", "flow: 1\nname: >1-\n  one\n here\n", "4:2"},
		{"carriage returns", "flow: 1\r\nname: |\r\n  one\r\n  here\r\n", "4:3"},
		{"byte order mark", "\ufeffflow: 1\nname: here\n", "2:7"},
		{"comment before", "# é\nflow: 1 # x\nname: here\n", "3:7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flow, _ := spec.ParseFlow("f.yaml", []byte(tt.source))
			at := flow.Name.At(strings.Index(flow.Name.Value, "here"))
			if got := fmt.Sprintf("%d:%d", at.Line, at.Column); got != tt.want {
				t.Errorf("At(%q in %q) = %s, want %s", "here", flow.Name.Value, got, tt.want)
			}
		})
	}
}

// TestPlacesOfMendedLines looks up places in a line in which something was
// quoted to read on.
func TestPlacesOfMendedLines(t *testing.T) {
	source := "flow: 1\nvars: { a: ${{ x }}, b: ${{ y['z'] }}, c: 7 }\n"
	flow, _ := spec.ParseFlow("f.yaml", []byte(source))
	for i, want := range []string{"2:16", "2:29", "2:43"} {
		text := flow.Vars[i].Value.Text
		at := text.At(strings.IndexAny(text.Value, "xy7"))
		if got := fmt.Sprintf("%d:%d", at.Line, at.Column); got != want {
			t.Errorf("place in %q = %s, want %s", text.Value, got, want)
		}
	}
}

// TestEveryPlace writes made-up texts in all styles, reads them back, and
// holds each character of the value against the file at its place.
func TestEveryPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		source := "flow: 1\nvars:\n  first: 1\n  text: " + madeUp(r) + "\n  last: 1\n"
		flow, found := spec.ParseFlow("f.yaml", []byte(source))
		if flow == nil || len(flow.Vars) != 3 || flow.Vars[1].Value.Kind > spec.String {
			t.Fatalf("ParseFlow(%q) = %v", source, found)
		}
		checkPlaces(t, source, flow.Vars[1].Value.Text)
	}
}

// checkPlaces fails where a character of the text does not stand at its place.
func checkPlaces(t *testing.T, source string, text spec.Text) {
	t.Helper()
	lines := strings.Split(source, "\n")
	line, column := 0, 0
	for i, want := range text.Value {
		at := text.At(i)
		if at.Line < line || at.Line == line && at.Column <= column {
			t.Fatalf("%q: At(%d) = %s is not behind %d:%d", source, i, at, line, column)
		}
		line, column = at.Line, at.Column
		row := []rune(lines[line-1])
		rest := string(row[min(column-1, len(row)):])
		blank := strings.TrimLeft(rest, " \t") == ""
		switch {
		case strings.HasPrefix(rest, string(want)):
		case (want == ' ' || want == '\n') && blank:
		case strings.HasPrefix(rest, `\`) && escaped(rest) == want:
		default:
			t.Fatalf("%q: At(%d) = %s, there stands %q, want %q", source, i, at, rest, want)
		}
	}
}

// escaped returns the character that the escape at the start of text means.
func escaped(text string) rune {
	if strings.HasPrefix(text, `\ `) {
		return ' '
	}
	r, _, _, err := strconv.UnquoteChar(text, '"')
	if err != nil {
		return -1
	}
	return r
}

// madeUp returns a scalar in a style of its own, as it would be written behind
// a key that is indented by two.
func madeUp(r *rand.Rand) string {
	words := func() string {
		var b strings.Builder
		for i := range 1 + r.IntN(4) {
			if i > 0 {
				b.WriteString(strings.Repeat(" ", 1+r.IntN(2)))
			}
			for range 1 + r.IntN(4) {
				b.WriteRune([]rune("abcé→日😀.,x")[r.IntN(10)])
			}
		}
		return b.String()
	}
	breaks := func() string { return strings.Repeat(" ", r.IntN(2)) + strings.Repeat("\n", 1+r.IntN(3)) }
	indent := func() string { return strings.Repeat(" ", 4+r.IntN(3)) }
	var b strings.Builder
	switch r.IntN(5) {
	case 0:
		b.WriteString("a" + words())
		for range r.IntN(3) {
			b.WriteString(breaks() + indent() + "b" + words())
		}
	case 1:
		b.WriteString("'" + words() + "''")
		for range r.IntN(3) {
			b.WriteString(words() + breaks() + indent() + words() + "''")
		}
		b.WriteString("'")
	case 2:
		b.WriteString(`"` + words())
		for range r.IntN(4) {
			b.WriteString([]string{`\n`, `\"`, `\\`, `\x41`, `\u00e9`, `\U0001F600`, `\ `, " \\\n    ", breaks() + indent()}[r.IntN(9)] + words())
		}
		b.WriteString(`"`)
	default:
		b.WriteString([]string{"|", ">", "|-", ">-", "|+", ">+", "|2", ">2-"}[r.IntN(8)] + "\n")
		b.WriteString("    " + words())
		for range r.IntN(4) {
			b.WriteString(strings.Repeat("\n", 1+r.IntN(3)) + strings.Repeat(" ", 4+2*r.IntN(2)) + words())
		}
	}
	return b.String()
}
