package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// TestFaultReadOnly opens data folders that may not be written, as a user for
// whom that counts: it is refused, said why, and nothing is lost.
func TestFaultReadOnly(t *testing.T) {
	for _, test := range []struct {
		name string
		file string // in the data folder, "" for the folder itself
		want string
	}{
		{"the database", "patchbay.db", "open the data folder %[1]s: its patchbay.db cannot be written: let this user write the file and the folder it is in (attempt to write a readonly database (8))"},
		{"the folder", "", "open the data folder %[1]s: its patchbay.db cannot be written: let this user write the file and the folder it is in (attempt to write a readonly database (1544))"},
		{"the lock", "lock", "lock the data folder: open %[1]s/lock: permission denied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			s, stop := begin(t, dir)
			if _, err := s.Accept(t.Context(), []journal.Arrival{arrival("f", "1")}, nil); err != nil {
				t.Fatal(err)
			}
			stop()
			path := filepath.Join(dir, test.file)
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			chmod(t, path, before.Mode().Perm()&^0o222)
			if got, want := openPlainly(t, dir), fmt.Sprintf(test.want, dir); got == nil || got.Error() != want {
				t.Errorf("Open = %v\nwant   %s", got, want)
			}
			chmod(t, path, before.Mode().Perm())
			s, _ = begin(t, dir)
			if again, err := s.Accept(t.Context(), []journal.Arrival{arrival("f", "1")}, nil); err != nil || !again[0].Duplicate {
				t.Errorf("the event again = %v, %v, want a duplicate", again, err)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// openPlainly opens a store without the right of an administrator to write what
// nobody may write.
func openPlainly(t *testing.T, dir string) error {
	t.Helper()
	over := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine, as it is
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var rights [2]unix.CapUserData
		err := unix.Capget(&header, &rights[0])
		if err == nil {
			rights[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
			err = unix.Capset(&header, &rights[0])
		}
		if err != nil {
			over <- fmt.Errorf("give up rights: %w", err)
			return
		}
		s, err := store.Open(t.Context(), dir, store.Options{})
		if err == nil {
			_ = s.Close()
		}
		over <- err
	}()
	return <-over
}
