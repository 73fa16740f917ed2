package program

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

var (
	httpRequest = regexp.MustCompile(`^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|\{method\}) (/\S*|https://\S+|\{url\})$`)
	inBraces    = regexp.MustCompile(`\{([^{}]*)\}`)
)

func (c *connectorCheck) request(a *spec.Action, made *Action) {
	made.Transport = HTTP
	switch word, rest, _ := strings.Cut(a.Request.Value, " "); {
	case !a.Request.Given():
		return
	case word == "smtp" && (rest == "send" || rest == "send_each"):
		made.Transport, made.Method = SMTP, rest
		return
	case word == "table" && slices.Contains([]string{"upsert", "append", "find", "delete"}, rest):
		made.Transport, made.Method = Table, rest
		return
	}
	m := httpRequest.FindStringSubmatch(a.Request.Value)
	if m == nil {
		c.hinted(a.Request, "C211", "a method and a path, as in GET /contacts/{contactId}; or smtp send|send_each, table upsert|append|find|delete",
			"%q is not a request", a.Request.Value)
		return
	}
	made.Method, made.Path = m[1], m[2]
	switch {
	case made.Path == "{url}":
		c.wholeAddress(a)
	case strings.HasPrefix(made.Path, "https://"):
		c.otherHost(a, made)
	case c.made.BaseURL == "":
		c.hinted(a.Request, "C213", "api: { base_url: https://api.example.com } in connector.yaml", "the connector has no base_url, so nobody knows at which host %s is", made.Path)
	}
}

// wholeAddress looks that a request to any address stays where the connector
// may go: one that an answer brings, to the hosts it lists, one that an input
// brings, to all hosts.
func (c *connectorCheck) wholeAddress(a *spec.Action) {
	sent := slices.ContainsFunc(a.Send, func(e spec.Entry) bool { return e.Key.Value == "path.url" })
	filled := sent || slices.ContainsFunc(a.Input, func(f spec.Field) bool { return f.Name.Value == "url" })
	switch {
	case slices.Contains(c.made.Hosts, "*") || sent && len(c.made.Hosts) > 0 || !filled:
	case sent:
		c.hinted(a.Request, "C212", "api: { hosts: [files.example.com] } in connector.yaml", "an address that an answer brings needs a list of the hosts it may lead to")
	default:
		c.hinted(a.Request, "C212", `api: { hosts: ["*"] } in connector.yaml`, "a whole address from an input needs a connector that may talk to every host")
	}
}

// otherHost takes the host out of the address of a request.
func (c *connectorCheck) otherHost(a *spec.Action, made *Action) {
	host, path, _ := strings.Cut(strings.TrimPrefix(made.Path, "https://"), "/")
	made.Host, made.Path = host, "/"+path
	base, err := url.Parse(c.made.BaseURL)
	if slices.Contains(c.made.Hosts, "*") || slices.Contains(c.made.Hosts, host) || err == nil && base.Host == host {
		return
	}
	c.hinted(a.Request, "C214", "api: { hosts: ["+host+"] } in connector.yaml", "%s is none of the hosts that the connector may talk to", host)
}

// before checks the requests that come before the action's own, and returns
// the scope in which that one sees their answers.
func (c *connectorCheck) before(a *spec.Action, made *Action, headers []spec.Entry, scope *expr.Scope) *expr.Scope {
	if len(a.Before) == 0 {
		return scope
	}
	answer := &value.Type{Kind: value.Object, Name: "an answer", Fields: []value.Field{
		{Name: "status", Type: value.Of(value.Integer)},
		{Name: "headers", Type: value.MapOf(value.Of(value.String))},
		{Name: "body", Type: value.Of(value.Any)},
	}}
	var answers []value.Field
	seen := func() *expr.Scope {
		t := &value.Type{Kind: value.Object, Name: "before", Fields: slices.Clone(answers)}
		return scope.With(value.Field{Name: "before", Type: t})
	}
	for _, b := range a.Before {
		id := b.ID.Value
		if !b.ID.Given() {
			continue // the parser has told that it is missing
		}
		if slices.ContainsFunc(answers, func(f value.Field) bool { return f.Name == id }) {
			c.hinted(b.ID, "C215", "give this one another id", "there are two requests before with the id %q", id)
			continue
		}
		part := &spec.Action{Name: a.Name, Request: b.Request, Send: b.Send}
		one := &Action{
			Connector: c.made, ID: made.ID + "/" + id, Name: made.Name + "/" + id, Title: made.Title + ": " + id,
			Effect: EffectRead, Repeat: Repeat{Safe: true}, Scopes: made.Scopes, Errors: made.Errors, Timeout: made.Timeout,
			Output: Output{At: []string{"body"}, Decode: DecodeAuto}, Pos: b.ID.Pos,
		}
		c.request(part, one)
		if one.Transport != HTTP {
			c.hinted(b.Request, "C216", "a method and a path, as in GET /files/address", "%q cannot come before another request", b.Request.Value)
		}
		one.Headers = c.headers(slices.Concat(headers, b.Headers), seen())
		one.Send = c.send(b.Send, seen())
		c.places(part, one, `fill it:  send: { path.%s: "${{ … }}" }`)
		made.Before = append(made.Before, &Before{ID: id, Action: one})
		answers = append(answers, value.Field{Name: id, Type: answer})
	}
	if made.Transport != HTTP {
		c.hinted(a.Before[0].ID, "C216", "a method and a path, as in POST /files", "no request can come before %q", a.Request.Value)
	}
	return seen()
}
