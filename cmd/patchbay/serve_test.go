package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// command is a command line that goes on until it is stopped.
type command struct {
	t     *testing.T
	lines *bufio.Scanner
	seen  strings.Builder
	stop  context.CancelFunc
	code  chan int
	rest  chan struct{} // closed at the end of what nobody reads; nil where it is read
}

// start runs a command line in the background.
func start(t *testing.T, args ...string) *command {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	c := &command{t: t, lines: bufio.NewScanner(out), stop: stop, code: make(chan int, 1)}
	go func() {
		code := Main(ctx, Process{Args: args, Stdin: strings.NewReader(""), Stdout: in, Stderr: t.Output(), Env: noEnv})
		_ = in.Close() // the reader learns of the end
		c.code <- code
	}()
	t.Cleanup(func() { c.end() })
	return c
}

func noEnv(string) (string, bool) { return "", false }

// until reads what the command says up to the line that has the form, and
// returns what the first group of the form matches.
func (c *command) until(form string) string {
	c.t.Helper()
	want := regexp.MustCompile(form)
	for c.lines.Scan() {
		c.seen.WriteString(c.lines.Text() + "\n")
		if m := want.FindStringSubmatch(c.lines.Text()); m != nil {
			return m[len(m)-1]
		}
	}
	c.t.Fatalf("the command ended without a line like %s, after:\n%s", form, c.seen.String())
	return ""
}

// ignore reads what the command says from here on, which is nobody's business.
func (c *command) ignore() {
	c.rest = make(chan struct{})
	go func() {
		defer close(c.rest)
		for c.lines.Scan() {
		}
	}()
}

// end stops the command and returns its exit code.
func (c *command) end() int {
	c.stop()
	if c.rest != nil {
		<-c.rest
	}
	for c.lines.Scan() {
		c.seen.WriteString(c.lines.Text() + "\n")
	}
	code := <-c.code
	c.code <- code
	return code
}

// said is what a command line that ends by itself wrote.
func said(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	code := Main(t.Context(), Process{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &problems, Env: noEnv})
	if code != want {
		t.Fatalf("patchbay %s = %d, want %d\n%s%s", strings.Join(args, " "), code, want, out.String(), problems.String())
	}
	return out.String() + problems.String()
}

func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/workspace")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func rewrite(t *testing.T, file, from, to string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(data, []byte(from), []byte(to)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestServe(t *testing.T) {
	dir := copied(t)
	file := filepath.Join(dir, "flows", "thing-report.yaml")
	served := start(t, "serve", "--sandbox", "--dir", dir, "--listen", "127.0.0.1:0", "--hooks-listen", "127.0.0.1:0")
	address := served.until(`^console   (http://127\.0\.0\.1:\d+/\?token=\w+)$`)
	served.until(`^webhooks  http://127\.0\.0\.1:\d+/hooks/acme/\w+  for thing-made$`)

	// The commands find the process that serves, and it tells of their runs.
	got := said(t, exitDone, "run", "thing-report", "--sandbox", "--dir", dir)
	if !strings.Contains(got, "done     things List the things · acme.list_things") {
		t.Errorf("run beside serve printed:\n%s", got)
	}
	served.until(`run \d+ of thing-report succeeded after [0-9.]+m?s$`)
	said(t, exitDone, "sandbox", "send", "acme.thing_made", "--dir", dir)
	served.until(`run \d+ of thing-made succeeded after [0-9.]+m?s$`)
	if got := said(t, exitFailed, "serve", "--sandbox", "--dir", dir); !strings.Contains(got, "another patchbay serves the data folder") {
		t.Errorf("a second serve said: %s", got)
	}

	// A file with a mistake keeps its last good version live.
	rewrite(t, file, "steps.things)", "steps.thingz)")
	served.until(`reloaded: flows/thing-report\.yaml has errors, its last good version stays live; 2 errors$`)
	served.until(`^      fix:    things   \(patchbay check --fix\)$`)
	said(t, exitDone, "run", "thing-report", "--sandbox", "--dir", dir)
	rewrite(t, file, "steps.thingz)", "steps.things)")
	served.until(`reloaded: flows/thing-report\.yaml is live as it stands; no findings$`)
	rewrite(t, file, "default: today", "default: now")
	served.until(`reloaded: changed thing-report; no findings$`)

	// The printed address opens the console.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Jar: jar}).Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("GET %s = %d, want %d", address, resp.StatusCode, http.StatusOK)
	}
	if code := served.end(); code != exitDone {
		t.Errorf("serve = %d, want %d", code, exitDone)
	}
	if want := "stopped; what was under way goes on with the next `patchbay serve`\n"; !strings.HasSuffix(served.seen.String(), want) {
		t.Errorf("serve ended with\n%s\nwant %s", served.seen.String(), want)
	}
}

// TestUnknownOutcome lets a service take a write and never answer: the run
// asks, and a person answers.
func TestUnknownOutcome(t *testing.T) {
	dir := copied(t)
	service := start(t, "sandbox", "--dir", dir, "--listen", "127.0.0.1:0")
	acme := service.until(`^acme  (http://\S+)$`)
	base := service.until(`steer it: (http://\S+)/$`)
	rewrite(t, filepath.Join(dir, "flows", "connections.yaml"), "  token: ${{ env.ACME_TOKEN }}\n", "  token: sandbox-token\n  base_url: "+acme+"\n")
	rewrite(t, filepath.Join(dir, "flows", "connections.yaml"), "${{ secret.acme_signing }}", "sandbox-signing_secret")
	event := filepath.Join(dir, "event.json")
	if err := os.WriteFile(event, []byte(`{"id": "t9", "name": "Vase", "tags": []}`), 0o600); err != nil {
		t.Fatal(err)
	}

	fail(t, base)
	got := said(t, exitFailed, "run", "thing-made", "--event", event, "--dir", dir)
	if want := "Did it happen? Look at the service, then: patchbay runs answer 1 --happened (or --did-not-happen)\n"; !strings.HasSuffix(got, want) {
		t.Errorf("the run ended with\n%s\nwant %s", got, want)
	}
	got = said(t, exitDone, "runs", "answer", "1", "--did-not-happen", "--dir", dir)
	if want := "  answered note Tell everybody · did not happen\n  done     note Tell everybody · acme.send_note · {\"id\":\"n1\"}\n"; !strings.HasPrefix(steadied(got), want) {
		t.Errorf("the answer printed\n%s\nwant\n%s", got, want)
	}

	fail(t, base)
	said(t, exitFailed, "run", "thing-made", "--event", event, "--dir", dir)
	got = steadied(said(t, exitDone, "runs", "answer", "2", "--happened", "--step", "note", "--dir", dir))
	want := "  answered note Tell everybody · happened\n  skipped  #2 · event.name == \"Table\" is false: event.name is \"Vase\"\nrun 2 succeeded after 1ms\n"
	if got != want {
		t.Errorf("the answer printed\n%s\nwant\n%s", got, want)
	}
}

// fail lets the next note be taken and not answered.
func fail(t *testing.T, base string) {
	t.Helper()
	order := `{"connector": "acme", "action": "send_note", "kind": "reset", "count": 1, "after": true}`
	resp, err := http.Post(base+"/_fail", "application/json", strings.NewReader(order))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("POST /_fail = %d, want %d", resp.StatusCode, http.StatusOK)
	}
}
