package store

import (
	"context"
	"database/sql"
	"fmt"

	"patchbay/engine/journal"
)

// Accounts returns the accounts that sign-ins serve or have served, sorted by
// connection and id.
func (s *Store) Accounts(ctx context.Context) ([]journal.Account, error) {
	var accounts []journal.Account
	err := s.queries.each(ctx, `select connection, id, name, seen, retired from account order by connection, id`, nil,
		func(rows *sql.Rows) error {
			var a journal.Account
			var seen, retired int64
			err := rows.Scan(&a.Connection, &a.ID, &a.Name, &seen, &retired)
			a.Seen, a.Retired = fromNanos(seen), fromNanos(retired)
			accounts = append(accounts, a)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return accounts, nil
}

// KeepAccounts writes accounts down, in place of what was known of them.
func (s *Store) KeepAccounts(ctx context.Context, accounts []journal.Account) error {
	err := s.perform(ctx, func(t *tx) error {
		for _, a := range accounts {
			err := t.exec(`insert into account (connection, id, name, seen, retired) values (?, ?, ?, ?, ?) on conflict do update
				set name = excluded.name, seen = excluded.seen, retired = excluded.retired`,
				a.Connection, a.ID, a.Name, nanos(a.Seen), nanos(a.Retired))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "keep %d accounts", len(accounts))
}
