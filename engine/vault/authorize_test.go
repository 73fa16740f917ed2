package vault

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// fixed returns a connection with a way in that needs no tokens.
func fixed(auth *program.Auth, fields map[string]any, secrets map[string]program.SecretRef) *program.Connection {
	return &program.Connection{
		Name:      "acme_main",
		Connector: &program.Connector{ID: "acme", Name: "Acme", BaseURL: "https://api.acme.test/v2", Hosts: []string{"files.acme.test"}},
		Auth:      auth, Fields: fields, Secrets: secrets,
	}
}

var (
	fromEnvironment = map[string]program.SecretRef{"token": {Env: "API_KEY"}}
	bearerAuth      = &program.Auth{Name: "token", Type: program.AuthBearer}
)

func constant(text string) *program.Value { return program.Constant(text, value.Of(value.String)) }

func TestAuthorize(t *testing.T) {
	tests := []struct {
		name   string
		conn   *program.Connection
		header http.Header
		query  string
	}{
		{"nothing", fixed(nil, nil, nil), http.Header{}, "b=2&a=1"},
		{"none", fixed(&program.Auth{Type: program.AuthNone}, nil, nil), http.Header{}, "b=2&a=1"},
		{"bearer from the environment", fixed(bearerAuth, nil, fromEnvironment), http.Header{"Authorization": {"Bearer key-1234"}}, "b=2&a=1"},
		{
			"bearer that was set by hand", fixed(bearerAuth, nil, map[string]program.SecretRef{"token": {Secret: "by_hand"}}),
			http.Header{"Authorization": {"Bearer set by hand"}},
			"b=2&a=1",
		},
		{
			"bearer in the file", fixed(bearerAuth, nil, map[string]program.SecretRef{"token": {Plain: value.NewSecret("plain")}}),
			http.Header{"Authorization": {"Bearer plain"}},
			"b=2&a=1",
		},
		{
			"api_key in a header", fixed(&program.Auth{Type: program.AuthAPIKey, Header: "X-Api-Key", Value: constant("abc")}, nil, nil),
			http.Header{"X-Api-Key": {"abc"}},
			"b=2&a=1",
		},
		{
			"api_key in the query", fixed(&program.Auth{Type: program.AuthAPIKey, Query: "key", Value: constant("a&b c")}, nil, nil),
			http.Header{},
			"b=2&a=1&key=a%26b+c",
		},
		{
			"basic", fixed(&program.Auth{Type: program.AuthBasic}, map[string]any{"username": "me"}, map[string]program.SecretRef{"password": {Env: "API_KEY"}}),
			http.Header{"Authorization": {"Basic bWU6a2V5LTEyMzQ="}},
			"b=2&a=1",
		},
		{"a number", fixed(bearerAuth, map[string]any{"token": 12345}, nil), http.Header{"Authorization": {"Bearer 12345"}}, "b=2&a=1"},
	}
	v := open(t, newMemory())
	if err := v.SetSecret(t.Context(), "by_hand", value.NewSecret("set by hand")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.acme.test/v2/x?b=2&a=1", nil)
			for range 2 { // a second attempt changes nothing
				if err := v.Authorize(t.Context(), tt.conn, req); err != nil {
					t.Fatalf("Authorize() = %v", err)
				}
			}
			if diff := cmp.Diff(tt.header, req.Header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if req.URL.RawQuery != tt.query {
				t.Errorf("query = %q, want %q", req.URL.RawQuery, tt.query)
			}
			if st, err := v.State(t.Context(), tt.conn); err != nil || !cmp.Equal(st, State{Status: Connected}) {
				t.Errorf("State() = %+v, %v, want connected", st, err)
			}
		})
	}
}

func TestAuthorizePath(t *testing.T) {
	conn := fixed(&program.Auth{Type: program.AuthAPIKey, Path: "key", Value: constant("T1/B 2/x?y")}, nil, nil)
	v := open(t, newMemory())
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://files.acme.test/hooks/%7Bkey%7D/post", nil)
	if err := v.Authorize(t.Context(), conn, req); err != nil {
		t.Fatalf("Authorize() = %v", err)
	}
	if got, want := req.URL.String(), "https://files.acme.test/hooks/T1/B%202/x%3Fy/post"; got != want {
		t.Errorf("address = %s, want %s", got, want)
	}
	want := value.Fail(value.ClassAuth, `Acme refuses the credentials of connection "acme_main": check what the connections file says`)
	want.Reconnect = "acme_main"
	if diff := cmp.Diff(want, v.Renew(t.Context(), conn, req)); diff != "" {
		t.Errorf("Renew() (-want +got):\n%s", diff)
	}
}

func TestAuthorizeLacks(t *testing.T) {
	ref := func(r program.SecretRef) map[string]program.SecretRef {
		return map[string]program.SecretRef{"token": r}
	}
	tests := []struct {
		name    string
		conn    *program.Connection
		class   value.Class
		message string
	}{
		{
			"an unset variable", fixed(bearerAuth, nil, ref(program.SecretRef{Env: "MISSING"})), value.ClassAuth,
			`connection "acme_main" takes token from the environment variable MISSING, which is not set: set it and start patchbay again`,
		},
		{
			"an empty variable", fixed(bearerAuth, nil, ref(program.SecretRef{Env: "EMPTY"})), value.ClassAuth,
			`connection "acme_main" takes token from the environment variable EMPTY, which is empty: set it and start patchbay again`,
		},
		{
			"a variable of ours", fixed(bearerAuth, nil, ref(program.SecretRef{Env: "Patchbay_KEY"})), value.ClassInvalid,
			`connection "acme_main" takes token from the environment variable Patchbay_KEY: those that begin with PATCHBAY_ are never given to a service`,
		},
		{
			"an unset secret", fixed(bearerAuth, nil, ref(program.SecretRef{Secret: "bot"})), value.ClassAuth,
			`connection "acme_main" takes token from the secret bot, which is not set: run "patchbay secret set bot"`,
		},
		{
			"an empty text", fixed(bearerAuth, nil, ref(program.SecretRef{})), value.ClassAuth,
			`connection "acme_main" has no token: write token: ${{ secret.NAME }} there, and set that secret`,
		},
		{"no field", fixed(bearerAuth, nil, nil), value.ClassAuth, `connection "acme_main" has no token: give it in the connections file`},
		{"no text", fixed(bearerAuth, map[string]any{"token": true}, nil), value.ClassInvalid, `the token of connection "acme_main" is no text`},
		{
			"a line break", fixed(bearerAuth, nil, ref(program.SecretRef{Env: "TWO_LINES"})), value.ClassInvalid,
			`the token of connection "acme_main" holds a line break or another control character, which no header can carry`,
		},
		{
			"an unknown way in", fixed(&program.Auth{Name: "odd", Type: "digest"}, nil, nil), value.ClassInvalid,
			`connection "acme_main" uses the way in "odd" of type "digest", which is not known`,
		},
		{"a sign-in", acme("https://acme.test"), value.ClassAuth, `connection "acme_main" is not signed in to Acme: run "patchbay connect acme_main"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := open(t, newMemory())
			_, err := authorized(t, v, tt.conn)
			wantFailure(t, err, tt.class, tt.message)
			want := State{Status: NotConnected, Message: tt.message}
			if st, err := v.State(t.Context(), tt.conn); err != nil || !cmp.Equal(st, want) {
				t.Errorf("State() = %+v, %v, want %+v", st, err, want)
			}
		})
	}
}

func TestCredentialsStayAtTheirHosts(t *testing.T) {
	conn := fixed(bearerAuth, nil, fromEnvironment)
	anywhere, own := *conn, *conn
	anywhere.Connector = &program.Connector{ID: "http", Hosts: []string{"*"}}
	own.BaseURL = "http://127.0.0.1:8080"
	tests := []struct {
		conn    *program.Connection
		to      string
		message string // "" if they may go
	}{
		{conn, "https://api.acme.test/v2/x", ""},
		{conn, "https://API.acme.test:443/v2/x", ""},
		{conn, "https://files.acme.test/x", ""},
		{conn, "https://FILES.acme.test:443/x", ""},
		{conn, "https://cdn.test/x", `the credentials of connection "acme_main" are for api.acme.test and do not go to cdn.test`},
		{conn, "https://evil.test/x", `the credentials of connection "acme_main" are for api.acme.test and do not go to evil.test`},
		{conn, "https://api.acme.test:8443/x", `the credentials of connection "acme_main" are for api.acme.test and do not go to api.acme.test:8443`},
		{conn, "https://api.acme.test.evil.test/x", `the credentials of connection "acme_main" are for api.acme.test and do not go to api.acme.test.evil.test`},
		{conn, "http://api.acme.test/x", `the credentials of connection "acme_main" are for https and do not go to api.acme.test over http`},
		{&anywhere, "https://anywhere.test/x", `connection "acme_main" has no base_url, so its credentials could go anywhere: write base_url: https://… there`},
		{&own, "http://127.0.0.1:8080/x", ""},
		{&own, "https://api.acme.test/v2/x", `the credentials of connection "acme_main" are for 127.0.0.1:8080 and do not go to api.acme.test`},
	}
	v := open(t, newMemory())
	for _, tt := range tests {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.to, nil)
		err := v.Authorize(t.Context(), tt.conn, req)
		if tt.message == "" {
			if err != nil || req.Header.Get("Authorization") != "Bearer key-1234" {
				t.Errorf("Authorize(%s) = %v, header %q, want the credentials on it", tt.to, err, req.Header.Get("Authorization"))
			}
			continue
		}
		wantFailure(t, err, value.ClassInvalid, tt.message)
		if len(req.Header) > 0 {
			t.Errorf("Authorize(%s) put %v on a request it refused", tt.to, req.Header)
		}
	}
}

// TestTokenIsBoundToItsHost points a connection elsewhere after the sign-in.
func TestTokenIsBoundToItsHost(t *testing.T) {
	s := newIssuer()
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	v := signedIn(t, open(t, newMemory()), s, conn)
	moved := *conn
	moved.BaseURL = "https://evil.test"
	message := `connection "acme_main" was signed in to api.acme.test, and now points to evil.test, where that sign-in is not valid: run "patchbay connect acme_main"`
	_, err := authorized(t, v, &moved)
	wantFailure(t, err, value.ClassAuth, message)
	if st, err := v.State(t.Context(), &moved); err != nil || !cmp.Equal(st, State{Status: NotConnected, Message: message}) {
		t.Errorf("State() = %+v, %v", st, err)
	}
	other := *conn
	other.Connector = &program.Connector{ID: "acme2", Name: "Acme", BaseURL: conn.Connector.BaseURL}
	_, err = authorized(t, v, &other)
	wantFailure(t, err, value.ClassAuth,
		`connection "acme_main" was signed in to the connector acme, and now points to the connector acme2, where that sign-in is not valid: run "patchbay connect acme_main"`)
	wantAuthorized(t, v, conn, "Bearer access-1") // and back
}

// The token of a mailbox goes to the mail server it was made for.
func TestTokenIsBoundToItsMailServer(t *testing.T) {
	s := newIssuer()
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	connector := *conn.Connector
	connector.BaseURL = ""
	conn.Connector, conn.BaseURL = &connector, ""
	conn.Fields = maps.Clone(conn.Fields)
	conn.Fields["host"] = "smtp.acme.test"
	v := signedIn(t, open(t, newMemory()), s, conn)
	if got, err := v.Token(t.Context(), conn); err != nil || got != "access-1" {
		t.Errorf("Token() = %q, %v, want access-1", got, err)
	}
	moved := *conn
	moved.Fields = maps.Clone(conn.Fields)
	moved.Fields["host"] = "smtp.evil.test"
	_, err := v.Token(t.Context(), &moved)
	wantFailure(t, err, value.ClassAuth,
		`connection "acme_main" was signed in to smtp.acme.test, and now points to smtp.evil.test, where that sign-in is not valid: run "patchbay connect acme_main"`)
	fixedOne := fixed(bearerAuth, nil, fromEnvironment)
	if got, err := v.Token(t.Context(), fixedOne); err != nil || got != "" {
		t.Errorf("Token() of a connection with a key = %q, %v, want nothing", got, err)
	}
}

func TestRenewOfFixedCredentials(t *testing.T) {
	v := open(t, newMemory())
	if err := v.SetSecret(t.Context(), "bot", value.NewSecret("old one")); err != nil {
		t.Fatal(err)
	}
	query := fixed(&program.Auth{Type: program.AuthAPIKey, Query: "key", Value: constant("abc")}, nil, nil)
	tests := []struct {
		conn    *program.Connection
		message string
	}{
		{fixed(bearerAuth, nil, fromEnvironment), `Acme refuses the credentials of connection "acme_main": check the environment variable API_KEY`},
		{fixed(bearerAuth, nil, map[string]program.SecretRef{"token": {Secret: "bot"}}), `Acme refuses the credentials of connection "acme_main": check the secret bot (patchbay secret set bot)`},
		{fixed(bearerAuth, nil, map[string]program.SecretRef{"token": {Plain: value.NewSecret("x")}}), `Acme refuses the credentials of connection "acme_main": check token in the connections file`},
		{query, `Acme refuses the credentials of connection "acme_main": check what the connections file says`},
		{fixed(nil, nil, nil), `Acme wants credentials, and connection "acme_main" has none: it uses the way in "none"`},
	}
	for _, tt := range tests {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.acme.test/", nil)
		if err := v.Authorize(t.Context(), tt.conn, req); err != nil {
			t.Fatal(err)
		}
		wantFailure(t, v.Renew(t.Context(), tt.conn, req), value.ClassAuth, tt.message)
	}
	// A secret that was replaced since is worth another attempt.
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.acme.test/", nil)
	if err := v.Authorize(t.Context(), tests[1].conn, req); err != nil {
		t.Fatal(err)
	}
	if err := v.SetSecret(t.Context(), "bot", value.NewSecret("new one")); err != nil {
		t.Fatal(err)
	}
	if err := v.Renew(t.Context(), tests[1].conn, req); err != nil {
		t.Errorf("Renew() after the secret was replaced = %v, want nil", err)
	}
}

func TestReveal(t *testing.T) {
	conn := fixed(bearerAuth, map[string]any{"open": "not a secret", "port": 587, "share": 0.5, "strict": true, "list": []any{1}}, map[string]program.SecretRef{
		"token": {Env: "MISSING"}, "signing_secret": {Secret: "hooks"}, "other": {Plain: value.NewSecret("plain")},
	})
	conn.Connector.Webhooks = &program.Webhooks{Fields: []*program.Input{{Field: value.Field{Name: "signing_secret"}, Secret: true}}}
	v := open(t, newMemory())
	if err := v.SetSecret(t.Context(), "hooks", value.NewSecret("8f74")); err != nil {
		t.Fatal(err)
	}
	got, err := v.Reveal(t.Context(), conn)
	wantFailure(t, err, value.ClassAuth, `connection "acme_main" takes token from the environment variable MISSING, which is not set: set it and start patchbay again`)
	want := map[string]string{"signing_secret": "8f74", "other": "plain", "open": "not a secret", "port": "587", "share": "0.5", "strict": "true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Reveal() (-want +got):\n%s", diff)
	}
	// What only verifies deliveries is not needed to call.
	conn.Secrets["token"], conn.Secrets["signing_secret"] = program.SecretRef{Env: "API_KEY"}, program.SecretRef{Env: "MISSING"}
	wantAuthorized(t, v, conn, "Bearer key-1234")
	st, err := v.State(t.Context(), conn)
	wantState := State{Status: Connected, Message: `deliveries cannot be verified: connection "acme_main" takes signing_secret from the environment variable MISSING, which is not set: set it and start patchbay again`}
	if err != nil || !cmp.Equal(st, wantState) {
		t.Errorf("State() = %+v, %v, want %+v", st, err, wantState)
	}
}

func TestRevealFromToken(t *testing.T) {
	s := newIssuer()
	s.extra = map[string]any{"incoming_webhook": map[string]any{"url": "https://hooks.test/abc"}, "team": map[string]any{"id": "T-1"}}
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	conn.Auth.Fields = append(conn.Auth.Fields, &program.Input{Field: value.Field{Name: "hook"}, Secret: true, FromToken: "incoming_webhook.url"})
	v := open(t, newMemory())
	if got, err := v.Reveal(t.Context(), conn); err != nil || !cmp.Equal(got, map[string]string{"client_id": clientID, "client_secret": clientSecret}) {
		t.Errorf("Reveal() before the sign-in = %v, %v", got, err)
	}
	signedIn(t, v, s, conn)
	want := map[string]string{"client_id": clientID, "client_secret": clientSecret, "hook": "https://hooks.test/abc", "account": "T-1"}
	if got, err := v.Reveal(t.Context(), conn); err != nil || !cmp.Equal(got, want) {
		t.Errorf("Reveal() = %v, %v, want %v", got, err, want)
	}
	if got := v.TokenFields(t.Context(), conn); !cmp.Equal(got, map[string]any{"account": "T-1"}) {
		t.Errorf("TokenFields() = %v, want no secret in it", got)
	}
	if err := v.Forget(t.Context(), conn.Name); err != nil {
		t.Fatal(err)
	}
	if got := v.TokenFields(t.Context(), conn); len(got) != 0 || v.Granted(t.Context(), conn) != nil {
		t.Errorf("TokenFields() of a forgotten connection = %v, want none", got)
	}
	_, err := authorized(t, v, conn)
	wantFailure(t, err, value.ClassAuth, `connection "acme_main" is not signed in to Acme: run "patchbay connect acme_main"`)
}

// TestSandboxSeesNoSecret sees that a played service gets made-up credentials.
func TestSandboxSeesNoSecret(t *testing.T) {
	v := open(t, newMemory())
	conn := fixed(bearerAuth, nil, fromEnvironment)
	conn.Sandbox = true
	wantAuthorized(t, v, conn, "Bearer sandbox-token")
	signed := acme("https://acme.test")
	signed.Sandbox = true
	wantAuthorized(t, v, signed, "Bearer sandbox-access-token")
	if got, err := v.Reveal(t.Context(), signed); err != nil || !cmp.Equal(got, map[string]string{"client_id": clientID, "client_secret": "sandbox-client_secret"}) {
		t.Errorf("Reveal() = %v, %v", got, err)
	}
	if st, err := v.State(t.Context(), signed); err != nil || st.Status != Connected {
		t.Errorf("State() = %+v, %v, want connected", st, err)
	}
}

func TestSecrets(t *testing.T) {
	store := newMemory()
	v := open(t, store)
	for _, name := range []string{"b", "a"} {
		if err := v.SetSecret(t.Context(), name, value.NewSecret("text of "+name)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := v.Secrets(t.Context()); err != nil || !cmp.Equal(got, []string{"a", "b"}) {
		t.Errorf("Secrets() = %v, %v, want [a b]", got, err)
	}
	conn := fixed(bearerAuth, nil, map[string]program.SecretRef{"token": {Secret: "a"}})
	wantAuthorized(t, open(t, store), conn, "Bearer text of a") // after a restart
	if err := v.RemoveSecret(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	_, err := authorized(t, v, conn)
	wantFailure(t, err, value.ClassAuth, `connection "acme_main" takes token from the secret a, which is not set: run "patchbay secret set a"`)
	if err := v.SetSecret(t.Context(), "c", value.Secret{}); err == nil || err.Error() != "set secret c: it is empty" {
		t.Errorf("SetSecret() of nothing = %v", err)
	}
	if err := v.SetSecret(t.Context(), "", value.NewSecret("x")); err == nil || err.Error() != "set secret: it has no name" {
		t.Errorf("SetSecret() without a name = %v", err)
	}
}
