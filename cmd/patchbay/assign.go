package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"

	"patchbay/engine/console"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// assigned reads the flags of the form name=value. inputs tells which names
// there are and what they hold: an input that holds text takes what looks like
// a number as it stands, so that no zero in front of it is lost.
func assigned(flag string, given []string, inputs []console.Input) (map[string]any, error) {
	values := map[string]any{}
	var names []string
	types := map[string]string{}
	for _, in := range inputs {
		names = append(names, in.Name)
		types[in.Name] = in.Type
	}
	for _, text := range given {
		name, written, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usagef("write it as "+flag+" name=value", "%s %s has no value", flag, text)
		}
		kind, known := types[name]
		if !known {
			return nil, usagef(nearest(name, names), "there is no input %q", name)
		}
		if _, twice := values[name]; twice {
			return nil, usagef("for several values write a list: "+flag+" "+name+"='[a, b]'", "%s %s is given twice", flag, name)
		}
		v, err := spec.ParseValue(written)
		if err != nil {
			return nil, usagef("quotes around the whole text make it text", "%s %s: %v", flag, name, err)
		}
		if holdsText(kind) && !isText(v) && !strings.ContainsAny(written[:1], "[{") {
			v = written
		}
		values[name] = v
	}
	return values, nil
}

// holdsText reports whether values of a type, as the API describes it, are text.
func holdsText(kind string) bool {
	switch word, _, _ := strings.Cut(kind, " "); strings.TrimSuffix(word, ",") {
	case "string", "enum", "date", "datetime", "duration", "secret":
		return true
	default:
		return false
	}
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok || v == nil
}

// event reads the JSON that --event names: a file, or "-" for the standard
// input. It returns nil for "".
func (a *app) event(name string) (json.RawMessage, error) {
	if name == "" {
		return nil, nil
	}
	var data []byte
	var err error
	if name == "-" {
		data, err = io.ReadAll(a.Stdin)
	} else {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, usagef("", "--event: %v", err)
	}
	if _, err := value.Decode(data); err != nil {
		return nil, usagef("the file holds the event as the trigger brings it, as one JSON object", "--event %s is no JSON: %v", name, err)
	}
	return data, nil
}
