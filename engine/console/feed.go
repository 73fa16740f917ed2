package console

import (
	"cmp"
	"slices"
	"sync"

	"patchbay/engine/journal"
)

// feed hands the events of runs to those who watch, as they happen: before
// they are on disk. It keeps the events of a run while the run is worked on,
// so that whoever comes a moment late misses nothing; what it has let go of is
// in the store by then, or about to be.
//
// Every event has a number, counted over all runs. A watcher names the last
// one it has seen.
type feed struct {
	mu    sync.Mutex
	last  int64
	runs  map[int64]*watched
	order []int64 // the runs, the longest watched first
	// gone is the highest number among the events of runs that were let go of.
	gone int64
}

// watched is what the feed knows of one run.
type watched struct {
	events []numbered
	// gone is the number up to which events of the run may be missing here.
	gone int64
	// changed is closed with the next event; nil while nobody waits.
	changed chan struct{}
}

type numbered struct {
	number int64
	event  journal.Event
}

// kept is how many runs a feed remembers, and how many events of each.
const (
	kept       = 512
	keptEvents = 4096
)

func newFeed() *feed { return &feed{runs: map[int64]*watched{}} }

// add takes an event that has just happened.
func (f *feed) add(run int64, e journal.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	w := f.watch(run)
	w.events = append(w.events, numbered{f.last, e})
	if len(w.events) > keptEvents {
		half := len(w.events) / 2
		w.gone = w.events[half-1].number
		w.events = slices.Clone(w.events[half:])
	}
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
	if e.Kind == journal.Ended || e.Kind == journal.Waiting {
		f.drop(run)
	}
}

// watch returns what is known of a run, making room for it if it is new.
func (f *feed) watch(run int64) *watched {
	if w, ok := f.runs[run]; ok {
		return w
	}
	if len(f.order) == kept {
		f.drop(f.order[0])
	}
	w := &watched{gone: f.gone}
	f.runs[run] = w
	f.order = append(f.order, run)
	return w
}

// drop forgets a run. Who waits for it looks into the store.
func (f *feed) drop(run int64) {
	w := f.runs[run]
	if w.changed != nil {
		close(w.changed)
	}
	f.gone = f.last
	delete(f.runs, run)
	f.order = slices.DeleteFunc(f.order, func(id int64) bool { return id == run })
}

// news is what a feed knows of a run that a watcher has not seen.
type news struct {
	events []journal.Event
	upTo   int64 // the number to ask with next
	// gap is true if there may be events between those seen and these, which
	// only the store has.
	gap bool
	// changed is closed when there may be more.
	changed <-chan struct{}
}

// after returns what happened in a run behind the event of that number.
func (f *feed) after(run, number int64) news {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.watch(run)
	n := news{upTo: max(number, w.gone), gap: w.gone > number}
	at, _ := slices.BinarySearchFunc(w.events, number+1, func(e numbered, want int64) int { return cmp.Compare(e.number, want) })
	for _, e := range w.events[at:] {
		n.events = append(n.events, e.event)
		n.upTo = e.number
	}
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	n.changed = w.changed
	return n
}
