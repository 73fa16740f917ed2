package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"patchbay/engine/console"
)

// exampleStep returns a step that does the action, with its required inputs
// filled in.
func exampleStep(o console.Operation) string {
	id := o.ID[strings.LastIndex(o.ID, ".")+1:]
	return fmt.Sprintf("  - id: %s\n    action: %s\n", id, o.ID) + exampleWith(o.Inputs)
}

// exampleTrigger returns the lines of a flow that let the trigger start it.
func exampleTrigger(o console.Operation) string {
	return "triggers:\n  - trigger: " + o.ID + "\n" + exampleWith(o.Inputs)
}

func exampleWith(inputs []console.Input) string {
	var b strings.Builder
	for _, in := range inputs {
		if !in.Required {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("    with:\n")
		}
		v := in.Example
		if v == nil {
			v = exampleOf(in.Type)
		}
		fmt.Fprintf(&b, "      %s: %s\n", in.Name, yamlText(v))
	}
	return b.String()
}

// exampleOf returns a value of a type as the API describes it.
func exampleOf(kind string) any {
	first, rest, _ := strings.Cut(kind, " ")
	switch first {
	case "integer", "number":
		return 1
	case "boolean":
		return true
	case "list":
		if elem, ok := strings.CutPrefix(rest, "of "); ok {
			return []any{exampleOf(elem)}
		}
		return []any{}
	case "map", "object":
		return map[string]any{}
	case "datetime":
		return "2026-01-31T09:00:00Z"
	case "date":
		return "2026-01-31"
	case "duration":
		return "15m"
	case "enum":
		value, _, _ := strings.Cut(strings.Trim(rest, "()"), ",")
		return value
	default:
		return "…"
	}
}

// plainText is text that YAML reads as text without quotes.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 _./@-]*$`) //nolint:gochecknoglobals // compiled once, never written

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
