package spec

import (
	"fmt"
	"strings"
	"unicode"
)

// value reads the value that begins at col in a block, which is bare if an
// expression without ${{ }} is meant.
func (s *scanner) value(col int, bare bool) {
	top := s.top()
	top.open = false
	switch c := s.row[col]; c {
	case '|', '>':
		if !blockStart.MatchString(string(s.row[col:])) {
			s.textBehindSign(col, bare)
			return
		}
		s.blockText()
	case '"', '\'':
		s.quoted(col)
	case '{', '[':
		if s.startsWith(col, "{{") {
			s.tellJinja(col, s.extent(col, true).end)
			return
		}
		s.flow(col)
	case '!':
		s.exclamation(col, bare)
	case '*':
		s.tellQuote(col, col, s.extent(col, bare).end, "Y105", "* begins a YAML alias, which is not used here")
	case '&':
		s.property(col, bare, "& begins a YAML anchor, which is not used here")
	case '%', '@', '`':
		s.tellQuote(col, col, s.extent(col, bare).end, "Y125", fmt.Sprintf("a value that begins with %c must be in quotes", c))
	default:
		top.text = true
		if space := strings.IndexByte(string(s.row[col:]), ' '); top.list && space > 0 && nameForm.MatchString(string(s.row[col:])[:space]) {
			top.word = span{s.line, col, col + space}
		}
		s.plainText(col, bare)
	}
}

// blockText skips the lines of a block scalar.
func (s *scanner) blockText() {
	indent := s.top().indent
	for s.line+1 < len(s.src.lines) {
		next := s.src.lines[s.line+1]
		text := strings.TrimLeft(next, " ")
		if text != "" && len(next)-len(text) <= indent {
			return
		}
		s.load(s.line + 1)
	}
}

// property reads an anchor or tag. What it stands in front of is read on.
func (s *scanner) property(col int, bare bool, message string) {
	end := col
	for !isBlank(s.at(end)) {
		end++
	}
	next := s.blank(end)
	last := s.isEnd(next)
	if last && !s.deeperFollows() {
		s.tellQuote(col, col, s.extent(col, bare).end, "Y105", message)
		return
	}
	x := s.slipAt(s.line, col, end-col, "Y105", message)
	x.told.Hint = "if the sign is part of the text, put the whole value in quotes"
	x.repairs = []repair{{col: col, width: min(next, len(s.row)) - col}}
	s.slips = append(s.slips, x)
	switch {
	case last:
		s.top().open = true
	case len(s.slips) < mostSlips:
		s.value(next, bare)
	}
}

// deeperFollows reports whether the next line with something on it belongs
// into the current entry.
func (s *scanner) deeperFollows() bool {
	for _, line := range s.src.lines[min(s.line+1, len(s.src.lines)):] {
		text := strings.TrimLeft(line, " ")
		if text == "" || text[0] == '#' {
			continue
		}
		indent := len(line) - len(text)
		return indent > s.top().indent || indent == s.top().indent && !s.top().list && strings.HasPrefix(text, "- ")
	}
	return false
}

// exclamation reads a value that YAML takes for a tag.
func (s *scanner) exclamation(col int, bare bool) {
	if !bare || s.at(col+1) == '=' {
		s.property(col, bare, "! begins a YAML tag, which is not used here")
		return
	}
	next := s.blank(col + 1)
	x := s.slipAt(s.line, col, 1, "Y122", "! begins a YAML tag: the condition would be empty")
	end := s.extent(col, true).end
	x = x.withRepairs(s, "not "+string(s.row[next:max(next, end)]), []repair{{col: col, width: next - col, text: "not "}})
	x.told.Hint = "write not in place of !"
	s.slips = append(s.slips, x)
	s.top().text = true
}

// extent is how far an unquoted value is meant to go, and what in it ends it
// earlier for YAML: the columns of a # and of a colon, -1 for none.
type extent struct{ end, hash, colon int }

// extent follows the unquoted value at col to the end of the row. Inside
// ${{ }}, and in an expression that stands bare, a # in brackets or quotes is
// meant as part of it.
func (s *scanner) extent(col int, bare bool) extent {
	x := extent{end: len(s.row), hash: -1, colon: -1}
	n := nesting{last: s.last}
	for i := col; i < len(s.row); i++ {
		n.step(s.row, i, bare)
		switch {
		case s.row[i] == '#' && i > col && isBlank(s.row[i-1]):
			if !n.inside() {
				x.end = i
				return s.trimmed(col, x)
			}
			if x.hash < 0 {
				x.hash = i
			}
		case s.row[i] == ':' && isBlank(s.at(i+1)) && x.colon < 0:
			x.colon = i
		}
	}
	return s.trimmed(col, x)
}

func (s *scanner) trimmed(col int, x extent) extent {
	for x.end > col && isBlank(s.row[x.end-1]) {
		x.end--
	}
	return x
}

// nesting follows brackets and quotes through an expression.
type nesting struct {
	mark   bool // inside ${{ }}
	depth  int
	quote  rune
	escape bool
	skip   int // the column up to which characters belong to a ${{ or }}
	last   lastSigns
}

func (n *nesting) inside() bool { return n.mark || n.depth > 0 || n.quote != 0 }

// step takes the character at column i of the row.
func (n *nesting) step(row []rune, i int, bare bool) {
	c := row[i]
	switch {
	case i < n.skip:
	case n.quote != 0:
		n.inQuote(c)
	case !n.mark && !bare:
		if has(row, i, "${{") && n.last.mark > i {
			n.mark, n.depth, n.skip = true, 0, i+3
		}
	case n.mark && n.depth == 0 && has(row, i, "}}"):
		n.mark, n.skip = false, i+2
	case strings.ContainsRune("\"'`", c):
		if n.last.of(c) > i && (i == 0 || !isWord(row[i-1])) {
			n.quote = c
		}
	case strings.ContainsRune("([{", c):
		n.depth++
	case strings.ContainsRune(")]}", c):
		n.depth = max(0, n.depth-1)
	}
}

// lastSigns holds the last columns of a row at which something is closed.
type lastSigns struct{ double, single, tick, mark int }

func lastSignsOf(row []rune) lastSigns {
	last := lastSigns{-1, -1, -1, -1}
	for i, c := range row {
		switch {
		case c == '"':
			last.double = i
		case c == '\'':
			last.single = i
		case c == '`':
			last.tick = i
		case c == '}' && i > 0 && row[i-1] == '}':
			last.mark = i
		}
	}
	return last
}

// of returns the last column of a quote, or of }} for a }.
func (l lastSigns) of(sign rune) int {
	switch sign {
	case '"':
		return l.double
	case '\'':
		return l.single
	case '`':
		return l.tick
	}
	return l.mark
}

// isWord reports whether a quote behind r is an apostrophe, not the beginning
// of a text.
func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func (n *nesting) inQuote(c rune) {
	switch {
	case n.escape:
		n.escape = false
	case c == '\\' && n.quote != '`':
		n.escape = true
	case c == n.quote:
		n.quote = 0
	}
}

func has(row []rune, col int, text string) bool {
	return strings.HasPrefix(string(row[col:min(len(row), col+len(text))]), text)
}

// plainText reads a value without quotes.
func (s *scanner) plainText(col int, bare bool) {
	x := s.extent(col, bare)
	switch {
	case x.hash >= 0 && (x.colon < 0 || x.hash < x.colon):
		s.tellQuote(x.hash, col, x.end, "Y120", "# begins a comment here: YAML cuts the expression off")
	case x.colon >= 0 && bare && !strings.ContainsAny(string(s.row[col:x.colon]), "?{["):
		s.tellEqual(col, x)
	case x.colon >= 0:
		s.tellQuote(x.colon, col, x.end, "Y121", "a colon with a space behind it makes a key of what stands before it")
	}
}

// quoted reads a value in quotes, which may go on over several lines.
func (s *scanner) quoted(col int) {
	line := s.line
	if end := s.closing(col, s.top().indent); end > 0 {
		if line == s.line {
			s.escapes(col, end)
		}
		s.leftover(col, end)
	}
}

// closing goes to the quote that closes the one at col and returns the column
// behind it. Where there is none before a line indented by no more than
// indent, that is a slip, and it returns 0.
func (s *scanner) closing(col, indent int) int {
	if end := s.quoteEnd(col); end > 0 {
		return end
	}
	first, quote := s.line, s.row[col]
	for next := s.line + 1; next < len(s.src.lines); next++ {
		text := strings.TrimLeft(s.src.lines[next], " ")
		if text != "" && len(s.src.lines[next])-len(text) <= indent {
			break
		}
		s.load(next)
		s.row = append([]rune{quote}, s.row...)
		end := s.quoteEnd(0)
		s.row = s.row[1:]
		if end > 0 {
			return end - 1
		}
	}
	s.load(first)
	text, hint, end := s.row[col:], "", repair{col: len(s.row), text: string(quote)}
	if last := len(text) - 1; strings.ContainsRune("“”„‘’‚", text[last]) {
		hint = fmt.Sprintf("the quote at the end is a curly one, %c: YAML knows only straight quotes", text[last])
		text, end.col, end.width = text[:last], len(s.row)-1, 1
	}
	x := s.tellGrammar(s.line, col, 1, "Y118", fmt.Sprintf("the quote %c is not closed", quote), hint)
	*x = x.withRepairs(s, string(text)+string(quote), []repair{end})
	x.told.Fix.Safe = false
	return 0
}

// leftover finds text behind a value that began with a quote or bracket at
// col and ended before end. It tells only what is on one line.
func (s *scanner) leftover(col, end int) {
	after := s.blank(end)
	if s.isEnd(after) {
		return
	}
	if rest := strings.TrimRight(string(s.row[after:]), " \t"); strings.Trim(rest, "]}") == "" {
		x := s.slipAt(s.line, after, len(rest), "Y116", rest+" closes nothing")
		s.slips = append(s.slips, x.withRepairs(s, "without "+rest, []repair{{col: after, width: len(rest)}}))
		return
	}
	if col >= 0 && col < end {
		s.tellQuote(after, col, s.extent(col, true).end, "Y113",
			fmt.Sprintf("the value ends with %c, and then more text follows", s.row[end-1]))
		return
	}
	s.tellGrammar(s.line, after, len(s.row)-after, "Y113", "text follows behind the end of the value", "")
}
