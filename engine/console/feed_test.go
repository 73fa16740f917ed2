package console

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
)

func event(path string) journal.Event { return journal.Event{Kind: journal.Done, Path: path} }

func paths(n news) []string {
	var out []string
	for _, e := range n.events {
		out = append(out, e.Path)
	}
	return out
}

// TestFeed asks for what is behind what was seen.
func TestFeed(t *testing.T) {
	f := newFeed()
	f.add(1, event("a"))
	f.add(2, event("other"))
	f.add(1, event("b"))
	first := f.after(1, -1)
	if diff := cmp.Diff([]string{"a", "b"}, paths(first)); diff != "" || !first.gap {
		t.Errorf("after(1, -1) gap %t (-want +got):\n%s", first.gap, diff)
	}
	f.add(1, event("c"))
	<-first.changed
	second := f.after(1, first.upTo)
	if diff := cmp.Diff([]string{"c"}, paths(second)); diff != "" || second.gap {
		t.Errorf("after(1, %d) gap %t (-want +got):\n%s", first.upTo, second.gap, diff)
	}
	// The end lets go of the run: the store has the rest.
	f.add(1, journal.Event{Kind: journal.Ended})
	<-second.changed
	if third := f.after(1, second.upTo); len(third.events) > 0 || !third.gap {
		t.Errorf("after the end: %d events, gap %t, want none and a gap", len(third.events), third.gap)
	}
}

// TestFeedForgets holds no more than it may, and says that something is gone.
func TestFeedForgets(t *testing.T) {
	f := newFeed()
	seen := f.after(1, -1)
	for range keptEvents + 1 {
		f.add(1, event("x"))
	}
	if n := f.after(1, seen.upTo); len(n.events) > keptEvents || !n.gap {
		t.Errorf("after too many events: %d, gap %t, want at most %d and a gap", len(n.events), n.gap, keptEvents)
	}
	for run := range int64(2 * kept) {
		f.add(run+2, event("x"))
	}
	if len(f.runs) != kept || len(f.order) != kept {
		t.Errorf("the feed keeps %d runs (%d in order), want %d", len(f.runs), len(f.order), kept)
	}
	if n := f.after(1, seen.upTo); !n.gap {
		t.Error("a run that was forgotten has no gap")
	}
}
