package call

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// service is a remote service on loopback with a connector for it.
type service struct {
	*httptest.Server
	connector *program.Connector

	mu  sync.Mutex
	got []string // the requests, as text
}

// serve starts a service that notes what it is asked.
func serve(t *testing.T, answer http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := dump(t, r)
		s.mu.Lock()
		s.got = append(s.got, text)
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	s.connector = &program.Connector{ID: "shop", Name: "Shop", BaseURL: s.URL + "/v1"}
	return s
}

// dump returns a request as text, without what the transport adds.
func dump(t *testing.T, r *http.Request) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.RequestURI)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name == "Accept-Encoding" || name == "Content-Length" {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("read the body of %s: %v", r.URL, err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) > 0 {
		fmt.Fprintf(&b, "\n%s", body)
	}
	return b.String()
}

func (s *service) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// action adds an action to the connector of a service.
func (s *service) action(method, path string, inputs ...*program.Input) *program.Action {
	return &program.Action{
		Connector: s.connector, ID: "shop.act", Name: "act",
		Effect: program.EffectRead, Repeat: program.Repeat{Safe: true},
		Transport: program.HTTP, Method: method, Path: path, Input: inputs,
		Output: program.Output{Type: value.Of(value.Any), At: []string{"body"}, MayBeMissing: true},
	}
}

func input(name string, t *value.Type, in program.In, path ...string) *program.Input {
	return &program.Input{Field: value.Field{Name: name, Type: t}, Place: program.Place{In: in, Path: path}}
}

func optional(in *program.Input) *program.Input {
	in.Optional = true
	return in
}

func text() *value.Type { return value.Of(value.String) }

func object(name string, fields ...value.Field) *value.Type {
	return &value.Type{Kind: value.Object, Name: name, Fields: fields}
}

func field(name string, t *value.Type, wire ...string) value.Field {
	return value.Field{Name: name, Type: t, Wire: wire}
}

// bearer is a connection with a token.
func (s *service) bearer() *program.Connection {
	return &program.Connection{
		Name: "main", Connector: s.connector, Auth: &program.Auth{Name: "token", Type: program.AuthBearer},
		Fields: map[string]any{"account": "a-1"},
	}
}

// tokens is a vault with one token, replaced when it is renewed.
type tokens struct {
	mu      sync.Mutex
	token   string
	next    string // after a renewal; "" for none
	renewed []string
}

func (k *tokens) Authorize(_ context.Context, _ *program.Connection, req *http.Request) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	req.Header.Set("Authorization", "Bearer "+k.token)
	return nil
}

func (k *tokens) Renew(_ context.Context, conn *program.Connection, refused *http.Request) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renewed = append(k.renewed, conn.Name+" "+refused.Header.Get("Authorization"))
	if k.next == "" {
		return errors.New("the token cannot be renewed, connect again")
	}
	k.token = k.next
	return nil
}

func (k *tokens) Reveal(context.Context, *program.Connection) (map[string]string, error) {
	return map[string]string{"username": "robot", "password": k.token}, nil
}

func (k *tokens) Token(_ context.Context, conn *program.Connection) (string, error) {
	if conn.Auth.Type != program.AuthOAuth2Code {
		return "", nil
	}
	return k.token, nil
}

// condition compiles the condition of an error rule.
func condition(t *testing.T, source string) *expr.Code {
	t.Helper()
	scope := expr.NewScope(
		value.Field{Name: "status", Type: value.Of(value.Integer)},
		value.Field{Name: "headers", Type: value.MapOf(text())},
		value.Field{Name: "body"},
	)
	code, problems := expr.Compile(source, scope, value.Of(value.Boolean))
	if len(problems) > 0 {
		t.Fatalf("expr.Compile(%q): %v", source, problems)
	}
	return code
}

// respond answers with a status and a JSON body.
func respond(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// failed makes a call that must fail and returns how.
func failed(t *testing.T, c *Client, r Request) *value.Failure {
	t.Helper()
	res, err := c.Do(t.Context(), r)
	f, ok := errors.AsType[*value.Failure](err)
	if !ok {
		t.Fatalf("Do(%s) = %v, %v, want a failure", r.Action.ID, res.Output, err)
	}
	return f
}

// done makes a call that must not fail.
func done(t *testing.T, c *Client, r Request) Result {
	t.Helper()
	res, err := c.Do(t.Context(), r)
	if err != nil {
		t.Fatalf("Do(%s) = %v", r.Action.ID, err)
	}
	return res
}

// hush keeps a server quiet that is expected to complain.
func hush(s *http.Server) { s.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) }

// base64Reader decodes base64 that is broken into lines.
func base64Reader(r io.Reader) io.Reader { return base64.NewDecoder(base64.StdEncoding, r) }
