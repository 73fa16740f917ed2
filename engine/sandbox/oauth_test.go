package sandbox_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"patchbay/engine/sandbox"
)

const form = "Content-Type: application/x-www-form-urlencoded"

// signIn goes through the page of a sign-in and returns the code.
func signIn(t *testing.T, b *bench, extra url.Values) string {
	t.Helper()
	q := url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {"http://127.0.0.1/back?x=1"},
		"state": {"s"}, "scope": {"orders.read"}, "audience": {"api"},
	}
	maps.Copy(q, extra)
	page := b.call("GET", "/shop/oauth/authorize?"+q.Encode(), "")
	if got := page.body; page.status != 200 || !strings.Contains(got, "<code>orders.read</code>") {
		t.Fatalf("page = %d %s, want 200 with the scope", page.status, got)
	}
	resp := b.call("POST", "/shop/oauth/authorize?"+q.Encode(), "decision=allow", form)
	back, err := url.Parse(resp.header.Get("Location"))
	if err != nil || resp.status != http.StatusFound {
		t.Fatalf("status %d, Location %q: %v", resp.status, resp.header.Get("Location"), err)
	}
	if got := back.Query().Get("state") + back.Query().Get("x"); got != "s1" {
		t.Fatalf("back to %s, want state s and x=1", back)
	}
	return back.Query().Get("code")
}

func (b *bench) grant(values ...string) (int, map[string]any) {
	b.t.Helper()
	v := url.Values{"client_id": {"app"}, "client_secret": {"sandbox-client_secret"}, "user_type": {"Shop"}}
	for i := 0; i < len(values); i += 2 {
		v.Set(values[i], values[i+1])
	}
	resp := b.call("POST", "/shop/oauth/token", v.Encode(), form)
	return resp.status, decode[map[string]any](b.t, resp)
}

func TestSignIn(t *testing.T) {
	now := noon
	state := &memory{}
	opt := sandbox.Options{Now: func() time.Time { return now }, State: state}
	b := serve(t, opt, shop(t))
	code := signIn(t, b, nil)
	status, first := b.grant("grant_type", "authorization_code", "code", code, "redirect_uri", "http://127.0.0.1/back?x=1")
	if status != 200 || first["expires_in"] != 3600.0 || first["token_type"] != "Bearer" || first["scope"] != "orders.read" {
		t.Fatalf("token = %d %v", status, first)
	}
	if got := first["shop"]; got.(map[string]any)["id"] != "s1" {
		t.Errorf("shop = %v, want the id of the connection", got)
	}
	access := "Authorization: Bearer " + first["access_token"].(string)
	b.want("GET", "/shop/v2/orders/1", "", `200 {"order":`+cups+`}`, "Version: 7", access)
	status, again := b.grant("grant_type", "authorization_code", "code", code, "redirect_uri", "http://127.0.0.1/back?x=1")
	if status != 400 || again["error_description"] != "the code is unknown, used or over" {
		t.Errorf("second use of a code = %d %v", status, again)
	}

	now = now.Add(time.Hour)
	b = serve(t, opt, shop(t)) // tokens outlive a restart
	b.want("GET", "/shop/v2/orders/1", "", `401 {"kind":"auth","message":"the access token has expired","status":401}`, "Version: 7", access)
	refresh := first["refresh_token"].(string)
	_, second := b.grant("grant_type", "refresh_token", "refresh_token", refresh)
	b.want("GET", "/shop/v2/orders/1", "", `200 {"order":`+cups+`}`, "Version: 7", "Authorization: Bearer "+second["access_token"].(string))
	if second["refresh_token"] == refresh {
		t.Error("the refresh token did not rotate")
	}
	now = now.Add(29 * time.Second)
	_, grace := b.grant("grant_type", "refresh_token", "refresh_token", refresh)
	if grace["refresh_token"] != second["refresh_token"] || grace["access_token"] != second["access_token"] {
		t.Errorf("within the grace = %v, want the same answer as before: %v", grace, second)
	}
	now = now.Add(time.Second)
	status, late := b.grant("grant_type", "refresh_token", "refresh_token", refresh)
	if status != 400 || late["error"] != "invalid_grant" || late["error_description"] != "the refresh token was used already" {
		t.Errorf("after the grace = %d %v", status, late)
	}
}

func TestSignInDenied(t *testing.T) {
	b := serve(t, sandbox.Options{}, shop(t))
	resp := b.call("POST", "/shop/oauth/authorize?response_type=code&client_id=app&audience=api&state=s&redirect_uri="+url.QueryEscape("http://127.0.0.1/back"), "decision=deny", form)
	want := "http://127.0.0.1/back?error=access_denied&error_description=the+sign-in+to+Shop+was+denied&state=s"
	if got := resp.header.Get("Location"); resp.status != http.StatusFound || got != want {
		t.Errorf("denied = %d %s, want 302 %s", resp.status, got, want)
	}
	page := b.call("GET", "/shop/oauth/authorize?response_type=code&client_id=app&redirect_uri=http://127.0.0.1/", "")
	if got := page.body; page.status != 400 || !strings.Contains(got, "audience is &#34;&#34;, &#34;api&#34; is expected") {
		t.Errorf("without the audience = %d %s", page.status, got)
	}
}

func TestProofKey(t *testing.T) {
	b := serve(t, sandbox.Options{}, shop(t))
	sum := sha256.Sum256([]byte("verifier"))
	extra := url.Values{"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for verifier, want := range map[string]int{"verifier": 200, "guessed": 400, "": 400} {
		code := signIn(t, b, extra)
		status, got := b.grant("grant_type", "authorization_code", "code", code, "redirect_uri", "http://127.0.0.1/back?x=1", "code_verifier", verifier)
		if status != want {
			t.Errorf("code_verifier %q = %d %v, want %d", verifier, status, got, want)
		}
	}
}

func TestTokenRefusals(t *testing.T) {
	b := serve(t, sandbox.Options{}, shop(t))
	tests := []struct {
		values []string
		status int
		want   string
	}{
		{[]string{"client_id", ""}, 401, "the client_id is missing"},
		{[]string{"client_secret", ""}, 401, "the client_secret is missing"},
		{[]string{"client_secret", "guessed"}, 401, "the client_secret is not that of the sandbox, which is sandbox-client_secret"},
		{[]string{"user_type", "Company"}, 400, `user_type is "Company", "Shop" is expected`},
		{[]string{"grant_type", "password"}, 400, `grant_type is "password", authorization_code or refresh_token is expected`},
		{[]string{"grant_type", "client_credentials"}, 400, `Shop knows no grant "client_credentials"`},
		{[]string{"grant_type", "refresh_token", "refresh_token", "guessed"}, 400, "the refresh token is unknown"},
	}
	for _, test := range tests {
		status, got := b.grant(append([]string{"grant_type", "authorization_code"}, test.values...)...)
		if status != test.status || got["error_description"] != test.want {
			t.Errorf("token(%v) = %d %v, want %d %s", test.values, status, got, test.status, test.want)
		}
	}
}
