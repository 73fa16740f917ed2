package enginetest_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// inStore looks into the data folder of an engine that has stopped.
func inStore(t *testing.T, dir string, look func(*store.Store) error) {
	t.Helper()
	s, err := store.Open(t.Context(), options(dir, t.Output()).DataDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(look(s), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// everyRun looks at every run in the data folder of an engine that has stopped.
func everyRun(t *testing.T, dir string, look func(*store.Store, journal.Run) error) {
	t.Helper()
	inStore(t, dir, func(s *store.Store) error {
		for before := int64(0); ; {
			page, err := s.Runs(t.Context(), journal.Filter{Limit: 500, Before: before})
			if err != nil || len(page) == 0 {
				return err
			}
			for _, r := range page {
				before = r.ID
				if err := look(s, r); err != nil {
					return err
				}
			}
		}
	})
}

// openDatabase opens the database of a data folder, past its store.
func openDatabase(t *testing.T, data string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, "patchbay.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
