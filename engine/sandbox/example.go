package sandbox

import (
	"slices"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// mostNesting is how deep a generated example nests; types may hold themselves.
const mostNesting = 6

// generated returns an example of the action's output, in wire form. What the
// request said of the same name is said back.
func (s *scene) generated() any {
	out := s.action.Output
	if out.Type == nil {
		return nil
	}
	record := s.example(out.Type, out.Type.Name, 0)
	if m, ok := record.(map[string]any); ok {
		s.echo(m, out.Type)
	}
	if out.List {
		return []any{record}
	}
	return record
}

// echo writes the inputs into the fields that bear their name.
func (s *scene) echo(record map[string]any, t *value.Type) {
	for _, f := range t.Fields {
		for _, in := range s.action.Input {
			v := s.inputs[in.Name]
			same := in.Name == f.Name || in.Place.In == program.InBody && slices.Equal(in.Place.Path, wirePath(f))
			if v != nil && same && misfit(f.Type, v, "") == "" {
				value.Put(record, wirePath(f), v)
			}
		}
	}
}

func (s *scene) example(t *value.Type, name string, depth int) any {
	switch {
	case t.IsAny():
		return "sandbox"
	case depth > mostNesting:
		return nil
	}
	switch t.Kind {
	case value.Object:
		m := map[string]any{}
		for _, f := range t.Fields {
			s.exampleOfField(m, f, depth)
		}
		return m
	case value.List:
		if depth >= mostNesting-1 {
			return []any{}
		}
		return []any{s.example(t.Elem, name, depth+1)}
	case value.Map:
		return map[string]any{}
	case value.Integer, value.Number:
		return 1
	case value.Boolean:
		return true
	case value.Datetime:
		return s.now.UTC().Format(time.RFC3339)
	case value.Date:
		return s.now.UTC().Format(time.DateOnly)
	case value.Duration:
		return "1h"
	case value.Enum:
		return t.Values[0]
	case value.FileKind:
		return value.File{Name: "sandbox.txt", ContentType: "text/plain; charset=utf-8", Data: []byte("A file of the sandbox.\n")}
	case value.Nil:
		return nil
	default:
		return "sandbox-" + name
	}
}

func (s *scene) exampleOfField(record map[string]any, f value.Field, depth int) {
	path := wirePath(f)
	switch {
	case f.Example != nil:
		value.Put(record, path, onWire(f.Type, f.Example))
	case f.Min != nil && (f.Type.Kind == value.Integer || f.Type.Kind == value.Number):
		value.Put(record, path, *f.Min)
	case f.Type != nil && f.Type.Optional && depth > 0 && f.Type.Kind == value.Object:
		// An optional object inside another one is often the same type again.
	case f.Type != nil && f.Type.Optional && f.Type.Kind != value.Object:
	default:
		value.Put(record, path, s.example(f.Type, f.Name, depth+1))
	}
}

// onWire brings an example, which is written with the names of the fields,
// into wire form.
func onWire(t *value.Type, v any) any {
	switch v := v.(type) {
	case []any:
		if t == nil || t.Kind != value.List {
			return v
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = onWire(t.Elem, e)
		}
		return out
	case map[string]any:
		if t == nil || t.Kind != value.Object {
			return v
		}
		out := map[string]any{}
		for _, f := range t.Fields {
			if e, ok := v[f.Name]; ok {
				value.Put(out, wirePath(f), onWire(f.Type, e))
			}
		}
		return out
	default:
		return v
	}
}
