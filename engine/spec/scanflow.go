package spec

import (
	"fmt"
	"strings"
)

// flow follows a list or map in brackets, which begins at col, to its end.
func (s *scanner) flow(col int) {
	f := &flowScan{scanner: s, base: s.top().indent, first: s.line}
	f.push(col)
	end, ok := f.follow(col + 1)
	if !ok {
		return
	}
	start := col
	if s.line != f.first {
		start = -1
	}
	s.leftover(start, end)
}

// flowScan is the state inside brackets.
type flowScan struct {
	*scanner
	base    int // the indentation of the line that must not be reached
	first   int
	open    []bracket
	fresh   bool // a key or value may begin
	behind  bool // a colon stood before: a value is expected
	keyName string
}

type bracket struct {
	sign      rune
	line, col int
}

func (f *flowScan) push(col int) {
	f.open = append(f.open, bracket{f.row[col], f.line, col})
	f.fresh, f.behind = true, false
}

func (f *flowScan) inMap() bool { return f.open[len(f.open)-1].sign == '{' }

// follow reads on to the bracket that closes the first one and returns the
// column behind it.
func (f *flowScan) follow(col int) (int, bool) {
	for {
		col = f.blank(col)
		if end := f.hashWord(col); end > 0 {
			col, f.fresh = end, false
			continue
		}
		if f.isEnd(col) {
			if !f.nextLine() {
				return 0, false
			}
			col = 0
			continue
		}
		switch c := f.row[col]; {
		case c == '}' || c == ']':
			f.close(col)
			col++
			if len(f.open) == 0 {
				return col, true
			}
		case c == ',':
			f.fresh, f.behind = true, false
			col++
		case c == ':' && !f.behind && (isBlank(f.at(col+1)) || !f.fresh):
			f.fresh, f.behind = true, true
			col++
		case !f.fresh:
			col = f.extra(col)
		default:
			if col = f.node(col); col < 0 {
				return 0, false
			}
		}
	}
}

// hashWord reads a value that begins with #, such as the name of a channel, and
// returns the column behind it; 0 where there is none. It is no comment if a
// word follows at once and the brackets go on behind it: in a list, up to its
// end.
func (f *flowScan) hashWord(col int) int {
	if f.at(col) != '#' || !f.fresh || f.inMap() && !f.behind || isBlank(f.at(col+1)) {
		return 0
	}
	end := f.reach(col)
	if end >= len(f.row) || f.isEnd(f.blank(end)) || !f.inMap() && !f.closed(end) {
		return 0
	}
	f.tellQuote(col, col, end, "Y125", "# begins a comment: a value that begins with it must be in quotes")
	return end
}

// closed reports whether the innermost bracket is closed in the row from col on.
func (f *flowScan) closed(col int) bool {
	n := 0
	for ; col < len(f.row) && f.looked < mostAhead && n <= 0; col++ {
		f.looked++
		switch f.row[col] {
		case '[', '{':
			n--
		case ']', '}':
			n++
		}
	}
	return n > 0
}

// nextLine goes to the next line, unless it is one that cannot belong to the
// brackets any more: then they are not closed.
func (f *flowScan) nextLine() bool {
	if f.line+1 < len(f.src.lines) {
		next := f.src.lines[f.line+1]
		text := strings.TrimLeft(next, " \t")
		if text == "" || len(next)-len(text) > f.base || strings.ContainsRune("]}", rune(text[0])) {
			f.load(f.line + 1)
			return true
		}
	}
	f.unclosed()
	return false
}

// unclosed reports the innermost open bracket, and closes them all.
func (f *flowScan) unclosed() {
	last := f.open[len(f.open)-1]
	var closers strings.Builder
	for i := len(f.open) - 1; i >= 0; i-- {
		closers.WriteRune(closerOf(f.open[i].sign))
	}
	x := f.tellGrammar(last.line, last.col, 1, "Y117", fmt.Sprintf("%c is not closed", last.sign), fmt.Sprintf("a %c is missing", closerOf(last.sign)))
	if last.line == f.line {
		end := len([]rune(strings.TrimRight(string(f.row), " \t")))
		*x = x.withRepairs(f.scanner, closers.String(), []repair{{col: end, text: closers.String()}})
		x.told.Fix.Safe = false
	}
}

func closerOf(sign rune) rune {
	if sign == '{' {
		return '}'
	}
	return ']'
}

// close reads a closing bracket. One of the wrong sign is a slip of the pen
// if more of them follow, else the bracket of the other sign was forgotten.
func (f *flowScan) close(col int) {
	last := f.open[len(f.open)-1]
	want := closerOf(last.sign)
	switch {
	case f.row[col] == want:
	case len(f.open) > 1 && closerOf(f.open[len(f.open)-2].sign) == f.row[col] && f.closers(col+1) < len(f.open)-1:
		x := f.tellGrammar(last.line, last.col, 1, "Y117", fmt.Sprintf("%c is not closed", last.sign), fmt.Sprintf("a %c is missing", want))
		if last.line == f.line {
			*x = x.withRepairs(f.scanner, string(want), []repair{{col: col, text: string(want)}})
			x.told.Fix.Safe = false
		}
		f.open = f.open[:len(f.open)-1]
	default:
		x := f.tellGrammar(f.line, col, 1, "Y116", fmt.Sprintf("%c closes what began with %c", f.row[col], last.sign), "")
		*x = x.withRepairs(f.scanner, string(want), []repair{{col: col, width: 1, text: string(want)}})
	}
	f.open = f.open[:len(f.open)-1]
	f.fresh, f.behind = false, len(f.open) > 0 && f.inMap()
}

// closers returns how many more brackets are closed than opened in the row
// from col on.
func (f *flowScan) closers(col int) int {
	n := 0
	for ; col < len(f.row) && f.looked < mostAhead; col++ {
		f.looked++
		switch f.row[col] {
		case '[', '{':
			n--
		case ']', '}':
			n++
		}
	}
	return n
}

// extra reads what stands behind a finished value without a comma.
func (f *flowScan) extra(col int) int {
	end := f.reach(col)
	if before := f.line - 1; f.blank(0) == col && before >= f.first && strings.TrimSpace(f.src.lines[before]) != "" {
		row := []rune(f.src.lines[before])
		x := f.tellGrammar(before, len(row), 1, "Y115", "a comma is missing at the end of this line", "")
		*x = x.withRepairs(f.scanner, ",", []repair{{col: len(row), text: ","}})
		x.told.Fix.Safe = false
		f.fresh, f.behind = true, false
		return col
	}
	f.tellGrammar(f.line, col, end-col, "Y115", "a comma is missing before this", "")
	f.fresh = true
	return max(end, col+1)
}

// node reads a key or a value and returns the column behind it, -1 where the
// brackets cannot be followed any further.
func (f *flowScan) node(col int) int {
	switch c := f.row[col]; {
	case f.startsWith(col, "{{") && (f.behind || !f.inMap()):
		end := f.reach(col)
		f.tellJinja(col, end)
		f.fresh = false
		return end
	case c == '{' || c == '[':
		if len(f.open)+len(f.levels) > deepest {
			f.slips = append(f.slips, f.slipAt(f.line, col, 1, "Y104", tooDeep()))
			f.ended = true
			return -1
		}
		f.push(col)
		return col + 1
	case c == '"' || c == '\'':
		return f.inQuotes(col)
	default:
		return f.unquoted(col)
	}
}

// inQuotes reads a key or value in quotes.
func (f *flowScan) inQuotes(col int) int {
	line := f.line
	end := f.closing(col, f.base)
	if end == 0 {
		f.slips[len(f.slips)-1].told.Fix = nil // where it was meant to close cannot be told
		return -1
	}
	f.fresh = false
	after := f.blank(end)
	if f.line != line || f.isEnd(after) || strings.ContainsRune(",:]}", f.row[after]) {
		return end
	}
	to := max(f.reach(col), end) // what looks like the end of the value may stand inside the quotes
	if f.inMap() && f.behind && f.missingComma(end, string(f.row[end:to])) {
		return to
	}
	if next := f.row[after]; !f.inMap() && (next == '"' || next == '\'') {
		x := f.tellGrammar(f.line, end, 1, "Y115", "a comma is missing before this", "")
		*x = x.withRepairs(f.scanner, ",", []repair{{col: end, text: ","}})
		x.told.Fix.Safe = false
		f.fresh = true
		return after
	}
	f.tellQuote(after, col, to, "Y113", fmt.Sprintf("the value ends with %c, and then more text follows", f.row[end-1]))
	return to
}

// unquoted reads a key or value without quotes.
func (f *flowScan) unquoted(col int) int {
	f.fresh = false
	if f.inMap() && !f.behind {
		return f.keyEnd(col)
	}
	end := f.reach(col)
	text := string(f.row[col:end])
	switch {
	case strings.ContainsAny(text[:1], "!*&@%`"):
		f.sign(col, end)
	case f.behind && !strings.Contains(text, "${{") && strings.Contains(text, ": ") && f.missingComma(col, text):
	case strings.Contains(text, "${{"):
		f.tellQuote(col, col, end, "Y124", "inside { } and [ ] an expression must be in quotes")
	case strings.ContainsAny(text, "[]{},?"):
		at := strings.IndexAny(text, "[]{},?")
		f.tellQuote(col+len([]rune(text[:at])), col, end, "Y125",
			fmt.Sprintf("inside { } and [ ] a value with %c in it must be in quotes", text[at]))
	case f.behind && strings.Contains(text, ": "):
		before, _, _ := strings.Cut(text, ": ")
		f.tellQuote(col+len([]rune(before)), col, end, "Y121", "a colon with a space behind it makes a key of what stands before it")
	case strings.Contains(text, " #"):
		f.tellQuote(col+len([]rune(text[:strings.Index(text, " #")]))+1, col, end, "Y120", "# begins a comment here: YAML cuts the expression off")
	}
	return end
}

// sign reads a value that begins with a sign of YAML.
func (f *flowScan) sign(col, end int) {
	if f.row[col] == '!' && f.behind && isExpressionKey(f.keyName) {
		next := f.blank(col + 1)
		x := f.slipAt(f.line, col, 1, "Y122", "! begins a YAML tag: the condition would be empty")
		x = x.withRepairs(f.scanner, "not "+string(f.row[next:max(end, next)]), []repair{{col: col, width: next - col, text: "not "}})
		x.told.Hint = "write not in place of !"
		f.slips = append(f.slips, x)
		return
	}
	f.tellQuote(col, col, end, "Y125", fmt.Sprintf("a value that begins with %c must be in quotes", f.row[col]))
	if strings.ContainsRune("*&!", f.row[col]) { // it may be meant as YAML has it
		f.slips[len(f.slips)-1].told.Fix.Safe = false
	}
}

// missingComma looks in a value, or behind one in quotes, for a word and a
// colon: mostly the comma before the next key was forgotten. It is false where
// there is none.
func (f *flowScan) missingComma(col int, text string) bool {
	before, _, ok := strings.Cut(text, ": ")
	space := strings.LastIndex(before, " ")
	if !ok || space < 0 || !identifierForm.MatchString(before[space+1:]) {
		return false
	}
	at := col + len([]rune(strings.TrimRight(before[:space], " ")))
	x := f.tellGrammar(f.line, at, 1, "Y115", fmt.Sprintf("a comma is missing before %s", before[space+1:]), "or put the whole value in quotes")
	*x = x.withRepairs(f.scanner, ",", []repair{{col: at, text: ","}})
	x.told.Fix.Safe = false
	return true
}

// keyEnd returns the column behind the key at col of a map.
func (f *flowScan) keyEnd(col int) int {
	end := col
	for ; end < len(f.row); end++ {
		c := f.row[end]
		if c == ':' && (isBlank(f.at(end+1)) || strings.ContainsRune(",}]", f.at(end+1))) || strings.ContainsRune(",{}[]", c) || f.isEnd(end) {
			break
		}
	}
	f.keyName = strings.TrimSpace(string(f.row[col:end]))
	f.decimalComma(col, end)
	return max(end, col+1)
}

// decimalComma tells of a number with a comma in it, which ends the value
// before the digits from col to end.
func (f *flowScan) decimalComma(col, end int) {
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	if f.at(col-1) != ',' || !digit(f.at(col-2)) || !wholeDigits.MatchString(f.keyName) || f.at(end) == ':' {
		return
	}
	from := col - 2
	for digit(f.at(from - 1)) {
		from--
	}
	x := f.slipAt(f.line, col-1, 1, "Y125", "inside { } and [ ] a comma ends the value: a number has a point")
	x = x.withRepairs(f.scanner, string(f.row[from:col-1])+"."+f.keyName, []repair{{col: col - 1, width: 1, text: "."}})
	x.told.Fix.Safe = false
	f.slips = append(f.slips, x)
}

// reach returns where the value at col is meant to end: at the comma or
// bracket behind it, with the brackets and quotes inside it closed. If they
// are not, YAML's own rule decides.
func (f *flowScan) reach(col int) int {
	n := nesting{last: f.last}
	for i := col; i < len(f.row) && f.looked < mostAhead; i++ {
		f.looked++
		if !n.inside() && (strings.ContainsRune(",]}", f.row[i]) || i > col && f.isEnd(i)) {
			return f.trimmed(col, extent{end: i}).end
		}
		n.step(f.row, i, true)
	}
	if !n.inside() && f.looked < mostAhead {
		return f.trimmed(col, extent{end: len(f.row)}).end
	}
	end := col
	for end < len(f.row) && !strings.ContainsRune(",[]{}", f.row[end]) {
		end++
	}
	return f.trimmed(col, extent{end: max(end, col+1)}).end
}
