package program

import (
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// steps checks steps that run one after the other, and adds their outputs to
// the scope. branch is the branch of the step around them.
func (c *flowCheck) steps(written []*spec.Step, scope *stepScope, branch int) []*Step {
	around := c.here.chain
	out := make([]*Step, 0, len(written))
	reachable := true
	for i, s := range written {
		c.here.chain = append(slices.Clip(around), link{s, branch, i})
		made := c.step(s, i, scope)
		out = append(out, made)
		if reachable && leaves(s) && i+1 < len(written) {
			c.unreachable(s, written[i+1])
			reachable = false
		}
	}
	c.here.chain = around
	return out
}

func (c *flowCheck) step(s *spec.Step, position int, outer *stepScope) *Step {
	made := &Step{
		ID: s.ID.Value, Path: stepPath(s, position), Name: s.Name.Value,
		Kind: StepKind(s.Does.Value), Line: s.Does.Pos.Line,
		Timeout: c.duration(s.Timeout), Continue: s.OnError.Value == "continue",
	}
	scope := outer.inner()
	if s.If.Given() {
		made.If = c.condition(s.If, outer.scope())
		c.decided(s.If, made.If)
		scope.assume(made.If, true)
	}
	c.retry(s, made)
	c.does(s, made, scope)
	if made.hands = c.brings(made); made.ID != "" {
		c.origins["steps."+made.ID] = made.hands
	}
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
		leaveBranches(made, inner, outer, maybe)
	}
	outer.add(made.ID, t)
	if made.ID != "" && made.Continue {
		outer.fail(value.Field{Name: made.ID, Type: c.failure.AsOptional()})
	}
	switch {
	case made.Kind == DoStop || made.Kind == DoFail:
		// Whoever comes after this step knows that its condition was false.
		outer.assume(made.If, false)
	case made.Kind == DoSwitch && !maybe:
		for i, b := range s.Switch {
			if !anyLeaves(b.Steps) {
				break
			}
			outer.assume(made.Branches[i].If, false)
		}
	}
}

// leaveBranches makes the steps inside branches visible: those of a switch,
// or of a step that may not run, are optional.
func leaveBranches(made *Step, inner, outer *stepScope, maybe bool) {
	for _, f := range inner.outputs[len(outer.outputs):] {
		if made.Kind == DoSwitch || maybe {
			f.Type = optional(f.Type)
		}
		outer.add(f.Name, f.Type)
	}
	outer.fail(inner.failures[len(outer.failures):]...)
}

func (c *flowCheck) retry(s *spec.Step, made *Step) {
	if s.Retry == nil {
		return
	}
	made.Retry = &Retry{
		Max: c.number(s.Retry.Max, 3), Wait: c.duration(s.Retry.Wait), Fixed: s.Retry.Backoff.Value == "fixed",
	}
	if !s.Action.Given() && !s.Call.Given() && s.Does.Given() {
		c.hinted(s.Does, "F240", "retry stands at the steps that have an action or a call", "retry has no meaning for a step with %s", s.Does.Value)
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
	case DoWaitFor:
		c.waitFor(s.WaitFor, made, scope)
	case DoApprove:
		c.approve(s.Approve, made)
	case DoStop:
		made.Reason = c.textTemplate(s.Stop, scope.scope(), value.Of(value.String))
	case DoFail:
		made.Reason = c.textTemplate(s.Fail, scope.scope(), value.Of(value.String))
	default:
		made.Output = value.Of(value.Any) // the parser has told that it does nothing
	}
}

func (c *flowCheck) set(entries []spec.Entry, scope *expr.Scope) ([]Named, *value.Type) {
	t := &value.Type{Kind: value.Object}
	var out []Named
	for _, e := range entries {
		c.plainKey(e.Key)
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
	at := &spec.Value{Pos: s.Action.Pos, Text: s.Action}
	use, name := c.role(s.Action)
	if use == nil {
		c.objectTemplate(at, s.With, scope.scope(), nil, "input")
		return
	}
	action, ok := use.Connector.Action(name)
	if !ok {
		c.noAction(s.Action, use, name)
		c.objectTemplate(at, s.With, scope.scope(), nil, "input")
		return
	}
	made.Action, made.Use = action, use
	c.served(s.Action, use, action)
	c.outdated(s.Action, action.ID, action.Deprecated)
	inputs, output := action.InputType(), action.Output.Whole()
	c.asking = action.Effect == EffectRead
	defer func() { c.asking = false }()
	if action.Transport == Table {
		inputs, output = c.tableTypes(s, action, inputs, output)
	}
	made.Output = output
	if s.WithLost {
		c.follow()
		return
	}
	made.With = c.objectTemplate(at, s.With, scope.scope(), inputs, "input")
	c.outdatedInputs(s.With, action.Input)
	c.unescaped(s.With, made.With, inputs)
	c.signInNeeded(s.Action, use, action)
	c.accountNeeded(s.Action, use, action.ID, func(field string) bool { return action.reads(field, writtenKeys(s.With)) })
	c.brought = append(c.brought, brought{s.Action, made})
	c.right(s.Action, use, action.ID, action.Scopes)
	unlimited := action.Output.List && !slices.ContainsFunc(s.With, func(e spec.Entry) bool { return e.Key.Value == "limit" })
	if s.ID.Given() && unlimited {
		c.loops[s.ID.Value] = action
	}
}

func (c *flowCheck) noAction(t spec.Text, use *Use, name string) {
	var names []string
	for _, a := range use.Connector.Actions() {
		names = append(names, use.Role+"."+a.Name)
	}
	if _, ok := use.Connector.Trigger(name); ok {
		c.hinted(t, "F242", "triggers stand under `triggers:`", "%q is a trigger of %s, and a step needs an action", t.Value, use.Connector.Name)
		return
	}
	c.choice(misnamedOperation(t, "F242", "action", use, names), func(near string) bool {
		a, ok := use.Connector.Action(strings.TrimPrefix(near, use.Role+"."))
		return ok && a.Effect == EffectRead
	})
}

// tableTypes gives the inputs and the output of an action on a table the types
// of that table's rows.
func (c *flowCheck) tableTypes(s *spec.Step, a *Action, inputs, output *value.Type) (in, out *value.Type) {
	i := slices.IndexFunc(s.With, func(e spec.Entry) bool { return e.Key.Value == "table" })
	if i < 0 || s.With[i].Value.Kind != spec.String {
		return inputs, value.Of(value.Any) // what is wrong is told with the other inputs
	}
	name := s.With[i].Value.Text
	shape, told := c.table(name.Value)
	switch {
	case strings.Contains(name.Value, "${{"):
		c.hinted(name, "F243", "tables: "+strings.Join(c.names((*builder).tableIDs), ", "),
			"the name of the table must be written out, so that its rows can be checked")
		return withoutType(inputs, "table"), value.Of(value.Any)
	case told:
		c.follow()
		return inputs, value.Of(value.Any)
	case shape == nil:
		c.noTable(name)
		return inputs, value.Of(value.Any)
	}
	c.made.Tables[shape.ID] = shape
	if a.Method == "upsert" && len(shape.Key) == 0 {
		c.hinted(name, "F244", "say in "+shape.ID+".yaml which field tells one row from another, as in:  key: id",
			"the table %q has no key, so a row cannot be found again to be replaced", shape.ID)
	}
	if a.Method == "find" {
		found := a.Output
		found.Type = shape.Row
		output = found.Whole()
	}
	return rowInputs(inputs, shape), output
}

func (c *flowCheck) noTable(name spec.Text) {
	names := c.names((*builder).tableIDs)
	if len(names) == 0 {
		c.hinted(name, "F243", fmt.Sprintf("a table is declared in a file of its own: flows/%s.yaml, first line  table: 1", name.Value), "%q is not a table", name.Value)
		return
	}
	c.choice(misnamed(name, "F243", "table", "is not a table", names), func(string) bool { return c.asking })
}

// withoutType returns an object type in which anything goes for one field.
func withoutType(t *value.Type, field string) *value.Type {
	out := *t
	out.Fields = slices.Clone(t.Fields)
	for i, f := range out.Fields {
		if f.Name == field {
			out.Fields[i].Type = value.Of(value.Any)
		}
	}
	return &out
}

// rowInputs returns the inputs of an action on a table, typed by its rows.
func rowInputs(inputs *value.Type, shape *TableShape) *value.Type {
	typed := *inputs
	typed.Fields = slices.Clone(inputs.Fields)
	for i, f := range typed.Fields {
		t := f.Type
		switch f.Name {
		case "row":
			t = shape.Row
		case "where":
			t = &value.Type{Kind: value.Object, Name: shape.Row.Name}
			for _, col := range shape.Row.Fields {
				col.Type = col.Type.AsOptional()
				t.Fields = append(t.Fields, col)
			}
		case "order_by":
			t = &value.Type{Kind: value.Enum, Values: shape.Row.FieldNames()}
		}
		if f.Type.MayBeNil() {
			t = t.AsOptional()
		}
		typed.Fields[i].Type = t
	}
	return &typed
}
