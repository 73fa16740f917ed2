package catalog

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long the files must be left alone before they are read:
	// an editor's save is several events.
	quiet = 60 * time.Millisecond
	// patience is how long a stream of events can put a reload off.
	patience = 400 * time.Millisecond
	// rescan is how often the files are looked at without an event, for file
	// systems that send none and links whose target changes elsewhere.
	rescan = 5 * time.Second
)

// Run watches the workspace and reloads it when a file changes, until ctx ends.
// What is live from now on is what a plan is held against once nothing serves.
func (c *Catalog) Run(ctx context.Context) error {
	if err := c.serve(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return c.run(ctx, rescan)
}

func (c *Catalog) run(ctx context.Context, rescan time.Duration) error {
	w := &watch{catalog: c, told: map[string]bool{}}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		w.blind(err)
		return w.look(ctx)
	}
	defer watcher.Close()
	w.Watcher = watcher
	tick := time.NewTicker(rescan)
	defer tick.Stop()
	for {
		// The folders are watched before they are read: what is written
		// between the two is read, or is an event.
		w.folders()
		w.refresh(ctx)
		if c.waiting() {
			tick.Reset(deletionCounts)
		} else {
			tick.Reset(rescan)
		}
		if !w.next(ctx, tick.C) {
			return nil
		}
	}
}

// watch follows the files of a workspace.
type watch struct {
	*fsnotify.Watcher

	catalog *Catalog
	told    map[string]bool // what was logged once
}

// next waits until there is reason to look at the files, and for the end of
// the burst of events. It is false when ctx has ended.
func (w *watch) next(ctx context.Context, tick <-chan time.Time) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case e := <-w.Events:
			if w.concerns(e) {
				return w.settle(ctx)
			}
		case err := <-w.Errors:
			w.blind(err)
			return true
		case <-tick:
			return true
		}
	}
}

// settle waits until the burst of events is over.
func (w *watch) settle(ctx context.Context) bool {
	deadline := time.After(patience)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-deadline:
			return true
		case err := <-w.Errors:
			w.blind(err)
		case <-w.Events:
		case <-time.After(quiet):
			return true
		}
	}
}

// concerns reports whether an event may speak of the workspace: beside its
// folders there may be others, among them the data folder.
func (w *watch) concerns(e fsnotify.Event) bool {
	inside, err := filepath.Rel(w.catalog.opt.Dir, e.Name)
	if err != nil || inside == "." {
		return true
	}
	top, _, _ := strings.Cut(filepath.ToSlash(inside), "/")
	return top == "flows" || top == "connectors"
}

// look reads the files again and again, where nothing can be watched.
func (w *watch) look(ctx context.Context) error {
	tick := time.NewTicker(deletionCounts)
	defer tick.Stop()
	for {
		w.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *watch) refresh(ctx context.Context) {
	if _, err := w.catalog.Reload(ctx); err != nil && ctx.Err() == nil {
		w.once("reload files", err)
	}
}

// blind logs that changes may be seen later than they could be.
func (w *watch) blind(err error) {
	w.once("watch files; they are looked at every few seconds instead", err)
}

// once logs what goes on until somebody does something about it.
func (w *watch) once(what string, err error) {
	if key := what + err.Error(); !w.told[key] {
		w.told[key] = true
		w.catalog.opt.Logger.Error("a problem that goes on", "problem", what, "error", err)
	}
}

// folders adds the folders that are not watched yet: the workspace itself, in
// which the others may be made or swapped, the one it lies in, as it may be a
// link that is swapped, and all below flows and connectors. Folders are
// watched rather than files, because editors replace files.
func (w *watch) folders() {
	add := func(dir string) {
		// A folder that is not there (yet) shows itself in the one around it.
		if err := w.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.blind(err)
		}
	}
	dir := w.catalog.opt.Dir
	add(filepath.Dir(filepath.Clean(dir)))
	add(dir)
	for _, top := range []string{"flows", "connectors"} {
		_ = fs.WalkDir(w.catalog.opt.Workspace, top, func(p string, d fs.DirEntry, err error) error { // what cannot be read is a finding of the reload
			switch {
			case err != nil:
				return nil //nolint:nilerr // the reload tells it
			case p != top && ignored(d.Name()) && d.IsDir():
				return fs.SkipDir
			case d.IsDir(), d.Type()&fs.ModeSymlink != 0 && isFolder(w.catalog.opt.Workspace, p):
				add(filepath.Join(dir, filepath.FromSlash(p)))
			}
			return nil
		})
	}
}

func isFolder(fsys fs.FS, name string) bool {
	info, err := fs.Stat(fsys, name)
	return err == nil && info.IsDir()
}
