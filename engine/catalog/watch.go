package catalog

import (
	"context"
	"io/fs"
	"path/filepath"
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
	// systems that send none.
	rescan = 5 * time.Second
)

// Run watches the workspace and reloads it when a file changes, until ctx ends.
func (c *Catalog) Run(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		c.opt.Logger.Warn("watch files", "error", err, "instead", "the files are looked at every few seconds")
		return c.rescan(ctx)
	}
	defer watcher.Close()
	c.watch(watcher)
	tick := time.NewTicker(rescan)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			c.settle(ctx, watcher)
		case err := <-watcher.Errors:
			c.opt.Logger.Warn("watch files", "error", err)
		case <-tick.C:
		}
		c.refresh(ctx)
		c.watch(watcher)
		if c.waiting() {
			tick.Reset(deletionCounts)
		} else {
			tick.Reset(rescan)
		}
	}
}

func (c *Catalog) rescan(ctx context.Context) error {
	tick := time.NewTicker(deletionCounts)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.refresh(ctx)
		}
	}
}

// settle waits until the burst of events is over.
func (c *Catalog) settle(ctx context.Context, watcher *fsnotify.Watcher) {
	deadline := time.After(patience)
	for {
		select {
		case <-ctx.Done():
			return
		case <-deadline:
			return
		case <-watcher.Events:
		case <-time.After(quiet):
			return
		}
	}
}

func (c *Catalog) refresh(ctx context.Context) {
	if _, err := c.Reload(ctx); err != nil && ctx.Err() == nil {
		c.opt.Logger.Error("reload files", "error", err)
	}
}

// waiting reports whether a deletion is about to count.
func (c *Catalog) waiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.missing) > 0
}

// watch adds the folders that are not watched yet: the workspace itself, in
// which the others may be made or swapped, and all below flows and connectors.
// Folders are watched rather than files, because editors replace files.
func (c *Catalog) watch(watcher *fsnotify.Watcher) {
	add := func(dir string) {
		// A folder that is not there (yet) is found by the next rescan.
		_ = watcher.Add(filepath.Join(c.opt.Dir, filepath.FromSlash(dir)))
	}
	add(".")
	for _, top := range []string{"flows", "connectors"} {
		_ = fs.WalkDir(c.opt.Workspace, top, func(p string, d fs.DirEntry, err error) error {
			if err == nil && (d.IsDir() || d.Type()&fs.ModeSymlink != 0) {
				add(p)
			}
			return nil
		})
	}
}
