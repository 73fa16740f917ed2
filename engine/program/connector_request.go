package program

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"patchbay/engine/diag"
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
		c.noRequest(a.Request)
		return
	}
	made.Method, made.Path = m[1], m[2]
	c.colons(a)
	switch {
	case made.Path == "{url}":
		c.wholeAddress(a)
	case strings.HasPrefix(made.Path, "https://"):
		c.otherHost(a, made)
	case c.made.BaseURL == "":
		c.hinted(a.Request, "C213", "api: { base_url: https://api.example.com } in connector.yaml", "the connector has no base_url, so nobody knows at which host %s is", made.Path)
	}
}

var (
	looseRequest = regexp.MustCompile(`^(\w+) +(\S+)$`)
	inMarks      = regexp.MustCompile(`\$?\{\{\s*(?:input\.)?(\w+)\s*\}\}`)
	colonNames   = regexp.MustCompile(`/:(\w+)`)
)

// noRequest reports a request that is none, with what is probably meant.
func (c *connectorCheck) noRequest(t spec.Text) {
	f := diag.Finding{
		Pos: t.Pos, Width: width(t.Value), Code: "C211", Message: fmt.Sprintf("%q is not a request", t.Value),
		Hint: "a method and a path, as in GET /contacts/{contactId}; or smtp send|send_each, table upsert|append|find|delete",
	}
	meant := inMarks.ReplaceAllString(t.Value, "{$1}")
	if m := looseRequest.FindStringSubmatch(meant); m != nil {
		method := strings.ToUpper(m[1])
		if near := diag.Nearest(method, []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}); near != "" {
			meant = near + " " + m[2]
		}
	}
	if httpRequest.MatchString(meant) {
		f.Fix = replacement(f.Pos, f.Width, meant, false)
	}
	c.add(f)
}

// colons reports the inputs in a path that are written as other tools do.
func (c *connectorCheck) colons(a *spec.Action) {
	for _, m := range colonNames.FindAllStringSubmatchIndex(a.Request.Value, -1) {
		name := a.Request.Value[m[2]:m[3]]
		if !slices.ContainsFunc(a.Input, func(f spec.Field) bool { return f.Name.Value == name }) {
			continue
		}
		pos := a.Request.At(m[2] - 1)
		c.add(diag.Finding{
			Pos: pos, Width: width(name) + 1, Code: "C211", Message: ":" + name + " goes out as it stands",
			Hint: "an input in the path stands in braces", Fix: replacement(pos, width(name)+1, "{"+name+"}", false),
		})
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
