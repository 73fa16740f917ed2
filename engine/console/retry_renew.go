package console

import (
	"slices"
	"strings"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/run"
)

// renew decides which steps are done once more because what they are, or what
// they are given, is not what it was: by another version of the flow, or by what
// a person has edited.
//
// What only reads or computes is done anew where something that runs needs it.
// What was written to a service stays written, even if it would be written
// otherwise now. before is the run with the version it ran on, without the
// edits.
func (c *Console) renew(p *planning, state *journal.State, before []run.Glance) *refusal {
	n := newRenewal(before)
	now := c.opt.Look(p.flow, &p.run, p.state(), n.keep)
	redo := n.needed(now, p.flow)
	for _, path := range redo {
		if wrote := n.wrote(path); wrote != "" {
			hint := "--from " + path + " does all of it once more"
			if p.flow.Hash != p.run.Definition {
				hint += ", --with original keeps it"
			}
			return conflict(hint,
				"the run keeps what step %s wrote for the items of %s, and those are not the same any more", program.WrittenPath(wrote), path)
		}
	}
	if len(redo) > 0 {
		p.chosen = state.RetryAlso(p.chosen, redo...)
	}
	p.differs = n.differs
	return nil
}

// renewal compares the steps of a run before and after a change.
type renewal struct {
	before  []run.Glance
	prints  map[string]string
	changed map[string]bool
	differs map[string]bool
}

func newRenewal(before []run.Glance) *renewal {
	n := &renewal{before: before, prints: map[string]string{}, changed: map[string]bool{}, differs: map[string]bool{}}
	for _, g := range before {
		if !g.Turn {
			n.prints[g.Path] = printOf(g)
		}
	}
	return n
}

// printOf is the same for two steps that give the same: by what they are given,
// or where that is not known by how they are written.
func printOf(g run.Glance) string {
	if g.Sure {
		return g.Step.Fingerprint(g.Given)
	}
	return g.Step.Written()
}

// keep reports whether a step can keep its outcome.
func (n *renewal) keep(g run.Glance) bool {
	was, known := n.prints[g.Path]
	if !known || was == printOf(g) {
		return true
	}
	switch {
	case g.Outcome == journal.Caught:
		return true
	case g.Step.Writes():
		n.differs[g.Path] = true
		return true
	case g.Outcome == journal.Skipped, g.Step.Kind == program.DoAction, g.Step.Kind == program.DoSet,
		g.Step.Kind == program.DoForEach, g.Step.Kind == program.DoSwitch:
		n.changed[g.Path] = true
		return false
	default:
		return true // what was waited for came, and what a person said is said
	}
}

// needed returns the changed steps that something needs that is done, directly
// or through others of them.
func (n *renewal) needed(now []run.Glance, flow *program.Flow) []string {
	byPath := map[string]run.Glance{}
	var open []string
	for _, g := range now {
		byPath[g.Path] = g
		if g.Outcome == "" && !n.changed[g.Path] && !n.inChanged(g.Path) {
			open = append(open, g.Needs...)
			if g.Step.Kind == program.DoForEach && !g.Turn && n.prints[g.Path] != "" && n.prints[g.Path] != printOf(g) {
				n.changed[g.Path] = true
				open = append(open, g.Path)
			}
		}
	}
	for path := range n.changed {
		name := "steps." + byPath[path].Step.ID
		if slices.ContainsFunc(flow.Output.Refs(), func(ref string) bool { return ref == name || strings.HasPrefix(ref, name+".") }) {
			open = append(open, path)
		}
	}
	var redo []string
	for len(open) > 0 {
		path := open[len(open)-1]
		open = open[:len(open)-1]
		if slices.Contains(redo, path) || byPath[path].Step == nil {
			continue
		}
		if n.changed[path] {
			redo = append(redo, path)
			open = append(open, byPath[path].Needs...)
		}
	}
	slices.Sort(redo)
	return redo
}

// inChanged reports whether a place lies inside a changed step.
func (n *renewal) inChanged(path string) bool {
	for u := journal.Around(path); u != ""; u = journal.Around(u) {
		if n.changed[u] {
			return true
		}
	}
	return false
}

// wrote returns a step inside another that has written to a service and keeps
// that; "" if there is none.
func (n *renewal) wrote(path string) string {
	for _, g := range n.before {
		if g.Outcome == journal.Done && g.Step.Writes() && journal.Inside(g.Path, path) {
			return g.Path
		}
	}
	return ""
}
