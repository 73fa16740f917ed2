package program

import (
	"cmp"
	"maps"
	"slices"
)

// ScopeNeed is one scope that a connection needs, and why.
type ScopeNeed struct {
	Connection string   `json:"connection"`
	Connector  string   `json:"connector"`
	Scope      string   `json:"scope"`
	Because    []string `json:"because"` // "flow qwilr-page-accepted: ghl.contacts.add_tags"
}

// Scopes returns the scopes that the enabled flows need, per connection, in
// the order of connections and scopes. Nothing is asked for that no flow uses.
func (s *Set) Scopes() []ScopeNeed {
	type key struct{ connection, connector, scope string }
	needs := map[key][]string{}
	need := func(use *Use, scopes []string, why string) {
		for _, scope := range scopes {
			k := key{use.Written(), use.Connector.ID, scope}
			if !slices.Contains(needs[k], why) {
				needs[k] = append(needs[k], why)
			}
		}
	}
	for _, name := range s.WrittenConnections() {
		c := s.Connections[name]
		if !c.IsAgency() {
			continue
		}
		m := c.Auth.Members
		need(&Use{Connector: c.Connector, Connection: name}, m.List.Scopes, "accounts of "+name+": "+m.List.ID)
		if m.Token != nil {
			need(&Use{Connector: c.Connector, Connection: name}, m.Token.Action.Scopes, "accounts of "+name+": "+m.Token.Action.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.Flows)) {
		flow := s.Flows[id]
		if !flow.Enabled {
			continue
		}
		for _, t := range flow.Triggers {
			if t.Event == nil {
				continue
			}
			need(t.Use, t.Event.Scopes, "flow "+id+": "+t.Event.ID)
			if w := t.Event.Connector.Webhooks; t.Event.Webhook && w != nil && w.Subscribe != nil {
				need(t.Use, w.Subscribe.Scopes(), "flow "+id+": "+t.Event.ID)
			}
			if t.Event.Poll != nil {
				need(t.Use, t.Event.Poll.Action.Scopes, "flow "+id+": "+t.Event.ID)
			}
		}
		for step := range flow.AllSteps() {
			if step.Action != nil {
				need(step.Use, step.Action.Scopes, "flow "+id+": "+step.Action.ID)
			}
		}
	}
	var out []ScopeNeed
	for k, why := range needs {
		out = append(out, ScopeNeed{Connection: k.connection, Connector: k.connector, Scope: k.scope, Because: why})
	}
	slices.SortFunc(out, func(a, b ScopeNeed) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.Scope, b.Scope))
	})
	return out
}

// AllSteps yields every step of the flow, those inside other steps and those
// of on_error and finally included, but not those of flows it calls.
func (f *Flow) AllSteps() func(yield func(*Step) bool) {
	return func(yield func(*Step) bool) {
		for _, steps := range [][]*Step{f.Steps, f.OnError, f.Finally} {
			if !walk(steps, yield) {
				return
			}
		}
	}
}

func walk(steps []*Step, yield func(*Step) bool) bool {
	for _, s := range steps {
		if !yield(s) || !walk(s.Steps, yield) {
			return false
		}
		for _, b := range s.Branches {
			if !walk(b.Steps, yield) {
				return false
			}
		}
	}
	return true
}
