package contract

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/program"
)

// Verdict is how a point of an action stands to the description.
type Verdict string

// The verdicts.
const (
	Matched  Verdict = "matched"
	Differs  Verdict = "differs"
	Intended Verdict = "intended" // differs, and the connector says why
	Unknown  Verdict = "unknown"  // the description does not say
)

// Point is one thing that was compared.
type Point struct {
	What    string  `json:"what"` // the name by which `differs:` speaks of it
	Verdict Verdict `json:"verdict"`
	Message string  `json:"message,omitempty"`
	Theirs  string  `json:"theirs,omitempty"` // file and JSON pointer in the description
	Reason  string  `json:"reason,omitempty"` // of an intended difference
}

// Compared is one action held against the description.
type Compared struct {
	Action  string   `json:"action"`
	Request string   `json:"request"`
	Pos     diag.Pos `json:"-"`
	Ours    string   `json:"ours"`
	Theirs  string   `json:"theirs,omitempty"` // "" where the description does not have it
	Points  []Point  `json:"points"`
}

// Count returns how many points have the verdict.
func (c Compared) Count(v Verdict) int {
	n := 0
	for _, p := range c.Points {
		if p.Verdict == v {
			n++
		}
	}
	return n
}

// Compare holds every HTTP action of a connector against a description.
func Compare(c *program.Connector, d *Description) []Compared {
	out := []Compared{}
	for _, a := range c.Actions() {
		if a.Transport == program.HTTP && !strings.Contains(a.Method+a.Path, "{url}") && !strings.HasPrefix(a.Method, "{") {
			out = append(out, compareAction(a, d))
			out = append(out, compareBefore(a, d)...)
		}
	}
	return out
}

// compareBefore compares the requests that come before that of an action,
// except those to an address that only an answer knows.
func compareBefore(a *program.Action, d *Description) []Compared {
	var out []Compared
	for _, b := range a.Before {
		if b.Action.Path != "{url}" {
			out = append(out, compareAction(b.Action, d))
		}
	}
	return out
}

// comparison is one action on its way through.
type comparison struct {
	action  *program.Action
	op      *operation
	params  []parameter
	bodies  []content
	points  []Point
	settled []string // the names of `differs:` that were needed
}

func compareAction(a *program.Action, d *Description) Compared {
	out := Compared{Action: a.ID, Request: a.Method + " " + a.Path, Pos: a.Pos, Ours: a.Pos.String()}
	c := &comparison{action: a}
	c.op = d.find(a)
	if c.op == nil {
		c.differs("request", "", "%s", d.missing(a))
		out.Points = c.points
		return out
	}
	out.Theirs = c.op.place()
	c.compare()
	for _, diff := range a.Differs {
		if !slices.Contains(c.settled, diff.What) && !d.elsewhere(a, c.op, diff.What) {
			c.points = append(c.points, Point{
				What: diff.What, Verdict: Differs, Theirs: c.op.place(),
				Message: fmt.Sprintf("the connector says that %s differs, and it does not: take the line out of differs (%s)", diff.What, diff.Pos),
			})
		}
	}
	out.Points = c.points
	return out
}

// compare compares all there is with the operation.
func (c *comparison) compare() {
	c.params, c.bodies = c.op.parameters(), c.op.bodies()
	c.matched("request", c.op.node)
	c.inputs()
	c.required()
	c.headers()
	c.paging()
	c.output()
	c.scopes()
}

// elsewhere reports whether what an action says to differ does so from another
// version of the description: then it is of use to whoever has only that one.
func (d *Description) elsewhere(a *program.Action, taken *operation, what string) bool {
	for _, op := range d.operations {
		if what == "request" && !fits(a, op) {
			return true // that version may lack it
		}
		if op == taken || !op.does(a) {
			continue
		}
		other := &comparison{action: a, op: op}
		if other.compare(); slices.Contains(other.settled, what) {
			return true
		}
	}
	return false
}

func (c *comparison) matched(what string, theirs node) {
	c.points = append(c.points, Point{What: what, Verdict: Matched, Theirs: theirs.place()})
}

func (c *comparison) unknown(what string, theirs node, format string, args ...any) {
	c.points = append(c.points, Point{What: what, Verdict: Unknown, Theirs: theirs.place(), Message: fmt.Sprintf(format, args...)})
}

// differs adds a difference; an intended one if the connector says so.
func (c *comparison) differs(what, theirs, format string, args ...any) {
	p := Point{What: what, Verdict: Differs, Theirs: theirs, Message: fmt.Sprintf(format, args...)}
	for _, d := range c.action.Differs {
		if what == d.What || strings.HasPrefix(what, d.What+".") {
			p.Verdict, p.Reason = Intended, d.Reason
			c.settled = append(c.settled, d.What)
			break
		}
	}
	c.points = append(c.points, p)
}

var braces = regexp.MustCompile(`\{[^{}]*\}`)

// template returns a path with the names of its parameters left out.
func template(p string) string { return braces.ReplaceAllString(p, "{}") }

// whole returns the path of an action from the root of its host.
func whole(a *program.Action) string {
	u, err := url.Parse(a.Connector.BaseURL)
	if err != nil {
		return a.Path
	}
	return strings.TrimSuffix(u.Path, "/") + a.Path
}

// at reports whether the operation is at the path.
func (o *operation) at(p string) bool {
	return slices.ContainsFunc(o.bases, func(base string) bool { return template(base+o.path) == p })
}

// find returns the operation of an action: the one of the version that the
// action asks for, where there are several.
func (d *Description) find(a *program.Action) *operation {
	var first *operation
	for _, op := range d.operations {
		if !op.does(a) {
			continue
		}
		if first == nil {
			first = op
		}
		if fits(a, op) {
			return op
		}
	}
	return first
}

// fits reports whether the headers that can have one value only have it.
func fits(a *program.Action, op *operation) bool {
	for _, p := range op.parameters() {
		if want := p.only(); p.in == "header" && want != "" && want != sentHeader(a, p.name) {
			return false
		}
	}
	return true
}

// sentHeader returns the constant text a header has, "" for none.
func sentHeader(a *program.Action, name string) string {
	for _, h := range a.Headers {
		if strings.EqualFold(h.Name, name) {
			if h.Value.IsConst() {
				return fmt.Sprint(h.Value.Const)
			}
		}
	}
	return ""
}

// missing says what of an action the description does not have.
func (d *Description) missing(a *program.Action) string {
	var others []string
	var paths []string
	for _, op := range d.operations {
		if op.at(template(whole(a))) || op.at(template(a.Path)) {
			others = append(others, op.method)
		}
		if op.method == a.Method {
			paths = append(paths, op.path)
		}
	}
	text := "the description has no " + a.Method + " " + a.Path
	if len(others) > 0 {
		return text + "; at this path it has " + strings.Join(others, ", ")
	}
	if i := slices.IndexFunc(paths, func(p string) bool { return strings.Trim(template(p), "/") == strings.Trim(template(a.Path), "/") }); i >= 0 {
		return text + "; it has " + paths[i]
	}
	if near := diag.Nearest(a.Path, paths); near != "" {
		text += "; the nearest is " + near
	}
	return text
}

// headers compares the headers that can have one value only.
func (c *comparison) headers() {
	for _, p := range c.params {
		want := p.only()
		if p.in != "header" || want == "" {
			continue
		}
		switch got := sentHeader(c.action, p.name); {
		case strings.EqualFold(got, want):
			c.matched("header."+p.name, p.node)
		case got == "" && !p.required:
		case got != "":
			c.differs("header."+p.name, p.place(), "the header %s is %q, and the description wants %q", p.name, got, want)
		}
	}
}

// scopes compares the scopes of an action with those of the security blocks.
func (c *comparison) scopes() {
	ours := slices.Clone(c.action.Scopes)
	slices.Sort(ours)
	alternatives := c.op.scopes()
	at := c.op.get("security")
	if !at.exists() {
		at = c.op.node
	}
	switch {
	case len(alternatives) == 0 && len(ours) > 0:
		c.unknown("scopes", at, "the description names no scopes")
	case len(alternatives) == 0:
	case slices.ContainsFunc(alternatives, func(s []string) bool { return slices.Equal(s, ours) }):
		c.matched("scopes", at)
	default:
		var all []string
		for _, s := range alternatives {
			all = append(all, strings.Join(s, ", "))
		}
		had := strings.Join(ours, ", ")
		if had == "" {
			had = "none"
		}
		c.differs("scopes", at.place(), "the scopes are %s, and the description wants %s", had, strings.Join(slices.Compact(all), " or "))
	}
}
