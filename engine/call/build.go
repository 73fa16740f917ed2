package call

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// draft is a request without credentials: it can be shown, and sent as often
// as needed.
type draft struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
}

// request makes a request of the draft.
func (d *draft) request(ctx context.Context) (*http.Request, error) {
	var req *http.Request
	var err error
	if d.body == nil {
		req, err = http.NewRequestWithContext(ctx, d.method, d.url.String(), http.NoBody)
	} else {
		req, err = http.NewRequestWithContext(ctx, d.method, d.url.String(), bytes.NewReader(d.body))
	}
	if err != nil {
		return nil, err
	}
	req.Header = d.header.Clone()
	return req, nil
}

// placed is a value on its way to a place in the request.
type placed struct {
	place program.Place
	value any
	input *program.Input // nil for a constant and for the position in a list
}

// wire returns the value as it goes out: a list that is to be joined as one
// text, a time that is to be counted as a number.
func (p placed) wire() any {
	if p.input != nil && p.input.Tick > 0 {
		return ticks(p.value, p.input.Tick)
	}
	list, ok := p.value.([]any)
	if !ok || p.input == nil || !p.input.Comma {
		return p.value
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = paramText(v)
	}
	return strings.Join(texts, ",")
}

// ticks returns a time as a count since 1970. What is no time stays as it is.
func ticks(v any, tick time.Duration) any {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return v
	case tick == time.Millisecond:
		return int(t.UnixMilli())
	default:
		return int(t.Unix())
	}
}

// param is one name with one value, in the order they are sent.
type param struct{ name, text string }

// builder gathers the parts of a request.
type builder struct {
	path   map[string]string
	query  []param
	header http.Header
	form   []param
	parts  []part
	object map[string]any
	whole  any  // the body as a whole, in place of an object
	isBody bool // something may stand in a body
}

// build makes the draft of a request. Further values, such as the position in
// a list, replace what the inputs say in the same place.
func (o *operation) build(inputs map[string]any, further []placed) (*draft, *value.Failure) {
	b := &builder{path: map[string]string{}, header: http.Header{}}
	if f := o.buildHeaders(b); f != nil {
		return nil, f
	}
	for _, s := range o.Action.Send {
		v, err := s.Value.Eval(o.env())
		if err != nil {
			return nil, value.Fail(value.ClassInvalid, "the constant for %s: %v", placeName(s.Place), err)
		}
		if f := b.put(placed{place: s.Place, value: v}); f != nil {
			return nil, f
		}
	}
	for _, in := range o.Action.Input {
		b.isBody = b.isBody || in.Place.In == program.InBody
		if f := b.put(placed{place: in.Place, value: inputs[in.Name], input: in}); f != nil {
			f.Field = in.Name
			return nil, f
		}
	}
	b.keyFiles(o)
	for _, p := range further {
		if p.place.In == program.InQuery {
			b.query = slices.DeleteFunc(b.query, func(q param) bool { return q.name == p.place.Path[0] })
		}
		if f := b.put(p); f != nil {
			return nil, f
		}
	}
	return o.assemble(b)
}

func (o *operation) buildHeaders(b *builder) *value.Failure {
	b.header.Set("User-Agent", "patchbay")
	b.header.Set("Accept", "*/*")
	if o.Action.Output.Decode == program.DecodeJSON {
		b.header.Set("Accept", "application/json")
	}
	for _, h := range o.Action.Headers {
		v, err := h.Value.Eval(o.env())
		if err != nil {
			return value.Fail(value.ClassInvalid, "header %s: %v", h.Name, err)
		}
		if v == nil {
			continue
		}
		if f := setHeader(b.header, h.Name, v); f != nil {
			return f
		}
	}
	if o.Action.Repeat.Header != "" && o.Key != "" {
		b.header.Set(o.Action.Repeat.Header, o.Key)
	}
	return nil
}

func setHeader(header http.Header, name string, v any) *value.Failure {
	text, ok := textOf(v)
	switch {
	case !ok:
		return value.Fail(value.ClassInvalid, "header %s cannot hold %s", name, kindOf(v))
	case strings.ContainsFunc(text, isControl) || !isToken(name):
		return value.Fail(value.ClassInvalid, "header %s would hold a line break or another character that headers cannot have", strconv.Quote(name))
	}
	header.Set(name, text)
	return nil
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// isToken reports whether a text can be the name of a header.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

// put brings a value to its place. Nil goes nowhere.
func (b *builder) put(p placed) *value.Failure {
	if p.value == nil {
		return nil
	}
	switch p.place.In {
	case program.InNowhere:
		return nil
	case program.InPath:
		return b.putPath(p)
	case program.InHeader:
		return b.putHeader(p)
	case program.InQuery:
		params, f := paramsOf(p)
		b.query = append(b.query, params...)
		return f
	case program.InForm:
		params, f := paramsOf(p)
		b.form = append(b.form, params...)
		return f
	case program.InMultipart:
		parts, f := partsOf(p)
		b.parts = append(b.parts, parts...)
		return f
	default:
		return b.putBody(p)
	}
}

func (b *builder) putPath(p placed) *value.Failure {
	name := p.place.Path[0]
	text, ok := textOf(p.value)
	switch {
	case !ok:
		return value.Fail(value.ClassInvalid, "%s cannot stand in an address: it is %s", name, describe(p.value))
	case text == "":
		return value.Fail(value.ClassInvalid, "%s is empty, and the address needs it", name)
	case text == "." || text == "..":
		return value.Fail(value.ClassInvalid, "%s is %q, which would lead to another address", name, text)
	}
	b.path[name] = text
	return nil
}

func (b *builder) putHeader(p placed) *value.Failure {
	if !spreads(p.place) {
		return setHeader(b.header, p.place.Path[0], p.value)
	}
	several, ok := p.value.(map[string]any)
	if !ok {
		return value.Fail(value.ClassInvalid, "headers are names with values, not %s", kindOf(p.value))
	}
	for _, name := range slices.Sorted(maps.Keys(several)) {
		if several[name] == nil {
			continue
		}
		if f := setHeader(b.header, name, several[name]); f != nil {
			return f
		}
	}
	return nil
}

func (b *builder) putBody(p placed) *value.Failure {
	b.isBody = true
	v := p.wire()
	if p.input != nil && p.input.AsText {
		v = asText(v)
	}
	if spreads(p.place) {
		b.whole = v
		return nil
	}
	if b.object == nil {
		b.object = map[string]any{}
	}
	value.Put(b.object, p.place.Path, withoutFiles(v))
	return nil
}

// spreads reports whether a place takes each entry of a map under its own name,
// such as query.* or header.*; in a body it is the body as a whole.
func spreads(p program.Place) bool {
	return len(p.Path) == 0 || len(p.Path) == 1 && p.Path[0] == "*"
}

// paramsOf returns a value as parameters of a query or a form: a list repeats
// the name unless it is to be joined, an object becomes JSON, and a map that is
// spread gives one parameter for each of its entries.
func paramsOf(p placed) ([]param, *value.Failure) {
	if spreads(p.place) {
		several, ok := p.value.(map[string]any)
		if !ok {
			return nil, value.Fail(value.ClassInvalid, "parameters are names with values, not %s", kindOf(p.value))
		}
		var out []param
		for _, name := range slices.Sorted(maps.Keys(several)) {
			out = append(out, repeated(name, several[name])...)
		}
		return out, nil
	}
	return repeated(strings.Join(p.place.Path, "."), p.wire()), nil
}

func repeated(name string, v any) []param {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var out []param
		for _, e := range v {
			out = append(out, repeated(name, e)...)
		}
		return out
	default:
		return []param{{name, paramText(v)}}
	}
}

func paramText(v any) string {
	if text, ok := textOf(v); ok {
		return text
	}
	text, err := value.Encode(withoutFiles(v))
	if err != nil {
		return "" // unreachable: v has been normalized
	}
	return string(text)
}

// textOf returns text, a number or a boolean as text.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return textOfNumber(v), true
	default:
		return "", false
	}
}

// asText turns the numbers and booleans of a value into text.
func asText(v any) any {
	if list, ok := v.([]any); ok {
		out := make([]any, len(list))
		for i, e := range list {
			out[i] = asText(e)
		}
		return out
	}
	if text, ok := textOf(v); ok {
		return text
	}
	return v
}

func encodeParams(params []param) string {
	var b strings.Builder
	for i, p := range params {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.text))
	}
	return b.String()
}

func placeName(p program.Place) string {
	return strings.Join(append([]string{string(p.In)}, p.Path...), ".")
}
