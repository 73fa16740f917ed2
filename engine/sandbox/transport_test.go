package sandbox_test

import (
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"

	"patchbay/engine/sandbox"
)

func TestTransport(t *testing.T) {
	k := shop(t)
	s := sandbox.New(sandbox.Options{}) // without live connectors it plays what it is given
	get := func(address string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"X-Key": {"me/sandbox-key"}, "Version": {"7"}}
		return outcome(s.Transport(k).RoundTrip(req))
	}
	tests := map[string]string{
		"https://api.shop.example.com/v2/orders/3":   `200 {"order":` + bowls + `}`,
		"https://api.shop.example.com/v3/orders/3":   `404 {"kind":"not_found","message":"Cannot GET /v3/orders/3","status":404}`,
		"https://elsewhere.example.com/v2/orders/3":  "sandbox of shop: elsewhere.example.com is none of its hosts",
		"https://login.shop.example.com/token":       `405 {"error":"invalid_request","error_description":"the token endpoint takes POST"}`,
		"https://api.shop.example.com/v2/orders/%2F": `422 {"kind":"invalid","message":"id is \"/\", integer is expected","status":422}`,
	}
	for address, want := range tests {
		if got := get(address); got != want {
			t.Errorf("GET %s = %s, want %s", address, got, want)
		}
	}
}

func TestTransportFollowsLinks(t *testing.T) {
	k := shop(t)
	s := sandbox.New(sandbox.Options{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.BaseURL+"/orders/linked?key=sandbox-api_key&size=2", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Version", "7")
	resp, err := s.Transport(k).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want := `<https://api.shop.example.com/v2/orders/linked?key=sandbox-api_key&page=YWZ0ZXI6Mg&size=2>; rel="next"`
	if got := resp.Header.Get("Link"); got != want {
		t.Errorf("Link = %s, want %s", got, want)
	}
}

func TestTransportGivesTokens(t *testing.T) {
	k := shop(t)
	s := sandbox.New(sandbox.Options{})
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {"guessed"}, "user_type": {"Shop"},
		"client_id": {"app"}, "client_secret": {"sandbox-client_secret"},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.shop.example.com/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	want := `400 {"error":"invalid_grant","error_description":"the refresh token is unknown"}`
	if got := outcome(s.Transport(k).RoundTrip(req)); got != want {
		t.Errorf("token = %s, want %s", got, want)
	}
}

func TestTransportTellsThatTheRequestWasSent(t *testing.T) {
	k := shop(t)
	s := sandbox.New(sandbox.Options{})
	if err := s.Fail(sandbox.Failure{Connector: "shop", Kind: sandbox.FailReset}); err != nil {
		t.Fatal(err)
	}
	wrote := false
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { wrote = true }})
	if got := outcome(pay(ctx, s.Transport(k), k.BaseURL)); got != "reset" || !wrote {
		t.Errorf("got %s, request sent %t, want reset of a request that was sent", got, wrote)
	}
}

// The generic connector reaches any host; its actions are told apart by how
// they ask.
func TestTransportOfAnyHost(t *testing.T) {
	k := builtIn(t, "http")
	s := sandbox.New(sandbox.Options{})
	tests := []struct{ method, query, accept, want string }{
		{"GET", "", "*/*", "http.get"},
		{"GET", "", "application/json", "http.list_all"},
		{"GET", "?page=1&per_page=100", "application/json", "http.list_all_numbered"},
		{"DELETE", "", "*/*", "http.request"},
	}
	for _, test := range tests {
		req, err := http.NewRequestWithContext(t.Context(), test.method, "https://rates.example.com/today"+test.query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", test.accept)
		if got := outcome(s.Transport(k).RoundTrip(req)); !strings.HasPrefix(got, "200 ") {
			t.Errorf("%s%s = %s, want 200", test.method, test.query, got)
		}
		effects := s.Effects()
		last := effects[len(effects)-1]
		if last.Action != test.want || last.Input["url"] != "https://rates.example.com/today"+test.query {
			t.Errorf("%s %s was answered by %s with %v, want %s", test.method, test.accept, last.Action, last.Input, test.want)
		}
	}
}
