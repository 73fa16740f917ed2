package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/program"
)

// spot is a step where it stands.
type spot struct {
	*program.Step

	path   string // as in a journal, without the numbers of turns
	parent *spot  // nil at the top
	branch string // on_error/ or finally/ at the top, the arm of a parent that has several
	index  int    // in its list
	says   phrases
	match  *spot // its other version
}

// spots returns the steps of a flow in the order of its file.
func spots(f *program.Flow) []*spot {
	var all []*spot
	var in func(steps []*program.Step, parent *spot, branch, prefix string)
	in = func(steps []*program.Step, parent *spot, branch, prefix string) {
		for i, s := range steps {
			at := &spot{Step: s, path: prefix + s.Path, parent: parent, branch: branch, index: i, says: stepPhrases(s)}
			all = append(all, at)
			in(s.Steps, at, "", at.path+".")
			for _, b := range s.Branches {
				in(b.Steps, at, b.Path, at.path+"."+b.Path+".")
			}
		}
	}
	in(f.Steps, nil, "", "")
	in(f.OnError, nil, "on_error/", "on_error/")
	in(f.Finally, nil, "finally/", "finally/")
	return all
}

// stepPhrases is what a step says itself, without the steps in it.
func stepPhrases(s *program.Step) phrases {
	var p phrases
	p.add("name", s.Name)
	p.code("if", s.If)
	if s.Action != nil {
		p.add("action", s.Action.ID)
	}
	p.add("call", s.Flow)
	p.value("with", s.With)
	p.named("set", s.Set)
	p.code("for_each", s.ForEach)
	if s.ForEach != nil {
		p.add("as", s.As)
		p.number("at_once", s.AtOnce)
	}
	switch {
	case s.Collect:
		p.add("on_error", "collect")
	case s.Continue:
		p.add("on_error", "continue")
	}
	if r := s.Retry; r != nil {
		p.add("retry", fmt.Sprintf("max %d, wait %s, %s", r.Max, span(r.Wait), map[bool]string{true: "fixed", false: "exponential"}[r.Fixed]))
	}
	p.span("timeout", s.Timeout)
	p.waits(s)
	p.value("reason", s.Reason)
	for _, b := range s.Branches {
		if s.Kind == program.DoSwitch {
			p.add("arm "+b.Path, arm(b))
		}
	}
	if s.Kind == program.DoParallel {
		p.add("branches", strconv.Itoa(len(s.Branches)))
	}
	return p
}

func arm(b *program.Branch) string {
	if b.If == nil {
		return "else"
	}
	return "if " + b.If.Source()
}

func (p *phrases) waits(s *program.Step) {
	if w := s.WaitFor; w != nil {
		p.add("wait_for", w.Event.ID)
		p.code("match", w.Match)
	}
	p.code("wait_until", s.WaitUntil)
	p.span("wait", s.Wait)
	if a := s.Approve; a != nil {
		p.add("approve by", strings.Join(a.By, ", "))
		for _, in := range a.Form {
			p.add("form."+in.Name, in.Type.String())
		}
	}
}

// does says in words what a step does.
func does(s *program.Step) string {
	switch s.Kind {
	case program.DoAction:
		return s.Action.ID
	case program.DoCall:
		return "call " + s.Flow
	case program.DoForEach:
		return "for_each " + s.ForEach.Source()
	case program.DoWait:
		return "wait " + span(s.Wait)
	case program.DoWaitFor:
		return "wait_for " + s.WaitFor.Event.ID
	default:
		return string(s.Kind)
	}
}

// steps compares the steps of two versions.
func steps(before, after *program.Flow) []Change {
	old, now := spots(before), spots(after)
	pair(old, now)
	moved := movedSpots(now)
	var out []Change
	for _, s := range now {
		c := Change{What: "step", Name: s.path, Does: does(s.Step), How: Changed}
		if s.match == nil {
			c.How = New
			out = append(out, c)
			continue
		}
		c.Fields = differing(s.match.says, s.says)
		switch {
		case s.ID != s.match.ID && s.ID != "" && s.match.ID != "":
			c.How, c.Was = Renamed, s.match.path
		case moved[s]:
			c.How, c.Was = Moved, s.match.path
		case len(c.Fields) == 0:
			continue
		}
		out = append(out, c)
	}
	for _, s := range old {
		if s.match == nil {
			out = append(out, Change{What: "step", Name: s.path, Does: does(s.Step), How: Removed})
		}
	}
	return out
}

// pair finds for each step its other version: by the id, then by all that it
// says, then, for one without an id, by what it does at the same place.
func pair(old, now []*spot) {
	by := func(same func(a, b *spot) bool) {
		for _, b := range now {
			if b.match != nil {
				continue
			}
			i := slices.IndexFunc(old, func(a *spot) bool { return a.match == nil && same(a, b) })
			if i >= 0 {
				old[i].match, b.match = b, old[i]
			}
		}
	}
	by(func(a, b *spot) bool { return a.ID != "" && a.ID == b.ID })
	by(func(a, b *spot) bool {
		return (a.ID == "") == (b.ID == "") && a.Kind == b.Kind && around(a) == around(b) && slices.Equal(a.says, b.says)
	})
	by(func(a, b *spot) bool { return a.ID == b.ID && a.Kind == b.Kind && slices.Equal(a.says, b.says) })
	by(func(a, b *spot) bool { return a.ID == b.ID && does(a.Step) == does(b.Step) && around(a) == around(b) })
	by(func(a, b *spot) bool {
		return a.ID == "" && b.ID == "" && a.Kind == b.Kind && a.Action == nil && around(a) == around(b)
	})
}

// formerPaths returns what gives the path that a step had before, of one that
// was there; of any other it is its path now. The steps of a called flow go with
// the step that calls it.
func formerPaths(before, after *program.Flow) func(path string) string {
	if before == after {
		return func(path string) string { return path }
	}
	old, now := spots(before), spots(after)
	pair(old, now)
	former := map[string]string{}
	for _, s := range now {
		switch {
		case s.match != nil:
			former[s.path] = s.match.path
		case slices.ContainsFunc(old, func(o *spot) bool { return o.path == s.path }):
			former[s.path] = "" // another step had it
		}
	}
	return func(path string) string {
		called, rest := path, ""
		for {
			if was, known := former[called]; known {
				return was + rest
			}
			i := strings.LastIndexByte(called, '/')
			if i < 0 {
				return path
			}
			called, rest = path[:i], path[i:]
		}
	}
}

// around names the list in which a step stands.
func around(s *spot) string {
	if s.parent == nil {
		return s.branch
	}
	return s.parent.path + "." + s.branch
}

// movedSpots returns the steps that stand in another list than before, or in
// another order in it: as few as can be, where the others stay in theirs.
func movedSpots(now []*spot) map[*spot]bool {
	moved := map[*spot]bool{}
	lists := map[string][]*spot{}
	for _, s := range now {
		if s.match == nil {
			continue
		}
		from, to := s.match.parent, s.parent
		same := from == nil && to == nil || from != nil && to != nil && to.match == from
		if !same || s.branch != s.match.branch {
			moved[s] = true
			continue
		}
		lists[around(s)] = append(lists[around(s)], s)
	}
	for _, list := range lists {
		stay := inOrder(list)
		for _, s := range list {
			if !slices.Contains(stay, s) {
				moved[s] = true
			}
		}
	}
	return moved
}

// inOrder returns the most steps of a list that stood in the same order before.
func inOrder(list []*spot) []*spot {
	best := make([][]*spot, len(list)) // that end with this one
	var most []*spot
	for i, s := range list {
		for j := range i {
			if list[j].match.index < s.match.index && len(best[j]) > len(best[i]) {
				best[i] = best[j]
			}
		}
		best[i] = append(slices.Clone(best[i]), s)
		if len(best[i]) > len(most) {
			most = best[i]
		}
	}
	return most
}
