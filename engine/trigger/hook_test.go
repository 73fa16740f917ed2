package trigger_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"patchbay/engine/call"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
)

const hookConnections = `connections: 1
ghl_main: { connector: ghl, auth: private_token, locationId: ve9EPM428h8vShlRW1KT, token: "${{ secret.ghl }}" }
ghl_other: { connector: ghl, auth: private_token, locationId: other0000000000000000, token: "${{ secret.ghl }}" }
qonto: { connector: qonto, auth: api_key, login: acme, secret_key: "${{ secret.qonto }}", bank_account_id: acc, secret: "${{ secret.qonto_hooks }}" }
qwilr: { connector: qwilr, token: "${{ secret.qwilr }}" }
slack: { connector: slack, auth: bot_token, token: "${{ secret.slack }}", signing_secret: "${{ secret.slack_signing }}" }
slack_deaf: { connector: slack, auth: bot_token, token: "${{ secret.slack }}" }
`

// flowFile returns a flow with one trigger, written as in its file.
func flowFile(on, more string) string {
	return "flow: 1\ntriggers:\n  - " + on + "\n" + more + "steps:\n  - stop: done\n"
}

var hookFlows = map[string]string{
	"flows/connections.yaml": hookConnections,
	"flows/tags.yaml":        flowFile("trigger: ghl.contact_tags_changed", "use: { ghl: ghl_main }\nmode: queued\nqueue_by: event.id\n"),
	"flows/tags-again.yaml":  flowFile("trigger: ghl.contact_tags_changed", "use: { ghl: ghl_main }\n"),
	"flows/tags-other.yaml":  flowFile("trigger: ghl.contact_tags_changed", "use: { ghl: ghl_other }\n"),
	"flows/tags-off.yaml":    flowFile("trigger: ghl.contact_tags_changed", "enabled: false\nuse: { ghl: ghl_main }\n"),
	"flows/paid.yaml":        flowFile("trigger: qonto.transaction", ""),
	"flows/accepted.yaml":    flowFile("trigger: qwilr.page_accepted", ""),
	"flows/mention.yaml":     flowFile("trigger: slack.app_mention", "use: { slack: slack }\n"),
	"flows/command.yaml":     flowFile("trigger: slack.slash_command", "use: { slack: slack }\n"),
	"flows/button.yaml":      flowFile("trigger: slack.button_pressed", "use: { slack: slack }\n"),
	"flows/open.yaml": flowFile("webhook: { verify: { type: none }, event_id: body.order, type: "+
		"{ type: object, fields: { order: { type: string, optional: true }, amount: { type: number } } } }", ""),
	"flows/signed.yaml": flowFile("webhook: { verify: { type: hmac_sha256, header: X-Signature, prefix: \"sha256=\", secret: mine } }", ""),
	"flows/timed.yaml":  flowFile("webhook: { verify: { type: hmac_sha1, header: X-Signature, parse: \"t={timestamp},v1={signature}\", signed: \"{timestamp}.{raw_body}\", encoding: base64, secret: mine } }", ""),
	"flows/token.yaml":  flowFile("webhook: { verify: { type: shared_token, header: Authorization, query: token, prefix: \"Bearer \", secret: mine } }", ""),
	"flows/unset.yaml":  flowFile("webhook: { verify: { type: shared_token, header: Authorization, secret: gone } }", ""),
	"flows/off.yaml":    flowFile("webhook: { verify: { type: none } }", "enabled: false\n"),
}

const (
	ghlBody  = `{"type":"ContactTagUpdate","locationId":"ve9EPM428h8vShlRW1KT","id":"nmFm","timestamp":"TIME","webhookId":"hook-1","tags":["vip"]}`
	slackKey = "8f742231b10e8888abcd99yyyzzz85a5"
	qontoKey = "test-secret"
)

// hooks is a server of webhooks, and the keys its vendors sign with.
type hooks struct {
	*workspace

	handler *trigger.Hooks
	server  *httptest.Server
	ghl     ed25519.PrivateKey
	log     *bytes.Buffer
}

func newHooks(t *testing.T, change func(*trigger.HookOptions)) *hooks {
	t.Helper()
	set := build(t, program.Options{}, []string{"ghl", "qonto", "qwilr", "slack"}, hookFlows)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := &hooks{workspace: newWorkspace(set), ghl: private, log: &bytes.Buffer{}}
	opt := trigger.HookOptions{
		Intake:  h.intake(),
		Address: func(name string) string { return "r4nd0m-" + strconv.Itoa(len(name)) },
		Secrets: func(_ context.Context, c *program.Connection) (map[string]string, error) {
			all := map[string]string{"signing_secret": slackKey, "secret": qontoKey}
			for name := range all {
				if _, ok := c.Secrets[name]; !ok {
					delete(all, name)
				}
			}
			return all, nil
		},
		FlowSecret: func(_ context.Context, name string) (string, error) {
			if name != "mine" {
				return "", nil
			}
			return "my-secret", nil
		},
		PublicKey: func(*program.Connection, *program.Verify) []byte { return publicPEM(t, public) },
		Map:       call.Map,
		Reject:    h.reject,
	}
	opt.Logger = slog.New(slog.NewTextHandler(h.log, nil))
	if change != nil {
		change(&opt)
	}
	h.handler = trigger.NewHooks(opt)
	h.server = httptest.NewServer(h.handler)
	t.Cleanup(h.server.Close)
	return h
}

func publicPEM(t *testing.T, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// post delivers a body with headers given as "Name: value".
func (h *hooks) post(t *testing.T, path, body string, headers ...string) (int, string) {
	t.Helper()
	return h.send(t, http.MethodPost, path, strings.NewReader(body), headers...)
}

func (h *hooks) send(t *testing.T, method, path string, body io.Reader, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range headers {
		name, text, _ := strings.Cut(line, ": ")
		req.Header.Add(name, text)
	}
	resp, err := h.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// ghlDelivery returns a body of GoHighLevel that was sent at that time, with
// its signature's header.
func (h *hooks) ghlDelivery(sent time.Time, change ...string) (body, header string) {
	body = strings.NewReplacer(append(change, "TIME", sent.UTC().Format(time.RFC3339))...).Replace(ghlBody)
	return body, "X-GHL-Signature: " + base64.StdEncoding.EncodeToString(ed25519.Sign(h.ghl, []byte(body)))
}

func signHex(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func slackHeaders(at time.Time, body string) []string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return []string{
		"X-Slack-Request-Timestamp: " + seconds,
		"X-Slack-Signature: v0=" + signHex(slackKey, "v0:"+seconds+":"+body),
	}
}

func (h *hooks) wantRejection(t *testing.T, want ...journal.Rejection) {
	t.Helper()
	if diff := cmp.Diff(want, h.rejections(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rejections (-want +got):\n%s", diff)
	}
}

func TestConnectorAddress(t *testing.T) {
	h := newHooks(t, nil)
	now := time.Now()
	body, signature := h.ghlDelivery(now)
	if status, text := h.post(t, "/hooks/ghl", body, signature); status != 200 || text != "" {
		t.Errorf("a delivery is answered %d %q, want 200", status, text)
	}
	got := h.take()
	if len(got) != 2 {
		t.Fatalf("%d arrivals, want one for each of the two flows that are on: %+v", len(got), got)
	}
	set := h.set.Load()
	event := got[0].Event.(map[string]any)
	if event["id"] != "nmFm" || event["locationId"] != "ve9EPM428h8vShlRW1KT" {
		t.Errorf("event = %v", event)
	}
	want := []journal.Arrival{
		{Flow: "tags", Definition: set.Flows["tags"].Hash, Trigger: "contact_tags_changed", Connection: "ghl_main", EventID: "hook-1", Event: event, Queue: `by "nmFm"`},
		{Flow: "tags-again", Definition: set.Flows["tags-again"].Hash, Trigger: "contact_tags_changed", Connection: "ghl_main", EventID: "hook-1", Event: event},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(journal.Arrival{}, "At")); diff != "" {
		t.Errorf("arrivals (-want +got):\n%s", diff)
	}
	for _, a := range got {
		if a.At.Before(now) || a.At.After(time.Now()) {
			t.Errorf("accepted at %s, want now", a.At)
		}
	}
	// The same delivery again starts nothing.
	if status, _ := h.post(t, "/hooks/ghl", body, signature); status != 200 || len(h.take()) != 0 {
		t.Errorf("the same delivery is answered %d, want 200 and no new run", status)
	}
	// So does an event that no flow waits for, and it is not held against anybody.
	body, signature = h.ghlDelivery(now, "ContactTagUpdate", "TaskComplete")
	if status, _ := h.post(t, "/hooks/ghl", body, signature); status != 200 || len(h.take()) != 0 {
		t.Errorf("an event that no flow waits for is answered %d, want 200 and no run", status)
	}
	h.wantRejection(t)
}

// TestDeliveryWithoutATime: a message for a conversation provider has none, so
// the id of the message tells a repetition.
func TestDeliveryWithoutATime(t *testing.T) {
	h := newHooks(t, nil)
	flows := maps.Clone(hookFlows)
	flows["flows/sms.yaml"] = flowFile("trigger: ghl.provider_message_requested", "use: { ghl: ghl_main }\n")
	h.set.Store(build(t, program.Options{}, []string{"ghl", "qonto", "qwilr", "slack"}, flows))
	body := `{"type":"SMS","messageId":"msg-1","contactId":"nmFm","locationId":"ve9EPM428h8vShlRW1KT","message":"Hello"}`
	for _, test := range []struct {
		name, body string
		status     int
		id         string
	}{
		{"a message", body, 200, "msg-1"},
		{"a message without an id", strings.Replace(body, `"messageId":"msg-1",`, "", 1), 401, ""},
		{"an event that has a time", strings.Replace(body, "SMS", "ContactTagUpdate", 1), 401, ""},
	} {
		body, signature := h.ghlDelivery(time.Now(), ghlBody, test.body)
		if status, _ := h.post(t, "/hooks/ghl", body, signature); status != test.status {
			t.Errorf("%s is answered %d, want %d", test.name, status, test.status)
		}
		id := ""
		if got := h.take(); len(got) > 0 {
			id = got[0].EventID
		}
		if id != test.id {
			t.Errorf("%s arrives with the id %q, want %q", test.name, id, test.id)
		}
	}
}

func TestConnectorAddressTurnsAway(t *testing.T) {
	h := newHooks(t, nil)
	now := time.Now()
	good, signature := h.ghlDelivery(now)
	stranger, strangerSignature := h.ghlDelivery(now, "ve9EPM428h8vShlRW1KT", "unknown00000000000000")
	old, oldSignature := h.ghlDelivery(now.Add(-80 * time.Hour))
	timeless, timelessSignature := h.ghlDelivery(now, `"timestamp":"TIME",`, "")
	odd, oddSignature := h.ghlDelivery(now, `"nmFm"`, `7`)
	text := "locationId=ve9"
	tests := []struct {
		name, body string
		headers    []string
		status     int
		reason     string
	}{
		{"an unknown tenant", stranger, []string{strangerSignature}, 200, "no connection to GoHighLevel has the locationId unknown00000000000000, so the event is for none of the flows"},
		{"an unknown tenant that anybody made up", stranger, []string{signature}, 401, "the signature in X-GHL-Signature does not fit the delivery"},
		{"a changed body", strings.Replace(good, "vip", "vop", 1), []string{signature}, 401, "the signature in X-GHL-Signature does not fit the delivery"},
		{"a signature that is no base64", good, []string{"X-GHL-Signature: %%%"}, 401, "the signature in X-GHL-Signature does not fit the delivery"},
		{"no signature", good, nil, 401, "the delivery is not signed: it has no X-GHL-Signature"},
		{"N/A for a signature", good, []string{"X-GHL-Signature: N/A"}, 401, "the delivery is not signed: it has no X-GHL-Signature"},
		{"no time", timeless, []string{timelessSignature}, 401, "the delivery has no time at body.timestamp, so it may be an old one sent again"},
		{"not JSON", text, []string{signature}, 400, "the body is not JSON: invalid character 'l' looking for beginning of value"},
		{"nothing", "", []string{signature}, 400, "the body is not JSON: empty text where JSON is expected"},
		{"not what the connector describes", odd, []string{oddSignature}, 400, "the delivery is not what ghl.contact_tags_changed describes: id is the number 7, string is expected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if status, _ := h.post(t, "/hooks/ghl?token=do-not-log", tt.body, tt.headers...); status != tt.status {
				t.Errorf("answered %d, want %d", status, tt.status)
			}
			h.wantRejection(t, journal.Rejection{Address: "/hooks/ghl", Status: tt.status, Reason: tt.reason})
		})
	}
	if status, _ := h.post(t, "/hooks/ghl", old, oldSignature); status != 401 {
		t.Errorf("an old delivery is answered %d, want 401", status)
	}
	got := h.rejections()[0].Reason
	if !strings.HasPrefix(got, "the delivery is 80h0m") || !strings.HasSuffix(got, "s old by its body.timestamp, at most 72h0m0s is allowed") {
		t.Errorf("an old delivery is turned away because %q", got)
	}
	if got := h.take(); len(got) != 0 {
		t.Errorf("arrivals %v, want none", got)
	}
	if log := h.log.String(); strings.Contains(log, "do-not-log") {
		t.Errorf("the query is in the log:\n%s", log)
	}
}

// The one delivery is for both connections to the same account.
func TestConnectorAddressOfTwoConnections(t *testing.T) {
	h := newHooks(t, nil)
	files := map[string]string{}
	for name, text := range hookFlows {
		files[name] = strings.ReplaceAll(text, "other0000000000000000", "ve9EPM428h8vShlRW1KT")
	}
	h.set.Store(build(t, program.Options{}, []string{"ghl", "qonto", "qwilr", "slack"}, files))
	body, signature := h.ghlDelivery(time.Now())
	h.post(t, "/hooks/ghl", body, signature)
	var got []string
	for _, a := range h.take() {
		got = append(got, a.Flow+" "+a.Connection)
	}
	if diff := cmp.Diff([]string{"tags ghl_main", "tags-again ghl_main", "tags-other ghl_other"}, got); diff != "" {
		t.Errorf("arrivals (-want +got):\n%s", diff)
	}
}

// A sign-in tells the account of a connection only later.
func TestConnectionFieldFromSignIn(t *testing.T) {
	h := newHooks(t, func(opt *trigger.HookOptions) {
		opt.Fields = func(_ context.Context, c *program.Connection) map[string]any {
			if c.Name == "ghl_other" {
				return map[string]any{"locationId": "fromTheToken"}
			}
			return c.Fields
		}
	})
	body, signature := h.ghlDelivery(time.Now(), "ve9EPM428h8vShlRW1KT", "fromTheToken")
	h.post(t, "/hooks/ghl", body, signature)
	if got := h.take(); len(got) != 1 || got[0].Connection != "ghl_other" {
		t.Errorf("arrivals %+v, want one of ghl_other", got)
	}
}

// The connector's own key is used where nothing else is said.
func TestBuiltInKey(t *testing.T) {
	h := newHooks(t, func(opt *trigger.HookOptions) { opt.PublicKey = nil })
	body, signature := h.ghlDelivery(time.Now())
	if status, _ := h.post(t, "/hooks/ghl", body, signature); status != 401 {
		t.Errorf("a signature of somebody else's is answered %d, want 401", status)
	}
	h.wantRejection(t, journal.Rejection{Address: "/hooks/ghl", Status: 401, Reason: "the signature in X-GHL-Signature does not fit the delivery"})
}

// Commands and buttons of Slack come as forms.
func TestSlackForms(t *testing.T) {
	h := newHooks(t, nil)
	form := "Content-Type: application/x-www-form-urlencoded"
	for _, body := range []string{
		"token=x&team_id=T1&channel_id=C1&channel_name=ops&user_id=U1&command=%2Fstatistics&text=last+week&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1&trigger_id=1.2",
		"payload=%7B%22type%22%3A%22block_actions%22%2C%22user%22%3A%7B%22id%22%3A%22U1%22%7D%2C%22actions%22%3A%5B%7B%22action_id%22%3A%22approve%22%2C%22value%22%3A%22post-1%22%7D%5D%7D",
	} {
		if status, _ := h.post(t, "/hooks/slack/r4nd0m-5", body, append(slackHeaders(time.Now(), body), form)...); status != 200 {
			t.Errorf("%s is answered %d, want 200", body, status)
		}
	}
	got := map[string]any{}
	for _, a := range h.take() {
		event := a.Event.(map[string]any)
		for name, v := range event {
			if v == nil {
				delete(event, name)
			}
		}
		got[a.Flow+" "+a.Trigger] = event
	}
	want := map[string]any{
		"command slash_command": map[string]any{
			"command": "/statistics", "text": "last week", "user": "U1", "channel": "C1", "channelName": "ops", "teamId": "T1",
			"responseUrl": "https://hooks.slack.com/commands/1",
		},
		"button button_pressed": map[string]any{"actionId": "approve", "value": "post-1", "user": "U1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	h.wantRejection(t)
}

func TestSlack(t *testing.T) {
	h := newHooks(t, nil)
	const path = "/hooks/slack/r4nd0m-5"
	now := time.Now()
	challenge := `{"type":"url_verification","token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`
	if status, text := h.post(t, path, challenge, slackHeaders(now, challenge)...); status != 200 || text != "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P" {
		t.Errorf("the challenge is answered %d %q", status, text)
	}
	event := `{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":{"type":"app_mention","channel":"C1","user":"U1","text":"hi","ts":"1.2"}}`
	if status, _ := h.post(t, path, event, slackHeaders(now, event)...); status != 200 {
		t.Errorf("an event is answered %d, want 200", status)
	}
	// Buttons come as a form whose one field is JSON.
	form := "payload=" + "%7B%22type%22%3A%22event_callback%22%2C%22team_id%22%3A%22T1%22%2C%22event_id%22%3A%22Ev2%22%2C%22event%22%3A%7B%22type%22%3A%22app_mention%22%2C%22channel%22%3A%22C1%22%2C%22user%22%3A%22U1%22%2C%22text%22%3A%22press%22%2C%22ts%22%3A%221.2%22%7D%7D"
	h.post(t, path, form, append(slackHeaders(now, form), "Content-Type: application/x-www-form-urlencoded")...)
	var got []string
	for _, a := range h.take() {
		got = append(got, a.EventID+" "+a.Connection+" "+a.Event.(map[string]any)["text"].(string))
	}
	if diff := cmp.Diff([]string{"Ev1 slack hi", "Ev2 slack press"}, got); diff != "" {
		t.Errorf("arrivals (-want +got):\n%s", diff)
	}
	h.wantRejection(t)

	tests := []struct {
		name    string
		headers []string
		status  int
		reason  string
	}{
		{"six minutes old", slackHeaders(now.Add(-6*time.Minute), challenge), 401, ""},
		{"six minutes ahead", slackHeaders(now.Add(6*time.Minute), challenge), 401, ""},
		{"another prefix", []string{"X-Slack-Request-Timestamp: 1", "X-Slack-Signature: v1=00"}, 401, "the signature in X-Slack-Signature does not begin with v0="},
		{"no time to sign", slackHeaders(now, challenge)[1:], 401, "the delivery lacks headers.x-slack-request-timestamp, which is part of what is signed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, text := h.post(t, path, challenge, tt.headers...)
			if status != tt.status || strings.Contains(text, "3eZbrw") {
				t.Errorf("answered %d %q, want %d and no answer to the challenge", status, text, tt.status)
			}
			got := h.rejections()
			if len(got) != 1 || got[0].Address != "/hooks/slack/…" || tt.reason != "" && got[0].Reason != tt.reason {
				t.Errorf("rejections %+v, want %q at /hooks/slack/…", got, tt.reason)
			}
		})
	}
	// A connection that cannot verify takes nothing, and asks to come again.
	if status, _ := h.post(t, "/hooks/slack_deaf/r4nd0m-10", challenge, slackHeaders(now, challenge)...); status != 503 {
		t.Errorf("without a secret the answer is %d, want 503", status)
	}
	h.wantRejection(t, journal.Rejection{
		Address: "/hooks/slack_deaf/…", Status: 503,
		Reason: `the delivery cannot be verified: the connection "slack_deaf" has no signing_secret`,
	})
}

func TestQonto(t *testing.T) {
	h := newHooks(t, nil)
	const path = "/hooks/qonto/r4nd0m-5"
	body, err := os.ReadFile("../../connectors/qonto/fixtures/event_transaction.json")
	if err != nil {
		t.Fatal(err)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	right := signHex(qontoKey, now+"."+string(body))
	wrong := strings.Repeat("0", 64)
	for _, tt := range []struct {
		name, header string
		status, runs int
	}{
		{"right", "t=" + now + ",v1=" + right, 200, 1},
		{"in another order, with blanks and more", "v0=1, v1=" + right + ", t=" + now, 200, 0},
		{"one of two is right", "t=" + now + ",v1=" + wrong + ",v1=" + right, 200, 0},
		{"wrong", "t=" + now + ",v1=" + wrong, 401, 0},
		{"without a time", "v1=" + right, 401, 0},
		{"without a signature", "t=" + now, 401, 0},
		{"another time than the signed one", "t=" + now + "0,v1=" + right, 401, 0},
		{"the documented example, which is old", "t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805", 401, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _ := h.post(t, path, string(body), "X-Qonto-Signature: "+tt.header)
			if got := len(h.take()); status != tt.status || got != tt.runs {
				t.Errorf("answered %d with %d runs, want %d with %d", status, got, tt.status, tt.runs)
			}
		})
	}
}

func TestUnsignedVendor(t *testing.T) {
	h := newHooks(t, nil)
	body, err := os.ReadFile("../../connectors/qwilr/fixtures/page_accepted.json")
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := h.post(t, "/hooks/qwilr/r4nd0m-5", string(body)); status != 200 {
		t.Errorf("answered %d, want 200", status)
	}
	if got := h.take(); len(got) != 1 || got[0].Flow != "accepted" || got[0].Connection != "qwilr" {
		t.Errorf("arrivals %+v, want one for the flow accepted", got)
	}
	if status, _ := h.post(t, "/hooks/qwilr/guess", string(body)); status != 404 {
		t.Errorf("a guessed address is answered %d, want 404", status)
	}
	h.wantRejection(t, journal.Rejection{Address: "/hooks/qwilr/…", Status: 404, Reason: "there is no such address"})
}

func TestUnknownAddresses(t *testing.T) {
	h := newHooks(t, nil)
	for path, shown := range map[string]string{
		"/hooks/":                     "/hooks",
		"/hooks":                      "/hooks",
		"/other":                      "/other",
		"/hook/qwilr/r4nd0m-5":        "/hook/qwilr/…",
		"/hooks/nobody":               "/hooks/nobody",
		"/hooks/qwilr":                "/hooks/qwilr",
		"/hooks/ghl_main/r4nd0m-8":    "/hooks/ghl_main/…",
		"/hooks/qwilr/":               "/hooks/qwilr",
		"/hooks/flow/open/r4nd0m-999": "/hooks/flow/open/…",
		"/hooks/flow/paid/r4nd0m-9":   "/hooks/flow/paid/…",
	} {
		if status, text := h.post(t, path, "{}"); status != 404 || text != "there is no such address\n" {
			t.Errorf("POST %s is answered %d %q, want 404", path, status, text)
		}
		h.wantRejection(t, journal.Rejection{Address: shown, Status: 404, Reason: "there is no such address"})
	}
}

func TestMethodAndSize(t *testing.T) {
	h := newHooks(t, func(opt *trigger.HookOptions) { opt.MaxBody = 100 })
	const path = "/hooks/flow/open/r4nd0m-17"
	if status, _ := h.send(t, http.MethodGet, path, nil); status != 405 {
		t.Errorf("GET is answered %d, want 405", status)
	}
	h.wantRejection(t, journal.Rejection{Address: "/hooks/flow/open/…", Status: 405, Reason: "a delivery is a POST, this was a GET"})
	fits := `{"amount": 1, "more": "` + strings.Repeat("x", 75) + `"}`
	if status, _ := h.post(t, path, fits); status != 200 || len(fits) != 100 {
		t.Errorf("%d bytes are answered %d, want 200", len(fits), status)
	}
	if status, _ := h.post(t, path, fits+" "); status != 413 {
		t.Errorf("one byte more is answered %d, want 413", status)
	}
	h.wantRejection(t, journal.Rejection{Address: "/hooks/flow/open/…", Status: 413, Reason: "the delivery is larger than 100 bytes"})
}

func TestFlowAddress(t *testing.T) {
	h := newHooks(t, nil)
	const path = "/hooks/flow/open/r4nd0m-17"
	for _, body := range []string{`{"order":"A1","amount":3.5,"extra":1}`, `{"order":"A1","amount":4}`, `{"amount":5}`, `{"amount":5}`} {
		if status, _ := h.post(t, path, body); status != 200 {
			t.Errorf("%s is answered %d, want 200", body, status)
		}
	}
	got := h.take()
	if len(got) != 3 {
		t.Fatalf("%d arrivals, want 3: the same order once, and those without one each", len(got))
	}
	want := journal.Arrival{
		Flow: "open", Definition: h.set.Load().Flows["open"].Hash, Trigger: "webhook", EventID: "A1",
		Event: map[string]any{"order": "A1", "amount": 3.5},
	}
	if diff := cmp.Diff(want, got[0], cmpopts.IgnoreFields(journal.Arrival{}, "At")); diff != "" {
		t.Errorf("arrival (-want +got):\n%s", diff)
	}
	if got[1].EventID == got[2].EventID || len(got[1].EventID) < 20 {
		t.Errorf("event ids %q and %q, want two that cannot be guessed", got[1].EventID, got[2].EventID)
	}
	if status, _ := h.post(t, path, `{"amount":"much"}`); status != 400 {
		t.Errorf("a body of another type is answered %d, want 400", status)
	}
	h.wantRejection(t, journal.Rejection{
		Address: "/hooks/flow/open/…", Status: 400,
		Reason: `the body is not what the flow "open" expects: amount is the text "much", number is expected`,
	})
	if status, _ := h.post(t, "/hooks/flow/off/r4nd0m-16", `{}`); status != 200 {
		t.Errorf("the address of a flow that is off is answered %d, want 200", status)
	}
	h.wantRejection(t, journal.Rejection{Address: "/hooks/flow/off/…", Status: 200, Reason: `the flow "off" is switched off`})
	// A form is an object.
	h.post(t, "/hooks/flow/signed/r4nd0m-19", "a=1&b=2&b=3", "Content-Type: application/x-www-form-urlencoded; charset=utf-8",
		"X-Signature: sha256="+signHex("my-secret", "a=1&b=2&b=3"))
	if diff := cmp.Diff([]any{map[string]any{"a": "1", "b": []any{"2", "3"}}}, h.events()); diff != "" {
		t.Errorf("event of a form (-want +got):\n%s", diff)
	}
	// JSON that is called a form, as curl does, is JSON.
	h.post(t, "/hooks/flow/signed/r4nd0m-19", ` {"a":"1=2&b"}`, "Content-Type: application/x-www-form-urlencoded",
		"X-Signature: sha256="+signHex("my-secret", ` {"a":"1=2&b"}`))
	if diff := cmp.Diff([]any{map[string]any{"a": "1=2&b"}}, h.events()); diff != "" {
		t.Errorf("event of JSON called a form (-want +got):\n%s", diff)
	}
}

func TestStoreDown(t *testing.T) {
	h := newHooks(t, nil)
	h.breakDown(journal.ErrUnavailable)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+"/hooks/flow/open/r4nd0m-17", strings.NewReader(`{"amount":1}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := h.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "5" {
		t.Errorf("answered %d, Retry-After %q, want 503 and 5", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	h.breakDown(nil)
	if status, _ := h.post(t, "/hooks/flow/open/r4nd0m-17", `{"amount":1}`); status != 200 || len(h.take()) != 1 {
		t.Errorf("answered %d after the store came back, want 200 and a run", status)
	}
}

func TestAddresses(t *testing.T) {
	h := newHooks(t, nil)
	want := []trigger.Address{
		{URL: "https://hooks.example.com/hooks/ghl", Connector: "ghl", Triggers: []string{"tags/contact_tags_changed", "tags-again/contact_tags_changed", "tags-other/contact_tags_changed"}},
		{URL: "https://hooks.example.com/hooks/qonto/r4nd0m-5", Connector: "qonto", Connection: "qonto", Triggers: []string{"paid/transaction"}},
		{URL: "https://hooks.example.com/hooks/qwilr/r4nd0m-5", Connector: "qwilr", Connection: "qwilr", Triggers: []string{"accepted/page_accepted"}},
		{URL: "https://hooks.example.com/hooks/slack/r4nd0m-5", Connector: "slack", Connection: "slack", Triggers: []string{"button/button_pressed", "command/slash_command", "mention/app_mention"}},
		{URL: "https://hooks.example.com/hooks/slack_deaf/r4nd0m-10", Connector: "slack", Connection: "slack_deaf"},
		{URL: "https://hooks.example.com/hooks/flow/open/r4nd0m-17", Triggers: []string{"open/webhook"}},
		{URL: "https://hooks.example.com/hooks/flow/signed/r4nd0m-19", Triggers: []string{"signed/webhook"}},
		{URL: "https://hooks.example.com/hooks/flow/timed/r4nd0m-18", Triggers: []string{"timed/webhook"}},
		{URL: "https://hooks.example.com/hooks/flow/token/r4nd0m-18", Triggers: []string{"token/webhook"}},
		{URL: "https://hooks.example.com/hooks/flow/unset/r4nd0m-18", Triggers: []string{"unset/webhook"}},
	}
	if diff := cmp.Diff(want, h.handler.Addresses("https://hooks.example.com/")); diff != "" {
		t.Errorf("Addresses (-want +got):\n%s", diff)
	}
	for _, a := range want[2:] {
		if status, _ := h.post(t, strings.TrimPrefix(a.URL, "https://hooks.example.com"), "["); status == 404 {
			t.Errorf("the address %s is answered 404", a.URL)
		}
	}
}
