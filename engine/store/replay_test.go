package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// failedRun accepts an event and lets its run fail.
func failedRun(t *testing.T, s *store.Store, a journal.Arrival, status journal.Status) journal.Run {
	t.Helper()
	accept(t, s, a)
	r := claim(t, s, start, 1)[0]
	progress(t, s, r, status, ended(start, status, a.EventID))
	return r
}

func undone(t *testing.T, s *store.Store, f journal.Filter) []int64 {
	t.Helper()
	f.Undone = true
	runs, err := s.Runs(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return ids(runs)
}

// TestUndone lists the failed runs that nobody has dismissed.
func TestUndone(t *testing.T) {
	s := open(t, t.TempDir())
	failedRun(t, s, arrival("f", "1"), journal.FailedStatus)
	failedRun(t, s, arrival("f", "2"), journal.Succeeded)
	failedRun(t, s, arrival("g", "3"), journal.PartlyFailed)
	failedRun(t, s, arrival("f", "4"), journal.Cancelled)
	wantUndone := func(when string, f journal.Filter, want ...int64) {
		t.Helper()
		if diff := cmp.Diff(want, undone(t, s, f)); diff != "" {
			t.Errorf("%s the undone runs (-want +got):\n%s", when, diff)
		}
	}
	wantUndone("at first", journal.Filter{}, 3, 1)
	wantUndone("of one flow", journal.Filter{Flow: "f"}, 1)
	wantUndone("of one status", journal.Filter{Status: journal.PartlyFailed}, 3)

	said := journal.Event{At: start, Kind: journal.Dismissed, Text: "enough", By: "grace"}
	if err := s.Note(t.Context(), 3, []journal.Event{said}, true); err != nil {
		t.Fatal(err)
	}
	wantUndone("after one was dismissed", journal.Filter{}, 1)
	events, err := s.Events(t.Context(), 3)
	if err != nil || !cmp.Equal(events[len(events)-1], said) {
		t.Errorf("the journal ends with %+v, %v, want %+v", events[len(events)-1], err, said)
	}
	if r, err := s.RunByID(t.Context(), 3); err != nil || r.Status != journal.PartlyFailed || r.Ended.IsZero() {
		t.Errorf("the run that was dismissed = %+v, %v, want it to be as it was", r, err)
	}

	if err := s.Reopen(t.Context(), 3, []journal.Event{{At: start, Kind: journal.Retried}}); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Note(t.Context(), 3, []journal.Event{said}, true), journal.ErrNotEnded)
	wantError(t, s.Note(t.Context(), 9, []journal.Event{said}, true), journal.ErrNoRun)
	r := claim(t, s, start, 1)[0]
	progress(t, s, r, journal.PartlyFailed, ended(start, journal.PartlyFailed, "again"))
	wantUndone("after a retry that failed", journal.Filter{}, 3, 1)

	if err := s.Reopen(t.Context(), 3, []journal.Event{{At: start, Kind: journal.Retried}}); err != nil {
		t.Fatal(err)
	}
	r = claim(t, s, start, 1)[0]
	p := journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: journal.PartlyFailed, Dismissed: true, Events: []journal.Event{ended(start, journal.PartlyFailed, "once more")}}
	if err := s.Append(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	wantUndone("after a retry that left only what was dismissed", journal.Filter{}, 1)
}

// TestReplay takes up runs together with how far the replay has come: both are
// there when the folder is opened again, and neither where the runs cannot be.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	for _, id := range []string{"1", "2", "3"} {
		failedRun(t, s, inQueue("f", id, "q"), journal.FailedStatus)
	}
	reopening := func(run int64, due time.Time) journal.Reopening {
		return journal.Reopening{Run: run, Definition: "d2", Events: []journal.Event{{At: start, Kind: journal.Retried}}, Due: due}
	}
	later := start.Add(time.Minute)
	p := journal.Replay{Name: "f failed", Begun: start, Position: 2, Told: map[string]any{"taken": 2}}
	// One that runs already, and one that is gone, are left alone.
	if err := s.Reopen(t.Context(), 3, []journal.Event{{At: start, Kind: journal.Retried}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Replay(t.Context(), p, []journal.Reopening{reopening(1, later), reopening(2, later), reopening(3, later), reopening(9, later)}); err != nil {
		t.Fatal(err)
	}
	bad := p
	bad.Position = 3
	if err := s.Replay(t.Context(), bad, []journal.Reopening{{Run: 1, Events: []journal.Event{{At: start}}}}); err == nil {
		t.Error("Replay with an event that has no kind went well, want an error")
	}
	stop()

	s = open(t, dir)
	got, found, err := s.ReplayNamed(t.Context(), "f failed")
	if diff := cmp.Diff(p, got); diff != "" || !found || err != nil {
		t.Errorf("ReplayNamed = %v, %v (-want +got):\n%s", found, err, diff)
	}
	for run, want := range map[int64]string{1: "d2", 2: "d2", 3: "d1"} {
		if r, err := s.RunByID(t.Context(), run); err != nil || r.Definition != want || r.Status != journal.Queued {
			t.Errorf("run %d is %s on %s, %v, want queued on %s", run, r.Status, r.Definition, err, want)
		}
	}
	// They stand in their queue, at their old places.
	if early := claim(t, s, start.Add(30*time.Second), 10); len(early) != 0 {
		t.Errorf("before they are due %v are claimed", ids(early))
	}
	for _, want := range []int64{1, 2, 3} {
		r := claim(t, s, later, 10)
		if !cmp.Equal(ids(r), []int64{want}) {
			t.Fatalf("Claim = %v, want run %d alone", ids(r), want)
		}
		progress(t, s, r[0], journal.Succeeded, ended(later, journal.Succeeded, ""))
	}

	p.Over = true
	if err := s.Replay(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	if _, found, err := s.ReplayNamed(t.Context(), "f failed"); found || err != nil {
		t.Errorf("a replay that is over is found: %v, %v", found, err)
	}
}
