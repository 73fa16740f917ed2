package program

import (
	"slices"

	"patchbay/engine/expr"
	"patchbay/engine/spec"
)

// decided warns of a condition that is the same whatever happens.
func (c *flowCheck) decided(t spec.Text, code *expr.Code) {
	if code == nil {
		return
	}
	if v, ok := code.Constant(); ok {
		c.hinted(t, "W104", "a condition names something that differs from run to run, as in: event.amount > 100", "this condition is always %v", v)
	}
}

// unreachable warns of a step behind one that ends every run.
func (c *flowCheck) unreachable(last, next *spec.Step) {
	at := next.Does
	if !at.Given() {
		return
	}
	what := "the step above ends every run"
	if last.Does.Value == "switch" {
		what = "every branch of the switch above ends the run"
	}
	c.hinted(at, "W103", what+"; give it a condition with `if:`, or take this step out", "this step is never reached")
}

// leaves reports whether no step after this one is ever reached.
func leaves(s *spec.Step) bool {
	if s.If.Given() || s.OnError.Value == "continue" {
		return false
	}
	switch StepKind(s.Does.Value) {
	case DoStop, DoFail:
		return true
	case DoParallel:
		return slices.ContainsFunc(s.Parallel, func(b *spec.Branch) bool { return anyLeaves(b.Steps) })
	case DoSwitch:
		otherwise := slices.ContainsFunc(s.Switch, func(b *spec.Branch) bool { return b.Else.Given() })
		return otherwise && !slices.ContainsFunc(s.Switch, func(b *spec.Branch) bool { return !anyLeaves(b.Steps) })
	default:
		return false
	}
}

func anyLeaves(steps []*spec.Step) bool { return slices.ContainsFunc(steps, leaves) }

// outdated warns of the use of something that its connector advises against.
func (c *flowCheck) outdated(t spec.Text, id, why string) {
	if why != "" {
		c.hinted(t, "W107", why, "%s is deprecated", id)
	}
}

func (c *flowCheck) outdatedInputs(with []spec.Entry, inputs []*Input) {
	for _, e := range with {
		for _, in := range inputs {
			if in.Name == e.Key.Value {
				c.outdated(e.Key, "the input "+in.Name, in.Deprecated)
			}
		}
	}
}
