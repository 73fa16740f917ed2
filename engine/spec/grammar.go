package spec

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"patchbay/engine/diag"
)

// retries is how often a file is tried again without the lines that the YAML
// library refuses.
const retries = 12

// readTree makes a tree of the text of a file. The tree is nil where the file
// as a whole cannot be read.
func readTree(file string, text []byte) (*Value, diag.List) {
	if f := unreadable(file, text); f != nil {
		return nil, diag.List{*f}
	}
	src := newSource(file, text)
	found := src.straighten()
	scanned := scan(src)
	slips := scanned.slips
	isGrammar := func(x slip) bool { return x.grammar }
	if slices.ContainsFunc(slips, isGrammar) {
		if _, err := decode(src.text()); err == nil {
			slips = slices.DeleteFunc(slips, isGrammar)
		}
	}
	tabbed := map[int]bool{}
	for _, x := range slips {
		tabbed[x.line] = tabbed[x.line] || x.told.Code == "Y101"
	}
	slips = slices.DeleteFunc(slips, func(x slip) bool { return tabbed[x.line] && isGrammar(x) })
	told := map[int]bool{}
	for _, x := range slips {
		found.Add(x.told)
		told[x.line] = true
	}
	if scanned.ended && slices.ContainsFunc(slips, func(x slip) bool { return x.told.Code == "Y104" }) {
		return nil, found
	}
	src.repair(slips)
	doc := decodeAll(src, scanned.starts, told, &found)
	if doc == nil {
		return nil, found
	}
	src.freeze()
	t := &tree{src: src}
	root := t.value(doc, -1, 0)
	found.Add(t.found...)
	return root, found
}

// repair puts the repairs of the slips into the copy.
func (s *source) repair(slips []slip) {
	byLine := map[int][]repair{}
	for _, x := range slips {
		byLine[x.line] = append(byLine[x.line], x.repairs...)
	}
	for line, repairs := range byLine {
		slices.SortStableFunc(repairs, func(a, b repair) int { return a.col - b.col })
		if len(repairs) > 0 && !overlap(repairs) {
			s.mend(line, repairs)
		}
	}
}

func overlap(repairs []repair) bool {
	for i := 1; i < len(repairs); i++ {
		if repairs[i].col < repairs[i-1].col+repairs[i-1].width {
			return true
		}
	}
	return false
}

// decode gives the text to the YAML library. The node is nil for a text that
// says nothing.
func decode(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, nil //nolint:nilnil // an empty file has no node and no error
	}
	return doc.Content[0], nil
}

// decodeAll decodes the copy. Lines that YAML refuses are told, unless
// something was told of them before, and emptied, and it is tried again.
func decodeAll(src *source, starts []int, told map[int]bool, found *diag.List) *yaml.Node {
	told = coarse(told, starts)
	for range retries {
		doc, err := decode(src.text())
		switch {
		case err == nil && doc == nil && len(*found) == 0:
			found.Add(diag.Finding{
				Pos: diag.Pos{File: src.file, Line: 1, Column: 1}, Width: 1, Code: "S106", Message: "the file is empty",
				Hint: "the first line says what the file is, as in flow: 1",
			})
			return nil
		case err == nil:
			return doc
		}
		first, last := broken(src, starts)
		if !told[first] {
			found.Add(src.refused(first, err))
		}
		src.empty(first, last)
	}
	return nil
}

// coarse returns the starts of the pieces in which something was told.
func coarse(told map[int]bool, starts []int) map[int]bool {
	pieces := map[int]bool{}
	for line := range told {
		i, exact := slices.BinarySearch(starts, line)
		if !exact {
			i--
		}
		if i >= 0 {
			pieces[starts[i]] = true
		}
	}
	return pieces
}

// broken returns the lines, from first up to but without last, of the piece at
// which the copy stops being YAML. It looks for the shortest beginning of the
// file that is refused, for the library itself often names the line where the
// map around it began.
func broken(src *source, starts []int) (first, last int) {
	ends := append(slices.Clone(starts[min(1, len(starts)):]), len(src.lines))
	low, high := 0, len(ends)-1
	for low < high {
		middle := (low + high) / 2
		_, err := decode([]byte(strings.Join(src.lines[:ends[middle]], "\n")))
		if err != nil {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if len(starts) == 0 {
		return 0, len(src.lines)
	}
	return starts[low], ends[low]
}

// empty takes lines out of the copy, and those that are indented more deeply
// than the first of them.
func (s *source) empty(first, last int) {
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
	base := indent(s.lines[first])
	for i := first; i < len(s.lines); i++ {
		if i >= last && s.lines[i] != "" && indent(s.lines[i]) <= base {
			return
		}
		s.lines[i] = ""
		delete(s.repairs, i)
	}
}

// refused tells what the YAML library says of a line, in plain words.
func (s *source) refused(line int, err error) diag.Finding {
	row := s.lines[line]
	col := utf8.RuneCountInString(row) - utf8.RuneCountInString(strings.TrimLeft(row, " \t"))
	return diag.Finding{
		Pos: s.pos(line, col), Width: max(1, utf8.RuneCountInString(row)-col), Code: "Y110",
		Message: inPlainWords(err.Error()),
		Hint:    "a value with special signs in it must be in quotes",
	}
}

// inPlainWords translates an error of the YAML library.
func inPlainWords(text string) string {
	for _, w := range [][2]string{
		{"mapping values are not allowed", "a colon stands where none can be"},
		{"did not find expected key", "this line fits neither the map nor the list above it"},
		{"did not find expected '-' indicator", "a list item was expected here"},
		{"block sequence entries are not allowed", "a list cannot begin here"},
		{"did not find expected ',' or", "a comma or a closing bracket is missing"},
		{"could not find expected ':'", "a colon is missing"},
		{"found unexpected end of stream", "the file ends inside quotes or brackets"},
		{"found unknown escape character", "after a backslash inside double quotes stands a letter that means nothing"},
		{"found character that cannot start any token", "no value can begin with this sign"},
		{"found undefined tag handle", "! begins a YAML tag, which is not used here"},
		{"found a tab character", "a tab stands where only spaces can"},
		{"exceeded max depth", tooDeep()},
		{"did not find expected node content", "a value is missing here, or there is a comma too many"},
	} {
		if strings.Contains(text, w[0]) {
			return w[1]
		}
	}
	text = strings.TrimPrefix(text, "yaml: ")
	if _, after, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(text, "line ") {
		text = after
	}
	return fmt.Sprintf("YAML cannot read this: %s", text)
}
