package plan

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"patchbay/engine/program"
)

// Connection is a connection that is different, or that an enabled flow needs
// and that cannot be used.
type Connection struct {
	Name      string `json:"name"`
	Connector string `json:"connector"`
	How       How    `json:"how,omitempty"`
	// Fields are what its file says otherwise. What is secret is never told,
	// only that it comes from elsewhere.
	Fields []Field `json:"fields,omitempty"`
	// Takes says where a new connection takes its secrets from.
	Takes []string `json:"takes,omitempty"`
	// Flows are those that are switched on and use it.
	Flows []string `json:"flows"`
	// Ready says whether it can be used, as far as that is known without a call,
	// and Message what is missing. Both are left out where two folders are
	// compared, and of a connection that is gone.
	Ready   *bool  `json:"ready,omitempty"`
	Message string `json:"message,omitempty"`
}

// connections compares the connections, and adds those that cannot be used.
func (c *comparison) connections() []Connection {
	was, is := writtenConnections(c.before), writtenConnections(c.after)
	users := users(c.after)
	out := []Connection{}
	for _, name := range union(was, is) {
		old, now := was[name], is[name]
		made := Connection{Name: name, Flows: append([]string{}, users[name]...)}
		switch {
		case now == nil:
			made.How, made.Connector = Removed, old.Connector.ID
			out = append(out, made)
			continue
		case old == nil:
			made.How, made.Takes = New, takes(now)
		default:
			if made.Fields = differing(connectionPhrases(old), connectionPhrases(now)); len(made.Fields) > 0 {
				made.How = Changed
			}
		}
		made.Connector = now.Connector.ID
		if st, known := c.States[name]; known {
			made.Ready, made.Message = &st.Ready, st.Message
			if made.How == Same && len(made.Flows) > 0 && !st.Ready {
				out = append(out, made)
				continue
			}
		}
		if made.How != Same {
			out = append(out, made)
		}
	}
	return out
}

func writtenConnections(set *program.Set) map[string]*program.Connection {
	out := map[string]*program.Connection{}
	for _, name := range set.WrittenConnections() {
		if k := set.Connections[name]; !k.Sandbox {
			out[name] = k
		}
	}
	return out
}

// users returns the flows that are switched on, by the connection they use.
func users(set *program.Set) map[string][]string {
	out := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		f := set.Flows[id]
		for _, use := range f.Uses {
			if name := use.Written(); f.Enabled && name != "" && !slices.Contains(out[name], id) {
				out[name] = append(out[name], id)
			}
		}
	}
	return out
}

func connectionPhrases(k *program.Connection) phrases {
	var p phrases
	p.add("connector", k.Connector.ID)
	if k.Auth != nil {
		p.add("auth", k.Auth.Name)
	}
	p.add("base_url", k.BaseURL)
	for _, name := range slices.Sorted(maps.Keys(k.Fields)) {
		p.add(name, program.SourceOf(k.Fields[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(k.Secrets)) {
		switch ref := k.Secrets[name]; {
		case ref.Env != "":
			p.add(name, "${{ env."+ref.Env+" }}")
		case ref.Secret != "":
			p.add(name, "${{ secret."+ref.Secret+" }}")
		default:
			p.add(name, "[secret]")
		}
	}
	return p
}

// takes says where a connection takes its secrets from.
func takes(k *program.Connection) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(k.Secrets)) {
		switch ref := k.Secrets[name]; {
		case ref.Env != "":
			out = append(out, name+" from the environment variable "+ref.Env)
		case ref.Secret != "":
			out = append(out, name+" from the secret "+strconv.Quote(ref.Secret))
		}
	}
	if k.Auth != nil && k.Auth.Type == program.AuthOAuth2Code {
		out = append(out, "a sign-in: patchbay connect "+k.Name)
	}
	return out
}

// Scope is a right that a connection needs newly, or no more.
type Scope struct {
	program.ScopeNeed

	How How `json:"how"` // new or removed
	// Granted says of a new one whether the token has it; it is left out where
	// that is not known.
	Granted *bool `json:"granted,omitempty"`
}

// scopes compares the rights that the connections need.
func (c *comparison) scopes() []Scope {
	type key struct{ connection, connector, scope string }
	of := func(n program.ScopeNeed) key { return key{n.Connection, n.Connector, n.Scope} }
	has := func(all []program.ScopeNeed, n program.ScopeNeed) bool {
		return slices.ContainsFunc(all, func(o program.ScopeNeed) bool { return of(o) == of(n) })
	}
	was, is := c.before.Scopes(), c.after.Scopes()
	out := []Scope{}
	for _, n := range is {
		if has(was, n) {
			continue
		}
		s := Scope{ScopeNeed: n, How: New}
		if granted := c.States[n.Connection].Granted; granted != nil {
			there := slices.Contains(granted, n.Scope)
			s.Granted = &there
		}
		out = append(out, s)
	}
	for _, n := range was {
		if !has(is, n) {
			out = append(out, Scope{ScopeNeed: n, How: Removed})
		}
	}
	slices.SortStableFunc(out, func(a, b Scope) int { return cmp.Compare(a.Connection, b.Connection) })
	return out
}

// atWork returns the flows that are switched on, and those that they call.
func atWork(set *program.Set) map[string]*program.Flow {
	out := map[string]*program.Flow{}
	var add func(f *program.Flow)
	add = func(f *program.Flow) {
		if out[f.ID] != nil {
			return
		}
		out[f.ID] = f
		for _, called := range f.Calls {
			add(called)
		}
	}
	for _, f := range set.Flows {
		if f.Enabled {
			add(f)
		}
	}
	return out
}

// Write is something that a flow which is switched on does to a service newly,
// or no more.
type Write struct {
	Connection string         `json:"connection,omitempty"` // left out where none is needed
	Connector  string         `json:"connector"`
	Action     string         `json:"action"`
	Effect     program.Effect `json:"effect"`
	Flow       string         `json:"flow"`
	How        How            `json:"how"` // new or removed
}

// writes compares what the flows do to services.
func (c *comparison) writes() []Write {
	was, is := allWrites(c.before), allWrites(c.after)
	out := []Write{}
	for w := range is {
		if !was[w] && !c.uncompared(w.Flow) {
			w.How = New
			out = append(out, w)
		}
	}
	for w := range was {
		if !is[w] {
			w.How = Removed
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b Write) int {
		return cmp.Or(cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.Connection, b.Connection), cmp.Compare(b.How, a.How),
			cmp.Compare(a.Action, b.Action), cmp.Compare(a.Flow, b.Flow))
	})
	return out
}

// allWrites returns what the flows write that are switched on, and those that
// they call.
func allWrites(set *program.Set) map[Write]bool {
	out := map[Write]bool{}
	for _, f := range atWork(set) {
		for s := range f.AllSteps() {
			if s.Action == nil || s.Action.Effect == program.EffectRead {
				continue
			}
			out[Write{
				Connection: s.Use.Connection, Connector: s.Action.Connector.ID, Action: s.Action.ID, Effect: s.Action.Effect, Flow: f.ID,
			}] = true
		}
	}
	return out
}
