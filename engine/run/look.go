package run

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// Glance is a step, or a turn of a loop, as a look at a run finds it.
type Glance struct {
	Path string
	Step *program.Step // of a turn: the loop
	Turn bool
	Flow *program.Flow // of a call: the one that is called
	// Outcome is what it keeps, "" where it is to be done.
	Outcome journal.Kind
	Begun   bool // the journal speaks of it, or of something inside it
	// Given is what it is given, as a person may have edited it: the inputs of
	// an action or a call, the fields of a set, the list of a loop, the item of
	// a turn, the number of the branch that a switch takes, whether the `if`
	// of a skipped step is true. It is known only where Sure is set: not where
	// it depends on what is still to be done.
	Given any
	Sure  bool
	// Plain is Given without what a person has edited.
	Plain any
	Needs []string // the paths of the steps whose output it reads
	// Times is how often it is done, 0 if nobody knows: inside a loop whose list
	// is still to come.
	Times int
	// Open is set where a write may or may not have happened: the run asks.
	Open bool
	// Perhaps is set where a condition that is not looked at yet may leave it out.
	Perhaps bool
}

// Look goes through a run as its journal has it, does nothing, and tells what
// it came by: what each step was given, and what is still to be done. keep
// says of a step with an outcome whether it keeps it; nil for all. What a look
// does not come by is the on_error of a flow.
func (r *Runner) Look(flow *program.Flow, run *journal.Run, state *journal.State, keep func(Glance) bool) []Glance {
	x := &execution{runner: r, run: run, flow: flow, state: state}
	l := &look{x: x, keep: keep, known: map[string]bool{}}
	for _, path := range state.Paths() {
		for u := path; u != "" && !l.known[u]; u = journal.Around(u) {
			l.known[u] = true
		}
	}
	f := x.topFrame()
	f.sight = &sight{at: map[string]string{}, unsure: map[string]bool{}}
	p := place{times: 1}
	if began, ok := state.Data.(map[string]any); ok {
		f.names["inputs"], f.names["vars"], f.now = began["inputs"], began["vars"], state.BegunAt
	} else {
		f.now = present()
		f.names["inputs"], _ = program.FillInputs(flow.Inputs, run.Inputs) // what is wrong with them the run will tell
		if _, err := x.vars(f); err != nil {
			p.blind = true
		}
	}
	l.steps(flow.Steps, f, p)
	l.over = false
	in := f.inner("finally/")
	in.sight.unsure["error"] = true
	l.steps(flow.Finally, in, p)
	return l.all
}

// look is a look under way.
type look struct {
	x     *execution
	keep  func(Glance) bool
	known map[string]bool // the places that the journal speaks of, and those around them
	all   []Glance
	over  bool // the run ended with a step that keeps its outcome
}

// place is how the steps of a list are looked at.
type place struct {
	fresh   bool // they are done anew, whatever the journal says
	blind   bool // what they are given cannot be known
	perhaps bool
	times   int
}

// sight is what a look knows of the names that expressions see.
type sight struct {
	at     map[string]string // "steps.page": the path of the step
	unsure map[string]bool   // the names whose value is not known
}

func (s *sight) clone() *sight {
	if s == nil {
		return nil
	}
	return &sight{at: maps.Clone(s.at), unsure: maps.Clone(s.unsure)}
}

// sees reports whether the values of all names that are read are known.
func (s *sight) sees(refs []string) bool {
	for _, ref := range refs {
		for name := range s.unsure {
			if ref == name || strings.HasPrefix(ref, name+".") || strings.HasPrefix(name, ref+".") {
				return false
			}
		}
	}
	return true
}

// paths returns where the names come from that are read.
func (s *sight) paths(refs []string) []string {
	var paths []string
	for _, ref := range refs {
		for name, path := range s.at {
			if (ref == name || strings.HasPrefix(ref, name+".") || strings.HasPrefix(name, ref+".")) && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return paths
}

// steps looks at steps one after the other.
func (l *look) steps(steps []*program.Step, f *frame, p place) {
	for _, s := range steps {
		if l.over {
			return
		}
		l.step(s, f, p)
	}
}

func (l *look) step(s *program.Step, f *frame, p place) {
	path := f.path + s.Path
	f.set("steps", s.ID, nil)
	g := Glance{Path: path, Step: s, Times: p.times, Perhaps: p.perhaps, Needs: f.sight.paths(s.Reads())}
	if s.Kind == program.DoCall {
		g.Flow = f.flow.Calls[s.Flow]
	}
	past, ended := l.past(path, p)
	g.Begun = !p.fresh && l.known[path]
	g.Open = g.Begun && past != nil && past.Unsettled() && !s.Action.Repeatable()
	g.Plain, g.Sure = l.given(s, f, p)
	g.Given = g.Plain
	switch {
	case ended && past.Outcome == journal.Skipped:
		g.Plain, g.Sure = l.condition(s, f, p)
		g.Given = g.Plain
	case s.Kind == program.DoAction, s.Kind == program.DoCall, s.Kind == program.DoSet:
		g.Given = l.x.state.Edited(path, g.Plain)
	}
	if ended {
		g.Outcome = past.Outcome
		if l.keep != nil && !l.keep(g) {
			g.Outcome, ended = "", false
		}
	}
	if !ended && s.If != nil && !g.Begun {
		g.Perhaps = true
	}
	l.all = append(l.all, g)
	l.inside(s, f, &g, p)
	if name := "steps." + s.ID; s.ID != "" {
		f.sight.at[name] = path
		f.sight.at["failures."+s.ID] = path
		f.sight.unsure[name], f.sight.unsure["failures."+s.ID] = !ended, !ended
		maps.DeleteFunc(f.sight.unsure, func(_ string, unsure bool) bool { return !unsure })
	}
	switch {
	case ended:
		l.passed(s, f, past)
	case s.Kind == program.DoSet && g.Sure:
		f.set("steps", s.ID, g.Given)
		delete(f.sight.unsure, "steps."+s.ID)
	}
}

// past returns what the journal says of a step that has an outcome.
func (l *look) past(path string, p place) (*journal.StepState, bool) {
	past, ok := l.x.state.Step(path)
	return past, ok && past.Ended() && !p.fresh
}

// passed takes over the outcome of a step.
func (l *look) passed(s *program.Step, f *frame, past *journal.StepState) {
	f.now = past.EndedAt
	switch past.Outcome {
	case journal.Done:
		f.set("steps", s.ID, past.Output)
		l.over = l.over || s.Kind == program.DoStop
	case journal.Caught:
		f.set("failures", s.ID, errorValue(past.Failure))
	default:
	}
}

// condition evaluates the `if` of a step that was skipped.
func (l *look) condition(s *program.Step, f *frame, p place) (any, bool) {
	if s.If == nil {
		return true, true
	}
	if p.blind || !f.sight.sees(s.If.Refs()) {
		return nil, false
	}
	v, err := s.If.EvalBool(l.x.env(f, s.Path))
	return v, err == nil
}

// given works out what a step is given.
func (l *look) given(s *program.Step, f *frame, p place) (any, bool) {
	if p.blind || !f.sight.sees(s.Reads()) {
		return nil, false
	}
	switch s.Kind {
	case program.DoAction, program.DoCall:
		v, err := s.With.Eval(l.x.env(f, s.Path))
		return v, err == nil
	case program.DoSet:
		out := make(map[string]any, len(s.Set))
		for _, n := range s.Set {
			v, err := n.Value.Eval(l.x.env(f, s.Path+"."+n.Name))
			if err != nil {
				return nil, false
			}
			out[n.Name] = v
		}
		return out, true
	case program.DoForEach:
		v, err := s.ForEach.Eval(l.x.env(f, s.Path))
		items, ok := v.([]any)
		return items, err == nil && ok
	case program.DoSwitch:
		for i, b := range s.Branches {
			if b.If == nil {
				return i, true
			}
			ok, err := b.If.EvalBool(l.x.env(f, s.Path+"."+b.Path))
			if err != nil || ok {
				return i, err == nil
			}
		}
		return len(s.Branches), true
	default:
		return nil, true
	}
}

// inside looks at the steps inside another.
func (l *look) inside(s *program.Step, f *frame, g *Glance, p place) {
	p.fresh = p.fresh || g.Begun && g.Outcome == "" && l.keep != nil && l.ended(g.Path)
	p.perhaps = g.Perhaps
	if g.Outcome == journal.Skipped {
		return
	}
	switch s.Kind {
	case program.DoForEach:
		l.turns(s, f, g, p)
	case program.DoParallel, program.DoSwitch:
		l.branches(s, f, g, p)
	case program.DoCall:
		l.called(s, f, g, p)
	default:
	}
}

// ended reports whether the journal has an outcome of a step.
func (l *look) ended(path string) bool {
	past, ok := l.x.state.Step(path)
	return ok && past.Ended()
}

func (l *look) turns(s *program.Step, f *frame, g *Glance, p place) {
	items, _ := g.Given.([]any)
	if !g.Sure || p.fresh && g.Given == nil {
		in := f.inner(g.Path + "[].")
		in.sight.unsure[s.As], in.sight.unsure["index"] = true, true
		p.times, p.fresh = 0, true
		l.steps(s.Steps, in, p)
		return
	}
	for i, item := range items {
		path := g.Path + "[" + strconv.Itoa(i) + "]"
		begun := !p.fresh && l.known[path]
		if g.Outcome != "" && !begun {
			continue
		}
		turn := Glance{Path: path, Step: s, Turn: true, Begun: begun, Plain: item, Given: l.x.state.Edited(path, item), Sure: true, Times: p.times, Perhaps: p.perhaps}
		if past, ok := l.past(path, p); ok {
			turn.Outcome = past.Outcome
		}
		l.all = append(l.all, turn)
		in := f.inner(path + ".")
		in.names[s.As], in.names["index"] = turn.Given, i
		in.sight.at[s.As] = path
		at := len(l.all)
		l.steps(s.Steps, in, p)
		switch {
		case turn.Outcome != "":
			l.settle(at)
		case begun && !slices.ContainsFunc(l.all[at:], func(g Glance) bool { return g.Outcome == "" && !g.Turn && len(g.Step.Branches) == 0 }):
			l.all[at-1].Outcome = journal.Done
		}
	}
}

// settle takes from what is inside a place that has its outcome all that looks
// as if it were to be done.
func (l *look) settle(from int) {
	kept := l.all[:from]
	for _, g := range l.all[from:] {
		if g.Begun {
			if g.Outcome == "" {
				g.Outcome = journal.Failed
			}
			kept = append(kept, g)
		}
	}
	l.all = kept
}

func (l *look) branches(s *program.Step, f *frame, g *Glance, p place) {
	taken, chosen := g.Given.(int)
	if s.Kind == program.DoSwitch {
		for _, b := range s.Branches {
			for _, inner := range b.Steps {
				f.set("steps", inner.ID, nil)
			}
		}
	}
	for i, b := range s.Branches {
		begun := !p.fresh && slices.ContainsFunc(b.Steps, func(inner *program.Step) bool { return l.known[g.Path+"."+b.Path+"."+inner.Path] })
		switch {
		case s.Kind == program.DoParallel, begun:
		case g.Outcome != "", chosen && taken != i:
			continue
		}
		own := p
		own.perhaps = p.perhaps || s.Kind == program.DoSwitch && !begun && !chosen
		in := f.inner(g.Path + "." + b.Path + ".")
		l.steps(b.Steps, in, own)
		f.merge(in)
	}
}

func (l *look) called(s *program.Step, f *frame, g *Glance, p place) {
	callee, ok := f.flow.Calls[s.Flow]
	if !ok || g.Outcome != "" && !g.Begun {
		return
	}
	in := l.x.calledFrame(callee, f, g.Path)
	in.sight = &sight{at: map[string]string{}, unsure: map[string]bool{}}
	with, _ := g.Given.(map[string]any)
	inputs, err := program.FillInputs(callee.Inputs, with)
	in.names["inputs"] = inputs
	if err == nil && g.Sure {
		_, err = l.x.vars(in)
	}
	p.blind = p.blind || !g.Sure || err != nil
	at := len(l.all)
	l.steps(callee.Steps, in, p)
	for i := at; i < len(l.all); i++ {
		// What is inside depends on what the call is given.
		l.all[i].Needs = append(l.all[i].Needs, g.Needs...)
	}
	if g.Outcome != "" {
		l.settle(at)
	}
}
