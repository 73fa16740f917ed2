package spec

import "slices"

// hintImport is for a description of another kind.
const hintImport = "patchbay import makes a connector of an OpenAPI description"

func connectorSection() section[Connector] {
	return section[Connector]{name: "connector", noun: "a connector", notes: map[string]string{
		"base_url": "base_url stands in api:", "headers": "headers stand in api:", "auth": "auth stands in connection:",
		"openapi": hintImport, "swagger": hintImport, "paths": hintImport, "servers": hintImport,
	}, rows: slices.Concat([]row[Connector]{
		scalar("connector", Version, "the version of the language, in the first line", "1", func(c *Connector) *Text { return &c.Version }),
		scalar("id", Name, "the name by which flows refer to it, also the name of its folder", "ghl", func(c *Connector) *Text { return &c.ID }).must(),
		scalar("name", Line, "what people call the service", "GoHighLevel", func(c *Connector) *Text { return &c.Name }).must().not("title"),
		scalar("docs", Line, "where the service describes itself", "https://developers.qwilr.com", func(c *Connector) *Text { return &c.Docs }),
		scalar("help", Line, "what a person who connects it should know", "", func(c *Connector) *Text { return &c.Help }).not("description"),
		block("api", "api", apiSection, "where the service is", func(c *Connector, a *API) { c.API = a }),
		block("connection", "connection_shape", shapeSection, "what a connection to it needs", func(c *Connector, s *ConnectionShape) { c.Connection = s }),
		blocks("limits", "limit", limitSection, "how many calls the service allows", func(c *Connector, l *Limit) { c.Limits = append(c.Limits, *l) }),
		blocks("errors", "error_rule", errorRuleSection, "which answers are errors, and of what class", func(c *Connector, r *ErrorRule) { c.Errors = append(c.Errors, *r) }),
	}, partRows(), []row[Connector]{
		block("webhooks", "webhooks", webhooksSection, "how the service delivers events", func(c *Connector, w *Webhooks) { c.Webhooks = w }),
	})}
}

func groupSection() section[Connector] {
	return section[Connector]{name: "group", noun: "a group of a connector", notes: map[string]string{
		"api": "api stands in connector.yaml", "connection": "connection stands in connector.yaml", "webhooks": "webhooks stand in connector.yaml",
		"limits": "limits stand in connector.yaml, or in an action", "errors": "errors stand in connector.yaml, or in an action",
	}, rows: slices.Concat([]row[Connector]{
		scalar("group", Name, "the name of the group, in the first line", "contacts", func(c *Connector) *Text { return &c.Group }),
		headers("what is sent with each request of the group", func(c *Connector) *[]Entry { return &c.Headers }),
	}, partRows())}
}

// partRows are the keys that connector.yaml and the group files share.
func partRows() []row[Connector] {
	return []row[Connector]{
		custom(Key{Name: "types", Form: NamedBlocks, Names: Identifier, Section: "type", Help: "the types of the service's data: each a map of fields, or a definition with type:"}, readTypes),
		named("actions", "action", actionSection, "what the service can do", func(c *Connector, name Text, a *Action) { a.Name = name; c.Actions = append(c.Actions, a) }),
		named("triggers", "connector_trigger", triggerSection, "what the service can tell", func(c *Connector, name Text, t *Trigger) { t.Name = name; c.Triggers = append(c.Triggers, t) }),
		block("sandbox", "sandbox", sandboxSection, "how the sandbox plays the service", func(c *Connector, s *Sandbox) { c.Sandbox = s }),
	}
}

func readTypes(p *parser, c *Connector, s spot) {
	for _, e := range p.entriesOf(s) {
		p.named(e.Key, s.rule.Names)
		one := spot{key: e.Key, name: e.Key.Value, value: e.Value}
		if p.bareType(one) || !p.is(one, Map) {
			continue
		}
		if d := p.inlineType(one); d != nil {
			c.Types = append(c.Types, TypeEntry{Name: e.Key, Def: *d})
		}
	}
}

func apiSection() section[API] {
	return section[API]{name: "api", noun: "api", rows: []row[API]{
		scalar("base_url", Line, "what every path begins with", "https://api.qwilr.com/v1", func(a *API) *Text { return &a.BaseURL }).not("url", "baseurl", "base"),
		headers("what is sent with each request", func(a *API) *[]Entry { return &a.Headers }),
		lines("hosts", Lines, "further hosts it may talk to", "[files.example.com]", func(a *API) *[]Text { return &a.Hosts }),
		scalar("timeout", Duration, "how long an answer may take", "30s", func(a *API) *Text { return &a.Timeout }),
		scalar("max_body", Size, "how large an answer may be", "10MB", func(a *API) *Text { return &a.MaxBody }),
	}}
}

func limitSection() section[Limit] {
	return section[Limit]{name: "limit", noun: "a limit", rows: []row[Limit]{
		scalar("allow", Whole, "how many calls are allowed", "100", func(l *Limit) *Text { return &l.Allow }).must(),
		scalar("per", Duration, "in which time", "10s", func(l *Limit) *Text { return &l.Per }).must(),
		scalar("remaining", Line, "the header that says how many are left", "X-RateLimit-Remaining", func(l *Limit) *Text { return &l.Remaining }),
		scalar("reset", Line, "the header that says when they are filled up again", "X-RateLimit-Reset", func(l *Limit) *Text { return &l.Reset }),
		scalar("by", Path, "an input, each value of which has a budget of its own", "input.channel", func(l *Limit) *Text { return &l.By }),
	}}
}

func errorRuleSection() section[ErrorRule] {
	return section[ErrorRule]{name: "error_rule", noun: "an entry of errors", rows: []row[ErrorRule]{
		scalar("when", Expression, "which answers are meant", "status == 404", func(r *ErrorRule) *Text { return &r.When }).must().not("if"),
		word("class", "auth forbidden invalid not_found conflict rate_limit transient unknown none", "what kind of error it is; none is none", func(r *ErrorRule) *Text { return &r.Class }).must(),
		scalar("message", Path, "where the answer says what is wrong", "body.error.message", func(r *ErrorRule) *Text { return &r.Message }),
	}}
}

func shapeSection() section[ConnectionShape] {
	return section[ConnectionShape]{name: "connection_shape", noun: "the connection of a connector", rows: []row[ConnectionShape]{
		fields("fields", "what a connection has, whatever the way in", func(c *ConnectionShape) *[]Field { return &c.Fields }),
		named("auth", "auth", authSection, "the ways in, in the order in which they are offered", func(c *ConnectionShape, name Text, a *Auth) { a.Name = name; c.Auth = append(c.Auth, a) }),
		block("test", "invocation", invocationSection, "an action that shows that the connection works", func(c *ConnectionShape, i *Invocation) { c.Test = i }),
	}}
}

func invocationSection() section[Invocation] {
	return section[Invocation]{name: "invocation", noun: "a test of a connection", rows: []row[Invocation]{
		scalar("action", Line, "an action of this connector", "social.list_tags", func(i *Invocation) *Text { return &i.Action }).must(),
		pairs("with", "what the action is given", "{ limit: 1 }", func(i *Invocation) *[]Entry { return &i.With }),
	}}
}

func authSection() section[Auth] {
	return section[Auth]{name: "auth", noun: "a way in", rows: slices.Concat([]row[Auth]{
		scalar("label", Line, "what a form calls it", "Private integration", func(a *Auth) *Text { return &a.Label }),
		scalar("help", Line, "where to find what is asked for", "", func(a *Auth) *Text { return &a.Help }).not("description"),
		word("type", "oauth2_code oauth2_client bearer api_key basic none", "the method", func(a *Auth) *Text { return &a.Type }).must(),
		fields("fields", "what a connection must give for it", func(a *Auth) *[]Field { return &a.Fields }),
		scalar("token", Line, "of bearer: the token", `"${{ connection.token }}"`, func(a *Auth) *Text { return &a.Token }),
		scalar("header", Line, "of api_key: the header that carries the key", "Authorization", func(a *Auth) *Text { return &a.Header }),
		scalar("query", Line, "of api_key: the query parameter that carries the key", "key", func(a *Auth) *Text { return &a.Query }),
		scalar("path", Name, "of api_key: the {name} in the path of a request that the key fills", "webhook", func(a *Auth) *Text { return &a.Path }),
		scalar("value", Line, "of api_key: what is sent", `"${{ connection.login }}:${{ connection.secret_key }}"`, func(a *Auth) *Text { return &a.Value }),
		scalar("username", Line, "of basic: the name", `"${{ connection.username }}"`, func(a *Auth) *Text { return &a.Username }),
		scalar("password", Line, "of basic: the password", `"${{ connection.password }}"`, func(a *Auth) *Text { return &a.Password }),
	}, oauthRows())}
}

func oauthRows() []row[Auth] {
	return []row[Auth]{
		scalar("authorize_url", Line, "of oauth2_code: where a person agrees", "https://example.com/oauth/authorize", func(a *Auth) *Text { return &a.AuthorizeURL }),
		scalar("token_url", Line, "of oauth2: where tokens are handed out", "https://example.com/oauth/token", func(a *Auth) *Text { return &a.TokenURL }),
		pairs("authorize_params", "what else the authorize address is given", "{ access_type: offline }", func(a *Auth) *[]Entry { return &a.AuthorizeParams }),
		pairs("token_params", "what else the token address is given", "{ user_type: Location }", func(a *Auth) *[]Entry { return &a.TokenParams }),
		custom(Key{Name: "scopes", Form: Either, Forms: []Form{Word, Lines}, Words: []string{"auto"}, Help: "auto asks for what the flows use, a list for just these", Example: "auto"}, readScopes),
		scalar("scope_separator", Line, "what stands between scopes, without it a space", `","`, func(a *Auth) *Text { return &a.ScopeSeparator }),
		scalar("pkce", Switch, "false where the service has none", "false", func(a *Auth) *Text { return &a.PKCE }),
		word("client_auth", "body header", "where the client proves who it is", func(a *Auth) *Text { return &a.ClientAuth }),
		block("refresh", "refresh", refreshSection, "how tokens are renewed", func(a *Auth, r *Refresh) { a.Refresh = r }),
		block("members", "members", membersSection, "the accounts that one sign-in serves", func(a *Auth, m *Members) { a.Members = m }),
	}
}

// readScopes reads the word auto, or a list of scopes.
func readScopes(p *parser, a *Auth, s spot) {
	if s.value.Kind == List {
		s.rule.Form, s.rule.Words = Lines, nil
		p.texts(s)
		a.Scopes = s.value
		return
	}
	s.rule.Form = Word
	if p.text(s).Given() {
		a.Scopes = s.value
	}
}

func refreshSection() section[Refresh] {
	return section[Refresh]{name: "refresh", noun: "refresh", rows: []row[Refresh]{
		scalar("rotates", Switch, "true where each renewal brings a new refresh token", "true", func(r *Refresh) *Text { return &r.Rotates }),
		scalar("before_expiry", Duration, "how long before its end a token is renewed", "10m", func(r *Refresh) *Text { return &r.BeforeExpiry }),
		scalar("grace", Duration, "how long an old refresh token stays good", "30s", func(r *Refresh) *Text { return &r.Grace }),
	}}
}

func membersSection() section[Members] {
	return section[Members]{name: "members", noun: "members", rows: []row[Members]{
		scalar("list", Line, "the action that lists the accounts, called with the sign-in's own token", "oauth.list_installed_locations", func(m *Members) *Text { return &m.List }).must(),
		pairs("with", "what that action is given, over connection", `{ companyId: "${{ connection.companyId }}" }`, func(m *Members) *[]Entry { return &m.With }),
		scalar("id", Path, "where an item of the list has the id of the account", "item.id", func(m *Members) *Text { return &m.ID }).must(),
		scalar("name", Path, "where it has what people call the account", "item.name", func(m *Members) *Text { return &m.Title }),
		scalar("field", Line, "the field of the connection that each account fills with its id", "locationId", func(m *Members) *Text { return &m.Field }).must(),
		scalar("every", Duration, "how often the list is read again, without it every hour", "1h", func(m *Members) *Text { return &m.Every }),
		block("token", "member_token", memberTokenSection, "how an account gets a token of its own; without it the sign-in's own token serves all", func(m *Members, t *MemberToken) { m.Token = t }),
		scalar("joined", Expression, "which deliveries say that an account has joined, over body, headers and connection", `body.type == "INSTALL"`, func(m *Members) *Text { return &m.Joined }),
		scalar("retired", Expression, "which deliveries say that an account has left", `body.type == "UNINSTALL"`, func(m *Members) *Text { return &m.Retired }),
	}}
}

func memberTokenSection() section[MemberToken] {
	return section[MemberToken]{name: "member_token", noun: "the token of an account", rows: []row[MemberToken]{
		scalar("action", Line, "the action that brings the token, called with the sign-in's own", "oauth.location_token", func(t *MemberToken) *Text { return &t.Action }).must(),
		pairs("with", "what that action is given, over connection and member, which has id and name", `{ locationId: "${{ member.id }}" }`, func(t *MemberToken) *[]Entry { return &t.With }),
		scalar("access_token", Path, "where its output has the token", "output.accessToken", func(t *MemberToken) *Text { return &t.AccessToken }).must(),
		scalar("expires_in", Path, "where it has how many seconds the token lives", "output.expiresIn", func(t *MemberToken) *Text { return &t.ExpiresIn }),
	}}
}
