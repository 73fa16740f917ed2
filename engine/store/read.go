package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
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
	runs, err := s.load(ctx, id)
	if err != nil {
		return journal.Run{}, fmt.Errorf("load a run: %w", err)
	}
	r, ok := runs[id]
	if !ok {
		return journal.Run{}, fmt.Errorf("load run %d: %w", id, journal.ErrNoRun)
	}
	return r, nil
}

// Runs returns the runs the filter chooses, the newest first, without their
// events, inputs and outputs.
func (s *Store) Runs(ctx context.Context, f journal.Filter) ([]journal.Run, error) {
	text, args := listing(f)
	var runs []journal.Run
	err := s.queries.each(ctx, text, args, func(rows *sql.Rows) error {
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
	if !f.Until.IsZero() {
		where, args = append(where, "created < ?"), append(args, nanos(f.Until))
	}
	if f.After > 0 {
		where, args = append(where, "id > ?"), append(args, f.After)
	}
	from, flow, status := "run", "flow = ?", "status = ?"
	if f.Undone {
		from, flow, status = "run indexed by run_undone", "+flow = ?", "+status = ?"
		where = append(where, "dismissed = 0 and status in ('failed', 'partly_failed')") // its condition
	}
	if f.Connection != "" {
		// The condition of the index run_connection, and signs that keep SQLite
		// from preferring another.
		where, args = append(where, "connection = ?", "connection <> ''"), append(args, f.Connection)
		flow, status = "+flow = ?", "+status = ?"
	}
	if f.Status != "" {
		where, args = append(where, status), append(args, string(f.Status))
	}
	if f.Status != "" && f.Status != journal.Succeeded && f.Connection == "" && !f.Undone {
		// The condition of the index run_status, in its own words: SQLite uses
		// it then, and the plus sign keeps it from preferring run_flow.
		where = append(where, "status <> 'succeeded'")
		flow = "+flow = ?"
	}
	if f.Flow != "" {
		where, args = append(where, flow), append(args, f.Flow)
	}
	if !f.Since.IsZero() {
		where, args = append(where, "created >= ?"), append(args, nanos(f.Since))
	}
	text := "select " + runColumns + " from " + from
	if len(where) > 0 {
		text += " where " + strings.Join(where, " and ")
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	order := " order by id desc limit ?"
	if f.Oldest {
		order = " order by id limit ?"
	}
	return text + order, append(args, limit)
}

// Counts returns, for each flow, how many of its runs are in each status;
// statuses without runs are left out.
func (s *Store) Counts(ctx context.Context) (map[string]map[journal.Status]int, error) {
	counts := map[string]map[journal.Status]int{}
	err := s.queries.each(ctx, `select flow, status, runs from tally where runs <> 0`, nil, func(rows *sql.Rows) error {
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
	return s.events(ctx, run, appendID(run+1, 0))
}

// events returns the journal of a run up to the append with this key.
func (s *Store) events(ctx context.Context, run, end int64) ([]journal.Event, error) {
	var events []journal.Event
	from := appendID(run, 0)
	err := s.queries.each(ctx, `select body from event where id >= ? and id < ? order by id`, []any{from, end}, func(rows *sql.Rows) error {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		for line := range bytes.Lines(body) {
			e, err := journal.Decode(line)
			if err != nil {
				return err
			}
			events = append(events, e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the journal of run %d: %w", run, err)
	}
	return events, nil
}

// load returns runs with their payloads; those that do not exist are left out.
func (s *Store) load(ctx context.Context, ids ...int64) (map[int64]journal.Run, error) {
	const text = `select ` + runColumns + `,
		(select body from payload where payload.id = run.event),
		(select body from payload where payload.id = run.inputs),
		(select body from payload where payload.id = run.output)
		from run where id in (select value from json_each(?))`
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	runs := make(map[int64]journal.Run, len(ids))
	err = s.queries.each(ctx, text, []any{string(list)}, func(rows *sql.Rows) error {
		r, err := scanWhole(rows)
		if err != nil {
			return fmt.Errorf("run %d: %w", r.ID, err)
		}
		runs[r.ID] = r
		return nil
	})
	return runs, err
}

// scanWhole reads a row of runColumns with the event, the inputs and the output.
func scanWhole(rows *sql.Rows) (journal.Run, error) {
	var event, inputs, output []byte
	r, err := scanRun(rows, &event, &inputs, &output)
	if err != nil {
		return r, err
	}
	if r.Event, err = decodeOptional(event); err != nil {
		return r, fmt.Errorf("its event: %w", err)
	}
	if r.Output, err = decodeOptional(output); err != nil {
		return r, fmt.Errorf("its output: %w", err)
	}
	in, err := decodeOptional(inputs)
	if err != nil {
		return r, fmt.Errorf("its inputs: %w", err)
	}
	r.Inputs, _ = in.(map[string]any)
	return r, nil
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

// appendID returns the key of the nth append to a run.
func appendID(run int64, n int) int64 { return run<<appendBits | int64(n) }

const (
	appendBits  = 24
	appendLimit = 1 << appendBits // appends to one run
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
