package enginetest_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// TestTooMany starts flows more often than they let: what ends at once for that
// is told like every end, seen, and begun again when there is room.
func TestTooMany(t *testing.T) {
	const flow = "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps: [{ approve: { timeout: 7d } }]\n"
	dir := t.TempDir()
	write(t, dir, "flows/few.yaml", flow+"limits: { queue: 2 }\n")
	write(t, dir, "flows/one.yaml", flow+"mode: single\n")
	write(t, dir, "flows/newest.yaml", flow+"mode: restart\nlimits: { queue: 1 }\n")
	var mu sync.Mutex
	var told []string
	opt := options(dir, io.Discard)
	opt.Ended = func(r *journal.Run, e journal.Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprintf("run %d of %s %s: %s", r.ID, r.Flow, e.Status, e.Text))
	}
	c := serve(t, opt)
	for _, name := range []string{"few", "few", "few", "one", "one", "newest", "newest"} {
		c.start(name)
	}
	want := []string{
		"run 3 of few failed: the queue of this flow is full: limits.queue is 2",
		"run 5 of one skipped: an earlier run of this flow was still at work",
	}
	mu.Lock()
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	mu.Unlock()
	var failed []console.Run
	c.api(http.MethodGet, "/runs?status=failed", nil, &failed)
	if len(failed) != 1 || failed[0].ID != 3 {
		t.Fatalf("failed runs: %+v, want run 3", failed)
	}
	if code := c.api(http.MethodPost, "/runs/1/cancel", struct{}{}, nil); code >= 300 {
		t.Fatalf("cancel run 1: status %d", code)
	}
	if code := c.api(http.MethodPost, "/runs/3/retry", struct{}{}, nil); code >= 300 {
		t.Fatalf("retry run 3: status %d", code)
	}
	await(t, "run 3 waits for a person", func() bool { return c.run(3).Status == journal.WaitingStatus })
	if got := c.run(6).Status; got != journal.Cancelled {
		t.Errorf("the run before the newest is %s, want cancelled", got)
	}
	if got := c.run(7).Status; got.HasEnded() {
		t.Errorf("the newest run is %s, want one that goes on", got)
	}
}
