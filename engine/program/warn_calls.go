package program

import (
	"fmt"
	"regexp"
	"strings"

	"patchbay/engine/spec"
)

// brought is a step that calls a service or a flow, and where that is written.
type brought struct {
	at   spec.Text
	step *Step
}

// noteRead notes that an expression reads a path: `steps` or `failures` and the id
// behind it.
func (c *flowCheck) noteRead(path string) {
	root, rest, _ := strings.Cut(path, ".")
	if root == "steps" || root == "failures" {
		id, _, _ := strings.Cut(rest, ".")
		c.used[id] = true
	}
}

// unused warns of what is read from a service for nobody. In a flow with errors
// it is not known what the broken expressions were to read, and one that does
// nothing but read watches something, or is made to be looked at.
func (c *flowCheck) unused() {
	changes := func(a *Action) bool { return a.Effect != EffectRead }
	if c.failed || c.used[""] || !c.made.doesIn(c.made.Steps, changes) {
		return
	}
	needed := map[*Step]bool{}
	c.needed(c.made.Steps, false, needed)
	c.needed(c.made.OnError, false, needed)
	c.needed(c.made.Finally, false, needed)
	for _, b := range c.brought {
		a := b.step.Action
		if a == nil || a.Effect != EffectRead || a.Transport == Table || a.Output.Type == nil || needed[b.step] {
			continue
		}
		c.hinted(b.at, "W109", "give the step an id and use it as steps.<id>, or take the step out",
			"nothing uses what %s brings, and it costs a call to %s each time", a.ID, a.Connector.Name)
	}
}

// needed enters the steps whose output something reads: by their id, or as the
// last step of a loop whose list is read.
func (c *flowCheck) needed(steps []*Step, last bool, into map[*Step]bool) {
	for i, s := range steps {
		read := s.ID != "" && c.used[s.ID] || last && i == len(steps)-1
		if read {
			into[s] = true
		}
		c.needed(s.Steps, read, into)
		for _, b := range s.Branches {
			c.needed(b.Steps, false, into)
		}
	}
}

// part matches an expression that takes a part of a list by its length, and
// fewer one that leaves out some of it, or takes many at a time.
var (
	part  = regexp.MustCompile(`\btake\(|\[[^\[\]]*:[^\[\]]*\]`)
	fewer = regexp.MustCompile(`\b(filter|chunk)\(`)
)

// floods warns of a loop that calls a service for each item of a list that a
// service brought, however long. One that comes in a single answer has an end
// that is near enough for calls that harm nobody.
func (c *flowCheck) floods(s *spec.Step, loop *Step) {
	if loop.ForEach == nil || part.MatchString(s.ForEach.Value) {
		return
	}
	list := ""
	for _, ref := range loop.ForEach.Refs() {
		path := strings.Split(ref, ".")
		if len(path) >= 2 && path[0] == "steps" && c.loops[path[1]] != nil {
			list = path[1]
		}
	}
	if list == "" {
		return
	}
	var calls, harms *Action
	c.made.doesIn(loop.Steps, func(a *Action) bool {
		if a.Transport != Table && calls == nil {
			calls = a
		}
		if a.Effect == EffectSend || a.Effect == EffectDelete {
			harms = a
		}
		return harms != nil
	})
	hint := fmt.Sprintf("give the step %q a `limit`, or loop over steps.%s[0:100]", list, list)
	switch {
	case harms != nil:
		c.hinted(s.ForEach, "W106", hint, "%s is done once for each item of a list that may be of any length", harms.ID)
	case calls != nil && c.loops[list].Paginate != nil && !fewer.MatchString(s.ForEach.Value):
		c.hinted(s.ForEach, "W110", hint+", or over those that matter: filter(steps."+list+", …)",
			"%s is called once for each item of a list that may be of any length", calls.ID)
	}
}

// does reports whether the flow, or one that it calls, has an action like that.
func (f *Flow) does(like func(*Action) bool) bool {
	return f.doesIn(f.Steps, like) || f.doesIn(f.OnError, like) || f.doesIn(f.Finally, like)
}

// doesIn is does for some of the steps of the flow.
func (f *Flow) doesIn(steps []*Step, like func(*Action) bool) bool {
	return !walk(steps, func(s *Step) bool {
		callee := f.Calls[s.Flow]
		return (s.Action == nil || !like(s.Action)) && (callee == nil || !callee.does(like))
	})
}
