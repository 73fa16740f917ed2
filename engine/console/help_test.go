package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/connectors"
	"patchbay/engine"
	"patchbay/engine/journal"
)

// workspace is what the tests serve. BELL is the address of a real server.
var workspace = map[string]string{
	"connectors/bell/connector.yaml": `connector: 1
id: bell
name: Bell
docs: https://bell.example/docs
help: A bell that can be rung.
api: { base_url: "https://bell.example" }
connection:
  auth:
    key:
      type: bearer
      label: Key
      fields:
        token: { type: secret, label: Key }
  test: { action: state }
types:
  Ring:
    id: { type: string, help: Its number, example: r1 }
    for: { type: string, optional: true, example: Ada }
actions:
  state:
    name: Read the state
    effect: read
    request: GET /state
    scopes: [bell.read]
    output: { one: Ring }
  ring:
    name: Ring the bell
    help: Rings once.
    effect: create
    repeat: unsafe
    request: POST /rings
    scopes: [bell.ring]
    input:
      for: { type: string, label: For whom, example: Ada }
      count: { type: integer, optional: true }
    output: { one: Ring }
triggers:
  rung:
    name: The bell was rung
    type: webhook
    match: body.event == "rung"
    output: { one: Ring, at: body.ring }
    example: rung.json
webhooks:
  event_id: body.id
  verify:
    - { type: shared_token, header: X-Key, secret: token }
  ack: { within: 5s }
`,
	"connectors/bell/rung.json": `{"id": "e1", "event": "rung", "ring": {"id": "r1", "for": "Ada"}}`,
	"flows/connections.yaml": `connections: 1
bell: { connector: bell, auth: key, base_url: BELL, token: "${{ secret.bell_key }}" }
spare: { connector: bell, auth: key, base_url: BELL, token: "${{ secret.spare_key }}" }
`,
	"flows/greet.yaml": `flow: 1
name: Greet
description: Rings the bell for somebody.
triggers:
  - on_demand: {}
inputs:
  name: { type: string, label: Name }
  count: { type: integer, optional: true }
use: { bell: bell }
steps:
  - id: ring
    action: bell.ring
    with: { for: "${{ inputs.name }}", count: "${{ inputs.count }}" }
output: { ring: "${{ steps.ring.id }}" }
`,
	"flows/note.yaml": `flow: 1
name: Note rings
use: { bell: bell }
triggers:
  - trigger: bell.rung
steps:
  - action: table.upsert
    with: { table: rings, row: { id: "${{ event.id }}", for: "${{ event.for ?? '' }}" } }
`,
	"flows/tidy.yaml": `flow: 1
name: Tidy <up>
triggers:
  - on_demand: {}
  - schedule: { every: 90m }
steps:
  - id: each
    for_each: 1..300
    as: n
    steps:
      - set: { n: "${{ n }}" }
  - id: ring
    action: bell.ring
    with: { for: gate }
  - set: { done: true }
use: { bell: bell }
`,
	"flows/rings.yaml": `table: 1
name: Rings
description: Who the bell rang for.
fields:
  id: { type: string }
  for: { type: string }
key: id
`,
	"flows/broken.yaml": "flow: 1\nname: Broken\nstepz: []\n",
}

// served is an engine that serves the workspace.
type served struct {
	t                             *testing.T
	dir, bell, base, hooks, token string
	gate                          chan struct{} // opens what rings for "gate" and "slow"
	waits                         chan struct{} // receives when somebody waits there
}

// serve starts an engine over the workspace, in the sandbox or with a real
// bell.
func serve(t *testing.T, sandbox bool) *served {
	t.Helper()
	s := &served{t: t, dir: t.TempDir(), gate: make(chan struct{}), waits: make(chan struct{}, 100)}
	bell := httptest.NewServer(http.HandlerFunc(s.ring))
	t.Cleanup(bell.Close)
	s.bell = bell.URL
	for name, text := range workspace {
		s.write(name, strings.ReplaceAll(text, "BELL", bell.URL))
	}
	e, err := engine.Open(t.Context(), engine.Options{
		Dir: s.dir, Sandbox: sandbox, Builtin: connectors.Files, Version: "test",
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, over := make(chan struct{}), make(chan error, 1)
	go func() {
		over <- e.Serve(ctx, func(people, hooks, token string) {
			s.base, s.hooks, s.token = "http://"+people, "http://"+hooks, token
			close(ready)
		})
	}()
	select {
	case <-ready:
	case err := <-over:
		t.Fatalf("serve: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

func (s *served) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// ring is the bell: it hangs up on who rings for "lost", and lets "gate" and
// "slow" wait until the gate opens.
func (s *served) ring(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("Authorization") != "Bearer k3y-of-the-bell" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"message": "who are you?"}`)
		return
	}
	var in struct{ For string }
	_ = json.NewDecoder(r.Body).Decode(&in) // a GET has no body
	switch in.For {
	case "lost":
		panic(http.ErrAbortHandler)
	case "nobody":
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"message": "nobody is not at home"}`)
		return
	case "gate", "slow":
		s.waits <- struct{}{}
		select {
		case <-s.gate:
		case <-r.Context().Done():
		}
	}
	fmt.Fprintf(w, `{"id": "r1", "for": %q}`, in.For)
}

// request makes a request with the token as a bearer.
func (s *served) request(method, path, body string) *http.Request {
	s.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, in)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// do sends a request and returns the status and the body of the answer.
// Redirects are not followed.
func (s *served) do(req *http.Request) (*http.Response, string) {
	s.t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, string(data)
}

// api asks the API and decodes the answer into out, if it is not nil.
func (s *served) api(method, path, body string, out any) int {
	s.t.Helper()
	res, text := s.do(s.request(method, "/api/v1"+path, body))
	if out != nil {
		if err := json.Unmarshal([]byte(text), out); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return res.StatusCode
}

// start begins a run and returns its number.
func (s *served) start(flow, body string) int64 {
	s.t.Helper()
	var started struct{ Run int64 }
	if code := s.api(http.MethodPost, "/flows/"+flow+"/runs", body, &started); code != http.StatusAccepted {
		s.t.Fatalf("start %s = %d, want 202", flow, code)
	}
	return started.Run
}

// follow hands each event of a run to seen, until the run is at rest.
func (s *served) follow(run int64, seen func(line string, e journal.Event)) error {
	res, err := http.DefaultTransport.RoundTrip(s.request(http.MethodGet, fmt.Sprintf("/api/v1/runs/%d/events?follow=1", run), ""))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var e journal.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return err
		}
		seen(line, e)
	}
}

// finish waits until a run is at rest.
func (s *served) finish(run int64) {
	s.t.Helper()
	if err := s.follow(run, func(string, journal.Event) {}); err != nil {
		s.t.Fatal(err)
	}
}
