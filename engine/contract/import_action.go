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
	says   *saying
	named  named
	output string
	inputs []field
	taken  map[string]bool
	send   []pair
	notes  []string // what is to settle
	answer answer
	pages  []pair
	paged  []string // the parameters that pages use

	described map[string]string // what the description says of a place
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
	a := &importing{importer: m, op: op, taken: map[string]bool{}, described: map[string]string{}}
	a.answer = a.answers()
	return a
}

// prepare makes the types of what the operation brings.
func (a *importing) prepare() {
	a.types.context = pascal(a.named.name)
	if a.answer.many && a.named.effect != "read" {
		a.answer = a.answer.whole(a.op)
	}
	a.output = a.outputOf()
}

// finish writes the operation.
func (a *importing) finish() {
	a.types.context = pascal(a.named.name)
	if a.answer.many {
		a.paginate()
	}
	a.parameters()
	a.body()
	a.write()
}

// result returns the schema of the one thing that the operation brings.
func (a *importing) result() shape {
	if a.answer.many && a.named.effect != "read" {
		return a.answer.whole(a.op).shape
	}
	return a.answer.shape
}

// resultNames returns what the type of that thing may be called.
func (a *importing) resultNames() []string {
	thing := a.thing()
	if a.named.effect != "read" && onlySays(a.result()) {
		return []string{"Outcome", thing + "Outcome", pascal(a.named.name) + "Outcome"}
	}
	done := pascal(past(first(a.named.verb))) + thing
	if _, name, ok := strings.Cut(a.result().place(), "/schemas/"); ok && short(typeName(name)) == thing {
		return []string{thing, done, pascal(a.named.name) + "Result"} // the service calls it so itself
	}
	switch a.named.verb {
	case "get", "list":
		return []string{thing, done, pascal(a.named.name)}
	case "create", "update", "upsert", "edit", "search":
		if s := a.result(); slices.Contains(s.names, "id") || slices.Contains(s.names, "_id") {
			return []string{thing, done, pascal(a.named.name) + "Result"}
		}
	}
	if a.named.effect == "read" {
		return []string{pascal(a.named.name) + "Result"}
	}
	return []string{done, pascal(a.named.name) + "Result"}
}

// past returns what has been done: created, sent.
func past(verb string) string {
	odd := map[string]string{"get": "fetched", "list": "listed", "search": "found", "find": "found", "send": "sent", "resend": "resent", "set": "set", "put": "put", "run": "run", "submit": "submitted", "skip": "skipped"}
	switch w, ok := odd[verb]; {
	case ok:
		return w
	case strings.HasSuffix(verb, "e"):
		return verb + "d"
	case strings.HasSuffix(verb, "y"):
		return strings.TrimSuffix(verb, "y") + "ied"
	}
	return verb + "ed"
}

// onlySays reports whether an answer only says how the call went.
func onlySays(s shape) bool {
	return len(s.names) > 0 && !slices.ContainsFunc(s.names, func(n string) bool { return !slices.Contains(accompanying(), n) })
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
		if strings.HasSuffix(a.at, ".results") || strings.HasSuffix(a.at, ".data") {
			return a.inner(depth + 1)
		}
		if in := a.inner(depth + 1); depth < 3 && in.many && a.leads(in.at) {
			return in
		}
	}
	return a
}

// beside reports whether a key of an answer only accompanies what it brings.
func beside(name string) bool {
	return slices.Contains([]string{"meta", "pagination", "paging", "links", "_links", "response_metadata", "metadata", "aggregations"}, name)
}

// leads reports whether all that is beside a list in an answer leads through
// its pages.
func (a answer) leads(list string) bool {
	for _, n := range a.names {
		own := list == a.at+"."+n
		if !own && !beside(n) && !slices.Contains(accompanying(), n) && !afterName.MatchString(n) && !strings.HasPrefix(n, "next") && !strings.HasPrefix(n, "has") {
			return false
		}
	}
	return true
}

// accompanying are the keys of an answer that only say how the call went.
func accompanying() []string {
	return []string{
		"success", "succeded", "succeeded", "status", "statusCode", "message", "traceId", "new", "ok", "code", "msg", "total", "count", "deleted", //nolint:misspell // one service writes it so
	}
}

// wraps reports whether all other keys only say how the call went.
func (a answer) wraps(name string) bool {
	for _, n := range a.names {
		ok := slices.Contains(accompanying(), n)
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

// outputOf returns the value of `output:`, "" for none.
func (a *importing) outputOf() string {
	switch form := a.answer.form; {
	case a.answer.none:
		return ""
	case form != "" && !strings.Contains(form, "json") && form != "*/*" && strings.HasPrefix(form, "text/"):
		return "{ one: string, decode: text }"
	case form != "" && !strings.Contains(form, "json") && form != "*/*":
		return "{ one: file, decode: file }"
	case !a.answer.known:
		return "{ one: any, at: body }"
	}
	word := "one"
	if a.answer.many {
		word = "list"
	}
	a.types.tail = a.thing()
	t := a.types.element(a.answer.shape, a.thing(), false, 0)
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
		a.types.tail = one(p.name)
		pairs = a.types.typed(s, within(a.thing(), p.name), true, 0)
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
	example := exampleOf(shape{node: p.node}, p.name, pairs[0].value)
	if example == "" {
		example = exampleOf(s, p.name, pairs[0].value)
	}
	a.input(given{name: p.name, in: p.in, pairs: pairs, required: p.required, help: help, deprecated: p.yes("deprecated"), example: example})
}

// commaJoined reports whether a description speaks of values joined by commas.
func commaJoined(help string) bool {
	help = strings.ToLower(strings.ReplaceAll(help, "-", " "))
	return strings.Contains(help, "comma separated") || strings.Contains(help, "separated by comma") || strings.Contains(help, "comma delimited")
}

// given is one thing that an operation is given, as the description has it.
type given struct {
	name, in   string
	pairs      []pair // its type
	required   bool
	help       string
	deprecated bool
	example    string // as YAML
}

// input adds an input, bound to the connection where it names the tenant.
func (a *importing) input(g given) {
	place := g.in + "." + g.name
	tenant := a.tenant(g.name)
	if (g.name == "altType" || g.name == "alt_type") && g.in != "path" && (g.pairs[0].value == "enum" || g.pairs[0].value == "string") && a.hasTenant() {
		a.send = append(a.send, pair{place, "location"})
		return
	}
	own := a.ownName(g, tenant)
	if tenant != "" && a.taken[own] {
		a.send = append(a.send, pair{place, `"${{ connection.` + tenant + ` }}"`})
		return
	}
	if a.taken[own] {
		own += "_in_" + g.in
	}
	a.taken[own] = true
	pairs := g.pairs
	if !a.byDefault(own, g.name, g.in) {
		pairs = append(pairs, pair{"send_as", scalar(place)})
	}
	bound := tenant != "" && pairs[0].value == "string"
	switch {
	case bound:
		pairs = append(pairs, pair{"default", `"${{ connection.` + tenant + ` }}"`})
	case !g.required:
		pairs = append(pairs, pair{"optional", "true"})
	}
	if text := telling(g.help, g.name+" "+a.thing()); text != "" && !bound {
		pairs = append(pairs, pair{"help", scalar(text)})
	}
	if g.example != "" && !bound {
		pairs = append(pairs, pair{"example", g.example})
	}
	if g.deprecated {
		pairs = append(pairs, pair{"deprecated", "the service says so"})
	}
	a.inputs = append(a.inputs, field{own, pairs})
}

// ownName returns the name of an input: the service's own, but for that of the
// tenant, which has the name it has in the connection.
func (a *importing) ownName(g given, tenant string) string {
	switch {
	case tenant != "" && g.in != "path":
		return tenant
	case !identifier.MatchString(g.name):
		return cmp.Or(snake(g.name), "value")
	case a.answer.many && g.name == "limit":
		return "page_limit"
	}
	return g.name
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
			a.input(given{name: "body", in: "body", pairs: kind(value.Any)})
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
		a.types.tail = one(name)
		pairs := a.types.typed(p, within(a.thing(), name), true, 0)
		if in != "body" && slices.Contains([]string{"list", "map", "any"}, pairs[0].value) && in == "form" {
			pairs = kind(value.String)
		}
		a.input(given{
			name: name, in: in, pairs: pairs, required: slices.Contains(b.needs, name), help: p.text("description"),
			deprecated: p.yes("deprecated"), example: exampleOf(p, name, pairs[0].value),
		})
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
	a.types.tail = a.thing()
	pairs := a.types.typed(b.shape, a.thing(), true, 0)
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
func (a *importing) write() {
	w := &a.actions
	scopes := a.scopesOf(a.op)
	if len(scopes) == 0 && a.scoped {
		a.note("which scopes it needs")
	}
	if a.op.method == "POST" && a.says.phrase.verb == "" && a.named.verb == "create" && a.op.text("summary") != "" {
		a.note("what it does to the world; its summary has no verb that is known here")
	}
	if a.op.method == "POST" && a.named.effect == "read" && !a.named.sure {
		a.note("whether it only reads")
	}
	idempotency := a.idempotency()
	if idempotency != "" {
		a.note("how long the service remembers " + idempotency)
	}
	if len(a.notes) > 0 {
		w.line(1, settle, strings.Join(a.notes, "; "))
	}
	title := a.title()
	w.line(1, a.named.name, ":")
	w.line(2, "name: ", scalar(title))
	if help := telling(a.op.text("description"), title+" "+a.op.text("summary")); help != "" {
		w.line(2, "help: ", scalar(help))
	}
	if docs := a.op.get("externalDocs").text("url"); strings.HasPrefix(docs, "https://") {
		w.line(2, "docs: ", address(docs))
	}
	w.line(2, "effect: ", a.named.effect)
	if a.named.effect != "read" {
		w.line(2, "repeat: ", a.repeat(idempotency))
	}
	if len(scopes) > 0 {
		w.line(2, "scopes: ", list(scopes))
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
	if a.output != "" {
		w.line(2, "output: ", a.output)
	}
	if a.op.yes("deprecated") {
		w.line(2, "deprecated: the service says so")
	}
	w.line(0)
}

// idempotency returns the header by which the service knows a repetition.
func (a *importing) idempotency() string {
	for _, p := range a.op.parameters() {
		if p.in == "header" && strings.Contains(strings.ToLower(p.name), "idempotency") && a.named.effect != "read" {
			return p.name
		}
	}
	return ""
}

// repeat returns whether an operation may be done twice: one that puts or
// deletes leaves the same behind the second time.
func (a *importing) repeat(idempotency string) string {
	switch {
	case idempotency != "":
		return flow([]pair{{"key", scalar(idempotency)}, {"for", "30m"}})
	case a.op.method == "POST" && a.named.verb != "upsert", a.named.effect == "send":
		return "unsafe"
	}
	return "safe"
}

// thing returns what the operation is about, as the name of a type.
func (a *importing) thing() string {
	return pascal(cmp.Or(a.named.thing, singular(snake(a.to.Group))))
}
