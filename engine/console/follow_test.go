package console_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
)

// TestFollow watches one run from several moments on: each reader is told
// every event once, in the order of the journal.
func TestFollow(t *testing.T) {
	s := serve(t, false)
	s.api("PUT", "/secrets/bell_key", `{"value": "k3y-of-the-bell"}`, nil)
	run := s.start("tidy", `{}`)
	var readers sync.WaitGroup
	const early, late = 4, 4
	told := make([]strings.Builder, early+late)
	errs := make([]error, early+late)
	waits := make(chan struct{}, early)
	watch := func(i int) {
		errs[i] = s.follow(run, func(line string, e journal.Event) {
			told[i].WriteString(line)
			if e.Kind == journal.Intent && i < early {
				waits <- struct{}{}
			}
		})
	}
	for i := range early {
		readers.Go(func() { watch(i) })
	}
	// The run stands before the closed gate, as all early readers know.
	for range early {
		<-waits
	}
	for i := early; i < early+late; i++ {
		readers.Go(func() { watch(i) })
	}
	close(s.gate)
	readers.Wait()
	_, want := s.do(s.request("GET", "/api/v1/runs/1/events", ""))
	if n := strings.Count(want, "\n"); n < 300 {
		t.Fatalf("the journal has %d events, want those of 300 turns", n)
	}
	for i := range told {
		if errs[i] != nil {
			t.Errorf("reader %d: %v", i, errs[i])
		}
		if diff := cmp.Diff(want, told[i].String()); diff != "" {
			t.Errorf("reader %d (-journal +told):\n%s", i, diff)
		}
	}
}
