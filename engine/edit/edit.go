// Package edit changes the text of files by what a change is about, and leaves
// every other byte as it is: comments, order, quotes, blank lines, line ends.
package edit

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"patchbay/engine/diag"
)

// Apply makes the edits of fixes, which are all about one file, in its source.
// A fix is made whole or not at all: of two that touch the same place the first
// in the file is made, and one that lies outside of the text is not. The second
// result has the places in fixes of those that were made, in their order.
func Apply(source []byte, fixes []diag.Fix) (result []byte, made []int) {
	offsets := lineOffsets(source)
	var taken []span
	for _, i := range inFileOrder(fixes) {
		spans, ok := spansOf(source, offsets, fixes[i].Edits)
		if !ok || overlap(taken, spans) {
			continue
		}
		taken = append(taken, spans...)
		made = append(made, i)
	}
	slices.Sort(made)
	slices.SortFunc(taken, span.compare)
	result = make([]byte, 0, len(source))
	done := 0
	for _, s := range taken {
		result = append(append(result, source[done:s.from]...), s.text...)
		done = s.to
	}
	return append(result, source[done:]...), made
}

// span is an edit in bytes.
type span struct {
	from, to int
	text     string
}

func (s span) compare(o span) int {
	return cmp.Or(cmp.Compare(s.from, o.from), cmp.Compare(s.to, o.to))
}

// inFileOrder returns the places in fixes, ordered by where their first edits
// stand.
func inFileOrder(fixes []diag.Fix) []int {
	first := make([]diag.Pos, len(fixes))
	order := make([]int, len(fixes))
	for i, f := range fixes {
		order[i] = i
		for j, e := range f.Edits {
			if j == 0 || comparePos(e.Pos, first[i]) < 0 {
				first[i] = e.Pos
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return comparePos(first[a], first[b]) })
	return order
}

func comparePos(a, b diag.Pos) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// spansOf returns edits in bytes, in the order of the file. The second result
// is false where there are none, where one does not lie within a line of the
// text, and where two of them touch the same place.
func spansOf(source []byte, offsets []int, edits []diag.Edit) ([]span, bool) {
	spans := make([]span, 0, len(edits))
	for _, e := range edits {
		s, ok := spanOf(source, offsets, e)
		if !ok || overlap(spans, []span{s}) {
			return nil, false
		}
		spans = append(spans, s)
	}
	slices.SortFunc(spans, span.compare)
	return spans, len(spans) > 0
}

func spanOf(source []byte, offsets []int, e diag.Edit) (span, bool) {
	if e.Pos.Line < 1 || e.Pos.Line >= len(offsets) || e.Pos.Column < 1 || e.Width < 0 {
		return span{}, false
	}
	at, end := offsets[e.Pos.Line-1], offsets[e.Pos.Line]
	from, ok := forward(source[:end], at, e.Pos.Column-1)
	if !ok {
		return span{}, false
	}
	to, ok := forward(source[:end], from, e.Width)
	return span{from: from, to: to, text: e.Text}, ok
}

// forward returns the offset n characters behind from in the line that source
// ends with. It does not go past the end of that line.
func forward(source []byte, from, n int) (int, bool) {
	for ; n > 0; n-- {
		if from >= len(source) || source[from] == '\n' {
			return 0, false
		}
		_, size := utf8.DecodeRune(source[from:])
		from += size
	}
	return from, true
}

// lineOffsets returns where each line begins, and where the last one ends.
func lineOffsets(source []byte) []int {
	offsets := []int{0}
	for i, c := range source {
		if c == '\n' {
			offsets = append(offsets, i+1)
		}
	}
	return append(offsets, len(source))
}

// overlap reports whether one of a touches the same place as one of b: two
// that begin at one offset do too, even where one of them only inserts.
func overlap(a, b []span) bool {
	return slices.ContainsFunc(a, func(x span) bool {
		return slices.ContainsFunc(b, func(y span) bool {
			return x.from == y.from || x.from < y.to && y.from < x.to
		})
	})
}

// offsetOf returns where in the source a place is, in bytes. It is false for a
// place outside of the text.
func offsetOf(source []byte, at diag.Pos) (int, bool) {
	s, ok := spanOf(source, lineOffsets(source), diag.Edit{Pos: at})
	return s.from, ok
}
