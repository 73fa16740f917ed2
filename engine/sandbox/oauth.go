package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// tokenAction is the name of the token endpoint, for [Failure.Action].
const tokenAction = "oauth.token"

// How long what is given here lasts.
const (
	codeLife   = 10 * time.Minute
	accessLife = time.Hour
	mostGrants = 10_000 // of each kind
)

// grants are the codes and tokens a vendor has given. They are part of the
// stored form of a service.
type grants struct {
	Codes   map[string]codeGrant    `json:"codes,omitempty"`
	Access  map[string]accessGrant  `json:"access,omitempty"`
	Refresh map[string]refreshGrant `json:"refresh,omitempty"`
}

type codeGrant struct {
	Client    string    `json:"client"`
	Redirect  string    `json:"redirect"`
	Scope     string    `json:"scope,omitempty"`
	Challenge string    `json:"challenge,omitempty"`
	Method    string    `json:"method,omitempty"`
	Until     time.Time `json:"until"`
}

type accessGrant struct {
	Account string    `json:"account"` // one budget of calls for all tokens of a sign-in
	Until   time.Time `json:"until"`
}

type refreshGrant struct {
	Client  string `json:"client"`
	Account string `json:"account"`
	Scope   string `json:"scope,omitempty"`
	// Used and the answer of its first use, which the vendor gives again during
	// its grace.
	Used   time.Time      `json:"used,omitzero"`
	Answer map[string]any `json:"answer,omitempty"`
}

func newGrants() grants {
	return grants{Codes: map[string]codeGrant{}, Access: map[string]accessGrant{}, Refresh: map[string]refreshGrant{}}
}

func (g *grants) take(kept grants) {
	maps.Copy(g.Codes, kept.Codes)
	maps.Copy(g.Access, kept.Access)
	maps.Copy(g.Refresh, kept.Refresh)
}

// prune drops what is over, so that grants do not grow for ever.
func (g *grants) prune(now time.Time) {
	maps.DeleteFunc(g.Codes, func(_ string, c codeGrant) bool { return now.After(c.Until) })
	maps.DeleteFunc(g.Access, func(_ string, a accessGrant) bool { return now.After(a.Until.Add(24 * time.Hour)) })
	if len(g.Refresh) > mostGrants {
		maps.DeleteFunc(g.Refresh, func(_ string, r refreshGrant) bool { return !r.Used.IsZero() })
	}
}

// oauthError is a refusal of the token endpoint, in the form of RFC 6749.
type oauthError struct {
	status      int
	code        string
	description string
}

func badRequest(code, description string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: code, description: description}
}

// token answers a request to the token endpoint of a connector.
func (s *Sandbox) token(ctx context.Context, st *stage, r *http.Request) *answer {
	v := s.service(st.connector.ID)
	now := s.now()
	e := Effect{Time: now, Connector: st.connector.ID, Method: r.Method, Path: r.URL.Path}
	fault := s.failing(st.connector.ID, tokenAction)
	status, body := 0, map[string]any(nil)
	if !fault.before() {
		status, body = s.grant(ctx, st, v, r, now)
	}
	if fault != nil && fault.Kind == FailStatus {
		status, body = fault.Status, map[string]any{"error": "temporarily_unavailable", "error_description": "asked of the sandbox"}
	}
	out := &answer{status: status, header: http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}, fault: fault}
	if data, err := value.Encode(body); err == nil {
		out.body = data
	}
	if fault != nil {
		e.Failure = fault.Kind
		out.spoil(fault)
	}
	e.Status = out.status
	s.effects.add(e)
	return out
}

func (s *Sandbox) grant(ctx context.Context, st *stage, v *service, r *http.Request, now time.Time) (int, map[string]any) {
	req, wrong := read(r, "")
	if wrong != nil {
		return wrong.status, map[string]any{"error": "invalid_request", "error_description": wrong.message}
	}
	form := req.form
	if m, ok := req.body.(map[string]any); ok {
		for name, text := range m {
			form.Set(name, textOf(text))
		}
	}
	v.mu.Lock()
	v.load(ctx)
	v.grants.prune(now)
	t := &tokenRequest{stage: st, service: v, form: form, now: now}
	body, refused := t.answer(r)
	change := v.change()
	v.mu.Unlock()
	if refused != nil {
		return refused.status, map[string]any{"error": refused.code, "error_description": refused.description}
	}
	v.keep(ctx, change, now)
	return http.StatusOK, body
}

// tokenRequest is one request for a token. Whoever answers it holds the lock
// of the service.
type tokenRequest struct {
	*stage

	service *service
	form    url.Values
	now     time.Time
	auth    *program.Auth
	client  string
}

func (t *tokenRequest) answer(r *http.Request) (map[string]any, *oauthError) {
	if r.Method != http.MethodPost {
		return nil, &oauthError{status: http.StatusMethodNotAllowed, code: "invalid_request", description: "the token endpoint takes POST"}
	}
	grant := t.form.Get("grant_type")
	wanted := program.AuthOAuth2Code
	if grant == "client_credentials" {
		wanted = program.AuthOAuth2Client
	}
	i := slices.IndexFunc(t.connector.Auths, func(a *program.Auth) bool { return a.Type == wanted })
	if i < 0 {
		return nil, badRequest("unsupported_grant_type", t.connector.Name+" knows no grant "+shown(grant))
	}
	t.auth = t.connector.Auths[i]
	if refused := t.checkClient(r); refused != nil {
		return nil, refused
	}
	for name, text := range t.auth.TokenParams {
		if got := t.form.Get(name); got != text {
			return nil, badRequest("invalid_request", name+" is "+shown(got)+", "+shown(text)+" is expected")
		}
	}
	switch grant {
	case "authorization_code":
		return t.fromCode()
	case "refresh_token":
		return t.fromRefresh()
	case "client_credentials":
		return t.issue(t.client, t.form.Get("scope"), false), nil
	default:
		return nil, badRequest("unsupported_grant_type", "grant_type is "+shown(grant)+", authorization_code or refresh_token is expected")
	}
}

// checkClient checks who asks, in the way the connector says it proves itself.
func (t *tokenRequest) checkClient(r *http.Request) *oauthError {
	id, secret := t.form.Get("client_id"), t.form.Get("client_secret")
	if t.auth.ClientAuthHeader {
		user, password, _ := r.BasicAuth()
		id, secret = unescaped(user), unescaped(password)
	}
	refused := &oauthError{status: http.StatusUnauthorized, code: "invalid_client"}
	switch want := "sandbox-client_secret"; {
	case id == "":
		refused.description = "the client_id is missing"
	case secret == "" && t.needsSecret():
		refused.description = "the client_secret is missing"
	case secret != "" && secret != want:
		refused.description = "the client_secret is not that of the sandbox, which is " + want
	default:
		t.client = id
		return nil
	}
	return refused
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func (t *tokenRequest) needsSecret() bool {
	return slices.ContainsFunc(t.auth.Fields, func(in *program.Input) bool { return in.Name == "client_secret" && in.Required() })
}

func (t *tokenRequest) fromCode() (map[string]any, *oauthError) {
	text := t.form.Get("code")
	code, ok := t.service.grants.Codes[text]
	delete(t.service.grants.Codes, text) // a code works once, even if the rest is wrong
	switch {
	case !ok, t.now.After(code.Until):
		return nil, badRequest("invalid_grant", "the code is unknown, used or over")
	case code.Client != t.client:
		return nil, badRequest("invalid_grant", "the code was given to another client")
	case code.Redirect != t.form.Get("redirect_uri"):
		return nil, badRequest("invalid_grant", "the redirect_uri is not the one of the sign-in")
	case !proven(code, t.form.Get("code_verifier")):
		return nil, badRequest("invalid_grant", "the code_verifier does not fit the code_challenge")
	}
	return t.issue(secretText(), code.Scope, true), nil
}

// proven checks the proof key of RFC 7636, where a sign-in was begun with one.
func proven(code codeGrant, verifier string) bool {
	switch {
	case code.Challenge == "":
		return true
	case code.Method == "S256":
		sum := sha256.Sum256([]byte(verifier))
		return base64.RawURLEncoding.EncodeToString(sum[:]) == code.Challenge
	default:
		return verifier == code.Challenge
	}
}

func (t *tokenRequest) fromRefresh() (map[string]any, *oauthError) {
	text := t.form.Get("refresh_token")
	g, ok := t.service.grants.Refresh[text]
	switch {
	case !ok, g.Client != t.client:
		return nil, badRequest("invalid_grant", "the refresh token is unknown")
	case !g.Used.IsZero() && t.now.Sub(g.Used) < t.auth.Grace:
		return g.Answer, nil
	case !g.Used.IsZero():
		return nil, badRequest("invalid_grant", "the refresh token was used already")
	}
	answer := t.issue(g.Account, g.Scope, t.auth.Rotates)
	if t.auth.Rotates {
		g.Used, g.Answer = t.now, answer
		t.service.grants.Refresh[text] = g
	}
	return answer, nil
}

// issue makes the answer with a new access token, and with a new refresh token
// where one is due.
func (t *tokenRequest) issue(account, scope string, refresh bool) map[string]any {
	access := secretText()
	t.service.grants.Access[access] = accessGrant{Account: account, Until: t.now.Add(accessLife)}
	answer := map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": int(accessLife.Seconds()),
	}
	if scope != "" {
		answer["scope"] = scope
	}
	for _, in := range slices.Concat(t.connector.Fields, t.auth.Fields) {
		if in.FromToken != "" && !in.Secret {
			value.Put(answer, value.SplitPath(in.FromToken), t.connection[in.Name])
		}
	}
	if refresh {
		text := secretText()
		t.service.grants.Refresh[text] = refreshGrant{Client: t.client, Account: account, Scope: scope}
		answer["refresh_token"] = text
	}
	return answer
}

func secretText() string { return "sandbox-" + strings.ToLower(rand.Text()) }
