//go:build unix

package enginetest_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/console"
	"patchbay/engine/journal"
	"patchbay/engine/vault"
)

// pausedWorkspace has flows of each mode over one connection to the bank, a
// poll through it, and a flow that is told of failures.
func pausedWorkspace(t *testing.T, b *bank) string {
	t.Helper()
	dir := bankWorkspace(t, b)
	write(t, dir, "flows/pay.yaml", payFlow)
	write(t, dir, "flows/in_order.yaml", strings.Replace(payFlow, "triggers", "mode: queued\ntriggers", 1))
	write(t, dir, "flows/polled.yaml", `flow: 1
triggers: [{ trigger: bank.entry }]
steps: [{ action: bank.pay, with: { n: "entry-${{ event.id }}" } }]
`)
	write(t, dir, "flows/tell.yaml", `flow: 1
triggers: [{ flow_failed: "*" }]
steps: [{ set: { told: "${{ event.flow }} ${{ event.status }}: ${{ event.message }}" } }]
output: ${{ event.flow }} ${{ event.status }} ${{ event.class }} ${{ event.step ?? "no step" }}
`)
	write(t, dir, "flows/tell_nobody.yaml", `flow: 1
triggers: [{ on_demand: {} }]
steps: [{ set: { a: 1 } }]
`)
	return dir
}

// begin starts a run of a flow that pays.
func (c *client) begin(flow, n string) int64 {
	c.t.Helper()
	var started console.StartAnswer
	if code := c.api(http.MethodPost, "/flows/"+flow+"/runs", console.StartRequest{Inputs: map[string]any{"n": n}}, &started); code != http.StatusAccepted {
		c.t.Fatalf("start %s: status %d", flow, code)
	}
	return started.Run
}

// TestPause has runs meet a connection that nobody has signed in yet, and then
// one whose sign-in the service has ended. They wait through a kill, and go on
// where they stood.
func TestPause(t *testing.T) {
	const each = 12
	b := newBank(t)
	dir := pausedWorkspace(t, b)
	p := spawn(t, dir)
	var runs []int64
	for i := range each {
		runs = append(runs, p.begin("pay", fmt.Sprintf("p%02d", i)), p.begin("in_order", fmt.Sprintf("q%02d", i)))
	}
	waits := func(want int) func() bool {
		return func() bool { return p.standing("bank").Paused == want }
	}
	// Of the flow with a queue its first run stands before all others.
	await(t, "all wait", waits(each+1))
	const reason = `paused until bank is connected: connection "bank" is not signed in to Bank: run "patchbay connect bank"`
	if run := p.run(runs[0]); run.Status != journal.WaitingStatus || run.Reason != reason {
		t.Errorf("run %d: %s, %q, want waiting, %q", run.ID, run.Status, run.Reason, reason)
	}
	pauseIsShown(t, &p.client, runs[0])
	if code := p.api(http.MethodPost, fmt.Sprintf("/runs/%d/cancel", runs[2]), struct{}{}, nil); code != http.StatusOK {
		t.Errorf("cancel a run that is paused: status %d", code)
	}
	await(t, "one waits no more", waits(each))
	p.kill()

	p = spawn(t, dir)
	if got := p.standing("bank"); got.Paused != each || got.State.Status != vault.NotConnected {
		t.Errorf("after the kill %d runs wait for a connection that is %s, want %d, not_connected", got.Paused, got.State.Status, each)
	}
	b.with(func() {
		if b.refused+b.items+b.looks > 0 {
			t.Errorf("the bank was asked %d times while nobody had signed in", b.refused+b.items+b.looks)
		}
	})
	p.signIn("bank")
	for i, id := range runs {
		if run := p.atRest(id); i != 2 && run.Status != journal.Succeeded {
			t.Errorf("run %d: %s %s, want succeeded", id, run.Status, run.Reason)
		}
	}
	b.with(func() {
		if len(b.paid) != 2*each-1 || b.paid["p01"] != 0 {
			t.Errorf("paid: %v, want all but p01", b.paid)
		}
		if !slices.IsSorted(b.order("q")) {
			t.Errorf("order of the queue: %v", b.order("q"))
		}
	})
	endsTheSignIn(t, &p.client, b)
	wantTold(t, &p.client)
}

// pauseIsShown looks at what people see of it.
func pauseIsShown(t *testing.T, c *client, run int64) {
	t.Helper()
	await(t, "the poll waits, too", func() bool {
		return slices.ContainsFunc(c.triggers(), func(s console.TriggerState) bool { return s.Paused == "bank" })
	})
	const button = `data-post="/api/v1/connections/bank/connect"`
	for path, want := range map[string][]string{
		"/":                          {"13 runs and 1 poll wait for bank to be connected", "paused: 12 runs wait for bank to be connected", button},
		"/connections":               {"paused: 13 runs wait for bank to be connected", button},
		fmt.Sprintf("/runs/%d", run): {"paused until bank is connected", button},
	} {
		page := c.page(path)
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("GET %s: want %q in it:\n%s", path, text, page)
			}
		}
	}
	var health console.Health
	c.api(http.MethodPost, "/doctor", console.DoctorRequest{}, &health)
	want := console.Problem{
		Code: "connection", Where: "connection bank", Do: "patchbay connect bank",
		What: `13 runs wait for it: connection "bank" is not signed in to Bank: run "patchbay connect bank"`,
	}
	if !slices.Contains(health.Problems, want) {
		t.Errorf("problems: %+v, want %+v among them", health.Problems, want)
	}
	var flow console.Flow
	c.api(http.MethodGet, "/flows/pay", nil, &flow)
	if diff := cmp.Diff(map[string]int{"bank": 12}, flow.Paused); diff != "" {
		t.Errorf("runs of pay that are paused (-want +got):\n%s", diff)
	}
}

// page fetches a page of the console.
func (c *client) page(path string) string {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.base+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := http.DefaultClient.Do(req)
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

// endsTheSignIn has the bank end the sign-in while a poll is at work and runs
// come.
func endsTheSignIn(t *testing.T, c *client, b *bank) {
	t.Helper()
	await(t, "the poll looks", func() bool {
		looks := 0
		b.with(func() { looks = b.looks })
		return looks > 1
	})
	b.with(func() { b.end(b.families) })
	run := c.begin("pay", "late")
	await(t, "the run and the poll wait", func() bool {
		return c.standing("bank").Paused == 1 && slices.ContainsFunc(c.triggers(), func(s console.TriggerState) bool { return s.Paused == "bank" })
	})
	want := `Bank no longer accepts the sign-in of connection "bank": The refresh token is not valid. (invalid_grant). To sign in again, run "patchbay connect bank"`
	if got := c.standing("bank").State; got.Status != vault.NeedsReconnecting || got.Message != want {
		t.Errorf("the connection is %s: %s\nwant needs_reconnecting: %s", got.Status, got.Message, want)
	}
	if got := c.run(run); got.Status != journal.WaitingStatus || got.Reason != "paused until bank is connected: "+want {
		t.Errorf("run %d: %s, %q, want waiting", run, got.Status, got.Reason)
	}
	asked := 0
	b.with(func() { asked, b.entries = b.refused+b.looks, []string{"e1"} })
	if run := c.atRest(c.start("tell_nobody")); run.Status != journal.Succeeded {
		t.Errorf("a flow without the connection: %s, want succeeded", run.Status)
	}
	b.with(func() {
		if b.refused+b.looks != asked {
			t.Errorf("the bank was asked %d times while the connection was paused", b.refused+b.looks-asked)
		}
	})
	c.signIn("bank")
	if got := c.atRest(run); got.Status != journal.Succeeded {
		t.Errorf("run %d after the sign-in: %s %s, want succeeded", run, got.Status, got.Reason)
	}
	await(t, "the poll finds what came meanwhile", func() bool {
		paid := 0
		b.with(func() { paid = b.paid["entry-e1"] })
		return paid == 1
	})
}

// triggers returns how the triggers stand.
func (c *client) triggers() []console.TriggerState {
	c.t.Helper()
	var all []console.TriggerState
	c.api(http.MethodGet, "/triggers", nil, &all)
	return all
}

// wantTold sees that each pause was told once for each flow, however many runs
// wait.
func wantTold(t *testing.T, c *client) {
	t.Helper()
	var told []any
	await(t, "all pauses are told", func() bool {
		var runs []console.Run
		c.api(http.MethodGet, "/runs?limit=1000&flow=tell&status=succeeded", nil, &runs)
		told = nil
		for _, r := range runs {
			told = append(told, c.run(r.ID).Output)
		}
		return len(told) >= 3
	})
	slices.SortFunc(told, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	want := []any{"in_order waiting auth #1", "pay waiting auth #1", "pay waiting auth #1"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestPauseOfAKey has runs meet a connection whose key is not set, then one
// that the bank refuses, and goes on by each way in which a person puts it
// right.
func TestPauseOfAKey(t *testing.T) {
	b := newBank(t)
	b.key = "right"
	dir := bankWorkspace(t, b)
	connections := `connections: 1
bank: { connector: bank, auth: key, base_url: "` + b.url + `", token: "${{ secret.bank }}" }
`
	write(t, dir, "flows/connections.yaml", connections)
	write(t, dir, "flows/pay.yaml", payFlow)
	c := serve(t, options(dir, t.Output()))
	set := func(key string) {
		if code := c.api(http.MethodPut, "/secrets/bank", console.SecretRequest{Value: key}, nil); code != http.StatusOK {
			t.Fatalf("set the secret: status %d", code)
		}
	}
	paused := func(run int64, status vault.Status, message string) {
		t.Helper()
		reason := "paused until bank is connected: " + message
		await(t, "the run waits: "+message, func() bool { return c.run(run).Reason == reason })
		if got := c.standing("bank"); got.Paused != 1 || got.State.Status != status || got.State.Message != message {
			t.Errorf("the connection: %d runs wait, %s, %q, want 1, %s, %q", got.Paused, got.State.Status, got.State.Message, status, message)
		}
	}
	succeeds := func(run int64) {
		t.Helper()
		if got := c.atRest(run); got.Status != journal.Succeeded {
			t.Errorf("run %d: %s %s, want succeeded", run, got.Status, got.Reason)
		}
	}
	const refused = `Bank refuses the credentials of connection "bank": check the secret bank (patchbay secret set bank)`

	run := c.begin("pay", "a")
	paused(run, vault.NotConnected, `connection "bank" takes token from the secret bank, which is not set: run "patchbay secret set bank"`)
	set("wrong")
	paused(run, vault.NeedsReconnecting, refused)
	set("right")
	succeeds(run)

	// The bank was wrong to refuse it: a test call finds out.
	b.with(func() { b.key = "another" })
	run = c.begin("pay", "b")
	paused(run, vault.NeedsReconnecting, refused)
	b.with(func() { b.key = "right" })
	var tested console.Connection
	c.api(http.MethodPost, "/connections/bank/test", struct{}{}, &tested)
	if tested.Test != "ok" || tested.State.Status != vault.Connected {
		t.Errorf("the test brought %q, %s, want ok, connected", tested.Test, tested.State.Status)
	}
	succeeds(run)

	// Another key, by an edit of the file.
	b.with(func() { b.key = ledgerToken })
	run = c.begin("pay", "c")
	paused(run, vault.NeedsReconnecting, refused)
	write(t, dir, "flows/connections.yaml", strings.Replace(connections, "secret.bank", "env.LEDGER_TOKEN", 1))
	succeeds(run)

	// One action is refused, which says nothing about the key.
	b.with(func() { b.forbidden = "/items/d" })
	got := c.atRest(c.begin("pay", "d"))
	want := `step #1: the token is not valid; Bank takes the credentials of connection "bank", but not for this action`
	if got.Status != journal.FailedStatus || got.Reason != want {
		t.Errorf("the run that one action refuses: %s, %q, want failed, %q", got.Status, got.Reason, want)
	}
	if got := c.standing("bank").State; got.Status != vault.Connected {
		t.Errorf("the connection is %s: %s, want connected", got.Status, got.Message)
	}
	b.with(func() {
		if diff := cmp.Diff(map[string]int{"a": 1, "b": 1, "c": 1}, b.paid); diff != "" {
			t.Errorf("paid (-want +got):\n%s", diff)
		}
	})
}
