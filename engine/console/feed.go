package console

import (
	"context"
	"sync"

	"patchbay/engine/journal"
)

// feed hands the events of runs to those who watch, as they happen. It keeps
// the events of the latest runs, so that whoever comes a moment late misses
// nothing.
type feed struct {
	mu    sync.Mutex
	runs  map[int64]*watched
	order []int64
	// changed is closed and made anew with every event.
	changed chan struct{}
}

type watched struct {
	events []journal.Event
}

// kept is how many runs a feed remembers, and how many events of each.
const (
	kept       = 512
	keptEvents = 5000
)

func newFeed() *feed { return &feed{runs: map[int64]*watched{}, changed: make(chan struct{})} }

// add takes an event that has just happened.
func (f *feed) add(run int64, e journal.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, ok := f.runs[run]
	if !ok {
		w = &watched{}
		f.runs[run] = w
		f.order = append(f.order, run)
		if len(f.order) > kept {
			delete(f.runs, f.order[0])
			f.order = f.order[1:]
		}
	}
	if len(w.events) < keptEvents {
		w.events = append(w.events, e)
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// from returns the events of a run behind the first n, and a channel that is
// closed when there may be more.
func (f *feed) from(run int64, n int) ([]journal.Event, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, ok := f.runs[run]
	if !ok || n >= len(w.events) {
		return nil, f.changed
	}
	return w.events[n:len(w.events):len(w.events)], f.changed
}

// wait blocks until something happens anywhere.
func (f *feed) wait(ctx context.Context) {
	f.mu.Lock()
	changed := f.changed
	f.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-changed:
	}
}
