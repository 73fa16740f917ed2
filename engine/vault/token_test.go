package vault

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"patchbay/engine/value"
)

// shown is a token with its secrets in the open, to compare.
type shown struct {
	Access, Refresh string
	Expires         time.Duration // after it was issued, 0 for none
	Granted         []string
	Fields          map[string]any
}

func show(t *token) shown {
	s := shown{Access: t.access.Reveal(), Refresh: t.refresh.Reveal(), Granted: t.granted, Fields: t.fields}
	if !t.expires.IsZero() {
		s.Expires = t.expires.Sub(t.issued)
	}
	return s
}

func TestNewToken(t *testing.T) {
	first := &token{
		refresh: value.NewSecret("r0"), granted: []string{"old"},
		fields: map[string]any{"locationId": "L1", "plan": "a"},
	}
	tests := []struct {
		name, body string
		before     *token
		asked      []string
		want       shown
	}{
		{
			"GoHighLevel v2", `{"access_token":"a1","token_type":"Bearer","expires_in":86399,"refresh_token":"r1","scope":"contacts.readonly contacts.write","userType":"Location","locationId":"L1"}`, nil, nil,
			shown{"a1", "r1", 86399 * time.Second, []string{"contacts.readonly", "contacts.write"}, map[string]any{
				"token_type": "Bearer", "scope": "contacts.readonly contacts.write", "userType": "Location", "locationId": "L1",
			}},
		},
		{
			"GoHighLevel v3", `{"accessToken":"a1","tokenType":"Bearer","expiresIn":"86399","refreshToken":"r1","locationId":"L1"}`, nil,
			[]string{"asked"},
			shown{"a1", "r1", 86399 * time.Second, []string{"asked"}, map[string]any{"tokenType": "Bearer", "locationId": "L1"}},
		},
		{
			"Slack", `{"ok":true,"access_token":"a1","token_type":"bot","scope":"chat:write,channels:read","team":{"id":"T1"}}`, nil, nil,
			shown{"a1", "", 0, []string{"chat:write", "channels:read"}, map[string]any{
				"ok": true, "token_type": "bot", "scope": "chat:write,channels:read", "team": map[string]any{"id": "T1"},
			}},
		},
		{
			"a list of scopes, a fraction of a second, an id token", `{"access_token":"a1","id_token":"x.y.z","expires_in":3599.9,"scope":["a","b"]}`, nil, nil,
			shown{"a1", "", 3599 * time.Second, []string{"a", "b"}, map[string]any{"scope": []any{"a", "b"}}},
		},
		{
			"a renewal that says little", `{"access_token":"a1","expires_in":null,"plan":"b"}`, first, nil,
			shown{"a1", "r0", 0, []string{"old"}, map[string]any{"locationId": "L1", "plan": "b"}},
		},
		{
			"an old form", "access_token=a1&scope=repo%2Cgist&expires_in=60", nil, nil,
			shown{"a1", "", time.Minute, []string{"repo", "gist"}, map[string]any{"scope": "repo,gist"}},
		},
	}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, ok := parseAnswer([]byte(tt.body))
			if !ok {
				t.Fatalf("parseAnswer(%s) = false", tt.body)
			}
			made := newToken(answer, tt.before, tt.asked, now)
			if diff := cmp.Diff(tt.want, show(made)); diff != "" {
				t.Errorf("newToken() (-want +got):\n%s", diff)
			}
			data, err := encodeToken(made)
			if err != nil {
				t.Fatal(err)
			}
			back, err := decodeToken(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(made, back, cmp.AllowUnexported(token{}, value.Secret{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decodeToken(encodeToken()) (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOldTokens decodes what earlier versions sealed.
func TestOldTokens(t *testing.T) {
	const stored = `{"access":"a","refresh":"r","issued":"2026-11-22T10:00:00Z","expires":"2026-11-22T11:00:00Z","granted":["x"],` +
		`"fields":{"locationId":"L1"},"refused":{"message":"gone","code":"invalid_grant","at":"2026-11-22T11:00:00Z","client":"00"},"later":1}`
	got, err := decodeToken([]byte(stored))
	if err != nil {
		t.Fatal(err)
	}
	want := shown{"a", "r", time.Hour, []string{"x"}, map[string]any{"locationId": "L1"}}
	if diff := cmp.Diff(want, show(got)); diff != "" {
		t.Errorf("decodeToken() (-want +got):\n%s", diff)
	}
	if got.refused == nil || got.refused.Message != "gone" || got.refused.Code != "invalid_grant" {
		t.Errorf("refusal = %+v", got.refused)
	}
	if got, err := decodeToken([]byte(`{}`)); err != nil || got.refused != nil || !got.due(time.Now(), 0) {
		t.Errorf("decodeToken({}) = %+v, %v, want a token that is due", got, err)
	}
}

func TestLifetime(t *testing.T) {
	tests := []struct {
		in   any
		want time.Duration
	}{
		{3600, time.Hour},
		{3600.7, time.Hour},
		{" 3600 ", time.Hour},
		{"3600.0", time.Hour},
		{0, 0},
		{-5, 0},
		{"soon", 0},
		{"NaN", 0},
		{nil, 0},
		{true, 0},
		{1e300, 2147483647 * time.Second},
	}
	for _, tt := range tests {
		if got := lifetime(tt.in); got != tt.want {
			t.Errorf("lifetime(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestParseAnswerRefuses(t *testing.T) {
	for _, body := range []string{"", "null", "[]", `"text"`, "<html></html>", "a=b", "{", "\x00\xff"} {
		if got, ok := parseAnswer([]byte(body)); ok {
			t.Errorf("parseAnswer(%q) = %v, want none", body, got)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":"60","scope":["x"],"error":{"code":"c"},"message":["m"]}`))
	f.Add([]byte("access_token=a&error=b"))
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, ok := parseAnswer(body)
		if !ok {
			return
		}
		refusalWords(answer)
		made := newToken(answer, nil, nil, time.Now())
		data, err := encodeToken(made)
		if err != nil {
			t.Fatalf("encodeToken() of %q = %v", body, err)
		}
		if _, err := decodeToken(data); err != nil {
			t.Fatalf("decodeToken() of %q = %v", body, err)
		}
	})
}

func TestRefusalWords(t *testing.T) {
	tests := []struct{ body, want string }{
		{`{"error":"invalid_grant","error_description":"It ended."}`, "It ended. (invalid_grant)"},
		{`{"error":"invalid_grant"}`, "invalid_grant"},
		{`{"ok":false,"error":"invalid_code"}`, "invalid_code"},
		{`{"statusCode":400,"message":"Invalid refresh token","error":"Bad Request"}`, "Invalid refresh token (Bad Request)"},
		{`{"message":["a","b"]}`, "a; b"},
		{`{"error":{"code":"revoked","message":"The app was removed."}}`, "The app was removed. (revoked)"},
		{`{"error":{"type":"OAuthException","message":"Ended."}}`, "Ended. (OAuthException)"},
		{`{}`, ""},
	}
	for _, tt := range tests {
		answer, _ := parseAnswer([]byte(tt.body))
		if got := saying(refusalWords(answer)); got != tt.want {
			t.Errorf("refusalWords(%s) = %q, want %q", tt.body, got, tt.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	tests := []struct {
		in   string
		want time.Time
	}{
		{"30", now.Add(30 * time.Second)},
		{"Sun, 22 Nov 2026 10:01:00 GMT", now.Add(time.Minute)},
		{"", time.Time{}},
		{"-1", time.Time{}},
		{"soon", time.Time{}},
	}
	for _, tt := range tests {
		if got := retryAfter(tt.in, now); !got.Equal(tt.want) {
			t.Errorf("retryAfter(%q) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestMask(t *testing.T) {
	const secret = "a b&c"
	tests := []struct{ in, want string }{
		{"the secret " + secret + " is wrong", "the secret [secret] is wrong"},
		{"got client_secret=" + url.QueryEscape(secret), "got client_secret=[secret]"},
		{"two\nlines\x1b[31m\tand  spaces ", "two lines [31m and spaces"},
	}
	for _, tt := range tests {
		if got := mask(tt.in, secret, ""); got != tt.want {
			t.Errorf("mask(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := []rune(mask(longText(1000))); len(got) != longest+1 {
		t.Errorf("mask() of a long text has %d characters, want %d", len(got), longest+1)
	}
}

func longText(n int) string {
	text := make([]rune, n)
	for i := range text {
		text[i] = 'é'
	}
	return string(text)
}
