package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

// statuses lists every status in the order of a run's life.
func statuses() []journal.Status {
	return []journal.Status{
		journal.Queued, journal.Running, journal.WaitingStatus, journal.OutcomeUnknown,
		journal.Succeeded, journal.SkippedStatus, journal.PartlyFailed, journal.FailedStatus, journal.Cancelled,
	}
}

// runColumns are the columns scanRun reads.
const runColumns = `id, flow, definition, trigger, connection, event_id, parent, parent_path, created,
	status, reason, due, ended, epoch`

// RunByID returns a run with its event, inputs and output, or
// [journal.ErrNoRun].
func (s *Store) RunByID(ctx context.Context, id int64) (journal.Run, error) {
	r, err := s.load(ctx, id)
	if err != nil {
		return journal.Run{}, fmt.Errorf("load run %d: %w", id, err)
	}
	return r, nil
}

// Runs returns the runs the filter chooses, the newest first, without their
// events, inputs and outputs.
func (s *Store) Runs(ctx context.Context, f journal.Filter) ([]journal.Run, error) {
	text, args := listing(f)
	var runs []journal.Run
	err := s.each(ctx, text, args, func(rows *sql.Rows) error {
		r, err := scanRun(rows)
		runs = append(runs, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return runs, nil
}

// listing returns the query for a filter.
func listing(f journal.Filter) (string, []any) {
	var where []string
	var args []any
	if f.Before > 0 {
		where, args = append(where, "id < ?"), append(args, f.Before)
	}
	switch {
	case f.Status == journal.Succeeded || f.Status == "":
	default:
		// Said with the condition of the index run_status, so that SQLite uses it.
		where = append(where, "status <> 'succeeded'")
	}
	if f.Status != "" {
		where, args = append(where, "status = ?"), append(args, string(f.Status))
	}
	if f.Flow != "" {
		column := "flow"
		if f.Status != "" && f.Status != journal.Succeeded {
			column = "+flow" // keeps the index run_flow out: the other one is narrower
		}
		where, args = append(where, column+" = ?"), append(args, f.Flow)
	}
	text := "select " + runColumns + " from run"
	if len(where) > 0 {
		text += " where " + strings.Join(where, " and ")
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	return text + " order by id desc limit ?", append(args, limit)
}

// Counts returns, for each flow, how many of its runs are in each status;
// statuses without runs are left out.
func (s *Store) Counts(ctx context.Context) (map[string]map[journal.Status]int, error) {
	counts := map[string]map[journal.Status]int{}
	err := s.each(ctx, `select flow, status, runs from tally where runs <> 0`, nil, func(rows *sql.Rows) error {
		var flow, status string
		var n int
		if err := rows.Scan(&flow, &status, &n); err != nil {
			return err
		}
		if counts[flow] == nil {
			counts[flow] = map[journal.Status]int{}
		}
		counts[flow][journal.Status(status)] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count runs: %w", err)
	}
	return counts, nil
}

// Events returns the journal of a run in the order in which it was written; it
// is empty for a run nobody has taken up yet, or that does not exist.
func (s *Store) Events(ctx context.Context, run int64) ([]journal.Event, error) {
	var events []journal.Event
	from, to := eventID(run, 0), eventID(run+1, 0)
	err := s.each(ctx, `select body from event where id >= ? and id < ? order by id`, []any{from, to}, func(rows *sql.Rows) error {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		e, err := journal.Decode(body)
		events = append(events, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the journal of run %d: %w", run, err)
	}
	return events, nil
}

// load returns a run with its payloads.
func (s *Store) load(ctx context.Context, id int64) (journal.Run, error) {
	const text = `select ` + runColumns + `,
		(select body from payload where payload.id = run.event),
		(select body from payload where payload.id = run.inputs),
		(select body from payload where payload.id = run.output)
		from run where id = ?`
	var r journal.Run
	found := false
	err := s.each(ctx, text, []any{id}, func(rows *sql.Rows) error {
		found = true
		var event, inputs, output []byte
		var err error
		if r, err = scanRun(rows, &event, &inputs, &output); err != nil {
			return err
		}
		if r.Event, err = decodeOptional(event); err != nil {
			return fmt.Errorf("its event: %w", err)
		}
		if r.Output, err = decodeOptional(output); err != nil {
			return fmt.Errorf("its output: %w", err)
		}
		in, err := decodeOptional(inputs)
		if err != nil {
			return fmt.Errorf("its inputs: %w", err)
		}
		r.Inputs, _ = in.(map[string]any)
		return nil
	})
	if err == nil && !found {
		err = journal.ErrNoRun
	}
	return r, err
}

// scanRun reads a row of runColumns and what more was selected.
func scanRun(rows *sql.Rows, more ...any) (journal.Run, error) {
	var r journal.Run
	var status string
	var created, due, ended int64
	dest := []any{
		&r.ID, &r.Flow, &r.Definition, &r.Trigger, &r.Connection, &r.EventID, &r.Parent, &r.ParentPath, &created,
		&status, &r.Reason, &due, &ended, &r.Epoch,
	}
	if err := rows.Scan(append(dest, more...)...); err != nil {
		return journal.Run{}, err
	}
	r.Status = journal.Status(status)
	r.Created, r.Due, r.Ended = fromNanos(created), fromNanos(due), fromNanos(ended)
	return r, nil
}

// each calls scan for every row of a query whose text is one of few: it is
// kept prepared.
func (s *Store) each(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return drain(rows, scan)
}

// get reads the first row of a query into dest and reports whether there was one.
func (s *Store) get(ctx context.Context, text string, args []any, dest ...any) (bool, error) {
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return false, err
	}
	err = stmt.QueryRowContext(ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (s *Store) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt, ok := s.queries[text]; ok {
		return stmt, nil
	}
	stmt, err := s.read.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.queries[text] = stmt
	return stmt, nil
}

// eventID returns the key of the nth event of a run.
func eventID(run int64, n int) int64 { return run<<eventBits | int64(n) }

const (
	eventBits  = 24
	eventLimit = 1 << eventBits // events of one run
)

// encode writes a value as it is stored, in the one form in which equal values
// are equal texts.
func encode(v any) (string, error) {
	v, err := value.Normalize(v)
	if err != nil {
		return "", err
	}
	text, err := value.Encode(v)
	return string(text), err
}

func decodeOptional(text []byte) (any, error) {
	if text == nil {
		return nil, nil
	}
	return value.Decode(text)
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
