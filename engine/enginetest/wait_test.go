//go:build unix

package enginetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"patchbay/engine/console"
	"patchbay/engine/enginetest/fault"
	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// waiter is a flow that waits for a second event of its order, and then for a
// person.
const waiter = `flow: 1
name: Waiter
triggers:
  - trigger: ledger.placed
conditions:
  - event.sku == "tea"
steps:
  - id: paid
    wait_for: { trigger: ledger.placed, match: arriving.order == event.order and arriving.sku == "paid", timeout: 1h }
  - id: agreed
    approve: { by: [grace], form: { why: { type: string } }, timeout: 1h }
  - action: table.append
    with: { table: orders, row: { order: "${{ event.order }}" } }
output: { paid: "${{ steps.paid?.order }}", by: "${{ steps.agreed.by }}", why: "${{ steps.agreed.why }}" }
`

// waiting makes a workspace whose only flow is the waiter.
func waitingWorkspace(t *testing.T, url string) string {
	t.Helper()
	dir := workspace(t, url)
	if err := os.Remove(filepath.Join(dir, "flows", "order.yaml")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "flows/waiter.yaml", waiter)
	return dir
}

// TestFaultKillWaiting kills the engine again and again while runs wait for an event
// and for a person, and around the moments at which these come: each run goes on
// exactly once.
func TestFaultKillWaiting(t *testing.T) {
	orders := 10 * max(1, fault.Rounds()/13)
	rounds := max(1, fault.Rounds()/13)
	l := newLedger(t)
	dir := waitingWorkspace(t, l.url)
	p := spawn(t, dir)
	v := &visitors{t: t}
	v.to(p)
	begun := make(chan struct{}, 8)
	var over sync.WaitGroup
	for i := range orders {
		over.Go(func() {
			begun <- struct{}{}
			defer func() { <-begun }()
			v.order(strconv.Itoa(i))
		})
	}
	done := make(chan struct{})
	go func() { over.Wait(); close(done) }()
	kills := 0
	for going := true; going; {
		select {
		case <-done:
			going = false
		case <-time.After(rand.N(300 * time.Millisecond)):
			if kills < rounds {
				p.kill()
				kills++
				p = spawn(t, dir)
				v.to(p)
			}
		}
	}
	p.terminate()
	inStore(t, dir, func(s *store.Store) error { return checkWaits(t, s, orders) })
	checkRows(t, dir, orders)
	t.Logf("killed %d times", kills)
}

// checkWaits holds every run against what was promised.
func checkWaits(t *testing.T, s *store.Store, orders int) error {
	t.Helper()
	runs, err := s.Runs(t.Context(), journal.Filter{Limit: 1000})
	if err != nil {
		return err
	}
	went := 0
	for _, r := range runs {
		if r.Status == journal.SkippedStatus {
			continue // that of the second event
		}
		went++
		whole, err := s.RunByID(t.Context(), r.ID)
		if err != nil {
			return err
		}
		order := "order-" + r.EventID[len("first-"):]
		out, _ := whole.Output.(map[string]any)
		if r.Status != journal.Succeeded || out["paid"] != order || out["by"] != "grace" || out["why"] != order {
			t.Errorf("run %d of %s = %s %v %s", r.ID, order, r.Status, out, r.Reason)
		}
		events, err := s.Events(t.Context(), r.ID)
		if err != nil {
			return err
		}
		count := map[string]int{}
		for _, e := range events {
			if e.Kind == journal.Done {
				count[e.Path]++
			}
		}
		for _, path := range []string{"paid", "agreed", "#3"} {
			if count[path] != 1 {
				t.Errorf("run %d: step %s has %d outcomes, want 1", r.ID, path, count[path])
			}
		}
	}
	if went != orders {
		t.Errorf("runs that waited = %d, want %d", went, orders)
	}
	return nil
}

// visitors are those who come to an engine that may be gone at any moment: they
// come again until they are answered.
type visitors struct {
	t *testing.T

	mu   sync.Mutex
	at   client
	hook string // the address of the ledger's events
}

func (v *visitors) to(p *process) {
	hook := p.hook("ledger")
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at, v.hook = p.client, hook
}

func (v *visitors) now() (at client, hook string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at, v.hook
}

// order takes one order through its flow.
func (v *visitors) order(n string) {
	v.deliver("first-"+n, "order-"+n, "tea")
	v.until("run of "+n+" waits for the event", func(r console.Run) bool {
		return r.EventID == "first-"+n && r.Reason == "waits for ledger.placed"
	})
	v.deliver("second-"+n, "order-"+n, "paid")
	asks := v.until("run of "+n+" waits for a person", func(r console.Run) bool {
		return r.EventID == "first-"+n && r.Reason == "waits for an approval by grace"
	})
	request := map[string]any{"approved": true, "by": "grace", "form": map[string]any{"why": "order-" + n}}
	await(v.t, "the answer for "+n+" is taken", func() bool {
		code := v.ask(http.MethodPost, fmt.Sprintf("/runs/%d/approve", asks.ID), request, nil)
		return code == http.StatusOK || code == http.StatusConflict
	})
	v.until("run of "+n+" has ended", func(r console.Run) bool { return r.EventID == "first-"+n && r.Status.HasEnded() })
}

func (v *visitors) deliver(id, order, sku string) {
	await(v.t, "the event "+id+" is taken", func() bool {
		_, hook := v.now()
		code, _, err := post(v.t.Context(), placedFor(hook, id, order, sku, lines))
		return err == nil && code == http.StatusOK
	})
}

// until waits for a run.
func (v *visitors) until(what string, is func(console.Run) bool) console.Run {
	var found console.Run
	await(v.t, what, func() bool {
		var runs []console.Run
		if v.ask(http.MethodGet, "/runs?limit=1000", nil, &runs) != http.StatusOK {
			return false
		}
		for _, r := range runs {
			if is(r) {
				found = r
				return true
			}
		}
		return false
	})
	return found
}

// ask asks the API once; 0 says that nobody answered.
func (v *visitors) ask(method, path string, in, out any) int {
	at, _ := v.now()
	body, err := json.Marshal(in)
	if err != nil {
		v.t.Error(err)
		return 0
	}
	req, err := http.NewRequestWithContext(context.Background(), method, at.base+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		v.t.Error(err)
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+at.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if out != nil && json.NewDecoder(res.Body).Decode(out) != nil {
		return 0
	}
	return res.StatusCode
}

// visit lets a customer pay what is billed and a person agree to it, until the
// function it returns is called.
func (v *visitors) visit(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			v.visitOnce(ctx)
			time.Sleep(50*time.Millisecond + rand.N(50*time.Millisecond))
		}
	}()
	return func() { cancel(); <-over }
}

// visitOnce sees to all runs that wait for a visitor. What does not arrive is
// done again the next time.
func (v *visitors) visitOnce(ctx context.Context) {
	var runs []struct {
		ID      int64  `json:"id"`
		EventID string `json:"event_id"`
		Reason  string `json:"reason"`
	}
	v.ask(http.MethodGet, "/runs?limit=1000&status=waiting", nil, &runs)
	for _, r := range runs {
		order := "order-" + r.EventID
		switch r.Reason {
		case "waits for ledger.paid":
			_, hook := v.now()
			_, _, _ = post(ctx, happened(hook, "paid", "paid-"+r.EventID, order, "tea", lines))
		case "waits for an approval by grace":
			v.ask(http.MethodPost, fmt.Sprintf("/runs/%d/approve", r.ID),
				map[string]any{"approved": true, "by": "grace", "form": map[string]any{"why": order}}, nil)
		}
	}
}

// TestWaitOutlives edits the flow of a run that waits, so that nothing that is
// live has to do with the event any more, and restarts the engine: the event
// still has its address, and wakes the run on the version it began with. One
// event wakes all runs that it is meant for, and those only.
func TestWaitOutlives(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	dir := waitingWorkspace(t, l.url)
	flow := func(steps string) {
		write(t, dir, "flows/waiter.yaml", `flow: 1
triggers: [{ on_demand: {} }]
inputs: { order: { type: string } }
steps:
`+steps)
	}
	flow(`  - id: paid
    wait_for: { trigger: ledger.placed, match: arriving.order == inputs.order, timeout: 1h }
  - id: after
    wait_for: { trigger: ledger.placed, match: inputs.order in arriving.lines, timeout: 1h }
output: ${{ steps.paid?.sku ?? "" }} ${{ steps.after?.sku ?? "" }}
`)
	c := serve(t, options(dir, t.Output()))
	begin := func(order string) int64 {
		t.Helper()
		var started console.StartAnswer
		if code := c.api(http.MethodPost, "/flows/waiter/runs", map[string]any{"inputs": map[string]any{"order": order}}, &started); code != http.StatusAccepted {
			t.Fatalf("start = %d", code)
		}
		await(t, "run waits", func() bool { return c.run(started.Run).Reason == "waits for ledger.placed" })
		return started.Run
	}
	first, second, other := begin("a"), begin("a"), begin("b")
	var before, now console.Flow
	c.api(http.MethodGet, "/flows/waiter", nil, &before)
	flow("  - stop: nothing to wait for\n")
	await(t, "the edit is live", func() bool {
		c.api(http.MethodGet, "/flows/waiter", nil, &now)
		return now.Hash != before.Hash
	})
	c.stop()
	c = serve(t, options(dir, t.Output()))
	deliver := func(id, order, sku string, lines ...string) {
		t.Helper()
		if code, text, err := post(t.Context(), placedFor(c.hook("ledger"), id, order, sku, lines)); code != http.StatusOK {
			t.Fatalf("deliver %s = %d %s, %v", id, code, text, err)
		}
	}
	deliver("e1", "a", "tea", "a")
	for _, run := range []int64{first, second} {
		await(t, "the run waits once more", func() bool {
			r := c.run(run)
			done := 0
			for _, e := range r.Journal {
				if e.Kind == journal.Done && e.Path == "paid" {
					done++
				}
			}
			return done == 1 && r.Status == journal.WaitingStatus
		})
	}
	// The same event once more is not the next one.
	deliver("e1", "a", "tea", "a")
	deliver("e2", "c", "milk", "a")
	for _, run := range []int64{first, second} {
		if r := c.atRest(run); r.Status != journal.Succeeded || r.Output != "tea milk" {
			t.Errorf("run %d = %s %v, want succeeded with both events\n%s", run, r.Status, r.Output, trace(r))
		}
	}
	if r := c.run(other); r.Status != journal.WaitingStatus || len(r.Journal) != 3 {
		t.Errorf("run %d of another order = %s, want that it still waits\n%s", other, r.Status, trace(r))
	}
}
