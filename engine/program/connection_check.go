package program

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// connections checks the connections of all connections files, and in a
// sandbox makes those that are missing.
func (b *builder) connections() {
	for _, file := range b.written {
		for _, w := range file.spec.Connections {
			c := &connectionCheck{report: report{list: &b.set.Findings, lost: file.lost}, b: b, spec: w}
			made := c.check()
			switch {
			case made != nil && !c.failed:
				b.set.Connections[w.Name.Value] = made
			case b.set.Connections[w.Name.Value] == nil:
				k := w.Connector.Value
				if b.set.Connectors[k] == nil && !b.unsound.connectors[k] {
					k = "" // nobody knows which is meant
				}
				b.unsound.connections[w.Name.Value] = k
			}
		}
	}
	if !b.opt.Sandbox {
		return
	}
	for id, k := range b.set.Connectors {
		used := slices.ContainsFunc(slices.Collect(maps.Values(b.set.Connections)), func(c *Connection) bool { return c.Connector == k })
		if !used && k.NeedsConnection() {
			b.set.Connections[id] = SandboxConnection(k)
		}
	}
	for name, c := range b.set.Connections {
		made := SandboxConnection(c.Connector)
		if c.IsAgency() {
			made = sandboxConnection(c.Connector, c.Auth)
		}
		made.Name = name
		maps.Copy(made.Fields, c.Fields)
		b.set.Connections[name] = made
	}
}

// SandboxConnection returns a connection to the played service, made from the
// examples of the connector's fields. Its secrets are "sandbox-" and the name
// of the field.
func SandboxConnection(k *Connector) *Connection {
	var first *Auth
	if len(k.Auths) > 0 {
		first = k.Auths[0]
	}
	return sandboxConnection(k, first)
}

// sandboxConnection returns a connection to the played service by one of the
// ways in. One that serves many accounts is none of them itself.
func sandboxConnection(k *Connector, auth *Auth) *Connection {
	c := &Connection{Name: k.ID, Connector: k, Auth: auth, Fields: map[string]any{}, Secrets: map[string]SecretRef{}, Sandbox: true}
	inputs := k.Fields
	if auth != nil {
		inputs = slices.Concat(inputs, auth.Fields)
	}
	if k.Webhooks != nil {
		inputs = slices.Concat(inputs, k.Webhooks.Fields)
	}
	for _, in := range inputs {
		switch {
		case in.Secret:
			c.Secrets[in.Name] = SecretRef{Plain: value.NewSecret("sandbox-" + in.Name)}
		case in.Example != nil:
			c.Fields[in.Name] = in.Example
		case in.Default != nil && in.Default.IsConst():
			c.Fields[in.Name] = in.Default.Const
		default:
			c.Fields[in.Name] = exampleOf(in.Type, in.Name)
		}
	}
	if c.IsAgency() {
		delete(c.Fields, auth.Members.Field)
	}
	return c
}

func exampleOf(t *value.Type, name string) any {
	if t == nil {
		return "sandbox-" + name
	}
	switch t.Kind {
	case value.Integer, value.Number:
		return 1
	case value.Boolean:
		return true
	case value.Enum:
		if len(t.Values) > 0 {
			return t.Values[0]
		}
	default:
	}
	return "sandbox-" + name
}

type connectionCheck struct {
	report
	b    *builder
	spec *spec.Connection
	// misspelled are the fields that a name that is none seems to stand for.
	misspelled []string
}

func (c *connectionCheck) check() *Connection {
	s := c.spec
	if first, ok := c.b.named[s.Name.Value]; ok {
		c.add(diag.Finding{
			Pos: s.Name.Pos, Width: width(s.Name.Value), Code: "F250",
			Message: fmt.Sprintf("there are two connections with the name %q", s.Name.Value),
			Hint:    "give this one another name",
			Related: []diag.Related{{Pos: first, Message: "the first one"}},
		})
		return nil
	}
	c.b.named[s.Name.Value] = s.Name.Pos
	k := c.b.connector(s.Connector.Value)
	if k == nil {
		if s.Connector.Given() && !c.b.unsound.connectors[s.Connector.Value] {
			c.choice(misnamed(s.Connector, "F203", "connector", "is not a connector", c.b.connectorIDs()), never)
		}
		c.follow()
		return nil
	}
	made := &Connection{
		Name: s.Name.Value, Connector: k, BaseURL: strings.TrimSuffix(s.BaseURL.Value, "/"),
		Fields: map[string]any{}, Secrets: map[string]SecretRef{},
	}
	c.address(s.BaseURL, "F257")
	made.Auth = c.auth(k)
	if made.Auth == nil {
		return nil
	}
	c.fields(made, k)
	if made.Auth.Type != AuthNone && made.BaseURL == "" && slices.Contains(k.Hosts, "*") {
		c.hinted(c.spec.Name, "F256", "add  base_url: https://api.example.com", "the connection %q does not say at which host it signs in", made.Name)
	}
	return made
}

// auth returns the way in: the one that is named, else the first one whose
// fields are all there, else the first.
func (c *connectionCheck) auth(k *Connector) *Auth {
	if !c.spec.Auth.Given() {
		for _, a := range k.Auths {
			if c.givesAll(a) {
				return a
			}
		}
		return k.Auths[0]
	}
	a, ok := k.Auth(c.spec.Auth.Value)
	if !ok {
		var names []string
		for _, a := range k.Auths {
			names = append(names, a.Name)
		}
		c.name(c.spec.Auth, "F251", "way", "is not a way into "+k.Name, names)
		return nil
	}
	return a
}

func (c *connectionCheck) givesAll(a *Auth) bool {
	for _, in := range a.Fields {
		if in.Required() && !c.gives(in.Name) {
			return false
		}
	}
	return true
}

func (c *connectionCheck) fields(made *Connection, k *Connector) {
	inputs := slices.Concat(k.Fields, made.Auth.Fields)
	if made.IsAgency() {
		// Each account fills this one with its own id.
		inputs = slices.DeleteFunc(inputs, func(in *Input) bool { return in.Name == made.Auth.Members.Field })
	}
	if k.Webhooks != nil {
		for _, in := range k.Webhooks.Fields {
			// A connection that only makes calls needs nothing for webhooks.
			lax := *in
			lax.Optional = true
			inputs = append(inputs, &lax)
		}
	}
	c.unknown(inputs, k)
	for _, in := range inputs {
		c.field(made, in)
	}
}

// unknown reports the fields that a connection of k does not have. Each of them
// may stand for one that is missing: where only that one is, it is the fix.
func (c *connectionCheck) unknown(inputs []*Input, k *Connector) {
	names := []string{"connector", "auth", "base_url"}
	var missing []string
	for _, in := range inputs {
		names = append(names, in.Name)
		if in.Required() && in.FromToken == "" && !c.gives(in.Name) {
			missing = append(missing, in.Name)
		}
	}
	for _, e := range c.spec.Fields {
		if slices.Contains(names, e.Key.Value) {
			continue
		}
		f := misnamed(e.Key, "F252", "field", fmt.Sprintf("is not a field of a %s connection", k.Name), names)
		if near := diag.Nearest(e.Key.Value, names); near != "" {
			c.misspelled = append(c.misspelled, near)
		} else {
			c.misspelled = append(c.misspelled, missing...)
			if len(missing) == 1 {
				f.Fix = replacement(f.Pos, f.Width, missing[0], false)
			}
		}
		c.add(f)
	}
}

func (c *connectionCheck) gives(field string) bool {
	return slices.ContainsFunc(c.spec.Fields, func(e spec.Entry) bool { return e.Key.Value == field })
}

func (c *connectionCheck) field(made *Connection, in *Input) {
	i := slices.IndexFunc(c.spec.Fields, func(e spec.Entry) bool { return e.Key.Value == in.Name })
	if i < 0 {
		switch {
		case in.Default != nil && in.Default.IsConst():
			made.Fields[in.Name] = in.Default.Const
		case in.Required(), in.FromToken != "" && !in.Optional && made.Auth.Type != AuthOAuth2Code:
			c.lacks(in)
		}
		return
	}
	v := c.spec.Fields[i].Value
	if in.Secret {
		made.Secrets[in.Name] = c.secret(v)
		return
	}
	if tpl := c.template(v, expr.NewScope(), in.Type); tpl != nil {
		made.Fields[in.Name] = tpl.Const
	}
}

// lacks reports a field that must be given, unless it is there under a name
// that has been told to be wrong.
func (c *connectionCheck) lacks(in *Input) {
	if c.lost.has(in.Name, diag.Pos{}) || slices.Contains(c.misspelled, in.Name) {
		c.follow()
		return
	}
	written := in.Name + ": …"
	if in.Secret {
		written = in.Name + ": ${{ secret." + c.spec.Name.Value + "_" + in.Name + " }}"
	}
	hint := "add  " + written
	if in.Label != "" {
		hint += "  (" + in.Label + ")"
	}
	c.hinted(c.spec.Name, "F253", hint, "the connection %q lacks the field %q", c.spec.Name.Value, in.Name)
}

// secret reads where a secret comes from: ${{ env.NAME }}, ${{ secret.name }},
// or plain text, which is a warning.
func (c *connectionCheck) secret(v *spec.Value) SecretRef {
	const hint = "${{ env.NAME }} or ${{ secret.name }}"
	text := strings.TrimSpace(v.Text.Value)
	inner, marked := strings.CutPrefix(text, "${{")
	switch {
	case v.Kind == spec.List || v.Kind == spec.Map:
		c.add(diag.Finding{Pos: v.Pos, Width: 1, Code: "F255", Hint: hint, Message: "a secret is one text"})
		return SecretRef{}
	case text == "":
		c.hinted(v.Text, "F255", hint, "the secret is empty")
		return SecretRef{}
	case !marked && secretSigns.MatchString(text) && namesSecret.MatchString(text):
		m := namesSecret.FindStringSubmatch(text)
		c.add(diag.Finding{
			Pos: v.Text.Pos, Width: width(v.Text.Value), Code: "W101", Message: "this is taken for the secret itself: what names one stands in ${{ }}",
			Fix: c.marked(v.Text, cmp.Or(m[1], "env."), m[2]),
		})
		return SecretRef{Plain: value.NewSecret(v.Text.Value)}
	case marked && !strings.HasSuffix(text, "}}"):
		_, problems := expr.Scan(v.Text.Value)
		c.problems(v.Text, 0, v.Text.Value, problems)
		return SecretRef{}
	case !marked:
		c.hinted(v.Text, "W101", "keep it with `patchbay secret set NAME` and write ${{ secret.NAME }}, or write ${{ env.NAME }}",
			"a secret stands in the file, where everybody who has the file can read it")
		return SecretRef{Plain: value.NewSecret(v.Text.Value)}
	}
	source, name, _ := strings.Cut(strings.TrimSpace(strings.TrimSuffix(inner, "}}")), ".")
	switch {
	case source == "secrets" && secretName.MatchString(name):
		c.add(diag.Finding{
			Pos: v.Text.Pos, Width: width(v.Text.Value), Code: "F255", Message: "secrets is not known here, secret is",
			Hint: hint, Fix: c.marked(v.Text, "secret.", name),
		})
		return SecretRef{}
	case !secretName.MatchString(name) || source != "env" && source != "secret":
		c.hinted(v.Text, "F255", hint, "a secret cannot be worked out by an expression: it is taken from one place")
		return SecretRef{}
	case source == "secret":
		return SecretRef{Secret: name}
	case strings.HasPrefix(name, "PATCHBAY_"):
		c.hinted(v.Text, "F254", "give the variable another name", "variables whose names begin with PATCHBAY_ are Patchbay's own")
	}
	return SecretRef{Env: name}
}

// marked is the fix that names a secret in ${{ }}, in place of a text.
func (c *connectionCheck) marked(t spec.Text, source, name string) *diag.Fix {
	text := "${{ " + source + name + " }}"
	if t.Plain {
		text = strconv.Quote(text)
	}
	return replacement(t.Pos, width(t.Value), text, false)
}

// namesSecret matches what names a secret in other tools, or without its marks.
var namesSecret = regexp.MustCompile(`^(?:\$\{?|\{\{ *|)(env\.|secret\.|)([A-Za-z_][A-Za-z0-9_]*)(?: *\}\}?)?$`)

// secretSigns matches what begins as a name of a secret does, and no secret.
var secretSigns = regexp.MustCompile(`^(\$|\{\{|env\.|secret\.)`)

var secretName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
