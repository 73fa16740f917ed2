package run_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/run"
)

// crowd is a runner over a real store that serves several flows, with a service
// that takes its time. It lives in a bubble.
type crowd struct {
	*bench
	opt  run.Options
	slow time.Duration

	mu    sync.Mutex
	began []string // what was called: "<flow>/<connection> +<after the start>"
}

const crowdFlow = `flow: 1
triggers: [{ on_demand: {} }]
steps:
  - action: svc.send
    with: { text: hello }
`

func newCrowd(t *testing.T, parts map[string]string) *crowd {
	t.Helper()
	c := &crowd{bench: newBench(t, parts), slow: 30 * time.Second}
	c.open(t)
	c.opt = c.options()
	c.opt.Call = c.call
	c.opt.AtOnce = func(flow string) int { return c.set.Flows[flow].AtOnce }
	return c
}

func (c *crowd) call(ctx context.Context, call run.Call) (any, *journal.Exchange, error) {
	r, err := c.store.RunByID(ctx, call.Run)
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	c.began = append(c.began, fmt.Sprintf("%s/%s +%s", r.Flow, r.Connection, time.Since(c.bench.began)))
	c.mu.Unlock()
	time.Sleep(c.slow)
	return map[string]any{"id": "m1"}, nil, nil
}

// calls returns which calls of a kind began.
func (c *crowd) calls(of string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, line := range c.began {
		if strings.HasPrefix(line, of) {
			out = append(out, line)
		}
	}
	return out
}

// arrive accepts n events for a flow through a connection.
func (c *crowd) arrive(t *testing.T, flow, connection string, n int) {
	t.Helper()
	f := c.set.Flows[flow]
	events := make([]journal.Arrival, n)
	for i := range events {
		events[i] = journal.Arrival{Flow: flow, Definition: f.Hash, Trigger: "on_demand", Connection: connection, At: time.Now()}
		if f.Mode != program.Parallel {
			events[i].Queue = "all"
		}
	}
	if _, err := c.store.Accept(t.Context(), events, nil); err != nil {
		t.Fatal(err)
	}
}

// serve runs the store and the runner while work is done.
func (c *crowd) serve(t *testing.T, work func()) {
	t.Helper()
	writing, end := context.WithCancel(context.WithoutCancel(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	var store, runner sync.WaitGroup
	store.Go(func() { _ = c.store.Run(writing) })
	runner.Go(func() { _ = run.New(c.opt).Run(ctx) })
	work()
	stop()
	runner.Wait()
	end()
	store.Wait()
}

// TestFloodLeavesRoom lets 20,000 events flood a flow whose calls take half a
// minute each: runs of another flow, and of another connection of the same
// flow, begin in the moment in which they arrive.
func TestFloodLeavesRoom(t *testing.T) {
	parts := map[string]string{"flood.yaml": crowdFlow, "trickle.yaml": crowdFlow}
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, parts)
		c.serve(t, func() {
			c.arrive(t, "flood", "loc1", 20_000)
			time.Sleep(5 * time.Second)
			for range 10 {
				c.arrive(t, "trickle", "main", 1)
				c.arrive(t, "flood", "loc2", 1)
				time.Sleep(10 * time.Second)
			}
		})
		for _, of := range []string{"trickle/main", "flood/loc2"} {
			var want []string
			for i := range 10 {
				want = append(want, fmt.Sprintf("%s +%s", of, time.Duration(5+10*i)*time.Second))
			}
			if diff := cmp.Diff(want, c.calls(of)); diff != "" {
				t.Errorf("calls of %s beside a flood (-want +got):\n%s", of, diff)
			}
		}
		// In 105 s four rounds of the flood began.
		if got := len(c.calls("flood/loc1")); got < 4*150 || got > 4*163 {
			t.Errorf("%d runs of the flood began, want four rounds of almost 163", got)
		}
	})
}

// TestAtOnce holds the runs of a flow to limits.at_once, and no other flow.
func TestAtOnce(t *testing.T) {
	parts := map[string]string{"few.yaml": crowdFlow + "limits: { at_once: 3 }\n", "other.yaml": crowdFlow}
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, parts)
		c.serve(t, func() {
			c.arrive(t, "few", "main", 10)
			c.arrive(t, "other", "main", 2)
			time.Sleep(10 * time.Second)
			if few, other := len(c.calls("few/")), len(c.calls("other/")); few != 3 || other != 2 {
				t.Errorf("%d and %d runs began, want 3 of the flow with a limit and both of the other", few, other)
			}
			time.Sleep(30 * time.Second)
			if few := len(c.calls("few/")); few != 6 {
				t.Errorf("%d runs began after the first had ended, want 6", few)
			}
		})
	})
}
