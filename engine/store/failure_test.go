package store_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// ended returns the event that ends a run.
func ended(at time.Time, status journal.Status, reason string) journal.Event {
	return journal.Event{At: at, Kind: journal.Ended, Status: status, Text: reason}
}

// failures returns the failures behind a position as "run" → the reasons in
// the journal of that time.
func failures(t *testing.T, s *store.Store, behind int64, limit int) [][]string {
	t.Helper()
	found, err := s.FailedRuns(t.Context(), behind, limit)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for _, f := range found {
		events, err := s.EventsOf(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		line := []string{f.Run.EventID}
		for _, e := range events {
			line = append(line, string(e.Kind)+" "+e.Text)
		}
		all = append(all, line)
	}
	return all
}

func wantFailures(t *testing.T, s *store.Store, behind int64, limit int, want ...[]string) {
	t.Helper()
	if diff := cmp.Diff(want, failures(t, s, behind, limit)); diff != "" {
		t.Errorf("failures behind %d (-want +got):\n%s", behind, diff)
	}
}

func wantLastFailure(t *testing.T, s *store.Store, want int64) {
	t.Helper()
	if got, err := s.LastFailure(t.Context()); err != nil || got != want {
		t.Errorf("LastFailure = %d, %v, want %d", got, err, want)
	}
}

// TestFailedRuns ends runs in all ways: those that failed are found, each as
// it was then, in the order in which they did.
func TestFailedRuns(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	ctx := t.Context()
	wantFailures(t, s, 0, 10)
	wantLastFailure(t, s, 0)
	statuses := []journal.Status{
		journal.Succeeded, journal.FailedStatus, journal.SkippedStatus, journal.PartlyFailed, journal.OutcomeUnknown,
	}
	for _, status := range statuses {
		accept(t, s, arrival("f", string(status)+" run"), arrival("f", "cancelled"))
		for _, r := range claim(t, s, start, 9) {
			if r.EventID == "cancelled" {
				continue
			}
			// The clock of a worker says little about the order.
			progress(t, s, r, status, ended(start.Add(-time.Duration(r.ID)*time.Hour), status, "first"))
		}
	}
	if err := s.Cancel(ctx, 2); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Failed():
	default:
		t.Error("Failed received nothing")
	}
	first := []string{"failed run", "ended first"}
	partly := []string{"partly_failed run", "ended first"}
	wantFailures(t, s, 0, 10, first, partly)
	wantFailures(t, s, 0, 1, first)
	wantFailures(t, s, 1, 10, partly)
	wantLastFailure(t, s, 2)

	failed, err := s.FailedRuns(ctx, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(arrival("f", "").Trigger, failed[0].Run.Trigger); diff != "" || failed[0].Position != 1 {
		t.Errorf("failure = %+v", failed[0])
	}
	if diff := cmp.Diff(map[string]any{"id": "failed run", "n": 1}, failed[0].Run.Event); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	id := failed[0].Run.ID
	if err := s.Reopen(ctx, id, []journal.Event{{At: start, Kind: journal.Retried}}); err != nil {
		t.Fatal(err)
	}
	for _, r := range claim(t, s, start, 9) {
		progress(t, s, r, journal.FailedStatus, ended(start, journal.FailedStatus, "second"))
	}
	wantFailures(t, s, 0, 10, first, partly, []string{"failed run", "ended first", "retried ", "ended second"})
	stop()

	s = open(t, dir)
	wantLastFailure(t, s, 3)
	if _, err := s.Prune(ctx, store.Retention{Before: start.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	wantFailures(t, s, 0, 10)
	wantLastFailure(t, s, 3)
}

// TestFirstFormat opens a folder of the first format, in which failures were
// not written down: its runs are there, and new failures are found.
func TestFirstFormat(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	accept(t, s, arrival("f", "before"))
	progress(t, s, claim(t, s, start, 1)[0], journal.FailedStatus, ended(start, journal.FailedStatus, "before"))
	stop()
	db, err := sql.Open("sqlite", filepath.Join(dir, "patchbay.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("drop table failure; drop table account; drop index run_connection; drop table point; drop table wait; drop table offer; drop table rename; " +
		"drop index run_undone; alter table run drop column dismissed; drop table replay; " +
		"drop index run_lane; create index run_wake on run (wake, id) where wake is not null; pragma user_version = 1"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	if r, err := s.RunByID(t.Context(), 1); err != nil || r.EventID != "before" || r.Status != journal.FailedStatus {
		t.Errorf("run 1 = %+v, %v", r, err)
	}
	wantFailures(t, s, 0, 10)
	accept(t, s, arrival("f", "after"))
	progress(t, s, claim(t, s, start, 1)[0], journal.FailedStatus, ended(start, journal.FailedStatus, "after"))
	wantFailures(t, s, 0, 10, []string{"after", "ended after"})
}
