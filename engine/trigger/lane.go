package trigger

import (
	"container/heap"
	"time"

	"patchbay/engine/program"
)

// lane is the polls that share the looks that may be under way at once: those
// through all accounts of one sign-in, or through all other connections. A
// service that hangs holds up its own lane only.
type lane struct {
	slots   chan struct{}
	waiting waiting
}

// waiting are the polls nobody looks for just now, as a heap: the one that is
// due first is at the top.
type waiting []*poll

// Len returns how many polls wait.
func (w waiting) Len() int { return len(w) }

// Less reports whether one poll is due before another.
func (w waiting) Less(i, j int) bool { return w[i].status.Next.Before(w[j].status.Next) }

// Swap exchanges two polls.
func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

// Push adds a poll, for package heap.
func (w *waiting) Push(x any) {
	p := x.(*poll) //nolint:forcetypeassert // only polls are pushed
	p.index = len(*w)
	*w = append(*w, p)
}

// Pop removes the last poll, for package heap.
func (w *waiting) Pop() any {
	all := *w
	p := all[len(all)-1]
	all[len(all)-1] = nil
	*w, p.index = all[:len(all)-1], out
	return p
}

// out is the index of a poll that does not wait.
const out = -1

// put has a poll wait, or wait for another time.
func (l *lane) put(p *poll) {
	if p.index == out {
		heap.Push(&l.waiting, p)
		return
	}
	heap.Fix(&l.waiting, p.index)
}

func (l *lane) remove(p *poll) {
	if p.index != out {
		heap.Remove(&l.waiting, p.index)
	}
}

// take returns the polls that are due, the longest overdue first, as many as
// there are free slots, with the slot and the gate of each.
func (l *lane) take(now time.Time) []*poll {
	var taken []*poll
	for len(l.waiting) > 0 && !l.waiting[0].status.Next.After(now) {
		select {
		case l.slots <- struct{}{}:
		default:
			return taken
		}
		p := heap.Pop(&l.waiting).(*poll) //nolint:forcetypeassert // only polls are pushed
		select {
		case p.gate <- struct{}{}:
			taken = append(taken, p)
		default: // somebody looks already, and puts it back
			<-l.slots
		}
	}
	return taken
}

// sleep returns how long no poll will be due, or longest.
func (l *lane) sleep(now time.Time, longest time.Duration) time.Duration {
	if len(l.waiting) == 0 || len(l.slots) == cap(l.slots) {
		return longest
	}
	return max(0, min(longest, l.waiting[0].status.Next.Sub(now)))
}

// laneOf returns the name of the lane of a connection.
func laneOf(connection string) string {
	written, account := program.SplitMember(connection)
	if account == "" {
		return ""
	}
	return written
}

// firstLook returns when a new poll looks for the first time.
func firstLook(at place, every time.Duration, now time.Time) time.Time {
	if laneOf(at.connection) == "" {
		return now.Add(spread(at, min(every, stagger)))
	}
	return nextLook(at, every, now)
}

// nextLook returns when a poll looks after it looked at that time: when the
// interval is over, or where there may be a thousand accounts at the moment of
// each interval that belongs to its own, so that their looks are spread over
// all of it and stay so, also through a restart.
func nextLook(at place, every time.Duration, after time.Time) time.Time {
	if laneOf(at.connection) == "" {
		return after.Add(every)
	}
	own := time.Unix(0, 0).Add(spread(at, every))
	return after.Add(every - after.Sub(own)%every)
}
