package program

import (
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// calling is a flow that is being checked, and the call by which it came to
// the next one.
type calling struct {
	check *flowCheck
	call  spec.Text
}

// call checks a step that calls another flow.
func (c *flowCheck) call(s *spec.Step, made *Step, scope *stepScope) {
	made.Output = value.Of(value.Any)
	made.Flow = s.Call.Value
	at := &spec.Value{Pos: s.Call.Pos, Text: s.Call}
	found := len(c.found)
	callee := c.callee(s.Call)
	if callee == nil {
		c.objectTemplate(at, s.With, scope.scope(), nil, "input")
		return
	}
	c.made.Calls[callee.ID] = callee
	c.brought = append(c.brought, brought{s.Call, made})
	c.calledFor(s.Call, callee)
	inputs := callee.InputType()
	made.With = c.objectTemplate(at, s.With, scope.scope(), inputs, "input")
	c.unescaped(s.With, made.With, inputs)
	made.Output = value.Of(value.Nil)
	if callee.OutputType != nil {
		made.Output = callee.OutputType
	}
	c.called(callee, writtenKeys(s.With), len(c.found) > found)
}

// callee returns the flow that is called, checked before the one that calls
// it. It is nil where it cannot be called, which has been told then.
func (c *flowCheck) callee(t spec.Text) *Flow {
	switch c.flowNamed(t.Value) {
	case broken:
		c.follow()
		return nil
	case absent:
		c.choice(misnamed(t, "F245", "flow", "is not a flow", c.names((*builder).flowIDs)), never)
		return nil
	default:
	}
	callee := c.checkedBefore(t)
	if callee == nil {
		c.follow()
		return nil
	}
	if !slices.ContainsFunc(callee.Triggers, func(t *FlowTrigger) bool { return t.OnDemand }) {
		c.hinted(t, "F248", "add to the triggers in "+t.Value+".yaml:  - on_demand: {}", "the flow %q cannot be called: it has no on_demand trigger", t.Value)
	}
	return callee
}

// checkedBefore returns the flow that is called once it is checked; nil if it
// is not sound.
func (c *flowCheck) checkedBefore(t spec.Text) *Flow {
	c.b.calling = append(c.b.calling, calling{c, t})
	defer func() { c.b.calling = c.b.calling[:len(c.b.calling)-1] }()
	if c.b.flows[t.Value].state == checking {
		c.b.circle(t.Value)
		return c.uncalled()
	}
	callee := c.b.flow(t.Value)
	if _, sound := c.b.set.Flows[t.Value]; !sound {
		return c.uncalled()
	}
	return callee
}

// face is all that the check of a call may know of the flow that is called:
// what else is written there can change without it.
type face struct {
	onDemand bool
	runsFor  Use // the role that stands for each account in turn
	inputs   []value.Field
	required []string
	output   *value.Type
	hands    origin
	actions  []string // what it calls at services, in any step
	always   []string // what it always does, and where
}

// face returns what a call with those inputs sees of the flow; a call that had
// something wrong has seen every input.
func (f *Flow) face(given []string, wrong bool) face {
	seen := face{output: f.OutputType, hands: f.hands, onDemand: slices.ContainsFunc(f.Triggers, func(t *FlowTrigger) bool { return t.OnDemand })}
	if use := f.Fanned(); use != nil {
		seen.runsFor = Use{Role: use.Role, Connection: use.Connection}
	}
	f.does(func(a *Action) bool {
		seen.actions = append(seen.actions, a.ID)
		return false
	})
	f.always(nil, func(_, s *Step) { seen.always = append(seen.always, s.Action.ID+" "+s.Use.Connection) })
	for _, in := range f.Inputs {
		if wrong || slices.Contains(given, in.Name) {
			seen.inputs = append(seen.inputs, in.Field)
		}
		if in.Required() {
			seen.required = append(seen.required, in.Name)
		}
	}
	return seen
}

// circle reports flows that call each other in a circle, whose last call comes
// back to the flow named: once, at the call of the flow that is first by name.
func (b *builder) circle(back string) {
	from := slices.IndexFunc(b.calling, func(c calling) bool { return c.check.made.ID == back })
	round := b.calling[from:]
	first := 0
	for i, c := range round {
		if c.check.made.ID < round[first].check.made.ID {
			first = i
		}
	}
	round = slices.Concat(round[first:], round[:first])
	names := make([]string, 0, len(round)+1)
	for _, c := range round {
		names = append(names, c.check.made.ID)
	}
	if len(round) == 1 {
		round[0].check.at(round[0].call, "F246", "the flow %q calls itself", names[0])
		return
	}
	round[0].check.hinted(round[0].call, "F246", "a flow cannot call itself, not even by way of others",
		"these flows call each other in a circle: %s", strings.Join(append(names, names[0]), " → "))
}

// hash is the content hash of all that the flow does: its own text, the
// connectors its roles stand for, the flows it calls and the shapes of its
// tables. The accounts behind the roles are no part of it.
func (f *Flow) hash(source []byte) string {
	files := []File{{Path: "flow/" + f.ID, Data: source}}
	for role, use := range f.Uses {
		files = append(files, File{Path: "use/" + role + "/" + use.Connector.ID, Data: []byte(use.Connector.Hash)})
	}
	for id, flow := range f.Calls {
		files = append(files, File{Path: "call/" + id, Data: []byte(flow.Hash)})
	}
	for id, t := range f.Tables {
		files = append(files, File{Path: "table/" + id, Data: []byte(t.shape())})
	}
	return hashFiles(files)
}

// shape describes all of a table that matters to the flows that use it.
func (t *TableShape) shape() string {
	var b strings.Builder
	describe(&b, t.Row)
	fmt.Fprintf(&b, " key %q", t.Key)
	return b.String()
}

// SameShape reports whether both tables are the same to the flows that use
// them.
func (t *TableShape) SameShape(other *TableShape) bool { return t.shape() == other.shape() }

// describe writes a type with all its parts.
func describe(b *strings.Builder, t *value.Type) {
	if t == nil {
		return
	}
	fmt.Fprintf(b, "%s %t %q(", t.Kind, t.Optional, t.Values)
	describe(b, t.Elem)
	for _, f := range t.Fields {
		fmt.Fprintf(b, "%q ", f.Name)
		describe(b, f.Type)
	}
	b.WriteString(")")
}
