package call

import "strings"

// nextLink returns the target of the link with the relation "next" in a Link
// header (RFC 8288), "" if there is none. A header without angle brackets is
// taken as the address itself.
func nextLink(header string) string {
	if !strings.Contains(header, "<") {
		return strings.TrimSpace(header)
	}
	for rest := header; ; {
		_, after, ok := strings.Cut(rest, "<")
		if !ok {
			return ""
		}
		target, after, ok := strings.Cut(after, ">")
		if !ok {
			return ""
		}
		params, following := cutParams(after)
		if isNext(params) {
			return strings.TrimSpace(target)
		}
		rest = following
	}
}

// cutParams splits what follows a target into its parameters and the links
// behind it; a comma inside quotes is part of a parameter.
func cutParams(s string) (params []string, rest string) {
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ';':
			params = append(params, s[start:i])
			start = i + 1
		case c == ',':
			return append(params, s[start:i]), s[i+1:]
		}
	}
	return append(params, s[min(start, len(s)):]), ""
}

func isNext(params []string) bool {
	for _, p := range params {
		name, text, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		text = strings.Trim(strings.TrimSpace(text), `"`)
		for word := range strings.FieldsSeq(text) {
			if strings.EqualFold(word, "next") {
				return true
			}
		}
		return false // only the first rel of a link counts
	}
	return false
}
