package trigger_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"patchbay/engine/call"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
)

// A store that does not answer holds up nobody for longer than the tightest
// vendor waits.
func TestOverload(t *testing.T) {
	set := build(t, program.Options{}, nil, map[string]string{"flows/open.yaml": flowFile("webhook: { verify: { type: none } }", "")})
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace(set)
		slow := make(chan struct{}) // closed once the store is quick again
		h := trigger.NewHooks(trigger.HookOptions{
			Intake: trigger.Intake{
				Live: w.set.Load,
				Accept: func(ctx context.Context, arrivals []journal.Arrival, c *journal.Cursor) ([]journal.Accepted, error) {
					select {
					case <-slow:
						return w.accept(ctx, arrivals, c)
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				},
			},
			Address: func(string) string { return "random" },
			Map:     call.Map,
			Reject:  w.reject,
			AtOnce:  2,
		})
		codes := make(chan int)
		deliver := func() {
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/flow/open/random", strings.NewReader("{}")))
			codes <- answer.Code
		}
		began := time.Now()
		for range 5 {
			go deliver()
		}
		for range 5 {
			if got := <-codes; got != http.StatusServiceUnavailable {
				t.Errorf("answered %d, want 503", got)
			}
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the last answer came after %s, want less than a second", took)
		}
		if got := w.rejections(); len(got) != 0 {
			t.Errorf("rejections %v, want none: there is too much to write already", got)
		}
		// A short hold-up is none to a sender.
		for range 5 {
			go deliver()
		}
		time.Sleep(500 * time.Millisecond)
		close(slow)
		for range 5 {
			if got := <-codes; got != http.StatusOK {
				t.Errorf("answered %d, want 200", got)
			}
		}
		if got := len(w.take()); got != 5 {
			t.Errorf("%d runs, want 5", got)
		}
	})
}

// A flood of forged deliveries is answered, and only some of it written down.
func TestFlood(t *testing.T) {
	h := newHooks(t, nil)
	for range 300 {
		if status, _ := h.post(t, "/hooks/flow/signed/r4nd0m-19", "{}"); status != 401 {
			t.Fatalf("answered %d, want 401", status)
		}
	}
	if got := len(h.rejections()); got < 100 || got > 250 {
		t.Errorf("%d rejections written down, want about 100", got)
	}
}
