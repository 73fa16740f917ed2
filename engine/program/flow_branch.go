package program

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// forEach checks a loop.
func (c *flowCheck) forEach(s *spec.Step, made *Step, scope *stepScope) {
	made.AtOnce, made.Collect, made.As = c.number(s.AtOnce, 1), s.OnError.Value == "collect", cmp.Or(s.As.Value, "item")
	made.ForEach = c.compile(s.ForEach, scope.scope(), value.ListOf(value.Of(value.Any)))
	elem := value.Of(value.Any)
	if made.ForEach != nil && made.ForEach.Type() != nil && made.ForEach.Type().Elem != nil {
		elem = made.ForEach.Type().Elem
	}
	inner := scope
	if isTaken(made.As) {
		c.hinted(s.As, "F212", "give the item another name, as in:  as: contact", "%q has a meaning of its own and cannot be the name of the item", made.As)
		// Below, the name may be meant either way, so nothing is told about it.
		inner = scope.with(value.Field{Name: made.As, Type: value.Of(value.Any)})
		made.As = "item"
	}
	inner = inner.
		with(value.Field{Name: made.As, Type: elem}).
		with(value.Field{Name: "index", Type: value.Of(value.Integer)})
	outer := c.origins[made.As]
	c.origins[made.As] = c.originOf(&Value{form: formCode, Code: made.ForEach})
	defer func() { c.origins[made.As] = outer }()
	if s.As.Given() && made.As != "item" {
		inner.names = inner.names.Missing("item", "item has another name in this loop: "+made.As)
	}
	switch {
	case len(s.Steps) > 0:
		made.Steps = c.steps(s.Steps, inner, 0)
	case s.Action.Given() || s.Call.Given():
		made.Steps = []*Step{c.step(onlyStep(s), 0, inner)}
	}
	c.floods(s, made)
	made.Output = value.ListOf(lastOutput(made.Steps))
}

// isTaken reports whether a name has a meaning in every expression.
func isTaken(name string) bool {
	names := "steps event failures inputs vars connection run flow trigger error index arriving"
	words := "and or not in let if else true false nil"
	return slices.Contains(strings.Fields(names+" "+words), name)
}

// onlyStep returns the one step of a loop with an action or a call beside it:
// what speaks of the loop as a whole is not the step's.
func onlyStep(s *spec.Step) *spec.Step {
	one := *s
	one.ID, one.If, one.ForEach, one.OnError, one.Timeout = spec.Text{}, spec.Text{}, spec.Text{}, spec.Text{}, spec.Text{}
	one.Does = s.Action
	one.Does.Value = string(DoAction)
	if s.Call.Given() {
		one.Does = s.Call
		one.Does.Value = string(DoCall)
	}
	return &one
}

// lastOutput is what one turn of a loop gives: the output of its last step.
func lastOutput(steps []*Step) *value.Type {
	if len(steps) == 0 {
		return value.Of(value.Any)
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
		made.Branches = append(made.Branches, &Branch{Path: strconv.Itoa(i), Steps: c.steps(b.Steps, branch, i)})
		mergeBranch(branch, start, scope)
	}
}

// mergeBranch adds what a branch made visible to the scope around it.
func mergeBranch(branch, start, scope *stepScope) {
	for _, f := range branch.outputs[len(start.outputs):] {
		scope.add(f.Name, f.Type)
	}
	scope.fail(branch.failures[len(start.failures):]...)
}

func (c *flowCheck) switches(s *spec.Step, made *Step, scope *stepScope) {
	start := scope.inner()
	otherwise := -1 // the branch that is taken where no other is
	for i, b := range s.Switch {
		out := &Branch{Path: strconv.Itoa(i)}
		branch := start.inner()
		switch {
		case otherwise >= 0:
			c.hinted(b.Pos, "F211", "put the branch with else last", "this branch can never be taken: the one with else stands before it")
		case b.If.Given():
			out.If = c.condition(b.If, start.scope())
			c.decided(b.If, out.If)
			branch.assume(out.If, true)
		case b.Else.Given():
			otherwise = i
		}
		out.Steps = c.steps(b.Steps, branch, i)
		mergeBranch(branch, start, scope)
		// The next branch is tried only if this one's condition was false.
		start.assume(out.If, false)
		made.Branches = append(made.Branches, out)
	}
}
