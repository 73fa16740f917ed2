package contract

import (
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// inputs compares what an action sends, each thing where it is sent.
func (c *comparison) inputs() {
	for _, in := range c.action.Input {
		if in.Place.In != program.InNowhere {
			c.sent("input."+in.Name, in.Place, in)
		}
	}
	for _, s := range c.action.Send {
		name := string(s.Place.In) + "." + strings.Join(s.Place.Path, ".")
		t := &value.Type{Kind: value.Any}
		if s.Value.IsConst() {
			t = constType(s.Value.Const)
		}
		c.sent("send."+name, s.Place, &program.Input{Field: value.Field{Name: name, Type: t}, Place: s.Place})
	}
}

// constType returns the type of a constant, a text as an enum of itself.
func constType(v any) *value.Type {
	switch v := v.(type) {
	case string:
		return &value.Type{Kind: value.Enum, Values: []string{v}, Name: "constant"}
	case bool:
		return value.Of(value.Boolean)
	case int, float64:
		return value.Of(value.Number)
	case []any:
		return value.ListOf(value.Of(value.Any))
	case map[string]any:
		return value.MapOf(value.Of(value.Any))
	}
	return value.Of(value.Any)
}

// sent compares one thing that is sent.
func (c *comparison) sent(what string, place program.Place, in *program.Input) {
	if len(place.Path) == 1 && place.Path[0] == "*" {
		c.unknown(what, c.op.node, "what is sent is not known before a flow says it")
		return
	}
	switch place.In {
	case program.InPath:
		c.inPath(what, place.Path[0], in)
	case program.InQuery, program.InHeader:
		c.inParameter(what, place, in)
	default:
		c.inBody(what, place, in)
	}
}

// inPath compares a part of the path: the n-th of ours with the n-th of theirs.
func (c *comparison) inPath(what, name string, in *program.Input) {
	ours, theirs := braces.FindAllString(c.action.Path, -1), braces.FindAllString(c.op.path, -1)
	i := slices.Index(ours, "{"+name+"}")
	if off := len(theirs) - len(ours); i >= 0 && i+off >= 0 && i+off < len(theirs) {
		their := strings.Trim(theirs[i+off], "{}")
		for _, p := range c.params {
			if p.in == "path" && p.name == their {
				c.typed(what, in, p, true)
				return
			}
		}
	}
	c.unknown(what, c.op.node, "the path has it, but the description does not declare it")
}

func (c *comparison) inParameter(what string, place program.Place, in *program.Input) {
	name := place.Path[0]
	var names []string
	for _, p := range c.params {
		if p.in != string(place.In) {
			continue
		}
		if c.isCalled(p, place, name) {
			c.typed(what, in, p, true)
			return
		}
		if p.text("style") == "deepObject" && strings.HasPrefix(name, p.name+"[") {
			found, missing, known := shapeOf(p.schema).via([]string{strings.Trim(strings.TrimPrefix(name, p.name), "[]")})
			if known && missing == "" {
				c.typed(what, in, parameter{node: p.node, name: name, in: p.in, schema: found.node}, true)
				return
			}
		}
		names = append(names, p.name)
	}
	hint := ""
	if near := nearest(name, names); near != "" {
		hint = "; it has " + near
	}
	c.differs(what, c.op.place(), "%s is sent in the %s, and the description has no such parameter%s", name, place.In, hint)
}

// isCalled reports whether a parameter has the name. A list may be sent with []
// behind the name, where no other parameter is called so.
func (c *comparison) isCalled(p parameter, place program.Place, name string) bool {
	if p.name == name || place.In == program.InHeader && strings.EqualFold(p.name, name) {
		return true
	}
	exact := func(o parameter) bool { return o.in == p.in && o.name == name }
	return p.name+"[]" == name && !slices.ContainsFunc(c.params, exact)
}

// typed compares the type of an input with that of a parameter. In the path,
// the query and headers everything is text in the end.
func (c *comparison) typed(what string, in *program.Input, p parameter, asText bool) {
	s := shapeOf(p.schema)
	if !s.known() || s.bare() {
		c.unknown(what, p.node, "the description gives it no type")
		return
	}
	exploded := p.get("explode").v != false
	switch list := slices.Contains(s.types, "array"); {
	case list && in.Type.Kind == value.List && p.in == "query" && in.Comma == exploded && (p.get("explode").exists() || in.Comma):
		c.differs(what, p.place(), "the list goes out %s, and the description wants it %s", style(in.Comma), style(!in.Comma))
		return
	case in.Type.Kind == value.List && in.Comma && !list:
		in = joined(in)
	case list && in.Type.Kind != value.List && in.Type.Kind != value.Any:
		s = s.items() // one value is a list of one in the query
	}
	if in.Tick > 0 {
		in = counted(in)
	}
	if problem := mismatch(in.Type, s, asText, in.AsText, 0); problem != "" {
		c.differs(what, p.place(), "%s", problem)
		return
	}
	c.matched(what, p.node)
}

// joined returns the input as it goes out where its list is joined by commas.
func joined(in *program.Input) *program.Input {
	return &program.Input{Field: value.Field{Name: in.Name, Type: value.Of(value.String)}}
}

// counted returns the input as it goes out where its time is a count.
func counted(in *program.Input) *program.Input {
	return &program.Input{Field: value.Field{Name: in.Name, Type: value.Of(value.Integer)}}
}

func style(comma bool) string {
	if comma {
		return "joined by commas"
	}
	return "as one entry for each item"
}

// inBody compares a property of the body in the form it goes out in.
func (c *comparison) inBody(what string, place program.Place, in *program.Input) {
	if len(c.bodies) == 0 {
		if c.op.get("requestBody").exists() {
			c.unknown(what, c.op.get("requestBody"), "the description gives the body no form")
			return
		}
		c.differs(what, c.op.place(), "%s is sent in the body, and the description has no body", in.Name)
		return
	}
	body, same := c.body(place.In)
	if !same {
		c.contentDiffers(place.In)
	}
	s := body.shape
	if !s.known() || s.bare() {
		c.unknown(what, body.at, "the description says nothing about the body")
		return
	}
	if in.Comma && in.Type.Kind == value.List {
		in = joined(in)
	}
	if in.Tick > 0 {
		in = counted(in)
	}
	found, missing, known := s.via(place.Path)
	switch {
	case !known:
		c.unknown(what, body.at, "the description does not say what is at %s", strings.Join(place.Path, "."))
	case missing != "":
		hint := ""
		if near := nearest(place.Path[len(place.Path)-1], s.names); near != "" {
			hint = "; it has " + near
		}
		c.differs(what, s.place(), "the body of the description has no %s%s", missing, hint)
	case !found.known():
		c.unknown(what, found.node, "the description gives it no type")
	default:
		loose := place.In == program.InMultipart || place.In == program.InForm
		if problem := mismatch(in.Type, found, loose || !same, in.AsText, 0); problem != "" {
			c.differs(what, found.place(), "%s", problem)
			return
		}
		c.matched(what, found.node)
	}
}

// body returns the body in the form of a place, and whether the description
// has that form.
func (c *comparison) body(in program.In) (content, bool) {
	want := map[program.In]string{
		program.InBody: "json", program.InForm: "application/x-www-form-urlencoded", program.InMultipart: "multipart/form-data",
	}[in]
	for _, b := range c.bodies {
		if b.form == want || want == "json" && (strings.HasSuffix(b.form, "json") || b.form == "*/*") {
			return b, true
		}
	}
	return c.bodies[0], false
}

// contentDiffers tells once that the body goes out in another form.
func (c *comparison) contentDiffers(in program.In) {
	if slices.ContainsFunc(c.points, func(p Point) bool { return p.What == "content" }) {
		return
	}
	var forms []string
	for _, b := range c.bodies {
		forms = append(forms, b.form)
	}
	sent := map[program.In]string{program.InBody: "JSON", program.InForm: "a form", program.InMultipart: "multipart"}[in]
	c.differs("content", c.op.get("requestBody").place(), "the body goes out as %s, and the description wants %s", sent, strings.Join(forms, " or "))
}

// required compares what the description requires with what is sent.
func (c *comparison) required() {
	for _, p := range c.params {
		if !p.required || p.in == "path" || p.in == "cookie" || c.credential(p) {
			continue
		}
		c.needs(p.name, p.node, c.sends(program.In(p.in), p.name))
	}
	if len(c.bodies) == 0 {
		return
	}
	var body content
	for _, in := range []program.In{program.InMultipart, program.InForm, program.InBody} {
		if b, same := c.body(in); same && (c.uses(in) || in == program.InBody) {
			body = b
			break
		}
	}
	if body.form == "" {
		body = c.bodies[0]
	}
	if c.sendsWhole() {
		return
	}
	for _, name := range body.needs {
		if p, ok, _ := body.property(name); ok && !p.yes("readOnly") && !c.credential(parameter{name: name, in: "form"}) {
			c.needs(name, p.node, c.sends("", name))
		}
	}
}

func (c *comparison) needs(name string, at node, sent bool) {
	if sent {
		c.matched("required."+name, at)
		return
	}
	c.differs("required."+name, at.place(), "the description requires %s, and nothing sends it", name)
}

// credential reports whether a parameter carries what the connection signs in
// with, which is no matter of an action.
func (c *comparison) credential(p parameter) bool {
	if p.in == "header" && strings.EqualFold(p.name, "Authorization") {
		return true
	}
	signs := slices.ContainsFunc(c.action.Connector.Auths, func(a *program.Auth) bool { return a.Type != program.AuthNone })
	return signs && slices.Contains([]string{"token", "access_token", "api_key", "apikey"}, strings.ToLower(p.name))
}

// places returns everything an action sends, with whether it is always sent.
func (c *comparison) places() map[string]bool {
	out := map[string]bool{}
	add := func(p program.Place, always bool) {
		if len(p.Path) > 0 {
			key := string(p.In) + "." + p.Path[0]
			out[key] = out[key] || always
		}
	}
	a := c.action
	for _, in := range a.Input {
		add(in.Place, !in.Optional)
	}
	for _, s := range a.Send {
		add(s.Place, true)
	}
	for _, h := range a.Headers {
		out["header."+h.Name] = true
	}
	if a.Repeat.Header != "" {
		out["header."+a.Repeat.Header] = true
	}
	if a.Repeat.Part != "" {
		out["multipart."+a.Repeat.Part] = true
	}
	if p := a.Paginate; p != nil {
		add(p.Param, true)
		add(p.AndParam, true)
		add(p.SizeAt, p.Size > 0)
	}
	return out
}

func (c *comparison) uses(in program.In) bool {
	for key := range c.places() {
		if strings.HasPrefix(key, string(in)+".") {
			return true
		}
	}
	return false
}

// sendsWhole reports whether one input is the body as a whole.
func (c *comparison) sendsWhole() bool {
	return slices.ContainsFunc(c.action.Input, func(in *program.Input) bool {
		elsewhere := []program.In{program.InQuery, program.InHeader, program.InNowhere}
		return !slices.Contains(elsewhere, in.Place.In) && (len(in.Place.Path) == 0 || in.Place.Path[0] == "*")
	})
}

// sends reports whether something of that name always goes out; in "" is any
// form of body.
func (c *comparison) sends(in program.In, name string) bool {
	for key, always := range c.places() {
		where, what, _ := strings.Cut(key, ".")
		body := where == string(program.InBody) || where == string(program.InForm) || where == string(program.InMultipart)
		same := what == name || what == name+"[]" || what == "*" || where == "header" && strings.EqualFold(what, name)
		if always && same && (where == string(in) || in == "" && body) {
			return true
		}
	}
	return false
}

// paging compares where positions and page sizes go.
func (c *comparison) paging() {
	p := c.action.Paginate
	if p == nil {
		return
	}
	number := func(text bool) *program.Input {
		kind := value.Integer
		if text {
			kind = value.String
		}
		return &program.Input{Field: value.Field{Type: value.Of(kind)}}
	}
	if len(p.Param.Path) > 0 {
		in := number(p.AsText)
		if p.Style == "cursor" || p.Style == "last_item" {
			in.Type = value.Of(value.Any)
		}
		in.Name = p.Param.Path[0]
		c.sent("paginate.param", p.Param, in)
	}
	if len(p.AndParam.Path) > 0 {
		c.sent("paginate.and.param", p.AndParam, &program.Input{Field: value.Field{Name: p.AndParam.Path[0], Type: value.Of(value.Any)}})
	}
	if len(p.SizeAt.Path) > 0 {
		in := number(p.SizeText)
		in.Name = p.SizeAt.Path[0]
		c.sent("paginate.page_size", p.SizeAt, in)
	}
	for _, at := range []struct {
		what string
		path []string
	}{{"paginate.next", p.Next}, {"paginate.and.next", p.AndNext}, {"paginate.total", p.Total}, {"paginate.more", p.More}} {
		path := at.path
		if p.Style == "last_item" && path != nil && strings.HasSuffix(at.what, ".next") {
			path = slices.Concat(c.action.Output.At, []string{"0"}, path)
		}
		if len(path) > 1 && path[0] == "body" {
			if s, ok := c.answered(at.what, path[1:]); ok {
				c.matched(at.what, s.node)
			}
		}
	}
}

// mismatch says in what a type of ours does not go with a schema, "" for
// nothing. loose is true where everything is text on the wire.
func mismatch(t *value.Type, s shape, loose, asText bool, depth int) string {
	if t == nil || t.Kind == value.Any || !s.known() || depth > 6 {
		return ""
	}
	if len(s.any) > 0 && len(s.types) == 0 || len(s.any) > 0 && s.bare() {
		problem := ""
		for _, a := range s.any {
			if problem = mismatch(t, a, loose, asText, depth+1); problem == "" {
				return ""
			}
		}
		return problem
	}
	if s.bare() && !slices.Contains([]value.Kind{value.Map, value.Object}, t.Kind) {
		return "" // generators write an empty object for dates, enums and what they do not know
	}
	forms := wire(t, asText)
	scalar := !slices.Contains(forms, "array") && !slices.Contains(forms, "object")
	if len(s.types) > 0 && forms != nil && !slices.ContainsFunc(forms, func(f string) bool { return slices.Contains(s.types, f) }) {
		theirScalar := !slices.Contains(s.types, "array") && !slices.Contains(s.types, "object")
		if !loose || !scalar || !theirScalar || t.Kind == value.String && !slices.Contains(s.types, "string") {
			return fmt.Sprintf("the connector has %s, and the description %s", t.Kind, s.word())
		}
	}
	switch t.Kind {
	case value.Enum:
		return enumMismatch(t, s)
	case value.List:
		if slices.Contains(s.types, "array") {
			return mismatch(t.Elem, s.items(), loose, false, depth+1)
		}
	case value.Object:
		return fieldMismatch(t, s, loose, depth)
	default:
	}
	return ""
}

// enumMismatch compares the words of two enums; a constant needs only be one
// of theirs.
func enumMismatch(t *value.Type, s shape) string {
	if len(s.enum) == 0 {
		return ""
	}
	var stray, lacking []string
	values := t.Values
	if t.Name == "constant" {
		values = strings.Split(t.Values[0], ",") // several of them, joined by commas
	}
	for _, v := range values {
		if !slices.Contains(s.enum, v) {
			stray = append(stray, v)
		}
	}
	for _, v := range s.enum {
		if !slices.Contains(t.Values, v) {
			lacking = append(lacking, v)
		}
	}
	switch {
	case len(stray) > 0 && t.Name == "constant":
		return fmt.Sprintf("%q is sent, and the description has %s", t.Values[0], strings.Join(s.enum, ", "))
	case len(stray) > 0:
		return fmt.Sprintf("the description does not have the value %s: it has %s", strings.Join(stray, ", "), strings.Join(s.enum, ", "))
	case len(lacking) > 0 && t.Name != "constant":
		return "the description also has the value " + strings.Join(lacking, ", ")
	}
	return ""
}

func fieldMismatch(t *value.Type, s shape, loose bool, depth int) string {
	for _, name := range s.needs {
		has := func(f value.Field) bool { return f.Name == name || len(f.Wire) > 0 && f.Wire[0] == name }
		if p, ok, _ := s.property(name); ok && !p.yes("readOnly") && len(t.Fields) > 0 && !slices.ContainsFunc(t.Fields, has) {
			return "the description requires " + name + " in it"
		}
	}
	for _, f := range t.Fields {
		path := f.Wire
		if len(path) == 0 {
			path = []string{f.Name}
		}
		found, missing, known := s.via(path)
		if known && missing != "" {
			return "the description has no " + missing + " in it"
		}
		if known {
			if problem := mismatch(f.Type, found, loose, false, depth+1); problem != "" {
				return f.Name + ": " + problem
			}
		}
	}
	return ""
}
