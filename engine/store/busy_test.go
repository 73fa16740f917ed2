package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
)

func TestBusy(t *testing.T) {
	tests := []struct {
		busy journal.Busy
		most int
		want []string
	}{
		{journal.Wait, 2, []string{"queued ", "queued "}},
		{journal.Wait, 1, []string{"queued ", "failed the queue of this flow is full: limits.queue is 1"}},
		{journal.Skip, 0, []string{"queued ", "skipped an earlier run of this flow was still at work"}},
		{journal.Skip, 1, []string{"queued ", "skipped an earlier run of this flow was still at work"}},
		{journal.Cancel, 0, []string{"cancelled a newer event began the flow anew", "queued "}},
		{journal.Cancel, 1, []string{"cancelled a newer event began the flow anew", "queued "}},
	}
	for _, test := range tests {
		s := open(t, t.TempDir())
		ctx := context.Background()
		for _, id := range []string{"a", "b"} {
			arrival := journal.Arrival{Flow: "f", Definition: "d", Trigger: "t", EventID: id, At: time.Now(), Queue: "q", Busy: test.busy, Most: test.most}
			accepted, err := s.Accept(ctx, []journal.Arrival{arrival}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := s.RunByID(ctx, accepted[0].Run); err != nil || r.Status.HasEnded() != (accepted[0].Status != "") || r.Reason != accepted[0].Reason {
				t.Errorf("Accept = %+v of a run that is %s %s", accepted[0], r.Status, r.Reason)
			}
		}
		var got []string
		for id := int64(1); id <= 2; id++ {
			r, err := s.RunByID(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(r.Status)+" "+r.Reason)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("runs with Busy %q and Most %d (-want +got):\n%s", test.busy, test.most, diff)
		}
	}
}

// TestBusyAcrossACrash lets a second event arrive after a crash, while the run
// of the first was worked on, waited or waited for its turn: it is treated as
// without the crash.
func TestBusyAcrossACrash(t *testing.T) {
	for _, standing := range []string{"queued", "running", "waiting", "outcome_unknown"} {
		due := []int64{1} // what may be claimed after the crash
		if standing == "waiting" || standing == "outcome_unknown" {
			due = []int64{}
		}
		for _, test := range []struct {
			busy          journal.Busy
			first, second journal.Status
			claimed       []int64
		}{
			{journal.Wait, journal.Status(standing), journal.Queued, due},
			{journal.Skip, journal.Status(standing), journal.SkippedStatus, due},
			{journal.Cancel, journal.Cancelled, journal.Queued, []int64{2}},
		} {
			t.Run(standing+" "+string(test.busy), func(t *testing.T) {
				dir := t.TempDir()
				s, stop := begin(t, dir)
				a := inQueue("f", "1", "q")
				a.Busy = test.busy
				accept(t, s, a)
				if standing != "queued" {
					r := claim(t, s, start, 1)[0]
					if standing != "running" {
						progress(t, s, r, journal.Status(standing))
					}
				}
				stop()
				s, stop = begin(t, dir)
				defer stop()
				a.EventID = "2"
				accept(t, s, a)
				var got []journal.Status
				for id := range int64(2) {
					r, err := s.RunByID(t.Context(), id+1)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, r.Status)
				}
				if want := []journal.Status{test.first, test.second}; !cmp.Equal(want, got) {
					t.Errorf("the runs are %v, want %v", got, want)
				}
				if got := ids(claim(t, s, start, 9)); !cmp.Equal(got, test.claimed) {
					t.Errorf("Claim = %v, want %v", got, test.claimed)
				}
				wantCounts(t, s)
			})
		}
	}
}

// TestMost fills a flow up with runs at work, waiting and waiting for their turn,
// and lets one end: there is room for one more, also after a crash.
func TestMost(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	one := func(n int) journal.Accepted {
		a := inQueue("f", fmt.Sprint(n), fmt.Sprint("q", n%2))
		a.Most = 3
		return accept(t, s, a)[0]
	}
	for n := range 3 {
		if a := one(n); a.Status != "" {
			t.Errorf("event %d is %s: %s", n, a.Status, a.Reason)
		}
	}
	runs := claim(t, s, start, 9)
	progress(t, s, runs[0], journal.WaitingStatus)
	if a := one(3); a.Status != journal.FailedStatus {
		t.Errorf("the fourth event is %q, want failed", a.Status)
	}
	stop()
	s, stop = begin(t, dir)
	defer stop()
	if a := one(4); a.Status != journal.FailedStatus {
		t.Errorf("an event after a crash is %q, want failed", a.Status)
	}
	// What was refused can be taken up again when there is room.
	if err := s.Cancel(t.Context(), runs[0].ID); err != nil {
		t.Fatal(err)
	}
	if a := one(5); a.Status != "" {
		t.Errorf("an event when one run has ended is %s: %s", a.Status, a.Reason)
	}
	if err := s.Reopen(t.Context(), 4, []journal.Event{{At: start, Kind: journal.Retried}}); err != nil {
		t.Error(err)
	}
	wantCounts(t, s)
}
