package call

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

func TestNotPublic(t *testing.T) {
	for _, c := range []struct{ ip, want string }{
		{"127.0.0.1", "this machine"},
		{"127.8.8.8", "this machine"},
		{"0.0.0.0", "this machine"},
		{"::1", "this machine"},
		{"::", "this machine"},
		{"::ffff:127.0.0.1", "this machine"},
		{"10.1.2.3", "on a private network"},
		{"172.31.0.1", "on a private network"},
		{"192.168.0.1", "on a private network"},
		{"fd00:ec2::254", "on a private network"},
		{"169.254.169.254", "on the local link, where clouds keep their credentials"},
		{"fe80::1%eth0", "on the local link, where clouds keep their credentials"},
		{"224.0.0.1", "a multicast address"},
		{"ff02::1", "a multicast address"},
		{"100.100.100.200", "reserved for special use"},
		{"168.63.129.16", "reserved for special use"},
		{"192.0.0.192", "reserved for special use"},
		{"0.1.2.3", "reserved for special use"},
		{"255.255.255.255", "reserved for special use"},
		{"198.18.0.1", "reserved for special use"},
		{"2001:0:1::1", "reserved for special use"},
		{"64:ff9b::a00:1", "on a private network"},
		{"2002:7f00:1::", "this machine"},
		{"::10.0.0.1", "on a private network"},
		{"8.8.8.8", ""},
		{"100.128.0.1", ""},
		{"172.32.0.1", ""},
		{"2606:4700::1111", ""},
		{"64:ff9b::808:808", ""},
	} {
		if got := notPublic(netip.MustParseAddr(c.ip)); got != c.want {
			t.Errorf("notPublic(%s) = %q, want %q", c.ip, got, c.want)
		}
	}
}

func TestAnyHostIsPublicOnly(t *testing.T) {
	s := serve(t, respond(200, `{}`))
	local := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	base := s.URL
	s.connector.BaseURL, s.connector.Hosts = "", []string{"*"}
	a := s.action("GET", "{url}", input("url", text(), program.InPath, "url"))
	get := func(c *Client, url string) string {
		_, err := c.Do(t.Context(), Request{Action: a, Input: map[string]any{"url": url}})
		if err == nil {
			return ""
		}
		return err.Error()
	}
	for _, c := range []struct{ url, want string }{
		{base, "shop.act: the address leads to 127.0.0.1, which is this machine; only the operator can allow that (invalid)"},
		{local, "shop.act: the address leads to 127.0.0.1, which is this machine; only the operator can allow that (invalid)"},
		{"http://[::ffff:10.0.0.1]/", "shop.act: the address leads to 10.0.0.1, which is on a private network; only the operator can allow that (invalid)"},
		{"http://169.254.169.254/latest/meta-data", "shop.act: the address leads to 169.254.169.254, which is on the local link, where clouds keep their credentials; only the operator can allow that (invalid)"},
		{"ftp://example.com/x", "shop.act: url is not an address that begins with https:// or http:// and names a host (invalid)"},
		{"example.com/x", "shop.act: url is not an address that begins with https:// or http:// and names a host (invalid)"},
		{"https:///x", "shop.act: url is not an address that begins with https:// or http:// and names a host (invalid)"},
	} {
		got := get(New(Options{}), c.url)
		// Where localhost is an IPv6 address first, that is named.
		if got = strings.Replace(got, "leads to ::1,", "leads to 127.0.0.1,", 1); got != c.want {
			t.Errorf("Do(%s) = %s\nwant %s", c.url, got, c.want)
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Fatalf("%d requests were sent, want none", n)
	}
	if got := get(New(Options{AllowPrivate: true}), base+"/a?b=c#d"); got != "" {
		t.Errorf("Do with AllowPrivate = %s, want none", got)
	}
	if diff := cmp.Diff([]string{"GET /a?b=c"}, s.lines()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestTheOperatorsAddressIsAllowed(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "http://127.0.0.2:1/", http.StatusFound)
		}
	})
	conn := s.bearer()
	conn.BaseURL, s.connector.BaseURL, s.connector.Hosts = s.URL, "", []string{"*"}
	done(t, New(Options{}), Request{Action: s.action("GET", "/x"), Connection: conn})
	got := failed(t, New(Options{}), Request{Action: s.action("GET", "/elsewhere"), Connection: conn})
	if want := "the address leads to 127.0.0.2, which is this machine; only the operator can allow that"; got.Message != want {
		t.Errorf("message = %q, want %q", got.Message, want)
	}
}

func TestRedirects(t *testing.T) {
	other := serve(t, respond(200, `{"at":"other"}`))
	elsewhere := serve(t, respond(200, `{}`))
	s := serve(t, nil)
	to := map[string]string{
		"/v1/same": "/v1/end?x=1", "/v1/other": other.URL + "/in", "/v1/elsewhere": elsewhere.URL + "/steal",
		"/v1/loop": "/v1/loop", "/v1/plain": "ftp://x/",
	}
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := dump(t, r)
		s.mu.Lock()
		s.got = append(s.got, text)
		s.mu.Unlock()
		if target, ok := to[r.URL.Path]; ok {
			status := http.StatusFound
			if r.URL.Query().Has("keep") {
				status = http.StatusPermanentRedirect
			}
			w.Header().Set("Location", target)
			w.WriteHeader(status)
			return
		}
		respond(200, `{"at":"end"}`)(w, r)
	})
	s.connector.Hosts = []string{other.Listener.Addr().String()}
	conn := s.bearer()
	conn.Auth = &program.Auth{Type: program.AuthAPIKey, Header: "X-Shop-Key"}
	c := New(Options{Credentials: headerKey("secret-key-1")})
	host := s.Listener.Addr().String()
	for _, x := range []struct {
		method, path, want string
	}{
		{"GET", "/same", ""},
		{"GET", "/other", ""},
		{"POST", "/other?keep=1", ""},
		{"POST", "/same", "the service answered 302 and names http://" + host + "/v1/end instead: a POST is not sent there by itself"},
		{"GET", "/elsewhere", "the service redirected: " + elsewhere.URL + "/steal is not among the hosts of shop (" + host + ", " + other.Listener.Addr().String() + ")"},
		{"GET", "/loop", "the service redirected more than 5 times"},
		{"GET", "/plain", "the service redirected: ftp://x/ is no web address"},
	} {
		a := s.action(x.method, x.path, optional(input("note", text(), program.InBody, "note")))
		r := Request{Action: a, Connection: conn}
		if x.method == "POST" {
			r.Input = map[string]any{"note": "n"}
		}
		_, err := c.Do(t.Context(), r)
		got := ""
		if err != nil {
			got = strings.TrimSuffix(strings.TrimPrefix(err.Error(), "shop.act: "), " (invalid)")
		}
		if got != x.want {
			t.Errorf("%s %s = %q\nwant %q", x.method, x.path, got, x.want)
		}
	}
	want := []string{
		"GET /in\nAccept: application/json\nUser-Agent: patchbay\n",
		"POST /in\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n\n{\"note\":\"n\"}",
	}
	if diff := cmp.Diff(want, other.requests()); diff != "" {
		t.Errorf("requests of the other host (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("GET /v1/end?x=1\nAccept: application/json\nUser-Agent: patchbay\nX-Shop-Key: secret-key-1\n", s.requests()[1]); diff != "" {
		t.Errorf("the redirect on the same host (-want +got):\n%s", diff)
	}
	if n := len(elsewhere.requests()); n != 0 {
		t.Errorf("%d requests went elsewhere, want none", n)
	}
}

func TestLinkToAKnownHostLosesTheCredentials(t *testing.T) {
	other := serve(t, respond(200, `{"items":[]}`))
	s := serve(t, respond(200, `{"items":[{"n":1}],"next":"`+other.URL+`/more"}`))
	s.connector.Hosts = []string{other.Listener.Addr().String()}
	c := New(Options{Credentials: headerKey("secret-key-1")})
	done(t, c, Request{Action: s.list(&program.Paginate{Style: "link", Next: []string{"body", "next"}}), Connection: s.bearer()})
	want := []string{"GET /more\nAccept: application/json\nUser-Agent: patchbay\n"}
	if diff := cmp.Diff(want, other.requests()); diff != "" {
		t.Errorf("requests of the other host (-want +got):\n%s", diff)
	}
}

func TestFence(t *testing.T) {
	base := &url.URL{Scheme: "https", Host: "api.shop.example"}
	f := fence{connector: "shop", base: base, hosts: []string{"files.shop.example", "x.example:8443"}}
	for _, c := range []struct{ url, want string }{
		{"https://api.shop.example/x", ""},
		{"https://API.shop.example:443/x", ""},
		{"https://files.shop.example/x", ""},
		{"https://x.example:8443/x", ""},
		{"https://api.shop.example:8443/x", "https://api.shop.example:8443/x is not among the hosts of shop (api.shop.example, files.shop.example, x.example:8443)"},
		{"https://files.shop.example:8443/x", "https://files.shop.example:8443/x is not among the hosts of shop (api.shop.example, files.shop.example, x.example:8443)"},
		{"https://evil-api.shop.example/", "https://evil-api.shop.example/ is not among the hosts of shop (api.shop.example, files.shop.example, x.example:8443)"},
		{"https://api.shop.example@evil.example/?k=v", "https://evil.example/ is not among the hosts of shop (api.shop.example, files.shop.example, x.example:8443)"},
		{"http://api.shop.example/x", "http://api.shop.example/x is not encrypted, and shop only talks https"},
		{"file:///etc/passwd", "file:///etc/passwd is no web address"},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := f.admits(u); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("admits(%s) = %q, want %q", c.url, got, c.want)
		}
	}
}

// TestAttachedQueryKeyStaysBehind shows that a key in an address is not passed
// on by the Referer header.
func TestAttachedQueryKeyStaysBehind(t *testing.T) {
	other := serve(t, respond(200, `{}`))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/in", http.StatusFound) })
	s.connector.Hosts = []string{other.Listener.Addr().String()}
	done(t, New(Options{Credentials: queryKey("hidden-key")}), Request{Action: s.action("GET", "/x"), Connection: s.bearer()})
	want := []string{"GET /in\nAccept: application/json\nUser-Agent: patchbay\n"}
	if diff := cmp.Diff(want, other.requests()); diff != "" {
		t.Errorf("requests of the other host (-want +got):\n%s", diff)
	}
}

func TestTransportStandsInForTheNetwork(t *testing.T) {
	play := httptest.NewServer(respond(200, `{"played":true}`))
	t.Cleanup(play.Close)
	target, err := url.Parse(play.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{Transport: func(con *program.Connector) http.RoundTripper {
		if con.ID != "shop" {
			t.Errorf("Transport(%s), want shop", con.ID)
		}
		return rerouted{target}
	}})
	s := &service{connector: &program.Connector{ID: "shop", BaseURL: "https://api.shop.example"}}
	got := done(t, c, Request{Action: s.action("GET", "/x")})
	if diff := cmp.Diff(map[string]any{"played": true}, got.Output); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// rerouted sends everything to one server.
type rerouted struct{ to *url.URL }

func (r rerouted) RoundTrip(req *http.Request) (*http.Response, error) {
	other := req.Clone(req.Context())
	other.URL.Scheme, other.URL.Host = r.to.Scheme, r.to.Host
	return http.DefaultTransport.RoundTrip(other)
}

// headerKey is a vault that puts a key into a header.
type headerKey string

func (k headerKey) Authorize(_ context.Context, _ *program.Connection, req *http.Request) error {
	req.Header.Set("X-Shop-Key", string(k))
	return nil
}

func (headerKey) Renew(context.Context, *program.Connection, *http.Request) error {
	return value.Fail(value.ClassAuth, "a key cannot be renewed")
}

func (headerKey) Token(context.Context, *program.Connection) (string, error) { return "", nil }

func (headerKey) Reveal(context.Context, *program.Connection) (map[string]string, error) {
	return map[string]string{}, nil
}
