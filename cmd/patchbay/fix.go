package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/engine/program"
)

// The values of `check --fix`.
const (
	fixSafe = "safe" // without a value
	fixAll  = "all"
)

func (o checkOptions) sound() error {
	if o.fix != "" && o.fix != fixSafe && o.fix != fixAll {
		return usagef("it is --fix, or --fix=all", "--fix cannot be %q", o.fix)
	}
	return nil
}

// fixAnswer is a fix that was made, in the JSON of `check --fix`.
type fixAnswer struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Code   string `json:"code"`
	From   string `json:"from"` // "" where something was only added
	To     string `json:"to"`   // "" where something was only taken away
}

// String is the line that `check --fix` prints.
func (f fixAnswer) String() string {
	at := diag.Pos{File: f.File, Line: f.Line, Column: f.Column}
	change := f.From + " → " + f.To
	switch {
	case f.From == "":
		change = "added " + f.To
	case f.To == "":
		change = "taken away " + f.From
	}
	return fmt.Sprintf("%s: %s [%s]", at, change, f.Code)
}

// fix makes the fixes within paths, in w and in its files, as far as which
// allows: "" is none.
func (a *app) fix(w *workspace, within []string, which string) ([]fixAnswer, error) {
	if which == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return nil, fmt.Errorf("open the workspace: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is written by it
	fixed := edit.Fix(w.src, program.Options{Sandbox: a.sandbox}, func(f diag.Finding) bool {
		return (f.Fix.Safe || which == fixAll) && covers(within, f.Pos.File) && isOwn(root, f.Pos.File)
	})
	for _, file := range slices.Sorted(maps.Keys(fixed.Files)) {
		if err := replaceFile(root, file, []byte(w.source(file)), fixed.Files[file]); err != nil {
			return nil, fmt.Errorf("fix %s: %w", file, err)
		}
	}
	w.src, w.set = fixed.Sources, fixed.Set
	var made []fixAnswer
	for _, c := range fixed.Changes {
		made = append(made, fixAnswer{c.Pos.File, c.Pos.Line, c.Pos.Column, c.Code, c.From, c.To})
	}
	return made, nil
}

// isOwn reports whether a file that findings speak of lies in the workspace
// itself: the built-in connectors do not.
func isOwn(root *os.Root, file string) bool {
	if !strings.HasPrefix(file, "flows/") && !strings.HasPrefix(file, "connectors/") {
		return false
	}
	info, err := root.Lstat(file)
	return err == nil && info.Mode().IsRegular()
}

// replaceFile puts a new text in the place of the old one, all at once: who
// reads the file meanwhile reads one or the other.
func replaceFile(root *os.Root, file string, before, after []byte) error {
	info, err := root.Lstat(file)
	if err != nil {
		return err
	}
	now, err := root.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return errors.New("the file was changed meanwhile; check again")
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
