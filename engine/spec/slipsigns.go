package spec

import (
	"regexp"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// blockHeader is the end of a line behind which a block of text is expected.
var blockHeader = regexp.MustCompile(`:\s+[|>][-+]?\s*$`)

// bullet reads a sign that stands for the dash of a list where a line begins: a
// longer one, such as programs that write letters make of it, or a star.
func (s *scanner) bullet(col int) {
	c := s.at(col)
	if !strings.ContainsRune("–—•*", c) || s.at(col+1) != ' ' || !s.mayList(col) {
		return
	}
	s.slips = append(s.slips, s.slipAt(s.line, col, 1, "Y119", "an entry of a list begins with a plain dash, here stands "+string(c)).
		withRepairs(s, "-", []repair{{col: col, width: 1, text: "-"}}))
	s.row[col] = '-'
}

// mayList reports whether a list may begin at col, or goes on there.
func (s *scanner) mayList(col int) bool {
	return s.top().open && s.top().indent <= col ||
		slices.ContainsFunc(s.levels, func(l level) bool { return l.list && l.indent == col })
}

// tightDash reports whether a dash stands at the beginning of what is in the
// row, with a key right behind it where a space is missing.
func (s *scanner) tightDash(col int) bool {
	if s.at(col) != '-' || !isLetter(s.at(col+1)) || strings.Trim(string(s.row[:col]), " -") != "" || !s.mayList(col) {
		return false
	}
	name, _, ok := s.key(col + 1)
	return ok && nameForm.MatchString(name)
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' }

// wideColon reads a line whose colon is the one of East Asian texts, which
// looks the same and means nothing to YAML.
func (s *scanner) wideColon(col int) bool {
	before, _, ok := strings.Cut(string(s.row[col:]), "：")
	if !ok || !identifierForm.MatchString(before) {
		return false
	}
	at := col + len(before)
	text := ":"
	if s.at(at+1) != ' ' {
		text = ": "
	}
	s.slips = append(s.slips, s.slipAt(s.line, at, 1, "Y112", "a plain colon stands behind a key, here stands ：").
		withRepairs(s, before+text, []repair{{col: at, width: 1, text: text}}))
	s.enter(level{indent: col, key: before, text: true})
	return true
}

// marks of a version control system at which two versions of a text meet.
var conflict = regexp.MustCompile(`^(<<<<<<< |=======$|>>>>>>> |\|\|\|\|\|\|\| )`)

// conflicts finds the lines that were left when two versions of the file could
// not be joined. The first version is read on.
func (s *scanner) conflicts() {
	if !strings.Contains(strings.Join(s.src.lines, "\n"), "\n>>>>>>> ") {
		return
	}
	second := false
	for i, line := range s.src.lines {
		mark := conflict.FindString(line)
		switch {
		case strings.HasPrefix(mark, "<"):
			x := s.slipAt(i, 0, len([]rune(line)), "Y106", "two versions of the file meet here, and nobody has chosen")
			x.told.Hint = "keep one of them, and take out the lines with <<<<<<<, ======= and >>>>>>>"
			s.slips = append(s.slips, x)
		case strings.HasPrefix(mark, "=") || strings.HasPrefix(mark, "|"):
			second = true
		}
		if mark != "" || second {
			s.src.lines[i] = ""
		}
		if strings.HasPrefix(mark, ">") {
			second = false
		}
	}
}

// fences finds the lines that mark a text as code in Markdown.
func (s *scanner) fences() {
	first := 0
	for first < len(s.src.lines) && strings.TrimSpace(s.src.lines[first]) == "" {
		first++
	}
	if first >= len(s.src.lines) || !strings.HasPrefix(s.src.lines[first], "```") {
		return
	}
	x := s.slipAt(first, 0, len([]rune(s.src.lines[first])), "Y106", "``` marks code in Markdown and is no part of a file")
	x.told.Hint = "take the lines with ``` out"
	x.told.Fix = &diag.Fix{Label: "without them", Safe: true}
	for i, line := range s.src.lines {
		if strings.HasPrefix(line, "```") {
			s.src.lines[i] = ""
			x.told.Fix.Edits = append(x.told.Fix.Edits, diag.Edit{Pos: s.src.pos(i, 0), Width: len([]rune(line))})
		}
	}
	s.slips = append(s.slips, x)
}

// escapes finds what begins no escape behind a backslash in the double quotes
// from col to end: mostly the path of a file in Windows.
func (s *scanner) escapes(col, end int) {
	if s.row[col] != '"' {
		return
	}
	inner := string(s.row[col+1 : end-1])
	m := wrongEscape.FindStringIndex(inner)
	if m == nil {
		return
	}
	at := col + 1 + len([]rune(inner[:strings.LastIndexByte(inner[:m[1]], '\\')]))
	x := s.slipAt(s.line, at, 2, "Y118", "a backslash in double quotes begins an escape, and "+string(s.row[at:at+2])+" is none")
	x.told.Hint = "in single quotes a backslash is a backslash"
	if !strings.ContainsAny(inner, "'") {
		x = x.withRepairs(s, "'"+inner+"'", []repair{{col: col, width: 1, text: "'"}, {col: end - 1, width: 1, text: "'"}})
	} else {
		x.repairs = []repair{{col: col, width: end - col, text: `""`}}
	}
	s.slips = append(s.slips, x)
}

// wrongEscape matches up to the first backslash that begins no escape of YAML.
var wrongEscape = regexp.MustCompile(`^(?:[^\\]|\\(?:[0abtnvfre "/\\N_LP\t]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))*?\\(?:x[0-9a-fA-F]?(?:[^0-9a-fA-F]|$)|u[0-9a-fA-F]{0,3}(?:[^0-9a-fA-F]|$)|U[0-9a-fA-F]{0,7}(?:[^0-9a-fA-F]|$)|[^0abtnvfre "/\\N_LP\txuU])`)

// blockStart is how the sign looks with which a block of text begins.
var blockStart = regexp.MustCompile(`^[|>][-+1-9]*\s*(\s#.*)?$`)

// textBehindSign tells of text in the line of the sign that begins a block.
func (s *scanner) textBehindSign(col int, bare bool) {
	end := s.extent(col, bare).end
	x := s.slipAt(s.line, col, 1, "Y125", "behind "+string(s.row[col])+" the text begins in the next line")
	x.told.Hint = "put the whole value in quotes if the sign is a part of it"
	text := s.blank(col + 1)
	x = x.withRepairs(s, string(s.row[text:max(text, end)]), []repair{{col: col, width: text - col}})
	x.told.Fix.Safe = false
	s.slips = append(s.slips, x)
	s.top().text = true
}

// tellEqual tells of a colon in a condition: most often a value is to be
// compared.
func (s *scanner) tellEqual(col int, x extent) {
	told := s.slipAt(s.line, x.colon, 1, "Y121", "a condition is one expression, and a colon with a space behind it makes a key of what stands before it")
	told.told.Hint = "two values are compared with =="
	label := string(s.row[col:x.colon]) + " ==" + string(s.row[x.colon+1:x.end])
	told = told.withRepairs(s, label, []repair{{col: x.colon, width: 1, text: " =="}})
	told.told.Fix.Safe = false
	s.slips = append(s.slips, told)
}
