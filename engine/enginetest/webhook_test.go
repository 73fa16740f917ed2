package enginetest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/connectors"
	"patchbay/engine/console"
	"patchbay/engine/journal"
)

const (
	slackSecret = "slack-signing-secret-0123"
	qontoSecret = "qonto-webhook-secret-0123"
)

// hookWorkspace has a flow behind a webhook of the ledger, of Slack and of
// Qonto each.
func hookWorkspace(t *testing.T) string {
	t.Helper()
	dir := workspace(t, "http://127.0.0.1:1")
	write(t, dir, "flows/connections.yaml", `connections: 1
ledger:
  connector: ledger
  auth: token
  account: a1
  token: ${{ env.LEDGER_TOKEN }}
  signing_secret: ${{ env.LEDGER_SECRET }}
slack:
  connector: slack
  auth: bot_token
  token: ${{ env.SLACK_TOKEN }}
  signing_secret: ${{ env.SLACK_SECRET }}
qonto:
  connector: qonto
  auth: oauth
  client_id: abc
  client_secret: ${{ env.QONTO_CLIENT }}
  secret: ${{ env.QONTO_SECRET }}
`)
	for flow, trigger := range map[string]string{"order": "ledger.placed", "mention": "slack.app_mention", "transaction": "qonto.transaction"} {
		write(t, dir, "flows/"+flow+".yaml", "flow: 1\nname: "+flow+"\ntriggers:\n  - trigger: "+trigger+"\nsteps:\n  - set: { done: yes }\n")
	}
	return dir
}

func hookEnvironment(name string) (string, bool) {
	switch name {
	case "SLACK_SECRET":
		return slackSecret, true
	case "QONTO_SECRET":
		return qontoSecret, true
	case "SLACK_TOKEN", "QONTO_CLIENT":
		return "unused-0123456789", true
	default:
		return environment(name)
	}
}

// fixture returns the example of a delivery that a connector holds.
func fixture(t *testing.T, name string) string {
	t.Helper()
	data, err := connectors.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// slackDelivery is signed the way Slack documents it.
func slackDelivery(address, body string, at time.Time) delivery {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return delivery{url: address, body: body, header: map[string]string{
		"X-Slack-Request-Timestamp": stamp,
		"X-Slack-Signature":         "v0=" + hmacOf(slackSecret, "v0:"+stamp+":"+body),
	}}
}

// qontoDelivery is signed the way Qonto documents it.
func qontoDelivery(address, body string, at time.Time) delivery {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return delivery{url: address, body: body, header: map[string]string{
		"X-Qonto-Signature": "t=" + stamp + ",v1=" + hmacOf(qontoSecret, stamp+"."+body),
	}}
}

// ledgerDelivery is any body, signed as the ledger signs.
func ledgerDelivery(address, body string) delivery {
	d := placed(address, "", "", nil)
	at, _, _ := strings.Cut(strings.TrimPrefix(d.header["X-Ledger-Signature"], "t="), ",")
	d.body, d.header["X-Ledger-Signature"] = body, "t="+at+",v1="+hmacOf(ledgerSecret, at+"."+body)
	return d
}

// with returns a delivery with another header.
func (d delivery) with(name, text string) delivery {
	header := map[string]string{name: text}
	for k, v := range d.header {
		if k != name {
			header[k] = v
		}
	}
	d.header = header
	return d
}

// TestWebhooks sends right, forged, stale and malformed deliveries to the
// webhooks of three connectors. Each gets its answer; what is turned away is
// written down with its reason, and without what is secret.
func TestWebhooks(t *testing.T) {
	var log safeBuffer
	opt := options(hookWorkspace(t), t.Output())
	opt.Env = hookEnvironment
	opt.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := serve(t, opt)
	ledger, slack, qonto := c.hook("ledger"), c.hook("slack"), c.hook("qonto")
	mention, transaction := fixture(t, "slack/fixtures/app_mention.json"), fixture(t, "qonto/fixtures/event_transaction.json")
	now := time.Now()
	right := placed(ledger, "e1", "o1", lines)
	forged := right.with("X-Ledger-Signature", right.header["X-Ledger-Signature"][:20]+strings.Repeat("0", 64))
	changed := right
	changed.body = strings.Replace(right.body, "o1", "o2", 1)
	guessed := right
	guessed.url = ledger[:strings.LastIndex(ledger, "/")+1] + strings.Repeat("a", 26)
	nobody := right
	nobody.url = c.vendors + "/hooks/nobody"
	unsigned := right
	unsigned.header = nil
	stale := slackDelivery(slack, mention, now.Add(-6*time.Minute))

	tests := []struct {
		name     string
		delivery delivery
		status   int
		text     string
	}{
		{"right", right, 200, ""},
		{"the same once more", right, 200, ""},
		{"forged", forged, 401, notSigned},
		{"changed on the way", changed, 401, notSigned},
		{"unsigned", unsigned, 401, notSigned},
		{"another form of signature", right.with("X-Ledger-Signature", "sha256=00"), 401, notSigned},
		{"guessed address", guessed, 404, "there is no such address\n"},
		{"unknown address", nobody, 404, "there is no such address\n"},
		{"too large", ledgerDelivery(ledger, `{"id": "`+strings.Repeat("x", 1<<20)+`"}`), 413, "the delivery is too large\n"},
		{"not JSON", ledgerDelivery(ledger, "id=e9"), 400, notExpected},
		{"a field is missing", ledgerDelivery(ledger, `{"id": "e9", "type": "placed", "order": "o9", "lines": []}`), 400, notExpected},
		{"an event nobody waits for", ledgerDelivery(ledger, `{"id": "e9", "type": "returned"}`), 200, ""},
		{"Slack", slackDelivery(slack, mention, now), 200, ""},
		{"Slack, a challenge", slackDelivery(slack, `{"type": "url_verification", "challenge": "3eZbrw1aB"}`, now), 200, "3eZbrw1aB"},
		{"Slack, a challenge of somebody else", slackDelivery(slack, `{"type": "url_verification", "challenge": "3eZ"}`, now).with("X-Slack-Signature", "v0=00"), 401, notSigned},
		{"Slack, stale", stale, 401, notSigned},
		{"Slack, stale with a new time", stale.with("X-Slack-Request-Timestamp", strconv.FormatInt(now.Unix(), 10)), 401, notSigned},
		{"Qonto", qontoDelivery(qonto, transaction, now), 200, ""},
		{"Qonto, stale", qontoDelivery(qonto, transaction, now.Add(-6*time.Minute)), 401, notSigned},
		{"Qonto, signed by another", qontoDelivery(qonto, transaction, now).with("X-Qonto-Signature", fmt.Sprintf("t=%d,v1=%s", now.Unix(), hmacOf("other", transaction))), 401, notSigned},
	}
	for _, test := range tests {
		status, text, err := post(t.Context(), test.delivery)
		if err != nil || status != test.status || text != test.text {
			t.Errorf("%s: answer = %d %q, %v, want %d %q", test.name, status, text, err, test.status, test.text)
		}
	}
	for _, flow := range []string{"order", "mention", "transaction"} {
		if got := c.settled(flow); len(got) != 1 || got[journal.Succeeded] != 1 {
			t.Errorf("runs of %s = %v, want 1 succeeded", flow, got)
		}
	}
	checkRejections(t, c)
	noSecrets(t, c, log.String(), ledgerSecret, slackSecret, qontoSecret, ledgerToken, path(ledger), path(slack), path(qonto))
}

const (
	notSigned   = "the delivery is not signed as it must be, or too old\n"
	notExpected = "the delivery is not what is expected here\n"
)

// path returns the random part of an address.
func path(address string) string { return address[strings.LastIndex(address, "/")+1:] }

// checkRejections holds the list of what was turned away against what was sent.
func checkRejections(t *testing.T, c *client) {
	t.Helper()
	var found []journal.Rejection
	c.api(http.MethodGet, "/rejections", nil, &found)
	var got []string
	for i := range found {
		r := found[len(found)-1-i]
		reason := r.Reason
		for seconds := range 60 { // the machine may have been busy
			reason = strings.ReplaceAll(reason, fmt.Sprintf("is 6m%ds old", seconds), "is 6m old")
		}
		got = append(got, fmt.Sprintf("%d %s: %s", r.Status, r.Address, reason))
	}
	want := []string{
		"401 /hooks/ledger/…: the signature in X-Ledger-Signature does not fit the delivery",
		"401 /hooks/ledger/…: the signature in X-Ledger-Signature does not fit the delivery",
		"401 /hooks/ledger/…: the delivery is not signed: it has no X-Ledger-Signature",
		"401 /hooks/ledger/…: the header X-Ledger-Signature is not of the form t={timestamp},v1={signature}",
		"404 /hooks/ledger/…: there is no such address",
		"404 /hooks/nobody: there is no such address",
		"413 /hooks/ledger/…: the delivery is larger than 1048576 bytes",
		"400 /hooks/ledger/…: the body is not JSON: invalid character 'i' looking for beginning of value",
		"400 /hooks/ledger/…: the delivery is not what ledger.placed describes: sku is missing, string is expected (the object has: id, lines, order, type)",
		"401 /hooks/slack/…: the signature in X-Slack-Signature does not fit the delivery",
		"401 /hooks/slack/…: the delivery is 6m old by its headers.x-slack-request-timestamp, at most 5m0s is allowed",
		"401 /hooks/slack/…: the signature in X-Slack-Signature does not fit the delivery",
		"401 /hooks/qonto/…: the delivery is 6m old by its signature.timestamp, at most 5m0s is allowed",
		"401 /hooks/qonto/…: the signature in X-Qonto-Signature does not fit the delivery",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rejections (-want +got):\n%s", diff)
	}
}

// noSecrets fails the test if one of the texts stands in the log, in what was
// turned away or in a run.
func noSecrets(t *testing.T, c *client, log string, secrets ...string) {
	t.Helper()
	texts := map[string]string{"log": log}
	for _, p := range []string{"/rejections", "/runs", "/runs/1", "/runs/2", "/runs/3", "/connections"} {
		var raw json.RawMessage
		c.api(http.MethodGet, p, nil, &raw)
		texts[p] = string(raw)
	}
	for where, text := range texts {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s holds the secret %s", where, s)
			}
		}
	}
}

// safeBuffer is a buffer that several goroutines may write to.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends.
func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns all that was written.
func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestEd25519 lets the played GoHighLevel sign with the key of its sandbox,
// takes down what it sends, and sends it again, untouched and not.
func TestEd25519(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "flows/created.yaml", "flow: 1\nname: Created\ntriggers:\n  - trigger: ghl.contact_created\nsteps:\n  - set: { done: yes }\n")
	tap := newTap(t)
	opt := options(dir, t.Output())
	opt.Sandbox, opt.PublicURL = true, tap.url
	c := serve(t, opt)
	tap.to(c.vendors)
	await(t, "the example that is played at the start has arrived", func() bool {
		return c.api(http.MethodPost, "/sandbox/send", map[string]any{"trigger": "ghl.contact_created"}, nil) == http.StatusOK
	})
	sent := tap.last()
	sent.url = c.hook("ghl")
	var body struct {
		ID string `json:"webhookId"`
	}
	if err := json.Unmarshal([]byte(sent.body), &body); err != nil || body.ID == "" {
		t.Fatalf("the event has no webhookId: %v in %s", err, sent.body)
	}

	tests := []struct {
		name     string
		delivery delivery
		status   int
	}{
		{"the same once more", sent, 200},
		{"changed on the way", delivery{sent.url, sent.header, sent.body + " "}, 401},
		{"another signature", sent.with("X-Ghl-Signature", strings.Repeat("A", 86)+"=="), 401},
		{"no signature", delivery{sent.url, map[string]string{}, sent.body}, 401},
		{"the old header alone", delivery{sent.url, map[string]string{"X-Wh-Signature": sent.header["X-Ghl-Signature"]}, sent.body}, 401},
	}
	for _, test := range tests {
		status, text, err := post(t.Context(), test.delivery)
		if err != nil || status != test.status {
			t.Errorf("%s: answer = %d %q, %v, want %d", test.name, status, text, err, test.status)
		}
	}
	c.settled("created")
	var found []console.Run
	c.api(http.MethodGet, "/runs?flow=created", nil, &found)
	// The example that is played at the start is an event of its own.
	if n := slices.IndexFunc(found, func(r console.Run) bool { return r.EventID != body.ID }); n >= 0 {
		found = slices.Delete(found, n, n+1)
	}
	if len(found) != 1 || found[0].EventID != body.ID {
		t.Errorf("runs of the event %s = %+v, want one", body.ID, found)
	}
	for _, run := range found {
		if run.Status != journal.Succeeded {
			t.Errorf("run %d = %s %s", run.ID, run.Status, run.Reason)
		}
	}
}

// tap stands between a sender and the engine, and keeps what went through.
type tap struct {
	url string

	mu     sync.Mutex
	target string
	kept   []delivery
}

func newTap(t *testing.T) *tap {
	p := &tap{}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *tap) to(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *tap) last() delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept[len(p.kept)-1]
}

// ServeHTTP passes a delivery on.
func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	at, err := url.JoinPath(p.target, r.URL.Path)
	p.mu.Unlock()
	d := delivery{url: at, header: map[string]string{}, body: string(body)}
	for name := range r.Header {
		if name != "Content-Length" && name != "Accept-Encoding" {
			d.header[name] = r.Header.Get(name)
		}
	}
	status, text := http.StatusBadGateway, ""
	if err == nil {
		status, text, err = post(r.Context(), d)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	p.mu.Lock()
	p.kept = append(p.kept, d)
	p.mu.Unlock()
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}
