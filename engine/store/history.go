package store

import (
	"context"
	"database/sql"
	"time"

	"patchbay/engine/journal"
)

// history counts the runs that a trigger started: since one time, since an
// earlier one, and when the first of those was accepted. Runs have their ids in
// the order in which they were accepted, so the older ones are not read.
const history = `select flow, trigger, sum(created >= ?), count(*), min(created) from run
	where id >= coalesce((select id from run where created >= ? order by id limit 1), 9223372036854775807)
	group by flow, trigger order by flow, trigger`

// History counts the runs that each trigger has started since two times, of
// which earlier is the first one.
func (s *Store) History(ctx context.Context, since, earlier time.Time) ([]journal.Started, error) {
	var all []journal.Started
	err := s.queries.each(ctx, history, []any{nanos(since), nanos(earlier)}, func(rows *sql.Rows) error {
		var st journal.Started
		var first int64
		err := rows.Scan(&st.Flow, &st.Trigger, &st.Late, &st.All, &first)
		st.First = fromNanos(first)
		all = append(all, st)
		return err
	})
	return all, wrap(err, "count the runs of each trigger")
}
