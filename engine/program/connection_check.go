package program

import (
	"fmt"
	"maps"
	"slices"
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
		for _, w := range file.Connections {
			c := &connectionCheck{report: report{list: &b.set.Findings}, b: b, spec: w}
			if made := c.check(); made != nil && !c.failed {
				b.set.Connections[w.Name.Value] = made
			}
		}
	}
	if !b.opt.Sandbox {
		return
	}
	for id, k := range b.set.Connectors {
		made := SandboxConnection(k)
		used := slices.ContainsFunc(slices.Collect(maps.Values(b.set.Connections)), func(c *Connection) bool { return c.Connector == k })
		if !used && k.NeedsConnection() {
			b.set.Connections[id] = made
		}
	}
	for name, c := range b.set.Connections {
		made := SandboxConnection(c.Connector)
		made.Name = name
		maps.Copy(made.Fields, c.Fields)
		b.set.Connections[name] = made
	}
}

// SandboxConnection returns a connection to the played service, made from the
// examples of the connector's fields. Its secrets are "sandbox-" and the name
// of the field.
func SandboxConnection(k *Connector) *Connection {
	c := &Connection{Name: k.ID, Connector: k, Fields: map[string]any{}, Secrets: map[string]SecretRef{}, Sandbox: true}
	inputs := k.Fields
	if len(k.Auths) > 0 {
		c.Auth = k.Auths[0]
		inputs = slices.Concat(inputs, c.Auth.Fields)
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
}

func (c *connectionCheck) check() *Connection {
	s := c.spec
	if _, ok := c.b.set.Connections[s.Name.Value]; ok {
		c.at(s.Name, "F250", "there are two connections named %q", s.Name.Value)
		return nil
	}
	k, ok := c.b.set.Connectors[s.Connector.Value]
	if !ok {
		if s.Connector.Given() {
			c.name(s.Connector, "F203", "connector", "is not a connector", slices.Sorted(maps.Keys(c.b.set.Connectors)))
		}
		return nil
	}
	made := &Connection{
		Name: s.Name.Value, Connector: k, BaseURL: strings.TrimSuffix(s.BaseURL.Value, "/"),
		Fields: map[string]any{}, Secrets: map[string]SecretRef{},
	}
	made.Auth = c.auth(k)
	if made.Auth == nil {
		return nil
	}
	c.fields(made, k)
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
		given := slices.ContainsFunc(c.spec.Fields, func(e spec.Entry) bool { return e.Key.Value == in.Name })
		if in.Required() && !given {
			return false
		}
	}
	return true
}

func (c *connectionCheck) fields(made *Connection, k *Connector) {
	inputs := slices.Concat(k.Fields, made.Auth.Fields)
	if k.Webhooks != nil {
		for _, in := range k.Webhooks.Fields {
			// A connection that only makes calls needs nothing for webhooks.
			lax := *in
			lax.Optional = true
			inputs = append(inputs, &lax)
		}
	}
	names := []string{"connector", "auth", "base_url"}
	for _, in := range inputs {
		names = append(names, in.Name)
		c.field(made, in)
	}
	for _, e := range c.spec.Fields {
		if !slices.Contains(names, e.Key.Value) {
			c.name(e.Key, "F252", "field", fmt.Sprintf("is not a field of a %s connection", k.Name), names)
		}
	}
}

func (c *connectionCheck) field(made *Connection, in *Input) {
	i := slices.IndexFunc(c.spec.Fields, func(e spec.Entry) bool { return e.Key.Value == in.Name })
	if i < 0 {
		switch {
		case in.Default != nil && in.Default.IsConst():
			made.Fields[in.Name] = in.Default.Const
		case in.Required(), in.FromToken != "" && !in.Optional && made.Auth.Type != AuthOAuth2Code:
			c.add(diag.Finding{
				Pos: c.spec.Name.Pos, Width: width(c.spec.Name.Value), Code: "F253",
				Message: fmt.Sprintf("the connection %q lacks the field %q", c.spec.Name.Value, in.Name), Hint: in.Label,
			})
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

// secret reads where a secret comes from: ${{ env.NAME }}, ${{ secret.name }},
// or plain text, which is a warning.
func (c *connectionCheck) secret(v *spec.Value) SecretRef {
	text := strings.TrimSpace(v.Text.Value)
	if inner, ok := strings.CutPrefix(text, "${{"); ok {
		inner = strings.TrimSpace(strings.TrimSuffix(inner, "}}"))
		if name, ok := strings.CutPrefix(inner, "env."); ok {
			if strings.HasPrefix(name, "PATCHBAY_") {
				c.at(v.Text, "F254", "variables that begin with PATCHBAY_ are Patchbay's own and cannot be used here")
			}
			return SecretRef{Env: name}
		}
		if name, ok := strings.CutPrefix(inner, "secret."); ok {
			return SecretRef{Secret: name}
		}
		c.hinted(v.Text, "F255", "${{ env.NAME }} or ${{ secret.name }}", "a secret cannot be computed")
		return SecretRef{}
	}
	if text == "" {
		c.hinted(v.Text, "F255", "${{ env.NAME }} or ${{ secret.name }}", "the secret is empty")
		return SecretRef{}
	}
	c.hinted(v.Text, "W101", "set it with `patchbay secret set NAME` and write ${{ secret.NAME }}, or use ${{ env.NAME }}",
		"a secret stands readable in the file")
	return SecretRef{Plain: value.NewSecret(v.Text.Value)}
}
