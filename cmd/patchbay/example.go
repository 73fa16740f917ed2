package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// exampleStep returns a step that does the action, with its required inputs
// filled in.
func exampleStep(a *program.Action) string {
	id := a.Name[strings.LastIndex(a.Name, ".")+1:]
	return fmt.Sprintf("  - id: %s\n    action: %s\n", id, a.ID) + exampleWith(a.Input)
}

// exampleTrigger returns the lines of a flow that let the trigger start it.
func exampleTrigger(t *program.Trigger) string {
	return "triggers:\n  - trigger: " + t.ID + "\n" + exampleWith(t.Input)
}

func exampleWith(inputs []*program.Input) string {
	var b strings.Builder
	for _, in := range exampleInputs(inputs) {
		if b.Len() == 0 {
			b.WriteString("    with:\n")
		}
		fmt.Fprintf(&b, "      %s: %s\n", in.Name, yamlText(exampleOf(in.Field, 0)))
	}
	return b.String()
}

// exampleInputs returns the inputs that an example shows: those that must be
// given, or where there are none, the first few that have an example.
func exampleInputs(inputs []*program.Input) []*program.Input {
	var needed, shown []*program.Input
	for _, in := range inputs {
		switch {
		case in.Required():
			needed = append(needed, in)
		case in.Default == nil && in.Example != nil && in.Deprecated == "" && len(shown) < 2:
			shown = append(shown, in)
		}
	}
	if len(needed) > 0 {
		return needed
	}
	return shown
}

// deepest is how far an example goes into objects that hold themselves.
const deepest = 5

// exampleOf returns the example of a field, or a value of its type.
func exampleOf(f value.Field, depth int) any {
	if f.Example != nil {
		return f.Example
	}
	t := f.Type
	if t == nil || depth > deepest {
		return "…"
	}
	switch t.Kind {
	case value.Integer, value.Number:
		if f.Min != nil {
			return *f.Min
		}
		return 1
	case value.Boolean:
		return true
	case value.Datetime:
		return "2026-01-31T09:00:00Z"
	case value.Date:
		return "2026-01-31"
	case value.Duration:
		return "15m"
	case value.Enum:
		return t.Values[0]
	case value.List:
		return []any{exampleOf(value.Field{Type: t.Elem}, depth+1)}
	case value.Object:
		fields := map[string]any{}
		for _, part := range t.Fields {
			if !part.Type.MayBeNil() {
				fields[part.Name] = exampleOf(part, depth+1)
			}
		}
		return fields
	case value.Map:
		return map[string]any{"…": exampleOf(value.Field{Type: t.Elem}, depth+1)}
	case value.FileKind:
		return "${{ steps.download }}" // no file can be written down: a step before brings it
	default:
		return "…"
	}
}

// plainText is text that YAML reads as text without quotes.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 _./@-]*$`)

// yamlText returns a value as YAML in one line.
func yamlText(v any) string {
	if s, ok := v.(string); ok && plainText.MatchString(s) && strings.TrimSpace(s) == s {
		switch strings.ToLower(s) {
		case "true", "false", "null":
		default:
			return s
		}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return `"…"`
	}
	return strings.TrimSpace(b.String())
}
