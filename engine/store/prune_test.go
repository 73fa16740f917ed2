package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// history gives a store 4 ended runs of each of two flows, a.1 b.1 a.2 b.2 …
// with the numbers 1 to 8, and one that waits. An ended run of a takes 1000
// bytes, one of b 3000.
func history(t *testing.T, s *store.Store) {
	t.Helper()
	waits := arrival("a", "waits")
	waits.Due = start.Add(time.Hour)
	for n := range 4 {
		for _, flow := range []struct {
			id   string
			size int
		}{{"a", 1000}, {"b", 3000}} {
			a := arrival(flow.id, fmt.Sprint(n))
			accept(t, s, a)
			r := claim(t, s, start, 1)[0]
			end := journal.Event{At: start, Kind: journal.Ended, Status: journal.Succeeded}
			text, err := journal.Encode(end)
			if err != nil {
				t.Fatal(err)
			}
			end.Text = strings.Repeat("x", flow.size-len(text)-len("\n")-len(`,"text":""`)-len(fmt.Sprintf(`{"id":"%d","n":1}`, n)))
			progress(t, s, r, journal.Succeeded, end)
		}
	}
	accept(t, s, waits)
}

// own is a retention of flow a alone.
func own(r store.FlowRetention) map[string]store.FlowRetention {
	return map[string]store.FlowRetention{"a": r}
}

func TestRetention(t *testing.T) {
	tests := []struct {
		keep store.Retention
		want []int64 // the runs that are left, the newest first
	}{
		{store.Retention{}, []int64{9, 8, 7, 6, 5, 4, 3, 2, 1}},
		{store.Retention{Before: start}, []int64{9, 8, 7, 6, 5, 4, 3, 2, 1}},
		{store.Retention{Before: start.Add(1)}, []int64{9}},
		{store.Retention{Runs: 3}, []int64{9, 8, 7, 6}},
		{store.Retention{FlowRuns: 1}, []int64{9, 8, 7}},
		{store.Retention{Runs: 1, FlowRuns: 1}, []int64{9, 8}},
		{store.Retention{Bytes: 16_000}, []int64{9, 8, 7, 6, 5, 4, 3, 2, 1}},
		{store.Retention{Bytes: 8_000}, []int64{9, 8, 7, 6, 5}},
		{store.Retention{Bytes: 7_999}, []int64{9, 8, 7, 6}},
		{store.Retention{FlowBytes: 3_000}, []int64{9, 8, 7, 5, 3}},
		{store.Retention{FlowBytes: 2_999}, []int64{9, 7, 5}},
		{store.Retention{FlowBytes: 3_000, Bytes: 4_000}, []int64{9, 8, 7}},
		{store.Retention{FlowBytes: 1}, []int64{9}},
		{store.Retention{Flows: own(store.FlowRetention{Before: start.Add(1)})}, []int64{9, 8, 6, 4, 2}},
		{store.Retention{Before: start.Add(1), Flows: own(store.FlowRetention{Before: start})}, []int64{9, 7, 5, 3, 1}},
		{store.Retention{Flows: own(store.FlowRetention{Runs: 1})}, []int64{9, 8, 7, 6, 4, 2}},
		{store.Retention{FlowRuns: 1, Flows: own(store.FlowRetention{Runs: 3})}, []int64{9, 8, 7, 5, 3}},
		{store.Retention{FlowRuns: 1, Runs: 2, Flows: own(store.FlowRetention{Runs: 3})}, []int64{9, 8, 7}},
		{store.Retention{Flows: own(store.FlowRetention{Bytes: 2_000})}, []int64{9, 8, 7, 6, 5, 4, 2}},
		{store.Retention{FlowBytes: 3_000, Flows: own(store.FlowRetention{Bytes: 1_000})}, []int64{9, 8, 7}},
		{store.Retention{FlowRuns: 2, Flows: own(store.FlowRetention{Bytes: 1_000})}, []int64{9, 8, 7, 6}},
	}
	for _, test := range tests {
		s, stop := begin(t, t.TempDir())
		history(t, s)
		removed, err := s.Prune(t.Context(), test.keep)
		left, _ := s.Runs(t.Context(), journal.Filter{})
		if !cmp.Equal(ids(left), test.want) || removed != 9-len(test.want) || err != nil {
			t.Errorf("Prune(%+v) = %d, %v and leaves %v, want %d and %v", test.keep, removed, err, ids(left), 9-len(test.want), test.want)
		}
		// Every event is known as before.
		for _, flow := range []string{"a", "b"} {
			if again := accept(t, s, arrival(flow, "0"))[0]; !again.Duplicate {
				t.Errorf("after Prune(%+v) event 0 starts flow %s once more", test.keep, flow)
			}
		}
		wantCounts(t, s)
		stop()
	}
}

// TestPruneGivesBack holds the size of the file after pruning against that of
// a folder in which nothing ever ran.
func TestPruneGivesBack(t *testing.T) {
	size := func(dir string) int64 {
		info, err := os.Stat(filepath.Join(dir, "patchbay.db"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	dir := t.TempDir()
	s, stop := begin(t, dir)
	for n := range 20 {
		a := arrival("f", fmt.Sprint(n))
		a.Event = strings.Repeat("x", 1<<20)
		accept(t, s, a)
		progress(t, s, claim(t, s, start, 1)[0], journal.Succeeded)
	}
	stop()
	full := size(dir)
	s, stop = begin(t, dir)
	if _, err := s.Prune(t.Context(), store.Retention{Runs: 2}); err != nil {
		t.Fatal(err)
	}
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Free != 0 {
		t.Errorf("Stats = %d bytes free, %v, want 0", stats.Free, err)
	}
	stop()
	if left := size(dir); full < 20<<20 || left > 3<<20 {
		t.Errorf("the file has %d bytes with 20 runs of 1 MB and %d with 2, want at most %d", full, left, 3<<20)
	}
}
