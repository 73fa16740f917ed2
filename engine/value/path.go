package value

import (
	"strconv"
	"strings"
)

// SplitPath splits a dotted path such as "results.tags" or "rows.0.id". The
// empty path has no parts.
func SplitPath(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

// Get returns what lies at path inside v. The second result is false where a
// part of the path does not exist; a key that exists and holds nil is found.
func Get(v any, path []string) (any, bool) {
	for _, part := range path {
		switch c := v.(type) {
		case map[string]any:
			e, ok := c[part]
			if !ok {
				return nil, false
			}
			v = e
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(c) {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// Put sets what lies at path inside m, making the objects on the way. What
// stands in the way and is no object is replaced.
func Put(m map[string]any, path []string, v any) {
	for len(path) > 1 {
		next, ok := m[path[0]].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[path[0]] = next
		}
		m, path = next, path[1:]
	}
	m[path[0]] = v
}
