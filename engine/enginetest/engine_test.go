package enginetest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// The secrets of the connection to the ledger.
const (
	ledgerToken  = "sandbox-token" // the one that a played service takes
	ledgerSecret = "ledger-secret-0123456789"
)

// patience is how long a test waits for what must happen soon, on a machine
// that is busy.
const patience = 60 * time.Second

// lines are those of every order.
var lines = []string{"a", "b", "c", "d"}

// badLine is one that the ledger does not take.
const badLine = "bad"

// environment is what the engines see of the environment.
func environment(name string) (string, bool) {
	v, ok := map[string]string{"LEDGER_TOKEN": ledgerToken, "LEDGER_SECRET": ledgerSecret}[name]
	return v, ok
}

// workspace makes a folder with the ledger's connector, its flow and the
// connection to url, and returns it.
func workspace(t *testing.T, url string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/workspace")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "flows/connections.yaml", `connections: 1
ledger:
  connector: ledger
  auth: token
  base_url: `+url+`
  account: a1
  token: ${{ env.LEDGER_TOKEN }}
  signing_secret: ${{ env.LEDGER_SECRET }}
`)
	return dir
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// options are those of the engines of all tests, live, over dir.
func options(dir string, log io.Writer) engine.Options {
	return engine.Options{
		Dir: dir, Builtin: connectors.Files, Version: "test", Env: environment,
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// client speaks to an engine that serves, in this process or another one.
type client struct {
	t             testing.TB
	base, vendors string // the addresses of both listeners
	token         string
	stop          func() // stops it in good order; nil of a process. It may be called twice
}

// serve runs an engine in this process until the test ends or stop is called.
func serve(t testing.TB, opt engine.Options) *client {
	t.Helper()
	e, err := engine.Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t}
	ctx, cancel := context.WithCancel(context.Background())
	ready, over := make(chan struct{}), make(chan error, 1)
	go func() {
		over <- e.Serve(ctx, func(people, vendors, token string) {
			c.base, c.vendors, c.token = "http://"+people, "http://"+vendors, token
			close(ready)
		})
	}()
	select {
	case <-ready:
	case err := <-over:
		cancel()
		t.Fatalf("serve: %v", err)
	}
	stopped := false
	c.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-over; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
	t.Cleanup(c.stop)
	return c
}

// api asks the API; in is the body of a POST, nil for a GET.
func (c *client) api(method, path string, in, out any) int {
	c.t.Helper()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			c.t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.base+"/api/v1"+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
	return res.StatusCode
}

// await fails the test if what is not true in time.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("it did not happen in %s: %s", patience, what)
}

// ended waits until the run that is meant has ended.
func (c *client) ended(what string, meant func(console.Run) bool) console.Run {
	c.t.Helper()
	var found console.Run
	await(c.t, what+" has ended", func() bool {
		var runs []console.Run
		c.api(http.MethodGet, "/runs?limit=200", nil, &runs)
		for _, r := range runs {
			if meant(r) && r.Status.HasEnded() {
				found = c.run(r.ID)
				return true
			}
		}
		return false
	})
	return found
}

// counts returns how many runs a flow has in each status.
func (c *client) counts(flow string) map[journal.Status]int {
	c.t.Helper()
	var f console.Flow
	if code := c.api(http.MethodGet, "/flows/"+flow, nil, &f); code != http.StatusOK {
		c.t.Fatalf("flow %s: status %d", flow, code)
	}
	return f.Runs
}

// settled waits until no run of the flow goes on by itself.
func (c *client) settled(flow string) map[journal.Status]int {
	c.t.Helper()
	var counts map[journal.Status]int
	await(c.t, "all runs of "+flow+" have ended", func() bool {
		counts = c.counts(flow)
		return counts[journal.Queued]+counts[journal.Running]+counts[journal.WaitingStatus] == 0
	})
	return counts
}

// idle waits until no run of any flow, live or not, goes on by itself.
func (c *client) idle() {
	c.t.Helper()
	await(c.t, "all runs have ended", func() bool {
		for _, status := range []journal.Status{journal.Queued, journal.Running, journal.WaitingStatus} {
			var open []console.Run
			if c.api(http.MethodGet, "/runs?limit=1&status="+string(status), nil, &open); len(open) > 0 {
				return false
			}
		}
		return true
	})
}

// run returns a run with its journal.
func (c *client) run(id int64) console.Run {
	c.t.Helper()
	var run console.Run
	if code := c.api(http.MethodGet, fmt.Sprintf("/runs/%d", id), nil, &run); code != http.StatusOK {
		c.t.Fatalf("run %d: status %d", id, code)
	}
	return run
}

// atRest waits until a run has ended or asks a question.
func (c *client) atRest(id int64) console.Run {
	c.t.Helper()
	var run console.Run
	await(c.t, fmt.Sprintf("run %d has ended", id), func() bool {
		run = c.run(id)
		return run.Status.HasEnded() || run.Status == journal.OutcomeUnknown
	})
	return run
}

// start begins a run of a flow on demand.
func (c *client) start(flow string) int64 {
	c.t.Helper()
	var started console.StartAnswer
	if code := c.api(http.MethodPost, "/flows/"+flow+"/runs", console.StartRequest{}, &started); code != http.StatusAccepted {
		c.t.Fatalf("start %s: status %d", flow, code)
	}
	return started.Run
}

// hook returns the address of the webhook of a connection.
func (c *client) hook(connection string) string {
	c.t.Helper()
	var addresses []console.Address
	c.api(http.MethodGet, "/addresses", nil, &addresses)
	for _, a := range addresses {
		if a.Connection == connection || a.Connection == "" && a.Connector == connection {
			_, path, _ := strings.Cut(a.URL, "/hooks/")
			return c.vendors + "/hooks/" + path
		}
	}
	c.t.Fatalf("no webhook of %s among %v", connection, addresses)
	return ""
}

// delivery is a webhook as its sender writes it.
type delivery struct {
	url    string
	header map[string]string
	body   string
}

// post delivers and returns the status and the text of the answer.
func post(ctx context.Context, d delivery) (int, string, error) {
	return postBy(ctx, http.DefaultClient, d)
}

// bring delivers until it is taken: whoever has too much to do says so, and
// then one comes again. It returns how often that was.
func bring(t testing.TB, client *http.Client, d delivery) (again int64) {
	t.Helper()
	for end := time.Now().Add(patience); ; again++ {
		code, text, err := postBy(context.WithoutCancel(t.Context()), client, d)
		switch {
		case err == nil && code == http.StatusOK:
			return again
		case err != nil || code != http.StatusServiceUnavailable || time.Now().After(end):
			t.Errorf("deliver %s = %d %q, %v, want 200", d.body, code, text, err)
			return again
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func postBy(ctx context.Context, client *http.Client, d delivery) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, strings.NewReader(d.body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, text := range d.header {
		req.Header.Set(name, text)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// placed returns the delivery of an order, signed as the ledger signs.
func placed(url, id, order string, lines []string) delivery {
	return placedFor(url, id, order, "tea", lines)
}

func placedFor(url, id, order, sku string, lines []string) delivery {
	return happened(url, "placed", id, order, sku, lines)
}

// happened returns the delivery of an event of any kind.
func happened(url, kind, id, order, sku string, lines []string) delivery {
	body, _ := json.Marshal(map[string]any{"id": id, "type": kind, "order": order, "sku": sku, "lines": lines})
	at := strconv.FormatInt(time.Now().Unix(), 10)
	return delivery{url: url, body: string(body), header: map[string]string{
		"X-Ledger-Signature": "t=" + at + ",v1=" + hmacOf(ledgerSecret, at+"."+string(body)),
	}}
}

// nameOf returns the id of the nth event. That of a parcel begins with its carrier.
func nameOf(kind string, n int) string {
	switch kind {
	case "placed":
		return fmt.Sprintf("e%05d", n)
	case "shipped":
		return fmt.Sprintf("%s.%05d", []string{"north", "south", "west"}[n%3], n)
	default:
		return fmt.Sprintf("%s-%05d", kind, n)
	}
}

// eventOf returns the delivery of an event with that id.
func eventOf(url, kind, id string) delivery {
	switch kind {
	case "shipped":
		carrier, _, _ := strings.Cut(id, ".")
		return happened(url, kind, id, "order-"+id, carrier, lines)
	case "returned":
		return happened(url, kind, id, "order-"+id, "tea", append([]string{badLine}, lines...))
	default:
		return happened(url, kind, id, "order-"+id, "tea", lines)
	}
}

func hmacOf(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// trace writes a journal out, for the messages of tests.
func trace(run console.Run) string {
	var out strings.Builder
	for _, e := range run.Journal {
		fmt.Fprintf(&out, "%s %s %s %s %v\n", e.At.Format("15:04:05.000"), e.Kind, e.Path, e.Text, e.Failure)
	}
	return out.String()
}
