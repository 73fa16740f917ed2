package program

import (
	"maps"
	"slices"
	"strconv"

	"patchbay/engine/expr"
	"patchbay/engine/value"
)

// startScope is what an expression sees before the first step.
func (c *flowCheck) startScope() *expr.Scope {
	text := value.Of(value.String)
	inputs := &value.Type{Kind: value.Object, Name: "inputs"}
	for _, in := range c.made.Inputs {
		inputs.Fields = append(inputs.Fields, in.seen())
	}
	var names []string
	for _, t := range c.made.Triggers {
		names = append(names, t.ID)
	}
	scope := expr.NewScope(
		value.Field{Name: "trigger", Type: &value.Type{Kind: value.Object, Name: "trigger", Fields: []value.Field{
			{Name: "id", Type: &value.Type{Kind: value.Enum, Values: names}},
			{Name: "time", Type: value.Of(value.Datetime)},
		}}},
		value.Field{Name: "inputs", Type: inputs},
		value.Field{Name: "run", Type: &value.Type{Kind: value.Object, Name: "run", Fields: []value.Field{
			{Name: "id", Type: text}, {Name: "url", Type: text}, {Name: "links", Type: c.linkScope()},
		}}},
		value.Field{Name: "flow", Type: &value.Type{Kind: value.Object, Name: "flow", Fields: []value.Field{
			{Name: "id", Type: text}, {Name: "name", Type: text},
		}}},
		value.Field{Name: "connection", Type: c.connectionScope()},
	)
	for _, absent := range [][2]string{
		{"steps", "there are no steps yet: this is worked out before the first one"},
		{"failures", "nothing can have failed yet: this is worked out before the first step"},
		{"item", "item exists only inside for_each"},
		{"index", "index exists only inside for_each"},
		{"error", "error exists only in on_error and finally"},
		{"arriving", "arriving exists only in the match of wait_for"},
	} {
		scope = scope.Missing(absent[0], absent[1])
	}
	for role, use := range c.made.Uses {
		scope = use.Connector.hiding(scope, "connection."+role+".")
	}
	for _, id := range c.unlinked {
		scope = scope.Missing("run.links."+id, "the step "+strconv.Quote(id)+" stands in a loop and is asked anew in each turn, so it has no link of its own")
	}
	return c.eventScope(scope)
}

// hiding returns the scope in which the secrets of a connection, whose names
// stand behind path, are told apart from what does not exist.
func (k *Connector) hiding(scope *expr.Scope, path string) *expr.Scope {
	inputs := slices.Clone(k.Fields)
	for _, a := range k.Auths {
		inputs = append(inputs, a.Fields...)
	}
	for _, in := range inputs {
		if in.Secret {
			scope = scope.Missing(path+in.Name, in.Name+" is a secret, which only signing in can use")
		}
	}
	return scope
}

// seen returns an input as expressions see it: without a default it may be
// missing if it is optional.
func (in *Input) seen() value.Field {
	f := in.Field
	if in.Optional && in.Default == nil {
		f.Type = f.Type.AsOptional()
	}
	return f
}

// connectionScope is `connection.<role>.<field>`: the fields of each
// connection that are no secrets.
func (c *flowCheck) connectionScope() *value.Type {
	t := &value.Type{Kind: value.Object, Name: "connection"}
	for _, role := range slices.Sorted(maps.Keys(c.made.Uses)) {
		k := c.made.Uses[role].Connector
		ct := &value.Type{Kind: value.Object, Name: "a " + k.Name + " connection"}
		for _, in := range k.Fields {
			if !in.Secret {
				ct.Fields = append(ct.Fields, in.seen())
			}
		}
		if conn := c.plainAgency(c.made.Uses[role]); conn != nil {
			ct.Fields = withoutField(ct.Fields, conn.Auth.Members.Field)
		}
		t.Fields = append(t.Fields, value.Field{Name: role, Type: ct})
	}
	for _, role := range slices.Sorted(maps.Keys(c.unusable)) {
		if _, ok := c.made.Uses[role]; !ok {
			t.Fields = append(t.Fields, value.Field{Name: role, Type: value.Of(value.Any)})
		}
	}
	return t
}

// eventScope adds `event`: with several triggers the fields they share, and
// all of one after `trigger.id == "…"`.
func (c *flowCheck) eventScope(scope *expr.Scope) *expr.Scope {
	var shared *value.Type
	for i, t := range c.made.Triggers {
		if i == 0 {
			shared = t.Type
		} else {
			shared = common(shared, t.Type)
		}
	}
	switch {
	case shared == nil && c.failed:
		shared = value.Of(value.Any) // the parser could not make out a trigger
	case shared == nil:
		shared = &value.Type{Kind: value.Object, Name: "event"}
	}
	scope = scope.With(value.Field{Name: "event", Type: shared})
	if len(c.made.Triggers) > 1 {
		for _, t := range c.made.Triggers {
			scope = scope.Case("trigger.id", t.ID, value.Field{Name: "event", Type: t.Type})
		}
	}
	return scope
}

// common returns the fields two event types share with one type. An event of
// which nothing is known shares whatever the other has.
func common(a, b *value.Type) *value.Type {
	if a.IsAny() || b.IsAny() {
		return value.Of(value.Any)
	}
	out := &value.Type{Kind: value.Object, Name: "what all triggers share"}
	for _, f := range a.Fields {
		other, ok := b.Lookup(f.Name)
		switch {
		case !ok:
		case f.Type.IsAny() || other.Type.IsAny():
			f.Type = value.Of(value.Any)
			out.Fields = append(out.Fields, f)
		case value.Mismatch(f.Type, other.Type) == "":
			f.Type = other.Type
			out.Fields = append(out.Fields, f)
		case value.Mismatch(other.Type, f.Type) == "":
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

func (c *flowCheck) vars(scope *expr.Scope) *expr.Scope {
	t := &value.Type{Kind: value.Object, Name: "vars"}
	for i, e := range c.spec.Vars {
		seen := scope.With(value.Field{Name: "vars", Type: t})
		for _, later := range c.spec.Vars[i+1:] {
			seen = seen.Missing("vars."+later.Key.Value, later.Key.Value+" is worked out later: move it up")
		}
		v := c.template(e.Value, seen, nil)
		made := value.Of(value.Any) // one that is wrong exists all the same: one cause, one finding
		if v != nil {
			c.made.Vars = append(c.made.Vars, Named{Name: e.Key.Value, Value: v})
			c.origins["vars."+e.Key.Value] = c.originOf(v)
			made = v.Type
		}
		// A new type each time: the scopes of earlier vars keep the old one.
		t = &value.Type{Kind: value.Object, Name: "vars", Fields: append(slices.Clone(t.Fields), value.Field{Name: e.Key.Value, Type: made})}
	}
	return scope.With(value.Field{Name: "vars", Type: t})
}

// stepScope is what the steps of a flow see while they are checked in order:
// the names that do not change, and the outputs of the steps so far.
type stepScope struct {
	names    *expr.Scope
	outputs  []value.Field // of `steps`
	failures []value.Field // of `failures`
	facts    []fact        // what is known to hold here
	made     *expr.Scope   // what scope returned last, nil after a change
}

// fact is a condition that is known to be true or false.
type fact struct {
	code  *expr.Code
	holds bool
}

// newStepScope returns the scope before the first step. The names that change
// are entered at once, so that a later With has no list to make longer.
func newStepScope(names *expr.Scope) *stepScope {
	return &stepScope{names: names.With(listed("steps", nil)).With(listed("failures", nil))}
}

// listed returns one of the names below which steps are named.
func listed(name string, fields []value.Field) value.Field {
	return value.Field{Name: name, Type: &value.Type{Kind: value.Object, Name: name, Fields: fields}}
}

// scope returns the scope for an expression at this place.
func (s *stepScope) scope() *expr.Scope {
	if s.made != nil {
		return s.made
	}
	scope := s.names
	if len(s.outputs) > 0 {
		scope = scope.With(listed("steps", s.outputs))
	}
	if len(s.failures) > 0 {
		scope = scope.With(listed("failures", s.failures))
	}
	for _, f := range s.facts {
		scope = scope.Assume(f.code, f.holds)
	}
	s.made = scope
	return scope
}

// inner returns a scope for steps inside a step, which adds to none of the
// outer lists: clipped, they are copied by whoever appends to them.
func (s *stepScope) inner() *stepScope {
	return &stepScope{
		names: s.names, outputs: slices.Clip(s.outputs), failures: slices.Clip(s.failures),
		facts: slices.Clip(s.facts), made: s.made,
	}
}

// with returns an inner scope in which a name is added.
func (s *stepScope) with(f value.Field) *stepScope {
	in := s.inner()
	in.names, in.made = in.names.With(f), nil
	return in
}

func (s *stepScope) assume(code *expr.Code, holds bool) {
	if code != nil {
		s.facts, s.made = append(s.facts, fact{code, holds}), nil
	}
}

// add makes the output of a step visible.
func (s *stepScope) add(id string, t *value.Type) {
	if id != "" {
		s.outputs, s.made = append(s.outputs, value.Field{Name: id, Type: t}), nil
	}
}

// fail makes what `failures.<id>` holds visible.
func (s *stepScope) fail(f ...value.Field) {
	s.failures, s.made = append(s.failures, f...), nil
}

// allOptional returns the scope after the flow was left at an unknown place.
func (s *stepScope) allOptional() *stepScope {
	after := newStepScope(s.names)
	after.failures = s.failures
	for _, f := range s.outputs {
		f.Type = optional(f.Type)
		after.outputs = append(after.outputs, f)
	}
	return after
}
