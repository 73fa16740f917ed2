package sandbox

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// stage is a connector made ready to be played.
type stage struct {
	connector   *program.Connector
	base        string         // the path of its base address, without the slash at the end
	routes      []*route       // of the actions that are at hand
	groups      []*groupRoutes // of those that are read as needed
	connection  map[string]any // the fields of a connection to the sandbox, no secrets
	credentials []*credential
}

// groupRoutes are the routes of a group that is read when a request may mean
// one of its actions.
type groupRoutes struct {
	seeming []*route // by the text of its file
	routes  func() []*route
}

func newStage(k *program.Connector) *stage {
	st := &stage{connector: k, base: basePath(k), connection: map[string]any{}}
	maps.Copy(st.connection, program.SandboxConnection(k).Fields)
	st.routes = routesOf(k.ActionsOf(""))
	requests := k.Requests()
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		g := &groupRoutes{routes: sync.OnceValue(func() []*route { return routesOf(k.ActionsOf(name)) })}
		for _, line := range requests[name] {
			_, path, _ := strings.Cut(line, " ")
			g.seeming = append(g.seeming, newRoute(&program.Action{Path: path}))
		}
		st.groups = append(st.groups, g)
	}
	st.credentials = newCredentials(k)
	return st
}

func routesOf(actions []*program.Action) []*route {
	var routes []*route
	for _, a := range actions {
		for _, b := range a.Before {
			routes = append(routes, newRoute(b.Action))
		}
		if a.Transport == program.HTTP && a.Path != "" {
			routes = append(routes, newRoute(a))
		}
	}
	return routes
}

// routesFor returns the routes that a request to the path may take.
func (st *stage) routesFor(path string) []*route {
	routes := slices.Clip(st.routes)
	for _, g := range st.groups {
		if slices.ContainsFunc(g.seeming, func(r *route) bool { _, ok := r.match(path); return ok }) {
			routes = append(routes, g.routes()...)
		}
	}
	return routes
}

// basePath is the path of a connector's base address.
func basePath(k *program.Connector) string {
	u, err := url.Parse(k.BaseURL)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}

// store returns the store of that name, nil for none.
func (st *stage) store(name string) *program.SandboxStore {
	store, _ := st.connector.Store(name)
	return store
}

// played returns how the action is to be answered, nil where nothing is said.
func (st *stage) played(a *program.Action) *program.SandboxAction {
	played, _ := st.connector.Played(a.Name)
	return played
}

// route is the request line of an action.
type route struct {
	action   *program.Action
	whole    bool // the path is {url}: an input holds the whole address
	segments []segment
	holes    int        // braces in the path
	literal  int        // characters outside of them
	query    url.Values // what the path itself asks for
}

// segment is a piece of a path between two slashes.
type segment struct {
	text    string // without braces
	pattern *regexp.Regexp
	names   []string
}

var inBraces = regexp.MustCompile(`\{([^{}]*)\}`)

func newRoute(a *program.Action) *route {
	r := &route{action: a}
	path, query, _ := strings.Cut(a.Path, "?")
	if strings.HasPrefix(path, "{url}") {
		r.whole = true
		return r
	}
	r.query, _ = url.ParseQuery(query)
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		s := newSegment(part)
		r.segments = append(r.segments, s)
		r.holes += len(s.names)
		r.literal += len(inBraces.ReplaceAllString(part, ""))
	}
	return r
}

func newSegment(part string) segment {
	var names []string
	var b strings.Builder
	b.WriteString("^")
	at := 0
	for _, m := range inBraces.FindAllStringSubmatchIndex(part, -1) {
		b.WriteString(regexp.QuoteMeta(part[at:m[0]]) + "(.+)")
		names = append(names, part[m[2]:m[3]])
		at = m[1]
	}
	if names == nil {
		return segment{text: part}
	}
	b.WriteString(regexp.QuoteMeta(part[at:]) + "$")
	return segment{pattern: regexp.MustCompile(b.String()), names: names}
}

// match returns what stands in the braces of the path.
func (r *route) match(path string) (map[string]string, bool) {
	if r.whole {
		return nil, true
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) != len(r.segments) {
		return nil, false
	}
	filled := map[string]string{}
	for i, s := range r.segments {
		part, err := url.PathUnescape(parts[i])
		if err != nil {
			return nil, false
		}
		if s.pattern == nil {
			if part != s.text {
				return nil, false
			}
			continue
		}
		m := s.pattern.FindStringSubmatch(part)
		if m == nil {
			return nil, false
		}
		for j, name := range s.names {
			filled[name] = m[j+1]
		}
	}
	return filled, true
}

// takes reports whether the route answers to the HTTP method.
func (r *route) takes(method string) bool {
	return r.action.Method == method || r.action.Method == anyMethod
}

// anyMethod is the method of an action whose input says which.
const anyMethod = "{method}"

// candidate is a route that a request may mean.
type candidate struct {
	*route

	filled map[string]string // what stands in the braces of its path
	fit    int
}

// find chooses the action a request means, and fills in what stands in the
// braces of its path. Without one, allowed are the methods the path has.
func (st *stage) find(req *request) (found *program.Action, allowed []string) {
	var fitting []candidate
	for _, r := range st.routesFor(req.path) {
		filled, ok := r.match(req.path)
		// Below the base address of the connector are only its own paths.
		if elsewhere := r.whole || r.action.Host != ""; !ok || elsewhere && !req.outside && st.base != "" {
			continue
		}
		if !r.takes(req.method) {
			allowed = append(allowed, r.action.Method)
			continue
		}
		if len(fitting) > 0 && moreSpecific(fitting[0].route, r) {
			continue
		}
		if len(fitting) > 0 && moreSpecific(r, fitting[0].route) {
			fitting = nil
		}
		fitting = append(fitting, candidate{route: r, filled: filled})
	}
	if len(fitting) == 0 {
		slices.Sort(allowed)
		return nil, slices.Compact(allowed)
	}
	// Several actions share a path: the one whose constants fit best, and among
	// equals the first of the file.
	best := 0
	for i := range fitting {
		req.filled = fitting[i].filled
		fitting[i].fit = req.fit(fitting[i].route)
		if fitting[i].fit > fitting[best].fit {
			best = i
		}
	}
	req.filled = fitting[best].filled
	return fitting[best].action, nil
}

func moreSpecific(a, b *route) bool {
	if a.whole != b.whole {
		return b.whole
	}
	if anyA, anyB := a.action.Method == anyMethod, b.action.Method == anyMethod; anyA != anyB {
		return anyB
	}
	if a.holes != b.holes {
		return a.holes < b.holes
	}
	return a.literal > b.literal
}

// The weights of [request.fit]: a constant that differs outweighs everything,
// then an input that is needed and not there, then what nobody declared.
const (
	wrongConstant = -100_000
	rightConstant = 1_000
	inputMissing  = -10_000
	inputThere    = 10
	undeclared    = -100
)

// fit says how well the request fits the action of a route.
func (req *request) fit(r *route) int {
	score := 0
	for name, texts := range r.query {
		score += weigh(slices.Equal(req.query[name], texts))
	}
	for _, h := range r.action.Headers {
		if h.Value.IsConst() {
			score += weigh(req.header.Get(h.Name) == textOf(h.Value.Const))
		}
	}
	declared := map[string]bool{}
	for _, s := range r.action.Send {
		declare(declared, s.Place)
		if s.Value.IsConst() {
			score += weigh(req.holds(s.Place, s.Value.Const))
		}
	}
	if p := r.action.Paginate; p != nil {
		declare(declared, p.Param)
		declare(declared, p.AndParam)
		declare(declared, p.SizeAt)
		score += inputThere * (len(req.texts(p.Param)) + len(req.texts(p.SizeAt)))
	}
	if wantsJSON := req.header.Get("Accept") == "application/json"; wantsJSON == (r.action.Output.Decode == program.DecodeJSON) {
		score++
	}
	for _, in := range r.action.Input {
		if in.Place.In == program.InNowhere {
			continue
		}
		declare(declared, in.Place)
		switch _, there := req.lookup(in); {
		case there:
			score += inputThere
		case in.Required():
			score += inputMissing
		}
	}
	return score + undeclared*req.beyond(declared)
}

func weigh(right bool) int {
	if right {
		return rightConstant
	}
	return wrongConstant
}

// declare notes the leaf of a body that a place stands for.
func declare(declared map[string]bool, p program.Place) {
	if p.In == program.InBody {
		declared[strings.Join(p.Path, ".")] = true
	}
}

// beyond counts what the body holds and no place declares.
func (req *request) beyond(declared map[string]bool) int {
	if declared[""] {
		return 0
	}
	count := 0
	var walk func(v any, path string)
	walk = func(v any, path string) {
		if path != "" && declared[path] {
			return
		}
		m, ok := v.(map[string]any)
		if !ok || len(m) == 0 {
			count++
			return
		}
		for k, e := range m {
			walk(e, strings.TrimPrefix(path+"."+k, "."))
		}
	}
	if m, ok := req.body.(map[string]any); ok && len(m) > 0 {
		walk(m, "")
	}
	return count
}

// holds reports whether the request has the constant at the place.
func (req *request) holds(p program.Place, constant any) bool {
	if p.In == program.InBody {
		v, ok := value.Get(req.body, p.Path)
		return ok && equal(v, constant)
	}
	texts := req.texts(p)
	if list, ok := constant.([]any); ok {
		want := make([]string, len(list))
		for i, e := range list {
			want[i] = textOf(e)
		}
		return slices.Equal(texts, want)
	}
	return len(texts) == 1 && texts[0] == textOf(constant)
}
