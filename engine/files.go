package engine

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// ErrChanged says that a file is not what it was when its new text was made.
var ErrChanged = errors.New("the file was changed meanwhile; check again")

// IsOwn reports whether a file that findings speak of lies in the workspace
// itself: the built-in connectors do not.
func IsOwn(root *os.Root, file string) bool {
	if !strings.HasPrefix(file, "flows/") && !strings.HasPrefix(file, "connectors/") {
		return false
	}
	info, err := root.Lstat(file)
	return err == nil && info.Mode().IsRegular()
}

// ReplaceFile puts a new text in the place of the old one, all at once: who
// reads the file meanwhile reads one or the other. It fails with [ErrChanged]
// if the old one is not there any more.
func ReplaceFile(root *os.Root, file string, before, after []byte) error {
	info, err := root.Lstat(file)
	if err != nil {
		return err
	}
	now, err := root.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return ErrChanged
	}
	// No name that anyone reads: neither a flow's nor a connector's.
	next := path.Join(path.Dir(file), "."+path.Base(file)+".fixed")
	if err := createNew(root, next, after, info.Mode().Perm()); err != nil {
		return err
	}
	if err := root.Rename(next, file); err != nil {
		return errors.Join(err, root.Remove(next))
	}
	return nil
}

// createNew writes a file to the disk, in place of one that was left behind.
func createNew(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode) // what the umask took from it too
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(name))
	}
	return nil
}
