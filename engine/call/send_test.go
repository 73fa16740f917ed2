package call

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

func TestRenewal(t *testing.T) {
	s := serve(t, nil)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer fresh-token" {
			respond(401, `{"message":"old-token is over"}`)(w, r)
			return
		}
		respond(200, `{"fine":true}`)(w, r)
	})
	r := Request{Action: s.action("GET", "/x"), Connection: s.bearer()}

	t.Run("works", func(t *testing.T) {
		k := &tokens{token: "old-token", next: "fresh-token"}
		got := done(t, New(Options{Credentials: k}), r)
		if diff := cmp.Diff(map[string]any{"fine": true}, got.Output); diff != "" {
			t.Errorf("output (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"main Bearer old-token"}, k.renewed); diff != "" {
			t.Errorf("renewals (-want +got):\n%s", diff)
		}
	})
	t.Run("does not help", func(t *testing.T) {
		k := &tokens{token: "old-token", next: "other-token"}
		got := failed(t, New(Options{Credentials: k}), r)
		want := &value.Failure{Class: value.ClassAuth, Action: "shop.act", Status: 401, Message: "[secret] is over"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failure (-want +got):\n%s", diff)
		}
		if len(k.renewed) != 1 {
			t.Errorf("renewals = %q, want one", k.renewed)
		}
	})
	t.Run("is refused", func(t *testing.T) {
		got := failed(t, New(Options{Credentials: &tokens{token: "old-token"}}), r)
		want := &value.Failure{Class: value.ClassAuth, Action: "shop.act", Status: 401, Message: "[secret] is over; the token cannot be renewed, connect again"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failure (-want +got):\n%s", diff)
		}
	})
}

func TestExchange(t *testing.T) {
	s := serve(t, respond(404, `{"message":"no"}`))
	conn := s.bearer()
	conn.Auth = &program.Auth{Type: program.AuthAPIKey, Query: "key"}
	pin := input("pin", text(), program.InBody, "pin")
	pin.Secret = true
	a := s.action("POST", "/people/{id}", input("id", text(), program.InPath, "id"), pin, input("name", text(), program.InBody, "name"))
	a.Headers = []program.Header{{Name: "Version", Value: program.Constant("1", text())}, {Name: "Cookie", Value: program.Constant("sid=1", text())}}
	r := Request{Action: a, Connection: conn, Input: map[string]any{"id": "a b", "pin": "1234567", "name": "Ada"}}
	want := &journal.Exchange{
		Method: "POST", URL: s.URL + "/v1/people/a%20b?key=[secret]", Body: `{"name":"Ada","pin":"[secret]"}`,
		Headers: []string{"Accept: application/json", "Content-Type: application/json", "Cookie: [secret]", "User-Agent: patchbay", "Version: 1"},
	}
	c := New(Options{Credentials: &tokens{token: "tok-1234"}})
	got, err := c.Prepare(t.Context(), r)
	if err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Prepare (-want +got):\n%s", diff)
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("Prepare sent %d requests", n)
	}
	res, err := c.Do(t.Context(), r)
	if err == nil || res.Exchange == nil {
		t.Fatalf("Do = %v, %v, want a failure with an exchange", res.Exchange, err)
	}
	if res.Exchange.Took <= 0 {
		t.Errorf("Took = %v, want more", res.Exchange.Took)
	}
	want.Status, res.Exchange.Took = 404, 0
	if diff := cmp.Diff(want, res.Exchange); diff != "" {
		t.Errorf("Do (-want +got):\n%s", diff)
	}
}

func TestShown(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"", ""},
		{`{"a":1}`, `{"a":1}`},
		{"\xff\x00", "(2 bytes)"},
		{strings.Repeat("é", shownBody), strings.Repeat("é", shownBody/2) + "… (131072 bytes in all)"},
	} {
		if got := shown([]byte(c.body)); got != c.want {
			t.Errorf("shown(%.20q…) = %.20q… (%d bytes), want %.20q… (%d bytes)", c.body, got, len(got), c.want, len(c.want))
		}
	}
}

func TestPrepareOtherTransports(t *testing.T) {
	conn, mail := (&postOffice{}).at(t, "127.0.0.1:25")
	for _, c := range []struct {
		r    Request
		want *journal.Exchange
	}{
		{
			Request{Action: tableAction("append"), Input: map[string]any{"table": "a b", "row": map[string]any{"n": 1}}},
			&journal.Exchange{Method: "APPEND", URL: "table:a%20b", Body: `{"row":{"n":1}}`},
		},
		{
			Request{Action: mail, Connection: conn, Op: Op{Run: 1, Path: "send"}, Input: map[string]any{"to": []any{"ada@example.com"}, "subject": "s", "html": "<i>t</i>"}},
			&journal.Exchange{Method: "SEND", URL: "smtp://127.0.0.1:25", Body: "<i>t</i>", Headers: []string{
				`From: "Reports" <reports@shop.example>`, "To: <ada@example.com>", "Subject: s", "Message-ID: <fd1090e51029f3571e7b114a883869cb@shop.example>",
			}},
		},
	} {
		got, err := New(Options{}).Prepare(t.Context(), c.r)
		if err != nil {
			t.Errorf("Prepare(%s): %v", c.r.Action.ID, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Prepare(%s) (-want +got):\n%s", c.r.Action.ID, diff)
		}
	}
	_, err := New(Options{}).Prepare(t.Context(), Request{Action: mail, Connection: conn})
	if want := "email.send: input subject is missing (invalid)"; err == nil || err.Error() != want {
		t.Errorf("Prepare = %v, want %s", err, want)
	}
}

func TestSecretAddress(t *testing.T) {
	s := serve(t, nil)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		respond(404, `{"message":"nothing at `+s.URL+r.URL.Path+`"}`)(w, r)
	})
	s.connector.BaseURL, s.connector.Hosts = "", []string{"*"}
	in := input("url", text(), program.InPath, "url")
	in.Secret = true
	a := s.action("POST", "{url}", in)
	res, err := New(Options{AllowPrivate: true}).Do(t.Context(), Request{Action: a, Input: map[string]any{"url": s.URL + "/hook/T0/key"}})
	if want := "shop.act: nothing at [secret] (not_found)"; err == nil || err.Error() != want {
		t.Errorf("Do = %v, want %s", err, want)
	}
	if want := s.URL + "/[secret]"; res.Exchange.URL != want {
		t.Errorf("URL = %q, want %q", res.Exchange.URL, want)
	}
}

// cutting starts a server that handles connections by hand.
func cutting(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func readRequest(conn net.Conn) {
	buf := make([]byte, 4096)
	_, _ = conn.Read(buf)
}

func TestLost(t *testing.T) {
	reset := cutting(t, readRequest)
	half := cutting(t, func(conn net.Conn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"a\":")
	})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().String()
	_ = free.Close()
	secure := httptest.NewTLSServer(respond(200, `{}`))
	hush(secure.Config)
	t.Cleanup(secure.Close)
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(func() { close(hang); slow.Close() })
	garbled := httptest.NewServer(respond(200, `this is no gzip at all`, "Content-Encoding", "gzip"))
	t.Cleanup(garbled.Close)
	host := func(s *httptest.Server) string { return s.Listener.Addr().String() }

	for _, c := range []struct {
		name string
		base string
		want value.Failure
	}{
		{"reset after it was sent", "http://" + reset, value.Failure{Class: value.ClassTransient, Message: "the connection to " + reset + " broke off: EOF", Unsettled: true}},
		{"cut off in the answer", "http://" + half, value.Failure{Class: value.ClassTransient, Message: "the connection to " + half + " broke off: unexpected EOF", Unsettled: true, Status: 200}},
		{"nobody listens", "http://" + closed, value.Failure{Class: value.ClassTransient, Message: closed + " cannot be reached: connect: connection refused"}},
		{"no such name", "http://nowhere.invalid", value.Failure{Class: value.ClassTransient, Message: "the name nowhere.invalid cannot be found: no such host"}},
		{"a certificate nobody knows", secure.URL, value.Failure{Class: value.ClassTransient, Message: "no secure connection to " + host(secure) + ": tls: failed to verify certificate: x509: certificate signed by unknown authority"}},
		{"not TLS at all", "https://" + host(slow), value.Failure{Class: value.ClassTransient, Message: "the connection to " + host(slow) + " broke off: http: server gave HTTP response to HTTPS client"}},
		{"too slow", slow.URL, value.Failure{Class: value.ClassTransient, Message: "no answer from " + host(slow) + " within 50ms", Unsettled: true}},
		{"garbled", garbled.URL, value.Failure{Class: value.ClassInvalid, Message: "the answer of " + host(garbled) + " cannot be unpacked: gzip: invalid header", Status: 200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &service{connector: &program.Connector{ID: "shop", BaseURL: c.base}}
			a := s.action("POST", "/x")
			a.Timeout = 5 * time.Second
			if c.name == "too slow" {
				a.Timeout = 50 * time.Millisecond
			}
			conn := s.bearer()
			conn.Auth = &program.Auth{Type: program.AuthAPIKey, Query: "key"}
			got := failed(t, New(Options{Credentials: queryKey("hidden-key")}), Request{Action: a, Connection: conn})
			c.want.Action = "shop.act"
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	arrived, hang := make(chan struct{}), make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { close(arrived); <-hang })
	t.Cleanup(func() { close(hang) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := New(Options{}).Do(ctx, Request{Action: s.action("POST", "/x")})
	want := &value.Failure{Class: value.ClassTransient, Action: "shop.act", Unsettled: true, Message: "the call to " + s.Listener.Addr().String() + " was interrupted"}
	got, _ := errors.AsType[*value.Failure](err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

func TestGzip(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding = %q, want gzip", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, `{"a":"`+strings.Repeat("x", 5000)+`"}`)
		_ = z.Close()
	})
	done(t, New(Options{}), Request{Action: s.action("GET", "/x")})
	s.connector.MaxBody = 4096
	got := failed(t, New(Options{}), Request{Action: s.action("GET", "/x")})
	if want := "the answer is larger than the 4KB that shop allows (api.max_body)"; got.Message != want {
		t.Errorf("message = %q, want %q", got.Message, want)
	}
}

// refusing is a vault without what is asked for.
type refusing struct{ err error }

func (r refusing) Authorize(context.Context, *program.Connection, *http.Request) error { return r.err }

func (r refusing) Renew(context.Context, *program.Connection, *http.Request) error { return r.err }

func (refusing) Token(context.Context, *program.Connection) (string, error) { return "", nil }

func (r refusing) Reveal(context.Context, *program.Connection) (map[string]string, error) {
	return nil, r.err
}

func TestNoCredentials(t *testing.T) {
	s := serve(t, respond(200, `{}`))
	r := Request{Action: s.action("GET", "/x"), Connection: s.bearer()}
	for _, c := range []struct {
		err  error
		want value.Failure
	}{
		{errors.New("GHL_TOKEN is not set"), value.Failure{Class: value.ClassAuth, Message: "the credentials of connection main: GHL_TOKEN is not set"}},
		{value.Fail(value.ClassTransient, "the token service is away"), value.Failure{Class: value.ClassTransient, Message: "the token service is away"}},
	} {
		c.want.Action = "shop.act"
		got := failed(t, New(Options{Credentials: refusing{c.err}}), r)
		if diff := cmp.Diff(&c.want, got); diff != "" {
			t.Errorf("failure (-want +got):\n%s", diff)
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests were sent, want none", n)
	}
}

// queryKey is a vault that puts a key into the address.
type queryKey string

func (k queryKey) Authorize(_ context.Context, _ *program.Connection, req *http.Request) error {
	q := req.URL.Query()
	q.Set("key", string(k))
	req.URL.RawQuery = q.Encode()
	return nil
}

func (queryKey) Renew(context.Context, *program.Connection, *http.Request) error {
	return errors.New("a key cannot be renewed")
}

func (queryKey) Token(context.Context, *program.Connection) (string, error) { return "", nil }

func (queryKey) Reveal(context.Context, *program.Connection) (map[string]string, error) {
	return map[string]string{}, nil
}
