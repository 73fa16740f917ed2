package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// The files of a database in the data folder. A database is replaced by another
// one in three steps, of which each can be taken again after a crash:
//
//	patchbay.db.draft           the other one is written here, and is nothing yet
//	patchbay.db.next.<aside>    it is whole: from here on Open goes on by itself
//	patchbay.db.<aside>         the one before, with the log that belongs to it
const (
	databaseFile = "patchbay.db"
	draftFile    = databaseFile + ".draft"
	nextFile     = databaseFile + ".next."
)

// replaceDatabase puts the draft in the place of the database, which is kept
// under the name aside if there is one. Nobody has either open.
func replaceDatabase(dir, aside string) error {
	if err := os.Rename(filepath.Join(dir, draftFile), filepath.Join(dir, nextFile+aside)); err != nil {
		return err
	}
	return finishReplacing(dir)
}

// finishReplacing takes the steps that are left of a replacement, if one is
// under way.
func finishReplacing(dir string) error {
	pending, err := filepath.Glob(filepath.Join(globbed(dir), nextFile+"*"))
	if err != nil || len(pending) == 0 {
		return err
	}
	next, path := pending[0], filepath.Join(dir, databaseFile)
	aside := path + "." + strings.TrimPrefix(filepath.Base(next), nextFile)
	if err := syncDir(dir); err != nil {
		return err
	}
	// The log goes first: where a database stands without it in a crash, the
	// next start moves that one away too, before anybody looks into it.
	for _, part := range []string{"-wal", ""} {
		if err := os.Rename(path+part, aside+part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := removeOld(path + "-shm"); err != nil {
		return err
	}
	if strings.HasSuffix(aside, ".") { // there was nothing worth keeping
		if err := errors.Join(removeOld(aside), removeOld(aside+"-wal")); err != nil {
			return err
		}
	}
	return errors.Join(os.Rename(next, path), syncDir(dir))
}

// globbed returns a path as a pattern that matches only itself.
func globbed(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

// removeOld removes a file that may not be there.
func removeOld(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copyFile copies a file to one that does not exist and only its owner may read.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it is only read from
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncDir makes the names in a folder last. Windows has no such call and needs
// none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
