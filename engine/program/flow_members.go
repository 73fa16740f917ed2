package program

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// accountID is what the id of an account may look like. Whether there is one
// of that id is known only while the flow runs.
var accountID = regexp.MustCompile(`^(\*|[A-Za-z0-9][A-Za-z0-9._:@~-]{0,127})$`)

// account checks what stands behind the name of a connection in `use:`.
func (c *flowCheck) account(name spec.Text, conn *Connection) {
	written, account, behind := strings.Cut(name.Value, "/")
	switch {
	case !behind:
	case !conn.IsAgency():
		c.add(diag.Finding{
			Pos: name.Pos, Width: width(name.Value), Code: "F206",
			Message: fmt.Sprintf("the connection %q is to one account, so nothing stands behind its name", written),
			Hint:    "accounts stand behind a connection whose way in has `members`", Fix: replacement(name.Pos, width(name.Value), written, false),
		})
	case !accountID.MatchString(account):
		c.hinted(name, "F206", written+"/* for each of its accounts in turn, "+written+"/<id> for one", "%q is not the id of an account", account)
	}
}

// fanned reports what cannot go together with a role that stands for each
// account of a sign-in in turn: every run is about one of them.
func (c *flowCheck) fanned() {
	first := c.made.Fanned()
	if first == nil {
		return
	}
	for _, e := range c.spec.Use {
		use := c.made.Uses[e.Key.Value]
		if use != nil && use.Every() && use.Written() != first.Written() {
			c.hinted(e.Value.Text, "F207", "give each of them a flow of its own",
				"a flow runs for the accounts of one sign-in, and this one names %q and %q", first.Connection, use.Connection)
			return
		}
	}
	for _, t := range c.made.Triggers {
		if reason := t.namesNone(first); reason != "" {
			c.hinted(c.triggerText(t), "F209", fmt.Sprintf("a flow with %s is started by a trigger of %s, by a schedule, or on demand", first.Connection, first.Role),
				"%s, so nobody knows which account of %q to run for", reason, first.Written())
		}
	}
}

// namesNone says why what the trigger brings belongs to none of the accounts
// that the role stands for; "" if it belongs to one.
func (t *FlowTrigger) namesNone(role *Use) string {
	switch {
	case t.Event != nil && (t.Use == nil || t.Use.Connection != role.Connection):
		return t.Event.ID + " comes through another connection"
	case t.Webhook != nil:
		return "what comes to the flow's own webhook comes through no connection"
	case t.FlowFailed != "":
		return "the failure of a flow comes through no connection"
	}
	return ""
}

// triggerText returns where a trigger is written.
func (c *flowCheck) triggerText(made *FlowTrigger) spec.Text {
	i := slices.Index(c.made.Triggers, made)
	for _, t := range c.spec.Triggers {
		if t.Trigger.Given() && made.Event != nil && t.Trigger.Value == made.Use.Role+"."+made.Event.Name {
			return t.Trigger
		}
	}
	return c.spec.Triggers[i].Pos
}

// calledFor reports a call of a flow that runs for accounts, from one that
// does not run for the same.
func (c *flowCheck) calledFor(t spec.Text, callee *Flow) {
	theirs := callee.Fanned()
	if theirs == nil {
		return
	}
	if own := c.made.Fanned(); own == nil || own.Written() != theirs.Written() {
		c.hinted(t, "F249", fmt.Sprintf("use: { %s: %s } here, too", theirs.Role, theirs.Connection),
			"the flow %q runs for one account of %q at a time, and this flow does not say for which", callee.ID, theirs.Written())
	}
}

// plainAgency returns the connection of a role if it signed in for many
// accounts and the flow names none of them.
func (c *flowCheck) plainAgency(use *Use) *Connection {
	conn := c.connection(use.Connection)
	if conn == nil || !conn.IsAgency() {
		return nil
	}
	return conn
}

// accountNeeded reports, once for each role, an action or trigger that works
// in one account where the role stands for a sign-in as a whole.
func (c *flowCheck) accountNeeded(at spec.Text, use *Use, id string, needs func(field string) bool) {
	conn := c.plainAgency(use)
	if conn == nil || c.unaccounted[use.Role] || !needs(conn.Auth.Members.Field) {
		return
	}
	c.unaccounted[use.Role] = true
	each := MemberName(conn.Name, everyMember)
	f := diag.Finding{
		Pos: at.Pos, Width: width(at.Value), Code: "F208",
		Message: fmt.Sprintf("%q signs in for many accounts, and %s works in one of them", conn.Name, id),
		Hint:    fmt.Sprintf("use: { %s: %s } runs the flow for each of them, %s/<id> for one", use.Role, each, conn.Name),
	}
	for _, e := range c.spec.Use {
		if e.Key.Value == use.Role {
			f.Pos, f.Width = e.Value.Text.Pos, width(e.Value.Text.Value)
			f.Fix = replacement(f.Pos, f.Width, each, false)
		}
	}
	c.add(f)
}

// signInNeeded reports an action that works with a sign-in as a whole where the
// role stands for accounts, which have tokens of their own.
func (c *flowCheck) signInNeeded(at spec.Text, use *Use, action *Action) {
	written, account := SplitMember(use.Connection)
	conn := c.connection(written)
	if account == "" || conn == nil || !conn.IsAgency() {
		return
	}
	m := conn.Auth.Members
	if m.Token == nil || action.ID != m.List.ID && action.ID != m.Token.Action.ID {
		return
	}
	c.hinted(at, "F247", fmt.Sprintf("use: { %s_all: %s }, and the action %s_all.%s", use.Role, written, use.Role, action.Name),
		"%s works with the sign-in %q as a whole, and %q stands for one account at a time", action.ID, written, use.Role)
}

// reads returns whether a request of the action needs a field of the
// connection, with those inputs given.
func (a *Action) reads(field string, given []string) bool {
	path := "connection." + field
	for _, in := range a.Input {
		if !slices.Contains(given, in.Name) && in.Default.reads(path) {
			return true
		}
	}
	for _, h := range a.Headers {
		if h.Value.reads(path) {
			return true
		}
	}
	return slices.ContainsFunc(a.Send, func(s Send) bool { return s.Value.reads(path) })
}

// worksIn returns whether a trigger brings the events of one account.
func (t *Trigger) worksIn(field string) bool {
	if t.Poll != nil {
		var given []string
		if t.Poll.With != nil && t.Poll.With.Type != nil {
			given = t.Poll.With.Type.FieldNames()
		}
		return t.Poll.With.reads("connection."+field) || t.Poll.Action.reads(field, given)
	}
	whose := t.Addressee()
	return whose != nil && slices.ContainsFunc(whose.By, func(by AddresseeField) bool { return by.Name == field })
}

// reads reports whether an expression in the value reads the path or more.
func (v *Value) reads(path string) bool {
	if v == nil {
		return false
	}
	read := func(ref string) bool { return ref == path || ref == "connection" || strings.HasPrefix(ref, path+".") }
	if v.Code != nil && slices.ContainsFunc(v.Code.Refs(), read) {
		return true
	}
	for _, p := range v.Parts {
		if p.Code != nil && slices.ContainsFunc(p.Code.Refs(), read) {
			return true
		}
	}
	return slices.ContainsFunc(v.List, func(e *Value) bool { return e.reads(path) }) ||
		slices.ContainsFunc(v.Object, func(f Named) bool { return f.Value.reads(path) })
}

func writtenKeys(entries []spec.Entry) []string {
	var keys []string
	for _, e := range entries {
		keys = append(keys, e.Key.Value)
	}
	return keys
}

// withoutField returns the fields without one.
func withoutField(fields []value.Field, name string) []value.Field {
	return slices.DeleteFunc(fields, func(f value.Field) bool { return f.Name == name })
}
