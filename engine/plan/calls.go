package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"patchbay/engine/program"
)

// Calls are about how many calls a day all enabled flows make through a
// connection that one of the flows that are different uses.
type Calls struct {
	Connection string  `json:"connection,omitempty"` // left out where none is needed
	Connector  string  `json:"connector"`
	Before     float64 `json:"before"`
	After      float64 `json:"after"`
	// Flows are those whose runs are not counted in After, because nobody knows
	// how many there are.
	Flows  []string `json:"flows"`
	Limits []Limit  `json:"limits"` // those of the service that After exceeds
}

// Limit is a limit of a service.
type Limit struct {
	Action string `json:"action,omitempty"` // of one action, else of all together
	Allow  int    `json:"allow"`
	Per    string `json:"per"`
	// Calls are those that the limit is for, a day; Most is how many it lets
	// through.
	Calls float64 `json:"calls"`
	Most  float64 `json:"most"`
}

// through is what calls are counted by.
type through struct{ connection, connector string }

// load is how many calls something makes, by connection and action.
type load struct {
	calls map[through]map[string]float64
	// measured is set if a part of them is known from runs, written if a part
	// is only known from the file.
	measured, written bool
	unknown           []string
}

func (l *load) add(use *program.Use, a *program.Action, n float64) {
	if a.Transport == program.Table || n == 0 {
		return
	}
	l.put(through{use.Written(), a.Connector.ID}, a.ID, n)
}

// how says what the calls of a run are known by.
func (l *load) how(sampled int) string {
	var all []string
	for _, at := range slices.SortedFunc(maps.Keys(l.calls), through.compare) {
		sum := 0.0
		for _, n := range l.calls[at] {
			sum += n
		}
		all = append(all, number(sum)+" through "+cmp.Or(at.connection, at.connector))
	}
	runs := "as in its last " + many(sampled, "run")
	if sampled == 1 {
		runs = "as in its last run"
	}
	by := "as its steps are written"
	switch {
	case l.measured && l.written:
		by = runs + " and as its new steps are written"
	case l.measured:
		by = runs
	}
	return "calls in a run, " + by + ": " + strings.Join(all, ", ")
}

func (t through) compare(o through) int {
	return cmp.Or(cmp.Compare(t.connector, o.connector), cmp.Compare(t.connection, o.connection))
}

// perRun returns how many calls a run of a flow makes. A step that was there
// before makes as many as it did; one that is new makes one a run, and one a
// turn inside a loop.
func (c *comparison) perRun(f *program.Flow) *load {
	h, l := c.History[f.ID], &load{}
	places := f.Standings()
	guess := func(s program.Standing, n float64) {
		l.add(s.Use, s.Action, n)
		l.written = true
	}
	formerly := func(path string) string { return path }
	var old map[string]program.Standing
	if before := c.before.Flows[f.ID]; before != nil {
		old, formerly = before.Standings(), formerPaths(before, f)
	}
	for _, path := range slices.Sorted(maps.Keys(places)) {
		s := places[path]
		if s.Action == nil {
			continue
		}
		each := float64(1 + len(s.Action.Before))
		o, was := old[formerly(path)]
		was = was && o.Action != nil && o.Action.ID == s.Action.ID
		m, loop := h.Calls[formerly(path)], loopAround(places, path)
		turns := h.Turns[formerly(loop)]
		switch {
		case h.Sampled > 0 && m.Action == s.Action.ID:
			l.measured = true
			l.add(s.Use, s.Action, each*float64(m.Calls)/float64(h.Sampled))
		case h.Sampled > 0 && was, strings.Contains("/"+path, "/on_error/"):
			// It never came to that in the runs there were, or only an error does.
		case loop != "" && turns > 0:
			guess(s, each*float64(turns)/float64(h.Sampled))
		case loop != "":
			guess(s, each)
			l.unknown = append(l.unknown, "how many turns the loop "+loop+" makes is not known; one is counted")
		default:
			guess(s, each)
		}
	}
	slices.Sort(l.unknown)
	l.unknown = slices.Compact(l.unknown)
	return l
}

// loopAround returns the path of the innermost loop around a step, "" for none.
func loopAround(places map[string]program.Standing, path string) string {
	loop := ""
	for at, s := range places {
		if s.Kind == program.DoForEach && strings.HasPrefix(path, at+".") && len(at) > len(loop) {
			loop = at
		}
	}
	return loop
}

// perDay returns how many calls a day all flows of a set make that are switched
// on, and whose runs nobody can count, by connection.
func (c *comparison) perDay(set *program.Set) (*load, map[through][]string) {
	sum, uncounted := &load{}, map[through][]string{}
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		f := set.Flows[id]
		if !f.Enabled {
			continue
		}
		c.looks(f, sum)
		r, calls := c.runs(f), c.perRun(f)
		for at, actions := range calls.calls {
			if len(r.unknown) > 0 {
				uncounted[at] = append(uncounted[at], id)
			}
			for action, n := range actions {
				sum.put(at, action, n*r.runs)
			}
		}
	}
	return sum, uncounted
}

func (l *load) put(at through, action string, n float64) {
	if l.calls == nil {
		l.calls = map[through]map[string]float64{}
	}
	if l.calls[at] == nil {
		l.calls[at] = map[string]float64{}
	}
	l.calls[at][action] += n
}

// looks adds the looks of the polls of a flow: one call each.
func (c *comparison) looks(f *program.Flow, sum *load) {
	for _, t := range f.Triggers {
		if t.Event == nil || t.Event.Poll == nil {
			continue
		}
		poll := t.Event.Poll
		n := float64(day) / float64(max(poll.Every, time.Second)) * float64(1+len(poll.Action.Before))
		if t.Use.Every() {
			n *= c.accounts(t.Use)
		}
		sum.add(t.Use, poll.Action, n)
	}
}

// calls says how many calls a day there would be, for the connections that the
// flows use that are different.
func (c *comparison) calls(different []Flow) []Calls {
	was, _ := c.perDay(c.before)
	is, uncounted := c.perDay(c.after)
	out := []Calls{}
	for _, at := range c.concerned(different) {
		made := Calls{Connection: at.connection, Connector: at.connector, Flows: append([]string{}, uncounted[at]...), Limits: []Limit{}}
		for _, n := range was.calls[at] {
			made.Before += n
		}
		for _, n := range is.calls[at] {
			made.After += n
		}
		if made.Before == 0 && made.After == 0 && len(made.Flows) == 0 {
			continue
		}
		if k := c.after.Connectors[at.connector]; k != nil {
			made.Limits = append(made.Limits, exceeded("", k.Limits, made.After)...)
			for _, id := range slices.Sorted(maps.Keys(is.calls[at])) {
				if a, ok := k.Action(strings.TrimPrefix(id, k.ID+".")); ok {
					made.Limits = append(made.Limits, exceeded(id, a.Limits, is.calls[at][id])...)
				}
			}
		}
		made.Before, made.After = rounded(made.Before), rounded(made.After)
		out = append(out, made)
	}
	return out
}

// concerned returns what the flows go through that are different.
func (c *comparison) concerned(different []Flow) []through {
	var all []through
	add := func(f *program.Flow) {
		if f == nil {
			return
		}
		for _, use := range f.Uses {
			all = append(all, through{use.Written(), use.Connector.ID})
		}
		for at := range c.perRun(f).calls {
			all = append(all, at)
		}
	}
	for i := range different {
		add(c.before.Flows[different[i].ID])
		add(c.after.Flows[different[i].ID])
	}
	slices.SortFunc(all, through.compare)
	return slices.Compact(all)
}

// exceeded returns the limits that are too low for so many calls a day. One
// that is for each value of an input says nothing about all of them.
func exceeded(action string, limits []*program.Limit, calls float64) []Limit {
	var out []Limit
	for _, l := range limits {
		most := float64(l.Allow) * float64(day) / float64(l.Per)
		if l.By == nil && calls > most {
			out = append(out, Limit{Action: action, Allow: l.Allow, Per: span(l.Per), Calls: rounded(calls), Most: rounded(most)})
		}
	}
	return out
}
