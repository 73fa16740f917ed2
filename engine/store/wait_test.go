package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// waiting brings a run of the flow to where it waits.
func waiting(tb testing.TB, s *store.Store, eventID string, awaits ...journal.Await) journal.Run {
	tb.Helper()
	accept(tb, s, arrival("f", eventID))
	r := claim(tb, s, start, 1)[0]
	p := journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: journal.WaitingStatus, Due: start.Add(time.Hour), Reason: "waits", Waits: awaits}
	if err := s.Append(tb.Context(), p); err != nil {
		tb.Fatal(err)
	}
	return r
}

// offered returns what the steps of a run are to look at, as "path id".
func offered(tb testing.TB, s *store.Store, run int64) []string {
	tb.Helper()
	offers, err := s.Offers(tb.Context(), run)
	if err != nil {
		tb.Fatal(err)
	}
	all := []string{}
	for _, o := range offers {
		event, _ := o.Event.(map[string]any)
		id, _ := event["id"].(string)
		all = append(all, o.Path+" "+id)
	}
	return all
}

func offer(trigger, connection, id string) journal.Arrival {
	return journal.Offer(trigger, connection, id, map[string]any{"id": id, "page": map[string]any{"id": "p-" + id}}, start)
}

// TestOffer shows events to runs that wait: by trigger, connection and key, each
// event once, those of runs that have ended to nobody.
func TestOffer(t *testing.T) {
	s := open(t, t.TempDir())
	key := []string{"page", "id"}
	all := waiting(t, s, "1", journal.Await{Path: "a", Trigger: "q.accepted", Connection: "main"})
	keyed := waiting(t, s, "2",
		journal.Await{Path: "b", Trigger: "q.accepted", Connection: "main", At: key, Key: "p-x"},
		journal.Await{Path: "c", Trigger: "q.accepted", Connection: "other", At: key, Key: "p-x"})
	ended := waiting(t, s, "3", journal.Await{Path: "d", Trigger: "q.accepted", Connection: "main"})
	if err := s.Cancel(t.Context(), ended.ID); err != nil {
		t.Fatal(err)
	}

	got := accept(t, s, offer("q.accepted", "main", "x"), offer("q.accepted", "main", "y"), offer("q.refused", "main", "x"))
	if diff := cmp.Diff([]journal.Accepted{{}, {}, {}}, got); diff != "" {
		t.Errorf("offers (-want +got):\n%s", diff)
	}
	if got := accept(t, s, offer("q.accepted", "main", "x")); !got[0].Duplicate {
		t.Errorf("the same event once more = %+v, want a duplicate", got)
	}
	for _, test := range []struct {
		run  journal.Run
		want []string
	}{{all, []string{"a x", "a y"}}, {keyed, []string{"b x"}}, {ended, []string{}}} {
		if diff := cmp.Diff(test.want, offered(t, s, test.run.ID)); diff != "" {
			t.Errorf("run %d is offered (-want +got):\n%s", test.run.ID, diff)
		}
	}
	awaited, err := s.Awaited(t.Context())
	want := []journal.Awaited{{Definition: "d1", Trigger: "q.accepted", Connection: "main"}, {Definition: "d1", Trigger: "q.accepted", Connection: "other"}}
	if diff := cmp.Diff(want, awaited); diff != "" || err != nil {
		t.Errorf("awaited, %v (-want +got):\n%s", err, diff)
	}

	// Both are due now; one goes on, the other has seen that x is not meant.
	woken := claim(t, s, start, 10)
	if diff := cmp.Diff([]int64{all.ID, keyed.ID}, ids(woken)); diff != "" {
		t.Fatalf("woken (-want +got):\n%s", diff)
	}
	first, err := s.Offers(t.Context(), all.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range []journal.Progress{
		{Status: journal.WaitingStatus, Due: start.Add(time.Hour), Looked: []int64{first[0].ID}},
		{Status: journal.Running, Over: []string{"b"}},
	} {
		p.Run, p.Epoch = woken[i].ID, woken[i].Epoch
		if err := s.Append(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a y"}, offered(t, s, all.ID)); diff != "" {
		t.Errorf("after a look (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{}, offered(t, s, keyed.ID)); diff != "" {
		t.Errorf("after the end of a wait (-want +got):\n%s", diff)
	}

	// One that arrives while the run is at work makes it due when it waits.
	accept(t, s, offer("q.accepted", "other", "x"))
	progress(t, s, woken[1], journal.WaitingStatus, journal.Event{At: start, Kind: journal.Waiting})
	if diff := cmp.Diff([]int64{keyed.ID}, ids(claim(t, s, start.Add(time.Minute), 10))); diff != "" {
		t.Errorf("due after it was at work (-want +got):\n%s", diff)
	}
	wantCounts(t, s)
}

// TestAnswer takes one answer of a person, and tells the next one about it.
func TestAnswer(t *testing.T) {
	s := open(t, t.TempDir())
	r := waiting(t, s, "1", journal.Await{Path: "ok"}, journal.Await{Path: "event", Trigger: "q.accepted", Connection: "main"})
	later := waiting(t, s, "2", journal.Await{Path: "ok"})
	asked := func() []string {
		t.Helper()
		found, err := s.Asked(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		all := []string{}
		for _, w := range found {
			all = append(all, w.Run.EventID+" "+w.Path)
		}
		return all
	}
	if diff := cmp.Diff([]string{"2 ok", "1 ok"}, asked()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	for _, path := range []string{"event", "none"} {
		wantError(t, s.Answer(t.Context(), r.ID, path, true), journal.ErrNotWaiting)
	}
	if err := s.Answer(t.Context(), r.ID, "ok", map[string]any{"by": "grace"}); err != nil {
		t.Fatal(err)
	}
	err := s.Answer(t.Context(), r.ID, "ok", map[string]any{"by": "linus"})
	earlier, ok := errors.AsType[*journal.AnsweredError](err)
	if !ok {
		t.Fatalf("the second answer = %v, want that it was answered", err)
	}
	if diff := cmp.Diff(map[string]any{"by": "grace"}, earlier.Answer); diff != "" {
		t.Errorf("the answer before (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2 ok"}, asked()); diff != "" {
		t.Errorf("asked after the answer (-want +got):\n%s", diff)
	}
	if err := s.Cancel(t.Context(), later.ID); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Answer(t.Context(), later.ID, "ok", true), journal.ErrNotWaiting)
	if diff := cmp.Diff([]string{}, asked()); diff != "" {
		t.Errorf("asked after a cancel (-want +got):\n%s", diff)
	}
}
