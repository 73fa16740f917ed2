package spec

import (
	"fmt"
	"slices"
	"strings"
)

// scanner reads the text of a file line by line, roughly as YAML does, and
// finds the slips in it.
type scanner struct {
	src    *source
	slips  []slip
	line   int
	row    []rune // the current line
	last   lastSigns
	levels []level // the block lists and maps around the current place, outermost first
	starts []int   // the lines at which something new begins: between two of them nothing can be cut
	begun  bool    // something stood before the current line
	ended  bool    // the rest of the file is not read
	below  int     // lines indented by more than that belong to one that was not understood; -1 for none
	looked int     // how many characters were looked at ahead
}

// mostAhead bounds what is looked at ahead in one file, so that a file that
// was made to take long does not.
const mostAhead = 20 << 20

// mostSlips is how many slips are told of one file.
const mostSlips = 200

// level is a list or map that is written as a block.
type level struct {
	indent int
	list   bool
	key    string // the last key; of a list, the key in front of it
	open   bool   // the last key or dash has nothing behind it yet
	text   bool   // what stands behind it is unquoted text, which may go on
	word   span   // of a list item that is text: its first word, which may be a key without its colon
}

// span is a part of a line.
type span struct{ line, from, to int }

// scan finds the slips of the source.
func scan(src *source) *scanner {
	s := &scanner{src: src, below: -1}
	s.conflicts()
	s.fences()
	for ; s.line < len(src.lines) && !s.ended; s.line++ {
		s.load(s.line)
		col := s.blank(0)
		if s.isEnd(col) {
			s.empty(col)
			continue
		}
		s.starts = append(s.starts, s.line)
		s.tabs(0, col)
		s.bullet(col)
		if col == 0 && s.marker() || s.below >= 0 && col > s.below {
			continue
		}
		s.below = -1
		switch {
		case len(s.levels) > deepest:
			s.slips = append(s.slips, s.slipAt(s.line, col, 1, "Y104", tooDeep()))
			s.ended = true
		case s.settle(col):
			s.content(col)
		}
		s.begun = true
	}
	if len(s.slips) > mostSlips {
		s.slips = s.slips[:mostSlips]
	}
	return s
}

func tooDeep() string {
	return fmt.Sprintf("lists and maps stand more than %d deep inside one another", deepest)
}

func (s *scanner) load(line int) {
	s.line = line
	s.row = []rune(s.src.lines[line])
	s.last = lastSignsOf(s.row)
}

// at returns the character at col of the row, 0 behind its end.
func (s *scanner) at(col int) rune {
	if col < 0 || col >= len(s.row) {
		return 0
	}
	return s.row[col]
}

// blank returns the first column from col on that is not blank.
func (s *scanner) blank(col int) int {
	for s.at(col) == ' ' || s.at(col) == '\t' {
		col++
	}
	return col
}

// isEnd reports whether the row ends at col, or a comment begins there.
func (s *scanner) isEnd(col int) bool {
	return col >= len(s.row) || s.row[col] == '#' && (col == 0 || isBlank(s.row[col-1]))
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == 0 }

func (s *scanner) startsWith(col int, text string) bool {
	return col <= len(s.row) && strings.HasPrefix(string(s.row[col:min(len(s.row), col+len(text))]), text)
}

// top returns the innermost level.
func (s *scanner) top() *level {
	if len(s.levels) == 0 {
		return &level{indent: -1, open: !s.begun}
	}
	return &s.levels[len(s.levels)-1]
}

// empty takes the tabs out of a line that shows nothing, or only a comment
// that begins at col: YAML refuses them, and nobody can see why.
func (s *scanner) empty(col int) {
	if s.below < 0 && slices.Contains(s.row[:col], '\t') {
		s.src.lines[s.line] = strings.Repeat(" ", col) + string(s.row[col:])
	}
}

// tabs finds tabs in the indentation, from the column from to the column to.
func (s *scanner) tabs(from, to int) {
	for i := from; i < to; i++ {
		if s.row[i] != '\t' {
			continue
		}
		x := s.slipAt(s.line, i, 1, "Y101", "a tab stands in the indentation")
		x.told.Hint = "indent with spaces, two for each level"
		x.repairs = []repair{{col: i, width: 1, text: " "}}
		s.slips = append(s.slips, x)
		return
	}
}

// marker reads a line that speaks of the document as a whole.
func (s *scanner) marker() bool {
	text := strings.TrimRight(string(s.row), " \t")
	switch {
	case text == "---" && !s.begun:
		return true
	case s.startsWith(0, "---") && isBlank(s.at(3)), s.startsWith(0, "...") && isBlank(s.at(3)):
		x := s.slipAt(s.line, 0, 3, "Y106", "a second document begins here, a file has only one")
		if !s.begun {
			x.told.Message, x.told.Hint = "text behind --- is not read here", "write it on a line of its own"
		}
		s.slips = append(s.slips, x)
		for i := s.line; i < len(s.src.lines); i++ {
			s.src.lines[i] = ""
		}
		s.ended = true
		return true
	case s.row[0] == '%':
		x := s.slipAt(s.line, 0, len(s.row), "Y105", "a line that begins with % is a YAML directive, which is not used here")
		s.slips = append(s.slips, x)
		s.src.lines[s.line] = ""
		return true
	}
	return false
}

// settle closes the levels that end before a line indented by col, and
// reports whether the line begins something new.
func (s *scanner) settle(col int) bool {
	dash := s.isDash(col)
	deeper, hint := len(s.levels), s.indentHint()
	for len(s.levels) > 0 && (s.top().indent > col || s.top().indent == col && s.top().list && !dash) {
		s.levels = s.levels[:len(s.levels)-1]
	}
	top := s.top()
	closed := deeper > len(s.levels)
	switch {
	case top.indent == col && dash && !top.list && !top.open:
		s.tellGrammar(s.line, col, 1, "Y119", "a list item stands among the keys of a map", "indent it below the key it belongs to")
		s.below = col
		return false
	case top.indent == col:
		return true
	case closed || len(s.levels) == 0 && s.begun && s.deepEnough():
		s.tellGrammar(s.line, 0, max(col, 1), "Y119",
			fmt.Sprintf("this line is indented by %d spaces, which fits no line above it", col), hint)
		s.below = col
		return false
	case top.open || len(s.levels) == 0:
		return true
	case top.text:
		return s.continued(col)
	}
	s.tellGrammar(s.line, col, len(s.row)-col, "Y111",
		fmt.Sprintf("this line stands below %s, which has a value already", s.topName()), s.besideHint())
	s.below = col
	return false
}

// deepEnough reports whether a line at the outermost level has been read.
func (s *scanner) deepEnough() bool { return len(s.starts) > 1 }

func (s *scanner) topName() string {
	if top := s.top(); !top.list && top.key != "" {
		return top.key
	}
	return "a list item"
}

// besideHint says how a line is written that stands too deep.
func (s *scanner) besideHint() string {
	if top := s.top(); !top.list {
		return fmt.Sprintf("indented by %d spaces it stands beside %s", top.indent, top.key)
	}
	return s.indentHint()
}

func (s *scanner) indentHint() string {
	var columns []string
	for _, l := range s.levels {
		if text := fmt.Sprint(l.indent); !slices.Contains(columns, text) {
			columns = append(columns, text)
		}
	}
	if len(columns) == 0 {
		return ""
	}
	return "spaces that fit here: " + strings.Join(columns, ", ")
}

// continued reads a line that goes on with unquoted text. It reports whether
// something new begins in it after all.
func (s *scanner) continued(col int) bool {
	if name, _, ok := s.key(col); ok {
		if word := s.top().word; word.to > 0 && word.from == col {
			s.noColon(word)
			return true
		}
		s.tellGrammar(s.line, col, len([]rune(name)), "Y111",
			fmt.Sprintf("%q stands below %s, which has a value already", name, s.topName()), s.besideHint())
		s.below = col
	}
	return false
}

// noColon tells that a colon is missing behind the first word of an entry:
// keys follow below it.
func (s *scanner) noColon(word span) {
	name := string([]rune(s.src.lines[word.line])[word.from:word.to])
	x := s.slipAt(word.line, word.to, 1, "Y112", "a colon is missing behind "+name)
	s.slips = append(s.slips, x.withRepairs(s, name+":", []repair{{col: word.to, text: ":"}}))
	s.top().text = false
	s.enter(level{indent: word.from, key: name, text: true})
}

func (s *scanner) isDash(col int) bool {
	return s.at(col) == '-' && isBlank(s.at(col+1)) || s.tightDash(col)
}

// enter goes to a new entry of a list or map that begins at l.indent.
func (s *scanner) enter(l level) {
	if top := s.top(); len(s.levels) > 0 && top.indent == l.indent && top.list == l.list {
		*top = l
		return
	}
	if len(s.levels) > 0 {
		s.top().open = false
	}
	s.levels = append(s.levels, l)
}

// content reads the dashes, the key and the value of a line.
func (s *scanner) content(col int) {
	shift := 0 // how much further right the rest of the line stands in the copy
	for s.isDash(col) {
		s.enter(level{indent: col, list: true, key: s.top().key, open: true})
		if len(s.levels) > deepest {
			s.slips = append(s.slips, s.slipAt(s.line, col, 1, "Y104", tooDeep()))
			s.ended = true
			return
		}
		dash := col
		if s.tightDash(col) {
			s.slips = append(s.slips, s.slipAt(s.line, col, 1, "Y119", "a space is missing behind the dash").
				withRepairs(s, "- "+string(s.row[col+1:]), []repair{{col: col, width: 1, text: "- "}}))
			shift++
		}
		if col = s.blank(col + 1); s.isEnd(col) {
			return
		}
		s.tabs(dash+1, col)
	}
	list := s.top().list && s.top().indent < col && s.top().open
	if list && isExpressionList(s.top().key) {
		s.value(col, true)
		return
	}
	name, colon, ok := s.key(col)
	if !ok {
		s.bareText(col, list)
		return
	}
	s.enter(level{indent: col + shift, key: name, open: true})
	if v := s.blank(colon + 1); !s.isEnd(v) {
		if s.isDash(v) {
			s.tellGrammar(s.line, v, 1, "Y119", "a list cannot begin behind a key", "put each item on a line of its own, below the key")
			return
		}
		s.value(v, isExpressionKey(name))
	}
}

// bareText reads a line with a value and no key.
func (s *scanner) bareText(col int, list bool) {
	top := s.top()
	if s.wideColon(col) {
		return
	}
	if list || top.open && top.indent < col {
		s.value(col, isExpressionKey(top.key))
		return
	}
	hint := "a line of a map is key: value"
	before, after, ok := strings.Cut(string(s.row[col:]), ":")
	ok = ok && identifierForm.MatchString(before)
	switch {
	case ok:
		hint = "a space is missing behind the colon"
	case s.line > 0 && blockHeader.MatchString(s.src.lines[s.line-1]):
		hint = "the text that | or > begins is indented below its key"
	}
	x := s.tellGrammar(s.line, col, len(s.row)-col, "Y112", fmt.Sprintf("%q is no key with a value", strings.TrimSpace(string(s.row[col:]))), hint)
	if ok {
		colon := col + len([]rune(before))
		*x = x.withRepairs(s, before+": "+after, []repair{{col: colon, width: 1, text: ": "}})
		s.enter(level{indent: col, key: before, text: true})
		return
	}
	x.repairs = []repair{{col: 0, width: len(s.row)}}
}

// key returns the key that begins at col, and the column of its colon.
func (s *scanner) key(col int) (string, int, bool) {
	c := s.at(col)
	if c == '"' || c == '\'' {
		end := s.quoteEnd(col)
		colon := s.blank(end)
		if end > 0 && s.at(colon) == ':' && isBlank(s.at(colon+1)) {
			return string(s.row[col+1 : end-1]), colon, true
		}
		return "", 0, false
	}
	if strings.ContainsRune("[{&*!|>%@`#", c) {
		return "", 0, false
	}
	for i := col; i < len(s.row); i++ {
		switch {
		case s.row[i] == '#' && isBlank(s.at(i-1)):
			return "", 0, false
		case s.row[i] == ':' && isBlank(s.at(i+1)):
			name := strings.TrimRight(string(s.row[col:i]), " \t")
			return name, i, !strings.Contains(name, "${{") && balanced(name)
		}
	}
	return "", 0, false
}

// balanced reports whether each bracket and quote of the text is closed.
func balanced(text string) bool {
	return strings.Count(text, "(") == strings.Count(text, ")") && strings.Count(text, "[") == strings.Count(text, "]") &&
		strings.Count(text, `"`)%2 == 0
}

// quoteEnd returns the column behind the quote that closes the one at col in
// the same row, 0 where there is none.
func (s *scanner) quoteEnd(col int) int {
	quote := s.row[col]
	for i := col + 1; i < len(s.row); i++ {
		switch {
		case quote == '"' && s.row[i] == '\\':
			i++
		case s.row[i] != quote:
		case quote == '\'' && s.at(i+1) == '\'':
			i++
		default:
			return i + 1
		}
	}
	return 0
}

// isExpressionKey reports whether an expression stands bare behind the key,
// wherever it is used.
func isExpressionKey(key string) bool {
	return slices.Contains([]string{"if", "when", "match", "queue_by", "for_each", "where", "stop_when", "wait_until"}, key)
}

func isExpressionList(key string) bool { return key == "conditions" }
