package store

import (
	"context"
	"database/sql"
	"fmt"

	"patchbay/engine/journal"
)

// rejectionsKept is how many rejections are kept: a flood of forged requests
// does not fill the disk.
const rejectionsKept = 1000

// Reject notes a webhook request that was turned away.
func (s *Store) Reject(ctx context.Context, r journal.Rejection) error {
	err := s.perform(ctx, func(t *tx) error {
		id, err := t.insert(`insert into rejection (at, address, status, reason) values (?, ?, ?, ?)`,
			nanos(r.At), r.Address, r.Status, r.Reason)
		if err != nil {
			return err
		}
		return t.exec(`delete from rejection where id <= ?`, id-rejectionsKept)
	})
	return wrap(err, "note a rejected request")
}

// Rejections returns up to limit requests that were turned away, the newest first.
func (s *Store) Rejections(ctx context.Context, limit int) ([]journal.Rejection, error) {
	var rejections []journal.Rejection
	err := s.queries.each(ctx, `select at, address, status, reason from rejection order by id desc limit ?`, []any{limit},
		func(rows *sql.Rows) error {
			var r journal.Rejection
			var at int64
			err := rows.Scan(&at, &r.Address, &r.Status, &r.Reason)
			r.At = fromNanos(at)
			rejections = append(rejections, r)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("list rejected requests: %w", err)
	}
	return rejections, nil
}
