package program

import (
	"slices"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// usualRoll is how often the accounts of a sign-in are listed again.
const usualRoll = time.Hour

// members checks how the sign-ins of the connector serve many accounts each.
func (c *connectorCheck) members() {
	if c.main.Connection == nil {
		return
	}
	for i, a := range c.main.Connection.Auth {
		if a.Members != nil {
			c.made.Auths[i].Members = c.membersOf(a.Members, c.made.Auths[i])
		}
	}
}

// membersOf checks the accounts of one way in. It returns nil after a finding
// that leaves nothing to list.
func (c *connectorCheck) membersOf(m *spec.Members, auth *Auth) *Members {
	made := &Members{Field: m.Field.Value, Every: usualRoll}
	if m.Every.Given() {
		made.Every = max(c.duration(m.Every), time.Minute)
	}
	if open := openFields(c.made.Fields, auth.Fields); m.Field.Given() && !slices.Contains(fieldNames(open), made.Field) {
		c.local(m.Field, "C145", "field", "is not a field of a connection that an account can fill", fieldNames(open))
	}
	connection := value.Field{Name: "connection", Type: c.agencyType(auth, made.Field)}
	if m.Token != nil {
		c.memberToken(m.Token, made, connection)
	}
	c.memberEvents(m, made, connection)
	list := c.ownAction(m.List)
	if list == nil {
		return nil
	}
	if !list.Output.List || list.Effect != EffectRead {
		c.hinted(m.List, "C143", "name an action with effect: read and output: { list: … }", "the accounts of a sign-in are read from a list, and %s brings none", list.ID)
		return nil
	}
	at := &spec.Value{Pos: m.List.Pos, Text: m.List}
	made.List, made.With = list, c.objectTemplate(at, m.With, expr.NewScope(connection), list.InputType(), "input")
	made.ID, made.Title = c.pathInto(m.ID, "item", list.Output.Type), c.pathInto(m.Title, "item", list.Output.Type)
	return made
}

// ownAction returns the action of this connector that is named, nil after a
// finding.
func (c *connectorCheck) ownAction(t spec.Text) *Action {
	a, ok := c.made.Action(t.Value)
	if !ok && t.Given() {
		c.local(t, "C132", "action", "is not an action of this connector", c.actionNames())
	}
	return a
}

// memberToken checks how an account gets a token of its own.
func (c *connectorCheck) memberToken(t *spec.MemberToken, made *Members, connection value.Field) {
	action := c.ownAction(t.Action)
	if action == nil {
		return
	}
	if action.Output.Type == nil || action.Output.List {
		c.hinted(t.Action, "C144", "name an action with output: { one: … }", "the token of an account stands in one answer, and %s brings none", action.ID)
		return
	}
	text := value.Of(value.String)
	member := value.Field{Name: "member", Type: &value.Type{Kind: value.Object, Name: "an account", Fields: []value.Field{
		{Name: "id", Type: text}, {Name: "name", Type: text},
	}}}
	at := &spec.Value{Pos: t.Action.Pos, Text: t.Action}
	made.Token = &MemberToken{
		Action: action, With: c.objectTemplate(at, t.With, expr.NewScope(connection, member), action.InputType(), "input"),
		Access:  c.pathInto(t.AccessToken, "output", action.Output.Type),
		Expires: c.pathInto(t.ExpiresIn, "output", action.Output.Type),
	}
}

// memberEvents checks which deliveries tell that accounts come and go. They
// can only be read where a delivery says whose it is.
func (c *connectorCheck) memberEvents(m *spec.Members, made *Members, connection value.Field) {
	scope := c.delivery.With(connection)
	made.Joined, made.Retired = c.condition(m.Joined, scope), c.condition(m.Retired, scope)
	for _, t := range []spec.Text{m.Joined, m.Retired} {
		if t.Given() && (c.main.Webhooks == nil || c.main.Webhooks.Connection == nil) {
			c.hinted(t, "C146", "webhooks: { connection: body.locationId, … }", "no delivery says which account it is about: `webhooks.connection` is missing")
			return
		}
	}
}

// agencyType is `connection` where all accounts of a sign-in are meant: the
// fields that are no secrets, without the one that each account fills.
func (c *connectorCheck) agencyType(auth *Auth, filled string) *value.Type {
	t := &value.Type{Kind: value.Object, Name: "a " + c.made.Name + " connection"}
	for _, in := range openFields(c.made.Fields, auth.Fields) {
		if in.Name != filled {
			t.Fields = append(t.Fields, in.seen())
		}
	}
	return t
}

// openFields returns the fields that are no secrets.
func openFields(lists ...[]*Input) []*Input {
	return slices.DeleteFunc(slices.Concat(lists...), func(in *Input) bool { return in.Secret })
}

func fieldNames(inputs []*Input) []string {
	var names []string
	for _, in := range inputs {
		names = append(names, in.Name)
	}
	return names
}
