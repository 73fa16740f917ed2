package spec

import (
	"strings"
	"unicode/utf8"

	"patchbay/engine/diag"
)

// source is the text of a file, and the copy of it that the YAML library is
// given. The copy has the same lines, but with the repairs in them. Lines and
// columns inside this package count from 0 and speak of the copy; [source.pos]
// leads back to the file.
type source struct {
	file    string
	bom     bool             // the file begins with a byte order mark, which is no part of lines
	lines   []string         // the copy, without line ends
	rows    [][]rune         // the lines, once nothing is changed in them any more
	repairs map[int][]repair // by line, from left to right
}

// repair is a change that was made to a line of the copy: in place of width
// characters at column col of the file stands text.
type repair struct {
	col, width int
	text       string
}

func newSource(file string, text []byte) *source {
	s := &source{file: file, repairs: map[int][]repair{}}
	body, bom := strings.CutPrefix(string(text), "\ufeff")
	s.bom = bom
	s.lines = strings.Split(body, "\n")
	for i, line := range s.lines {
		s.lines[i] = strings.TrimSuffix(line, "\r")
	}
	return s
}

// text returns the copy as a whole.
func (s *source) text() []byte { return []byte(strings.Join(s.lines, "\n")) }

// freeze ends the changes to the copy: from now on the source is only read.
func (s *source) freeze() {
	s.rows = make([][]rune, 0, len(s.lines))
	for _, line := range s.lines {
		s.rows = append(s.rows, []rune(line))
	}
}

// mend replaces a line of the copy by one with the repairs in it. Their
// columns are those of the line as it is in the file, in rising order.
func (s *source) mend(line int, repairs []repair) {
	old, b, at := []rune(s.lines[line]), strings.Builder{}, 0
	for _, r := range repairs {
		b.WriteString(string(old[at:r.col]))
		b.WriteString(r.text)
		at = r.col + r.width
	}
	b.WriteString(string(old[at:]))
	s.lines[line] = b.String()
	s.repairs[line] = repairs
}

// pos returns where in the file a place of the copy is.
func (s *source) pos(line, col int) diag.Pos {
	shift := 0 // how much further left a character stands in the file
	for _, r := range s.repairs[line] {
		start := r.col + shift
		if col < start {
			break
		}
		grown := utf8.RuneCountInString(r.text)
		if col < start+grown {
			col = start + min(col-start, r.width)
			break
		}
		shift += grown - r.width
	}
	col -= shift
	if s.bom && line == 0 {
		col++
	}
	return diag.Pos{File: s.file, Line: line + 1, Column: col + 1}
}
