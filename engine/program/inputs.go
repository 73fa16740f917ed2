package program

import (
	"fmt"

	"patchbay/engine/expr"
	"patchbay/engine/value"
)

// FillInputs returns the inputs of a flow: those given, and the defaults of the
// others. A name that is unknown, missing, or of the wrong type is an error.
func FillInputs(declared []*Input, given map[string]any) (map[string]any, error) {
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
	for name := range given {
		if _, ok := out[name]; !ok {
			return nil, fmt.Errorf("there is no input %q", name)
		}
	}
	return out, nil
}
