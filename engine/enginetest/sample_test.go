package enginetest_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// inputs returns inputs for an action: those that must be given, or all. The
// connector's examples and enums come first, so that they are held against the
// description; where it has none, the description says what is sent. turn
// chooses among the values of enums and among forms.
func inputs(a *program.Action, route *routers.Route, needed bool, turn int) map[string]any {
	out := map[string]any{}
	for _, in := range a.Input {
		if !needed || in.Required() {
			out[in.Name] = inputValue(in.Field, describedAt(route, in.Place), turn)
		}
	}
	if first := firstOfBody(a); needed && first != nil && out[first.Name] == nil && asksForSomething(route) {
		out[first.Name] = inputValue(first.Field, describedAt(route, first.Place), turn)
	}
	if a.Output.List {
		out["limit"] = 1
	}
	return out
}

// firstOfBody returns the first input that goes into the body, nil for none.
func firstOfBody(a *program.Action) *program.Input {
	if i := slices.IndexFunc(a.Input, func(in *program.Input) bool { return in.Place.In == program.InBody }); i >= 0 {
		return a.Input[i]
	}
	return nil
}

// asksForSomething reports whether the description wants a body that is not
// empty, whatever stands in it.
func asksForSomething(route *routers.Route) bool {
	if route == nil || route.Operation.RequestBody == nil {
		return false
	}
	json := route.Operation.RequestBody.Value.Content["application/json"]
	return json != nil && json.Schema != nil && json.Schema.Value.MinProps > 0
}

// describedAt returns what the description says of the place an input goes to.
func describedAt(route *routers.Route, p program.Place) *openapi3.Schema {
	switch {
	case route == nil || len(p.Path) == 0:
		return nil
	case p.In == program.InQuery || p.In == program.InPath || p.In == program.InHeader:
		for _, list := range []openapi3.Parameters{route.Operation.Parameters, route.PathItem.Parameters} {
			if q := list.GetByInAndName(string(p.In), p.Path[0]); q != nil && q.Schema != nil {
				return q.Schema.Value
			}
		}
		return nil
	case route.Operation.RequestBody == nil:
		return nil
	}
	for _, content := range route.Operation.RequestBody.Value.Content {
		if content.Schema == nil {
			continue
		}
		s := content.Schema.Value
		for _, name := range p.Path {
			s = property(s, name)
		}
		return s
	}
	return nil
}

// property returns what a schema says of one of its keys: where it has several
// forms, that of the first form that has the key.
func property(s *openapi3.Schema, name string) *openapi3.Schema {
	if s == nil {
		return nil
	}
	if p, ok := s.Properties[name]; ok {
		return p.Value
	}
	for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
		if p := property(part.Value, name); p != nil {
			return p
		}
	}
	return nil
}

// itemsOf returns what a schema says of the items of a list.
func itemsOf(s *openapi3.Schema) *openapi3.Schema {
	if s == nil || s.Items == nil {
		return nil
	}
	return s.Items.Value
}

func inputValue(f value.Field, s *openapi3.Schema, turn int) any {
	if f.Type.Kind == value.Enum && len(f.Type.Values) > 0 {
		return f.Type.Values[turn%len(f.Type.Values)]
	}
	if f.Example != nil {
		return f.Example
	}
	switch f.Type.Kind {
	case value.List:
		return []any{inputValue(value.Field{Type: f.Type.Elem}, itemsOf(s), turn)}
	case value.Map:
		if s != nil && len(s.Properties) > 0 {
			return sample(s.NewRef(), nil) // the connector leaves open what the description names
		}
		var elem *openapi3.Schema
		if s != nil && s.AdditionalProperties.Schema != nil {
			elem = s.AdditionalProperties.Schema.Value
		}
		return map[string]any{"key": inputValue(value.Field{Type: f.Type.Elem}, elem, turn)}
	case value.Object:
		return inputObject(f, s, turn)
	default:
	}
	if s != nil && !isBlank(s) {
		if v := sample(s.NewRef(), nil); fitsKind(f.Type.Kind, v) {
			return v
		}
	}
	return ofKind(f)
}

// inputObject returns all fields of an object; where the description has it in
// several forms, those of the form whose turn it is.
func inputObject(f value.Field, s *openapi3.Schema, turn int) any {
	forms := false
	if s != nil && len(s.Properties) == 0 {
		if list := slices.Concat(s.OneOf, s.AnyOf); len(list) > 0 {
			s, forms = list[turn%len(list)].Value, true
		}
	}
	out := map[string]any{}
	for _, inner := range f.Type.Fields {
		p := property(s, inner.Name)
		if p != nil || !forms {
			out[inner.Name] = inputValue(inner, p, turn)
		}
	}
	return out
}

// fitsKind reports whether a described value is one that the connector's kind
// of field takes.
func fitsKind(k value.Kind, v any) bool {
	switch v.(type) {
	case string:
		return k == value.String || k == value.Any
	case bool:
		return k == value.Boolean || k == value.Any
	case float64, int:
		return k == value.Integer || k == value.Number || k == value.Any
	}
	return k == value.Any
}

// ofKind returns a value for a field of which only the kind is known.
func ofKind(f value.Field) any {
	switch f.Type.Kind {
	case value.Integer, value.Number:
		if f.Min != nil {
			return *f.Min
		}
		return 1
	case value.Boolean:
		return true
	case value.Datetime:
		return someTime
	case value.Date:
		return someTime[:10]
	case value.FileKind:
		return value.File{Name: "receipt.pdf", ContentType: "application/pdf", Data: []byte("%PDF-1.4")}
	case value.Any:
		return map[string]any{}
	case value.Enum:
		return f.Type.Values[0]
	case value.List:
		return []any{wire(value.Field{Type: f.Type.Elem})}
	case value.Map:
		return map[string]any{"key": wire(value.Field{Type: f.Type.Elem})}
	default:
		return "text"
	}
}

const someTime = "2026-06-15T10:00:00.000Z"

// answer answers with all that the description says a good answer has. What it
// leaves open (text of any form, a value of any type) and what it says wrongly
// by the connector's account, is as the connector has it.
func (v *vendor) answer(w http.ResponseWriter, route *routers.Route) {
	responses := route.Operation.Responses.Map()
	w.Header().Set("Content-Type", "application/json")
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		code, err := strconv.Atoi(status)
		if err != nil || code < 200 || code > 299 {
			continue
		}
		w.WriteHeader(code)
		content := responses[status].Value.Content.Get("application/json")
		if content == nil || content.Schema == nil || isBlank(content.Schema.Value) {
			break
		}
		body := sample(content.Schema, nil)
		o := opening{action: v.action}
		_ = json.NewEncoder(w).Encode(o.whole(body, content.Schema.Value))
		return
	}
	v.blank = true
	_, _ = io.WriteString(w, "{}")
}

func isBlank(s *openapi3.Schema) bool {
	return s == nil || s.Type == nil && len(s.Enum) == 0 && len(s.Properties) == 0 && len(s.AllOf)+len(s.OneOf)+len(s.AnyOf) == 0
}

// sample returns a value of the schema with everything in it.
func sample(ref *openapi3.SchemaRef, within []*openapi3.Schema) any {
	if ref == nil || ref.Value == nil || slices.Contains(within, ref.Value) {
		return map[string]any{}
	}
	s := ref.Value
	within = append(slices.Clip(within), s)
	if forms := slices.Concat(s.OneOf, s.AnyOf); len(forms) > 0 && len(s.Properties) == 0 {
		return sample(forms[0], within)
	}
	if len(s.AllOf) == 1 && len(s.Properties) == 0 {
		return sample(s.AllOf[0], within)
	}
	if len(s.AllOf) > 0 || len(s.Properties) > 0 {
		out := map[string]any{}
		for _, part := range s.AllOf {
			if more, ok := sample(part, within).(map[string]any); ok {
				maps.Copy(out, more)
			}
		}
		for name, p := range s.Properties {
			out[name] = sample(p, within)
		}
		return out
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	empty, isList := s.Extensions[exampleKey].([]any)
	if example, ok := s.Extensions[exampleKey]; ok && s.Type != nil && s.VisitJSON(example) == nil && (!isList || len(empty) > 0) {
		return example
	}
	return plain(s, within)
}

// plain returns a value of a schema that is no object of known keys.
func plain(s *openapi3.Schema, within []*openapi3.Schema) any {
	switch {
	case s.Type.Is("array"):
		return []any{sample(s.Items, within)}
	case s.Type.Is("integer"), s.Type.Is("number"):
		if s.Min != nil {
			return *s.Min
		}
		return 1
	case s.Type.Is("boolean"):
		return true
	case s.Type.Is("string"):
		return text(s)
	case s.AdditionalProperties.Schema != nil:
		return map[string]any{"key": sample(s.AdditionalProperties.Schema, within)}
	}
	return map[string]any{}
}

// text returns a text of the schema's format and, as far as its pattern is a
// class of characters and a length, of its pattern.
func text(s *openapi3.Schema) string {
	switch s.Format {
	case "date-time":
		return someTime
	case "date":
		return someTime[:10]
	case "uri", "url":
		return "https://example.com/"
	case "email":
		return "ada@example.com"
	case "uuid":
		return "3f0c1c52-6a0b-4b1e-9d0a-5a1f3b1c2d4e"
	}
	for _, try := range []string{"text", strings.Repeat("a", 24), strings.Repeat("a", 30), "2026-06-15", "EUR", "10.00", "FR", "1"} {
		if s.VisitJSONString(try) == nil {
			return try
		}
	}
	return "text"
}

// opening fills what a description leaves open in an answer.
type opening struct{ action *program.Action }

func (o opening) whole(body any, s *openapi3.Schema) any {
	out := o.action.Output
	if out.Type == nil || len(out.At) == 0 || out.At[0] != "body" {
		return body
	}
	if o.differs("output") {
		return o.instead(body)
	}
	return o.within(body, s, out.At[1:])
}

// instead puts what the connector says is answered in the place where it says
// that it is.
func (o opening) instead(body any) any {
	out := o.action.Output
	v := wire(value.Field{Type: out.Type})
	if out.List {
		v = []any{v}
	}
	root, ok := body.(map[string]any)
	if !ok || len(out.At) == 1 {
		return v
	}
	for _, key := range out.At[1 : len(out.At)-1] {
		if _, object := root[key].(map[string]any); !object {
			root[key] = map[string]any{}
		}
		root = root[key].(map[string]any)
	}
	root[out.At[len(out.At)-1]] = v
	return body
}

// within goes down to the place of the record or the list.
func (o opening) within(v any, s *openapi3.Schema, at []string) any {
	if len(at) > 0 {
		m, ok := v.(map[string]any)
		if ok {
			m[at[0]] = o.within(m[at[0]], property(s, at[0]), at[1:])
		}
		return v
	}
	if list, ok := v.([]any); ok && o.action.Output.List {
		for i := range list {
			list[i] = o.fill(list[i], itemsOf(s), o.action.Output.Type, "output")
		}
		return list
	}
	return o.fill(v, s, o.action.Output.Type, "output")
}

func (o opening) fill(v any, s *openapi3.Schema, t *value.Type, what string) any {
	if isBlank(s) || o.differs(what) {
		return wire(value.Field{Type: t})
	}
	switch v := v.(type) {
	case map[string]any:
		switch t.Kind {
		case value.Object:
			for _, f := range t.Fields {
				o.field(v, s, f, what+"."+f.Name)
			}
		case value.Map:
			for key := range v {
				if s.AdditionalProperties.Schema != nil {
					v[key] = o.fill(v[key], s.AdditionalProperties.Schema.Value, t.Elem, what)
				}
			}
		default:
		}
	case []any:
		if t.Kind == value.List {
			for i := range v {
				v[i] = o.fill(v[i], itemsOf(s), t.Elem, what)
			}
		}
	case string:
		return o.text(v, s, t)
	}
	return v
}

// text keeps a text that the connector's type takes too.
func (o opening) text(v string, s *openapi3.Schema, t *value.Type) any {
	switch {
	case t.Kind == value.Datetime && !isTime(v, time.RFC3339), t.Kind == value.Date && !isTime(v, time.DateOnly):
		return ofKind(value.Field{Type: t})
	case t.Kind == value.Enum && len(s.Enum) == 0:
		return t.Values[0]
	}
	return v
}

func isTime(v, layout string) bool {
	_, err := time.Parse(layout, v)
	return err == nil
}

// field fills one field of a record where the vendor keeps it.
func (o opening) field(record map[string]any, s *openapi3.Schema, f value.Field, what string) {
	path := f.Wire
	if path == nil {
		path = []string{f.Name}
	}
	for _, name := range path[:len(path)-1] {
		next, ok := record[name].(map[string]any)
		if !ok {
			return
		}
		record, s = next, property(s, name)
	}
	last := path[len(path)-1]
	if _, there := record[last]; there || o.differs(what) {
		record[last] = o.fill(record[last], property(s, last), f.Type, what)
	}
}

// differs reports whether the connector says that the description is wrong
// about a field.
func (o opening) differs(what string) bool {
	return slices.ContainsFunc(o.action.Differs, func(d program.Difference) bool { return d.What == what })
}

// wire returns a value of a connector's type as it comes from the service.
func wire(f value.Field) any {
	if f.Example != nil && f.Type.Kind != value.Object {
		return f.Example
	}
	if f.Type.Kind != value.Object {
		return ofKind(f)
	}
	out := map[string]any{}
	for _, inner := range f.Type.Fields {
		path := inner.Wire
		if path == nil {
			path = []string{inner.Name}
		}
		objectAt(out, path[:len(path)-1]...)[path[len(path)-1]] = wire(inner)
	}
	return out
}
