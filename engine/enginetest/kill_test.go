//go:build unix

package enginetest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

var (
	rounds = flag.Int("fault.rounds", 15, "how often the engine is killed")
	seed   = flag.Uint64("fault.seed", 0, "the seed of the moments at which it is; 0 for a new one")
)

// TestKill kills the engine again and again, in the middle of runs and of
// deliveries, and holds the books of the service against what was promised.
func TestKill(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	dice := rand.New(rand.NewPCG(*seed, 0))
	l := newLedger(t)
	l.slow(dawdle)
	dir := workspace(t, l.url)
	p := spawn(t, dir)
	s := &senders{url: p.hook("ledger"), acked: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	s.begin(ctx, 8)
	for range *rounds {
		target := l.requests.Load() + 20 + dice.Int64N(150)
		await(t, "the engine makes requests", func() bool { return l.requests.Load() >= target })
		time.Sleep(time.Duration(dice.Int64N(int64(15 * time.Millisecond))))
		p.kill()
		p = spawn(t, dir)
		s.to(p.hook("ledger"))
	}
	stop()
	s.over.Wait()
	began := time.Now()
	counts := p.settled("order")
	took := time.Since(began)

	for status := range counts {
		if status != journal.Succeeded && status != journal.OutcomeUnknown {
			t.Errorf("runs = %v, want only succeeded and outcome_unknown", counts)
		}
	}
	asked := counts[journal.OutcomeUnknown]
	happened := answerAll(p, l)
	counts = p.settled("order")
	p.terminate()
	runs := allRuns(t, dir)
	s.check(t, runs)
	for order := range runs {
		l.check(t, order, lines)
	}
	l.noFaults(t)
	checkRows(t, dir, len(runs))
	t.Logf("seed %d: killed %d times; %d events acknowledged, %d not; %d runs, %v; %d questions, of which %d had happened; "+
		"%d requests, asked again: %v; all ended %s after the last start",
		*seed, *rounds, len(s.acked), s.lost, len(runs), counts, asked, happened, l.requests.Load(), l.repeats, took.Round(time.Millisecond))
}

// TestKillAtStart kills engines while they make their data folder: the next
// one over the same folder serves.
func TestKillAtStart(t *testing.T) {
	l := newLedger(t)
	for i := range *rounds {
		dir := workspace(t, l.url)
		p := launch(t, dir)
		time.Sleep(rand.N(200 * time.Millisecond))
		p.kill()
		p = spawn(t, dir)
		id := fmt.Sprintf("e%d", i)
		if code, _, err := post(t.Context(), placed(p.hook("ledger"), id, "order-"+id, lines)); code != http.StatusOK {
			t.Fatalf("deliver after a kill at the start = %d, %v, want 200", code, err)
		}
		await(t, "the run begins", func() bool { return l.told("order-"+id) == 1 })
		p.kill()
	}
}

// answerAll tells the engine what became of each unknown outcome, as a person
// does who looks it up at the service. It returns how many had happened.
func answerAll(p *process, l *ledger) int {
	p.t.Helper()
	var open []struct {
		ID int64 `json:"id"`
	}
	p.api(http.MethodGet, "/runs?limit=1000&status=outcome_unknown", nil, &open)
	happened := 0
	for _, o := range open {
		run := p.run(o.ID)
		event, _ := run.Event.(map[string]any)
		order, _ := event["order"].(string)
		if want := "ledger.tell may or may not have happened"; !strings.Contains(run.Reason, want) {
			p.t.Errorf("run %d: reason = %q, want it to say %q", run.ID, run.Reason, want)
		}
		n := l.told(order)
		if n > 1 {
			p.t.Errorf("order %s: messages = %d before the answer, want at most 1", order, n)
		}
		happened += min(n, 1)
		if code := p.api(http.MethodPost, fmt.Sprintf("/runs/%d/answer", o.ID), map[string]any{"happened": n > 0}, nil); code != http.StatusOK {
			p.t.Errorf("answer for run %d: status %d", o.ID, code)
		}
	}
	return happened
}

// allRuns returns every run of the data folder by its order; two of one order
// fail the test, and so does one that has not succeeded.
func allRuns(t *testing.T, dir string) map[string]journal.Run {
	t.Helper()
	all := map[string]journal.Run{}
	inStore(t, dir, func(s *store.Store) error {
		for before := int64(0); ; {
			page, err := s.Runs(t.Context(), journal.Filter{Limit: 500, Before: before})
			if err != nil || len(page) == 0 {
				return err
			}
			for _, r := range page {
				order := "order-" + r.EventID
				if _, twice := all[order]; twice {
					t.Errorf("event %s has two runs", r.EventID)
				}
				all[order] = r
				if r.Status != journal.Succeeded {
					t.Errorf("run %d of event %s = %s: %s", r.ID, r.EventID, r.Status, r.Reason)
				}
				before = r.ID
			}
		}
	})
	return all
}

// checkRows holds the rows of the table, one for each order, against the runs.
func checkRows(t *testing.T, dir string, want int) {
	t.Helper()
	var rows []map[string]any
	inStore(t, dir, func(s *store.Store) (err error) {
		rows, err = s.FindRows(t.Context(), "orders", nil, "", false, 1_000_000)
		return err
	})
	seen := map[any]bool{}
	for _, row := range rows {
		if seen[row["order"]] {
			t.Errorf("table orders: two rows of order %v", row["order"])
		}
		seen[row["order"]] = true
	}
	if len(rows) != want {
		t.Errorf("table orders: rows = %d, want %d", len(rows), want)
	}
}

// inStore looks into the data folder of an engine that has stopped.
func inStore(t *testing.T, dir string, look func(*store.Store) error) {
	t.Helper()
	s, err := store.Open(t.Context(), options(dir, t.Output()).DataDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(look(s), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// senders deliver orders, the way vendors do: what is not acknowledged is sent
// again, or given up, and now and then something comes twice.
type senders struct {
	over sync.WaitGroup

	mu    sync.Mutex
	url   string
	next  int
	acked map[string]bool // event ids
	lost  int             // events given up without an answer
}

func (s *senders) begin(ctx context.Context, n int) {
	for range n {
		s.over.Go(func() {
			for ctx.Err() == nil {
				s.send(ctx)
				time.Sleep(rand.N(20 * time.Millisecond))
			}
		})
	}
}

func (s *senders) to(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url = url
}

// send delivers one event until it is acknowledged, or once if it is one of
// those whose sender does not try again.
func (s *senders) send(ctx context.Context) {
	s.mu.Lock()
	s.next++
	n := s.next
	s.mu.Unlock()
	id := fmt.Sprintf("e%05d", n)
	patient, twice := n%3 != 0, n%10 == 0
	for {
		s.mu.Lock()
		url := s.url
		s.mu.Unlock()
		// A delivery under way is not broken off by the end of the test: only
		// the engine may lose it.
		code, _, err := post(context.WithoutCancel(ctx), placed(url, id, "order-"+id, lines))
		if err == nil && code == http.StatusOK {
			s.mu.Lock()
			s.acked[id] = true
			s.mu.Unlock()
			if !twice {
				return
			}
			twice = false
			continue
		}
		if !patient || ctx.Err() != nil {
			s.mu.Lock()
			s.lost++
			s.mu.Unlock()
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// check fails the test for each acknowledged event without a run.
func (s *senders) check(t *testing.T, runs map[string]journal.Run) {
	t.Helper()
	for id := range s.acked {
		if _, ok := runs["order-"+id]; !ok {
			t.Errorf("event %s was acknowledged and has no run", id)
		}
	}
	if extra := len(runs) - len(s.acked); extra > s.lost {
		t.Errorf("%d runs for %d acknowledged events and %d others", len(runs), len(s.acked), s.lost)
	}
}
