package contract

import (
	"regexp"
	"strings"
)

// Scopes says which scope an operation needs, by its method and path, where
// the description itself does not.
type Scopes map[string]string

var (
	requestLine = regexp.MustCompile(`\b(GET|POST|PUT|PATCH|DELETE)\s+(/[^\s|?` + "`" + `]*)`)
	scopeWord   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*(?:[./:][A-Za-z0-9_-]+)*$`)
	colonName   = regexp.MustCompile(`:[A-Za-z_][A-Za-z0-9_]*`)
)

// ReadScopes reads a table of scopes in Markdown: each row has a scope and a
// method with a path, and a row without a scope goes with the one above it.
func ReadScopes(data []byte) Scopes {
	out := Scopes{}
	scope := ""
	for line := range strings.Lines(string(data)) {
		if !strings.Contains(line, "|") {
			scope = ""
			continue
		}
		request := requestLine.FindStringSubmatch(line)
		for cell := range strings.SplitSeq(line, "|") {
			cell = strings.Trim(strings.ReplaceAll(cell, "&nbsp;", " "), " \t\r\n`*")
			if cell != "" && !requestLine.MatchString(cell) {
				if scope = ""; scopeWord.MatchString(cell) {
					scope = cell
				}
				break
			}
			if cell != "" {
				break
			}
		}
		if request == nil || scope == "" {
			continue
		}
		if key := scopeKey(request[1], request[2]); out[key] == "" {
			out[key] = scope
		}
	}
	return out
}

// scopeKey is a method and a path without the names of its parameters.
func scopeKey(method, path string) string {
	return method + " " + strings.TrimSuffix(template(colonName.ReplaceAllString(path, "{}")), "/")
}

// scopesOf returns the scopes of an operation: those of the description, else
// the one of the table.
func (m *importer) scopesOf(op *operation) []string {
	if all := op.scopes(); len(all) > 0 {
		return all[0]
	}
	if scope := m.to.Scopes[scopeKey(op.method, op.path)]; scope != "" {
		return []string{scope}
	}
	return nil
}
