package spec

import (
	"strings"
	"unicode/utf8"

	"patchbay/engine/diag"
)

// places knows where each character of a decoded scalar stands in the file.
type places struct {
	src       *source
	style     style
	line, col int    // of the scalar's first character, a quote or a | included
	indent    int    // of a block scalar: the column of the collection it is in, -1 for none
	whole     string // the scalar as decoded
	from      int    // the byte of whole with which the Text begins
}

// style is how a scalar is written.
type style uint8

const (
	plain style = iota
	singleQuoted
	doubleQuoted
	literal
	folded
)

// mark is a line and a column of the copy that was parsed.
type mark struct{ line, col int }

func (p *places) at(t Text, offset int) diag.Pos {
	offset = max(0, min(offset, len(t.Value)))
	if p == nil {
		pos := t.Pos
		pos.Column += utf8.RuneCountInString(t.Value[:offset])
		return pos
	}
	w := walker{rows: p.src.rows, mark: mark{p.line, p.col}}
	m := w.find(p, p.from+offset)
	return p.src.pos(m.line, m.col)
}

// walker steps through the source of a scalar and its decoded value side by
// side.
type walker struct {
	rows [][]rune
	mark
	row    []rune // rows[line]
	indent int    // of the content of a block scalar
}

// find returns where the byte at offset of the scalar stands.
func (w *walker) find(p *places, offset int) mark {
	w.enter(p.line, p.col)
	w.open(p)
	for i, r := range p.whole {
		if i+utf8.RuneLen(r) > offset {
			w.approach(p.style)
			return w.clamped()
		}
		w.approach(p.style)
		w.pass(p.style, r, strings.HasPrefix(p.whole[i+utf8.RuneLen(r):], "\n"))
	}
	return w.clamped()
}

// enter goes to a column of a line. Behind the last line it stays at the end
// of that one.
func (w *walker) enter(line, col int) {
	if line >= len(w.rows) {
		line = len(w.rows) - 1
		col = len(w.rows[line])
	}
	w.mark = mark{line, col}
	w.row = w.rows[line]
}

func (w *walker) clamped() mark { return mark{w.line, min(w.col, len(w.row))} }

// open goes from the first character of the scalar to the first character of
// its content.
func (w *walker) open(p *places) {
	switch p.style {
	case plain:
	case singleQuoted, doubleQuoted:
		w.col++
	case literal, folded:
		w.indent = w.contentIndent(p)
		w.enterContent(w.line + 1)
	}
}

// contentIndent returns the column at which the content of a block scalar
// begins: as its header says, else where its first line that is not empty
// begins.
func (w *walker) contentIndent(p *places) int {
	for _, r := range w.row[min(w.col+1, len(w.row)):] {
		if r >= '1' && r <= '9' {
			return max(p.indent, 0) + int(r-'0')
		}
		if r != '+' && r != '-' {
			break
		}
	}
	for _, row := range w.rows[min(p.line+1, len(w.rows)):] {
		if n := leadingSpaces(row); n < len(row) {
			return n
		}
	}
	return 0
}

// enterContent goes to the content of a line of a block scalar.
func (w *walker) enterContent(line int) {
	w.enter(line, 0)
	if w.line == line {
		w.col = min(w.indent, leadingSpaces(w.row))
	}
}

func leadingSpaces(row []rune) int {
	n := 0
	for n < len(row) && row[n] == ' ' {
		n++
	}
	return n
}

// approach skips what stands before the next character without being part of
// the value: a line end that a backslash takes away.
func (w *walker) approach(s style) {
	for s == doubleQuoted && w.col == len(w.row)-1 && w.row[w.col] == '\\' && w.line+1 < len(w.rows) {
		w.enter(w.line+1, 0)
		w.skipBlanks()
	}
}

// pass steps over the source of one character of the value.
func (w *walker) pass(s style, r rune, newlineFollows bool) {
	switch {
	case s == literal || s == folded:
		w.passBlock(s, r, newlineFollows)
	case s == doubleQuoted && w.col < len(w.row) && w.row[w.col] == '\\':
		w.col += escapeWidth(w.row[w.col:])
	case (r == ' ' || r == '\n') && w.blankToEnd():
		w.passFold(r, newlineFollows)
	case s == singleQuoted && r == '\'':
		w.col += 2
	default:
		w.col++
	}
}

// passFold steps over a line end that became a space, or over one of the
// empty lines that became line ends.
func (w *walker) passFold(r rune, newlineFollows bool) {
	w.enter(w.line+1, 0)
	if r == '\n' && newlineFollows {
		return
	}
	for w.blankToEnd() && w.line+1 < len(w.rows) {
		w.enter(w.line+1, 0)
	}
	w.skipBlanks()
}

func (w *walker) passBlock(s style, r rune, newlineFollows bool) {
	if w.col < len(w.row) {
		w.col++
		return
	}
	w.enterContent(w.line + 1)
	if s == literal || r == '\n' && newlineFollows {
		return
	}
	for w.col >= len(w.row) && w.line+1 < len(w.rows) {
		w.enterContent(w.line + 1)
	}
}

func (w *walker) blankToEnd() bool {
	for _, r := range w.row[min(w.col, len(w.row)):] {
		if r != ' ' && r != '\t' {
			return false
		}
	}
	return true
}

func (w *walker) skipBlanks() {
	for w.col < len(w.row) && (w.row[w.col] == ' ' || w.row[w.col] == '\t') {
		w.col++
	}
}

// escapeWidth returns how many characters the escape at the start of row has.
func escapeWidth(row []rune) int {
	if len(row) < 2 {
		return 1
	}
	switch row[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

// cut returns the part of the text between two bytes of its Value, which
// keeps its place.
func (t Text) cut(from, to int) Text {
	part := Text{Value: t.Value[from:to], Pos: t.At(from), Plain: t.Plain}
	if t.places != nil {
		moved := *t.places
		moved.from += from
		part.places = &moved
	}
	return part
}

// commentBehind returns what stands behind a key on its line, if that is one
// word with a # in front of it.
func (t Text) commentBehind() Text {
	if t.places == nil {
		return Text{}
	}
	line := t.places.line
	row := t.places.src.rows[line]
	for col := t.places.col; col+2 < len(row); col++ {
		if row[col] != ':' || row[col+1] != ' ' {
			continue
		}
		word := strings.Trim(string(row[col+1:]), " \t")
		if len(word) < 2 || word[0] != '#' || strings.ContainsAny(word, " \t\"\\") || word[1] == '#' {
			return Text{}
		}
		for row[col] != '#' {
			col++
		}
		return Text{Value: word, Pos: t.places.src.pos(line, col)}
	}
	return Text{}
}
