package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// printJSON writes v as indented JSON.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// grid returns a writer whose tabs align. It is to be flushed.
func grid(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0) }

// row writes cells as one line of a grid.
func row(w io.Writer, cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(printable(c), "\n", " ")
	}
	// A cell that ends a line is not padded, so empty ones at the end are
	// left out: no line ends in blanks.
	for len(cells) > 1 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// printable replaces the characters by which text of a service could steer a
// terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return '·'
		}
		return r
	}, text)
}

// compact returns a value in one line, cut to so many characters.
func compact(v any, most int) string {
	var text string
	if s, ok := v.(string); ok {
		text = s
	} else {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return "…"
		}
		text = b.String()
	}
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// indented returns a value as JSON, its lines two blanks in.
func indented(v any) string {
	const by = "  "
	var b strings.Builder
	b.WriteString(by)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(by, "  ")
	if err := e.Encode(v); err != nil {
		return by + "…\n"
	}
	return b.String()
}

// count returns a number with its noun: "1 flow", "3 flows".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// moment returns a time as people read it, "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// span returns a duration with no more digits than anybody reads.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
