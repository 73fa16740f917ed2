package program

import (
	"slices"

	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// auth checks one way in.
func (c *connectorCheck) auth(a *spec.Auth) *Auth {
	made := &Auth{
		Name: a.Name.Value, Label: a.Label.Value, Help: a.Help.Value, Type: AuthType(a.Type.Value),
		Fields:       c.types.inputs(a.Fields, expr.NewScope()),
		Header:       a.Header.Value,
		Query:        a.Query.Value,
		Path:         a.Path.Value,
		AuthorizeURL: a.AuthorizeURL.Value, TokenURL: a.TokenURL.Value,
		AuthorizeParams: c.params(a.AuthorizeParams), TokenParams: c.params(a.TokenParams),
		ScopeSeparator: " ", PKCE: a.PKCE.Value != "false", ClientAuthHeader: a.ClientAuth.Value == "header",
	}
	if made.Label == "" {
		made.Label = made.Name
	}
	if a.ScopeSeparator.Given() {
		made.ScopeSeparator = a.ScopeSeparator.Value
	}
	scope := expr.NewScope(value.Field{Name: "connection", Type: c.connectionType(made)})
	made.Token = c.credential(a.Token, scope)
	made.Username = c.credential(a.Username, scope)
	made.Password = c.credential(a.Password, scope)
	made.Value = c.credential(a.Value, scope)
	c.authNeeds(a, made)
	c.authScopes(a, made)
	if a.Refresh != nil {
		made.Rotates = isTrue(a.Refresh.Rotates)
		made.BeforeExpiry, made.Grace = c.duration(a.Refresh.BeforeExpiry), c.duration(a.Refresh.Grace)
	}
	return made
}

func (c *connectorCheck) credential(t spec.Text, scope *expr.Scope) *Value {
	if !t.Given() {
		return nil
	}
	return c.textTemplate(t, scope, value.Of(value.String))
}

func (c *connectorCheck) params(entries []spec.Entry) map[string]string {
	out := map[string]string{}
	for _, e := range entries {
		out[e.Key.Value] = e.Value.Text.Value
	}
	return out
}

// authNeeds fills in the fields a way in uses by their usual names, and
// reports what it lacks.
func (c *connectorCheck) authNeeds(a *spec.Auth, made *Auth) {
	usual := func(v **Value, written spec.Text, field string) {
		if written.Given() {
			return
		}
		if !hasField(made.Fields, field) {
			c.hinted(a.Type, "C140", "declare it:  fields: { "+field+": { type: secret } }",
				"%s needs a field %q", made.Type, field)
			return
		}
		scope := expr.NewScope(value.Field{Name: "connection", Type: c.connectionType(made)})
		*v = c.textTemplate(spec.Text{Value: "${{ connection." + field + " }}", Pos: a.Type.Pos}, scope, value.Of(value.String))
	}
	switch made.Type {
	case AuthBearer:
		usual(&made.Token, a.Token, "token")
	case AuthBasic:
		usual(&made.Username, a.Username, "username")
		usual(&made.Password, a.Password, "password")
	case AuthAPIKey:
		usual(&made.Value, a.Value, "api_key")
		if len(given(a.Header, a.Query, a.Path)) != 1 {
			c.hinted(a.Type, "C141", "header: Authorization, query: key, or path: token", "an api_key goes either into a header, into the query or into the path")
		}
	case AuthOAuth2Code:
		if made.AuthorizeURL == "" || made.TokenURL == "" {
			c.hinted(a.Type, "C142", "authorize_url: https://…, token_url: https://…", "oauth2_code needs authorize_url and token_url")
		}
	case AuthOAuth2Client:
		if made.TokenURL == "" {
			c.hinted(a.Type, "C142", "token_url: https://…", "oauth2_client needs token_url")
		}
	case AuthNone:
	default:
		// the parser has told the words that are allowed
	}
	if made.Type == AuthOAuth2Code || made.Type == AuthOAuth2Client {
		for _, name := range []string{"client_id", "client_secret"} {
			if !hasField(made.Fields, name) {
				c.hinted(a.Type, "C140", "declare it:  fields: { client_id: { type: string }, client_secret: { type: secret } }", "%s needs a field %q", made.Type, name)
			}
		}
	}
}

// given returns those of the texts that are written.
func given(texts ...spec.Text) []spec.Text {
	return slices.DeleteFunc(texts, func(t spec.Text) bool { return !t.Given() })
}

func hasField(inputs []*Input, name string) bool {
	for _, in := range inputs {
		if in.Name == name {
			return true
		}
	}
	return false
}

func (c *connectorCheck) authScopes(a *spec.Auth, made *Auth) {
	switch {
	case a.Scopes == nil:
	case a.Scopes.Kind == spec.List:
		for _, item := range a.Scopes.Items {
			if item.Text.Value == "auto" {
				made.ScopesAuto = true
				continue
			}
			made.Scopes = append(made.Scopes, item.Text.Value)
		}
	case a.Scopes.Text.Value == "auto":
		made.ScopesAuto = true
	}
}
