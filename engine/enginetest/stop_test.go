//go:build unix

package enginetest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"patchbay/engine/journal"
)

// TestFaultStop stops the engine in good order in the middle of runs and of
// deliveries, again and again: requests under way are answered, so nothing is
// left to ask about, and the next engine goes on.
func TestFaultStop(t *testing.T) {
	const stops = 4
	l := newLedger(t)
	l.slow(func(*http.Request, bool) { time.Sleep(rand.N(40 * time.Millisecond)) })
	dir := workspace(t, l.url)
	p := spawn(t, dir)
	s := &senders{url: p.hook("ledger"), acked: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	s.begin(ctx, 6)
	var longest time.Duration
	cut := 0
	for range stops {
		target := l.requests.Load() + 60
		await(t, "the engine makes requests", func() bool { return l.requests.Load() >= target })
		began := time.Now()
		p.terminate()
		longest = max(longest, time.Since(began))
		p = spawn(t, dir)
		s.to(p.hook("ledger"))
		counts := p.counts("order")
		cut += counts[journal.Queued] + counts[journal.Running] + counts[journal.WaitingStatus]
	}
	stop()
	s.over.Wait()
	counts := p.settled("order")
	p.terminate()
	if n := counts[journal.Succeeded]; len(counts) != 1 || n == 0 {
		t.Errorf("runs = %v, want all succeeded", counts)
	}
	runs := allRuns(t, dir)
	s.check(t, runs)
	for order := range runs {
		l.check(t, order, lines)
	}
	l.noFaults(t)
	if len(l.repeats) > 0 {
		t.Errorf("asked again after stops in good order: %v, want nothing", l.repeats)
	}
	checkRows(t, dir, len(runs))
	t.Logf("%d stops, the longest took %s; %d runs, interrupted %d times; %d events acknowledged, %d not",
		stops, longest.Round(time.Millisecond), len(runs), cut, len(s.acked), s.gone)
}

// TestFaultStopBetweenAttempts stops while a step waits for its next attempt: the
// run is given back at once, and the attempt follows after the restart.
func TestFaultStopBetweenAttempts(t *testing.T) {
	t.Parallel()
	b := newBadLedger(t)
	b.say("PUT /orders/o1", answers{{status: 503, body: `{"message": "busy"}`}, {status: 200, body: `{}`}})
	dir := workspace(t, b.url)
	write(t, dir, "flows/put.yaml", `flow: 1
name: Put
triggers:
  - on_demand: {}
steps:
  - action: ledger.put_order
    retry: { max: 3, wait: 4s, backoff: fixed }
    with: { order: o1, state: open, amount: 1 }
`)
	c := serve(t, options(dir, t.Output()))
	id := c.start("put")
	await(t, "the first attempt is made", func() bool { return b.count("PUT /orders/o1") == 1 })
	c.stop()
	c = serve(t, options(dir, t.Output()))
	run := c.atRest(id)
	if run.Status != journal.Succeeded || b.count("PUT /orders/o1") != 2 {
		t.Errorf("run = %s after %d requests, want succeeded after 2\n%s", run.Status, b.count("PUT /orders/o1"), trace(run))
	}
	if got, want := fmt.Sprint(attemptsOf(run)), "[tried 1 done 2]"; got != want {
		t.Errorf("attempts = %s, want %s", got, want)
	}
}
