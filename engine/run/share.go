package run

import (
	"sync"

	"patchbay/engine/journal"
)

// share divides the workers, so that none who has much to do keeps the others
// from beginning: a flow that takes one more leaves at least a quarter as many
// as it has to other flows, and a connection of a flow leaves the same part of
// what the flow may still have to other connections. So a flow has at most four
// fifths of all workers, a connection four fifths of these, and less where
// several have much to do; but who has none gets one as long as there is one.
//
// It counts what is under way in this process, which is all there is: at the
// start of a data folder's owner nothing is.
type share struct {
	workers int
	atOnce  func(flow string) int // how many runs of a flow at the most; 0 for any number

	mu    sync.Mutex
	taken int
	flows map[string]int
	lanes map[lane]int
}

// lane is the runs of a flow that came through one connection.
type lane struct{ flow, connection string }

// perFree is how many workers may be taken for each that is left to others.
const perFree = 4

func newShare(workers int, atOnce func(string) int) *share {
	return &share{workers: workers, atOnce: atOnce, flows: map[string]int{}, lanes: map[lane]int{}}
}

// Free gives a worker back.
func (s *share) Free(flow, connection string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := lane{flow, connection}
	s.taken--
	if s.flows[flow]--; s.flows[flow] == 0 {
		delete(s.flows, flow)
	}
	if s.lanes[l]--; s.lanes[l] == 0 {
		delete(s.lanes, l)
	}
}

// Open reports whether the flow may have another worker.
func (s *share) Open(flow string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open(flow)
}

// Take takes a worker, if the flow and the connection may have another.
func (s *share) Take(flow, connection string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := lane{flow, connection}
	// What the flow may still take, and then leaves as much as it must.
	rest := max((perFree*(s.workers-s.taken)-s.flows[flow])/(perFree+1), 1)
	if !s.open(flow) || !leaves(s.lanes[l], rest) {
		return false
	}
	s.taken++
	s.flows[flow]++
	s.lanes[l]++
	return true
}

func (s *share) open(flow string) bool {
	has := s.flows[flow]
	if s.atOnce != nil {
		if most := s.atOnce(flow); most > 0 && has >= most {
			return false
		}
	}
	return leaves(has, s.workers-s.taken)
}

// leaves reports whether one who has so many workers may take one more of those
// that are free.
func leaves(has, free int) bool {
	return free > 0 && (has == 0 || has+1 <= perFree*(free-1))
}

// free returns how many workers have nothing to do.
func (s *share) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers - s.taken
}

var _ journal.Room = (*share)(nil)
