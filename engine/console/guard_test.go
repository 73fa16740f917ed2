package console_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestGuard tries to get in as others would.
func TestGuard(t *testing.T) {
	s := serve(t, false)
	port := s.base[strings.LastIndex(s.base, ":"):]
	const (
		unknown = `{"error":"the token is missing or wrong","hint":"commands find it by themselves in the data folder"}`
		foreign = `{"error":"requests from pages of other sites are refused"}`
		rebound = `{"error":"this address serves only requests to localhost"}`
		notJSON = `{"error":"the body must be JSON","hint":"Content-Type: application/json"}`
	)
	header := func(key, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(key, value) }
	}
	tests := []struct {
		name   string
		method string
		change func(*http.Request)
		status int
		want   string
	}{
		{"no token", "GET", header("Authorization", ""), 401, unknown},
		{"wrong token", "GET", header("Authorization", "Bearer "+strings.Repeat("x", len(s.token))), 401, unknown},
		{"empty token", "GET", header("Authorization", "Bearer "), 401, unknown},
		{"token in another scheme", "GET", header("Authorization", "Basic "+s.token), 401, unknown},
		{"token in the address", "GET", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "token=" + s.token
		}, 401, unknown},
		{"own origin", "GET", header("Origin", s.base), 200, "[]"},
		{"foreign origin", "GET", header("Origin", "https://evil.example"), 403, foreign},
		{"origin of another port", "GET", header("Origin", "http://127.0.0.1:1"), 403, foreign},
		{"origin null", "GET", header("Origin", "null"), 403, foreign},
		{"localhost", "GET", func(r *http.Request) { r.Host = "localhost" + port }, 200, "[]"},
		{"foreign host", "GET", func(r *http.Request) { r.Host = "evil.example" + port }, 403, rebound},
		{"host that looks like ours", "GET", func(r *http.Request) { r.Host = "localhost.evil.example" + port }, 403, rebound},
		{"form", "POST", header("Content-Type", "application/x-www-form-urlencoded"), 415, notJSON},
		{"text", "POST", header("Content-Type", "text/plain"), 415, notJSON},
		{"no content type", "POST", header("Content-Type", ""), 415, notJSON},
		{"something like JSON", "POST", header("Content-Type", "application/jsonp"), 415, notJSON},
		{"JSON with a charset", "POST", header("Content-Type", "application/json; charset=utf-8"), 405, `{"error":"POST means nothing at this address","hint":"it takes GET"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := ""
			if tt.method == "POST" {
				body = "{}"
			}
			req := s.request(tt.method, "/api/v1/runs", body)
			tt.change(req)
			res, got := s.do(req)
			if res.StatusCode != tt.status || strings.TrimSpace(got) != tt.want {
				t.Errorf("answer = %d %s, want %d %s", res.StatusCode, got, tt.status, tt.want)
			}
		})
	}
}

// TestCookie lets a browser in by the address that serve prints.
func TestCookie(t *testing.T) {
	s := serve(t, false)
	visit := func(path string, change func(*http.Request)) (*http.Response, string) {
		req := s.request(http.MethodGet, path, "")
		req.Header.Del("Authorization")
		change(req)
		return s.do(req)
	}
	nothing := func(*http.Request) {}

	res, text := visit("/", nothing)
	if res.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "Open the address that `patchbay serve` printed") {
		t.Errorf("GET / without a token = %d %s, want 401 and where to find it", res.StatusCode, text)
	}
	if res, _ := visit("/?token=wrong", nothing); res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) > 0 {
		t.Errorf("GET /?token=wrong = %d with %d cookies, want 401 with none", res.StatusCode, len(res.Cookies()))
	}

	res, _ = visit("/runs?status=failed&token="+s.token, nothing)
	if at := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || at != "/runs?status=failed" {
		t.Errorf("first visit = %d to %q, want 303 to /runs?status=failed", res.StatusCode, at)
	}
	cookies := res.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("first visit leaves %d cookies, want 1", len(cookies))
	}
	port := s.base[strings.LastIndex(s.base, ":")+1:]
	k := cookies[0]
	if k.Name != "patchbay_"+port || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" {
		t.Errorf("cookie = %s, want patchbay_%s for /, HttpOnly and SameSite=Strict", k, port)
	}

	known := func(r *http.Request) { r.AddCookie(k) }
	res, _ = visit("/", known)
	if res.StatusCode != http.StatusOK {
		t.Errorf("GET / with the cookie = %d, want 200", res.StatusCode)
	}
	policy := "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if res, _ := visit("/api/v1/flows", known); res.StatusCode != http.StatusOK {
		t.Errorf("the API with the cookie = %d, want 200", res.StatusCode)
	}
	res, _ = visit("/api/v1/flows", func(r *http.Request) {
		known(r)
		r.Header.Set("Authorization", "Bearer wrong")
	})
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong bearer beside the cookie = %d, want 401", res.StatusCode)
	}
}

// TestTooLarge refuses a body that nobody means.
func TestTooLarge(t *testing.T) {
	s := serve(t, false)
	body := `{"value": "` + strings.Repeat("x", 9<<20) + `"}`
	res, got := s.do(s.request(http.MethodPut, "/api/v1/secrets/big", body))
	if want := `{"error":"the body is larger than 8 MB"}`; res.StatusCode != http.StatusRequestEntityTooLarge || strings.TrimSpace(got) != want {
		t.Errorf("answer = %d %s, want 413 %s", res.StatusCode, got, want)
	}
}
