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
	n := scopeNeeds{}
	for _, name := range s.WrittenConnections() {
		if c := s.Connections[name]; c.IsAgency() {
			n.agency(c)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.Flows)) {
		if s.Flows[id].Enabled {
			n.flow(s.Flows[id])
		}
	}
	var out []ScopeNeed
	for k, why := range n {
		out = append(out, ScopeNeed{Connection: k.connection, Connector: k.connector, Scope: k.scope, Because: why})
	}
	slices.SortFunc(out, func(a, b ScopeNeed) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.Scope, b.Scope))
	})
	return out
}

// scopeNeeds gathers why a connection needs a scope.
type scopeNeeds map[scopeKey][]string

type scopeKey struct{ connection, connector, scope string }

func (n scopeNeeds) add(use *Use, scopes []string, why string) {
	for _, scope := range scopes {
		k := scopeKey{use.Written(), use.Connector.ID, scope}
		if !slices.Contains(n[k], why) {
			n[k] = append(n[k], why)
		}
	}
}

// agency adds what a sign-in needs to serve its accounts.
func (n scopeNeeds) agency(c *Connection) {
	m, use, why := c.Auth.Members, &Use{Connector: c.Connector, Connection: c.Name}, "accounts of "+c.Name+": "
	n.add(use, m.List.Scopes, why+m.List.ID)
	if m.Token != nil {
		n.add(use, m.Token.Action.Scopes, why+m.Token.Action.ID)
	}
}

func (n scopeNeeds) flow(f *Flow) {
	why := "flow " + f.ID + ": "
	for _, t := range f.Triggers {
		if t.Event == nil {
			continue
		}
		n.add(t.Use, t.Event.needs(true), why+t.Event.ID)
	}
	for step := range f.AllSteps() {
		if step.Action != nil {
			n.add(step.Use, step.Action.Scopes, why+step.Action.ID)
		}
		if step.WaitFor != nil {
			n.add(step.Use, step.WaitFor.Event.needs(false), why+step.WaitFor.Event.ID)
		}
	}
}

// needs returns the scopes that it takes to be told of the events of a trigger,
// or also to ask for them.
func (t *Trigger) needs(asks bool) []string {
	scopes := slices.Clone(t.Scopes)
	if w := t.Connector.Webhooks; t.Webhook && w != nil && w.Subscribe != nil {
		scopes = append(scopes, w.Subscribe.Scopes()...)
	}
	if asks && t.Poll != nil {
		scopes = append(scopes, t.Poll.Action.Scopes...)
	}
	return scopes
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
