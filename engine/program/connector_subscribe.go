package program

import (
	"slices"
	"strings"

	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// subscribe checks how the vendor is told, by calls, where to deliver.
func (c *connectorCheck) subscribe(w *spec.Webhooks) *Subscribe {
	s := w.Subscribe
	if s == nil || s.On == nil || s.Off == nil || s.Keep == nil {
		return nil // the parser has told what is missing
	}
	if w.Connection != nil && len(w.Connection.Fields) > 0 {
		at := w.Connection.Word
		if !at.Given() {
			at = w.Connection.Fields[0].Name
		}
		c.hinted(at, "C320", "leave out connection, or write subscribe: in_vendor_console",
			"subscriptions are made for the address of one connection, and with `connection` all of them share an address")
	}
	made := &Subscribe{All: s.Each.Value == "all"}
	for _, way := range s.Ways {
		made.Ways = append(made.Ways, way.Value)
		if _, ok := c.made.Auth(way.Value); !ok {
			c.local(way, "C321", "way", "is not a way in of this connector", c.authNames())
		}
	}
	text := value.Of(value.String)
	asked := expr.NewScope(
		value.Field{Name: "address", Type: text}, value.Field{Name: "secret", Type: text},
		value.Field{Name: "events", Type: value.ListOf(c.eventType())},
	)
	if !made.All {
		asked = asked.With(value.Field{Name: "event", Type: c.eventType()})
	}
	kept := expr.NewScope(value.Field{Name: "kept", Type: &value.Type{Kind: value.Object, Fields: []value.Field{{Name: "id", Type: text}}}})
	made.On, made.OnWith = c.invocation(s.On, asked)
	made.Off, made.OffWith = c.invocation(s.Off, kept)
	if made.On != nil && made.On.Output.Type == nil {
		c.hinted(s.On.Action, "C322", "its output must say so: output: { one: <type> }", "the id of the subscription is kept, and %s brings nothing", made.On.ID)
	} else if made.On != nil {
		made.KeepID = c.pathInto(s.Keep.ID, "output", made.On.Output.Type)
		made.KeepSecret = c.pathInto(s.Keep.Secret, "output", made.On.Output.Type)
	}
	made.List = c.subscriptions(s.List)
	return made
}

// eventType returns the type of what the vendor calls its events: one of the
// names that the triggers of connector.yaml have.
func (c *connectorCheck) eventType() *value.Type {
	t := &value.Type{Kind: value.Enum}
	for _, trigger := range c.main.Triggers {
		if name := trigger.Event.Value; name != "" && !slices.Contains(t.Values, name) {
			t.Values = append(t.Values, name)
		}
	}
	if t.Values == nil {
		return value.Of(value.Any)
	}
	return t
}

// invocation checks an action of the connector and what it is given.
func (c *connectorCheck) invocation(i *spec.Invocation, scope *expr.Scope) (*Action, *Value) {
	action := c.find(i.Action, "C305")
	if action == nil {
		return nil, nil
	}
	return action, c.objectTemplate(&spec.Value{Pos: i.Action.Pos, Text: i.Action}, i.With, scope, action.InputType(), "input")
}

// subscriptions checks how the subscriptions there are can be seen.
func (c *connectorCheck) subscriptions(l *spec.SubscribeList) *SubscribeList {
	if l == nil {
		return nil
	}
	action := c.find(l.Action, "C305")
	if action == nil || !c.reads(l.Action, action, "subscribe") {
		return nil
	}
	at := &spec.Value{Pos: l.Action.Pos, Text: l.Action}
	return &SubscribeList{
		Action: action, With: c.objectTemplate(at, l.With, expr.NewScope(), action.InputType(), "input"),
		ID:      c.itemPath(l.ID, action.Output.Type, nil),
		Address: c.itemPath(l.Address, action.Output.Type, nil),
		Events:  c.itemPath(l.Events, action.Output.Type, nil),
	}
}

// catchUp checks how the events of a webhook trigger that were not delivered
// are found.
func (c *connectorCheck) catchUp(t *spec.Trigger, made *Trigger) {
	u := t.CatchUp
	if u == nil || made.Output.Type == nil {
		return
	}
	poll := c.poll(pollText{action: u.Action, with: u.With, every: u.Every, changed: u.Changed}, made)
	if poll == nil {
		return
	}
	at := &spec.Value{Pos: u.Action.Pos, Text: u.Action}
	scope := expr.NewScope(value.Field{Name: "item", Type: poll.Action.Output.Type})
	poll.Event = c.objectTemplate(at, u.Event, scope, made.Output.Type, "field")
	for _, name := range u.Same {
		made.Same = append(made.Same, c.pathInto(name, "event", made.Output.Type))
	}
	made.Poll = poll
}

// reads reports an action that does not bring a list, or does more than read;
// who is what asks.
func (c *connectorCheck) reads(t spec.Text, action *Action, who string) bool {
	if !action.Output.List {
		c.hinted(t, "C306", "its output must be a list: output: { list: <type> }", "%s asks for a list, and %s brings none", who, action.ID)
		return false
	}
	if action.Effect != EffectRead {
		c.hinted(t, "C307", "the action of a poll has effect: read", "%s only reads, and %s has the effect %s", who, action.ID, action.Effect)
	}
	return true
}

func (c *connectorCheck) authNames() []string {
	var names []string
	for _, a := range c.made.Auths {
		names = append(names, a.Name)
	}
	return names
}

// pathInto reads a path into a record, which may begin with the name of the
// record: item.tagId, output.id.
func (c *connectorCheck) pathInto(t spec.Text, root string, record *value.Type) []string {
	if !t.Given() {
		return nil
	}
	parts := value.SplitPath(t.Value)
	from := 0 // of the part, in the text
	if parts[0] == root && len(parts) > 1 {
		parts, from = parts[1:], len(root)+1
	}
	at := record
	for _, part := range parts {
		if at.IsAny() || at.Kind == value.Map {
			return parts
		}
		f, ok := at.Lookup(part)
		if !ok {
			c.noField(t, from, part, at)
			return nil
		}
		at, from = f.Type, from+len(part)+1
	}
	return parts
}

// Refs returns the names that the expressions of a value look at, each once
// and sorted.
func (v *Value) Refs() []string {
	if v == nil {
		return nil
	}
	var names []string
	if v.Code != nil {
		names = v.Code.Refs()
	}
	for _, p := range v.Parts {
		if p.Code != nil {
			names = append(names, p.Code.Refs()...)
		}
	}
	for _, e := range v.List {
		names = append(names, e.Refs()...)
	}
	for _, f := range v.Object {
		names = append(names, f.Value.Refs()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TakesSecret reports whether the vendor is told the secret to sign with.
func (s *Subscribe) TakesSecret() bool {
	return slices.ContainsFunc(s.OnWith.Refs(), func(ref string) bool { return ref == "secret" || strings.HasPrefix(ref, "secret.") })
}

// By reports whether a connection may subscribe: by its way in, or because it
// is one to the played service, which stands for all ways.
func (s *Subscribe) By(c *Connection) bool {
	return len(s.Ways) == 0 || c.Sandbox || c.Auth != nil && slices.Contains(s.Ways, c.Auth.Name)
}

// Scopes returns the scopes that subscribing needs, sorted.
func (s *Subscribe) Scopes() []string {
	all := slices.Concat(s.On.Scopes, s.Off.Scopes)
	if s.List != nil {
		all = append(all, s.List.Action.Scopes...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
