package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"patchbay/engine/journal"
)

// batchLimit is how many ops one transaction takes at most.
const batchLimit = 512

// op is one write: do runs inside a transaction, maybe twice, and looks before
// it writes, so that an error of its own leaves nothing behind. done receives
// once the transaction is on disk.
type op struct {
	do   func(*tx) error
	done chan error
	err  error
}

// Run performs the writes until ctx ends and those handed over by then are on
// disk. It is called once, and returns nil; writes after its end fail with
// [journal.ErrUnavailable].
func (s *Store) Run(ctx context.Context) error {
	if s.started.Swap(true) {
		return errors.New("run the store: it runs already or has run")
	}
	defer close(s.stopped)
	for {
		select {
		case first := <-s.ops:
			s.commit(s.gather(first))
			continue
		default:
		}
		select {
		case first := <-s.ops:
			s.commit(s.gather(first))
		case <-ctx.Done():
			return nil
		}
	}
}

// perform hands an op to the goroutine of Run and waits until it is on disk.
func (s *Store) perform(ctx context.Context, do func(*tx) error) error {
	o := &op{do: do, done: make(chan error, 1)}
	select {
	case s.ops <- o:
		return <-o.done
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopped:
		return fmt.Errorf("%w: it has been stopped", journal.ErrUnavailable)
	}
}

// gather returns first and all ops that wait behind it.
func (s *Store) gather(first *op) []*op {
	batch := []*op{first}
	for len(batch) < batchLimit {
		select {
		case o := <-s.ops:
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// commit performs the batch and answers each op.
func (s *Store) commit(batch []*op) {
	err := s.tx.together(batch)
	if err != nil && len(batch) > 1 && !isUnavailable(err) {
		// One of them did what the database does not take. Alone, it is the
		// only one to hear about it.
		for _, o := range batch {
			s.answer([]*op{o}, s.tx.together([]*op{o}))
		}
		return
	}
	s.answer(batch, err)
}

// answer tells each op of the batch its own error, or err if there is one.
func (s *Store) answer(batch []*op, err error) {
	if err == nil && s.tx.claimable {
		signal(s.notify)
	}
	if err == nil && s.tx.failed {
		signal(s.failed)
	}
	if isUnavailable(err) {
		err = unavailable(err)
	}
	for _, o := range batch {
		if err != nil {
			o.err = err
		}
		o.done <- o.err
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // a signal is waiting already
	}
}

// isUnavailable reports whether err is about the disk or the file, so that any
// other write would meet it too.
func isUnavailable(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT,
		sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL:
		return true
	default:
		return false
	}
}

// isDamaged reports whether err says that the file is not what it should be.
func isDamaged(err error) bool {
	return code(err) == sqlite3.SQLITE_NOTADB || code(err) == sqlite3.SQLITE_CORRUPT
}

// isReadOnly reports whether err says that the file may be read only.
func isReadOnly(err error) bool { return code(err) == sqlite3.SQLITE_READONLY }

// code returns the primary result code of SQLite that err holds, 0 if none.
func code(err error) int {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return 0
	}
	return e.Code() & 0xff
}

// tx is the writing connection and the transaction under way on it.
type tx struct {
	ctx  context.Context //nolint:containedctx // never ends: a write is not broken off in the middle
	conn *sql.Conn

	statements statements // of conn

	lanes     *lanes
	lastRun   int64            // the highest id given to a run
	tally     map[tallyKey]int // what the transaction changed in the table tally
	claimable bool             // the transaction made a run claimable, or changed when
	failed    bool             // a run failed in the transaction
	looked    []*lane          // the transaction moved among the lanes
	broken    error            // what the database refused in this transaction
}

type tallyKey struct {
	flow   string
	status journal.Status
}

// perform runs one op in a transaction of its own.
func (t *tx) perform(do func(*tx) error) error {
	o := &op{do: do}
	if err := t.together([]*op{o}); err != nil {
		return err
	}
	return o.err
}

// together runs the ops in one transaction. An error means that nothing of
// them was written; an op that only refused its own work does not cause one.
func (t *tx) together(batch []*op) error {
	clear(t.tally)
	t.claimable, t.failed, t.looked, t.broken = false, false, nil, nil
	if err := t.exec(`begin immediate`); err != nil {
		return err
	}
	for _, o := range batch {
		if o.err = o.do(t); t.broken != nil {
			return t.rollback()
		}
	}
	t.writeTally()
	if t.broken != nil || t.exec(`commit`) != nil {
		return t.rollback()
	}
	return nil
}

// rollback undoes the transaction and returns what broke it.
func (t *tx) rollback() error {
	cause := t.broken
	t.broken = nil
	// An error here says that SQLite rolled back by itself, as it does when
	// the disk is full.
	_ = t.exec(`rollback`)
	for _, l := range t.looked {
		t.lanes.expect(l.flow, l.connection, 0)
	}
	return cause
}

// writeTally brings the table tally up to date.
func (t *tx) writeTally() {
	for k, n := range t.tally {
		if n == 0 {
			continue
		}
		if t.exec(`insert into tally (flow, status, runs) values (?, ?, ?)
			on conflict do update set runs = runs + excluded.runs`, k.flow, string(k.status), n) != nil {
			return
		}
	}
}

// move counts a run of the flow out of one status and into another; "" is none.
func (t *tx) move(flow string, from, to journal.Status) {
	if from != "" {
		t.tally[tallyKey{flow, from}]--
	}
	if to != "" {
		t.tally[tallyKey{flow, to}]++
	}
}

// exec runs a statement without rows.
func (t *tx) exec(text string, args ...any) error {
	_, err := t.result(text, args...)
	return err
}

// result runs a statement and returns how many rows it changed and the id of
// the last row it inserted.
func (t *tx) result(text string, args ...any) (sql.Result, error) {
	r, err := t.statements.exec(t.ctx, text, args)
	return r, t.note(err)
}

// insert runs an insert and returns the id of the row.
func (t *tx) insert(text string, args ...any) (int64, error) {
	r, err := t.result(text, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// change runs a statement and returns how many rows it changed.
func (t *tx) change(text string, args ...any) (int64, error) {
	r, err := t.result(text, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// get reads the first row into dest and reports whether there was one.
func (t *tx) get(text string, args []any, dest ...any) (bool, error) {
	found, err := t.statements.get(t.ctx, text, args, dest...)
	return found, t.note(err)
}

// each calls scan for every row.
func (t *tx) each(text string, args []any, scan func(*sql.Rows) error) error {
	return t.note(t.statements.each(t.ctx, text, args, scan))
}

// note remembers that the database refused something: what the transaction
// did so far cannot be kept.
func (t *tx) note(err error) error {
	if err != nil {
		t.broken = err
	}
	return err
}
