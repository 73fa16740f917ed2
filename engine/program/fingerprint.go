package program

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/expr"
	"patchbay/engine/value"
)

// Fingerprint is the same for two steps that give the same: those that do the
// same with what they are given. It says nothing about a step of which it is
// not known what it is given.
func (s *Step) Fingerprint(given any) string {
	h := sha256.New()
	io.WriteString(h, s.Does()) //nolint:errcheck,gosec // a hash takes everything
	if s.Kind == DoAction {
		s.Action.describe(h)
	}
	text, err := value.Encode(given)
	if err != nil {
		text = fmt.Appendf(nil, "%v", given) // unreachable: what a step is given is a value
	}
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// Written is the same for two steps that are written the same, as far as that
// decides what they are given.
func (s *Step) Written() string {
	var text strings.Builder
	text.WriteString(s.Does() + " " + s.With.Source())
	for _, n := range s.Set {
		text.WriteString(" " + n.Name + ": " + n.Value.Source())
	}
	for _, b := range s.Branches {
		if b.If != nil {
			text.WriteString(" if " + b.If.Source())
		}
	}
	return text.String()
}

// Does says what a step does, as far as another one at its place would not.
func (s *Step) Does() string {
	switch s.Kind {
	case DoAction:
		return s.Action.ID
	case DoCall:
		return "call " + s.Flow
	case DoForEach:
		return "for_each " + s.ForEach.Source()
	default:
		return string(s.Kind)
	}
}

// Writes reports whether the step changes something at a service.
func (s *Step) Writes() bool { return s.Kind == DoAction && s.Action.Effect != EffectRead }

// describe writes down what the request of an action is, and what is taken of
// the answer: all of the action that its output depends on.
func (a *Action) describe(w io.Writer) {
	fmt.Fprintln(w, a.Transport, a.Method, a.Host, a.Path)
	for _, h := range a.Headers {
		fmt.Fprintln(w, "header", h.Name, h.Value.Source())
	}
	for _, s := range a.Send {
		fmt.Fprintln(w, "send", s.Place, s.Value.Source())
	}
	for _, in := range a.Input {
		fmt.Fprintln(w, "input", in.Name, in.Place, in.Comma, in.AsText, in.Tick, in.Default.Source())
	}
	for _, b := range a.Before {
		fmt.Fprintln(w, "before", b.ID)
		b.Action.describe(w)
	}
	if p := a.Paginate; p != nil {
		fmt.Fprintln(w, "pages", p.Style, p.Param, p.Next, p.Total, p.More, p.MaxPages)
	}
	o := a.Output
	fmt.Fprintln(w, "output", o.List, o.At, o.Below, describeType(o.Type, nil))
}

// describeType returns what is taken of an answer: the fields and where they
// lie. open are the types around this one.
func describeType(t *value.Type, open []*value.Type) string {
	if t == nil || slices.Contains(open, t) {
		return t.String()
	}
	open = append(open, t)
	var text strings.Builder
	fmt.Fprint(&text, t.Kind, t.Optional, t.Values)
	if t.Elem != nil {
		text.WriteString("(" + describeType(t.Elem, open) + ")")
	}
	for _, f := range t.Fields {
		fmt.Fprintf(&text, "{%s %q %s}", f.Name, f.Wire, describeType(f.Type, open))
	}
	return text.String()
}

// Reads returns the dotted paths that the expressions of a step read, but not
// those of steps inside it.
func (s *Step) Reads() []string {
	refs := slices.Concat(s.With.Refs(), s.Reason.Refs())
	for _, code := range []*expr.Code{s.If, s.ForEach, s.WaitUntil} {
		refs = append(refs, codeRefs(code)...)
	}
	for _, n := range s.Set {
		refs = append(refs, n.Value.Refs()...)
	}
	for _, b := range s.Branches {
		refs = append(refs, codeRefs(b.If)...)
	}
	if s.WaitFor != nil {
		refs = append(refs, codeRefs(s.WaitFor.Match)...)
	}
	return refs
}

func codeRefs(c *expr.Code) []string {
	if c == nil {
		return nil
	}
	return c.Refs()
}

// Source returns a value in one line, as it could be written in a file: equal
// texts mean equal values. It is "" for none.
func (v *Value) Source() string {
	switch {
	case v == nil:
		return ""
	case v.Code != nil:
		return "${{ " + v.Code.Source() + " }}"
	case v.Parts != nil:
		var b strings.Builder
		for _, part := range v.Parts {
			b.WriteString(part.Text)
			if part.Code != nil {
				b.WriteString("${{ " + part.Code.Source() + " }}")
			}
		}
		return strconv.Quote(b.String())
	case v.List != nil:
		items := make([]string, len(v.List))
		for i, item := range v.List {
			items[i] = item.Source()
		}
		return "[" + strings.Join(items, ", ") + "]"
	case v.Object != nil:
		fields := make([]string, len(v.Object))
		for i, f := range v.Object {
			fields[i] = f.Name + ": " + f.Value.Source()
		}
		return "{ " + strings.Join(fields, ", ") + " }"
	default:
		return SourceOf(v.Const)
	}
}

// SourceOf returns data in one line, as it could be written in a file.
func SourceOf(data any) string {
	if text, ok := data.(string); ok {
		return strconv.Quote(text)
	}
	text, err := value.Encode(data)
	if err != nil {
		return fmt.Sprintf("%#v", data) // unreachable: a constant of a file is data
	}
	return string(text)
}
