package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// credential is what goes onto a request: text for a header, a part of the
// query, or a {name} in the path. Without any there is nothing to add.
type credential struct {
	header, query, path string
	text                string
}

func (c credential) isNone() bool { return c.header == "" && c.query == "" && c.path == "" }

// Authorize puts the credentials of the connection on a request. They go to
// the host of the connection and those the connector lists, and never over
// plain http where the connection speaks https. The error is a *value.Failure,
// or that of the context.
func (v *Vault) Authorize(ctx context.Context, conn *program.Connection, req *http.Request) error {
	c, err := v.credential(ctx, conn)
	if err != nil {
		return err
	}
	if c.isNone() {
		return nil
	}
	if !conn.Sandbox {
		if err := mayGo(conn, req.URL); err != nil {
			return err
		}
	}
	switch {
	case c.header != "":
		req.Header.Set(c.header, c.text)
	case c.query != "":
		req.URL.RawQuery = withQuery(req.URL.RawQuery, c.query, c.text)
	default:
		req.URL.Path, req.URL.RawPath = strings.ReplaceAll(req.URL.Path, "{"+c.path+"}", c.text), ""
	}
	return nil
}

// Renew gets new credentials after the service has refused those on a
// request, and returns nil if the request may be authorized and sent again. It
// does nothing where others have replaced them since. The error is a
// *value.Failure, or that of the context.
func (v *Vault) Renew(ctx context.Context, conn *program.Connection, refused *http.Request) error {
	conn = signer(conn)
	if usesTokens(conn) && !isPlayed(conn) {
		stale, _ := strings.CutPrefix(refused.Header.Get("Authorization"), bearer)
		return v.renewRefused(ctx, conn, stale)
	}
	now, err := v.credential(ctx, conn)
	if err != nil {
		return err
	}
	if now.header != "" && refused.Header.Get(now.header) != now.text ||
		now.query != "" && refused.URL.Query().Get(now.query) != now.text ||
		now.path != "" && !strings.Contains(refused.URL.Path, now.text) {
		return nil // a new one was set since
	}
	if now.isNone() {
		return value.Fail(value.ClassAuth, "%s wants credentials, and connection %q has none: it uses the way in %q",
			vendor(conn), conn.Name, authName(conn))
	}
	return v.refusesFixed(ctx, conn, now)
}

// whereToMend says where the secrets of a connection with fixed credentials
// can be replaced.
func whereToMend(conn *program.Connection) string {
	var places []string
	for _, field := range slices.Sorted(maps.Keys(conn.Secrets)) {
		if !authorizes(conn, field) {
			continue
		}
		switch ref := conn.Secrets[field]; {
		case ref.Env != "":
			places = append(places, "the environment variable "+ref.Env)
		case ref.Secret != "":
			places = append(places, `the secret `+ref.Secret+` (patchbay secret set `+ref.Secret+`)`)
		default:
			places = append(places, field+" in the connections file")
		}
	}
	if len(places) == 0 {
		return "check what the connections file says"
	}
	return "check " + strings.Join(places, " and ")
}

const bearer = "Bearer "

// credential returns what authorizes the requests of a connection.
func (v *Vault) credential(ctx context.Context, conn *program.Connection) (credential, error) {
	conn = signer(conn)
	if conn.Auth == nil || conn.Auth.Type == program.AuthNone {
		return credential{}, nil
	}
	if usesTokens(conn) {
		access, err := v.access(ctx, conn)
		return credential{header: "Authorization", text: bearer + access}, err
	}
	texts, missing := v.reveal(ctx, conn, func(field string) bool { return authorizes(conn, field) })
	if len(missing) > 0 {
		return credential{}, missing[0]
	}
	f := filler{conn: conn, names: maps.Clone(conn.Fields)}
	if f.names == nil {
		f.names = map[string]any{}
	}
	for name, text := range texts {
		f.names[name] = text
		f.secrets = append(f.secrets, text)
	}
	return f.credential()
}

// filler makes the credential of a way in without tokens from the fields of a
// connection.
type filler struct {
	conn    *program.Connection
	names   map[string]any // what `connection` stands for
	secrets []string       // never to be told
}

func (f *filler) credential() (credential, error) {
	a := f.conn.Auth
	switch a.Type {
	case program.AuthBearer:
		token, err := f.text(a.Token, "token")
		return credential{header: "Authorization", text: bearer + token}, err
	case program.AuthAPIKey:
		key, err := f.text(a.Value, "api_key")
		return credential{header: a.Header, query: a.Query, path: a.Path, text: key}, err
	case program.AuthBasic:
		user, err := f.text(a.Username, "username")
		if err != nil {
			return credential{}, err
		}
		password, err := f.text(a.Password, "password")
		pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		return credential{header: "Authorization", text: "Basic " + pair}, err
	case program.AuthOAuth2Code, program.AuthOAuth2Client, program.AuthNone:
		// unreachable: these have been dealt with by the caller
		return credential{}, nil
	default:
		return credential{}, value.Fail(value.ClassInvalid, "connection %q uses the way in %q of type %q, which is not known",
			f.conn.Name, a.Name, string(a.Type))
	}
}

// text evaluates a part of the credentials. Where nothing is written it is the
// field of the usual name.
func (f *filler) text(part *program.Value, usual string) (string, error) {
	result := f.names[usual]
	if part != nil {
		var err error
		result, err = part.Eval(&expr.Env{Names: map[string]any{"connection": f.names}, Now: time.Now()})
		if err != nil {
			return "", value.Fail(value.ClassInvalid, "the %s of connection %q: %s", usual, f.conn.Name, mask(err.Error(), f.secrets...))
		}
	}
	var text string
	switch r := result.(type) {
	case string:
		text = r
	case int:
		text = strconv.Itoa(r)
	case nil:
	default:
		return "", value.Fail(value.ClassInvalid, "the %s of connection %q is no text", usual, f.conn.Name)
	}
	if text == "" {
		return "", lacking(f.conn, "connection %q has no %s: give it in the connections file", f.conn.Name, usual)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", value.Fail(value.ClassInvalid, "the %s of connection %q holds a line break or another control character, which no header can carry", usual, f.conn.Name)
	}
	return text, nil
}

// authorizes reports whether a secret field belongs to the credentials. The
// others serve to verify deliveries only.
func authorizes(conn *program.Connection, field string) bool {
	has := func(inputs []*program.Input) bool {
		return slices.ContainsFunc(inputs, func(in *program.Input) bool { return in.Name == field })
	}
	if conn.Connector.Webhooks == nil || !has(conn.Connector.Webhooks.Fields) {
		return true
	}
	return has(conn.Connector.Fields) || conn.Auth != nil && has(conn.Auth.Fields)
}

// mayGo reports whether the credentials of a connection may go to an address.
func mayGo(conn *program.Connection, to *url.URL) error {
	base, err := url.Parse(conn.URL())
	if err != nil || base.Host == "" {
		return value.Fail(value.ClassInvalid, "connection %q has no base_url, so its credentials could go anywhere: write base_url: https://… there", conn.Name)
	}
	if to.Scheme != "https" && base.Scheme == "https" {
		return value.Fail(value.ClassInvalid, "the credentials of connection %q are for https and do not go to %s over %s", conn.Name, to.Host, to.Scheme)
	}
	host := hostOfURL(to)
	if host == hostOfURL(base) {
		return nil
	}
	if slices.ContainsFunc(conn.Connector.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return nil
	}
	return value.Fail(value.ClassInvalid, "the credentials of connection %q are for %s and do not go to %s", conn.Name, hostOfURL(base), host)
}

// withQuery returns a query with one part added, or replaced if an earlier
// attempt has left it there. All else stays as it is, to the byte.
func withQuery(raw, key, text string) string {
	pair := url.QueryEscape(key) + "=" + url.QueryEscape(text)
	var parts []string
	for part := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); part != "" && (err != nil || plain != key) {
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, pair), "&")
}

// usesTokens reports whether a connection gets its credentials from a token
// endpoint.
func usesTokens(conn *program.Connection) bool {
	if mints(conn) {
		return true
	}
	return conn.Auth != nil && (conn.Auth.Type == program.AuthOAuth2Code || conn.Auth.Type == program.AuthOAuth2Client)
}

// vendor returns the name of the service as people know it.
func vendor(conn *program.Connection) string {
	if conn.Connector.Name != "" {
		return conn.Connector.Name
	}
	return conn.Connector.ID
}

func authName(conn *program.Connection) string {
	if conn.Auth == nil {
		return string(program.AuthNone)
	}
	return conn.Auth.Name
}

// storeFailure tells that the data folder let the vault down.
func storeFailure(conn, doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return value.Fail(value.ClassTransient, "the token of connection %q cannot be %s: %v", conn, doing, err)
}
