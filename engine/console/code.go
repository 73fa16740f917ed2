package console

import (
	"net/http"
	"strings"

	"patchbay/engine/diag"
)

// codeData is the page of a code of findings.
type codeData struct {
	diag.Code
	Parts []codePart
}

// codePart is what stands below one heading of such a page, "" for the first.
type codePart struct {
	Heading string
	Blocks  []codeBlock
}

// codeBlock is a paragraph or a file.
type codeBlock struct {
	Text string
	Code bool
}

// Spans returns the pieces of a paragraph: every other one is code.
func (b codeBlock) Spans() []string { return strings.Split(b.Text, "`") }

// odd reports whether a piece of a paragraph is code.
func odd(i int) bool { return i%2 == 1 }

// codePage shows what a finding of a code means.
func (c *Console) codePage(w http.ResponseWriter, r *http.Request) {
	code, ok := diag.Explain(r.PathValue("code"))
	if !ok {
		c.message(w, r, http.StatusNotFound, "There is no finding with the code \""+r.PathValue("code")+"\".", "patchbay explain lists them all")
		return
	}
	c.render(w, r, http.StatusOK, "code.html", view{Title: code.ID, Rest: true, Data: codeData{code, codeParts(code.Text)}})
}

// codeParts reads the Markdown of a page: paragraphs, headings, fenced files.
func codeParts(markdown string) []codePart {
	parts := []codePart{{}}
	var b strings.Builder
	add := func(isCode bool) {
		if text := strings.Trim(b.String(), "\n"); text != "" {
			last := &parts[len(parts)-1]
			last.Blocks = append(last.Blocks, codeBlock{text, isCode})
		}
		b.Reset()
	}
	isCode := false
	for line := range strings.Lines(markdown) {
		switch {
		case strings.HasPrefix(line, "```"):
			add(isCode)
			isCode = !isCode
		case !isCode && strings.HasPrefix(line, "## "):
			add(false)
			parts = append(parts, codePart{Heading: strings.TrimSpace(line[3:])})
		case !isCode && line == "\n":
			add(false)
		default:
			b.WriteString(line)
		}
	}
	add(isCode)
	return parts
}
