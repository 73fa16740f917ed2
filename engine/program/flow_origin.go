package program

import (
	"regexp"
	"slices"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// format is a way in which a text may be read as more than text.
type format struct {
	name   string   // as a field has it
	safe   string   // the function that makes text safe for it
	also   []string // further ones whose text is safe in it
	danger string
}

// formats returns the formats. The place of each is its bit in [marks].
func formats() []format {
	return []format{
		{"html", "html", []string{"urlencode", "base64", "toBase64"}, "into HTML as it is: a < in it would begin a tag"},
		{"mrkdwn", "mrkdwn", []string{"html", "urlencode", "base64", "toBase64"}, "into the message as it is: <!channel> in it would call everybody"},
		{"url", "urlencode", nil, "into an address as it is: a / or & in it would lead elsewhere"},
	}
}

func (f format) functions() []string { return append([]string{f.safe}, f.also...) }

// marks say for which formats something holds text of outsiders that was not
// made safe.
type marks uint8

const allMarks marks = 1<<3 - 1

// origin is what a value of a flow is made of: whether there is text of
// outsiders in it, which came with an event or from a service.
type origin struct {
	marks  marks
	fields map[string]origin // of an object whose fields are known; of a list, those of its items
}

// whole returns the marks of all there is in it.
func (o origin) whole() marks {
	m := o.marks
	for _, f := range o.fields {
		m |= f.whole()
	}
	return m
}

// at returns what lies at a path below.
func (o origin) at(path []string) origin {
	for _, name := range path {
		f, ok := o.fields[name]
		if !ok {
			return origin{marks: o.whole()}
		}
		o = f
	}
	return o
}

// failureOrigin is what `error`, and the event of a failed flow, are made of:
// what a service said is in the message.
func failureOrigin() origin {
	return origin{fields: map[string]origin{
		"message": {marks: allMarks}, "class": {}, "step": {}, "action": {}, "status": {}, "flow": {}, "name": {}, "run": {},
		"url": {}, "trigger": {}, "started": {}, "ended": {},
	}}
}

// from returns what a path that an expression reads is made of.
func (c *flowCheck) from(path []string) origin {
	switch name := path[0]; name {
	case "event":
		return c.eventOrigin().at(path[1:])
	case "error":
		return failureOrigin().at(path[1:])
	case "failures":
		return failureOrigin().at(path[min(2, len(path)):])
	case "steps", "vars":
		if len(path) < 2 {
			return origin{marks: allMarks}
		}
		return c.origins[name+"."+path[1]].at(path[2:])
	default:
		return c.origins[name].at(path[1:])
	}
}

func (c *flowCheck) eventOrigin() origin {
	var o origin
	for _, t := range c.made.Triggers {
		switch {
		case t.Event != nil, t.Webhook != nil:
			return origin{marks: allMarks}
		case t.FlowFailed != "":
			o = failureOrigin()
		}
	}
	return o
}

// brings returns what the output of a step is made of.
func (c *flowCheck) brings(s *Step) origin {
	switch s.Kind {
	case DoAction, DoWaitFor:
		return origin{marks: allMarks}
	case DoSet:
		o := origin{fields: map[string]origin{}}
		for _, f := range s.Set {
			o.fields[f.Name] = c.originOf(f.Value)
		}
		return o
	case DoForEach:
		if len(s.Steps) > 0 {
			return s.Steps[len(s.Steps)-1].hands
		}
	case DoCall:
		if callee := c.made.Calls[s.Flow]; callee != nil {
			return callee.hands
		}
	default:
	}
	return origin{}
}

// originOf returns what a written value is made of.
func (c *flowCheck) originOf(v *Value) origin {
	var o origin
	switch {
	case v == nil:
	case v.form == formCode && v.Code != nil:
		return c.originOfCode(v.Code)
	case v.form == formParts:
		for _, p := range v.Parts {
			if p.Code != nil {
				o.marks |= c.originOfCode(p.Code).whole()
			}
		}
	case v.form == formList:
		for _, e := range v.List {
			o.marks |= c.originOf(e).whole()
		}
	case v.form == formObject:
		o.fields = map[string]origin{}
		for _, f := range v.Object {
			o.fields[f.Name] = c.originOf(f.Value)
		}
	}
	return o
}

func (c *flowCheck) originOfCode(code *expr.Code) origin {
	all := code.Origins()
	var o origin
	same := true
	for i, f := range formats() {
		left := code.Origins(f.functions()...)
		same = same && len(left) == len(all)
		if c.outsiders(left, code.Type(), i) {
			o.marks |= 1 << i
		}
	}
	if same && len(all) == 1 && !isID(all[0], code.Type()) {
		return c.from(all[0])
	}
	return o
}

// unescaped warns of text of outsiders in the inputs that are read as more than
// text.
func (c *flowCheck) unescaped(entries []spec.Entry, made *Value, want *value.Type) {
	if made == nil || made.form != formObject {
		return
	}
	for _, e := range entries {
		f, ok := want.Lookup(e.Key.Value)
		i := slices.IndexFunc(made.Object, func(n Named) bool { return n.Name == e.Key.Value })
		if !ok || i < 0 {
			continue
		}
		v := made.Object[i].Value
		if at := slices.IndexFunc(formats(), func(k format) bool { return k.name == f.Format }); at >= 0 {
			c.unescapedText(e.Value.Text, v, at)
		}
		if e.Value.Kind == spec.Map && f.Type != nil {
			c.unescaped(e.Value.Entries, v, f.Type)
		}
	}
}

// unescapedText warns of them in one text, which is read as the format of that
// number.
func (c *flowCheck) unescapedText(t spec.Text, v *Value, number int) {
	parts, _ := expr.Scan(t.Value)
	for i, p := range parts {
		code := v.Code
		if v.form == formParts {
			code = v.Parts[i].Code
		}
		if !p.IsExpr || code == nil {
			continue
		}
		how := formats()[number]
		for _, raw := range code.Raw(how.functions()...) {
			whole := how.name == "url" && i == 0 && raw.First // not a part of an address, but one
			if !whole && c.outsiders(raw.Origins, raw.Type, number) {
				c.escape(t, p, raw, how)
			}
		}
	}
}

// outsiders reports whether there is text of outsiders in a value of type t that
// comes from these paths, not made safe for the format of that number.
func (c *flowCheck) outsiders(paths [][]string, t *value.Type, number int) bool {
	return slices.ContainsFunc(paths, func(path []string) bool {
		return !isID(path, t) && c.from(path).whole()&(1<<number) != 0
	})
}

// ofID matches the names of ids, which a service makes up itself.
var ofID = regexp.MustCompile(`^(id|.*(Id|ID|_id))$`)

// isID reports whether a value is an id by its path, as far as a connector
// vouches for it: in what nobody described, anything may be called so.
func isID(path []string, t *value.Type) bool {
	return !t.IsAny() && ofID.MatchString(path[len(path)-1])
}

func (c *flowCheck) escape(t spec.Text, p expr.Part, raw expr.Raw, how format) {
	src := p.Expr[raw.From:raw.To]
	before, after := how.safe+"(", ")"
	switch text := raw.Type.AsPresent(); {
	case raw.Type.IsAny():
		before, after = before+"string(", "))"
	case text.Kind == value.List && !text.Elem.IsAny() && !text.Elem.Optional && text.Elem.Kind == value.String:
		before, after = "map(", ", "+how.safe+"(#))"
	}
	from, to := t.At(p.Inner+raw.From), t.At(p.Inner+raw.To)
	f := diag.Finding{
		Pos: from, Width: width(src), Code: "W112",
		Message: src + " is text of other people, and goes " + how.danger, Hint: how.safe + "(…) takes their meaning from such signs",
	}
	if from.Line == to.Line && !raw.Type.MayBeNil() {
		f.Fix = &diag.Fix{Label: before + src + after, Edits: []diag.Edit{{Pos: from, Text: before}, {Pos: to, Text: after}}}
	}
	c.add(f)
}
