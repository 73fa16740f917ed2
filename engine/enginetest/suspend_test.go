//go:build unix

package enginetest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"patchbay/engine/enginetest/fault"
	"patchbay/engine/journal"
)

// TestFaultSuspend stops a process in the middle of its requests for longer
// than its leases last, as a laptop that is closed does, and wakes it: it goes
// on where it was. It neither takes its runs away from its own workers nor asks
// what became of requests that were answered while it slept.
func TestFaultSuspend(t *testing.T) {
	t.Parallel()
	const orders, asleep = 40, 33 * time.Second
	dice := fault.Throw(t)
	l := newLedger(t)
	dir := workspace(t, l.url)
	const file = "connectors/ledger/connector.yaml"
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	// A request that takes longer than its time is another matter.
	write(t, dir, file, strings.ReplaceAll(string(text), "timeout: 30s", "timeout: 10m"))
	p := spawn(t, dir)
	hook := p.hook("ledger")
	naps := max(1, fault.Rounds()/200)
	for nap := range naps {
		before := l.requests.Load()
		l.slow(func(*http.Request, bool) { time.Sleep(100 * time.Millisecond) })
		for i := range orders {
			id := nameOf("placed", nap*orders+i)
			if code, _, err := post(t.Context(), placed(hook, id, "order-"+id, lines)); code != http.StatusOK {
				t.Fatalf("deliver %s = %d, %v, want 200", id, code, err)
			}
		}
		target := before + orders + dice.Int64N(5*orders)
		await(t, "requests are under way", func() bool { return l.requests.Load() >= target })
		signalTo(t, p, syscall.SIGSTOP)
		time.Sleep(asleep)
		l.slow(dawdle)
		signalTo(t, p, syscall.SIGCONT)
		counts := p.settled("order")
		if want := (nap + 1) * orders; len(counts) != 1 || counts[journal.Succeeded] != want {
			t.Errorf("runs = %v, want %d succeeded", counts, want)
		}
	}
	p.terminate()
	runs := allRuns(t, dir)
	for order, r := range runs {
		l.check(t, order, lines)
		// Once when it began, and once after its wait of a second.
		if r.Epoch > 2 {
			t.Errorf("run %d of %s was claimed %d times, want at most 2", r.ID, order, r.Epoch)
		}
	}
	l.noFaults(t)
	if len(l.repeats) > 0 {
		t.Errorf("asked again after a sleep: %v, want nothing", l.repeats)
	}
	checkLeft(t, dir)
	t.Logf("seed %d: asleep %d times for %s; %d events, lost %d, doubled %d", dice.Seed, naps, asleep, naps*orders, naps*orders-len(runs), l.doubled())
}

func signalTo(t *testing.T, p *process, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
