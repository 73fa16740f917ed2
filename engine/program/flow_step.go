package program

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/robfig/cron/v3"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// checkCron reports what is wrong with a cron expression of five fields.
func checkCron(text string) error {
	_, err := cron.ParseStandard(text)
	return err
}

// stepScope is what the steps of a flow see while they are checked in order:
// the names that do not change, and the outputs of the steps so far.
type stepScope struct {
	names    *expr.Scope
	outputs  []value.Field     // of `steps`
	failures []value.Field     // of `failures`
	hidden   map[string]string // why a step cannot be seen, by its id
	facts    []fact            // what is known to hold here
}

// fact is a condition that is known to be true or false.
type fact struct {
	code  *expr.Code
	holds bool
}

func newStepScope(names *expr.Scope, hidden map[string]string) *stepScope {
	return &stepScope{names: names, hidden: hidden}
}

// scope returns the scope for an expression at this place.
func (s *stepScope) scope() *expr.Scope {
	scope := s.names.
		With(value.Field{Name: "steps", Type: &value.Type{Kind: value.Object, Name: "steps", Fields: s.outputs}}).
		With(value.Field{Name: "failures", Type: &value.Type{Kind: value.Object, Name: "failures", Fields: s.failures}})
	for _, id := range slices.Sorted(maps.Keys(s.hidden)) {
		scope = scope.Missing("steps."+id, s.hidden[id])
	}
	for _, f := range s.facts {
		scope = scope.Assume(f.code, f.holds)
	}
	return scope
}

// inner returns a scope for steps inside a step, which adds to none of the
// outer lists.
func (s *stepScope) inner() *stepScope {
	return &stepScope{
		names: s.names, outputs: slices.Clone(s.outputs), failures: slices.Clone(s.failures),
		hidden: maps.Clone(s.hidden), facts: slices.Clone(s.facts),
	}
}

func (s *stepScope) with(f value.Field) *stepScope {
	in := s.inner()
	in.names = in.names.With(f)
	return in
}

func (s *stepScope) assume(code *expr.Code, holds bool) {
	if code != nil {
		s.facts = append(s.facts, fact{code, holds})
	}
}

// add makes the output of a step visible.
func (s *stepScope) add(id string, t *value.Type) {
	if id == "" {
		return
	}
	delete(s.hidden, id)
	s.outputs = append(s.outputs, value.Field{Name: id, Type: t})
}

// allOptional returns the scope after the flow was left at an unknown place.
func (s *stepScope) allOptional() *stepScope {
	after := newStepScope(s.names, maps.Clone(s.hidden))
	after.failures = s.failures
	for _, f := range s.outputs {
		f.Type = optional(f.Type)
		after.outputs = append(after.outputs, f)
	}
	return after
}

// steps checks steps that run one after the other, and adds their outputs to
// the scope.
func (c *flowCheck) steps(written []*spec.Step, scope *stepScope) []*Step {
	var out []*Step
	for i, s := range written {
		if made := c.step(s, i, scope); made != nil {
			out = append(out, made)
		}
	}
	return out
}

func (c *flowCheck) step(s *spec.Step, position int, outer *stepScope) *Step {
	made := &Step{
		ID: s.ID.Value, Path: cmp.Or(s.ID.Value, "#"+strconv.Itoa(position+1)), Name: s.Name.Value,
		Kind: StepKind(s.Does.Value), Line: s.Does.Pos.Line,
		Timeout: c.duration(s.Timeout), Continue: s.OnError.Value == "continue",
	}
	scope := outer.inner()
	if s.If.Given() {
		made.If = c.condition(s.If, outer.scope())
		scope.assume(made.If, true)
	}
	c.retry(s, made)
	c.does(s, made, scope)
	c.leave(s, made, scope, outer)
	return made
}

// leave makes the step's output visible to the steps after it.
func (c *flowCheck) leave(s *spec.Step, made *Step, inner, outer *stepScope) {
	t := made.Output
	if t == nil {
		t = value.Of(value.Nil)
	}
	maybe := s.If.Given() || made.Continue
	if maybe {
		t = optional(t)
	}
	if made.Kind == DoParallel || made.Kind == DoSwitch {
		c.leaveBranches(made, inner, outer, maybe)
	}
	outer.add(made.ID, t)
	if made.ID != "" && made.Continue {
		outer.failures = append(outer.failures, value.Field{Name: made.ID, Type: errorType().AsOptional()})
	}
	if made.Kind == DoStop || made.Kind == DoFail {
		// Whoever comes after this step knows that its condition was false.
		outer.assume(made.If, false)
	}
}

// leaveBranches makes the steps inside branches visible: those of a switch,
// or of a step that may not run, are optional.
func (c *flowCheck) leaveBranches(made *Step, inner, outer *stepScope, maybe bool) {
	for _, f := range inner.outputs[len(outer.outputs):] {
		if made.Kind == DoSwitch || maybe {
			f.Type = optional(f.Type)
		}
		outer.add(f.Name, f.Type)
	}
	outer.failures = inner.failures
}

func (c *flowCheck) retry(s *spec.Step, made *Step) {
	if s.Retry == nil {
		return
	}
	made.Retry = &Retry{
		Max: c.number(s.Retry.Max, 3), Wait: c.duration(s.Retry.Wait), Fixed: s.Retry.Backoff.Value == "fixed",
	}
	if !s.Action.Given() && !s.Call.Given() {
		c.at(s.Does, "F240", "only a step that calls something can be tried again, so `retry` has no place here")
	}
}

// does checks what the step does.
func (c *flowCheck) does(s *spec.Step, made *Step, scope *stepScope) {
	switch made.Kind {
	case DoAction:
		c.action(s, made, scope)
	case DoCall:
		c.call(s, made, scope)
	case DoSet:
		made.Set, made.Output = c.set(s.Set, scope.scope())
	case DoForEach:
		c.forEach(s, made, scope)
	case DoParallel:
		c.parallel(s, made, scope)
	case DoSwitch:
		c.switches(s, made, scope)
	case DoWait:
		made.Wait = c.duration(s.Wait)
	case DoWaitUntil:
		made.WaitUntil = c.compile(s.WaitUntil, scope.scope(), value.Of(value.Datetime))
	case DoStop:
		made.Reason = c.textTemplate(s.Stop, scope.scope(), value.Of(value.String))
	case DoFail:
		made.Reason = c.textTemplate(s.Fail, scope.scope(), value.Of(value.String))
	default:
		if s.Does.Given() {
			c.at(s.Does, "F241", "this version cannot run a step of the kind %q", s.Does.Value)
		}
	}
}

func (c *flowCheck) set(entries []spec.Entry, scope *expr.Scope) ([]Named, *value.Type) {
	t := &value.Type{Kind: value.Object}
	var out []Named
	for _, e := range entries {
		v := c.template(e.Value, scope, nil)
		if v == nil {
			// The field exists all the same: one cause, one finding.
			t.Fields = append(t.Fields, value.Field{Name: e.Key.Value, Type: value.Of(value.Any)})
			continue
		}
		out = append(out, Named{Name: e.Key.Value, Value: v})
		t.Fields = append(t.Fields, value.Field{Name: e.Key.Value, Type: v.Type})
	}
	return out, t
}

// action checks a step that calls a service.
func (c *flowCheck) action(s *spec.Step, made *Step, scope *stepScope) {
	made.Output = value.Of(value.Any)
	use, name := c.role(s.Action)
	if use == nil {
		return
	}
	action, ok := use.Connector.Action(name)
	if !ok {
		var names []string
		for _, a := range use.Connector.Actions {
			names = append(names, use.Role+"."+a.Name)
		}
		c.name(s.Action, "F242", "action", "is not an action of "+use.Connector.Name, names)
		return
	}
	made.Action, made.Use = action, use
	inputs, output := action.InputType(), action.Output.Whole()
	if action.Transport == Table {
		inputs, output = c.tableTypes(s, action, inputs, output)
	}
	made.Output = output
	at := &spec.Value{Pos: s.Action.Pos, Text: s.Action}
	made.With = c.objectTemplate(at, s.With, scope.scope(), inputs, "input")
}

// tableTypes gives the inputs and the output of an action on a table the types
// of that table's rows.
func (c *flowCheck) tableTypes(s *spec.Step, a *Action, inputs, output *value.Type) (in, out *value.Type) {
	i := slices.IndexFunc(s.With, func(e spec.Entry) bool { return e.Key.Value == "table" })
	if i < 0 {
		return inputs, output
	}
	name := s.With[i].Value.Text
	names := slices.Sorted(maps.Keys(c.b.set.Tables))
	shape, ok := c.b.set.Tables[name.Value]
	if !ok {
		c.name(name, "F243", "table", "is not a table", names)
		return inputs, output
	}
	c.tables[shape.ID] = true
	if a.Method == "upsert" && len(shape.Key) == 0 {
		c.hinted(name, "F244", "key: <field> in "+shape.ID+".yaml", "the table %q has no key, so a row cannot be found again to be updated", shape.ID)
	}
	typed := *inputs
	typed.Fields = slices.Clone(inputs.Fields)
	for i, f := range typed.Fields {
		switch f.Name {
		case "row":
			typed.Fields[i].Type = shape.Row
		case "where":
			where := &value.Type{Kind: value.Object, Name: shape.Row.Name}
			for _, col := range shape.Row.Fields {
				col.Type = col.Type.AsOptional()
				where.Fields = append(where.Fields, col)
			}
			typed.Fields[i].Type = where
			if f.Type.MayBeNil() {
				typed.Fields[i].Type = where.AsOptional()
			}
		case "order_by":
			typed.Fields[i].Type = (&value.Type{Kind: value.Enum, Values: shape.Row.FieldNames()}).AsOptional()
		}
	}
	if a.Method == "find" {
		return &typed, value.ListOf(shape.Row)
	}
	return &typed, output
}

// call checks a step that calls another flow.
func (c *flowCheck) call(s *spec.Step, made *Step, scope *stepScope) {
	made.Output = value.Of(value.Any)
	made.Flow = s.Call.Value
	f, ok := c.b.flows[s.Call.Value]
	if !ok {
		c.name(s.Call, "F245", "flow", "is not a flow", slices.Sorted(maps.Keys(c.b.flows)))
		return
	}
	if f.state == checking {
		c.at(s.Call, "F246", "the flow %q calls itself, by way of %q", c.made.ID, s.Call.Value)
		return
	}
	callee := c.b.flow(s.Call.Value)
	if _, sound := c.b.set.Flows[s.Call.Value]; !sound {
		c.add(diag.Finding{
			Pos: s.Call.Pos, Width: width(s.Call.Value), Code: "F247",
			Message: fmt.Sprintf("the flow %q has errors of its own, so it cannot be called", s.Call.Value),
		})
		return
	}
	if !slices.ContainsFunc(callee.Triggers, func(t *FlowTrigger) bool { return t.OnDemand }) {
		c.hinted(s.Call, "F248", "triggers: [ { on_demand: {} } ] in "+s.Call.Value+".yaml", "the flow %q cannot be called: it has no on_demand trigger", s.Call.Value)
	}
	c.made.Calls[callee.ID] = callee
	inputs := (&Action{ID: callee.ID, Input: callee.Inputs}).InputType()
	at := &spec.Value{Pos: s.Call.Pos, Text: s.Call}
	made.With = c.objectTemplate(at, s.With, scope.scope(), inputs, "input")
	made.Output = value.Of(value.Nil)
	if callee.OutputType != nil {
		made.Output = callee.OutputType
	}
}

// forEach checks a loop.
func (c *flowCheck) forEach(s *spec.Step, made *Step, scope *stepScope) {
	made.AtOnce, made.Collect, made.As = c.number(s.AtOnce, 1), s.OnError.Value == "collect", cmp.Or(s.As.Value, "item")
	made.ForEach = c.compile(s.ForEach, scope.scope(), value.ListOf(value.Of(value.Any)))
	var elem *value.Type
	if made.ForEach != nil && made.ForEach.Type() != nil {
		elem = made.ForEach.Type().Elem
	}
	inner := scope.
		with(value.Field{Name: made.As, Type: elem}).
		with(value.Field{Name: "index", Type: value.Of(value.Integer)})
	switch {
	case len(s.Steps) > 0:
		made.Steps = c.steps(s.Steps, inner)
	default:
		// One action or call beside the loop is a loop of one step.
		one := *s
		one.ID, one.If, one.ForEach, one.OnError, one.Does = spec.Text{}, spec.Text{}, spec.Text{}, spec.Text{}, s.Action
		one.Does.Value = string(DoAction)
		if s.Call.Given() {
			one.Does = s.Call
			one.Does.Value = string(DoCall)
		}
		if !s.Action.Given() && !s.Call.Given() {
			c.hinted(s.Does, "F249", "steps: [ … ], or an action with `with:` beside it", "the loop does not say what to do with each item")
			return
		}
		made.Steps = []*Step{c.step(&one, 0, inner)}
	}
	for id := range c.ids {
		if c.isInside(s.Steps, id) {
			scope.hidden[id] = fmt.Sprintf("the step %q is inside a loop and can be seen only there", id)
		}
	}
	made.Output = value.ListOf(lastOutput(made.Steps))
}

// isInside reports whether the step of that id is one of the steps, or inside one.
func (c *flowCheck) isInside(steps []*spec.Step, id string) bool {
	for _, s := range steps {
		if s.ID.Value == id || c.isInside(s.Steps, id) {
			return true
		}
		for _, b := range slices.Concat(s.Parallel, s.Switch) {
			if c.isInside(b.Steps, id) {
				return true
			}
		}
	}
	return false
}

// lastOutput is what one turn of a loop gives: the output of its last step.
func lastOutput(steps []*Step) *value.Type {
	if len(steps) == 0 {
		return value.Of(value.Nil)
	}
	last := steps[len(steps)-1]
	t := last.Output
	if t == nil {
		t = value.Of(value.Nil)
	}
	if last.If != nil || last.Continue {
		t = optional(t)
	}
	return t
}

func (c *flowCheck) parallel(s *spec.Step, made *Step, scope *stepScope) {
	start := scope.inner()
	for i, b := range s.Parallel {
		branch := start.inner()
		made.Branches = append(made.Branches, &Branch{Path: strconv.Itoa(i), Steps: c.steps(b.Steps, branch)})
		c.mergeBranch(branch, start, scope)
	}
}

// mergeBranch adds what a branch made visible to the scope around it.
func (c *flowCheck) mergeBranch(branch, start, scope *stepScope) {
	for _, f := range branch.outputs[len(start.outputs):] {
		scope.add(f.Name, f.Type)
	}
	scope.failures = append(scope.failures, branch.failures[len(start.failures):]...)
}

func (c *flowCheck) switches(s *spec.Step, made *Step, scope *stepScope) {
	start := scope.inner()
	for i, b := range s.Switch {
		out := &Branch{Path: strconv.Itoa(i)}
		branch := start.inner()
		if b.If.Given() {
			out.If = c.condition(b.If, start.scope())
			branch.assume(out.If, true)
		}
		out.Steps = c.steps(b.Steps, branch)
		c.mergeBranch(branch, start, scope)
		// The next branch is tried only if this one's condition was false.
		start.assume(out.If, false)
		made.Branches = append(made.Branches, out)
	}
}
