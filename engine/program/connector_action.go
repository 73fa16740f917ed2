package program

import (
	"cmp"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// actions checks the actions of connector.yaml or one group file.
func (c *connectorCheck) actions() {
	var headers []spec.Entry
	if c.main.API != nil {
		headers = c.main.API.Headers
	}
	for _, a := range c.part.Actions {
		action := c.action(grouped(c.part, a.Name.Value), a, slices.Concat(headers, c.part.Headers))
		c.into.byName[action.Name] = action
		c.into.actions = append(c.into.actions, action)
	}
}

// grouped returns the name inside the connector of what a file calls name.
func grouped(part *spec.Connector, name string) string {
	if part.Group.Given() {
		return part.Group.Value + "." + name
	}
	return name
}

// action checks one action. headers are those of the connector and the group.
func (c *connectorCheck) action(name string, a *spec.Action, headers []spec.Entry) *Action {
	made := &Action{
		Connector: c.made, ID: c.made.ID + "." + name, Name: name,
		Title: cmp.Or(a.Title.Value, strings.ReplaceAll(a.Name.Value, "_", " ")), Help: a.Help.Value, Docs: a.Docs.Value,
		Effect: Effect(a.Effect.Value), Scopes: texts(a.Scopes), Deprecated: a.Deprecated.Value,
		Limits: c.limits(a.Limits), Errors: c.errorRules(a.Errors), Timeout: c.duration(a.Timeout),
		Pos: a.Name.Pos, group: c.into,
	}
	for _, e := range a.Differs {
		made.Differs = append(made.Differs, Difference{What: e.Key.Value, Reason: e.Value.Text.Value, Pos: e.Key.Pos})
	}
	c.request(a, made)
	made.Input = c.types.inputs(a.Input, c.connection)
	c.repeat(a, made)
	scope := c.connection.With(value.Field{Name: "input", Type: c.inputScope(made.Input)})
	scope = c.before(a, made, headers, scope)
	made.Headers = c.headers(slices.Concat(headers, a.Headers), scope)
	made.Send = c.send(a.Send, scope)
	c.places(a, made, "declare it:  input: { %s: { type: string } }")
	made.Output = c.output(a.Output, made.Input)
	if a.Output != nil && len(a.Output.At) > 1 {
		c.hinted(a.Output.At[1], "C233", "at: "+a.Output.At[0].Value, "the answer to an action has what it brings in one place; only a webhook's delivery may have several")
	}
	if a.Paginate != nil {
		made.Paginate = c.paginate(a, made)
	}
	return made
}

// inputScope is what `input` is inside the expressions of an action: inputs
// without a default may be missing.
func (c *connectorCheck) inputScope(inputs []*Input) *value.Type {
	t := &value.Type{Kind: value.Object, Name: "input"}
	for _, in := range inputs {
		t.Fields = append(t.Fields, in.seen())
	}
	return t
}

func (c *connectorCheck) repeat(a *spec.Action, made *Action) {
	switch {
	case made.Effect == EffectRead:
		made.Repeat.Safe = true
	case a.Repeat == nil: // the parser has told that it is missing
	case a.Repeat.Key.Given():
		c.repeatKey(a.Repeat, made)
	default:
		made.Repeat.Safe = a.Repeat.Word.Value == "safe"
	}
}

// repeatKey checks where the key goes by which the vendor knows a repeat: a
// header, or a part behind each file of a multipart body.
func (c *connectorCheck) repeatKey(r *spec.Repeat, made *Action) {
	made.Repeat.Header, made.Repeat.For = r.Key.Value, c.duration(r.For)
	part, inBody := strings.CutPrefix(r.Key.Value, string(InMultipart)+".")
	if !inBody {
		return
	}
	made.Repeat.Header, made.Repeat.Part = "", part
	if !slices.ContainsFunc(made.Input, (*Input).sendsFiles) {
		c.hinted(r.Key, "C224", "an input such as  files: { type: list, of: file, send_as: multipart.files }",
			"the key goes behind each file of the request, and no input is a file in a multipart body")
	}
}

// sendsFiles reports whether an input brings a file, or several, into a
// multipart body.
func (in *Input) sendsFiles() bool {
	t := in.Type
	if t.Kind == value.List && t.Elem != nil {
		t = t.Elem
	}
	return in.Place.In == InMultipart && t.Kind == value.FileKind
}

// headers merges the headers of connector, group and action: the nearer wins.
func (c *connectorCheck) headers(entries []spec.Entry, scope *expr.Scope) []Header {
	var out []Header
	for _, e := range entries {
		v := c.template(e.Value, scope, nil)
		if v == nil {
			continue
		}
		h := Header{Name: e.Key.Value, Value: v}
		if i := slices.IndexFunc(out, func(o Header) bool { return strings.EqualFold(o.Name, h.Name) }); i >= 0 {
			out[i] = h
			continue
		}
		out = append(out, h)
	}
	return out
}

func (c *connectorCheck) send(entries []spec.Entry, scope *expr.Scope) []Send {
	var out []Send
	for _, e := range entries {
		place := c.place(e.Key)
		if v := c.template(e.Value, scope, nil); v != nil {
			out = append(out, Send{Place: place, Value: v})
		}
	}
	return out
}

// output checks what an action or trigger brings. Its place may be an input's.
func (c *connectorCheck) output(o *spec.Output, inputs []*Input) Output {
	if o == nil {
		return Output{}
	}
	made := Output{
		List: o.IsList, At: []string{"body"}, Decode: Decode(o.Decode.Value),
		MayBeMissing: isTrue(o.MayBeMissing), NotFoundIsNil: o.NotFound.Value == "missing",
	}
	if made.Decode == "json" {
		made.Decode = DecodeJSON
	}
	if o.Type != nil {
		made.Type = c.types.typeOf(*o.Type)
	}
	if len(o.At) > 0 {
		if made.At = c.inputPath(o.At[0], inputs); made.At == nil {
			made.At = c.answerPath(o.At[0])
		}
	}
	if made.NotFoundIsNil && !made.MayBeMissing {
		c.hinted(o.NotFound, "C230", "add  may_be_missing: true", "not_found: missing brings nothing where nothing is found, so the output may be missing")
	}
	return made
}

// inputPath reads a path such as input.items, which stands for the path that
// the input of that name holds; nil for any other path.
func (c *connectorCheck) inputPath(t spec.Text, inputs []*Input) []string {
	name, ok := strings.CutPrefix(t.Value, FromInput+".")
	if !ok {
		return nil
	}
	if !hasField(inputs, name) {
		var names []string
		for _, in := range inputs {
			names = append(names, in.Name)
		}
		at := t
		at.Pos, at.Value = t.At(len(FromInput)+1), name
		c.local(at, "C232", "input", "is not an input", names)
	}
	return []string{FromInput, name}
}

// deliveryOutput checks what a webhook brings, which may lie in several places.
func (c *connectorCheck) deliveryOutput(o *spec.Output) Output {
	made := c.output(o, nil)
	if o != nil && len(o.At) > 1 {
		for _, at := range o.At[1:] {
			made.Below = append(made.Below, c.answerPath(at))
		}
	}
	return made
}

// answerPath reads a path from the root of an answer: body.results.tags,
// headers.link, status, or response for the root itself.
func (c *connectorCheck) answerPath(t spec.Text) []string {
	parts := value.SplitPath(t.Value)
	switch {
	case len(parts) == 0:
		return []string{"body"}
	case parts[0] == "response":
		return parts[1:]
	case !slices.Contains([]string{"body", "headers", "status"}, parts[0]):
		roots := []string{"body", "headers", "status", "response"}
		f := nearest(t.Pos, parts[0], diag.Finding{
			Code: "C231", Message: "a path into an answer begins with body, headers, status or response", Hint: "write  body." + t.Value,
		}, roots)
		if f.Fix != nil {
			f.Hint = ""
		}
		c.add(f)
	}
	return parts
}

func (c *connectorCheck) paginate(a *spec.Action, made *Action) *Paginate {
	p := a.Paginate
	if !made.Output.List {
		c.hinted(p.Type, "C240", "output: { list: <type>, at: body.items }", "only an action that brings a list has pages")
	}
	out := &Paginate{
		Style: p.Type.Value, AsText: p.Wire.Value == "text", MaxPages: c.number(p.MaxPages, 1000),
		StopWhen: c.condition(p.StopWhen, c.answer),
	}
	if out.Style == "page" {
		out.First = 1
	}
	out.First = c.number(p.First, out.First)
	if p.Param.Given() {
		out.Param = c.place(p.Param)
	} else if out.Style != "link" && out.Style != "" {
		c.hinted(p.Type, "C241", "param: query.skip", "pages of the type %s need to know where the position goes", out.Style)
	}
	if p.PageSize != nil {
		out.Size, out.SizeText = c.number(p.PageSize.Value, 0), p.PageSize.Wire.Value == "text"
		out.SizeMin = c.number(p.PageSize.Min, 0)
		if p.PageSize.SendAs.Given() {
			out.SizeAt = c.place(p.PageSize.SendAs)
		}
	}
	c.nextPage(p, out)
	c.secondHalf(p, out)
	if p.Total.Given() {
		out.Total = c.answerPath(p.Total)
	}
	if p.More.Given() {
		out.More = c.answerPath(p.More)
	}
	return out
}

// nextPath reads where a position comes from: a path in the last item, or in
// the answer.
func (c *connectorCheck) nextPath(t spec.Text, style string) []string {
	if style == "last_item" {
		return value.SplitPath(strings.TrimPrefix(strings.TrimPrefix(t.Value, "item"), "."))
	}
	return c.answerPath(t)
}

// secondHalf reads the second value of a position.
func (c *connectorCheck) secondHalf(p *spec.Paginate, out *Paginate) {
	if p.And == nil {
		return
	}
	if out.Style != "cursor" && out.Style != "last_item" {
		c.hinted(p.Type, "C243", "type: cursor, or last_item", "pages of the type %s have one position, so there is no and", out.Style)
		return
	}
	if p.And.Param.Given() && p.And.Next.Given() {
		out.AndParam, out.AndNext = c.place(p.And.Param), c.nextPath(p.And.Next, out.Style)
	}
}

func (c *connectorCheck) nextPage(p *spec.Paginate, out *Paginate) {
	switch {
	case p.Next.Given():
		out.Next = c.nextPath(p.Next, out.Style)
	case out.Style == "cursor" || out.Style == "last_item":
		c.hinted(p.Type, "C242", "next: body.meta.next_cursor", "pages of the type %s need to know where the next position comes from", out.Style)
	case out.Style == "link":
		out.Next = []string{"headers", "link"}
	}
}
