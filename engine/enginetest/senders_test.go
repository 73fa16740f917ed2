//go:build unix

package enginetest_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// senders deliver events, the way vendors do: what is not acknowledged is sent
// again, or given up, and now and then something comes twice.
type senders struct {
	kinds []string      // of the events; none for orders that were placed
	pause time.Duration // the longest between two events of one sender; 0 for 20 ms
	over  sync.WaitGroup
	// sending receives when a delivery begins, if somebody listens.
	sending chan struct{}

	mu    sync.Mutex
	url   string
	next  int
	acked map[string]bool // event ids
	gone  int             // events given up without an answer
}

func (s *senders) begin(ctx context.Context, n int) {
	if len(s.kinds) == 0 {
		s.kinds = []string{"placed"}
	}
	if s.pause == 0 {
		s.pause = 20 * time.Millisecond
	}
	for range n {
		s.over.Go(func() {
			for ctx.Err() == nil {
				s.send(ctx)
				time.Sleep(rand.N(s.pause))
			}
		})
	}
}

func (s *senders) to(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url = url
}

// send delivers one event until it is acknowledged, or once if it is one of
// those whose sender does not try again.
func (s *senders) send(ctx context.Context) {
	s.mu.Lock()
	s.next++
	n := s.next
	s.mu.Unlock()
	kind := s.kinds[n%len(s.kinds)]
	id := nameOf(kind, n)
	patient, twice := n%3 != 0, n%10 == 0
	for {
		s.mu.Lock()
		url := s.url
		s.mu.Unlock()
		select {
		case s.sending <- struct{}{}:
		default:
		}
		// A delivery under way is not broken off by the end of the test: only
		// the engine may lose it.
		code, _, err := post(context.WithoutCancel(ctx), eventOf(url, kind, id))
		if err == nil && code == http.StatusOK {
			s.mu.Lock()
			s.acked[id] = true
			s.mu.Unlock()
			if !twice {
				return
			}
			twice = false
			continue
		}
		if !patient || ctx.Err() != nil {
			s.mu.Lock()
			s.gone++
			s.mu.Unlock()
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// check fails the test for each acknowledged event without a run, and returns
// how many there are.
func (s *senders) check(t *testing.T, runs map[string]ended) (lost int) {
	t.Helper()
	for id := range s.acked {
		if _, ok := runs["order-"+id]; !ok {
			lost++
			t.Errorf("event %s was acknowledged and has no run", id)
		}
	}
	begun := 0
	for _, r := range runs {
		if r.Flow != "alarm" && r.Flow != "item" {
			begun++
		}
	}
	if begun-len(s.acked) > s.gone {
		t.Errorf("%d runs for %d acknowledged events and %d others", begun, len(s.acked), s.gone)
	}
	return lost
}
