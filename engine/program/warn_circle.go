package program

import (
	"slices"

	"patchbay/engine/diag"
)

// circles warns of a flow whose own steps make the event happen that starts it.
// Where some condition stands in between it may end, and nobody is warned.
func (c *flowCheck) circles() {
	if c.failed {
		return
	}
	c.made.always(nil, func(own, does *Step) {
		for i, t := range c.made.Triggers {
			if t.Event == nil || !does.causes(t) {
				continue
			}
			at := c.brought[slices.IndexFunc(c.brought, func(b brought) bool { return b.step == own })].at
			c.add(diag.Finding{
				Pos: at.Pos, Width: width(at.Value), Code: "W113",
				Message: does.Action.ID + " makes " + t.Event.ID + " happen, which starts this flow again",
				Hint:    "add `conditions:`, or an `if:` to the step, that is false once the flow has done its work",
				Related: []diag.Related{{Pos: c.spec.Triggers[i].Trigger.Pos, Message: "the trigger"}},
			})
			return
		}
	})
}

// causes reports whether a step makes a trigger fire, in the account that the
// trigger listens to.
func (s *Step) causes(t *FlowTrigger) bool {
	return s.Action.Connector == t.Event.Connector && s.Use.Connection == t.Use.Connection &&
		slices.Contains(t.Event.CausedBy, s.Action.Name)
}

// always shows the actions to see that no condition of the flow keeps from being
// done, those of the flows it calls among them; own is the step of the flow that
// was asked, nil for this one.
func (f *Flow) always(own *Step, see func(own, does *Step)) {
	if len(f.Conditions) == 0 {
		f.alwaysIn(f.Steps, own, see)
	}
}

// alwaysIn looks at steps up to the first behind which not every run gets.
func (f *Flow) alwaysIn(steps []*Step, own *Step, see func(own, does *Step)) {
	for _, s := range steps {
		mine := own
		if mine == nil {
			mine = s
		}
		callee := f.Calls[s.Flow]
		switch {
		case s.If != nil || s.Kind == DoSwitch || s.Kind == DoForEach && fewer.MatchString(s.ForEach.Source()):
		case s.Action != nil:
			see(mine, s)
		case callee != nil:
			callee.always(mine, see)
		default:
			f.alwaysIn(s.Steps, own, see)
			for _, b := range s.Branches {
				f.alwaysIn(b.Steps, own, see)
			}
		}
		if sifts(s) {
			return
		}
	}
}

// sifts reports whether not every run gets behind a step.
func sifts(s *Step) bool {
	ends := s.Kind == DoStop || s.Kind == DoFail || s.Kind == DoApprove || s.Kind == DoWaitFor
	return ends || slices.ContainsFunc(s.Branches, func(b *Branch) bool { return slices.ContainsFunc(b.Steps, sifts) })
}
