package store

import (
	"context"
	"database/sql"
	"time"

	"patchbay/engine/journal"
)

// Claim gives out up to max runs whose time has come, each under a lease that
// lasts until now plus lease: the longest due first. They come with their
// events and inputs. Nothing is written if nothing is due.
func (s *Store) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]journal.Run, error) {
	due, err := s.queries.get(ctx, `select id from run where wake <= ? limit 1`, []any{nanos(now)}, new(int64))
	if err != nil || !due || limit <= 0 {
		return nil, wrap(err, "claim runs")
	}
	var leases []journal.Lease
	err = s.perform(ctx, func(t *tx) error {
		var err error
		leases, err = t.claim(nanos(now), nanos(now.Add(lease)), limit)
		return err
	})
	if err != nil {
		return nil, wrap(err, "claim runs")
	}
	// The leases are taken: their runs are loaded even if ctx has ended since.
	return s.claimed(context.WithoutCancel(ctx), leases)
}

// claimed returns the runs of the leases.
func (s *Store) claimed(ctx context.Context, leases []journal.Lease) ([]journal.Run, error) {
	ids := make([]int64, len(leases))
	for i, l := range leases {
		ids[i] = l.Run
	}
	loaded, err := s.load(ctx, ids...)
	if err != nil {
		return nil, wrap(err, "load claimed runs")
	}
	runs := make([]journal.Run, 0, len(leases))
	for _, l := range leases {
		r, ok := loaded[l.Run]
		if !ok {
			continue // cancelled and pruned in this moment
		}
		r.Status, r.Epoch = journal.Running, l.Epoch
		runs = append(runs, r)
	}
	return runs, nil
}

// claim marks the runs that are due as running until the given time.
func (t *tx) claim(now, until int64, limit int) ([]journal.Lease, error) {
	var leases []journal.Lease
	var runs []standing
	err := t.each(`select `+standingColumns+` from run where wake <= ? order by wake, id limit ?`, []any{now, limit},
		func(rows *sql.Rows) error {
			var r standing
			runs = append(runs, r)
			return rows.Scan(runs[len(runs)-1].dest()...)
		})
	if err != nil {
		return nil, err
	}
	for i := range runs {
		r := &runs[i]
		t.move(r.flow, journal.Status(r.status), journal.Running)
		leases = append(leases, journal.Lease{Run: r.id, Epoch: r.epoch + 1})
		if err := t.exec(`update run set status = 'running', reason = '', epoch = epoch + 1, started = 1, nudged = 0, wake = ? where id = ?`,
			until, r.id); err != nil {
			return nil, err
		}
	}
	return leases, nil
}

// NextDue returns the time at which Claim finds something if nothing else
// happens before, and false if it would never.
func (s *Store) NextDue(ctx context.Context) (time.Time, bool, error) {
	var wake int64
	found, err := s.queries.get(ctx, `select wake from run where wake is not null order by wake limit 1`, nil, &wake)
	if err != nil || !found {
		return time.Time{}, false, wrap(err, "look for the next due run")
	}
	return time.Unix(0, wake).UTC(), true, nil
}

// Extend prolongs leases. It returns the runs whose lease is lost, which their
// workers must leave alone from now on.
func (s *Store) Extend(ctx context.Context, leases []journal.Lease, until time.Time) ([]int64, error) {
	if len(leases) == 0 {
		return nil, nil
	}
	var lost []int64
	err := s.perform(ctx, func(t *tx) error {
		lost = nil
		for _, l := range leases {
			n, err := t.change(`update run set wake = ? where id = ? and epoch = ? and status = 'running'`,
				nanos(until), l.Run, l.Epoch)
			if err != nil {
				return err
			}
			if n == 0 {
				lost = append(lost, l.Run)
			}
		}
		return nil
	})
	if err != nil {
		return nil, wrap(err, "prolong leases")
	}
	return lost, nil
}
