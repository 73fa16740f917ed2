package spec

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"patchbay/engine/diag"
)

// slip is something in the text of a file that YAML trips over or would
// silently read otherwise than it is meant, and what to change in the copy to
// read on.
type slip struct {
	told    diag.Finding
	line    int
	repairs []repair
	// grammar is set where YAML itself refuses the text: if the YAML library
	// reads the file after all, the slip is none.
	grammar bool
}

// slipAt returns a slip at width characters of a line.
func (s *scanner) slipAt(line, col, width int, code, message string) slip {
	return slip{line: line, told: diag.Finding{Pos: s.src.pos(line, col), Width: max(width, 1), Code: code, Message: message}}
}

// withRepairs returns the slip with the repairs, which are also its fix.
func (x slip) withRepairs(s *scanner, label string, repairs []repair) slip {
	x.repairs = repairs
	x.told.Fix = &diag.Fix{Label: label, Safe: true}
	for _, r := range repairs {
		x.told.Fix.Edits = append(x.told.Fix.Edits, diag.Edit{Pos: s.src.pos(x.line, r.col), Width: r.width, Text: r.text})
	}
	return x
}

// quoting returns the changes that put the characters from..to of the current
// row in quotes, and what stands there then.
func (s *scanner) quoting(from, to int) ([]repair, string) {
	text := string(s.row[from:to])
	if inner, ok := meantInQuotes(text); ok {
		return []repair{{col: from, width: 1, text: `"`}, {col: to - 1, width: 1, text: `"`}}, `"` + inner + `"`
	}
	if !strings.ContainsAny(text, "\"\\") {
		return []repair{{col: from, text: `"`}, {col: to, text: `"`}}, `"` + text + `"`
	}
	first, last := repair{col: from, text: "'"}, repair{col: to, text: "'"}
	if inner, ok := quotedAround(text); ok {
		text = inner
		first.width, last.col, last.width = 1, to-1, 1
	}
	repairs := []repair{first}
	for i := from; i < to; i++ {
		if s.row[i] == '\'' {
			repairs = append(repairs, repair{col: i, text: "'"})
		}
	}
	return append(repairs, last), "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// meantInQuotes returns what stands between quotes that were meant to go around
// the whole text, and do not: curly ones, or single ones with an apostrophe
// between them.
func meantInQuotes(text string) (inner string, ok bool) {
	row := []rune(text)
	if len(row) < 3 || strings.ContainsAny(text, "\"\\") {
		return "", false
	}
	first, last := row[0], row[len(row)-1]
	inner = string(row[1 : len(row)-1])
	curly := strings.ContainsRune("“„‘‚", first) && strings.ContainsRune("”“’‘", last)
	return inner, curly || first == '\'' && last == '\'' && apostrophe.MatchString(inner)
}

var (
	// apostrophe matches one in a word.
	apostrophe = regexp.MustCompile(`^[^']*(\pL'\pL[^']*)+$`)
	inMarks    = regexp.MustCompile(`\$\{\{.*?\}\}`)
)

// quotedAround returns what stands between double quotes that were meant to go
// around the whole text: those inside are all in expressions.
func quotedAround(text string) (inner string, ok bool) {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", false
	}
	inner = text[1 : len(text)-1]
	rest := inMarks.ReplaceAllString(inner, "")
	return inner, rest != inner && !strings.ContainsAny(rest, "\"\\")
}

// tellJinja gathers an expression that is marked as in other tools.
func (s *scanner) tellJinja(from, to int) {
	repairs, label := s.quoting(from, to)
	repairs[0].text += "$"
	x := s.slipAt(s.line, from, 2, "Y124", "{{ begins a map in YAML; an expression is written ${{ … }}")
	s.slips = append(s.slips, x.withRepairs(s, label[:1]+"$"+label[1:], repairs))
}

// tellQuote gathers a slip of the current line that quotes around from..to
// settle.
func (s *scanner) tellQuote(at, from, to int, code, message string) {
	repairs, label := s.quoting(from, to)
	x := s.slipAt(s.line, at, 1, code, message).withRepairs(s, label, repairs)
	x.told.Hint = "put the whole value in quotes"
	if _, ok := quotedAround(string(s.row[from:to])); ok {
		x.told.Hint = "the expression has double quotes, so put single quotes around the whole value"
	}
	x.grammar = code == "Y113"
	x.told.Fix.Safe = code != "Y105"
	s.slips = append(s.slips, x)
}

// tellGrammar gathers a slip that YAML itself refuses.
func (s *scanner) tellGrammar(line, col, width int, code, message, hint string) *slip {
	x := s.slipAt(line, col, width, code, message)
	x.told.Hint, x.grammar = hint, true
	s.slips = append(s.slips, x)
	return &s.slips[len(s.slips)-1]
}

// largest is how many bytes a file may have.
const largest = 1 << 20

// unreadable finds what makes a file no text at all.
func unreadable(file string, text []byte) *diag.Finding {
	whole := func(code, message, hint string) *diag.Finding {
		return &diag.Finding{Pos: diag.Pos{File: file}, Width: 1, Code: code, Message: message, Hint: hint}
	}
	switch {
	case len(text) > largest:
		return whole("Y103", fmt.Sprintf("the file has %d KB, more than 1 MB is not read", len(text)>>10), "")
	case strings.HasPrefix(string(text), "\xff\xfe") || strings.HasPrefix(string(text), "\xfe\xff"):
		return whole("Y102", "the file is saved as UTF-16", "save it as UTF-8")
	case strings.Contains(string(text), "\r") && !strings.Contains(string(text), "\n"):
		return whole("Y107", "the lines of the file end as those of old Macs did (CR)", "save it with the line ends of Unix (LF) or Windows (CRLF)")
	}
	line, column := 1, 1
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		pos := diag.Pos{File: file, Line: line, Column: column}
		switch {
		case r == utf8.RuneError && n == 1:
			return &diag.Finding{Pos: pos, Width: 1, Code: "Y102", Message: "the file is not UTF-8 text", Hint: "save it as UTF-8"}
		case r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f:
			return &diag.Finding{Pos: pos, Width: 1, Code: "Y102", Message: fmt.Sprintf("the character %U stands here, which no text has", r)}
		}
		i += n
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return nil
}

// odd are the characters at which YAML begins a new line and no editor does.
const odd = "\u0085\u2028\u2029\r"

// wide are the spaces that look like one, and are none to YAML.
const wide = "\u00a0\u2007\u202f\u3000"

// spaced puts spaces in place of those that only look like one, where a space
// means something: in the indentation, and behind a colon or a dash.
func (s *source) spaced(i int) diag.List {
	var found diag.List
	row := []rune(s.lines[i])
	for col := 0; col < len(row); col++ {
		if !strings.ContainsRune(wide, row[col]) || strings.Trim(string(row[:col]), " -") != "" && row[col-1] != ':' {
			continue
		}
		pos, first, from := s.pos(i, col), row[col], col
		for ; col < len(row) && strings.ContainsRune(wide, row[col]); col++ {
			row[col] = ' '
		}
		fix := replace(pos, col-from, strings.Repeat(" ", col-from))
		fix.Label = "plain spaces"
		found.Add(diag.Finding{
			Pos: pos, Width: col - from, Code: "Y107", Message: fmt.Sprintf("this looks like a space and is none (%U)", first),
			Fix: fix,
		})
	}
	s.lines[i] = string(row)
	return found
}

// straighten puts spaces in place of characters that only YAML takes for line
// ends, and of those that only look like a space.
func (s *source) straighten() diag.List {
	var found diag.List
	for i, line := range s.lines {
		if strings.ContainsAny(line, wide) {
			found.Add(s.spaced(i)...)
			line = s.lines[i]
		}
		if !strings.ContainsAny(line, odd) {
			continue
		}
		row := []rune(line)
		for col, r := range row {
			if strings.ContainsRune(odd, r) {
				row[col] = ' '
				found.Add(diag.Finding{
					Pos: s.pos(i, col), Width: 1, Code: "Y107", Message: fmt.Sprintf("an invisible line end (%U) stands here", r),
					Hint: "delete it, or write a space",
				})
			}
		}
		s.lines[i] = string(row)
	}
	return found
}
