package console_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
)

var update = flag.Bool("update", false, "rewrite testdata")

// talk writes down what the API is asked and what it answers.
type talk struct {
	*served
	out     bytes.Buffer
	answers strings.Builder
}

// ask makes a request and writes it down with its answer.
func (k *talk) ask(method, path, body string) {
	k.t.Helper()
	res, text := k.do(k.request(method, "/api/v1"+path, body))
	fmt.Fprintf(&k.out, "%s %s\n", method, path)
	if body != "" {
		fmt.Fprintf(&k.out, "%s\n", body)
	}
	fmt.Fprintf(&k.out, "%d %s\n", res.StatusCode, res.Header.Get("Content-Type"))
	k.answers.WriteString(text)
	for line := range strings.Lines(text) {
		k.out.WriteString(k.steady(line) + "\n")
	}
	k.out.WriteByte('\n')
}

// steady indents a JSON text and replaces what is different each time.
func (k *talk) steady(text string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(strings.TrimSpace(text)), "", "  "); err != nil {
		k.t.Fatalf("%v in %s", err, text)
	}
	out := strings.NewReplacer(k.bell, "https://bell.example", strings.TrimPrefix(k.bell, "http://"), "bell.example", k.hooks, "https://hooks.example", k.dir, "/workspace").Replace(b.String())
	lines := strings.Split(out, "\n")
	for i, line := range lines {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ": ")
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		comma := line[len(strings.TrimSuffix(line, ",")):]
		switch name {
		case `"at"`, `"since"`, `"until"`, `"begun"`, `"created"`, `"ended"`, `"live_at"`, `"took"`, `"hash"`, `"definition"`:
			lines[i] = indent + name + ": …" + comma
		case `"event_id"`:
			if strings.Contains(line, `"demand-`) {
				lines[i] = indent + name + `: "demand-…"` + comma
			}
		case `"url"`:
			if strings.Contains(line, "/hooks/") {
				lines[i] = indent + name + `: "https://hooks.example/hooks/…"` + comma
			}
		}
	}
	return strings.Join(lines, "\n")
}

// golden compares what was written down with the file of testdata.
func (k *talk) golden(name string) {
	k.t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, k.out.Bytes(), 0o644); err != nil {
			k.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		k.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), k.out.String()); diff != "" {
		k.t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	for _, secret := range []string{"k3y-of-the-bell", "sp4re", k.token} {
		if strings.Contains(k.answers.String(), secret) {
			k.t.Errorf("the API shows the secret %s", secret)
		}
	}
}

// TestAPI asks every route what it is for and what it must refuse. Its golden
// file is the documentation by example.
func TestAPI(t *testing.T) {
	k := &talk{served: serve(t, false)}

	k.ask("GET", "/status", "")
	k.ask("GET", "/findings", "")
	k.ask("POST", "/check", `{"path": "flows/new.yaml", "text": "flow: 1\ntriggers:\n  - on_demand: {}\nsteps:\n  - stop: ${{ flow.nmae }}\n"}`)
	k.ask("POST", "/check", `{"path": "flows/new.yaml", "text": "flow: 1\ntriggers:\n  - on_demand: {}\nsteps:\n  - stop: ${{ flow.name }}\n"}`)
	k.ask("POST", "/check", `{"path": "../new.yaml", "text": ""}`)
	k.ask("GET", "/flows", "")
	k.ask("GET", "/flows/note", "")
	k.ask("GET", "/flows/grete", "")
	k.ask("GET", "/flows/broken", "")
	k.ask("GET", "/operations?connector=bell", "")
	k.ask("GET", "/operations?connector=belt", "")
	k.ask("GET", "/addresses", "")
	k.ask("GET", "/rejections", "")
	k.ask("GET", "/scopes", "")
	k.ask("GET", "/nothing", "")
	k.ask("DELETE", "/flows", "")

	k.ask("GET", "/secrets", "")
	k.ask("GET", "/connections", "")
	k.ask("PUT", "/secrets/bell_key", `{"value": "k3y-of-the-bell"}`)
	k.ask("PUT", "/secrets/spare_key", `{"value": "sp4re"}`)
	k.ask("PUT", "/secrets/empty", `{"value": ""}`)
	k.ask("PUT", "/secrets/number", `{"value": 7}`)
	k.ask("GET", "/secrets", "")
	k.ask("GET", "/connections?test=1", "")
	k.ask("DELETE", "/secrets/spare_kee", "")
	k.ask("DELETE", "/secrets/spare_key", "")
	k.ask("POST", "/connections/bell/connect", `{}`)
	k.ask("POST", "/connections/bel/connect", `{}`)
	k.ask("POST", "/connect/finish", `{"url": "https://elsewhere.example/"}`)
	k.ask("POST", "/connect/finish", `{"url": "https://hooks.example/oauth/callback?code=1&state=unknown"}`)

	k.ask("POST", "/call", `{"action": "bell.ring", "with": {"for": "Ada", "count": 9007199254740993}}`)
	k.ask("POST", "/call", `{"action": "bell.ring", "connection": "spare", "with": {"for": "Ada"}}`)
	k.ask("POST", "/call", `{"action": "bell.ring", "with": {"for": "nobody"}}`)
	k.ask("POST", "/call", `{"action": "bell.ring", "with": {}}`)
	k.ask("POST", "/call", `{"action": "bell.rong"}`)
	k.ask("POST", "/call", `{"action": "bell.ring", "connection": "belt"}`)
	k.ask("POST", "/call", `{"action": "bell.ring", "wiht": {}}`)
	k.ask("POST", "/call", `{"action": "bell.ring", "with": []}`)
	k.ask("POST", "/call", `{"action":`)
	k.ask("POST", "/call", `[]`)
	k.ask("POST", "/sandbox/send", `{"trigger": "bell.rung"}`)
	k.golden("api.txt")
}

// TestAPIRuns goes through the life of runs.
func TestAPIRuns(t *testing.T) {
	k := &talk{served: serve(t, false)}
	k.api("PUT", "/secrets/bell_key", `{"value": "k3y-of-the-bell"}`, nil)

	k.ask("GET", "/runs", "")
	k.ask("POST", "/flows/greet/runs", `{"inputs": {"name": "Ada", "count": 2}, "event_id": "first"}`)
	k.finish(1)
	k.ask("POST", "/flows/greet/runs", `{"inputs": {"name": "Ada"}, "event_id": "first"}`)
	k.ask("GET", "/runs/1", "")
	k.ask("GET", "/runs/1/events", "")
	k.ask("POST", "/flows/greet/runs", `{}`)
	k.ask("POST", "/flows/greet/runs", `{"inputs": {"name": "Ada", "count": 1.5}}`)
	k.ask("POST", "/flows/greet/runs", `{"inputs": {"name": "Ada"}, "trigger": "hourly"}`)
	k.ask("POST", "/flows/note/runs", `{}`)
	k.ask("POST", "/flows/note/runs", `{"event": {"id": 5}}`)
	k.ask("POST", "/flows/note/runs", `{"event": {"id": "e2", "event": "rung", "ring": {"id": "r2", "for": "Bo"}}}`)
	k.finish(2)
	k.ask("GET", "/tables", "")
	k.ask("GET", "/tables/rings", "")
	k.ask("GET", "/tables/rinks", "")
	k.ask("GET", "/tables/rings?limit=some", "")

	lost := k.start("greet", `{"inputs": {"name": "lost"}}`)
	k.finish(lost)
	k.ask("GET", "/runs/3", "")
	k.ask("POST", "/runs/3/answer", `{}`)
	k.ask("POST", "/runs/3/answer", `{"path": "rong", "happened": true}`)
	k.ask("POST", "/runs/3/answer", `{"happened": false, "output": {}}`)
	k.ask("POST", "/runs/3/answer", `{"happened": true, "output": {"id": "r9"}}`)
	k.finish(lost)
	k.ask("POST", "/runs/3/answer", `{"happened": true}`)
	k.ask("GET", "/runs/3", "")

	slow := k.start("greet", `{"inputs": {"name": "slow"}}`)
	err := k.follow(slow, func(_ string, e journal.Event) {
		if e.Kind == journal.Intent {
			k.ask("POST", "/runs/4/cancel", `{}`)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	k.ask("POST", "/runs/4/cancel", `{}`)
	k.ask("POST", "/runs/44/cancel", `{}`)
	k.ask("GET", "/runs/x/events", "")
	k.ask("GET", "/runs?limit=2", "")
	k.ask("GET", "/runs?before=2&flow=greet", "")
	k.ask("GET", "/runs?status=cancelled", "")
	k.ask("GET", "/runs?status=done", "")
	k.ask("GET", "/runs?flow=grete", "")
	k.ask("GET", "/runs?limit=-1", "")
	close(k.gate)
	k.golden("runs.txt")
}

// TestAPISandbox plays events where the services are played.
func TestAPISandbox(t *testing.T) {
	k := &talk{served: serve(t, true)}
	k.ask("POST", "/sandbox/send", `{"trigger": "bell.rung", "event": {"id": "e7", "event": "rung", "ring": {"id": "r7", "for": "Cy"}}}`)
	k.ask("POST", "/sandbox/send", `{"trigger": "bell.runk"}`)
	k.ask("POST", "/sandbox/send", `{"trigger": "qonto.new_transaction"}`)
	k.ask("POST", "/sandbox/send", `{}`)
	k.ask("GET", "/connections", "")
	k.golden("sandbox.txt")
}

// TestReady says which files are not live as they stand.
func TestReady(t *testing.T) {
	s := serve(t, false)
	res, text := s.do(s.request(http.MethodGet, "/readyz", ""))
	want := "flows/broken.yaml: file and live version differ: the file has errors, nothing of it is live\n"
	if res.StatusCode != http.StatusServiceUnavailable || text != want {
		t.Errorf("GET /readyz = %d %q, want 503 %q", res.StatusCode, text, want)
	}
	res, text = s.do(s.request(http.MethodGet, "/healthz", ""))
	if res.StatusCode != http.StatusOK || text != "ok\n" {
		t.Errorf("GET /healthz = %d %q, want 200 ok", res.StatusCode, text)
	}
}
