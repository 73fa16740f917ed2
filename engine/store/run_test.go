package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

func TestAccept(t *testing.T) {
	s := open(t, t.TempDir())
	a := arrival("tags", "e1")
	a.Inputs = map[string]any{"limit": 10}
	a.Parent, a.ParentPath = 7, "each[0].call"
	other := arrival("tags2", "e1")
	got := accept(t, s, a, other)
	if diff := cmp.Diff([]journal.Accepted{{Run: 1}, {Run: 2}}, got); diff != "" {
		t.Errorf("Accept (-want +got):\n%s", diff)
	}
	want := journal.Run{
		ID: 1, Flow: "tags", Definition: "d1", Trigger: "hook", Connection: "main", EventID: "e1",
		Event: a.Event, Inputs: a.Inputs, Parent: 7, ParentPath: "each[0].call", Created: start,
		Status: journal.Queued, Due: start,
	}
	r, err := s.RunByID(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("RunByID(1) (-want +got):\n%s", diff)
	}
	want.Status, want.Epoch = journal.Running, 1
	if diff := cmp.Diff(want, claim(t, s, start, 1)[0]); diff != "" {
		t.Errorf("Claim (-want +got):\n%s", diff)
	}
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Payloads != 2 || stats.Runs != 2 {
		t.Errorf("Stats = %+v, %v, want 2 runs that share one event, and inputs", stats, err)
	}
	wantCounts(t, s)
	_, err = s.RunByID(t.Context(), 99)
	wantError(t, err, journal.ErrNoRun)
}

func TestAcceptRefuses(t *testing.T) {
	s := open(t, t.TempDir())
	bad := arrival("f", "2")
	bad.Event = map[string]any{"c": make(chan int)}
	_, err := s.Accept(t.Context(), []journal.Arrival{arrival("f", "1"), bad}, nil)
	if want := "accept event 2 for flow f: a value cannot hold a chan int"; err == nil || err.Error() != want {
		t.Errorf("Accept = %v, want %s", err, want)
	}
	if runs := claim(t, s, start, 10); len(runs) != 0 {
		t.Errorf("Claim = %v, want nothing", ids(runs))
	}
}

func TestDuplicates(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	seen := arrival("f", "old")
	seen.SeenOnly = true
	got := accept(t, s, arrival("f", "1"), arrival("f", "1"), arrival("g", "1"), seen, arrival("f", "old"), arrival("f", ""), arrival("f", ""))
	want := []journal.Accepted{{Run: 1}, {Run: 1, Duplicate: true}, {Run: 2}, {}, {Duplicate: true}, {Run: 3}, {Run: 4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Accept (-want +got):\n%s", diff)
	}
	// The mark of an event outlives its run, and ids are not given twice.
	for _, r := range claim(t, s, start, 10) {
		progress(t, s, r, journal.Succeeded, journal.Event{At: start, Kind: journal.Ended, Status: journal.Succeeded})
	}
	if n, err := s.Prune(t.Context(), store.Retention{Before: start.Add(time.Second)}); n != 4 || err != nil {
		t.Errorf("Prune = %d, %v, want 4 runs", n, err)
	}
	stop()
	s = open(t, dir)
	got = accept(t, s, arrival("f", "1"), arrival("f", "2"))
	if diff := cmp.Diff([]journal.Accepted{{Run: 1, Duplicate: true}, {Run: 5}}, got); diff != "" {
		t.Errorf("Accept after pruning (-want +got):\n%s", diff)
	}
	wantCounts(t, s)
}

func TestCursor(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	if v, ok, err := s.Cursor(ctx, "f", "poll", "main"); v != nil || ok || err != nil {
		t.Errorf("Cursor = %v, %v, %v, want none", v, ok, err)
	}
	cursor := &journal.Cursor{Flow: "f", Trigger: "poll", Connection: "main", Value: map[string]any{"since": "2026-03-01", "page": 2}}
	if _, err := s.Accept(ctx, []journal.Arrival{arrival("f", "1")}, cursor); err != nil {
		t.Fatal(err)
	}
	v, ok, err := s.Cursor(ctx, "f", "poll", "main")
	if diff := cmp.Diff(cursor.Value, v); diff != "" || !ok || err != nil {
		t.Errorf("Cursor = %v, %v, %v, want %v", v, ok, err, cursor.Value)
	}
	if err := s.SetCursor(ctx, journal.Cursor{Flow: "f", Trigger: "poll", Connection: "main", Value: nil}); err != nil {
		t.Fatal(err)
	}
	if v, ok, err := s.Cursor(ctx, "f", "poll", "main"); v != nil || !ok || err != nil {
		t.Errorf("Cursor = %v, %v, %v, want nil that was set", v, ok, err)
	}
}

func TestClaimInOrder(t *testing.T) {
	s := open(t, t.TempDir())
	late, early := arrival("f", "late"), arrival("f", "early")
	late.Due = start.Add(time.Minute)
	early.At = start.Add(-time.Minute)
	accept(t, s, late, arrival("f", "a"), early, arrival("f", "b"))
	if next, ok, err := s.NextDue(t.Context()); !next.Equal(start.Add(-time.Minute)) || !ok || err != nil {
		t.Errorf("NextDue = %v, %v, %v, want the early one", next, ok, err)
	}
	steps := []struct {
		now  time.Time
		max  int
		want []int64
	}{
		{start.Add(-time.Hour), 9, []int64{}},
		{start, 2, []int64{3, 2}},
		{start, 9, []int64{4}},
		{start, 9, []int64{}},
		{start.Add(time.Minute), 9, []int64{1}},
		{start.Add(2 * time.Hour), 9, []int64{2, 3, 4, 1}}, // their leases have ended
	}
	for _, step := range steps {
		if got := ids(claim(t, s, step.now, step.max)); !cmp.Equal(got, step.want) {
			t.Errorf("Claim(%v, %d) = %v, want %v", step.now, step.max, got, step.want)
		}
	}
	wantCounts(t, s)
}

func TestNextDue(t *testing.T) {
	s := open(t, t.TempDir())
	if next, ok, err := s.NextDue(t.Context()); ok || err != nil {
		t.Errorf("NextDue of an empty store = %v, %v, %v, want none", next, ok, err)
	}
	accept(t, s, arrival("f", "1"))
	<-s.Notify()
	r := claim(t, s, start, 1)[0]
	due := start.Add(time.Minute)
	err := s.Append(t.Context(), journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: journal.WaitingStatus, Due: due})
	if err != nil {
		t.Fatal(err)
	}
	<-s.Notify()
	if next, ok, err := s.NextDue(t.Context()); !next.Equal(due) || !ok || err != nil {
		t.Errorf("NextDue = %v, %v, %v, want %v", next, ok, err, due)
	}
	if got := ids(claim(t, s, due.Add(-1), 1)); len(got) != 0 {
		t.Errorf("Claim before it is due = %v, want nothing", got)
	}
	if got := ids(claim(t, s, due, 1)); !cmp.Equal(got, []int64{1}) {
		t.Errorf("Claim when it is due = %v, want run 1", got)
	}
}

func TestAppend(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	accept(t, s, arrival("f", "1"), arrival("f", "2"))
	r := claim(t, s, start, 1)[0]
	began := journal.Event{At: start, Kind: journal.Began, Data: map[string]any{"vars": map[string]any{"x": 1}}}
	done := journal.Event{At: start, Kind: journal.Done, Path: "page", Attempt: 1, Data: []any{"a", 1.5}}
	ended := journal.Event{At: start.Add(time.Second), Kind: journal.Ended, Status: journal.PartlyFailed, Text: "one of two"}
	progress(t, s, r, journal.Running, began, done)
	err := s.Append(ctx, journal.Progress{
		Run: r.ID, Epoch: r.Epoch, Events: []journal.Event{ended},
		Status: journal.PartlyFailed, Reason: "one of two", Output: map[string]any{"n": 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Events(ctx, r.ID)
	if diff := cmp.Diff([]journal.Event{began, done, ended}, events); diff != "" || err != nil {
		t.Errorf("Events, %v (-want +got):\n%s", err, diff)
	}
	if events, err := s.Events(ctx, 2); len(events) != 0 || err != nil {
		t.Errorf("Events of the run beside = %v, %v, want none", events, err)
	}
	got, err := s.RunByID(ctx, r.ID)
	want := r
	want.Status, want.Reason, want.Output, want.Due, want.Ended = journal.PartlyFailed, "one of two", map[string]any{"n": 1}, time.Time{}, ended.At
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("RunByID, %v (-want +got):\n%s", err, diff)
	}
	wantError(t, s.Append(ctx, journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: journal.Running}), journal.ErrStaleEpoch)
	wantError(t, s.Append(ctx, journal.Progress{Run: 2, Epoch: 0, Status: journal.Running}), journal.ErrStaleEpoch)
	wantError(t, s.Append(ctx, journal.Progress{Run: 9, Epoch: 1, Status: journal.Running}), journal.ErrNoRun)
	wantCounts(t, s)
}

func TestAppendUnderAnOldLease(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	accept(t, s, arrival("f", "1"), arrival("f", "2"))
	old := claim(t, s, start, 2)
	lost, err := s.Extend(ctx, []journal.Lease{{Run: 2, Epoch: 1}}, start.Add(3*time.Hour))
	if len(lost) != 0 || err != nil {
		t.Errorf("Extend = %v, %v, want nothing lost", lost, err)
	}
	renewed := claim(t, s, start.Add(2*time.Hour), 2) // the lease of run 1 has ended
	if got := ids(renewed); !cmp.Equal(got, []int64{1}) {
		t.Fatalf("Claim = %v, want run 1 alone", got)
	}
	e := journal.Event{At: start, Kind: journal.Done, Path: "a"}
	wantError(t, s.Append(ctx, journal.Progress{Run: 1, Epoch: old[0].Epoch, Status: journal.Running, Events: []journal.Event{e}}), journal.ErrStaleEpoch)
	lost, err = s.Extend(ctx, []journal.Lease{{Run: 1, Epoch: 1}, {Run: 2, Epoch: 1}, {Run: 1, Epoch: 2}}, start.Add(4*time.Hour))
	if !cmp.Equal(lost, []int64{1}) || err != nil {
		t.Errorf("Extend = %v, %v, want run 1 lost under its first lease", lost, err)
	}
	if events, err := s.Events(ctx, 1); len(events) != 0 || err != nil {
		t.Errorf("Events = %v, %v, want none", events, err)
	}
	// A run that was given back is nobody's, under its last epoch too.
	progress(t, s, renewed[0], journal.OutcomeUnknown)
	wantError(t, s.Append(ctx, journal.Progress{Run: 1, Epoch: 2, Status: journal.Running}), journal.ErrStaleEpoch)
}

func TestQueue(t *testing.T) {
	s := open(t, t.TempDir())
	accept(t, s, inQueue("f", "1", "x"), inQueue("f", "2", "x"), inQueue("f", "3", "y"), inQueue("g", "4", "x"), inQueue("f", "5", "x"), arrival("f", "6"))
	first := claim(t, s, start, 9)
	if got, want := ids(first), []int64{1, 4, 3, 6}; !cmp.Equal(got, want) {
		t.Fatalf("Claim = %v, want %v: the first of each queue, the flows by turns", got, want)
	}
	// A run that waits, or that nobody knows the outcome of, holds its place.
	progress(t, s, first[0], journal.WaitingStatus)
	progress(t, s, first[2], journal.OutcomeUnknown)
	accept(t, s, inQueue("f", "7", "y"))
	if got := ids(claim(t, s, start, 9)); len(got) != 0 {
		t.Errorf("Claim = %v, want nothing", got)
	}
	if err := s.Cancel(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	second := claim(t, s, start, 9)
	if got, want := ids(second), []int64{2}; !cmp.Equal(got, want) {
		t.Fatalf("Claim after run 1 ended = %v, want %v", got, want)
	}
	if err := s.Cancel(t.Context(), 5); err != nil { // the one behind it, before its turn
		t.Fatal(err)
	}
	progress(t, s, second[0], journal.Succeeded)
	if got := ids(claim(t, s, start, 9)); len(got) != 0 {
		t.Errorf("Claim of a queue that has ended = %v, want nothing", got)
	}
	if err := s.Cancel(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if got, want := ids(claim(t, s, start, 9)), []int64{7}; !cmp.Equal(got, want) {
		t.Errorf("Claim = %v, want %v", got, want)
	}
	wantCounts(t, s)
}

func TestReopenInAQueue(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	retried := []journal.Event{{At: start, Kind: journal.Retried}}
	accept(t, s, inQueue("f", "1", "x"), inQueue("f", "2", "x"), inQueue("f", "3", "x"))
	progress(t, s, claim(t, s, start, 9)[0], journal.FailedStatus)
	// Run 2 could begin, but the one before it comes back first.
	if err := s.Reopen(ctx, 1, retried); err != nil {
		t.Fatal(err)
	}
	again := claim(t, s, start, 9)
	if got, want := ids(again), []int64{1}; !cmp.Equal(got, want) {
		t.Fatalf("Claim = %v, want %v", got, want)
	}
	progress(t, s, again[0], journal.FailedStatus)
	second := claim(t, s, start, 9)
	// Run 2 has begun: run 1 comes back behind it, and before run 3.
	if err := s.Reopen(ctx, 1, retried); err != nil {
		t.Fatal(err)
	}
	if got := ids(claim(t, s, start, 9)); len(got) != 0 {
		t.Errorf("Claim while run 2 is under way = %v, want nothing", got)
	}
	progress(t, s, second[0], journal.Succeeded)
	third := claim(t, s, start, 9)
	if got, want := ids(third), []int64{1}; !cmp.Equal(got, want) {
		t.Fatalf("Claim = %v, want %v", got, want)
	}
	progress(t, s, third[0], journal.Succeeded)
	if got, want := ids(claim(t, s, start, 9)), []int64{3}; !cmp.Equal(got, want) {
		t.Errorf("Claim = %v, want %v", got, want)
	}
	wantCounts(t, s)
}

func TestCancel(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	accept(t, s, arrival("f", "1"), arrival("f", "2"))
	r := claim(t, s, start, 1)[0]
	for id := range int64(2) {
		if err := s.Cancel(ctx, id+1); err != nil {
			t.Fatal(err)
		}
		got, err := s.RunByID(ctx, id+1)
		if err != nil || got.Status != journal.Cancelled || got.Ended.IsZero() {
			t.Errorf("RunByID(%d) = %+v, %v, want one that was cancelled", id+1, got, err)
		}
		events, err := s.Events(ctx, id+1)
		if err != nil || journal.Fold(events).Status != journal.Cancelled {
			t.Errorf("Events(%d) = %v, %v, want a journal that ends with cancelled", id+1, events, err)
		}
	}
	wantError(t, s.Append(ctx, journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: journal.Succeeded}), journal.ErrStaleEpoch)
	wantError(t, s.Cancel(ctx, 1), journal.ErrEnded)
	wantError(t, s.Cancel(ctx, 9), journal.ErrNoRun)
	wantCounts(t, s)
}

func TestReopen(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	accept(t, s, arrival("f", "1"))
	answered := journal.Event{At: start, Kind: journal.Answered, Path: "a", Text: journal.Happened}
	wantError(t, s.Reopen(ctx, 1, []journal.Event{answered}), journal.ErrNotEnded)
	r := claim(t, s, start, 1)[0]
	wantError(t, s.Pin(ctx, 1, "d2"), journal.ErrNotEnded)
	intent := journal.Event{At: start, Kind: journal.Intent, Path: "a"}
	progress(t, s, r, journal.OutcomeUnknown, intent)
	if err := s.Reopen(ctx, 1, []journal.Event{answered}); err != nil {
		t.Fatal(err)
	}
	r = claim(t, s, start, 1)[0]
	err := s.Append(ctx, journal.Progress{Run: 1, Epoch: r.Epoch, Status: journal.FailedStatus, Reason: "no", Output: "out"})
	if err != nil {
		t.Fatal(err)
	}
	retried := journal.Event{At: start, Kind: journal.Retried, Path: "b"}
	if err := s.Pin(ctx, 1, "d2"); err != nil {
		t.Fatal(err)
	}
	if err := s.Reopen(ctx, 1, []journal.Event{retried}); err != nil {
		t.Fatal(err)
	}
	got := claim(t, s, start, 1)[0]
	if got.Reason != "" || got.Output != nil || !got.Ended.IsZero() || got.Epoch != 3 || got.Definition != "d2" {
		t.Errorf("a run that was taken up again is %+v, want no end, epoch 3 and definition d2", got)
	}
	events, err := s.Events(ctx, 1)
	if diff := cmp.Diff([]journal.Event{intent, answered, retried}, events); diff != "" || err != nil {
		t.Errorf("Events, %v (-want +got):\n%s", err, diff)
	}
	if stats, err := s.Stats(ctx); err != nil || stats.Payloads != 1 {
		t.Errorf("Stats = %+v, %v, want one payload: the old output is gone", stats, err)
	}
	wantCounts(t, s)
}

// TestParent ends a called run before and after its caller waits for it.
func TestParent(t *testing.T) {
	child := func(parent int64, id string) journal.Arrival {
		a := arrival("child", id)
		a.Parent, a.ParentPath = parent, "call"
		return a
	}
	ended := journal.Event{At: start.Add(time.Second), Kind: journal.Ended, Status: journal.Succeeded}
	for _, waitsFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("waits first %v", waitsFirst), func(t *testing.T) {
			s := open(t, t.TempDir())
			accept(t, s, arrival("parent", "1"))
			parent := claim(t, s, start, 1)[0]
			accept(t, s, child(parent.ID, "c"))
			called := claim(t, s, start, 1)[0]
			if waitsFirst {
				progress(t, s, parent, journal.WaitingStatus)
				if next, ok, err := s.NextDue(t.Context()); !next.Equal(start.Add(time.Hour)) || !ok || err != nil {
					t.Errorf("NextDue = %v, %v, %v, want the end of the child's lease", next, ok, err)
				}
				progress(t, s, called, journal.Succeeded, ended)
			} else {
				progress(t, s, called, journal.Succeeded, ended)
				progress(t, s, parent, journal.WaitingStatus, journal.Event{At: start, Kind: journal.Waiting, Path: "call"})
			}
			if got := ids(claim(t, s, ended.At, 9)); !cmp.Equal(got, []int64{parent.ID}) {
				t.Errorf("Claim after the child ended = %v, want the parent", got)
			}
		})
	}
}

func TestRuns(t *testing.T) {
	s := open(t, t.TempDir())
	for n := range 6 {
		accept(t, s, arrival([]string{"f", "g"}[n%2], fmt.Sprint(n)))
	}
	runs := claim(t, s, start, 4)
	progress(t, s, runs[0], journal.Succeeded)
	progress(t, s, runs[1], journal.FailedStatus)
	progress(t, s, runs[2], journal.FailedStatus)
	tests := []struct {
		filter journal.Filter
		want   []int64
	}{
		{journal.Filter{}, []int64{6, 5, 4, 3, 2, 1}},
		{journal.Filter{Limit: 2}, []int64{6, 5}},
		{journal.Filter{Limit: 2, Before: 5}, []int64{4, 3}},
		{journal.Filter{Flow: "g"}, []int64{6, 4, 2}},
		{journal.Filter{Status: journal.FailedStatus}, []int64{3, 2}},
		{journal.Filter{Status: journal.Succeeded}, []int64{1}},
		{journal.Filter{Flow: "f", Status: journal.FailedStatus}, []int64{3}},
		{journal.Filter{Flow: "f", Status: journal.Succeeded, Before: 1}, []int64{}},
		{journal.Filter{Flow: "g", Status: journal.Queued, Before: 6}, []int64{}},
	}
	for _, test := range tests {
		got, err := s.Runs(t.Context(), test.filter)
		if err != nil || !cmp.Equal(ids(got), test.want) {
			t.Errorf("Runs(%+v) = %v, %v, want %v", test.filter, ids(got), err, test.want)
		}
	}
}

func TestPrune(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	end := func(n int) {
		at := start.Add(time.Duration(n) * time.Hour)
		a := arrival("f", fmt.Sprint(n))
		a.At, a.Inputs = at, map[string]any{"n": n}
		accept(t, s, a)
		r := claim(t, s, at, 1)[0]
		err := s.Append(ctx, journal.Progress{
			Run: r.ID, Epoch: r.Epoch, Status: journal.Succeeded, Output: n,
			Events: []journal.Event{{At: at, Kind: journal.Ended, Status: journal.Succeeded}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	forever := arrival("g", "open")
	forever.Due = start.Add(1000 * time.Hour)
	accept(t, s, forever)
	for n := range 250 {
		end(n)
	}
	tests := []struct {
		before time.Time
		keep   int
		want   int
		left   int
	}{
		{start, 0, 0, 251},
		{start.Add(120 * time.Hour), 0, 120, 131},
		{start, 1000, 0, 131},
		{start, 30, 100, 31},
		{start.Add(1000 * time.Hour), 0, 30, 1},
	}
	for _, test := range tests {
		got, err := s.Prune(ctx, store.Retention{Before: test.before, Runs: test.keep})
		stats, _ := s.Stats(ctx)
		if got != test.want || err != nil || stats.Runs != test.left {
			t.Errorf("Prune(%v, %d) = %d, %v and %d left, want %d and %d left", test.before, test.keep, got, err, stats.Runs, test.want, test.left)
		}
		wantCounts(t, s)
	}
	stats, err := s.Stats(ctx)
	if err != nil || stats.Payloads != 1 || stats.Bytes == 0 {
		t.Errorf("Stats = %+v, %v, want the payload of the run that has not ended", stats, err)
	}
	if events, err := s.Events(ctx, 100); len(events) != 0 || err != nil {
		t.Errorf("Events of a pruned run = %v, %v, want none", events, err)
	}
}

// TestCountsOfAnything takes many runs through random lives.
func TestCountsOfAnything(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	random := rand.New(rand.NewPCG(1, 2))
	statuses := []journal.Status{
		journal.Queued, journal.Running, journal.WaitingStatus, journal.OutcomeUnknown,
		journal.Succeeded, journal.SkippedStatus, journal.PartlyFailed, journal.FailedStatus, journal.Cancelled,
	}
	now := start
	for n := range 300 {
		now = now.Add(time.Minute)
		accept(t, s, inQueue([]string{"f", "g"}[random.IntN(2)], fmt.Sprint(n), []string{"", "x", "y"}[random.IntN(3)]))
		for _, r := range claim(t, s, now, 1+random.IntN(3)) {
			p := journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: statuses[random.IntN(len(statuses))], Due: now.Add(time.Hour)}
			if err := s.Append(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		target := 1 + random.Int64N(int64(n+1))
		for _, err := range []error{s.Cancel(ctx, 1+random.Int64N(int64(n+1))), s.Reopen(ctx, target, nil)} {
			if err != nil && !errors.Is(err, journal.ErrEnded) && !errors.Is(err, journal.ErrNotEnded) {
				t.Fatal(err)
			}
		}
	}
	wantCounts(t, s)
	// No queue has stopped: ending everything that can be claimed ends all
	// but what waits for a person.
	for {
		now = now.Add(2 * time.Hour)
		runs := claim(t, s, now, 100)
		if len(runs) == 0 {
			break
		}
		for _, r := range runs {
			progress(t, s, r, journal.Succeeded)
		}
	}
	unknown, err := s.Runs(ctx, journal.Filter{Status: journal.OutcomeUnknown, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range unknown {
		if err := s.Cancel(ctx, r.ID); err != nil {
			t.Fatal(err)
		}
	}
	now = time.Now() // what follows a cancellation is due when it happened
	for {
		now = now.Add(2 * time.Hour)
		runs := claim(t, s, now, 100)
		if len(runs) == 0 {
			break
		}
		for _, r := range runs {
			progress(t, s, r, journal.Succeeded)
		}
	}
	counts, err := s.Counts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for flow, statuses := range counts {
		for status, n := range statuses {
			if !status.HasEnded() {
				t.Errorf("%d runs of flow %s are %s, want all ended", n, flow, status)
			}
		}
	}
	wantCounts(t, s)
}

func TestWritesAfterTheEnd(t *testing.T) {
	s, err := store.Open(t.Context(), t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Accept(ctx, []journal.Arrival{arrival("f", "1")}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Accept before Run, with a context that has ended = %v, want context canceled", err)
	}
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	_, err = s.Accept(t.Context(), []journal.Arrival{arrival("f", "1")}, nil)
	wantError(t, err, journal.ErrUnavailable)
	if err := s.Run(t.Context()); err == nil || err.Error() != "run the store: it runs already or has run" {
		t.Errorf("Run once more = %v, want a refusal", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
