package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// statements runs SQL on a connection, or on a pool of them, and keeps every
// text prepared: there are few, and none is made from what a user wrote.
type statements struct {
	on interface {
		PrepareContext(ctx context.Context, text string) (*sql.Stmt, error)
	}

	mu   sync.Mutex
	kept map[string]*sql.Stmt
}

// exec runs a statement without rows.
func (s *statements) exec(ctx context.Context, text string, args []any) (sql.Result, error) {
	stmt, err := s.prepared(ctx, text) //nolint:sqlclosecheck // kept until close
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// get reads the first row into dest and reports whether there was one.
func (s *statements) get(ctx context.Context, text string, args []any, dest ...any) (bool, error) {
	stmt, err := s.prepared(ctx, text) //nolint:sqlclosecheck // kept until close
	if err != nil {
		return false, err
	}
	err = stmt.QueryRowContext(ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each calls scan for every row, until it returns an error.
func (s *statements) each(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	stmt, err := s.prepared(ctx, text) //nolint:sqlclosecheck // kept until close
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *statements) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt, ok := s.kept[text]; ok {
		return stmt, nil
	}
	stmt, err := s.on.PrepareContext(ctx, text) //nolint:sqlclosecheck // kept until close
	if err != nil {
		return nil, err
	}
	if s.kept == nil {
		s.kept = map[string]*sql.Stmt{}
	}
	s.kept[text] = stmt
	return stmt, nil
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.kept {
		errs = append(errs, stmt.Close())
	}
	s.kept = nil
	return errors.Join(errs...)
}
