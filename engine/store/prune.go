package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"patchbay/engine/journal"
)

// pruneBatch is how many runs one transaction removes: others wait behind it.
const pruneBatch = 100

// Retention says how much of the history is kept: of the runs that have ended.
// A limit of 0 keeps any number. The bytes of a run are those of its journal
// and of what started it and came of it; what several runs share counts for
// each in equal parts.
type Retention struct {
	Before    time.Time // what ended before is removed
	Runs      int       // in all
	FlowRuns  int       // of each flow
	Bytes     int64     // in all
	FlowBytes int64     // of each flow
	// Flows are those of which something else is kept than of each: what is
	// set there counts instead of Before, FlowRuns and FlowBytes.
	Flows map[string]FlowRetention
}

// FlowRetention says how much of the history of one flow is kept.
type FlowRetention struct {
	Before time.Time
	Runs   int
	Bytes  int64
}

// of returns how much is kept of a flow.
func (r *Retention) of(flow string) FlowRetention {
	own := r.Flows[flow]
	if own.Before.IsZero() {
		own.Before = r.Before
	}
	own.Runs, own.Bytes = cmp.Or(own.Runs, r.FlowRuns), cmp.Or(own.Bytes, r.FlowBytes)
	return own
}

// aboutBytes reports whether one of the limits is about sizes.
func (r *Retention) aboutBytes() bool {
	for _, own := range r.Flows {
		if own.Bytes > 0 {
			return true
		}
	}
	return r.Bytes > 0 || r.FlowBytes > 0
}

// Prune removes ended runs with their journals and payloads and returns how
// many: those that ended before the given time and, of each flow and then of
// all, the oldest until no limit is exceeded. Their events stay marked as seen.
// The space they took is given back to the disk.
func (s *Store) Prune(ctx context.Context, keep Retention) (int, error) {
	removed, err := s.pruneOld(ctx, keep)
	if err == nil {
		var beyond []int64
		if beyond, err = s.beyond(ctx, keep); err == nil {
			var n int
			n, err = s.pruneRuns(ctx, beyond)
			removed += n
		}
	}
	if err == nil && removed > 0 {
		err = s.giveBack(ctx)
	}
	return removed, wrap(err, "prune runs")
}

// pruneOld removes of each flow the runs that ended too long ago.
func (s *Store) pruneOld(ctx context.Context, keep Retention) (int, error) {
	counts, err := s.Counts(ctx)
	removed := 0
	for flow := range counts {
		before := keep.of(flow).Before
		if err != nil || before.IsZero() {
			continue
		}
		var n int
		n, err = s.pruneBefore(ctx, flow, nanos(before))
		removed += n
	}
	return removed, err
}

// pruneBefore removes the runs of a flow that ended before the given time.
func (s *Store) pruneBefore(ctx context.Context, flow string, before int64) (int, error) {
	removed := 0
	for last := int64(0); ; {
		ids, err := s.prunable(ctx, flow, last, before)
		if err != nil || len(ids) == 0 {
			return removed, err
		}
		last = ids[len(ids)-1]
		n, err := s.pruneRuns(ctx, ids)
		if removed += n; err != nil {
			return removed, err
		}
	}
}

// pruneRuns removes those of the runs that have ended.
func (s *Store) pruneRuns(ctx context.Context, ids []int64) (int, error) {
	removed := 0
	for batch := range slices.Chunk(ids, pruneBatch) {
		n := 0
		err := s.perform(ctx, func(t *tx) error {
			n = 0
			for _, id := range batch {
				gone, err := t.prune(id)
				if err != nil {
					return err
				}
				if gone {
					n++
				}
			}
			return nil
		})
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}

// amount is how much history there is of something, and may be.
type amount struct {
	runs  int
	bytes int64
	most  FlowRetention
}

// add counts one more run, and reports whether the limits still hold.
func (a *amount) add(bytes int64) bool {
	a.runs++
	a.bytes += bytes
	return (a.most.Runs == 0 || a.runs <= a.most.Runs) && (a.most.Bytes == 0 || a.bytes <= a.most.Bytes)
}

// beyond returns the ended runs that the limits do not keep, the oldest first.
// It reads sizes only where one of the limits is about them.
func (s *Store) beyond(ctx context.Context, keep Retention) ([]int64, error) {
	size := `0`
	if keep.aboutBytes() {
		size = runBytes
	} else if over, err := s.tooMany(ctx, keep); err != nil || !over {
		return nil, err
	}
	all := amount{most: FlowRetention{Runs: keep.Runs, Bytes: keep.Bytes}}
	flows := map[string]*amount{}
	var beyond []int64
	err := s.queries.each(ctx, `select id, flow, `+size+` from run where ended <> 0 order by id desc`, nil, func(rows *sql.Rows) error {
		var id, bytes int64
		var flow string
		if err := rows.Scan(&id, &flow, &bytes); err != nil {
			return err
		}
		of := flows[flow]
		if of == nil {
			of = &amount{most: keep.of(flow)}
			flows[flow] = of
		}
		if !of.add(bytes) || !all.add(bytes) {
			beyond = append(beyond, id)
		}
		return nil
	})
	slices.Reverse(beyond)
	return beyond, err
}

// runBytes is how much a run takes; 24 is appendBits.
const runBytes = `(select coalesce(sum(octet_length(body)), 0) from event where event.id >= run.id << 24 and event.id < (run.id + 1) << 24)
	+ (select coalesce(sum(octet_length(body) / uses), 0) from payload where payload.id in (run.event, run.inputs, run.output))`

// tooMany reports whether there are more ended runs than a limit on their
// number keeps.
func (s *Store) tooMany(ctx context.Context, keep Retention) (bool, error) {
	counts, err := s.Counts(ctx)
	total := 0
	for flow, by := range counts {
		of := 0
		for status, n := range by {
			if status.HasEnded() {
				of += n
			}
		}
		most := keep.of(flow).Runs
		if total += of; most > 0 && of > most {
			return true, err
		}
	}
	return keep.Runs > 0 && total > keep.Runs, err
}

// giveBackPages is how many pages one transaction gives back: others wait
// behind it.
const giveBackPages = 1000

// giveBack takes the pages that nothing is in out of the file, which becomes
// shorter with the next checkpoint.
func (s *Store) giveBack(ctx context.Context) error {
	for {
		var before, after int
		err := s.perform(ctx, func(t *tx) error {
			const free = `select freelist_count from pragma_freelist_count()`
			if _, err := t.get(free, nil, &before); err != nil || before == 0 {
				return err
			}
			if err := t.exec(fmt.Sprintf(`pragma incremental_vacuum(%d)`, giveBackPages)); err != nil {
				return err
			}
			_, err := t.get(free, nil, &after)
			return err
		})
		if err != nil || after == 0 || after >= before {
			return err
		}
	}
}

// flowRuns finds the runs of a flow behind one of them.
const flowRuns = `select id, created, ended from run where flow = ? and id > ? order by id`

// prunable returns the next runs of a flow behind last that ended before the
// given time. It looks no further than the first run that began after it.
func (s *Store) prunable(ctx context.Context, flow string, last, before int64) ([]int64, error) {
	var ids []int64
	enough := errors.New("enough")
	err := s.queries.each(ctx, flowRuns, []any{flow, last}, func(rows *sql.Rows) error {
		var id, created, ended int64
		if err := rows.Scan(&id, &created, &ended); err != nil {
			return err
		}
		if ended != 0 && ended < before {
			ids = append(ids, id)
		}
		if created >= before || len(ids) == pruneBatch {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return nil, err
	}
	return ids, nil
}

// prune removes one run if it has ended, and reports whether it had.
func (t *tx) prune(id int64) (bool, error) {
	var flow, status string
	var event int64
	var inputs, output sql.NullInt64
	found, err := t.get(`select flow, status, event, inputs, output from run where id = ? and ended <> 0`, []any{id},
		&flow, &status, &event, &inputs, &output)
	if err != nil || !found {
		return false, err
	}
	for _, payload := range []sql.NullInt64{{Int64: event, Valid: true}, inputs, output} {
		if err := t.release(payload); err != nil {
			return false, err
		}
	}
	t.move(flow, journal.Status(status), "")
	if err := t.exec(`delete from record_op where run = ?`, id); err != nil {
		return false, err
	}
	if err := t.exec(`delete from failure where run = ?`, id); err != nil {
		return false, err
	}
	if err := t.exec(`delete from event where id >= ? and id < ?`, appendID(id, 0), appendID(id+1, 0)); err != nil {
		return false, err
	}
	return true, t.exec(`delete from run where id = ?`, id)
}

// release gives up one use of a payload, and the payload with its last.
func (t *tx) release(payload sql.NullInt64) error {
	if !payload.Valid {
		return nil
	}
	if err := t.exec(`update payload set uses = uses - 1 where id = ?`, payload.Int64); err != nil {
		return err
	}
	return t.exec(`delete from payload where id = ? and uses <= 0`, payload.Int64)
}

// Stats is how much a store holds.
type Stats struct {
	Bytes    int64 // of the database and its log on disk
	Free     int64 // of them, bytes of pruned rows that new ones will take
	Runs     int   // ended or not
	Payloads int
}

// Stats returns how much the store holds.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	var st Stats
	for _, name := range []string{databaseFile, databaseFile + "-wal"} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return Stats{}, fmt.Errorf("measure the store: %w", err)
		}
		if err == nil {
			st.Bytes += info.Size()
		}
	}
	_, err := s.queries.get(ctx, `select
		(select freelist_count from pragma_freelist_count()) * (select page_size from pragma_page_size()),
		(select coalesce(sum(runs), 0) from tally),
		(select count(*) from payload)`, nil, &st.Free, &st.Runs, &st.Payloads)
	return st, wrap(err, "measure the store")
}
