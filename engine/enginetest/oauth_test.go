//go:build unix

package enginetest_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/console"
	"patchbay/engine/enginetest/fault"
	"patchbay/engine/journal"
	"patchbay/engine/vault"
)

// crowd is how many calls are made at once.
const crowd = 1000

// crowdFlow looks up a thousand items at once, in one run.
const crowdFlow = `flow: 1
triggers: [{ on_demand: {} }]
steps:
  - id: each
    for_each: 1..1000
    at_once: 1000
    action: bank.item
    with: { n: "${{ string(item) }}" }
output: ${{ len(steps.each) }}
`

// TestOneRenewalForAllCalls makes a thousand calls that need the next token.
func TestOneRenewalForAllCalls(t *testing.T) {
	b := newBank(t)
	dir := bankWorkspace(t, b)
	write(t, dir, "flows/crowd.yaml", crowdFlow)
	c := serve(t, options(dir, t.Output()))

	// The token has ended: all wait for the next.
	b.life = 1
	c.signIn("bank")
	signed := time.Now()
	await(t, "the token has ended", func() bool { return time.Since(signed) > time.Second })
	b.with(func() { b.life = 3600 })
	crowdSucceeds(t, c, b, 1)
	b.with(func() {
		if b.refused != 0 {
			t.Errorf("requests with a token that has ended = %d, want none", b.refused)
		}
	})

	// The service takes its token back while all calls are under way. Half of
	// them hear of it at once, the others when the next token is there.
	var arrived atomic.Int64
	all, replaced := make(chan struct{}), make(chan struct{})
	until := func(happened chan struct{}) {
		select {
		case <-happened:
		case <-t.Context().Done():
		}
	}
	b.given = func(int) { close(replaced) }
	b.hold = func(*http.Request) {
		n := arrived.Add(1)
		if n == crowd {
			b.with(func() { clear(b.access) })
			close(all)
		}
		if until(all); n <= crowd/2 {
			until(replaced)
		}
	}
	crowdSucceeds(t, c, b, 2)
	b.hold, b.given = nil, nil
	b.with(func() {
		if b.refused != crowd {
			t.Errorf("requests that were refused = %d, want %d", b.refused, crowd)
		}
	})
	if got := c.standing("bank").State.Status; got != vault.Connected {
		t.Errorf("the connection is %s, want connected", got)
	}
}

// crowdSucceeds runs the crowd and counts the renewals there were since the
// sign-in.
func crowdSucceeds(t *testing.T, c *client, b *bank, renewals int) {
	t.Helper()
	run := c.atRest(c.start("crowd"))
	if run.Status != journal.Succeeded || run.Output != float64(crowd) {
		t.Fatalf("the crowd: %s %v %s, want succeeded, %d", run.Status, run.Output, run.Reason, crowd)
	}
	b.with(func() {
		var want []string
		for i := range renewals {
			want = append(want, "refresh-"+strconv.Itoa(i+1))
		}
		if diff := cmp.Diff(want, b.renewals); diff != "" {
			t.Errorf("renewals (-want +got):\n%s", diff)
		}
	})
}

// payFlow does something that must not be done twice, and waits before it.
const payFlow = `flow: 1
triggers: [{ on_demand: {} }]
inputs: { n: { type: string } }
steps:
  - action: bank.item
    with: { n: "${{ inputs.n }}" }
  - action: bank.pay
    with: { n: "${{ inputs.n }}" }
`

// TestFaultKillInRenewal kills the engine between the moment at which the bank has
// answered a renewal, and so replaced the refresh token, and the one at which
// the answer is on disk. The next engine asks again at its start.
func TestFaultKillInRenewal(t *testing.T) {
	b := newBank(t)
	dir := bankWorkspace(t, b)
	write(t, dir, "flows/pay.yaml", payFlow)
	b.life = 1
	p := spawn(t, dir)
	p.signIn("bank")

	hit, total := 0, max(1, fault.Rounds()/13)
	for round := range total {
		var killed sync.Once
		over := make(chan struct{})
		doomed := p
		b.with(func() {
			b.given = func(int) {
				killed.Do(func() {
					// The window is as long as a write to the disk takes.
					time.Sleep(rand.N(4 * time.Millisecond))
					doomed.kill()
					close(over)
				})
			}
		})
		await(t, "the token is to be renewed", func() bool {
			return doomed.standing("bank").State.Expires.Before(time.Now())
		})
		n := string(rune('a' + round))
		doomed.beginPaying(n)
		<-over
		var before int
		b.with(func() { before, b.given = len(b.renewals), nil })
		p = spawn(t, dir)
		if got := p.atRest(p.beginPaying(n)); got.Status != journal.Succeeded {
			t.Fatalf("round %d: run %d = %s: %s", round, got.ID, got.Status, got.Reason)
		}
		b.with(func() {
			// The refresh token that was spent by the engine that was killed.
			if len(b.renewals) > before && b.renewals[before] == b.renewals[before-1] {
				hit++
			}
		})
		if got := p.standing("bank").State; got.Status != vault.Connected {
			t.Fatalf("round %d: the connection is %s: %s", round, got.Status, got.Message)
		}
	}
	b.with(func() {
		for n, times := range b.paid {
			if times != 1 {
				t.Errorf("%s was paid %d times, want once", n, times)
			}
		}
		if len(b.paid) != total {
			t.Errorf("%d were paid, want %d", len(b.paid), total)
		}
	})
	if hit == 0 {
		t.Error("no kill came between the answer and the disk")
	}
	t.Logf("%d of %d kills came between the answer and the disk", hit, total)
	lostForGood(t, b, p, dir)
}

// beginPaying starts a run by an event that counts once, and returns it. The
// engine may be killed meanwhile: the run is 0 then.
func (c *client) beginPaying(n string) int64 {
	c.t.Helper()
	body, _ := json.Marshal(console.StartRequest{EventID: n, Inputs: map[string]any{"n": n}})
	_, answer, _ := post(c.t.Context(), delivery{
		url: c.base + "/api/v1/flows/pay/runs", header: map[string]string{"Authorization": "Bearer " + c.token}, body: string(body),
	})
	var started console.StartAnswer
	_ = json.Unmarshal([]byte(answer), &started)
	return started.Run
}

// lostForGood kills an engine in that moment once more, and lets the grace of
// the old refresh token pass: only a person can sign in again, and the run
// waits for that.
func lostForGood(t *testing.T, b *bank, p *process, dir string) {
	t.Helper()
	for {
		var killed sync.Once
		over := make(chan struct{})
		doomed := p
		b.with(func() {
			b.given = func(int) {
				killed.Do(func() {
					doomed.kill()
					close(over)
				})
			}
		})
		await(t, "the token is to be renewed", func() bool {
			return doomed.standing("bank").State.Expires.Before(time.Now())
		})
		doomed.beginPaying("last")
		<-over
		b.with(func() { b.ahead += time.Minute; b.given = nil })
		p = spawn(t, dir)
		run := p.beginPaying("last")
		await(t, "the run ended or waits", func() bool {
			got := p.run(run)
			return got.Status.HasEnded() || got.Status == journal.WaitingStatus
		})
		got := p.run(run)
		if got.Status == journal.Succeeded {
			b.with(func() { delete(b.paid, "last") })
			continue // the answer was on disk already
		}
		state := p.standing("bank").State
		want := `Bank no longer accepts the sign-in of connection "bank": The refresh token is not valid. (invalid_grant). The answer to a renewal on `
		if state.Status != vault.NeedsReconnecting || !strings.HasPrefix(state.Message, want) {
			t.Errorf("the connection is %s: %s\nwant needs_reconnecting: %s…", state.Status, state.Message, want)
		}
		if want := "paused until bank is connected: " + state.Message; got.Status != journal.WaitingStatus || got.Reason != want {
			t.Errorf("the run is %s: %s\nwant waiting: %s", got.Status, got.Reason, want)
		}
		b.with(func() { b.life = 3600 })
		p.signIn("bank")
		if got := p.atRest(run); got.Status != journal.Succeeded {
			t.Errorf("after the sign-in the run is %s: %s", got.Status, got.Reason)
		}
		b.with(func() {
			if b.paid["last"] != 1 {
				t.Errorf("last was paid %d times, want once", b.paid["last"])
			}
		})
		return
	}
}
