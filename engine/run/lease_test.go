package run_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/run"
	"patchbay/engine/store"
)

// shut is a store that takes nothing for a while: as one on a full disk, or of
// a process that is stopped for that time.
type shut struct {
	*store.Store

	from, until time.Time
}

func (s shut) closed() error {
	if now := time.Now(); now.After(s.from) && now.Before(s.until) {
		return fmt.Errorf("the disk is full: %w", journal.ErrUnavailable)
	}
	return nil
}

// Claim claims runs, unless the store is shut.
func (s shut) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int, room journal.Room) ([]journal.Run, error) {
	if err := s.closed(); err != nil {
		return nil, err
	}
	return s.Store.Claim(ctx, now, lease, limit, room)
}

// Extend renews leases, unless the store is shut.
func (s shut) Extend(ctx context.Context, leases []journal.Lease, until time.Time) ([]int64, error) {
	if err := s.closed(); err != nil {
		return nil, err
	}
	return s.Store.Extend(ctx, leases, until)
}

// TestLeaseOutlives lets the leases of a runner run out while a request is under
// way, and brings it back to life at every moment between two of its
// heartbeats: it must not take the run away from its own worker, which would
// have to ask what became of a message that was sent and answered.
func TestLeaseOutlives(t *testing.T) {
	parts := map[string]string{"main.yaml": `flow: 1
name: Slow
triggers:
  - on_demand: {}
steps:
  - action: svc.send
    with: { text: hello }
  - action: svc.send
    with: { text: again }
`}
	for pause := 35 * time.Second; pause < 45*time.Second; pause += time.Second {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, parts)
			b.within = func(s *store.Store) run.Store {
				return shut{s, b.began.Add(3 * time.Second), b.began.Add(pause).Add(500 * time.Millisecond)}
			}
			b.service.takes = 50 * time.Second
			b.start(t, "")
			r, err := b.store.RunByID(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status != journal.Succeeded || len(b.service.log) != 2 || r.Epoch != 1 {
				t.Errorf("after a pause of %s: run = %s %s, claimed %d times, %d requests; want succeeded, claimed once, 2 requests",
					pause, r.Status, r.Reason, r.Epoch, len(b.service.log))
			}
		})
	}
}
