package contract

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// wide is how long a line of a written file may be.
const wide = 140

// pair is one key of a written map; the value is YAML already.
type pair struct{ key, value string }

// flow returns a map in one line.
func flow(pairs []pair) string {
	var parts []string
	for _, p := range pairs {
		parts = append(parts, p.key+": "+p.value)
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// writer collects the lines of a file.
type writer struct{ b strings.Builder }

func (w *writer) line(indent int, parts ...string) {
	w.b.WriteString(strings.Repeat("  ", indent))
	for _, p := range parts {
		w.b.WriteString(p)
	}
	w.b.WriteByte('\n')
}

// entry writes a key with a map behind it, in one line where that is short.
func (w *writer) entry(indent int, key string, pairs []pair) {
	if one := flow(pairs); 2*indent+len(key)+2+len(one) <= wide {
		w.line(indent, key, ": ", one)
		return
	}
	w.line(indent, key, ":")
	for _, p := range pairs {
		w.line(indent+1, p.key, ": ", p.value)
	}
}

var plainText = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_ ./()'’-]*$`)

// scalar returns a text as YAML, in quotes where it could mean something else.
func scalar(s string) string {
	words := []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
	whole := strings.Count(s, "(") == strings.Count(s, ")")
	if whole && plainText.MatchString(s) && !strings.HasSuffix(s, " ") && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	return strconv.QuoteToGraphic(strings.Map(func(r rune) rune {
		if r < ' ' || r == '\ufffd' || r == '\ufeff' || r > '\uffff' {
			return ' '
		}
		return r
	}, s))
}

// address returns a path or URL as YAML, in quotes where it could mean
// something else. It has no blanks.
func address(s string) string {
	if strings.ContainsAny(s, "\"'`#&*!|>%@\\") || strings.HasSuffix(s, ":") || strings.ContainsFunc(strings.ReplaceAll(s, " ", ""), blank) {
		return strconv.Quote(s)
	}
	return s
}

func list(values []string) string {
	var out []string
	for _, v := range values {
		out = append(out, scalar(v))
	}
	return "[" + strings.Join(out, ", ") + "]"
}
