package store

import (
	"context"
	"database/sql"
	"fmt"

	"patchbay/engine/journal"
)

// failuresBehind reads the runs that failed behind a position.
const failuresBehind = `select ` + runColumns + `, position, upto, (select body from payload where payload.id = run.event)
	from failure join run on run.id = failure.run where position > ? order by position limit ?`

// FailedRuns returns up to limit runs that failed behind a position, in the
// order in which they did, with the events that started them. A run that was
// retried and failed again is there once more; one that was pruned is not.
func (s *Store) FailedRuns(ctx context.Context, behind int64, limit int) ([]journal.FailedRun, error) {
	var all []journal.FailedRun
	err := s.queries.each(ctx, failuresBehind, []any{behind, limit}, func(rows *sql.Rows) error {
		var f journal.FailedRun
		var event []byte
		var err error
		if f.Run, err = scanRun(rows, &f.Position, &f.Appends, &event); err != nil {
			return err
		}
		if f.Run.Event, err = decodeOptional(event); err != nil {
			return fmt.Errorf("the event of run %d: %w", f.Run.ID, err)
		}
		all = append(all, f)
		return nil
	})
	return all, wrap(err, "list failed runs")
}

// LastFailure returns the position of the newest failure there ever was, 0 if
// there was none.
func (s *Store) LastFailure(ctx context.Context) (int64, error) {
	var last int64
	_, err := s.queries.get(ctx, `select seq from sqlite_sequence where name = 'failure'`, nil, &last)
	return last, wrap(err, "find the last failure")
}

// EventsOf returns the journal of a failed run as it was when it failed.
func (s *Store) EventsOf(ctx context.Context, f journal.FailedRun) ([]journal.Event, error) {
	return s.events(ctx, f.Run.ID, appendID(f.Run.ID, f.Appends))
}

// fail writes down that the run failed, or that its flow is paused with it, with
// the journal it has now.
func (t *tx) fail(r *standing) error {
	t.failed = true
	return t.exec(`insert into failure (run, upto) values (?, ?)`, r.id, r.appended)
}
