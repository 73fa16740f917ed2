package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// signInTime is how long a person may take to sign in.
const signInTime = 15 * time.Minute

// signIn is a sign-in that was begun: all that is needed to end it, so that a
// restart or an edit in between does no harm. It is sealed under the hash of
// its state; its keys are only ever added to.
type signIn struct {
	Endpoint    endpoint  `json:"endpoint"`
	Connector   string    `json:"connector"`
	Host        string    `json:"host"`
	RedirectURI string    `json:"redirect_uri"`
	Verifier    string    `json:"verifier,omitempty"`
	Scopes      []string  `json:"scopes,omitempty"`
	Until       time.Time `json:"until"`
	// Renamed is the last rename that the names in it go by.
	Renamed int64 `json:"renamed,omitempty"`
}

// Start begins a sign-in and returns the address to open in a browser. The
// service sends the person back to redirectURI with what [Vault.Finish] takes.
// The scopes are asked for beside those the connector lists, where it says
// `scopes: auto`.
func (v *Vault) Start(ctx context.Context, conn *program.Connection, redirectURI string, scopes []string) (string, error) {
	if err := canSignIn(conn, redirectURI); err != nil {
		return "", err
	}
	e, err := v.endpoint(ctx, conn)
	if err != nil {
		return "", err
	}
	bound := bindingOf(conn)
	s := signIn{
		Endpoint: e, Connector: bound.connector, Host: bound.host, RedirectURI: redirectURI,
		Scopes: slices.Clone(conn.Auth.Scopes), Until: time.Now().Add(signInTime),
		Renamed: v.names.Last(),
	}
	if conn.Auth.ScopesAuto {
		for _, scope := range scopes {
			if !slices.Contains(s.Scopes, scope) {
				s.Scopes = append(s.Scopes, scope)
			}
		}
	}
	if conn.Auth.PKCE {
		s.Verifier = oauth2.GenerateVerifier()
	}
	state := rand.Text()
	if err := v.begin(ctx, state, s); err != nil {
		return "", value.Fail(value.ClassTransient, "the sign-in of connection %q cannot begin: %v", conn.Name, err)
	}
	return authorizeURL(conn.Auth, s, state), nil
}

func canSignIn(conn *program.Connection, redirectURI string) error {
	switch {
	case conn.Sandbox:
		return value.Fail(value.ClassInvalid, "connection %q is played by the sandbox, which wants no sign-in", conn.Name)
	case conn.Auth == nil || conn.Auth.Type != program.AuthOAuth2Code:
		return value.Fail(value.ClassInvalid, "connection %q uses the way in %q, which needs no sign-in in the browser: its credentials stand in the connections file",
			conn.Name, authName(conn))
	}
	if u, err := url.Parse(redirectURI); err != nil || u.Scheme == "" || u.Host == "" {
		return value.Fail(value.ClassInvalid, "the redirect address %q is no whole address such as https://example.com/oauth/callback", redirectURI)
	}
	return nil
}

// authorizeURL returns the address of the service's page. What the connector
// adds stands before what the protocol needs, which it cannot replace.
func authorizeURL(a *program.Auth, s signIn, state string) string {
	config := oauth2.Config{ClientID: s.Endpoint.ID, RedirectURL: s.RedirectURI, Endpoint: oauth2.Endpoint{AuthURL: a.AuthorizeURL}}
	var options []oauth2.AuthCodeOption
	if len(s.Scopes) > 0 {
		options = append(options, oauth2.SetAuthURLParam("scope", strings.Join(s.Scopes, separator(a))))
	}
	for key, text := range a.AuthorizeParams {
		if key != "state" && key != "redirect_uri" {
			options = append(options, oauth2.SetAuthURLParam(key, text))
		}
	}
	if s.Verifier != "" {
		options = append(options, oauth2.S256ChallengeOption(s.Verifier))
	}
	return config.AuthCodeURL(state, options...)
}

func separator(a *program.Auth) string {
	if a.ScopeSeparator == "" {
		return " "
	}
	return a.ScopeSeparator
}

// begin seals a sign-in, after it has cleared away those nobody ended.
func (v *Vault) begin(ctx context.Context, state string, s signIn) error {
	v.signIns.Lock()
	defer v.signIns.Unlock()
	names, err := v.store.SealedNames(ctx, kindSignIn)
	if err != nil {
		return err
	}
	for _, name := range names {
		old, err := v.readSignIn(ctx, name)
		if err == nil && old != nil && time.Now().Before(old.Until) {
			continue
		}
		if err := v.store.DeleteSealed(ctx, kindSignIn, name); err != nil {
			return err
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	name := stateName(state)
	return v.store.PutSealed(ctx, kindSignIn, name, v.box.seal(kindSignIn, name, binding{}, data))
}

// stateName is what a sign-in is kept under: its state itself is told to
// nobody but the browser.
func stateName(state string) string {
	sum := sha256.Sum256([]byte(state))
	return hex.EncodeToString(sum[:16])
}

// readSignIn returns a sign-in that was begun, nil for none.
func (v *Vault) readSignIn(ctx context.Context, name string) (*signIn, error) {
	data, found, err := v.store.Sealed(ctx, kindSignIn, name)
	if err != nil || !found {
		return nil, err
	}
	plain, err := v.box.open(kindSignIn, name, binding{}, data)
	if err != nil {
		return nil, err
	}
	s := new(signIn)
	if err := json.Unmarshal(plain, s); err != nil {
		return nil, fmt.Errorf("decode sign-in: %w", err)
	}
	since := v.names.Since(s.Renamed)
	s.Endpoint.Connection = since.Now(journal.ConnectionName, s.Endpoint.Connection)
	s.Connector = since.Now(journal.ConnectorName, s.Connector)
	return s, nil
}

// take returns the sign-in of a state and forgets it, so that it serves once.
func (v *Vault) take(ctx context.Context, state string) (*signIn, error) {
	v.signIns.Lock()
	defer v.signIns.Unlock()
	name := stateName(state)
	s, err := v.readSignIn(ctx, name)
	if err != nil || s == nil {
		return nil, err
	}
	return s, v.store.DeleteSealed(ctx, kindSignIn, name)
}

// Finish ends a sign-in with what the service sent back: it exchanges the code
// for a token and seals that. It returns the name of the connection, as soon
// as that is known also with an error. The error is a *value.Failure with the
// service's own sentence where it gave one.
func (v *Vault) Finish(ctx context.Context, callback url.Values) (string, error) {
	state := callback.Get("state")
	if state == "" {
		return "", value.Fail(value.ClassInvalid, "the answer of the service carries no state, so nobody can say which sign-in it ends: begin again and use the whole address you were sent to")
	}
	s, err := v.take(ctx, state)
	if err != nil {
		return "", value.Fail(value.ClassTransient, "the sign-in cannot be looked up: %v", err)
	}
	if s == nil || !time.Now().Before(s.Until) {
		return "", value.Fail(value.ClassInvalid, "this sign-in is over: it was used already, or begun more than %d minutes ago. Begin again", int(signInTime.Minutes()))
	}
	name := s.Endpoint.Connection
	code := callback.Get("code")
	if refused := callback.Get("error"); refused != "" || code == "" {
		words := saying(mask(refused, s.Endpoint.Secret, code), mask(callback.Get("error_description"), s.Endpoint.Secret, code))
		if words == "" {
			words = "it sent back no code"
		}
		return name, value.Fail(value.ClassAuth, "%s did not sign connection %q in: %s", s.Endpoint.Vendor, name, words)
	}
	return name, v.redeem(ctx, s, code)
}

// redeem exchanges a code for a token and keeps it. A browser that is closed
// meanwhile does not stop it: the code serves once.
func (v *Vault) redeem(ctx context.Context, s *signIn, code string) error {
	ctx = context.WithoutCancel(ctx)
	grant := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {s.RedirectURI}}
	if s.Verifier != "" {
		grant.Set("code_verifier", s.Verifier)
	}
	name := s.Endpoint.Connection
	answer, err := v.exchange(ctx, s.Endpoint, grant, requestTime)
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		f := value.Fail(value.ClassAuth, "%s did not sign connection %q in: %s", s.Endpoint.Vendor, name, saying(refused.ErrorCode, refused.ErrorDescription))
		f.Status = refused.Response.StatusCode
		return f
	}
	if err != nil {
		return plain(err)
	}
	a := v.account(name)
	a.mu.Lock()
	a.turn++
	a.unsaved, a.forced = nil, time.Time{}
	turn := a.turn
	a.mu.Unlock()
	if err := v.save(ctx, a, binding{s.Connector, s.Host}, turn, newToken(answer, nil, s.Scopes, time.Now())); err != nil {
		return err
	}
	v.log.Info("connection signed in", "connection", name)
	return nil
}

// Pasted reads what a person copied from the address bar after a sign-in: the
// whole address, or the part behind its question mark.
func Pasted(text string) (url.Values, error) {
	text = strings.Trim(strings.TrimSpace(text), `"'<>`)
	query := text
	if u, err := url.Parse(text); err == nil && (u.RawQuery != "" || u.Fragment != "") {
		query = u.RawQuery
		if query == "" {
			query = u.Fragment
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil || !values.Has("code") && !values.Has("error") {
		return nil, value.Fail(value.ClassInvalid, "that is not the address the service sent you back to: copy the whole line from the browser, it has code= and state= in it")
	}
	return values, nil
}
