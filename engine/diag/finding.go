// Package diag says where in a file something is, and what is wrong there, in
// words for the person who wrote the file.
//
// A [Finding] has a place, a code, a sentence, what is allowed at that place,
// and a fix where one is certain. Findings are gathered in a [List], which is
// sorted and printed whole: nobody is sent back to the file for one mistake at
// a time. Codes come in families, by their first letter: Y (YAML), S (shape),
// F (types and references), C (connectors), W (judgement: a warning, which
// never blocks).
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file. Line and Column count from 1, columns in
// characters (runes). The zero Pos means the file as a whole.
type Pos struct {
	File   string
	Line   int
	Column int
}

// String returns "file:line:column", or the file alone for a zero line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Fix is the change that would settle a finding.
type Fix struct {
	Label string // what to show: the text to write, such as "tags"
	// Safe means that it is certain what was meant, and that applying it
	// changes nothing but what the finding is about; above all, not a value
	// that is written to a service. Such a fix needs nobody's consent.
	Safe  bool
	Edits []Edit
}

// String returns the label, and of a fix that is safe the command that applies
// it.
func (f *Fix) String() string {
	if f.Safe && len(f.Edits) > 0 {
		return f.Label + "   (patchbay check --fix)"
	}
	return f.Label
}

// Edit replaces Width characters at Pos by Text.
type Edit struct {
	Pos   Pos
	Width int
	Text  string
}

// Related is a second place a finding speaks of, such as the first of two
// equal keys.
type Related struct {
	Pos     Pos
	Message string
}

// Finding is one thing that is wrong at one place.
type Finding struct { //nolint:errname // the word of the project for it
	Pos     Pos
	Width   int    // how many characters the carets span, at least 1
	Code    string // "F301"
	Message string // one sentence without a full stop: `"tagz" is not a field of qwilr.Page`
	Hint    string // what is allowed here: "fields: id, name, status"; may have several lines
	Fix     *Fix
	Related []Related
	// Allowed are the names that may stand in this place, all of them, where
	// the finding is about a name. An editor offers them.
	Allowed []string
}

// IsWarning reports whether the finding is a judgement that never blocks.
func (f Finding) IsWarning() bool { return strings.HasPrefix(f.Code, "W") }

// Error returns the head line: position, message and code.
func (f Finding) Error() string { return fmt.Sprintf("%s: %s [%s]", f.Pos, f.Message, f.Code) }

// List gathers findings. The zero List is ready to use.
type List []Finding //nolint:errname // the word of the project for it

// Add appends findings.
func (l *List) Add(f ...Finding) { *l = append(*l, f...) }

// Addf appends a finding with a formatted message and nothing more.
func (l *List) Addf(pos Pos, width int, code, format string, args ...any) {
	l.Add(Finding{Pos: pos, Width: width, Code: code, Message: fmt.Sprintf(format, args...)})
}

// Sort orders the findings by file, line, column and code, and drops those
// that are equal in place, code and message.
func (l *List) Sort() {
	slices.SortStableFunc(*l, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
		)
	})
	*l = slices.CompactFunc(*l, func(a, b Finding) bool {
		return a.Pos == b.Pos && a.Code == b.Code && a.Message == b.Message
	})
}

// Errors returns the findings that block, in their order.
func (l List) Errors() List {
	return slices.DeleteFunc(slices.Clone(l), Finding.IsWarning)
}

// Err returns nil if nothing blocks, else the list as an error.
func (l List) Err() error {
	if errs := l.Errors(); len(errs) > 0 {
		return errs
	}
	return nil
}

// Error returns the head line of the first finding and how many more there are.
func (l List) Error() string {
	switch len(l) {
	case 0:
		return "no findings"
	case 1:
		return l[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", l[0].Error(), len(l)-1)
}
