package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
)

func TestHistory(t *testing.T) {
	s := open(t, t.TempDir())
	history := func(since, earlier time.Duration) []journal.Started {
		t.Helper()
		all, err := s.History(t.Context(), start.Add(-since), start.Add(-earlier))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if got := history(time.Hour, 2*time.Hour); got != nil {
		t.Errorf("History of an empty store = %v, want none", got)
	}
	for i, a := range []struct {
		flow, trigger string
		ago           time.Duration
		seenOnly      bool
	}{
		{"f", "poll", 3 * time.Hour, false},
		{"g", "hook", 2 * time.Hour, false},
		{"f", "poll", 90 * time.Minute, false},
		{"f", "poll", 80 * time.Minute, true},
		{"f", "hook", time.Hour, false},
		{"f", "poll", 30 * time.Minute, false},
		{"f", "poll", 20 * time.Minute, false},
	} {
		event := arrival(a.flow, string(rune('a'+i)))
		event.Trigger, event.At, event.SeenOnly = a.trigger, start.Add(-a.ago), a.seenOnly
		accept(t, s, event)
	}
	want := []journal.Started{
		{Flow: "f", Trigger: "hook", Late: 1, All: 1, First: start.Add(-time.Hour)},
		{Flow: "f", Trigger: "poll", Late: 2, All: 3, First: start.Add(-90 * time.Minute)},
		{Flow: "g", Trigger: "hook", All: 1, First: start.Add(-2 * time.Hour)},
	}
	if diff := cmp.Diff(want, history(time.Hour, 2*time.Hour)); diff != "" {
		t.Errorf("History (-want +got):\n%s", diff)
	}
	if got := history(time.Minute, 10*time.Minute); got != nil {
		t.Errorf("History behind the last run = %v, want none", got)
	}
}
