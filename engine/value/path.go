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

// Put sets what lies at path inside m, making the objects on the way. A number
// leads to the item of a list that is there; what else stands in the way and is
// no object is replaced.
func Put(m map[string]any, path []string, v any) {
	for len(path) > 1 {
		if list, ok := m[path[0]].([]any); ok && putItem(list, path[1:], v) {
			return
		}
		next, ok := m[path[0]].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[path[0]] = next
		}
		m, path = next, path[1:]
	}
	m[path[0]] = v
}

// putItem sets what lies at path inside a list, and reports whether the path
// leads to an item that is there.
func putItem(list []any, path []string, v any) bool {
	i, err := strconv.Atoi(path[0])
	if err != nil || i < 0 || i >= len(list) {
		return false
	}
	if len(path) == 1 {
		list[i] = v
		return true
	}
	item, ok := list[i].(map[string]any)
	if !ok {
		item = map[string]any{}
		list[i] = item
	}
	Put(item, path[1:], v)
	return true
}
