package call

import "patchbay/engine/value"

// holdsSecret reports whether a secret may stand in what has that type.
func holdsSecret(t *value.Type, seen map[*value.Type]bool) bool {
	if t == nil || seen[t] {
		return false
	}
	seen[t] = true
	if t.Kind == value.SecretText || holdsSecret(t.Elem, seen) {
		return true
	}
	for _, f := range t.Fields {
		if holdsSecret(f.Type, seen) {
			return true
		}
	}
	return false
}

// veiled returns a value of that type with the mask in place of each secret:
// what a call brings is written into journals and shown to people.
func veiled(t *value.Type, v any) any {
	if t == nil || v == nil {
		return v
	}
	switch v := v.(type) {
	case string:
		if t.Kind == value.SecretText {
			return mask
		}
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = veiled(t.Elem, e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			of := t.Elem
			if f, ok := t.Lookup(name); ok {
				of = f.Type
			}
			out[name] = veiled(of, e)
		}
		return out
	}
	return v
}
