package program

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/value"
)

// FillInputs returns the inputs of a flow: those given, and the defaults of the
// others. A name that is unknown, missing, or of the wrong type is an error.
func FillInputs(declared []*Input, given map[string]any) (map[string]any, error) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !hasField(declared, name) {
			return nil, fmt.Errorf("there is no input %q; %s", name, inputsHint(name, declared))
		}
	}
	out := map[string]any{}
	for _, in := range declared {
		v, ok := given[in.Name]
		switch {
		case ok && v != nil:
			if reason := value.MismatchValue(v, in.Type); reason != "" {
				return nil, fmt.Errorf("the input %q: %s", in.Name, reason)
			}
			out[in.Name] = v
		case in.Default != nil:
			d, err := in.Default.Eval(&expr.Env{})
			if err != nil {
				return nil, fmt.Errorf("the input %q: %w", in.Name, err)
			}
			out[in.Name] = d
		case in.Required():
			return nil, fmt.Errorf("the input %q is missing", in.Name)
		default:
			out[in.Name] = nil
		}
	}
	return out, nil
}

func inputsHint(name string, declared []*Input) string {
	names := make([]string, 0, len(declared))
	for _, in := range declared {
		names = append(names, in.Name)
	}
	switch near := diag.Nearest(name, names); {
	case near != "":
		return fmt.Sprintf("did you mean %q?", near)
	case len(names) == 0:
		return "there are none"
	}
	return "the inputs are: " + strings.Join(names, ", ")
}
