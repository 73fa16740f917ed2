package program

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// flowCheck is a flow on its way from its file to a [Flow].
type flowCheck struct {
	report
	b    *builder
	spec *spec.Flow
	made *Flow
	ids  map[string]place // where each step with an id stands
	here place            // where the expressions stand that are being checked
	// unusable are roles that stand for something with errors of its own.
	unusable map[string]bool
	loops    map[string]*Action // the steps that bring a list without a limit
	used     map[string]bool    // the steps that an expression names; "" where one names them all
	brought  []brought          // the steps that call a service or a flow
	origins  map[string]origin  // by the names behind which it is found: steps.<id>, vars.<name>, the name of an item
	// unaccounted are the roles of which it was told that they need an account.
	unaccounted map[string]bool
	unlinked    []string    // approve steps inside loops, which have no link of their own
	failure     *value.Type // what `error` and `failures.<id>` are
	found       diag.List
	asked       []asked // all that the check has read of the rest of the workspace
	answers     map[about]any
}

// flow checks the flow of that id, with the flows it calls before it.
func (b *builder) flow(id string) *Flow {
	f := b.flows[id]
	if f.state != unchecked || b.takeOver(f) {
		return f.flow
	}
	f.state = checking
	if f.parsed == nil {
		f.parsed, _ = parseFlow(f.file)
	}
	c := &flowCheck{
		report: report{failed: f.parsed.broken, lost: f.parsed.lost}, b: b, spec: f.parsed.spec,
		made: &Flow{ID: id, Uses: map[string]*Use{}, Calls: map[string]*Flow{}, Tables: map[string]*TableShape{}, Links: map[string]string{}},
		ids:  map[string]place{}, unusable: map[string]bool{}, loops: map[string]*Action{},
		used: map[string]bool{}, origins: map[string]origin{}, unaccounted: map[string]bool{}, failure: errorType(), answers: map[about]any{},
	}
	c.list, c.unseen, c.reads = &c.found, c.whyUnseen, c.noteRead
	if b.opt.NamedIn == f.file.Path {
		c.named = b.opt.Named
	}
	f.flow = c.made
	c.all()
	c.made.rights = withoutSilenced(c.made.rights, f.file.Data)
	c.made.Hash = c.made.hash(f.file.Data)
	f.kept.check = &keptCheck{flow: c.made, failed: c.failed, found: c.found, asked: c.asked}
	b.done(f)
	return f.flow
}

// done enters what came out of the check of a flow.
func (b *builder) done(f *flowFile) {
	f.state = checked
	id, check := idOf(f.file.Path), f.kept.check
	b.set.Findings.Add(check.found...)
	if check.failed {
		b.unsound.flows[id] = true
		b.set.Broken = append(b.set.Broken, id)
	} else {
		b.set.Flows[id] = check.flow
	}
}

func (c *flowCheck) all() {
	s, m := c.spec, c.made
	m.Name, m.Description = cmp.Or(s.Name.Value, m.ID), s.Description.Value
	m.Enabled = s.Enabled.Value != "false"
	m.Mode = Mode(cmp.Or(s.Mode.Value, string(Parallel)))
	c.limits()
	c.uses()
	c.collect("steps", s.Steps, nil, 0)
	c.collect("on_error", s.OnError, nil, 0)
	c.collect("finally", s.Finally, nil, 0)
	types := newTypes(&c.report, "")
	m.Inputs = types.inputs(s.Inputs, expr.NewScope())
	c.triggers(types)
	c.fanned()
	scope := c.startScope()
	for _, t := range s.Conditions {
		code := c.condition(t, scope)
		c.decided(t, code)
		if code != nil {
			m.Conditions = append(m.Conditions, code)
			scope = scope.Assume(code, true)
		}
	}
	m.QueueBy = c.compile(s.QueueBy, scope, nil)
	scope = c.vars(scope)
	c.here.part = "steps"
	steps := newStepScope(scope)
	m.Steps = c.steps(s.Steps, steps, 0)
	c.here = place{part: "output"}
	if s.Output != nil {
		m.Output = c.template(s.Output, steps.scope(), nil)
		m.OutputType = value.Of(value.Any)
		if m.Output != nil {
			m.OutputType = m.Output.Type
		}
		m.hands = c.originOf(m.Output)
	}
	c.afterwards(steps)
	c.unused()
	c.circles()
}

// limits checks how much the flow may have of everything.
func (c *flowCheck) limits() {
	m := c.made
	if l := c.spec.Limits; l != nil {
		m.RunTime, m.Queue, m.AtOnce = c.span("limits.run_time", l.RunTime), c.count("limits.queue", l.Queue), c.count("limits.at_once", l.AtOnce)
	}
	if k := c.spec.Keep; k != nil {
		m.Keep = Keep{Age: c.span("keep.age", k.Age), Runs: c.count("keep.runs", k.Runs)}
		size, ok := spec.ParseSize(k.Size.Value)
		m.Keep.Size = c.some("keep.size", k.Size, size, ok)
	}
}

// count returns the number of a limit.
func (c *flowCheck) count(key string, t spec.Text) int {
	n, err := strconv.Atoi(t.Value)
	return int(c.some(key, t, int64(n), err == nil))
}

// span returns the time of a limit.
func (c *flowCheck) span(key string, t spec.Text) time.Duration {
	d, err := value.ParseDuration(t.Value)
	return time.Duration(c.some(key, t, int64(d), err == nil))
}

// some returns a limit that can be read, and refuses one that leaves nothing.
func (c *flowCheck) some(key string, t spec.Text, limit int64, read bool) int64 {
	if read && limit <= 0 {
		c.hinted(t, "F260", "without "+key+" there is no such limit", "%s must be more than 0: %q leaves nothing", key, t.Value)
	}
	if !read {
		return 0
	}
	return limit
}

// afterwards checks the steps that follow an error, which may find any step
// not done.
func (c *flowCheck) afterwards(steps *stepScope) {
	after := steps.allOptional()
	c.here = place{part: "on_error"}
	c.made.OnError = c.steps(c.spec.OnError, after.with(value.Field{Name: "error", Type: c.failure}), 0)
	c.here = place{part: "finally"}
	c.made.Finally = c.steps(c.spec.Finally, after.with(value.Field{Name: "error", Type: c.failure.AsOptional()}), 0)
}

// errorType is what `error` and `failures.<id>` are.
func errorType() *value.Type {
	return &value.Type{Kind: value.Object, Name: "an error", Fields: []value.Field{
		{Name: "message", Type: value.Of(value.String)},
		{Name: "class", Type: &value.Type{Kind: value.Enum, Values: classWords()}},
		{Name: "step", Type: value.Of(value.String)},
		{Name: "action", Type: value.Of(value.String).AsOptional()},
		{Name: "status", Type: value.Of(value.Integer).AsOptional()},
	}}
}

func classWords() []string {
	var words []string
	for _, k := range value.Classes() {
		words = append(words, string(k))
	}
	return words
}

// place is where in a flow a step or an expression stands.
type place struct {
	at    spec.Text // the id of the step
	part  string    // steps, on_error, finally, output; "" before the first step
	chain []link    // the steps around it, from the outside in, itself the last
}

// link is one step on the way to a place.
type link struct {
	step     *spec.Step
	branch   int // of the step around it
	position int // in the list it stands in
}

// collect enters the ids and the roles of all steps of the flow.
func (c *flowCheck) collect(part string, steps []*spec.Step, around []link, branch int) {
	for i, s := range steps {
		chain := append(slices.Clip(around), link{s, branch, i})
		if s.ID.Given() {
			c.collectID(s.ID, place{s.ID, part, chain})
		}
		named := s.Action
		if s.WaitFor != nil {
			named = s.WaitFor.Trigger
		}
		if role, _, _ := strings.Cut(named.Value, "."); c.connector(role) != nil {
			// Known before any expression is checked, for connection.<role>.
			c.role(named)
		}
		if s.Approve != nil && s.ID.Given() {
			c.link(place{s.ID, part, chain})
		}
		c.collect(part, s.Steps, chain, 0)
		for n, b := range slices.Concat(s.Parallel, s.Switch) {
			c.collect(part, b.Steps, chain, n)
		}
	}
}

func (c *flowCheck) collectID(id spec.Text, at place) {
	first, ok := c.ids[id.Value]
	if !ok {
		c.ids[id.Value] = at
		return
	}
	c.add(diag.Finding{
		Pos: id.Pos, Width: width(id.Value), Code: "F210",
		Message: fmt.Sprintf("there are two steps with the id %q", id.Value),
		Hint:    "give this one another id",
		Related: []diag.Related{{Pos: first.at.Pos, Message: "the first one"}},
	})
}

// whyUnseen says why the expression at the present place cannot see a step
// that the flow has.
func (c *flowCheck) whyUnseen(id string) (reason, hint string) {
	there, ok := c.ids[id]
	if !ok {
		return "", ""
	}
	later := fmt.Sprintf("the step %q comes later", id)
	n := 0
	for n < min(len(there.chain), len(c.here.chain)) && there.chain[n] == c.here.chain[n] {
		n++
	}
	switch {
	case there.part != c.here.part && there.part != "steps":
		return fmt.Sprintf("the step %q stands in %s and can be seen only there", id, there.part), ""
	case n == len(there.chain):
		return fmt.Sprintf("the step %q is not done yet: this is a part of it", id), ""
	}
	if n > 0 && n < len(c.here.chain) && there.chain[n].branch != c.here.chain[n].branch {
		if len(there.chain[n-1].step.Switch) > 0 {
			return fmt.Sprintf("the step %q stands in another branch, and only one of them is taken", id), ""
		}
		return fmt.Sprintf("the step %q runs at the same time, in another branch of parallel", id),
			"a step behind parallel sees the outputs of all its branches"
	}
	if there.part == c.here.part && n < len(c.here.chain) && there.chain[n].position > c.here.chain[n].position {
		return later, "move it up: a step sees only those above it"
	}
	for _, l := range there.chain[n:max(n, len(there.chain)-1)] {
		if !l.step.ForEach.Given() {
			continue
		}
		if l.step.ID.Given() {
			hint = fmt.Sprintf("steps.%s is the list of what the last step of the loop brings", l.step.ID.Value)
		}
		return fmt.Sprintf("the step %q is inside a loop and can be seen only there", id), hint
	}
	return later, ""
}
