package contract

import (
	"cmp"
	"slices"
	"strings"

	"patchbay/engine/value"
)

// importing is one operation on its way to an action.
type importing struct {
	*importer
	op     *operation
	named  named
	inputs []field
	taken  map[string]bool
	send   []pair
	notes  []string // what is to settle
	answer answer
	pages  []pair
	paged  []string // the parameters that pages use
}

// answer is what an operation brings.
type answer struct {
	shape
	at    string // body.results.tags
	many  bool
	form  string
	known bool
	none  bool // there is no body
}

// begin looks at what an operation brings, which its name depends on.
func (m *importer) begin(op *operation) *importing {
	a := &importing{importer: m, op: op, taken: map[string]bool{}}
	a.answer = a.answers()
	return a
}

// finish writes the operation.
func (a *importing) finish() {
	a.types.context = pascal(a.named.name)
	if a.answer.many && a.named.effect != "read" {
		a.answer = a.answer.whole(a.op)
	}
	output := a.output()
	if a.answer.many {
		a.paginate()
	}
	a.parameters()
	a.body()
	a.write(output)
}

// answers finds what an operation brings: a list where one list is all that
// the answer holds, one record where there is one, else the whole answer.
func (a *importing) answers() answer {
	var out answer
	all := a.op.answers()
	out.none = len(all) == 0 && len(a.op.get("responses").keys()) > 0 && a.op.get("responses").get("204").exists()
	for _, c := range all {
		if out.form == "" {
			out.form = c.form
		}
		if c.known() && !c.bare() {
			out = answer{shape: c.shape, at: "body", form: c.form, known: true}
			break
		}
	}
	if !out.known {
		return out
	}
	if slices.Equal(out.types, []string{"array"}) {
		out.shape, out.many = out.items(), true
		return out
	}
	return out.inner(0)
}

// inner looks for the one list or the one record in an answer.
func (a answer) inner(depth int) answer {
	var lists, records []string
	for _, name := range a.names {
		p := shapeOf(a.props[name])
		switch {
		case !identifier.MatchString(name): // no path leads to it
		case slices.Equal(p.types, []string{"array"}):
			lists = append(lists, name)
		case slices.Equal(p.types, []string{"object"}) && len(p.names) > 0 && !beside(name):
			records = append(records, name)
		}
	}
	switch {
	case len(lists) == 1 && len(records) == 0 && len(a.names) <= 8 && !slices.Contains(a.names, "id") && !slices.Contains(a.names, "_id"):
		p := shapeOf(a.props[lists[0]])
		a.shape, a.at, a.many = p.items(), a.at+"."+lists[0], true
	case len(lists) == 0 && len(records) == 1 && a.wraps(records[0]):
		a.shape, a.at = shapeOf(a.props[records[0]]), a.at+"."+records[0]
		if depth == 0 && strings.HasSuffix(a.at, ".results") || strings.HasSuffix(a.at, ".data") {
			return a.inner(depth + 1)
		}
	}
	return a
}

// beside reports whether a key of an answer only accompanies what it brings.
func beside(name string) bool {
	return slices.Contains([]string{"meta", "pagination", "paging", "links", "_links", "response_metadata", "metadata", "aggregations"}, name)
}

// wraps reports whether all other keys only say how the call went.
func (a answer) wraps(name string) bool {
	for _, n := range a.names {
		ok := slices.Contains([]string{
			"success", "succeded", "succeeded", "status", "statusCode", "message", "traceId", "new", "ok", "code", "msg", "total", "count", //nolint:misspell // one service writes it so
		}, n)
		if n != name && !ok && !beside(n) {
			return false
		}
	}
	return true
}

// whole returns the answer as it is.
func (a answer) whole(op *operation) answer {
	for _, c := range op.answers() {
		if c.known() && !c.bare() {
			return answer{shape: c.shape, at: "body", form: c.form, known: true}
		}
	}
	return a
}

// output returns the value of `output:`, "" for none.
func (a *importing) output() string {
	switch form := a.answer.form; {
	case a.answer.none:
		return ""
	case form != "" && !strings.Contains(form, "json") && form != "*/*" && strings.HasPrefix(form, "text/"):
		return "{ one: string, decode: text }"
	case form != "" && !strings.Contains(form, "json") && form != "*/*":
		return "{ one: file, decode: file }"
	case !a.answer.known:
		a.note("what it answers; the description gives no schema")
		return "{ one: any, at: body }"
	}
	word := "one"
	if a.answer.many {
		word = "list"
	}
	t := a.types.element(a.answer.shape, pascal(a.named.thing), false, 0)
	return flow([]pair{{word, t}, {"at", a.answer.at}})
}

func (a *importing) note(text string) {
	a.notes = append(a.notes, strings.Join(strings.Fields(text), " "))
}

// parameters adds the inputs that go into the path, the query and headers.
func (a *importing) parameters() {
	declared := a.op.parameters()
	for _, b := range braces.FindAllString(a.op.path, -1) {
		name := strings.Trim(b, "{}")
		i := slices.IndexFunc(declared, func(p parameter) bool { return p.in == "path" && p.name == name })
		p := parameter{name: name, in: "path", required: true}
		if i >= 0 {
			p = declared[i]
		}
		a.parameter(p)
	}
	for _, p := range declared {
		_, version := versionOf(a.op)
		switch {
		case p.in == "path" || p.in == "cookie" || slices.Contains(a.paged, "query."+p.name):
		case p.in == "header" && (strings.EqualFold(p.name, "Authorization") || version != "" && p.only() == version):
		case p.in == "header" && strings.Contains(strings.ToLower(p.name), "idempotency"):
		case p.in == "header" && slices.Contains([]string{"accept", "content-type"}, strings.ToLower(p.name)):
		default:
			a.parameter(p)
		}
	}
}

func (a *importing) parameter(p parameter) {
	s := shapeOf(p.schema)
	pairs := kind(value.String)
	if p.schema.exists() && s.known() && !s.bare() {
		pairs = a.types.typed(s, pascal(a.named.thing)+pascal(p.name), true, 0)
	}
	if p.in == "path" && slices.Contains([]string{"list", "any", "map"}, pairs[0].value) {
		pairs = kind(value.String)
	}
	comma := p.in == "query" && (p.get("explode").v == false || p.text("style") == "pipeDelimited" || p.text("collectionFormat") == "csv")
	help := cmp.Or(p.text("description"), s.text("description"))
	switch {
	case pairs[0].value == "list" && comma:
		pairs = append(pairs, pair{"style", "comma"})
	case pairs[0].value == "string" && p.in == "query" && commaJoined(help):
		pairs = []pair{{"type", "list"}, {"of", "string"}, {"style", "comma"}}
	}
	a.input(p.name, p.in, pairs, p.required, help, p.yes("deprecated"))
}

// commaJoined reports whether a description speaks of values joined by commas.
func commaJoined(help string) bool {
	help = strings.ToLower(strings.ReplaceAll(help, "-", " "))
	return strings.Contains(help, "comma separated") || strings.Contains(help, "separated by comma") || strings.Contains(help, "comma delimited")
}

// input adds an input, bound to the connection where it names the tenant.
func (a *importing) input(name, in string, pairs []pair, required bool, help string, deprecated bool) {
	place := in + "." + name
	tenant := a.tenant(name)
	if name == "altType" || name == "alt_type" {
		if in != "path" && (pairs[0].value == "enum" || pairs[0].value == "string") && a.hasTenant() {
			a.send = append(a.send, pair{place, "location"})
			return
		}
	}
	if tenant != "" && a.taken[name] {
		a.send = append(a.send, pair{place, `"${{ connection.` + tenant + ` }}"`})
		return
	}
	own := name
	if !identifier.MatchString(own) {
		own = cmp.Or(snake(own), "value")
	}
	if a.answer.many && own == "limit" {
		own = "page_limit"
	}
	if a.taken[own] {
		own += "_in_" + in
	}
	a.taken[own] = true
	if !a.byDefault(own, name, in) {
		pairs = append(pairs, pair{"send_as", scalar(place)})
	}
	switch {
	case tenant != "" && pairs[0].value == "string":
		pairs = append(pairs, pair{"default", `"${{ connection.` + tenant + ` }}"`})
	case !required:
		pairs = append(pairs, pair{"optional", "true"})
	}
	if text := sentence(help); text != "" {
		pairs = append(pairs, pair{"help", scalar(text)})
	}
	if deprecated {
		pairs = append(pairs, pair{"deprecated", "the service says so"})
	}
	a.inputs = append(a.inputs, field{own, pairs})
}

// byDefault reports whether an input goes to its place without send_as.
func (a *importing) byDefault(own, name, in string) bool {
	if own != name || in != "path" && strings.Contains(a.op.path, "{"+own+"}") {
		return false
	}
	asks := a.op.method == "GET" || a.op.method == "HEAD"
	return in == "path" || in == "query" && asks || in == "body" && !asks
}

// tenant returns the field of the connection that a parameter is about.
func (a *importing) tenant(name string) string {
	for _, t := range a.tenants {
		if snake(name) == snake(t) || t == "locationId" && (name == "altId" || name == "alt_id") {
			return t
		}
	}
	return ""
}

func (a *importing) hasTenant() bool { return slices.Contains(a.tenants, "locationId") }

// body adds the inputs that go into the body.
func (a *importing) body() {
	bodies := a.op.bodies()
	if len(bodies) == 0 {
		if a.op.get("requestBody").exists() {
			a.input("body", "body", kind(value.Any), false, "", false)
			a.note("what the body holds; the description does not say")
		}
		return
	}
	b := bodies[0]
	for _, one := range bodies {
		if strings.HasSuffix(one.form, "json") {
			b = one
		}
	}
	in := "body"
	switch b.form {
	case "multipart/form-data":
		in = "multipart"
	case "application/x-www-form-urlencoded":
		in = "form"
	}
	if !slices.Equal(b.types, []string{"object"}) || len(b.names) == 0 {
		a.wholeBody(b, in)
		return
	}
	for _, name := range b.names {
		p := shapeOf(b.props[name])
		if p.yes("readOnly") || slices.Contains(a.paged, "body."+name) {
			continue
		}
		if strings.Contains(name, ".") {
			a.note("the property " + name + " is left out: no place in a body has a dot in its name")
			continue
		}
		pairs := a.types.typed(p, pascal(a.named.thing)+pascal(name), true, 0)
		if in != "body" && slices.Contains([]string{"list", "map", "any"}, pairs[0].value) && in == "form" {
			pairs = kind(value.String)
		}
		a.input(name, in, pairs, slices.Contains(b.needs, name), p.text("description"), p.yes("deprecated"))
	}
}

// wholeBody adds one input for a body whose parts are not known.
func (a *importing) wholeBody(b content, in string) {
	if in != "body" {
		a.inputs = append(a.inputs, field{"fields", []pair{{"type", "map"}, {"send_as", scalar(in + ".*")}, {"optional", "true"}}})
		a.note("which fields the form has; the description does not say")
		return
	}
	if a.taken["body"] {
		return
	}
	a.taken["body"] = true
	pairs := a.types.typed(b.shape, pascal(a.named.thing), true, 0)
	pairs = append(pairs, pair{"send_as", "body"})
	if !a.op.get("requestBody").yes("required") {
		pairs = append(pairs, pair{"optional", "true"})
	}
	a.inputs = append(a.inputs, field{"body", pairs})
	if !b.known() || b.bare() {
		a.note("what the body holds; the description does not say")
	}
}

// write writes the action.
func (a *importing) write(output string) {
	w := &a.actions
	if len(a.op.scopes()) == 0 && a.scoped {
		a.note("which scopes it needs; the description names none")
	}
	for _, n := range a.notes {
		w.line(1, settle, n)
	}
	if a.op.method == "POST" && a.named.effect == "read" {
		w.line(1, settle, "that it only reads, as its name says")
	}
	w.line(1, a.named.name, ":")
	w.line(2, "name: ", scalar(a.title()))
	if help := sentence(a.op.text("description")); help != "" && help != a.title() {
		w.line(2, "help: ", scalar(help))
	}
	w.line(2, "effect: ", a.named.effect)
	a.repeat(w)
	if scopes := a.op.scopes(); len(scopes) > 0 {
		w.line(2, "scopes: ", list(scopes[0]))
	}
	w.line(2, "request: ", address(a.op.method+" "+a.op.path))
	if name, v := versionOf(a.op); v != "" && v != a.version {
		w.line(2, "headers: ", flow([]pair{{scalar(name), quoted(v)}}))
	}
	if len(a.send) > 0 {
		w.entry(2, "send", a.send)
	}
	if len(a.inputs) > 0 {
		w.line(2, "input:")
		for _, f := range a.inputs {
			w.entry(3, scalar(f.name), f.pairs)
		}
	}
	if len(a.pages) > 0 {
		w.entry(2, "paginate", a.pages)
	}
	if output != "" {
		w.line(2, "output: ", output)
	}
	if a.op.yes("deprecated") {
		w.line(2, "deprecated: the service says so")
	}
	w.line(0)
}

// title returns what people call the action.
func (a *importing) title() string {
	if s := strings.TrimSuffix(sentence(a.op.text("summary")), "."); s != "" {
		return s
	}
	name := a.named.name
	if !strings.Contains(name, "_") {
		about := singular(a.names.group)
		if a.answer.many {
			about = plural(about)
		}
		name += "_" + about
	}
	return label(name)
}

func (a *importing) repeat(w *writer) {
	if a.named.effect == "read" {
		return
	}
	for _, p := range a.op.parameters() {
		if p.in == "header" && strings.Contains(strings.ToLower(p.name), "idempotency") {
			w.line(2, settle, "how long the service remembers the key")
			w.line(2, "repeat: ", flow([]pair{{"key", scalar(p.name)}, {"for", "30m"}}))
			return
		}
	}
	if a.op.method == "POST" && a.named.verb != "upsert" || a.named.effect == "send" {
		w.line(2, "repeat: unsafe")
		return
	}
	w.line(2, "repeat: safe")
}
