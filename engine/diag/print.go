package diag

import (
	"fmt"
	"io"
	"strings"
	"unicode"
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
	short := f
	short.Message = clipped(f.Message, mostMessage)
	fmt.Fprintln(&b, short.Error())
	if n := f.Pos.Line; n >= 1 && n <= len(lines) {
		b.WriteString(f.snippet(lines[n-1]))
	}
	for line := range strings.Lines(f.Hint) {
		fmt.Fprintf(&b, "      %s\n", clipped(strings.TrimSuffix(line, "\n"), mostHint))
	}
	for _, r := range f.Related {
		fmt.Fprintf(&b, "      see:    %s: %s\n", r.Pos, r.Message)
	}
	if f.Fix != nil {
		fix := *f.Fix
		fix.Label = clipped(fix.Label, mostMessage)
		fmt.Fprintf(&b, "      fix:    %s\n", &fix)
	}
	return b.String()
}

// How many characters are shown of what a finding says: files may hold texts of
// any length, and findings quote them.
const (
	mostMessage = 300
	mostHint    = 1200
)

// clipped returns the text, cut where it is longer than that.
func clipped(text string, most int) string {
	if len(text) <= most {
		return text
	}
	row := []rune(text)
	if len(row) <= most {
		return text
	}
	return string(row[:most]) + "…"
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
	before, marked := columns(text[:at]), columns(text[at:min(at+width, len(text))])
	return fmt.Sprintf("%5d | %s\n      | %s%s\n", f.Pos.Line, string(text), strings.Repeat(" ", before), strings.Repeat("^", max(marked, 1)))
}

// columns returns how many columns of a terminal the characters take up.
func columns(text []rune) int {
	n := 0
	for i := 0; i < len(text); i++ {
		switch r := text[i]; {
		case r == joiner:
			i++ // what it joins is drawn as one with what stands before it
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case isWide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// joiner makes one sign of several, such as a family of its members.
const joiner = '\u200d'

// isWide reports whether a character is two columns wide: the letters of East
// Asia, and pictures.
func isWide(r rune) bool {
	for _, wide := range [...][2]rune{
		{0x1100, 0x115f},
		{0x2e80, 0x303e},
		{0x3041, 0xa4cf},
		{0xac00, 0xd7a3},
		{0xf900, 0xfaff},
		{0xfe30, 0xfe6f},
		{0xff00, 0xff60},
		{0xffe0, 0xffe6},
		{0x1f300, 0x1f64f},
		{0x1f680, 0x1f6ff},
		{0x1f900, 0x1faff},
		{0x20000, 0x3fffd},
	} {
		if r >= wide[0] && r <= wide[1] {
			return true
		}
	}
	return false
}
