//go:build unix

package enginetest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// offices is Qwilr and Qonto as far as they take subscriptions. It outlives the
// engines that subscribe.
type offices struct {
	url string
	// hold is called when a subscription was made, before it is answered.
	hold func()

	mu     sync.Mutex
	refuse bool
	made   []office // that there are
	asked  []string // in order, without what is random
}

// office is a subscription.
type office struct{ id, event, url, secret string }

func newOffices(t *testing.T) *offices {
	o := &offices{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /qwilr/webhooks", func(w http.ResponseWriter, _ *http.Request) {
		out := []any{}
		for _, s := range o.all() {
			out = append(out, map[string]any{"id": s.id, "event": s.event, "url": s.url})
		}
		o.answer(w, http.StatusOK, out)
	})
	mux.HandleFunc("POST /qwilr/webhooks", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Event, TargetURL string }
		o.subscribe(w, r, &in, func() office { return office{event: in.Event, url: in.TargetURL} })
	})
	mux.HandleFunc("DELETE /qwilr/webhooks/{id}", o.unsubscribe)
	mux.HandleFunc("POST /desk/subs", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Event, URL, Secret string }
		o.subscribe(w, r, &in, func() office { return office{event: in.Event, url: in.URL, secret: in.Secret} })
	})
	mux.HandleFunc("DELETE /desk/subs/{id}", o.unsubscribe)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	o.url = s.URL
	return o
}

func (o *offices) all() []office {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.made)
}

func (o *offices) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (o *offices) subscribe(w http.ResponseWriter, r *http.Request, in any, made func() office) {
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, in)
	o.mu.Lock()
	s := made()
	s.id = fmt.Sprintf("s%d", len(o.asked))
	o.asked = append(o.asked, "on "+s.event)
	refused := o.refuse
	if !refused {
		o.made = append(o.made, s)
	}
	hold := o.hold
	o.mu.Unlock()
	if refused {
		o.answer(w, http.StatusForbidden, map[string]any{"statusCode": 403, "message": "API access is not in your plan"})
		return
	}
	if hold != nil {
		hold()
	}
	o.answer(w, http.StatusCreated, map[string]any{"id": s.id, "event": s.event, "url": s.url})
}

func (o *offices) unsubscribe(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, s := range o.made {
		if s.id == r.PathValue("id") {
			o.asked = append(o.asked, "off "+s.event)
			o.made = slices.Delete(o.made, i, i+1)
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

// wantAsked holds what was asked so far, once it is as much, against want.
func (o *offices) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	await(t, fmt.Sprintf("the service is asked %d times", len(want)), func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		got = slices.Clone(o.asked)
		return len(got) >= len(want)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the service was asked (-want +got):\n%s", diff)
	}
}

const (
	acceptedFlow = "flow: 1\nname: Accepted\ntriggers:\n  - trigger: qwilr.page_accepted\nsteps:\n  - set: { page: \"${{ event.page.id }}\" }\n"
	publicURL    = "https://hooks.example.com"
)

// office makes a workspace whose flow waits for an event of Qwilr, and returns
// its options.
func officeWorkspace(t *testing.T, o *offices) engine.Options {
	t.Helper()
	dir := workspace(t, "http://127.0.0.1:1")
	write(t, dir, "flows/connections.yaml", "connections: 1\nqwilr: { connector: qwilr, base_url: \""+o.url+"/qwilr\", token: \"${{ env.LEDGER_TOKEN }}\" }\n")
	write(t, dir, "flows/accepted.yaml", acceptedFlow)
	for _, name := range []string{"order", "orders"} {
		write(t, dir, "flows/"+name+".yaml", "flow: 1\nname: none\ntriggers: [{ on_demand: {} }]\nsteps: [{ stop: none }]\n")
	}
	opt := options(dir, t.Output())
	opt.PublicURL = publicURL
	return opt
}

// state waits until the one subscription is in a state, and returns it.
func (c *client) state(want string) console.Subscription {
	c.t.Helper()
	var all []console.Subscription
	await(c.t, "a subscription is "+want, func() bool {
		c.api(http.MethodGet, "/subscriptions", nil, &all)
		return len(all) == 1 && all[0].State == want
	})
	return all[0]
}

// TestSubscribe goes through the life of a subscription: a flow waits for an
// event, the service is asked, it delivers, the flow runs; a restart asks
// nothing, another public address is told, a flow that is switched off ends it.
func TestSubscribe(t *testing.T) {
	o := newOffices(t)
	opt := officeWorkspace(t, o)
	c := serve(t, opt)
	st := c.state("subscribed")
	if diff := cmp.Diff([]string{"accepted/page_accepted"}, st.Triggers); diff != "" {
		t.Errorf("triggers of the subscription (-want +got):\n%s", diff)
	}
	o.wantAsked(t, "on pageAccepted")
	path, ok := strings.CutPrefix(o.all()[0].url, publicURL)
	if !ok || !strings.HasPrefix(path, "/hooks/qwilr/") || len(path) < len("/hooks/qwilr/")+20 {
		t.Fatalf("the service is told the address %s", o.all()[0].url)
	}
	body := fixture(t, "qwilr/fixtures/page_accepted.json")
	if code, text, err := post(t.Context(), delivery{url: c.vendors + path, body: body}); code != http.StatusOK {
		t.Fatalf("deliver = %d %q, %v, want 200", code, text, err)
	}
	run := c.ended("the run of the delivery", func(r console.Run) bool { return r.Flow == "accepted" })
	if run.Status != "succeeded" {
		t.Errorf("run = %s: %s\n%s", run.Status, run.Reason, trace(run))
	}
	c.stop()

	c = serve(t, opt)
	c.state("subscribed")
	c.stop()
	o.wantAsked(t, "on pageAccepted")

	opt.PublicURL = "https://new.example.com"
	serve(t, opt)
	o.wantAsked(t, "on pageAccepted", "on pageAccepted", "off pageAccepted")
	if got := o.all(); len(got) != 1 || got[0].url != "https://new.example.com"+path {
		t.Errorf("subscriptions at another public address = %v, want one there", got)
	}

	write(t, opt.Dir, "flows/accepted.yaml", strings.Replace(acceptedFlow, "triggers:", "enabled: false\ntriggers:", 1))
	o.wantAsked(t, "on pageAccepted", "on pageAccepted", "off pageAccepted", "off pageAccepted")
	if got := o.all(); len(got) != 0 {
		t.Errorf("subscriptions of a flow that is switched off = %v, want none", got)
	}
}

// TestSubscribeRefused shows what a service says, and what to do without an
// address.
func TestSubscribeRefused(t *testing.T) {
	o := newOffices(t)
	o.refuse = true
	opt := officeWorkspace(t, o)
	c := serve(t, opt)
	var all []console.TriggerState
	await(t, "the refusal is shown", func() bool {
		c.api(http.MethodGet, "/triggers", nil, &all)
		return len(all) == 1 && all[0].Error != ""
	})
	want := console.TriggerState{
		Flow: "accepted", Trigger: "page_accepted", Kind: "webhook", Connection: "qwilr", State: "not_subscribed",
		Error: "cannot subscribe to pageAccepted: API access is not in your plan",
		Hint:  "the account of the connection needs the right to subscribe", Next: all[0].Next,
	}
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Errorf("trigger (-want +got):\n%s", diff)
	}
	if got, want := c.text("/readyz"), "ready\nqwilr: cannot subscribe to pageAccepted: API access is not in your plan\n"; got != want {
		t.Errorf("readyz = %q, want %q", got, want)
	}
	overview := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(c.text("/?token="+c.token), " ")
	shown := "qwilr: pageAccepted not subscribed cannot subscribe to pageAccepted: API access is not in your plan " +
		"the account of the connection needs the right to subscribe for accepted/page_accepted"
	if text := strings.Join(strings.Fields(overview), " "); !strings.Contains(text, shown) {
		t.Errorf("the overview has no %q in:\n%s", shown, text)
	}
	c.stop()
	opt.PublicURL = ""
	c = serve(t, opt)
	st := c.state("not_subscribed")
	if want := "cannot subscribe to pageAccepted: no public address is known, under which Qwilr could reach patchbay serve"; st.Error != want {
		t.Errorf("without an address: %q, want %q", st.Error, want)
	}
	o.wantAsked(t, "on pageAccepted")
}

// text returns what a page answers.
func (c *client) text(path string) string {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := (&http.Client{Jar: jar}).Get(c.base + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// deskConnector is a service that signs with the secret it was told.
const deskConnector = `connector: 1
id: desk
name: Desk
api: { base_url: https://desk.example.com }
connection: { auth: { token: { type: bearer, fields: { token: { type: secret } } } } }
actions:
  subscribe:
    effect: create
    repeat: unsafe
    request: POST /subs
    input: { event: { type: string }, url: { type: string }, secret: { type: string } }
    output: { one: { id: { type: string } }, at: body }
  unsubscribe: { effect: delete, repeat: safe, request: "DELETE /subs/{id}", input: { id: { type: string } } }
triggers:
  opened: { type: webhook, event: opened, output: { one: { ticket: { type: string } }, at: body } }
webhooks:
  event_id: body.ticket
  fields: { signing: { type: secret } }
  verify: [{ type: hmac_sha256, header: X-Sign, encoding: hex, secret: signing }]
  subscribe:
    on: { action: subscribe, with: { event: "${{ event }}", url: "${{ address }}", secret: "${{ secret }}" } }
    keep: { id: output.id }
    off: { action: unsubscribe, with: { id: "${{ kept.id }}" } }
`

// TestSubscribeSigned: a service is told a secret nobody wrote down, and what
// it signs with that is taken, and nothing else. A secret that a person gives
// is told to it in place of that one.
func TestSubscribeSigned(t *testing.T) {
	o := newOffices(t)
	opt := officeWorkspace(t, o)
	account := "connections: 1\ndesk: { connector: desk, base_url: \"" + o.url + "/desk\", token: \"${{ env.LEDGER_TOKEN }}\" }\n"
	write(t, opt.Dir, "connectors/desk/connector.yaml", deskConnector)
	write(t, opt.Dir, "flows/connections.yaml", account)
	write(t, opt.Dir, "flows/accepted.yaml", "flow: 1\nname: Opened\ntriggers:\n  - trigger: desk.opened\nsteps:\n  - set: { ticket: \"${{ event.ticket }}\" }\n")
	c := serve(t, opt)
	c.state("subscribed")
	made := o.all()[0]
	if len(made.secret) < 32 {
		t.Fatalf("the service is told to sign with %d characters, want 32 or more", len(made.secret))
	}
	deliver := func(secret, ticket string) int {
		body := `{"ticket": "` + ticket + `"}`
		code, _, err := post(t.Context(), delivery{
			url: c.vendors + strings.TrimPrefix(made.url, publicURL), body: body, header: map[string]string{"X-Sign": hmacOf(secret, body)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	if got := deliver(made.secret, "t1"); got != http.StatusOK {
		t.Errorf("a delivery with the secret that was told = %d, want 200", got)
	}
	if got := deliver("guessed", "t2"); got != http.StatusUnauthorized {
		t.Errorf("a delivery with another secret = %d, want 401", got)
	}
	write(t, opt.Dir, "flows/connections.yaml", strings.Replace(account, "\" }\n", "\", signing: \"${{ env.LEDGER_SECRET }}\" }\n", 1))
	o.wantAsked(t, "on opened", "off opened", "on opened")
	if made = o.all()[0]; made.secret != ledgerSecret {
		t.Errorf("the service is told another secret than that of the connection")
	}
	if got := deliver(ledgerSecret, "t3"); got != http.StatusOK {
		t.Errorf("a delivery with the secret of the connection = %d, want 200", got)
	}
}

// TestSubscribePlayed: played services are subscribed to as real ones are, and
// deliver only what somebody subscribed to.
func TestSubscribePlayed(t *testing.T) {
	opt := options(t.TempDir(), t.Output())
	opt.Sandbox = true
	paid := "flow: 1\nname: Paid\ntriggers:\n  - trigger: qonto.transaction\nsteps:\n  - set: { id: \"${{ event.id }}\" }\n"
	write(t, opt.Dir, "flows/accepted.yaml", acceptedFlow)
	write(t, opt.Dir, "flows/paid.yaml", paid)
	c := serve(t, opt)
	for _, flow := range []string{"accepted", "paid"} {
		c.ended("the run of the example for "+flow, func(r console.Run) bool { return r.Flow == flow })
	}
	send := func(trigger string) (int, string) {
		var refused console.Error
		code := c.api(http.MethodPost, "/sandbox/send", console.SendRequest{Trigger: trigger}, &refused)
		return code, refused.Error
	}
	for _, trigger := range []string{"qwilr.page_accepted", "qonto.transaction", "qonto.transaction"} {
		if code, why := send(trigger); code != http.StatusOK {
			t.Errorf("send %s = %d %s, want 200", trigger, code, why)
		}
	}
	if got := c.settled("paid"); got[journal.Succeeded] != 3 {
		t.Errorf("runs of paid = %v, want three that succeeded", got)
	}
	write(t, opt.Dir, "flows/paid.yaml", strings.Replace(paid, "triggers:", "enabled: false\ntriggers:", 1))
	c.state("subscribed") // the one for Qwilr
	code, why := send("qonto.transaction")
	want := "the event was not taken: nobody has subscribed to v1/transactions at the played Qonto: no flow that is on waits for qonto.transaction"
	if code != http.StatusBadGateway || why != want {
		t.Errorf("send to nobody = %d %q, want 502 %q", code, why, want)
	}
}

// TestFaultKillSubscribing kills the engine between the moment a subscription was
// made and its answer: the next start finds it, and makes no second one.
func TestFaultKillSubscribing(t *testing.T) {
	o := newOffices(t)
	made, dead := make(chan struct{}), make(chan struct{})
	o.hold = func() {
		close(made)
		<-dead
	}
	dir := officeWorkspace(t, o).Dir
	t.Setenv(publicVariable, publicURL)
	p := spawn(t, dir)
	<-made
	p.kill()
	o.mu.Lock()
	o.hold = nil
	o.mu.Unlock()
	close(dead)
	p = spawn(t, dir)
	began := time.Now()
	p.state("subscribed")
	t.Logf("found %s after the start", time.Since(began).Round(time.Millisecond))
	o.wantAsked(t, "on pageAccepted")
	if got := o.all(); len(got) != 1 {
		t.Errorf("subscriptions = %v, want the one that was made", got)
	}
	p.terminate()
}
