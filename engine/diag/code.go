package diag

import (
	"cmp"
	"embed"
	"path"
	"slices"
	"strings"
)

// pages holds a page for each code of finding, in Markdown: the first line is
// "# CODE: title"; below "## Wrong" stands an example that has this finding
// and no other, below "## Right" the same without any.
//
//go:embed codes/*.md
var pages embed.FS

// Code is what there is to know about the findings of one code.
type Code struct {
	ID    string // "F301"
	Title string // what is wrong, in one line
	Text  string // Markdown: what it means, a wrong and a right example
}

// Meaning returns what the code means, in Markdown, without the examples.
func (c Code) Meaning() string {
	text, _, _ := strings.Cut(c.Text, "\n## ")
	return strings.TrimSpace(text)
}

// families is the order in which codes are listed: the YAML, the shape of a
// file, the meaning of a flow, that of a connector, warnings, descriptions.
const families = "YSFCWK"

// Codes returns all codes a finding can have, family by family.
func Codes() []Code {
	entries, err := pages.ReadDir("codes")
	if err != nil {
		return nil // unreachable: the folder is part of the binary
	}
	var out []Code
	for _, e := range entries {
		if c, ok := Explain(strings.TrimSuffix(e.Name(), path.Ext(e.Name()))); ok {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Code) int {
		family := func(c Code) int { return strings.IndexByte(families, c.ID[0]) }
		return cmp.Or(cmp.Compare(family(a), family(b)), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Explain returns what there is to know about a code; false if no finding has
// it.
func Explain(id string) (Code, bool) {
	data, err := pages.ReadFile("codes/" + id + ".md")
	if err != nil {
		return Code{}, false
	}
	head, text, _ := strings.Cut(string(data), "\n")
	_, title, _ := strings.Cut(head, ": ")
	return Code{ID: id, Title: title, Text: strings.TrimSpace(text) + "\n"}, true
}
