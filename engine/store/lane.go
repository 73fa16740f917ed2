package store

import (
	"container/heap"
	"database/sql"
	"slices"
	"sync"

	"patchbay/engine/journal"
)

// lane is the runs of one flow that came through one connection.
type lane struct {
	flow, connection string

	wake int64 // none of its runs is due before
	at   int   // its place in lanes.later, -1 while it is its turn or nobody is in it
}

// lanes say whose turn it is: first between the flows that have something due,
// then between the connections of that flow. So a flood of events delays
// others by one run each round, not by the whole of it.
//
// Here is known only which lane may have something due; which runs these are is
// read from the index run_lane. The times may be too early, never too late:
// what Claim finds in a lane corrects them, and what was written in vain makes
// them earlier.
type lanes struct {
	mu    sync.Mutex
	all   map[string]map[string]*lane // by flow and connection
	later soonest                     // with nothing due yet
	turns []*turn                     // of the flows with something due; the first is next
}

// turn is the place of a flow among those with something due.
type turn struct {
	flow  string
	lanes []*lane // with something due; the first is next
}

// expect notes that a run of a lane may be due at that time.
func (s *lanes) expect(flow, connection string, wake int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]map[string]*lane{}
	}
	if s.all[flow] == nil {
		s.all[flow] = map[string]*lane{}
	}
	l := s.all[flow][connection]
	switch {
	case l == nil:
		l = &lane{flow: flow, connection: connection, wake: wake}
		s.all[flow][connection] = l
		heap.Push(&s.later, l)
	case l.at >= 0 && wake < l.wake:
		l.wake = wake
		heap.Fix(&s.later, l.at)
	}
}

// due reports whether there may be something to claim.
func (s *lanes) due(now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.turns) > 0 || len(s.later) > 0 && s.later[0].wake <= now
}

// next returns the first time at which another lane may have something due.
func (s *lanes) next() (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.later) == 0 {
		return 0, false
	}
	return s.later[0].wake, true
}

// promote gives the lanes whose time has come a turn, behind those that have one.
func (s *lanes) promote(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.later) > 0 && s.later[0].wake <= now {
		l, _ := heap.Pop(&s.later).(*lane)
		i := slices.IndexFunc(s.turns, func(t *turn) bool { return t.flow == l.flow })
		if i < 0 {
			i = len(s.turns)
			s.turns = append(s.turns, &turn{flow: l.flow})
		}
		s.turns[i].lanes = append(s.turns[i].lanes, l)
	}
}

// take returns the lane whose turn it is, of those that there is room for, and
// lets all others go before its next one; nil if there is room for none.
func (s *lanes) take(r journal.Room) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range s.turns {
		if !r.Open(t.flow) {
			continue
		}
		for j, l := range t.lanes {
			if r.Take(l.flow, l.connection) {
				t.lanes = append(slices.Delete(t.lanes, j, j+1), l)
				s.turns = append(slices.Delete(s.turns, i, i+1), t)
				return l
			}
		}
	}
	return nil
}

// settle notes what is left in a lane that had its turn: when its next run is
// due, if there is one. What is due keeps its place among the turns.
func (s *lanes) settle(l *lane, now, wake int64, more bool) {
	if more && wake <= now {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave(l)
	if more {
		l.wake = wake
		heap.Push(&s.later, l)
		return
	}
	delete(s.all[l.flow], l.connection)
	if len(s.all[l.flow]) == 0 {
		delete(s.all, l.flow)
	}
}

// leave takes a lane out of the turns.
func (s *lanes) leave(l *lane) {
	i := slices.IndexFunc(s.turns, func(t *turn) bool { return t.flow == l.flow })
	if i < 0 {
		return
	}
	t := s.turns[i]
	t.lanes = slices.DeleteFunc(t.lanes, func(other *lane) bool { return other == l })
	if len(t.lanes) == 0 {
		s.turns = slices.Delete(s.turns, i, i+1)
	}
}

// soonest is a heap of lanes by when they may have something due.
type soonest []*lane

func (h soonest) Len() int           { return len(h) }
func (h soonest) Less(i, j int) bool { return h[i].wake < h[j].wake }

func (h soonest) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push adds a lane, for package heap.
func (h *soonest) Push(x any) {
	l, _ := x.(*lane)
	l.at = len(*h)
	*h = append(*h, l)
}

// Pop removes the last lane, for package heap.
func (h *soonest) Pop() any {
	old := *h
	l := old[len(old)-1]
	*h = slices.Delete(old, len(old)-1, len(old))
	l.at = -1
	return l
}

const (
	laneBehind = `select flow, connection, wake from run where wake is not null and (flow, connection) > (?, ?)
		order by flow, connection, wake limit 1`
	laneNext = `select wake from run where flow = ? and connection = ? and wake is not null order by wake limit 1`
	laneDue  = `select ` + standingColumns + ` from run where flow = ? and connection = ? and wake <= ? order by wake, id limit ?`
)

// loadLanes finds the lanes of a database that was just opened, with one look
// into the index for each.
func (t *tx) loadLanes() error {
	var flow, connection string
	for {
		var wake int64
		found, err := t.get(laneBehind, []any{flow, connection}, &flow, &connection, &wake)
		if err != nil || !found {
			return err
		}
		t.lanes.expect(flow, connection, wake)
	}
}

// expect notes that a run may be due at that time; null for never.
func (t *tx) expect(flow, connection string, wake sql.NullInt64) {
	if wake.Valid {
		t.claimable = true
		t.lanes.expect(flow, connection, wake.Int64)
	}
}

// wake runs an update that makes runs due.
func (t *tx) wake(update string, args ...any) error {
	return t.each(update+` returning flow, connection, wake`, args, func(rows *sql.Rows) error {
		var flow, connection string
		var wake sql.NullInt64
		err := rows.Scan(&flow, &connection, &wake)
		t.expect(flow, connection, wake)
		return err
	})
}
