package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"patchbay/engine/journal"
)

// openQuiet opens a store whose Run is not called: the test commits by itself.
func openQuiet(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// put returns an op that writes a row into meta.
func put(name string) *op {
	return &op{done: make(chan error, 1), do: func(t *tx) error {
		return t.exec(`insert into meta (name, value) values (?, '')`, name)
	}}
}

func metaNames(t *testing.T, s *Store) string {
	t.Helper()
	names, err := s.names(t.Context(), `select name from meta where name not in ('world', 'identity') order by name`)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// TestErrorsStayAlone puts ops that fail between others into one transaction.
func TestErrorsStayAlone(t *testing.T) {
	s := openQuiet(t)
	refused := errors.New("refused")
	tests := []struct {
		name string
		bad  func(*tx) error
		want string
	}{
		{"a refusal", func(*tx) error { return refused }, "refused"},
		{
			"a constraint, after a write that worked",
			func(t *tx) error {
				if err := t.exec(`insert into meta (name, value) values ('never', '')`); err != nil {
					return err
				}
				return t.exec(`insert into meta (name, value) values ('world', '')`)
			},
			"constraint failed: UNIQUE constraint failed: meta.name (1555)",
		},
		{"no statement", func(t *tx) error { return t.exec(`insert into nowhere values (1)`) }, "SQL logic error: no such table: nowhere (1)"},
		{
			"an error that was passed over",
			func(t *tx) error { _ = t.exec(`insert into nowhere values (1)`); return nil },
			"SQL logic error: no such table: nowhere (1)",
		},
	}
	want := ""
	for n, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, after := put(fmt.Sprintf("%d-before", n)), put(fmt.Sprintf("%d-after", n))
			bad := &op{do: test.bad, done: make(chan error, 1)}
			s.commit([]*op{before, bad, after})
			for _, o := range []*op{before, after} {
				if err := <-o.done; err != nil {
					t.Errorf("an op beside: %v", err)
				}
			}
			if err := <-bad.done; err == nil || err.Error() != test.want || errors.Is(err, journal.ErrUnavailable) {
				t.Errorf("the bad op: %v, want %s", err, test.want)
			}
			want = strings.TrimSpace(fmt.Sprintf("%s %d-after %d-before", want, n, n))
			if got := metaNames(t, s); got != want {
				t.Errorf("written: %s, want %s", got, want)
			}
		})
	}
}

// TestUnavailable lets the disk fill up, and somebody else lock the database.
func TestUnavailable(t *testing.T) {
	s := openQuiet(t)
	tell := func(text string) {
		t.Helper()
		if _, err := s.tx.conn.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	big := func() *op {
		return &op{done: make(chan error, 1), do: func(t *tx) error {
			return t.exec(`insert into meta (name, value) values ('big', ?)`, strings.Repeat("x", 1<<20))
		}}
	}
	commit := func(ops ...*op) []error {
		s.commit(ops)
		var errs []error
		for _, o := range ops {
			errs = append(errs, <-o.done)
		}
		return errs
	}

	tell(`pragma max_page_count = 100`)
	for _, err := range commit(put("a"), big(), put("b")) {
		want := "the store cannot write now: database or disk is full (13)"
		if !errors.Is(err, journal.ErrUnavailable) || err.Error() != want {
			t.Errorf("on a full disk: %v, want %s", err, want)
		}
	}
	tell(`pragma max_page_count = 1000000`)
	for _, err := range commit(put("a"), put("b")) {
		if err != nil {
			t.Errorf("with room again: %v", err)
		}
	}

	tell(`pragma busy_timeout = 1`)
	other, err := sql.Open("sqlite", filepath.Join(s.dir, "patchbay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	lock, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lock.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := lock.ExecContext(t.Context(), `begin immediate`); err != nil {
		t.Fatal(err)
	}
	for _, err := range commit(put("c"), put("d")) {
		want := "the store cannot write now: database is locked (5) (SQLITE_BUSY)"
		if !errors.Is(err, journal.ErrUnavailable) || err.Error() != want {
			t.Errorf("of a locked database: %v, want %s", err, want)
		}
	}
	if _, err := lock.ExecContext(t.Context(), `rollback`); err != nil {
		t.Fatal(err)
	}
	for _, err := range commit(put("c"), put("d")) {
		if err != nil {
			t.Errorf("of an unlocked database: %v", err)
		}
	}
	if got, want := metaNames(t, s), "a b c d"; got != want {
		t.Errorf("written: %s, want %s", got, want)
	}
}

// TestGroupCommit holds the writing goroutine up until many wait for it: they
// share one transaction.
func TestGroupCommit(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		const writers = 200
		hold := make(chan struct{})
		var writes sync.WaitGroup
		writes.Go(func() {
			if err := s.perform(ctx, func(*tx) error { <-hold; return nil }); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		together := 0 // the most rows a transaction saw that nobody else saw
		for n := range writers {
			writes.Go(func() {
				err := s.perform(ctx, func(tx *tx) error {
					var inside, outside int
					if err := tx.exec(`insert into meta (name, value) values (?, '')`, fmt.Sprint(n)); err != nil {
						return err
					}
					if _, err := tx.get(`select count(*) from meta`, nil, &inside); err != nil {
						return err
					}
					if err := s.read.QueryRowContext(context.Background(), `select count(*) from meta`).Scan(&outside); err != nil {
						return err
					}
					together = max(together, inside-outside)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(hold)
		writes.Wait()
		if together != writers {
			t.Errorf("%d ops shared a transaction, want all %d", together, writers)
		}
		cancel()
		all.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestRunEndsEmpty ends the context while many wait: their writes are performed.
func TestRunEndsEmpty(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		hold := make(chan struct{})
		for n := range batchLimit + 10 {
			all.Go(func() {
				err := s.perform(context.Background(), func(t *tx) error {
					<-hold
					return t.exec(`insert into meta (name, value) values (?, '')`, fmt.Sprint(n))
				})
				if err != nil {
					t.Errorf("write %d: %v", n, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		close(hold)
		all.Wait()
		if n := len(strings.Fields(metaNames(t, s))); n != batchLimit+10 {
			t.Errorf("%d rows were written, want %d", n, batchLimit+10)
		}
		if err := s.perform(context.Background(), func(*tx) error { return nil }); !errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("a write after the end: %v, want ErrUnavailable", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
