package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// childFolder names, to this binary started once more, the folder to work in.
const childFolder = "STORE_TEST_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		if err := acceptForever(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// acceptForever accepts events one after the other in eight places at once and
// prints the number of each that was acknowledged.
func acceptForever(dir string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, dir, store.Options{})
	if err != nil {
		return err
	}
	errs := make(chan error)
	go func() { errs <- s.Run(ctx) }()
	for worker := range 8 {
		go func() {
			for n := worker; ; n += 8 {
				cursor := journal.Cursor{Flow: "f", Trigger: strconv.Itoa(worker), Value: n}
				if _, err := s.Accept(ctx, []journal.Arrival{arrival("f", strconv.Itoa(n))}, &cursor); err != nil {
					errs <- err
					return
				}
				fmt.Println(n)
			}
		}()
	}
	return <-errs
}

func TestOpenMakesFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", ".patchbay")
	s := open(t, dir)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v, want 0700", info.Mode().Perm(), err)
	}
	ignore, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	if err != nil || string(ignore) != "*\n" {
		t.Errorf(".gitignore = %q, %v, want *", ignore, err)
	}
	for _, name := range []string{"patchbay.db", "lock"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", name, info.Mode().Perm(), err)
		}
	}
	if len(s.Identity()) < 20 {
		t.Errorf("Identity() = %q, want a long random text", s.Identity())
	}
}

func TestOpenInAFolderOfAnyName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "50% off? #1 & more")
	open(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "patchbay.db")); err != nil {
		t.Error(err)
	}
}

func TestIdentityStays(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	first := s.Identity()
	stop()
	if again := open(t, dir).Identity(); again != first {
		t.Errorf("Identity() = %s after opening again, want %s", again, first)
	}
	if other := open(t, t.TempDir()).Identity(); other == first {
		t.Errorf("two folders have the identity %s", first)
	}
}

func TestOpenRefuses(t *testing.T) {
	locked := t.TempDir()
	open(t, locked)
	live := t.TempDir()
	_, stop := begin(t, live)
	stop()
	newer := t.TempDir()
	_, stop = begin(t, newer)
	stop()
	setVersion(t, newer, 99)
	noDatabase := t.TempDir()
	if err := os.WriteFile(filepath.Join(noDatabase, "patchbay.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, dir string
		options   store.Options
		want      string
	}{
		{"opened twice", locked, store.Options{}, "the data folder %s is in use by another patchbay: stop that one, or name another folder"},
		{"live as sandbox", live, store.Options{Sandbox: true}, "open the data folder %s: it belongs to live runs and cannot be used for sandbox ones: name another folder"},
		{"newer", newer, store.Options{}, "open the data folder %s: it was written by a newer patchbay (its format is 99, this one reads up to 8): use that version again, or name another folder"},
		{"no database", noDatabase, store.Options{}, "open the data folder %s: its patchbay.db is damaged, or is no database: put a backup in its place (file is not a database (26))"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := store.Open(t.Context(), test.dir, test.options)
			if want := fmt.Sprintf(test.want, test.dir); err == nil || err.Error() != want {
				t.Errorf("Open = %v\nwant   %s", err, want)
			}
		})
	}
	// A refusal leaves the folder free, and as it was.
	open(t, live)
}

func setVersion(t *testing.T, dir string, version int) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "patchbay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := db.Exec(fmt.Sprintf("pragma user_version = %d", version)); err != nil {
		t.Fatal(err)
	}
}

// TestFaultKill kills a process in the middle of accepting. While it lives nobody
// else can open its folder; afterwards everything it acknowledged is there.
func TestFaultKill(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childFolder+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := bufio.NewScanner(out)
	var numbers []string
	for len(numbers) < 1000 && acknowledged.Scan() {
		numbers = append(numbers, acknowledged.Text())
	}
	_, err = store.Open(t.Context(), dir, store.Options{})
	if locked, ok := errors.AsType[*store.LockedError](err); !ok || locked.Dir != dir {
		t.Errorf("Open while another process has the folder = %v, want a LockedError", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for acknowledged.Scan() { // what was on its way to us
		numbers = append(numbers, acknowledged.Text())
	}
	if err := child.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the child ended with %v after %d events, want signal: killed", err, len(numbers))
	}

	s := open(t, dir)
	for _, n := range numbers {
		again, err := s.Accept(t.Context(), []journal.Arrival{arrival("f", n)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !again[0].Duplicate || again[0].Run == 0 {
			t.Errorf("event %s was acknowledged and is not there", n)
		}
	}
	runs, err := s.Runs(t.Context(), journal.Filter{Limit: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	newest := map[int]int{} // of each worker
	for _, r := range runs {
		n, err := strconv.Atoi(r.EventID)
		if err != nil {
			t.Fatal(err)
		}
		newest[n%8] = max(newest[n%8], n)
	}
	for worker, n := range newest {
		cursor, _, err := s.Cursor(t.Context(), "f", strconv.Itoa(worker), "")
		if err != nil || cursor != n {
			t.Errorf("the cursor of worker %d is at %v, %v, its newest run is %d", worker, cursor, err, n)
		}
	}
}

// TestLeasesOfThePredecessor takes over a folder whose owner was working.
func TestLeasesOfThePredecessor(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	accept(t, s, arrival("f", "1"))
	first := claim(t, s, start, 1)
	if again := claim(t, s, start.Add(time.Minute), 1); len(again) != 0 {
		t.Fatalf("Claim gave out run %d under a living lease", again[0].ID)
	}
	stop()
	s = open(t, dir)
	second := claim(t, s, start, 1)
	if len(second) != 1 || second[0].ID != first[0].ID || second[0].Epoch != first[0].Epoch+1 {
		t.Fatalf("Claim = %+v, want run %d under the epoch after %d", second, first[0].ID, first[0].Epoch)
	}
	wantError(t, s.Append(t.Context(), journal.Progress{Run: 1, Epoch: first[0].Epoch, Status: journal.Succeeded}), journal.ErrStaleEpoch)
}
