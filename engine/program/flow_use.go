package program

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

// uses resolves the roles of the flow: those of `use:`, and for every other
// connector an action or trigger names, its default connection.
func (c *flowCheck) uses() {
	for role, use := range c.b.opt.Uses[c.made.ID] {
		if k := c.connector(use.Connector); k != nil {
			c.made.Uses[role] = &Use{Role: role, Connector: k, Connection: use.Connection}
		}
	}
	for _, e := range c.spec.Use {
		if _, known := c.made.Uses[e.Key.Value]; !known {
			c.use(e.Key.Value, e.Value.Text)
		}
	}
}

// use resolves one role. Where its connection is missing or has errors, the
// steps are still checked against the connector it is probably of.
func (c *flowCheck) use(role string, name spec.Text) {
	written := name
	written.Value, _ = SplitMember(name.Value)
	if conn := c.connection(written.Value); conn != nil {
		c.account(name, conn)
		c.made.Uses[role] = &Use{Role: role, Connector: conn.Connector, Connection: name.Value}
		return
	}
	connector, unsound := c.unsoundConnection(written.Value)
	likely := c.connector(connector)
	if likely == nil {
		likely = c.likely(role)
	}
	switch {
	case unsound:
		c.follow()
	case c.b.opt.Sandbox && likely != nil:
		c.account(name, c.play(likely, name.Value))
	default:
		c.noConnection(written, likely)
	}
	if likely == nil {
		c.unusable[role] = true
		return
	}
	c.made.Uses[role] = &Use{Role: role, Connector: likely, Connection: name.Value}
}

func (c *flowCheck) noConnection(name spec.Text, likely *Connector) {
	id := "…"
	if likely != nil {
		id = likely.ID
	}
	f := diag.Finding{
		Code: "F201", Message: fmt.Sprintf("%q is not a connection", name.Value),
		Hint: fmt.Sprintf("connections stand in flows/connections.yaml, as in:  %s: { connector: %s, … }", name.Value, id),
	}
	names := c.names((*builder).connectionNames)
	if len(names) > 0 {
		f.Hint = namesHint("connection", name.Value, names)
	}
	c.choice(nearest(name.Pos, name.Value, f, names), never)
}

// likely returns the connector a role is probably of: the one whose id the
// role is or begins with, as in ghl_b.
func (c *flowCheck) likely(role string) *Connector {
	for id := role; id != ""; id = id[:max(strings.LastIndex(id, "_"), 0)] {
		if k := c.connector(id); k != nil {
			return k
		}
	}
	return nil
}

// play makes the connection to the sandbox that a role stands for: where the
// role names accounts, one that serves many.
func (b *builder) play(k *Connector, name string) *Connection {
	written, account := SplitMember(name)
	made := SandboxConnection(k)
	if i := slices.IndexFunc(k.Auths, func(a *Auth) bool { return a.Members != nil }); account != "" && i >= 0 {
		made = sandboxConnection(k, k.Auths[i])
	}
	made.Name = written
	if known := b.played[written]; known == nil || !known.IsAgency() {
		b.played[written] = made
	}
	return made
}

// role returns what the first part of an action's or trigger's name stands
// for, and the rest of the name. It is nil after a finding, and where the group
// that is named has errors of its own.
func (c *flowCheck) role(t spec.Text) (*Use, string) {
	use, name := c.roleOf(t)
	if use == nil {
		return nil, ""
	}
	if c.unsoundGroup(use.Connector, name) {
		c.follow()
		return nil, ""
	}
	return use, name
}

func (c *flowCheck) roleOf(t spec.Text) (*Use, string) {
	role, name, _ := strings.Cut(t.Value, ".")
	switch {
	case t.Value == "":
		c.at(t, "F203", "nothing is named here, a name such as slack.post_message is wanted")
		return nil, ""
	case strings.Contains(t.Value, "${{"):
		c.at(t, "F203", "${{ }} cannot stand in this name, which must be known before anything runs")
		return nil, ""
	}
	if use, ok := c.made.Uses[role]; ok {
		return use, name
	}
	k := c.connector(role)
	if k == nil {
		c.noConnector(t, role)
		return nil, ""
	}
	// Entered first, so that a connection that is missing is told once.
	use := &Use{Role: role, Connector: k}
	c.made.Uses[role] = use
	if k.NeedsConnection() || c.bearsName(k) {
		use.Connection = c.defaultConnection(t, k)
	}
	return use, name
}

func (c *flowCheck) noConnector(t spec.Text, role string) {
	if c.unusable[role] || c.unsoundConnector(role) || c.lost.has(role, t.Pos) {
		c.follow()
		return
	}
	names := slices.AppendSeq(c.names((*builder).connectorIDs), maps.Keys(c.made.Uses))
	slices.Sort(names)
	names = slices.Compact(names)
	f := diag.Finding{Code: "F203", Message: fmt.Sprintf("%q is not a connector", role), Hint: namesHint("connector", role, names)}
	if dotted := otherSigns().Replace(t.Value); role == t.Value && dotted != t.Value {
		if first, _, _ := strings.Cut(dotted, "."); slices.Contains(names, first) {
			f.Message, f.Hint = fmt.Sprintf("%q is no name of an action or a trigger", t.Value), "points stand between its parts"
			f.Pos, f.Width, f.Fix = t.Pos, width(t.Value), replacement(t.Pos, width(t.Value), dotted, false)
			c.add(f)
			return
		}
	}
	c.choice(nearest(t.Pos, role, f, names), func(near string) bool {
		return c.asks(near, strings.TrimPrefix(t.Value, role+"."))
	})
}

// otherSigns writes dots for what other tools have between the parts of a name.
func otherSigns() *strings.Replacer {
	return strings.NewReplacer("/", ".", "::", ".", ":", ".", " ", ".", "->", ".")
}

// asks reports whether the name behind a role or connector is that of a
// trigger, or of an action that only reads.
func (c *flowCheck) asks(role, name string) bool {
	k := c.connector(role)
	if use, ok := c.made.Uses[role]; ok {
		k = use.Connector
	}
	if k == nil {
		return false
	}
	if _, ok := k.Trigger(name); ok {
		return true
	}
	a, ok := k.Action(name)
	return ok && a.Effect == EffectRead
}

// defaultConnection returns the connection that bears the connector's name,
// else the only one of the connector.
func (c *flowCheck) defaultConnection(t spec.Text, k *Connector) string {
	if c.b.opt.Pinned {
		return k.ID
	}
	names := c.names(func(b *builder) []string { return b.set.connectionsOf(k) })
	switch {
	case len(names) == 1:
		return names[0]
	case c.mayBeUnsound(k):
		c.follow()
	case len(names) == 0:
		c.hinted(t, "F204", "add one to flows/connections.yaml:  "+sketch(k), "there is no connection to %s", k.Name)
	default:
		c.hinted(t, "F205", fmt.Sprintf("say which one this flow uses:  use: { %s: %s }", k.ID, names[0]),
			"there are several connections to %s: %s", k.Name, quoted(names))
	}
	return ""
}

// sketch returns a connection as it may be written, with what its first way in
// needs.
func sketch(k *Connector) string {
	inputs := k.Fields
	if len(k.Auths) > 0 {
		inputs = slices.Concat(inputs, k.Auths[0].Fields)
	}
	var written strings.Builder
	written.WriteString(k.ID + ": { connector: " + k.ID)
	for _, in := range inputs {
		switch {
		case in.Optional || in.Default != nil:
		case in.Secret:
			fmt.Fprintf(&written, ", %s: \"${{ secret.%s_%s }}\"", in.Name, k.ID, in.Name)
		default:
			written.WriteString(", " + in.Name + ": …")
		}
	}
	return written.String() + " }"
}

// mayBeOf reports whether a connection that has errors may be the one to k.
func (u unsound) mayBeOf(k *Connector) bool {
	for _, connector := range u.connections {
		if connector == k.ID || connector == "" {
			return true
		}
	}
	return u.unreadable
}

// served looks that the way in of a connection can authorize an action.
func (c *flowCheck) served(t spec.Text, use *Use, action *Action) {
	conn := c.connection(use.Connection)
	if conn == nil || conn.Sandbox || conn.Auth.Serves(action) {
		return
	}
	c.hinted(t, "F202", "name another connection:  use: { "+use.Role+": <connection> }",
		"connection %q cannot be used for %s: %s", conn.Name, action.ID, conn.Auth.Reach(action))
}
