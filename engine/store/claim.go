package store

import (
	"context"
	"database/sql"
	"time"

	"patchbay/engine/journal"
)

// Claim gives out up to limit runs whose time has come, each under a lease that
// lasts until now plus lease, as far as there is room for them; a nil room has
// room for all. Flows that have something due get one run each in turn, and
// within a flow the connections do; of those of one connection the longest due
// goes first. The runs come with their events and inputs. Nothing is written if
// nothing is due.
func (s *Store) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int, room journal.Room) ([]journal.Run, error) {
	if limit <= 0 || !s.lanes.due(nanos(now)) {
		return nil, nil
	}
	if room == nil {
		room = anyRoom{}
	}
	var c claiming
	err := s.perform(ctx, func(t *tx) error {
		c.giveBack() // what it took when it was tried before
		c = claiming{t: t, room: room, now: nanos(now), until: nanos(now.Add(lease)), ready: map[*lane][]standing{}}
		return c.claim(limit)
	})
	if err != nil {
		c.giveBack()
		return nil, wrap(err, "claim runs")
	}
	// The leases are taken: their runs are loaded even if ctx has ended since.
	return s.claimed(context.WithoutCancel(ctx), &c)
}

// anyRoom has room for all.
type anyRoom struct{}

func (anyRoom) Open(string) bool         { return true }
func (anyRoom) Take(string, string) bool { return true }
func (anyRoom) Free(string, string)      {}

// claimed returns the runs that were claimed.
func (s *Store) claimed(ctx context.Context, c *claiming) ([]journal.Run, error) {
	ids := make([]int64, len(c.taken))
	for i := range c.taken {
		ids[i] = c.taken[i].id
	}
	loaded, err := s.load(ctx, ids...)
	if err != nil {
		c.giveBack()
		return nil, wrap(err, "load claimed runs")
	}
	runs := make([]journal.Run, 0, len(ids))
	for i := range c.taken {
		taken := &c.taken[i]
		r, ok := loaded[taken.id]
		if !ok { // cancelled and pruned in this moment
			c.room.Free(taken.flow, taken.connection)
			continue
		}
		// The room is that of the names it was claimed under, whatever was
		// renamed since.
		r.Flow, r.Connection = taken.flow, taken.connection
		r.Status, r.Epoch = journal.Running, taken.epoch+1
		runs = append(runs, r)
	}
	return runs, nil
}

// claiming is one claim under way.
type claiming struct {
	t          *tx
	room       journal.Room
	now, until int64

	taken []standing           // as they were before
	ready map[*lane][]standing // read, and not taken yet
}

// giveBack frees the room of what was taken, and not written.
func (c *claiming) giveBack() {
	for i := range c.taken {
		c.room.Free(c.taken[i].flow, c.taken[i].connection)
	}
	c.taken = nil
}

func (c *claiming) claim(limit int) error {
	lanes := c.t.lanes
	lanes.promote(c.now)
	for len(c.taken) < limit {
		l := lanes.take(c.room)
		if l == nil {
			break
		}
		if len(c.ready[l]) == 0 {
			if err := c.read(l, limit-len(c.taken)); err != nil {
				return err
			}
		}
		if len(c.ready[l]) == 0 {
			c.room.Free(l.flow, l.connection)
			if err := c.settle(l); err != nil {
				return err
			}
			continue
		}
		r := c.ready[l][0]
		c.ready[l] = c.ready[l][1:]
		c.taken = append(c.taken, r)
		if err := c.t.begin(&r, c.until); err != nil {
			return err
		}
	}
	for l, rest := range c.ready {
		if len(rest) > 0 {
			continue // it keeps its turn
		}
		if err := c.settle(l); err != nil {
			return err
		}
	}
	return nil
}

// firstRead is how many runs of a lane are read at first: most lanes have few.
const firstRead = 4

// read reads what is due in a lane: the more the more was taken.
func (c *claiming) read(l *lane, most int) error {
	var runs []standing
	err := c.t.each(laneDue, []any{l.flow, l.connection, c.now, min(most, max(firstRead, len(c.taken)))}, func(rows *sql.Rows) error {
		runs = append(runs, standing{})
		return rows.Scan(runs[len(runs)-1].dest()...)
	})
	c.ready[l] = runs
	c.t.looked = append(c.t.looked, l)
	return err
}

// settle notes when the next run of a lane is due.
func (c *claiming) settle(l *lane) error {
	var wake int64
	more, err := c.t.get(laneNext, []any{l.flow, l.connection}, &wake)
	if err != nil {
		return err
	}
	delete(c.ready, l)
	c.t.lanes.settle(l, c.now, wake, more)
	return nil
}

// begin marks a run as running until the given time.
func (t *tx) begin(r *standing, until int64) error {
	t.move(r.flow, journal.Status(r.status), journal.Running)
	return t.exec(`update run set status = 'running', reason = '', epoch = epoch + 1, started = 1, nudged = 0, wake = ? where id = ?`,
		until, r.id)
}

// NextDue returns when Claim may find more than it does now, if nothing else
// happens before, and false if never: the first time at which runs become due
// that are not yet. It may be too early.
func (s *Store) NextDue(context.Context) (time.Time, bool, error) {
	wake, ok := s.lanes.next()
	if !ok {
		return time.Time{}, false, nil
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
