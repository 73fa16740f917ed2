package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// LockedError says that another process owns the data folder.
type LockedError struct {
	Dir string
}

// Error names the folder and what to do.
func (e *LockedError) Error() string {
	return fmt.Sprintf("the data folder %s is in use by another patchbay: stop that one, or name another folder", e.Dir)
}

// takeLock takes the lock of the folder. Closing the file gives it back, and
// so does the end of the process, however it ends.
func takeLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	taken, err := lockFile(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data folder %s: %w", dir, err), f.Close())
	}
	if !taken {
		return nil, errors.Join(&LockedError{Dir: dir}, f.Close())
	}
	return f, nil
}
