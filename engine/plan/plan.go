// Package plan says what a change of the files will do before it goes live:
// which flows are new, different or gone, what starts and stops starting them,
// which rights, connections and writes come and go, and about how many calls a
// day it all makes.
//
// [Of] compares two checked workspaces, the one that is live and the one that
// would be. What only a data folder can tell, the history of the runs, how far
// the triggers have come and how the connections stand, comes in as [Facts]; where
// two folders are compared there are none, and nothing is said about it. [Plan]
// is what programs read, and [Plan.Print] writes the same for people.
//
// A flow is the same where its hash is. Where it is not, its own file is
// compared part by part (flow.go, step.go), and what else the hash depends on is
// named as the reason. Steps are known by their ids; one without an id by what it
// says.
package plan

import (
	"maps"
	"slices"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// Plan is what would be different. Its keys are stable: keys are only ever
// added, and none is given another meaning. Lists are never null.
type Plan struct {
	Flows []Flow `json:"flows"` // those that are different, by id
	// Unchanged are the ids of all others, without those of Uncompared, which
	// have errors on the side they are compared with.
	Unchanged     []string       `json:"unchanged"`
	Uncompared    []string       `json:"uncompared"`
	Connectors    []Part         `json:"connectors"` // of the workspace
	Tables        []Part         `json:"tables"`
	Connections   []Connection   `json:"connections"` // that are different, or cannot be used
	Addresses     []Address      `json:"addresses"`
	Subscriptions []Subscription `json:"subscriptions"`
	Scopes        []Scope        `json:"scopes"`
	Writes        []Write        `json:"writes"`
	Calls         []Calls        `json:"calls"`
}

// How says in which way something is different.
type How string

// The ways in which something can be different.
const (
	New     How = "new"
	Changed How = "changed"
	Removed How = "removed"
	Renamed How = "renamed" // a step that says the same under another id
	Moved   How = "moved"   // a step that stands elsewhere
	Same    How = ""        // it is the same
)

// Part is a connector or a table that is different.
type Part struct {
	Name string `json:"name"`
	How  How    `json:"how"`
}

// Facts are what a data folder knows beside the programs.
type Facts struct {
	// Now, Next and Ticks are always given: Next returns the first tick of a
	// schedule after a time, zero for none; Ticks a text that differs for
	// schedules with different ticks.
	Now   time.Time
	Next  func(*program.Schedule, time.Time) time.Time
	Ticks func(*program.Schedule) string
	// Data is true if there is a data folder, and what follows is known.
	Data bool
	// Open are the runs of each flow that have not ended, by their status.
	Open map[string]map[journal.Status]int
	// History is what is known of the runs of each flow there were.
	History map[string]History
	Cursors map[Place]Cursor
	// States say how the connections stand that there would be.
	States map[string]State
	// Accounts are how many accounts each sign-in serves that serves several.
	Accounts map[string]int
}

// Place is where a trigger looks: what its cursor belongs to.
type Place struct{ Flow, Trigger, Connection string }

// Cursor is how far a trigger has come.
type Cursor struct {
	Of     string // what it is a position in
	Paused bool   // the flow was switched off since
}

// State is how a connection stands.
type State struct {
	Ready   bool
	Message string   // what is missing
	Granted []string // the scopes of its token, nil where that is not known
}

// Of returns what is different in after, which would be live, from before,
// which is.
func Of(before, after *program.Set, facts Facts) *Plan {
	c := &comparison{before: before, after: after, Facts: facts, counted: map[string]float64{}}
	p := &Plan{Flows: []Flow{}, Unchanged: []string{}, Uncompared: []string{}}
	for _, id := range union(before.Flows, after.Flows) {
		if c.uncompared(id) {
			p.Uncompared = append(p.Uncompared, id)
			continue
		}
		if f, different := c.flow(id); different {
			p.Flows = append(p.Flows, f)
		} else {
			p.Unchanged = append(p.Unchanged, id)
		}
	}
	p.Connectors = c.connectors()
	p.Tables = parts(before.Tables, after.Tables, func(a, b *program.TableShape) bool {
		return a.SameShape(b) && a.Keep == b.Keep
	})
	p.Connections = c.connections()
	p.Addresses = c.addresses()
	p.Subscriptions = c.subscriptions()
	p.Scopes = c.scopes()
	p.Writes = c.writes()
	p.Calls = c.calls(p.Flows)
	return p
}

// comparison is what is live beside what would be.
type comparison struct {
	before, after *program.Set
	Facts

	counted map[string]float64 // how often schedules fire a day, by their ticks
}

// uncompared reports whether a flow has errors on the side that is live, so that
// nobody knows what it does there.
func (c *comparison) uncompared(id string) bool {
	return c.before.Flows[id] == nil && slices.Contains(c.before.Broken, id)
}

// IsEmpty reports whether nothing at all is different.
func (p *Plan) IsEmpty() bool {
	different := slices.ContainsFunc(p.Connections, func(c Connection) bool { return c.How != Same })
	return len(p.Flows)+len(p.Addresses)+len(p.Connectors)+len(p.Tables)+len(p.Subscriptions)+len(p.Scopes)+len(p.Writes) == 0 && !different
}

// union returns the keys of both maps, in order.
func union[V any](a, b map[string]V) []string {
	keys := slices.Collect(maps.Keys(a))
	keys = slices.AppendSeq(keys, maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// parts compares what two maps hold.
func parts[V any](before, after map[string]V, same func(a, b V) bool) []Part {
	out := []Part{}
	for _, name := range union(before, after) {
		a, was := before[name]
		b, is := after[name]
		switch {
		case !was:
			out = append(out, Part{name, New})
		case !is:
			out = append(out, Part{name, Removed})
		case !same(a, b):
			out = append(out, Part{name, Changed})
		}
	}
	return out
}

// connectors compares the connectors. One that is built in and was not used
// before is not new.
func (c *comparison) connectors() []Part {
	sums := func(s *program.Set) map[string]string {
		out := map[string]string{}
		for _, id := range s.ConnectorIDs() {
			out[id] = s.Sum(id)
		}
		return out
	}
	all := parts(sums(c.before), sums(c.after), func(a, b string) bool { return a == b })
	return slices.DeleteFunc(all, func(p Part) bool {
		k := c.after.Connectors[p.Name]
		return p.How == New && (k == nil || !k.Own())
	})
}
