package spec

import (
	"bytes"
	"strings"
)

// Requests returns what stands behind each `request:` of the text of a
// connector's file, such as "GET /contacts/{contactId}", without its host where
// it names one and without reading the file as YAML: what seems to be a request
// in a comment or a text is told too.
func Requests(text []byte) []string {
	var out []string
	for {
		_, rest, ok := bytes.Cut(text, []byte("request:"))
		if !ok {
			return out
		}
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		text = after
		if i := bytes.Index(line, []byte("request:")); i >= 0 {
			text = rest[i:] // several in one line
			line = line[:i]
		}
		words := strings.Fields(strings.TrimLeft(string(line), " \t\"'"))
		if len(words) < 2 {
			continue
		}
		path := words[1]
		if address, ok := strings.CutPrefix(path, "https://"); ok {
			_, path, _ = strings.Cut(address, "/")
			path = "/" + path
		}
		if strings.HasPrefix(path, "/") || strings.HasPrefix(path, "{url}") {
			out = append(out, words[0]+" "+pathOf(path))
		}
	}
}

// pathOf returns the path that a word begins with: quotes, the comma of a flow
// map and a brace that nothing in the word opens are no part of it.
func pathOf(word string) string {
	open := 0
	for i, c := range word {
		switch c {
		case '"', '\'', ',':
			return word[:i]
		case '{':
			open++
		case '}':
			if open--; open < 0 {
				return word[:i]
			}
		}
	}
	return word
}
