package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// copied returns the file of a copy of a folder with 3 runs, of which one is
// running and one has ended.
func copied(t *testing.T) (file string, s *store.Store) {
	t.Helper()
	s = open(t, t.TempDir())
	ctx := t.Context()
	accept(t, s, arrival("f", "1"), arrival("f", "2"), arrival("g", "3"))
	runs := claim(t, s, start, 2)
	progress(t, s, runs[0], journal.Succeeded)
	for _, err := range []error{
		s.SaveDefinition(ctx, "d1", []byte("one"), "f", true),
		s.PutSealed(ctx, "token", "main", []byte("sealed")),
		s.PutSealed(ctx, "secret", "a", []byte("sealed")),
		s.PutSealed(ctx, "secret", "b", []byte("sealed")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	file = filepath.Join(t.TempDir(), "copy")
	if err := s.Copy(ctx, file, map[string]string{"made": "today"}); err != nil {
		t.Fatal(err)
	}
	return file, s
}

func TestCopyAndRestore(t *testing.T) {
	file, s := copied(t)
	ctx := t.Context()
	accept(t, s, arrival("f", "after"))
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %v, %v, want 0600", info.Mode().Perm(), err)
	}
	want := store.About{Format: 8, World: "live", Runs: 3, Open: 2, Flows: 1, Tokens: 1, Secrets: 2, Facts: map[string]string{"made": "today"}}
	about, err := store.Inspect(ctx, file)
	want.Bytes = about.Bytes
	if diff := cmp.Diff(want, about); diff != "" || err != nil || about.Bytes == 0 {
		t.Errorf("Inspect, %v (-want +got):\n%s", err, diff)
	}

	dir := filepath.Join(t.TempDir(), "data")
	restored, err := store.Restore(ctx, dir, file, store.Options{}, false, start)
	if diff := cmp.Diff(store.Restored{About: about}, restored); diff != "" || err != nil {
		t.Errorf("Restore, %v (-want +got):\n%s", err, diff)
	}
	again := open(t, dir)
	if again.Identity() != s.Identity() {
		t.Errorf("Identity() = %s after a restore, want %s", again.Identity(), s.Identity())
	}
	wantCounts(t, again)
	// What ran goes on, under the next epoch; what was acknowledged since is not there.
	if got := ids(claim(t, again, start, 5)); !cmp.Equal(got, []int64{3, 2}) {
		t.Errorf("Claim after a restore = %v, want run 3, which ran, and run 2", got)
	}
	// The number of the run that is forgotten is not given again.
	if got := accept(t, again, arrival("f", "after"))[0]; got.Duplicate || got.Run != 1_000_004 {
		t.Errorf("Accept after a restore = %+v, want run 1000004", got)
	}
	after, err := store.Inspect(ctx, filepath.Join(dir, "patchbay.db"))
	if len(after.Facts) > 0 || err != nil {
		t.Errorf("a restored database tells the facts %v, %v of a backup", after.Facts, err)
	}
}

func TestRestoreReplaces(t *testing.T) {
	file, _ := copied(t)
	ctx, dir := t.Context(), t.TempDir()
	s, stop := begin(t, dir)
	accept(t, s, arrival("f", "old"))
	_, err := store.Restore(ctx, dir, file, store.Options{}, true, start)
	if _, ok := errors.AsType[*store.LockedError](err); !ok {
		t.Errorf("Restore while the folder is open = %v, want a LockedError", err)
	}
	stop()
	if _, err := store.Restore(ctx, dir, file, store.Options{}, false, start); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("Restore over a database = %v, want %v", err, store.ErrNotEmpty)
	}
	restored, err := store.Restore(ctx, dir, file, store.Options{}, true, start)
	aside := filepath.Join(dir, "patchbay.db.before-restore-20260301-090000")
	if err != nil || restored.Aside != aside {
		t.Fatalf("Restore = %s, %v, want %s", restored.Aside, err, aside)
	}
	// What was replaced can be put back.
	back, err := store.Restore(ctx, dir, aside, store.Options{}, true, start.Add(time.Second))
	if err != nil || back.Runs != 1 {
		t.Errorf("Restore of what was aside = %d runs, %v, want 1", back.Runs, err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	file, _ := copied(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	edited := func(name, statement string) string {
		path := put(name, whole)
		edit(t, path, statement)
		return path
	}
	tests := []struct{ path, want string }{
		{put("text", []byte(strings.Repeat("no database ", 1000))), "%s is damaged, or is no backup"},
		{put("empty", nil), "%s is no backup of patchbay"},
		{put("half", whole[:len(whole)/2]), "%s is damaged, or is no backup"},
		{edited("newer", `pragma user_version = 99`), "%s was written by a newer patchbay (its format is 99, this one reads up to 8): use that version"},
		{edited("foreign", `pragma foreign_keys = 0; delete from definition`), "%s is damaged: a row of published names one of definition that is not there"},
		{edited("sandbox", `update meta set value = 'sandbox' where name = 'world'`), "%s holds sandbox runs and cannot be restored among live ones"},
	}
	for _, test := range tests {
		data := filepath.Join(t.TempDir(), "data")
		_, err := store.Restore(t.Context(), data, test.path, store.Options{}, true, start)
		if want := fmt.Sprintf(test.want, test.path); err == nil || err.Error() != want {
			t.Errorf("Restore = %v\nwant      %s", err, want)
		}
		if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Restore of %s touched the data folder", test.path)
		}
	}
}

// edit changes a database behind the back of the store.
func edit(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statement); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// TestReplacingGoesOn opens a folder in which a restore was broken off at each
// of its steps.
func TestReplacingGoesOn(t *testing.T) {
	file, _ := copied(t)
	for _, broken := range []struct {
		name string
		left map[string]string // file → file that is left, as the crash leaves it
		runs int
	}{
		{"while it was copied", map[string]string{"patchbay.db": "old", "patchbay.db.draft": "half"}, 1},
		{"before the old one was moved", map[string]string{"patchbay.db": "old", "patchbay.db.next.before": "new"}, 3},
		{"after its log was moved", map[string]string{"patchbay.db": "old", "patchbay.db.before-wal": "log", "patchbay.db.next.before": "new"}, 3},
		{"before the new one was moved", map[string]string{"patchbay.db.before": "old", "patchbay.db.next.before": "new"}, 3},
		{"nothing was there", map[string]string{"patchbay.db.next.": "new"}, 3},
	} {
		t.Run(broken.name, func(t *testing.T) {
			dir := t.TempDir()
			s, stop := begin(t, dir)
			accept(t, s, arrival("f", "old"))
			stop()
			old, err := os.ReadFile(filepath.Join(dir, "patchbay.db"))
			if err != nil {
				t.Fatal(err)
			}
			fresh, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts := map[string][]byte{"old": old, "new": fresh, "half": fresh[:5000], "log": nil}
			if err := os.Remove(filepath.Join(dir, "patchbay.db")); err != nil {
				t.Fatal(err)
			}
			for name, what := range broken.left {
				if err := os.WriteFile(filepath.Join(dir, name), texts[what], 0o600); err != nil {
					t.Fatal(err)
				}
			}
			stats, err := open(t, dir).Stats(t.Context())
			if err != nil || stats.Runs != broken.runs {
				t.Errorf("%d runs, %v, want %d", stats.Runs, err, broken.runs)
			}
			left, err := filepath.Glob(filepath.Join(dir, "patchbay.db.[dn]*"))
			if len(left) > 0 || err != nil {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestUpgrade opens databases of every format there was, as they were written
// then: the rows are there, the copy gives space back, and the old one is kept.
func TestUpgrade(t *testing.T) {
	for _, format := range []int{1, 2, 3, 4, 5, 6, 7} {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "patchbay.db")
			for n := 1; n <= format; n++ {
				script, err := os.ReadFile(fmt.Sprintf("testdata/format%d.sql", n))
				if err != nil {
					t.Fatal(err)
				}
				edit(t, path, string(script))
			}
			rows, err := os.ReadFile("testdata/rows.sql")
			if err != nil {
				t.Fatal(err)
			}
			edit(t, path, string(rows))
			s, stop := begin(t, dir)
			run, err := s.RunByID(t.Context(), 7)
			if err != nil || run.Flow != "report" || !cmp.Equal(run.Event, any(map[string]any{"id": "e7"})) {
				t.Errorf("run 7 = %+v, %v, want that of flow report for event e7", run, err)
			}
			if again := accept(t, s, arrival("report", "e7")); again[0].Run != 7 || !again[0].Duplicate {
				t.Errorf("event e7 starts %+v, want it to be known", again[0])
			}
			if err := s.KeepAccounts(t.Context(), []journal.Account{{Connection: "c", ID: "1", Seen: start}}); err != nil {
				t.Error(err)
			}
			stop()
			about, err := store.Inspect(t.Context(), path)
			if err != nil || about.Format != 8 || about.Runs != 1 {
				t.Errorf("Inspect = %+v, %v, want format 8 with one run", about, err)
			}
			old, err := store.Inspect(t.Context(), fmt.Sprintf("%s.format-%d", path, format))
			if err != nil || old.Format != format || old.Runs != 1 {
				t.Errorf("Inspect of the old database = %+v, %v, want format %d with one run", old, err, format)
			}
		})
	}
}

// TestUpgradeFails lets an older database not be what its format says: it
// stays as it is.
func TestUpgradeFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "patchbay.db")
	edit(t, path, `create table account (x); pragma user_version = 2`)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), dir, store.Options{})
	want := "open the data folder " + dir + ": bring the database to format 3: SQL logic error: table account already exists (1)"
	if err == nil || err.Error() != want {
		t.Errorf("Open = %v\nwant   %s", err, want)
	}
	edit(t, path, `pragma journal_mode = delete`) // which Open changed
	after, err := os.ReadFile(path)
	if err != nil || len(after) != len(before) {
		t.Errorf("the database has %d bytes, %v, after an upgrade that failed, want %d", len(after), err, len(before))
	}
	if about, err := store.Inspect(t.Context(), path); err == nil || about.Format != 0 {
		t.Errorf("Inspect = %+v, %v, want an error: it has no rows", about, err)
	}
	if left, err := filepath.Glob(path + ".*"); len(left) > 1 || err != nil {
		t.Errorf("beside the database: %v, %v, want the draft at most", left, err)
	}
}
