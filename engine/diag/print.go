package diag

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Print writes the findings one after another, each with the line it speaks
// of and a caret below it. source returns the text of a file, "" where it
// cannot be shown.
func Print(w io.Writer, l List, source func(file string) string) error {
	lines := map[string][]string{}
	for i, f := range l {
		if _, ok := lines[f.Pos.File]; !ok {
			lines[f.Pos.File] = strings.Split(source(f.Pos.File), "\n")
		}
		text := f.format(lines[f.Pos.File])
		if i > 0 {
			text = "\n" + text
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

func (f Finding) format(lines []string) string {
	var b strings.Builder
	fmt.Fprintln(&b, f.Error())
	if n := f.Pos.Line; n >= 1 && n <= len(lines) {
		b.WriteString(f.snippet(lines[n-1]))
	}
	for line := range strings.Lines(f.Hint) {
		fmt.Fprintf(&b, "      %s\n", strings.TrimSuffix(line, "\n"))
	}
	for _, r := range f.Related {
		fmt.Fprintf(&b, "      see:    %s: %s\n", r.Pos, r.Message)
	}
	if f.Fix != nil {
		fmt.Fprintf(&b, "      fix:    %s\n", f.Fix)
	}
	return b.String()
}

// longest is how many characters of a line are shown around a caret.
const longest = 160

// snippet returns the line and the carets below it. Long lines are cut to the
// part around the carets; tabs become one space, so that the carets stand
// where they should.
func (f Finding) snippet(line string) string {
	text := []rune(strings.ReplaceAll(strings.TrimRight(line, "\r"), "\t", " "))
	for i, r := range text {
		if r < ' ' || r == utf8.RuneError {
			text[i] = '·'
		}
	}
	at := min(max(f.Pos.Column-1, 0), len(text))
	width := min(max(f.Width, 1), max(len(text)-at, 1))
	if len(text) > longest {
		from := max(0, min(at-longest/2, len(text)-longest))
		text = text[from:min(from+longest, len(text))]
		at -= from
		width = min(width, max(len(text)-at, 1))
	}
	return fmt.Sprintf("%5d | %s\n      | %s%s\n", f.Pos.Line, string(text), strings.Repeat(" ", at), strings.Repeat("^", width))
}
