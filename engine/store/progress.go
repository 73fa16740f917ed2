package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"patchbay/engine/journal"
)

// standing is where a run stands, as the one who changes it has to know.
type standing struct {
	id, epoch, parent, created, ended, due int64

	flow, connection, status, queue string

	appended int // rows of its journal
	nudged   bool
	output   sql.NullInt64
}

const standingColumns = `id, epoch, parent, created, ended, due, flow, connection, status, queue, appended, nudged, output`

func (r *standing) dest() []any {
	return []any{&r.id, &r.epoch, &r.parent, &r.created, &r.ended, &r.due, &r.flow, &r.connection, &r.status, &r.queue, &r.appended, &r.nudged, &r.output}
}

// standing returns where the run stands, or [journal.ErrNoRun].
func (t *tx) standing(id int64) (standing, error) {
	var r standing
	found, err := t.get(`select `+standingColumns+` from run where id = ?`, []any{id}, r.dest()...)
	if err == nil && !found {
		err = journal.ErrNoRun
	}
	return r, err
}

// Append writes what a worker did with a run it holds: the events, and what
// the run is now. It fails with [journal.ErrStaleEpoch], and writes nothing, if
// the lease of that epoch is not the run's any more.
//
// A run that waits without a due time waits until a run it called ends.
func (s *Store) Append(ctx context.Context, p journal.Progress) error {
	c, err := newChange(p)
	if err == nil {
		err = s.perform(ctx, func(t *tx) error {
			r, err := t.standing(p.Run)
			if err != nil {
				return err
			}
			if r.epoch != p.Epoch || r.status != string(journal.Running) {
				return journal.ErrStaleEpoch
			}
			pauses, err := t.pauses(&r, p)
			if err == nil {
				err = t.keepWaits(&r, p)
			}
			if err == nil {
				err = t.apply(&r, c)
			}
			if err == nil && pauses {
				err = t.fail(&r)
			}
			return err
		})
	}
	return wrap(err, "append to run %d", p.Run)
}

// Cancel ends a run that has not ended. A worker that holds it loses its lease.
func (s *Store) Cancel(ctx context.Context, id int64) error {
	err := s.perform(ctx, func(t *tx) error { return t.breakOff(id, journal.Cancelled, "") })
	return wrap(err, "cancel run %d", id)
}

// breakOff brings a run to an end that it did not come to by itself. A worker that
// holds it loses its lease.
func (t *tx) breakOff(id int64, status journal.Status, reason string) error {
	c, err := newChange(journal.Progress{
		Status: status, Reason: reason,
		Events: []journal.Event{{At: time.Now().UTC(), Kind: journal.Ended, Status: status, Text: reason}},
	})
	if err != nil {
		return err
	}
	r, err := t.standing(id)
	if err != nil {
		return err
	}
	if r.ended != 0 {
		return journal.ErrEnded
	}
	if err := t.apply(&r, c); err != nil {
		return err
	}
	return t.exec(`update run set epoch = epoch + 1 where id = ?`, id)
}

// Reopen queues a run again that has ended, or whose outcome is unknown. The
// events say why: what a person answered, or what is tried once more.
func (s *Store) Reopen(ctx context.Context, id int64, events []journal.Event) error {
	c, err := newChange(journal.Progress{Status: journal.Queued, Events: events})
	if err == nil {
		err = s.perform(ctx, func(t *tx) error {
			r, err := t.standing(id)
			if err != nil {
				return err
			}
			if !reopens(journal.Status(r.status)) {
				return journal.ErrNotEnded
			}
			return t.reopen(&r, c, c.at)
		})
	}
	return wrap(err, "take up run %d again", id)
}

// Note adds to the journal of a run that does not go on by itself what a person
// did beside it. dismissed says that nobody has to do anything about its
// failures any more.
func (s *Store) Note(ctx context.Context, id int64, events []journal.Event, dismissed bool) error {
	c, err := newChange(journal.Progress{Status: journal.Queued, Events: events})
	if err == nil {
		err = s.perform(ctx, func(t *tx) error {
			r, err := t.standing(id)
			if err != nil {
				return err
			}
			if !reopens(journal.Status(r.status)) {
				return journal.ErrNotEnded
			}
			if err := t.write(&r, c.events); err != nil {
				return err
			}
			return t.exec(`update run set appended = ?, dismissed = ? where id = ?`, r.appended, dismissed, id)
		})
	}
	return wrap(err, "note something in run %d", id)
}

// Pin gives a run that Reopen may queue again another definition.
func (s *Store) Pin(ctx context.Context, id int64, hash string) error {
	err := s.perform(ctx, func(t *tx) error {
		r, err := t.standing(id)
		if err != nil {
			return err
		}
		if !reopens(journal.Status(r.status)) {
			return journal.ErrNotEnded
		}
		return t.exec(`update run set definition = ? where id = ?`, hash, id)
	})
	return wrap(err, "pin run %d", id)
}

func reopens(s journal.Status) bool { return s.HasEnded() || s == journal.OutcomeUnknown }

// change is a progress with its texts written.
type change struct {
	events string // one a line
	status journal.Status
	reason string
	output string // "" for none
	due    int64
	at     int64 // when it happened

	dismissed bool
}

func newChange(p journal.Progress) (*change, error) {
	if !slices.Contains(statuses(), p.Status) {
		return nil, fmt.Errorf("there is no status %q", p.Status)
	}
	c := &change{status: p.Status, reason: p.Reason, due: nanos(p.Due), dismissed: p.Dismissed}
	at := time.Now()
	var lines []byte
	for i := range p.Events {
		text, err := journal.Encode(p.Events[i])
		if err != nil {
			return nil, err
		}
		lines = append(append(lines, text...), '\n')
		if !p.Events[i].At.IsZero() {
			at = p.Events[i].At
		}
	}
	c.at, c.events = nanos(at), string(lines)
	if p.Output == nil {
		return c, nil
	}
	var err error
	c.output, err = encode(p.Output)
	return c, err
}

// apply writes the change of a run that has not ended.
func (t *tx) apply(r *standing, c *change) error {
	if err := t.write(r, c.events); err != nil {
		return err
	}
	t.move(r.flow, journal.Status(r.status), c.status)
	switch {
	case c.status.HasEnded():
		return t.end(r, c)
	case c.status == journal.Running:
		return t.exec(`update run set appended = ? where id = ?`, r.appended, r.id)
	case c.status == journal.OutcomeUnknown:
		return t.exec(`update run set appended = ?, status = ?, reason = ?, wake = null where id = ?`,
			r.appended, string(c.status), c.reason, r.id)
	default: // waiting, or given back to the queue
		return t.pause(r, c)
	}
}

// write appends events to the journal of the run.
func (t *tx) write(r *standing, events string) error {
	if events == "" {
		return nil
	}
	if r.appended == appendLimit {
		return fmt.Errorf("its journal was written %d times, which is the limit", appendLimit)
	}
	r.appended++
	return t.exec(`insert into event (id, body) values (?, ?)`, appendID(r.id, r.appended-1), events)
}

// pause gives the lease back until the run is due.
func (t *tx) pause(r *standing, c *change) error {
	wake := sql.NullInt64{Int64: c.due, Valid: c.due != 0 || c.status == journal.Queued}
	if r.nudged {
		// What it waits for happened while it was on its way to wait for it.
		wake = sql.NullInt64{Int64: c.at, Valid: true}
	}
	t.expect(r.flow, r.connection, wake)
	return t.exec(`update run set appended = ?, status = ?, reason = ?, due = ?, nudged = 0, wake = ? where id = ?`,
		r.appended, string(c.status), c.reason, c.due, wake, r.id)
}

// end ends the run, lets the next one of its queue go and wakes the one that
// called it.
func (t *tx) end(r *standing, c *change) error {
	var output sql.NullInt64
	if c.output != "" {
		id, err := t.insert(`insert into payload (uses, body) values (1, ?)`, c.output)
		if err != nil {
			return err
		}
		output = sql.NullInt64{Int64: id, Valid: true}
	}
	err := t.exec(`update run set appended = ?, status = ?, reason = ?, output = ?, due = 0, ended = ?, started = 1, wake = null, dismissed = ?
		where id = ?`, r.appended, string(c.status), c.reason, output, c.at, c.dismissed, r.id)
	if err == nil {
		err = t.leaveWaits(r.id)
	}
	if err == nil && c.status.HasFailed() {
		err = t.fail(r)
	}
	if err == nil && r.queue != "" {
		err = t.advance(r)
	}
	if err == nil && r.parent != 0 {
		err = t.nudge(r.parent, c.at)
	}
	return err
}

// advance lets the first queued run of the queue go, unless another one is
// under way.
func (t *tx) advance(r *standing) error {
	busy, err := t.underWay(r)
	if err != nil || busy {
		return err
	}
	return t.wake(`update run set wake = due where wake is null and id =
		(select min(id) from run where flow = ? and queue = ? and queue <> '' and ended = 0 and started = 0)`, r.flow, r.queue)
}

// underWay reports whether another run of the same queue was begun and has not ended.
func (t *tx) underWay(r *standing) (bool, error) {
	return t.get(`select id from run where flow = ? and queue = ? and queue <> '' and ended = 0 and started = 1 and id <> ? limit 1`,
		[]any{r.flow, r.queue, r.id}, new(int64))
}

// nudge makes a run that waits due at once. If it is running it may have looked
// before that for which it waits, and will be due when it waits.
func (t *tx) nudge(run, at int64) error {
	if err := t.wake(`update run set due = ?, wake = ? where id = ? and status = 'waiting'`, at, at, run); err != nil {
		return err
	}
	return t.exec(`update run set nudged = 1 where id = ? and status = 'running'`, run)
}

// reopen queues the run again, at its old place of its queue, not to be claimed
// before it is due.
func (t *tx) reopen(r *standing, c *change, due int64) error {
	if err := t.write(r, c.events); err != nil {
		return err
	}
	wake, err := t.place(r, due)
	if err != nil {
		return err
	}
	if err := t.release(r.output); err != nil {
		return err
	}
	t.move(r.flow, journal.Status(r.status), journal.Queued)
	t.expect(r.flow, r.connection, wake)
	return t.exec(`update run set appended = ?, status = 'queued', reason = '', output = null, due = ?, ended = 0, started = 0,
		nudged = 0, dismissed = 0, wake = ? where id = ?`, r.appended, due, wake, r.id)
}

// place returns when a run that comes back to its queue may be claimed, and
// holds up the one that stood first if that is a later one.
func (t *tx) place(r *standing, at int64) (sql.NullInt64, error) {
	wake := sql.NullInt64{Int64: at, Valid: true}
	if r.queue == "" {
		return wake, nil
	}
	busy, err := t.underWay(r)
	if err != nil || busy {
		return sql.NullInt64{}, err
	}
	var first int64
	found, err := t.get(`select id from run where flow = ? and queue = ? and queue <> '' and ended = 0 and started = 0
		order by id limit 1`, []any{r.flow, r.queue}, &first)
	if err != nil || !found {
		return wake, err
	}
	if first < r.id {
		return sql.NullInt64{}, nil
	}
	return wake, t.exec(`update run set wake = null where id = ?`, first)
}
