package enginetest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/sandbox"
	"patchbay/engine/value"
)

// TestFaultAnswers lets the service answer otherwise than its connector says:
// the run fails at once, and says which action and which field it is about.
func TestFaultAnswers(t *testing.T) {
	t.Parallel()
	const good = `{"sku": "tea", "price": {"amount": 12}}`
	invalid := func(status int, field, message string) value.Failure {
		return value.Failure{Class: value.ClassInvalid, Status: status, Field: field, Message: message}
	}
	transient := func(status int, message string) value.Failure {
		return value.Failure{Class: value.ClassTransient, Status: status, Message: message, Unsettled: true}
	}
	tests := []struct {
		name   string
		answer answerOf
		want   value.Failure
		asked  int
	}{
		{"right", answerOf{status: 200, body: good}, value.Failure{}, 1},
		{
			"html",
			answerOf{status: 200, kind: "text/html", body: "<h1>Bad gateway</h1>"},
			invalid(200, "", `the answer is not JSON but text/html: "<h1>Bad gateway</h1>"`), 1,
		},
		{
			"broken",
			answerOf{status: 200, body: good[:20]},
			invalid(200, "", `the answer is broken JSON (unexpected EOF): "{\"sku\": \"tea\", \"pric"`), 1,
		},
		{
			"two",
			answerOf{status: 200, body: good + " {}"},
			invalid(200, "", `the answer is broken JSON (text after the JSON value at byte 41): "{\"sku\": \"tea\", \"price\": {\"amount\": 12}} {}"`), 1,
		},
		{"empty", answerOf{status: 200}, invalid(200, "", "the answer is empty"), 1},
		{"null", answerOf{status: 200, body: "null"}, invalid(200, "", "the answer is empty"), 1},
		{
			"list",
			answerOf{status: 200, body: "[" + good + "]"},
			invalid(200, "", "the answer is not as agreed: it is a list of 1, ledger.Price is expected"), 1,
		},
		{
			"missing",
			answerOf{status: 200, body: `{"sku": "tea"}`},
			invalid(200, "price.amount", "the answer is not as agreed: price.amount is missing, integer is expected (the object has: sku)"), 1,
		},
		{
			"nothing",
			answerOf{status: 200, body: `{"sku": null, "price": {"amount": 12}}`},
			invalid(200, "sku", "the answer is not as agreed: sku is null, string is expected (the object has: price, sku)"), 1,
		},
		{
			"text",
			answerOf{status: 200, body: `{"sku": "tea", "price": {"amount": "12"}}`},
			invalid(200, "price.amount", `the answer is not as agreed: price.amount is the text "12", integer is expected`), 1,
		},
		{
			"fraction",
			answerOf{status: 200, body: `{"sku": "tea", "price": {"amount": 12.5}}`},
			invalid(200, "price.amount", "the answer is not as agreed: price.amount is the number 12.5, integer is expected"), 1,
		},
		{
			"gzip",
			answerOf{status: 200, body: good, header: map[string]string{"Content-Encoding": "gzip"}},
			invalid(200, "", "the answer of HOST cannot be unpacked: gzip: invalid header"), 1,
		},
		{"refused", answerOf{status: 422, body: `{"message": "no such sku"}`}, invalid(422, "", "no such sku"), 1},
		{"truncated", answerOf{status: 200, body: good, short: true}, transient(200, "the connection to HOST broke off: unexpected EOF"), 2},
		{"cut off", answerOf{}, transient(0, "the connection to HOST broke off: EOF"), 2},
		{"down", answerOf{status: 502, kind: "text/html", body: "<h1>Bad gateway</h1>"}, transient(502, "the service answered 502 Bad Gateway"), 2},
	}
	b := newBadLedger(t)
	dir := workspace(t, b.url)
	write(t, dir, "flows/ask.yaml", `flow: 1
name: Ask
triggers:
  - on_demand: {}
inputs:
  sku: { type: string }
steps:
  - id: look
    action: ledger.price
    retry: { max: 1, wait: 1s }
    with: { sku: "${{ inputs.sku }}" }
output: ${{ steps.look }}
`)
	c := serve(t, options(dir, t.Output()))
	runs := make([]int64, len(tests))
	for i, test := range tests {
		b.say("GET /prices/"+test.name, answers{test.answer})
		var started console.StartAnswer
		c.api(http.MethodPost, "/flows/ask/runs", console.StartRequest{Inputs: map[string]any{"sku": test.name}}, &started)
		runs[i] = started.Run
	}
	for i, test := range tests {
		run, want, wantStatus := c.atRest(runs[i]), test.want, journal.Succeeded
		if want.Class != "" {
			want.Action, want.Step, wantStatus = "ledger.price", "look", journal.FailedStatus
			want.Message = strings.ReplaceAll(want.Message, "HOST", strings.TrimPrefix(b.url, "http://"))
		}
		if diff := cmp.Diff(want, failureOf(run)); diff != "" || run.Status != wantStatus {
			t.Errorf("%s: run = %s, want %s; failure (-want +got):\n%s", test.name, run.Status, wantStatus, diff)
		}
		if got := b.count("GET /prices/" + test.name); got != test.asked {
			t.Errorf("%s: asked %d times, want %d", test.name, got, test.asked)
		}
	}
}

// failureOf returns how a run failed, the zero Failure if it did not.
func failureOf(run console.Run) value.Failure {
	for _, e := range run.Journal {
		if e.Kind == journal.Failed && e.Failure != nil {
			return *e.Failure
		}
	}
	return value.Failure{}
}

// TestFaultNetworkKinds lets the answers of a played service go wrong on their way,
// for an action of each nature, before and after it did what it was asked.
func TestFaultNetworkKinds(t *testing.T) {
	t.Parallel()
	dir, played := playedLedger(t)
	c := serve(t, options(dir, t.Output()))
	for _, action := range []string{"price", "put_order", "pay", "tell"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []sandbox.FailureKind{sandbox.FailTimeout, sandbox.FailReset, sandbox.FailStatus} {
				for _, after := range []bool{false, true} {
					badNetwork(t, c, played, sandbox.Failure{Connector: "ledger", Action: action, Kind: kind, After: after})
				}
			}
			badNetwork(t, c, played, sandbox.Failure{Connector: "ledger", Action: action, Kind: sandbox.FailStatus, Status: http.StatusTooManyRequests})
			exhausted(t, c, played, action)
		})
	}
}

// badNetwork lets one answer go wrong. What may be repeated is, and happens
// once; what must not be is asked about.
func badNetwork(t *testing.T, c *client, played *sandbox.Sandbox, f sandbox.Failure) {
	t.Helper()
	before := len(effectsOf(played, f.Action))
	if err := played.Fail(f); err != nil {
		t.Fatal(err)
	}
	run := c.atRest(c.start(strings.ReplaceAll(f.Action, "_", "-")))
	effects := effectsOf(played, f.Action)[before:]
	done := 0
	for _, e := range effects {
		if e.Done && !e.Replayed {
			done++
		}
	}
	limited := f.Status == http.StatusTooManyRequests
	wantStatus, wantAsked, wantDone := journal.Succeeded, 2, 1
	switch {
	case f.Action == "tell" && !limited:
		wantStatus, wantAsked, wantDone = journal.OutcomeUnknown, 1, 0
		if f.After {
			wantDone = 1
		}
	case f.Action == "price":
		wantDone = 0
	case f.Action == "put_order" && f.After:
		wantDone = 2 // the same state, put twice
	}
	if run.Status != wantStatus || len(effects) != wantAsked || done != wantDone {
		t.Errorf("%s, %s %d after=%t: run = %s %q, asked %d, done %d; want %s, %d, %d\n%s", f.Action, f.Kind, f.Status, f.After,
			run.Status, run.Reason, len(effects), done, wantStatus, wantAsked, wantDone, trace(run))
	}
	if limited && len(effects) == 2 && effects[1].Time.Sub(effects[0].Time) < time.Second {
		t.Errorf("%s: asked again %s after a 429 with Retry-After: 1", f.Action, effects[1].Time.Sub(effects[0].Time))
	}
}

// exhausted lets every attempt fail before anything is done.
func exhausted(t *testing.T, c *client, played *sandbox.Sandbox, action string) {
	t.Helper()
	if action == "tell" {
		return // has only one
	}
	before := len(effectsOf(played, action))
	if err := played.Fail(sandbox.Failure{Connector: "ledger", Action: action, Kind: sandbox.FailStatus, Status: 503, Count: 2}); err != nil {
		t.Fatal(err)
	}
	run := c.atRest(c.start(strings.ReplaceAll(action, "_", "-")))
	asked := len(effectsOf(played, action)) - before
	want := value.Failure{
		Class: value.ClassTransient, Message: "Service Unavailable (asked of the sandbox)",
		Action: "ledger." + action, Step: "it", Status: 503, Unsettled: true,
	}
	status := journal.FailedStatus
	if action == "pay" {
		// It may have happened, and only a read or a write that can be repeated
		// for ever may be left at that.
		status, want = journal.OutcomeUnknown, value.Failure{}
	}
	if run.Status != status || asked != 2 || failureOf(run) != want {
		t.Errorf("%s: run = %s after %d requests, %+v; want %s after 2, %+v", action, run.Status, asked, failureOf(run), status, want)
	}
}

func effectsOf(played *sandbox.Sandbox, action string) []sandbox.Effect {
	var out []sandbox.Effect
	for _, e := range played.Effects() {
		if e.Action == "ledger."+action {
			out = append(out, e)
		}
	}
	return out
}

// playedLedger serves the sandbox of the ledger over HTTP and makes a
// workspace, with one flow for each action, that is connected to it.
func playedLedger(t *testing.T) (string, *sandbox.Sandbox) {
	t.Helper()
	src, err := catalog.Read(os.DirFS("testdata/workspace"), connectors.Files)
	if err != nil {
		t.Fatal(err)
	}
	k := program.Build(src, program.Options{Sandbox: true}).Connectors["ledger"]
	played := sandbox.New(sandbox.Options{Connectors: func() []*program.Connector { return []*program.Connector{k} }})
	s := httptest.NewServer(played.Handler())
	t.Cleanup(s.Close)
	dir := workspace(t, s.URL+sandbox.APIPath(k))
	for action, with := range map[string]string{
		"price":     `{ sku: tea }`,
		"put_order": `{ order: o1, state: open, amount: 1 }`,
		"pay":       `{ order: o1, amount: 1, at: "${{ now() }}" }`,
		"tell":      `{ order: o1 }`,
	} {
		write(t, dir, "flows/"+strings.ReplaceAll(action, "_", "-")+".yaml", `flow: 1
name: One step
triggers:
  - on_demand: {}
steps:
  - id: it
    action: ledger.`+action+`
    timeout: 1s
    retry: { max: 1, wait: 1s }
    with: `+with+"\n")
	}
	return dir, played
}
