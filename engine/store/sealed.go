package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Sealed returns what the vault keeps under a kind ("secret", "token") and a
// name, and false if there is nothing.
func (s *Store) Sealed(ctx context.Context, kind, name string) ([]byte, bool, error) {
	var data []byte
	found, err := s.queries.get(ctx, `select body from sealed where kind = ? and name = ?`, []any{kind, name}, &data)
	return data, found, wrap(err, "load the %s %s", kind, name)
}

// PutSealed keeps data, which the vault has sealed: the store never sees what
// it says. What was there before is replaced.
func (s *Store) PutSealed(ctx context.Context, kind, name string, data []byte) error {
	err := s.perform(ctx, func(t *tx) error {
		return t.exec(`insert into sealed (kind, name, body) values (?, ?, ?) on conflict do update set body = excluded.body`,
			kind, name, blob(data))
	})
	return wrap(err, "keep the %s %s", kind, name)
}

// DeleteSealed removes what is kept under the kind and the name, if anything.
func (s *Store) DeleteSealed(ctx context.Context, kind, name string) error {
	err := s.perform(ctx, func(t *tx) error {
		return t.exec(`delete from sealed where kind = ? and name = ?`, kind, name)
	})
	return wrap(err, "delete the %s %s", kind, name)
}

// SealedNames returns the names of a kind, sorted.
func (s *Store) SealedNames(ctx context.Context, kind string) ([]string, error) {
	names, err := s.names(ctx, `select name from sealed where kind = ? order by name`, kind)
	if err != nil {
		return nil, fmt.Errorf("list the names of kind %s: %w", kind, err)
	}
	return names, nil
}

// names returns the one column of text a query selects.
func (s *Store) names(ctx context.Context, text string, args ...any) ([]string, error) {
	var names []string
	err := s.queries.each(ctx, text, args, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}
