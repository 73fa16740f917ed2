package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// paused brings so many runs of a flow to where they wait for a connection.
func paused(tb testing.TB, s *store.Store, flow, connection string, runs int) []journal.Run {
	tb.Helper()
	arrivals := make([]journal.Arrival, runs)
	for i := range arrivals {
		arrivals[i] = arrival(flow, fmt.Sprintf("%s-%d", connection, i))
	}
	accept(tb, s, arrivals...)
	claimed := claim(tb, s, start, runs)
	for _, r := range claimed {
		p := journal.Progress{
			Run: r.ID, Epoch: r.Epoch, Status: journal.WaitingStatus, Reason: "paused",
			Waits: []journal.Await{{Path: "a", Connection: connection}, {Path: "b", Connection: connection}},
		}
		if err := s.Append(tb.Context(), p); err != nil {
			tb.Fatal(err)
		}
	}
	return claimed
}

// TestGoOn has runs wait for connections: those of one go on one after the
// other when it is connected, once, and nobody else.
func TestGoOn(t *testing.T) {
	const many = 620
	dir := t.TempDir()
	s := open(t, dir)
	first := paused(t, s, "f", "main", many)
	paused(t, s, "g", "main", 2)
	others := paused(t, s, "f", "other", 1)
	if err := s.Cancel(t.Context(), first[7].ID); err != nil {
		t.Fatal(err)
	}
	if names, err := s.PausedConnections(t.Context()); err != nil || !cmp.Equal(names, []string{"main", "other"}) {
		t.Errorf("PausedConnections() = %v, %v, want main and other", names, err)
	}
	all, err := s.Paused(t.Context())
	want := []journal.Paused{
		{Connection: "main", Flow: "f", Runs: many - 1, First: first[0].ID},
		{Connection: "main", Flow: "g", Runs: 2, First: first[0].ID + many},
		{Connection: "other", Flow: "f", Runs: 1, First: others[0].ID},
	}
	if diff := cmp.Diff(want, all); diff != "" || err != nil {
		t.Errorf("Paused(), %v (-want +got):\n%s", err, diff)
	}
	// Not when the leases end under which they began to wait, either.
	if got := claim(t, s, start.Add(2*time.Hour), many); len(got) != 0 {
		t.Errorf("due two hours later = %d runs, want none", len(got))
	}
	if due, ok, err := s.NextDue(t.Context()); ok || err != nil {
		t.Errorf("NextDue() = %v, %v, want nothing that is due by itself", due, err)
	}
	signs, err := s.Signs(t.Context(), start.Add(time.Hour))
	if err != nil || len(signs.Asleep) > 0 {
		t.Errorf("runs that wait for nothing = %v, %v, want none", signs.Asleep, err)
	}

	at := start.Add(time.Hour)
	if n, err := s.GoOn(t.Context(), "main", at); n != many+1 || err != nil {
		t.Fatalf("GoOn() = %d, %v, want %d", n, err, many+1)
	}
	if n, err := s.GoOn(t.Context(), "main", at); n != 0 || err != nil {
		t.Errorf("GoOn() once more = %d, %v, want 0", n, err)
	}
	// Two hundred a second.
	if got := claim(t, s, at, many); len(got) != 1 || got[0].ID != first[0].ID {
		t.Errorf("due at once = %d runs, want the first alone", len(got))
	}
	if got := claim(t, s, at.Add(time.Second), many); len(got) != 200 {
		t.Errorf("due within a second = %d runs, want 200 more", len(got))
	}
	if got := claim(t, s, at.Add(time.Minute), 2*many); len(got) != many+1-201 {
		t.Errorf("due in the end = %d runs, want the rest", len(got))
	}
	if names, err := s.PausedConnections(t.Context()); err != nil || !cmp.Equal(names, []string{"other"}) {
		t.Errorf("PausedConnections() = %v, %v, want other", names, err)
	}
}

// TestGoOnMeetsAWorker connects while a worker is on its way to wait: its run
// is due as soon as it waits.
func TestGoOnMeetsAWorker(t *testing.T) {
	s := open(t, t.TempDir())
	accept(t, s, arrival("f", "1"))
	r := claim(t, s, start, 1)[0]
	p := journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: journal.Running, Waits: []journal.Await{{Path: "a", Connection: "main"}}}
	if err := s.Append(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if n, err := s.GoOn(t.Context(), "main", start); n != 1 || err != nil {
		t.Errorf("GoOn() = %d, %v, want 1", n, err)
	}
	p.Status, p.Waits = journal.WaitingStatus, nil
	if err := s.Append(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, s, time.Now(), 1); len(got) != 1 {
		t.Error("the run waits although its connection is connected")
	}
}

// TestPauseIsToldOnce has many runs of two flows wait: the first of each is
// among the failures, and once more when the flow is paused anew.
func TestPauseIsToldOnce(t *testing.T) {
	s := open(t, t.TempDir())
	f := paused(t, s, "f", "main", 3)
	g := paused(t, s, "g", "main", 2)
	again := func(r journal.Run) {
		t.Helper()
		p := journal.Progress{
			Run: r.ID, Epoch: r.Epoch, Status: journal.WaitingStatus, Over: []string{"a"},
			Waits: []journal.Await{{Path: "a", Connection: "main"}},
		}
		if err := s.Append(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.GoOn(t.Context(), "other", start); err != nil {
		t.Fatal(err)
	}
	wantFailed := func(want ...int64) {
		t.Helper()
		failed, err := s.FailedRuns(t.Context(), 0, 10)
		var got []int64
		for _, run := range failed {
			got = append(got, run.Run.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("told, %v (-want +got):\n%s", err, diff)
		}
	}
	wantFailed(f[0].ID, g[0].ID)
	if _, err := s.GoOn(t.Context(), "main", start); err != nil {
		t.Fatal(err)
	}
	for _, r := range claim(t, s, start.Add(time.Second), 9) {
		again(r)
	}
	wantFailed(f[0].ID, g[0].ID, f[0].ID, g[0].ID)
}
