package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// start is the time at which the tests play.
var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// open opens the folder and runs the store until the test ends.
func open(tb testing.TB, dir string) *store.Store {
	tb.Helper()
	s, stop := begin(tb, dir)
	tb.Cleanup(stop)
	return s
}

// begin opens the folder and runs the store until the function it returns is called.
func begin(tb testing.TB, dir string) (s *store.Store, stop func()) {
	tb.Helper()
	s, err := store.Open(tb.Context(), dir, store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("Run: %v", err)
		}
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	}
}

// arrival returns an event of that id for the flow.
func arrival(flow, id string) journal.Arrival {
	return journal.Arrival{
		Flow: flow, Definition: "d1", Trigger: "hook", Connection: "main", EventID: id,
		Event: map[string]any{"id": id, "n": 1}, At: start,
	}
}

// inQueue returns an event for a queue of the flow.
func inQueue(flow, id, queue string) journal.Arrival {
	a := arrival(flow, id)
	a.Queue = queue
	return a
}

func accept(tb testing.TB, s *store.Store, arrivals ...journal.Arrival) []journal.Accepted {
	tb.Helper()
	accepted, err := s.Accept(tb.Context(), arrivals, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return accepted
}

// claim claims up to limit runs for an hour.
func claim(tb testing.TB, s *store.Store, now time.Time, limit int) []journal.Run {
	tb.Helper()
	runs, err := s.Claim(tb.Context(), now, time.Hour, limit, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return runs
}

// ids returns the ids of the runs.
func ids(runs []journal.Run) []int64 {
	ids := []int64{}
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

// progress appends what becomes of a run that was claimed.
func progress(tb testing.TB, s *store.Store, r journal.Run, status journal.Status, events ...journal.Event) {
	tb.Helper()
	p := journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: status, Events: events}
	if err := s.Append(tb.Context(), p); err != nil {
		tb.Fatal(err)
	}
}

func wantError(tb testing.TB, got, want error) {
	tb.Helper()
	if !errors.Is(got, want) {
		tb.Errorf("error = %v, want %v", got, want)
	}
}

// wantCounts compares what the store counts with its runs.
func wantCounts(tb testing.TB, s *store.Store) {
	tb.Helper()
	runs, err := s.Runs(tb.Context(), journal.Filter{Limit: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	want := map[string]map[journal.Status]int{}
	for _, r := range runs {
		if want[r.Flow] == nil {
			want[r.Flow] = map[journal.Status]int{}
		}
		want[r.Flow][r.Status]++
	}
	got, err := s.Counts(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("Counts (-want +got):\n%s", diff)
	}
}
