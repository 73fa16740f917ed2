package store

import (
	"errors"
	"testing"
	"time"

	"patchbay/engine/journal"
)

// TestClaimThatIsUndone breaks the transaction of a claim after it: its runs
// are due as before, and found.
func TestClaimThatIsUndone(t *testing.T) {
	s := openQuiet(t)
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	a := acceptance{arrivals: []journal.Arrival{{Flow: "f", At: now}, {Flow: "f", At: now}, {Flow: "g", At: now}}}
	if err := errors.Join(a.encode(), s.tx.perform(a.store)); err != nil {
		t.Fatal(err)
	}
	taken := func(t *tx) *claiming {
		return &claiming{t: t, room: anyRoom{}, now: nanos(now), until: nanos(now.Add(time.Hour)), ready: map[*lane][]standing{}}
	}
	c := taken(s.tx)
	broken := errors.New("the disk is gone")
	err := s.tx.together([]*op{
		{do: func(*tx) error { return c.claim(9) }},
		{do: func(t *tx) error { return t.note(broken) }},
	})
	if !errors.Is(err, broken) || len(c.taken) != 3 {
		t.Fatalf("together = %v with %d runs taken, want 3 and what broke it", err, len(c.taken))
	}
	if !s.lanes.due(nanos(now)) {
		t.Error("nothing is due after a claim that was undone, want what was before")
	}
	again := taken(s.tx)
	if err := s.tx.perform(func(*tx) error { return again.claim(9) }); err != nil || len(again.taken) != 3 {
		t.Errorf("the next claim takes %d runs, %v, want 3", len(again.taken), err)
	}
}
