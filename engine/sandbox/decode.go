package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// constants checks what every request of the action must carry: its headers
// and the values it always sends.
func (st *stage) constants(a *program.Action, req *request, inputs map[string]any) *problem {
	env := &expr.Env{Names: map[string]any{"input": inputs, "connection": st.connection}}
	for _, h := range a.Headers {
		if v, err := h.Value.Eval(env); err != nil || v == nil {
			continue // a header of a value that is left out is left out too
		}
		got := req.header.Get(h.Name)
		want := textOf(h.Value.Const)
		switch {
		case h.Value.IsConst() && got == "":
			return refuse(http.StatusBadRequest, value.ClassInvalid, "the header %s is missing: %q is expected", h.Name, want)
		case h.Value.IsConst() && got != want:
			return refuse(http.StatusBadRequest, value.ClassInvalid, "the header %s is %q: %q is expected", h.Name, got, want)
		case got == "":
			return refuse(http.StatusBadRequest, value.ClassInvalid, "the header %s is missing", h.Name)
		}
	}
	for _, s := range a.Send {
		if s.Value.IsConst() && !req.holds(s.Place, s.Value.Const) {
			return invalid("%s must always be %s", nameOf(s.Place), written(s.Value.Const))
		}
	}
	return nil
}

// decode reads the inputs of the action out of the request: send_as backwards.
// Every declared input is in the map, nil where it was left out. What lies
// inside of an input is in wire form.
func (st *stage) decode(a *program.Action, req *request) (map[string]any, *problem) {
	inputs := make(map[string]any, len(a.Input))
	var first *problem
	for _, in := range a.Input {
		if in.Place.In == program.InNowhere {
			inputs[in.Name] = nil // a vendor never sees it
			continue
		}
		v, wrong := st.input(in, req)
		if wrong != "" && first == nil {
			first = invalid("%s", wrong)
		}
		inputs[in.Name] = v
	}
	return inputs, first
}

func (st *stage) input(in *program.Input, req *request) (v any, wrong string) {
	found, there := req.lookup(in)
	at := nameOf(in.Place)
	if !there {
		return st.leftOut(in, at)
	}
	texts, isText := found.([]string)
	switch {
	case in.Tick > 0:
		v, wrong = fromTicks(in, found, at)
	case isText:
		v, wrong = fromTexts(in, texts, at)
	case in.Comma || in.AsText:
		text, ok := found.(string)
		if !ok {
			return nil, at + " is " + shown(found) + ", a text is expected"
		}
		v, wrong = fromTexts(in, []string{text}, at)
	default:
		v, wrong = found, misfit(in.Type, found, at)
	}
	if wrong == "" {
		if reason := in.OutOfBounds(v); reason != "" {
			wrong = at + " is " + shown(v) + ", " + reason
		}
	}
	return v, wrong
}

func (st *stage) leftOut(in *program.Input, at string) (v any, wrong string) {
	if in.Required() {
		return nil, at + " is missing"
	}
	if in.Default == nil {
		return nil, ""
	}
	d, err := in.Default.Eval(&expr.Env{Names: map[string]any{"connection": st.connection}})
	if err != nil {
		return nil, at + " is missing"
	}
	return d, ""
}

// nameOf names a place of a request as the vendor would.
func nameOf(p program.Place) string {
	switch p.In {
	case program.InBody:
		if len(p.Path) == 0 {
			return "the body"
		}
		return strings.Join(p.Path, ".")
	case program.InHeader:
		return "the header " + p.Path[0]
	default:
		return p.Path[0]
	}
}

// fromTexts reads a value that travels as text.
func fromTexts(in *program.Input, texts []string, at string) (v any, wrong string) {
	if in.Type == nil || in.Type.Kind != value.List {
		if len(texts) != 1 {
			return nil, fmt.Sprintf("%s is there %d times", at, len(texts))
		}
		return fromText(in.Type, texts[0], at)
	}
	if in.Comma {
		joined := strings.Join(texts, ",")
		texts = nil
		if joined != "" {
			texts = strings.Split(joined, ",")
		}
	}
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i], wrong = fromText(in.Type.Elem, text, at)
		if wrong != "" {
			return nil, wrong
		}
	}
	return list, ""
}

// fromTicks reads a time that goes out as a count since 1970.
func fromTicks(in *program.Input, found any, at string) (v any, wrong string) {
	texts, isText := found.([]string)
	n, isNumber := found.(int)
	if isText && len(texts) == 1 {
		var err error
		n, err = strconv.Atoi(texts[0])
		isNumber = err == nil
	}
	if !isNumber {
		return nil, at + " is " + shown(found) + ", a count since 1970 is expected"
	}
	return time.Unix(0, 0).Add(time.Duration(n) * in.Tick).UTC().Format(time.RFC3339Nano), ""
}

func fromText(t *value.Type, text, at string) (v any, wrong string) {
	if t.IsAny() {
		return text, ""
	}
	var err error
	switch t.Kind {
	case value.Integer:
		v, err = strconv.Atoi(text)
	case value.Number:
		v, err = strconv.ParseFloat(text, 64)
	case value.Boolean:
		v, err = text == "true", nil
		if text != "true" && text != "false" {
			return nil, at + " is " + strconv.Quote(text) + ", true or false is expected"
		}
	case value.Object, value.Map, value.List:
		if v, err = value.Decode([]byte(text)); err == nil {
			return v, misfit(t, v, at)
		}
	default:
		return text, misfit(t, text, at)
	}
	if err != nil {
		return nil, at + " is " + strconv.Quote(text) + ", " + t.AsPresent().String() + " is expected"
	}
	return v, ""
}

// misfit returns "" if v, in wire form, is of the type, else what is wrong.
func misfit(t *value.Type, v any, at string) string {
	switch {
	case t.IsAny(), v == nil && t.MayBeNil():
		return ""
	}
	switch t.Kind {
	case value.List:
		list, ok := v.([]any)
		if !ok {
			break
		}
		for i, e := range list {
			if wrong := misfit(t.Elem, e, at+"."+strconv.Itoa(i)); wrong != "" {
				return wrong
			}
		}
		return ""
	case value.Map:
		if m, ok := v.(map[string]any); ok {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				if wrong := misfit(t.Elem, m[k], at+"."+k); wrong != "" {
					return wrong
				}
			}
			return ""
		}
	case value.Object:
		if m, ok := v.(map[string]any); ok {
			return misfitOfFields(t, m, at)
		}
	default:
		if fits(t, v) {
			return ""
		}
	}
	return at + " is " + shown(v) + ", " + t.AsPresent().String() + " is expected"
}

func misfitOfFields(t *value.Type, m map[string]any, at string) string {
	for _, f := range t.Fields {
		path := wirePath(f)
		where := at + "." + strings.Join(path, ".")
		v, _ := value.Get(m, path)
		if v == nil {
			if f.Type.MayBeNil() || f.Type.IsAny() {
				continue
			}
			return where + " is missing"
		}
		if wrong := misfit(f.Type, v, where); wrong != "" {
			return wrong
		}
	}
	return ""
}

// wirePath is where the vendor keeps a field.
func wirePath(f value.Field) []string {
	if f.Wire != nil {
		return f.Wire
	}
	return []string{f.Name}
}

// fits reports whether v is a scalar of the type.
func fits(t *value.Type, v any) bool {
	switch v := v.(type) {
	case string:
		return fitsText(t, v)
	case bool:
		return t.Kind == value.Boolean
	case int:
		return t.Kind == value.Integer || t.Kind == value.Number
	case float64:
		return t.Kind == value.Number || t.Kind == value.Integer && v == float64(int(v))
	case value.File:
		return t.Kind == value.FileKind
	default:
		return false
	}
}

func fitsText(t *value.Type, text string) bool {
	var err error
	switch t.Kind {
	case value.String, value.SecretText:
	case value.Enum:
		return slices.Contains(t.Values, text)
	case value.Datetime:
		_, err = time.Parse(time.RFC3339, text)
	case value.Date:
		_, err = time.Parse(time.DateOnly, text)
	case value.Duration:
		_, err = value.ParseDuration(text)
	default:
		return false
	}
	return err == nil
}

// shown returns a value as it stands in a sentence.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if r := []rune(v); len(r) > 40 {
			v = string(r[:40]) + "…"
		}
		return strconv.Quote(v)
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case value.File:
		return "a file"
	default:
		return fmt.Sprint(v)
	}
}

// written returns a value as it is written.
func written(v any) string {
	data, err := value.Encode(v)
	if err != nil {
		return shown(v)
	}
	return string(data)
}

// textOf returns a scalar as it stands in a query or a header.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// equal compares two values; 2 and 2.0 are the same number.
func equal(a, b any) bool {
	x, err := value.Encode(a)
	if err != nil {
		return false
	}
	y, err := value.Encode(b)
	return err == nil && string(x) == string(y)
}
