package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"patchbay/engine/journal"
)

// pruneBatch is how many runs one transaction removes: others wait behind it.
const pruneBatch = 100

// Prune removes ended runs with their journals and payloads and returns how
// many: those that ended before the given time and, where keep is not 0, of
// the others the oldest until keep are left. Their events stay marked as seen.
func (s *Store) Prune(ctx context.Context, before time.Time, keep int) (int, error) {
	removed, err := s.pruneBefore(ctx, nanos(before), math.MaxInt)
	if err != nil || keep <= 0 {
		return removed, wrap(err, "prune runs")
	}
	excess, err := s.ended(ctx)
	if excess -= keep; err != nil || excess <= 0 {
		return removed, wrap(err, "prune runs")
	}
	n, err := s.pruneBefore(ctx, math.MaxInt64, excess)
	return removed + n, wrap(err, "prune runs")
}

// pruneBefore removes at most limit runs, the oldest first, that ended before
// the given time.
func (s *Store) pruneBefore(ctx context.Context, before int64, limit int) (int, error) {
	removed := 0
	last := int64(0)
	for removed < limit {
		ids, err := s.prunable(ctx, last, before, min(pruneBatch, limit-removed))
		if err != nil || len(ids) == 0 {
			return removed, err
		}
		last = ids[len(ids)-1]
		n := 0
		err = s.perform(ctx, func(t *tx) error {
			n = 0
			for _, id := range ids {
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

// prunable returns the next runs behind last that ended before the given time.
// It looks no further than the first run that began after it.
func (s *Store) prunable(ctx context.Context, last, before int64, limit int) ([]int64, error) {
	var ids []int64
	enough := errors.New("enough")
	err := s.queries.each(ctx, `select id, created, ended from run where id > ? order by id`, []any{last}, func(rows *sql.Rows) error {
		var id, created, ended int64
		if err := rows.Scan(&id, &created, &ended); err != nil {
			return err
		}
		if ended != 0 && ended < before {
			ids = append(ids, id)
		}
		if created >= before || len(ids) == limit {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return nil, err
	}
	return ids, nil
}

// ended returns how many runs have ended.
func (s *Store) ended(ctx context.Context) (int, error) {
	counts, err := s.Counts(ctx)
	total := 0
	for _, flow := range counts {
		for status, n := range flow {
			if status.HasEnded() {
				total += n
			}
		}
	}
	return total, err
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
