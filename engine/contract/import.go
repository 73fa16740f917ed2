package contract

import (
	"cmp"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// Target is the connector an import is for.
type Target struct {
	Connector string            // its id
	Group     string            // the group the actions go into
	New       bool              // there is no such connector yet: connector.yaml is written too
	Fields    []string          // of a connection of the connector there is
	Types     []string          // the names of the types of connector.yaml, which the group sees too
	Headers   map[string]string // that all requests of the group have: lower-case name and value
	Scopes    Scopes            // what the description does not say of scopes
	Held      []byte            // the group's file as it is, nil for none
	Record    []byte            // what an import wrote into it before, nil for none
}

// Imported is what an import has written.
type Imported struct {
	Files   []File // by their names in the folder of the connector
	Actions int
	Changes []Change // to the group's file that there was
	Own     []string // the actions in it that no import wrote
	// Settle are the places where a person must decide, by their lines in the
	// files. They stand there as comments.
	Settle diag.List
}

// settle begins the comment on what a person must decide.
const settle = "# settle: "

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Import writes the operations of a description as a group of a connector.
func Import(d *Description, to Target) Imported {
	m := newImporter(d, to)
	all := m.named()
	var out Imported
	for _, a := range all {
		a.finish()
		out.Actions++
	}
	data := m.group()
	after := m.record(data)
	if to.Held != nil {
		out.Own = m.own()
		data, after, out.Changes = merge(to.Group+".yaml", to.Held, data, m.before, after)
	}
	out.Files = append(out.Files, File{Path: to.Group + ".yaml", Data: data}, File{Path: ".import/" + to.Group, Data: after.bytes()})
	if to.New {
		out.Files = append([]File{{Path: "connector.yaml", Data: m.connector()}}, out.Files...)
	}
	for _, f := range out.Files {
		n := 0
		for line := range strings.Lines(string(f.Data)) {
			n++
			if before, what, ok := strings.Cut(strings.TrimRight(line, "\n"), settle); ok {
				out.Settle.Add(diag.Finding{
					Pos: diag.Pos{File: f.Path, Line: n, Column: len(before) + 1}, Width: len(what) + len(settle),
					Code: "W901", Message: what,
				})
			}
		}
	}
	return out
}

// newImporter looks at what the operations of a description have in common.
func newImporter(d *Description, to Target) *importer {
	m := &importer{
		to: to, desc: d, tenants: slices.Clone(to.Fields), titles: map[string]int{},
		names: &namer{group: slices.DeleteFunc(wordsOf(to.Group), func(w string) bool { return w == "api" }), taken: map[string]bool{}},
		types: &typeMaker{group: pascal(to.Group), taken: map[string]bool{}, made: map[string]string{}, roots: map[string]string{}, things: map[string]string{}, same: map[string]string{}, named: map[string]string{}},
	}
	for _, t := range to.Types {
		m.types.taken[t] = true
	}
	if to.New && m.uses("locationId", "location_id", "altId") {
		m.tenants = append(m.tenants, "locationId")
	}
	for _, t := range m.tenants {
		m.names.tenants = append(m.names.tenants, snake(t))
	}
	m.names.noise = m.noise()
	m.version = m.usual()
	m.remember()
	m.scoped = slices.ContainsFunc(d.operations, func(o *operation) bool { return len(m.scopesOf(o)) > 0 })
	return m
}

// remember takes the names that operations and types had the last time, and
// keeps those that a person gave from being given again.
func (m *importer) remember() {
	m.before = readRecord(m.to.Record)
	m.types.known = m.before.types
	m.names.known = map[string]string{}
	if m.to.Held == nil {
		m.before = readRecord(nil)
		return
	}
	held := readGroup(m.to.Held)
	if m.before.units["headers"] == "" {
		m.version = m.to.Headers[strings.ToLower(m.header)] // where there is none, each action says its own
	}
	for op, e := range held.actions {
		m.names.known[op] = cmp.Or(m.before.actions[op], e.key)
		m.names.taken[e.key] = true
	}
	for op, name := range m.before.actions {
		m.names.known[op] = name
		m.names.taken[name] = true
	}
	for name := range held.types {
		m.types.taken[name] = true
	}
	for _, name := range m.before.types {
		m.types.taken[name] = true
	}
}

// own returns the actions that a person wrote.
func (m *importer) own() []string {
	var out []string
	for op, e := range readGroup(m.to.Held).actions {
		if !m.before.knows(op) {
			out = append(out, m.to.Connector+"."+m.to.Group+"."+e.key)
		}
	}
	slices.Sort(out)
	return out
}

// record returns what the next import must know of this one.
func (m *importer) record(data []byte) record {
	out := readRecord(nil)
	g := readGroup(data)
	for op, e := range g.actions {
		out.actions[op] = e.key
		for unit, u := range units(e, op) {
			out.units[unit] = hash(u.text(g.lines))
		}
	}
	for name, e := range g.types {
		for unit, u := range units(e, "type "+name) {
			out.units[unit] = hash(u.text(g.lines))
		}
	}
	if e := entryOf(g.entries, "headers"); e != nil {
		out.units["headers"] = hash(e.text(g.lines))
	}
	out.types = m.types.named
	return out
}

// noise returns the runs of words that say nothing in this group: its own
// name, and the word that most paths begin with.
func (m *importer) noise() [][]string {
	count := map[string]int{}
	for _, op := range m.desc.operations {
		if segments, _ := m.names.segments(op.path); len(segments) > 0 {
			count[segments[0]]++
		}
	}
	out := [][]string{m.names.group}
	for _, segment := range slices.Sorted(maps.Keys(count)) {
		if len(count) > 1 && 3*count[segment] < 2*len(m.desc.operations) {
			continue
		}
		m.names.root = segment
		if said := strings.Split(segment, "_"); len(said) > 1 {
			out = append(out, said, said[:2])
		} else {
			out = append(out, said)
		}
	}
	return slices.DeleteFunc(out, func(run []string) bool { return len(run) == 0 })
}

// named names the operations, and the types that their answers are made of.
func (m *importer) named() []*importing {
	var all []*importing
	var said []*saying
	for _, op := range m.desc.operations {
		a := m.begin(op)
		a.says = m.names.say(op, a.answer)
		all, said = append(all, a), append(said, a.says)
	}
	m.names.compare(said)
	// Names are given to short paths first: what a vendor adds below a path
	// later does not change them. What is deprecated comes last.
	order := slices.SortedStableFunc(slices.Values(all), func(a, b *importing) int {
		return cmp.Or(late(a.op)-late(b.op), cmp.Compare(strings.Count(a.op.path, "/"), strings.Count(b.op.path, "/")), cmp.Compare(a.op.path, b.op.path))
	})
	for _, a := range order {
		a.named = m.names.of(a.says)
		m.titles[titleKey(a.op, requestOf(a.op.text("summary"), a.named.verb))]++
	}
	// The thing itself is what one gets; what comes back from changing it has
	// its own name where it is not the same.
	slices.SortStableFunc(order, func(a, b *importing) int { return cmp.Compare(rank(a.named.verb), rank(b.named.verb)) })
	for _, a := range order {
		m.types.reserve(a.result(), a.resultNames(), a.thing())
	}
	for _, a := range order {
		a.prepare()
	}
	return all
}

func late(op *operation) int {
	if op.yes("deprecated") {
		return 1
	}
	return 0
}

func rank(verb string) int {
	if i := slices.Index([]string{"get", "list", "search", "create", "update", "upsert"}, verb); i >= 0 {
		return i
	}
	return 9
}

// importer is a group on its way from a description to a file.
type importer struct {
	to      Target
	desc    *Description
	names   *namer
	types   *typeMaker
	tenants []string // the fields of the connection that inputs are bound to
	version string   // of most operations
	header  string   // the name of the header that says it
	before  record
	scoped  bool           // some operations have scopes
	titles  map[string]int // how many operations are called so
	actions writer
}

// uses reports whether any operation has a parameter or property of one of the
// names.
func (m *importer) uses(names ...string) bool {
	for _, op := range m.desc.operations {
		for _, p := range op.parameters() {
			if slices.Contains(names, p.name) {
				return true
			}
		}
		for _, b := range op.bodies() {
			if slices.ContainsFunc(b.names, func(n string) bool { return slices.Contains(names, n) }) {
				return true
			}
		}
		for _, p := range braces.FindAllString(op.path, -1) {
			if slices.Contains(names, strings.Trim(p, "{}")) {
				return true
			}
		}
	}
	return false
}

// versionOf returns the header that may have one value only.
func versionOf(op *operation) (name, value string) {
	for _, p := range op.parameters() {
		if v := p.only(); p.in == "header" && p.required && v != "" {
			return p.name, v
		}
	}
	return "", ""
}

// usual returns the version that most operations have.
func (m *importer) usual() string {
	count := map[string]int{}
	most := ""
	for _, op := range m.desc.operations {
		name, v := versionOf(op)
		if v == "" {
			continue
		}
		m.header = cmp.Or(m.header, name)
		if count[v]++; most == "" || count[v] > count[most] {
			most = v
		}
	}
	return most
}

// group returns the file of the group.
func (m *importer) group() []byte {
	var w writer
	var from []string
	for _, op := range m.desc.operations {
		if name := strings.Join(strings.Fields(path.Base(op.file)), " "); !slices.Contains(from, name) {
			from = append(from, name)
		}
	}
	w.line(0, "# Imported from ", strings.Join(from, ", "), ". What is marked with settle cannot be known from there.")
	w.line(0, "group: ", m.to.Group)
	if m.version != "" {
		w.line(0, "headers: ", flow([]pair{{scalar(m.header), quoted(m.version)}}))
	}
	if len(m.types.types) > 0 {
		w.line(0)
		w.line(0, "types:")
		for i, t := range m.types.types {
			if i > 0 {
				w.line(0)
			}
			m.typeLines(&w, t)
		}
	}
	w.line(0)
	w.line(0, "actions:")
	w.b.WriteString(strings.TrimSuffix(m.actions.b.String(), "\n"))
	return []byte(w.b.String())
}

func (m *importer) typeLines(w *writer, t madeType) {
	if len(t.fields) == 0 {
		w.line(1, t.name, ": { type: map }")
		return
	}
	w.line(1, t.name, ":")
	for _, f := range t.fields {
		w.entry(2, scalar(f.name), f.pairs)
	}
}

func quoted(s string) string {
	if q := scalar(s); strings.HasPrefix(q, `"`) {
		return q
	}
	return `"` + s + `"`
}

// connector returns the file connector.yaml of a new connector.
func (m *importer) connector() []byte {
	var w writer
	root := m.desc.operations[0].root
	title := cmp.Or(sentence(root.get("info").text("title")), m.to.Connector)
	w.line(0, "connector: 1")
	w.line(0, "id: ", m.to.Connector)
	w.line(0, "name: ", scalar(title))
	if docs := root.get("externalDocs").text("url"); docs != "" {
		w.line(0, "docs: ", scalar(docs))
	}
	w.line(0)
	w.line(0, "api:")
	m.baseURL(&w, root)
	w.line(0)
	w.line(0, "connection:")
	if len(m.tenants) > 0 {
		w.line(1, "fields:")
		for _, t := range m.tenants {
			w.line(2, t, ": { type: string, label: ", scalar(label(t)), ", example: ", t, "1 }")
		}
	}
	w.line(1, "auth:")
	m.auth(&w, root)
	w.line(0)
	w.line(0, settle+"which rate limits the service has; then add them as limits:")
	w.line(0, settle+"which answers are errors of which class; what is not said follows the HTTP status")
	return []byte(w.b.String())
}

func (m *importer) baseURL(w *writer, root node) {
	var all []string
	for _, s := range root.get("servers").items() {
		at := s.text("url")
		for _, v := range s.get("variables").keys() {
			at = strings.ReplaceAll(at, "{"+v+"}", s.get("variables").get(v).text("default"))
		}
		all = append(all, at)
	}
	if host := root.text("host"); host != "" { // of Swagger 2
		all = append(all, "https://"+host+root.text("basePath"))
	}
	for _, at := range all {
		u, err := url.Parse(at)
		if err == nil && u.Scheme == "https" && u.Host != "" && !strings.ContainsAny(at, "{} ") {
			w.line(1, "base_url: ", address(strings.TrimSuffix(at, "/")))
			return
		}
	}
	w.line(1, settle+"where the service is; the description does not say")
	w.line(1, "base_url: https://api.example.com")
}

// auth writes the ways in, from the security schemes.
func (m *importer) auth(w *writer, root node) {
	schemes := root.get("components").get("securitySchemes")
	if !schemes.exists() {
		schemes = root.get("securityDefinitions")
	}
	done := map[string]bool{}
	way := func(name string, lines ...string) {
		if done[name] {
			return
		}
		done[name] = true
		w.line(2, name, ":")
		for _, l := range lines {
			w.line(3, l)
		}
	}
	for _, k := range schemes.keys() {
		s := schemes.get(k)
		switch kind := strings.ToLower(s.text("type") + " " + s.text("scheme")); {
		case kind == "http bearer":
			way("token", "type: bearer", "label: Access token", "fields:", "  token: { type: secret, label: Access token }")
		case kind == "http basic" || kind == "basic ":
			way("password", "type: basic", "fields:", "  username: { type: string, label: User name }", "  password: { type: secret, label: Password }")
		case kind == "apikey " && (s.text("in") == "header" || s.text("in") == "query"):
			way("api_key", "type: api_key", s.text("in")+": "+scalar(s.text("name")), `value: "${{ connection.key }}"`,
				"fields:", "  key: { type: secret, label: API key }")
		case kind == "oauth2 ":
			code := s.get("flows").get("authorizationCode")
			if !code.exists() {
				code = s
			}
			if code.text("authorizationUrl") != "" && code.text("tokenUrl") != "" {
				way("oauth", "type: oauth2_code", "authorize_url: "+scalar(code.text("authorizationUrl")), "token_url: "+scalar(code.text("tokenUrl")),
					"scopes: auto", settle+"whether refresh tokens change at each use, and whether PKCE is understood",
					"fields:", "  client_id: { type: string, label: Client ID }", "  client_secret: { type: secret, label: Client secret }")
			}
		}
	}
	if len(done) == 0 {
		w.line(2, settle+"how one signs in; the description names no way that is known here")
		way("token", "type: bearer", "fields:", "  token: { type: secret, label: Access token }")
	}
}
