package program

import (
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// lost is what the parser could not make out of a file, and has told. Where a
// name seems to be missing and may stand in there, whoever refers to it is not
// to blame, and nothing is told twice.
type lost struct {
	all   bool // a part of which nobody knows what stood in it
	lines []lostLine
}

type lostLine struct {
	at   diag.Pos
	text string
}

// newLost returns what is lost of a file by the findings of its parser.
func newLost(data []byte, found diag.List) lost {
	var l lost
	errs := found.Errors()
	if len(errs) == 0 {
		return l
	}
	lines := strings.Split(string(data), "\n")
	for _, f := range errs {
		// Of lines that are no YAML nobody knows what they should say.
		l.all = l.all || strings.HasPrefix(f.Code, "Y")
		if f.Pos.Line > 0 && f.Pos.Line <= len(lines) {
			l.lines = append(l.lines, lostLine{f.Pos, lines[f.Pos.Line-1]})
		}
	}
	return l
}

// has reports whether the name, of which at is another mention, may stand in
// what is lost.
func (l lost) has(name string, at diag.Pos) bool {
	if l.all {
		return true
	}
	for _, line := range l.lines {
		elsewhere := line.at.Line != at.Line || line.at.File != at.File
		if elsewhere && hasWord(line.text, name) {
			return true
		}
	}
	return false
}

// hasWord reports whether a name stands in a line, and not only as a part of
// another.
func hasWord(line, name string) bool {
	letter := func(b byte) bool { return b == '_' || b >= '0' && b <= '9' || b|' ' >= 'a' && b|' ' <= 'z' }
	for from := 0; name != ""; {
		i := strings.Index(line[from:], name)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(name)
		if (start == 0 || !letter(line[start-1])) && (end == len(line) || !letter(line[end])) {
			return true
		}
		from = start + 1
	}
	return false
}

// and returns what is lost of either of two files.
func (l lost) and(m lost) lost {
	return lost{all: l.all || m.all, lines: slices.Concat(l.lines, m.lines)}
}
