package vault

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

func TestSignIn(t *testing.T) {
	s := newIssuer()
	s.extra = map[string]any{"team": map[string]any{"id": "T-77", "size": 3}, "scope": "x"}
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	v := open(t, newMemory())
	address, err := v.Start(t.Context(), conn, callbackURI, []string{"not asked: the list is fixed"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	state, challenge := q.Get("state"), q.Get("code_challenge")
	if len(state) < 26 || len(challenge) != 43 {
		t.Errorf("state %q and challenge %q are too short to be random", state, challenge)
	}
	q.Del("state")
	q.Del("code_challenge")
	want := url.Values{
		"app": {"1"}, "prompt": {"consent"}, "client_id": {clientID}, "redirect_uri": {callbackURI},
		"response_type": {"code"}, "scope": {"read write"}, "code_challenge_method": {"S256"},
	}
	if diff := cmp.Diff(want, q); diff != "" {
		t.Errorf("Start() asks (-want +got):\n%s", diff)
	}
	callback := s.authorize(t, address)
	if name, err := v.Finish(t.Context(), callback); err != nil || name != "acme_main" {
		t.Fatalf("Finish() = %q, %v, want acme_main, nil", name, err)
	}
	form := s.last()
	if len(form.Get("code_verifier")) != 43 {
		t.Errorf("code_verifier = %q, want 43 characters", form.Get("code_verifier"))
	}
	form.Del("code_verifier")
	wantForm := url.Values{
		"grant_type": {"authorization_code"}, "code": {"code-1"}, "redirect_uri": {callbackURI},
		"user_type": {"Location"}, "client_id": {clientID}, "client_secret": {clientSecret},
	}
	if diff := cmp.Diff(wantForm, form); diff != "" {
		t.Errorf("Finish() asks (-want +got):\n%s", diff)
	}
	wantAuthorized(t, v, conn, "Bearer access-1")
	if diff := cmp.Diff(map[string]any{"account": "T-77"}, v.TokenFields(t.Context(), conn)); diff != "" {
		t.Errorf("TokenFields() (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"read", "write"}, v.Granted(t.Context(), conn)); diff != "" {
		t.Errorf("Granted() (-want +got):\n%s", diff)
	}

	_, err = v.Finish(t.Context(), callback)
	wantFailure(t, err, value.ClassInvalid, "this sign-in is over: it was used already, or begun more than 15 minutes ago. Begin again")
	if got := s.grants(); len(got) != 1 {
		t.Errorf("a replayed state reached the service: %v", got)
	}
}

func TestSignInVariants(t *testing.T) {
	tests := []struct {
		name  string
		setup func(*issuer, *program.Connection)
		asks  string // the scope in the authorize address
		has   []string
	}{
		{"header client auth", func(s *issuer, c *program.Connection) { s.header, c.Auth.ClientAuthHeader = true, true }, "read write", []string{"read", "write"}},
		{"no PKCE", func(s *issuer, c *program.Connection) { s.noPKCE, c.Auth.PKCE = true, false }, "read write", []string{"read", "write"}},
		{"camelCase answer", func(s *issuer, _ *program.Connection) { s.camel = true }, "read write", []string{"read", "write"}},
		{"expires_in as text", func(s *issuer, _ *program.Connection) { s.life = "3600" }, "read write", []string{"read", "write"}},
		{"commas between scopes", func(_ *issuer, c *program.Connection) { c.Auth.ScopeSeparator = "," }, "read,write", []string{"read", "write"}},
		{"scopes the answer leaves out", func(s *issuer, c *program.Connection) { s.noScope, c.Auth.Scopes = true, []string{"all"} }, "all", []string{"all"}},
		{"scopes: auto", func(s *issuer, c *program.Connection) {
			s.noScope, c.Auth.Scopes, c.Auth.ScopesAuto = true, []string{"a"}, true
		}, "a b", []string{"a", "b"}},
		{"no scopes", func(_ *issuer, c *program.Connection) { c.Auth.Scopes = nil }, "", []string{"read", "write"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newIssuer()
			server := httptest.NewServer(s)
			defer server.Close()
			conn := acme(server.URL)
			tt.setup(s, conn)
			v := open(t, newMemory())
			address, err := v.Start(t.Context(), conn, callbackURI, []string{"b", "a"})
			if err != nil {
				t.Fatal(err)
			}
			u, _ := url.Parse(address)
			if got := u.Query().Get("scope"); got != tt.asks {
				t.Errorf("Start() asks for scope %q, want %q", got, tt.asks)
			}
			if got := u.Query().Has("code_challenge"); got != conn.Auth.PKCE {
				t.Errorf("Start() sends a challenge: %v, want %v", got, conn.Auth.PKCE)
			}
			if _, err := v.Finish(t.Context(), s.authorize(t, address)); err != nil {
				t.Fatalf("Finish() = %v", err)
			}
			if conn.Auth.ClientAuthHeader && s.last().Has("client_secret") {
				t.Error("the client's secret is in the body beside the header")
			}
			wantAuthorized(t, v, conn, "Bearer access-1")
			if diff := cmp.Diff(tt.has, v.Granted(t.Context(), conn)); diff != "" {
				t.Errorf("Granted() (-want +got):\n%s", diff)
			}
			if st, _ := v.State(t.Context(), conn); time.Until(st.Expires) < 59*time.Minute {
				t.Errorf("State().Expires = %v, want in an hour", st.Expires)
			}
		})
	}
}

func TestFinishRefused(t *testing.T) {
	begun := func(t *testing.T, v *Vault, conn *program.Connection) string {
		t.Helper()
		address, err := v.Start(t.Context(), conn, callbackURI, nil)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(address)
		return u.Query().Get("state")
	}
	tests := []struct {
		name     string
		callback url.Values // state is added
		fail     func(http.ResponseWriter, url.Values) bool
		class    value.Class
		message  string
	}{
		{
			"the person says no",
			url.Values{"error": {"access_denied"}, "error_description": {"The user\ndenied the app."}},
			nil,
			value.ClassAuth, `Acme did not sign connection "acme_main" in: The user denied the app. (access_denied)`,
		},
		{"no code", url.Values{}, nil, value.ClassAuth, `Acme did not sign connection "acme_main" in: it sent back no code`},
		{"a wrong code", url.Values{"code": {"code-99"}}, nil, value.ClassAuth, `Acme did not sign connection "acme_main" in: The code is invalid. (invalid_grant)`},
		{
			"an error with status 200 that echoes the secret",
			url.Values{"code": {"code-1"}},
			func(w http.ResponseWriter, form url.Values) bool {
				answer(w, 200, map[string]any{"ok": false, "error": "bad_client_secret", "message": "got " + form.Get("client_secret") + " and " + form.Get("code")})
				return true
			},
			value.ClassAuth, `Acme did not sign connection "acme_main" in: got [secret] and [secret] (bad_client_secret)`,
		},
		{
			"a list of messages",
			url.Values{"code": {"code-1"}},
			func(w http.ResponseWriter, _ url.Values) bool {
				answer(w, 422, map[string]any{"statusCode": 422, "error": "Unprocessable Entity", "message": []string{"client_id must be a string", "code is gone"}})
				return true
			},
			value.ClassAuth, `Acme did not sign connection "acme_main" in: client_id must be a string; code is gone (Unprocessable Entity)`,
		},
		{
			"a redirect",
			url.Values{"code": {"code-1"}},
			func(w http.ResponseWriter, _ url.Values) bool {
				w.Header().Set("Location", "https://elsewhere.test/token")
				w.WriteHeader(http.StatusPermanentRedirect)
				return true
			},
			value.ClassInvalid, "Acme sends a request for a token on to another address (status 308): the token_url of the connector must be the last one",
		},
		{
			"no token in the answer",
			url.Values{"code": {"code-1"}},
			func(w http.ResponseWriter, _ url.Values) bool {
				answer(w, 200, map[string]any{"token": "x"})
				return true
			},
			value.ClassInvalid, "Acme answered a request for a token without an access_token",
		},
		{
			"a page of HTML",
			url.Values{"code": {"code-1"}},
			func(w http.ResponseWriter, _ url.Values) bool {
				http.Error(w, "<html>blocked</html>", http.StatusForbidden)
				return true
			},
			value.ClassTransient, `Acme answered a request for a token for connection "acme_main" with status 403 and no reason that can be read`,
		},
		{
			"out of order",
			url.Values{"code": {"code-1"}},
			func(w http.ResponseWriter, _ url.Values) bool {
				answer(w, 503, map[string]any{"message": "maintenance"})
				return true
			},
			value.ClassTransient, `Acme gives no token for connection "acme_main" now: status 503: maintenance`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newIssuer()
			s.fail = tt.fail
			server := httptest.NewServer(s)
			defer server.Close()
			conn := acme(server.URL)
			v := open(t, newMemory())
			tt.callback.Set("state", begun(t, v, conn))
			name, err := v.Finish(t.Context(), tt.callback)
			if name != "acme_main" {
				t.Errorf("Finish() names connection %q, want acme_main", name)
			}
			wantFailure(t, err, tt.class, tt.message)
			if st, err := v.State(t.Context(), conn); err != nil || st.Status != NotConnected {
				t.Errorf("State() = %+v, %v, want not_connected", st, err)
			}
			_, err = v.Finish(t.Context(), tt.callback)
			wantFailure(t, err, value.ClassInvalid, "this sign-in is over: it was used already, or begun more than 15 minutes ago. Begin again")
		})
	}
}

func TestFinishWithoutASignIn(t *testing.T) {
	v := open(t, newMemory())
	_, err := v.Finish(t.Context(), url.Values{"code": {"c"}})
	wantFailure(t, err, value.ClassInvalid, "the answer of the service carries no state, so nobody can say which sign-in it ends: begin again and use the whole address you were sent to")
	_, err = v.Finish(t.Context(), url.Values{"code": {"c"}, "state": {"made up"}})
	wantFailure(t, err, value.ClassInvalid, "this sign-in is over: it was used already, or begun more than 15 minutes ago. Begin again")
}

func TestSignInLastsAQuarterOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newIssuer(), newMemory()
		conn := acme("https://acme.test")
		v := openWith(t, Options{Store: store, Key: testKey(1), HTTP: s})
		late, err := v.Start(t.Context(), conn, callbackURI, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Minute)
		_, err = v.Finish(t.Context(), s.authorize(t, late))
		wantFailure(t, err, value.ClassInvalid, "this sign-in is over: it was used already, or begun more than 15 minutes ago. Begin again")

		// A restart in between does no harm, and what nobody ended is cleared.
		if _, err = v.Start(t.Context(), conn, callbackURI, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(14 * time.Minute)
		soon, err := v.Start(t.Context(), conn, callbackURI, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if _, err = v.Start(t.Context(), conn, callbackURI, nil); err != nil {
			t.Fatal(err)
		}
		if names, _ := store.SealedNames(t.Context(), kindSignIn); len(names) != 2 {
			t.Errorf("%d sign-ins are kept, want the 2 that have not ended", len(names))
		}
		later := openWith(t, Options{Store: store, Key: testKey(1), HTTP: s})
		if _, err := later.Finish(t.Context(), s.authorize(t, soon)); err != nil {
			t.Errorf("Finish() after a restart = %v, want nil", err)
		}
		wantAuthorized(t, later, conn, "Bearer access-1")
	})
}

// TestClosedBrowser has the browser go away while the code is exchanged.
func TestClosedBrowser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		conn := acme("https://acme.test")
		v := openWith(t, Options{Store: newMemory(), Key: testKey(1), HTTP: s})
		address, err := v.Start(t.Context(), conn, callbackURI, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		v.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			cancel()
			if err := r.Context().Err(); err != nil {
				return nil, err
			}
			return s.RoundTrip(r)
		})
		if name, err := v.Finish(ctx, s.authorize(t, address)); err != nil || name != conn.Name {
			t.Errorf("Finish() = %q, %v, want acme_main, nil", name, err)
		}
		wantAuthorized(t, v, conn, "Bearer access-1")
	})
}

// TestCallbackTwiceAtOnce has a browser send the same callback many times.
func TestCallbackTwiceAtOnce(t *testing.T) {
	s := newIssuer()
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	v := open(t, newMemory())
	address, err := v.Start(t.Context(), conn, callbackURI, nil)
	if err != nil {
		t.Fatal(err)
	}
	callback := s.authorize(t, address)
	var well atomic.Int32
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			if _, err := v.Finish(t.Context(), callback); err == nil {
				well.Add(1)
			}
		})
	}
	calls.Wait()
	if got := s.grants(); well.Load() != 1 || len(got) != 1 {
		t.Errorf("%d callbacks went well and %d codes were sent, want 1 and 1", well.Load(), len(got))
	}
	wantAuthorized(t, v, conn, "Bearer access-1")
}

func TestStartRefused(t *testing.T) {
	tests := []struct {
		name     string
		change   func(*program.Connection)
		redirect string
		class    value.Class
		message  string
	}{
		{
			"another way in", func(c *program.Connection) { c.Auth = &program.Auth{Name: "private_token", Type: program.AuthBearer} }, callbackURI, value.ClassInvalid,
			`connection "acme_main" uses the way in "private_token", which needs no sign-in in the browser: its credentials stand in the connections file`,
		},
		{"the sandbox", func(c *program.Connection) { c.Sandbox = true }, callbackURI, value.ClassInvalid, `connection "acme_main" is played by the sandbox, which wants no sign-in`},
		{"no client", func(c *program.Connection) { c.Fields = nil }, callbackURI, value.ClassAuth, `connection "acme_main" has no client_id: write there the one Acme gave for your app`},
		{
			"no secret", func(c *program.Connection) { c.Secrets["client_secret"] = program.SecretRef{Env: "MISSING"} }, callbackURI, value.ClassAuth,
			`connection "acme_main" takes client_secret from the environment variable MISSING, which is not set: set it and start patchbay again`,
		},
		{
			"a token address in the open", func(c *program.Connection) { c.Auth.TokenURL = "http://acme.test/token" }, callbackURI, value.ClassInvalid,
			"the token_url http://acme.test/token of Acme is no https address, and tokens are not asked for in the open",
		},
		{
			"half a redirect address", func(*program.Connection) {}, "/oauth/callback", value.ClassInvalid,
			`the redirect address "/oauth/callback" is no whole address such as https://example.com/oauth/callback`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn := acme("https://acme.test")
			tt.change(conn)
			_, err := open(t, newMemory()).Start(t.Context(), conn, tt.redirect, nil)
			wantFailure(t, err, tt.class, tt.message)
		})
	}
}

func TestPasted(t *testing.T) {
	want := url.Values{"code": {"abc"}, "state": {"xyz"}}
	for _, in := range []string{
		"https://hooks.example.test/oauth/callback?code=abc&state=xyz",
		"  'https://localhost/cb?code=abc&state=xyz#'  \n",
		"https://localhost/cb#code=abc&state=xyz",
		"code=abc&state=xyz",
		"?code=abc&state=xyz",
	} {
		if got, err := Pasted(in); err != nil || !cmp.Equal(got, want) {
			t.Errorf("Pasted(%q) = %v, %v, want %v, nil", in, got, err, want)
		}
	}
	for _, in := range []string{"", "abc", "https://localhost/cb", "https://localhost/cb?session=1"} {
		_, err := Pasted(in)
		wantFailure(t, err, value.ClassInvalid, "that is not the address the service sent you back to: copy the whole line from the browser, it has code= and state= in it")
	}
}
