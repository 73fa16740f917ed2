package catalog

import (
	"context"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"patchbay/engine/program"
)

// Change is what stands in place of the files of the workspace.
type Change struct {
	// Files are texts by the paths of their files, nil for one that is removed.
	Files map[string]*string
	// Whole says that these are all the files there are. Else the rest is as it
	// is in the folder.
	Whole bool
}

// Plan returns what a reload would make live if the files were changed so: with
// the last good version of what has errors. Nothing is written and nothing goes
// live.
func (c *Catalog) Plan(ctx context.Context, change Change) (*Live, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.changed(change)
	if err != nil {
		return nil, err
	}
	live := c.Live()
	return c.draft(ctx, r, live.good, live.Set).live(), nil
}

// Recall makes live here, and nowhere else, what `serve` had live last; where
// it never ran, what a command had. The files are not read and nothing is
// written. It is false if nothing was ever live.
func (c *Catalog) Recall(ctx context.Context) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.builtin, err = readBuiltin(c.opt.Builtin); err != nil {
		return false, err
	}
	good, err := c.lastGood(ctx, servedName, workspaceName)
	if err != nil {
		return false, err
	}
	good.AsNeeded = map[string]bool{}
	for id := range good.Connectors {
		good.AsNeeded[id] = true // it was checked when it was published
	}
	c.take(ctx, reading{Sources: good}, good)
	return c.stored.published[workspaceName] != "", nil
}

// Assume makes live here, and nowhere else, what is sound in the files of
// another folder.
func (c *Catalog) Assume(ctx context.Context, folder fs.FS) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.builtin, err = readBuiltin(c.opt.Builtin); err != nil {
		return err
	}
	r, err := read(folder, c.builtin)
	if err != nil {
		return err
	}
	c.take(ctx, r, program.Sources{})
	return nil
}

// take makes a reading live that is not published.
func (c *Catalog) take(ctx context.Context, r reading, good program.Sources) {
	next := c.draft(ctx, r, good, c.Live().Set).live()
	next.Version = 1
	c.live.Store(next)
}

// serve notes that what is live starts runs by itself from now on.
func (c *Catalog) serve(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serving = true
	if c.Live().Version == 0 {
		return nil
	}
	return c.publishWorkspace(ctx, c.Live())
}

// changed returns the text of the workspace after a change.
func (c *Catalog) changed(change Change) (reading, error) {
	r := reading{Sources: program.Sources{Connectors: map[string][]program.File{}, AsNeeded: map[string]bool{}}, own: map[string]bool{}}
	if change.Whole {
		for id, files := range c.builtin {
			r.Connectors[id], r.AsNeeded[id] = files, true
		}
	} else {
		var err error
		if r, err = read(c.opt.Workspace, c.builtin); err != nil {
			return r, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(change.Files)) {
		if text := change.Files[name]; text != nil {
			r.put(fileOf(name, []byte(*text)))
		} else {
			r.remove(name, c.builtin)
		}
	}
	sortFiles(r.Flows)
	return r, nil
}

// put puts a file in place of the one of the same path, or beside the others.
func (r *reading) put(f program.File) {
	r.Sources = With(r.Sources, f)
	if id, ok := strings.CutPrefix(owner(f.Path), "connectors/"); ok {
		r.own[id] = true
		sortFiles(r.Connectors[id])
	}
}

// remove takes a file away. A connector without files gives way to the built-in
// one.
func (r *reading) remove(name string, builtin map[string][]program.File) {
	without := func(files []program.File) []program.File {
		return slices.DeleteFunc(slices.Clone(files), func(f program.File) bool { return f.Path == name })
	}
	id, ok := strings.CutPrefix(owner(name), "connectors/")
	if !ok {
		r.Flows = without(r.Flows)
		return
	}
	if !r.own[id] {
		return
	}
	if r.Connectors[id] = without(r.Connectors[id]); len(r.Connectors[id]) > 0 {
		return
	}
	delete(r.own, id)
	delete(r.Connectors, id)
	if files, ok := builtin[id]; ok {
		r.Connectors[id], r.AsNeeded[id] = files, true
	}
}

// IsRead reports whether a file of that path below the workspace is read at
// all.
func IsRead(name string) bool {
	parts := strings.Split(name, "/")
	if path.Clean(name) != name || slices.ContainsFunc(parts, ignored) {
		return false
	}
	switch ext := path.Ext(name); parts[0] {
	case "flows":
		return len(parts) == 2 && (ext == ".yaml" || ext == ".yml")
	case "connectors":
		return len(parts) > 2 && ext != ".md"
	default:
		return false
	}
}
