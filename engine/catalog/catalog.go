// Package catalog is the programs that are live. It reads the workspace,
// checks it, and publishes what is sound; it watches the files and does so
// again whenever one changes.
//
// Nothing live is touched before all is checked: the new snapshot is built
// beside the old one (draft.go), then one pointer is swapped. A file with
// errors leaves its last good version live, and the snapshot says so
// ([Live].Files). What a version was made of is written to the store when it
// is published (definition.go), so that a run finds the version it is pinned
// to, and a restart beside a broken file the last good one.
package catalog

import (
	"context"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"patchbay/engine/diag"
	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// Store keeps the definitions of published versions.
type Store interface {
	// SaveDefinition stores data under its hash, and publishes it as the
	// flow's version if publish is set.
	SaveDefinition(ctx context.Context, hash string, data []byte, flow string, publish bool) error
	// Definition returns the data of that hash.
	Definition(ctx context.Context, hash string) ([]byte, error)
	// Published returns the hash of each published flow.
	Published(ctx context.Context) (map[string]string, error)
	// Unpublish forgets which version of the flow is published.
	Unpublish(ctx context.Context, flow string) error
}

// Options are what a [Catalog] works with.
type Options struct {
	// Dir is the workspace folder.
	Dir string
	// Workspace reads Dir; Builtin holds the connectors the binary carries,
	// and never changes.
	Workspace, Builtin fs.FS
	Sandbox            bool
	Store              Store
	// Renames are the names that were given up for others: a version of a flow
	// that was stored before goes by the new ones.
	Renames journal.Renames
	// Changed is called after each swap, with the new snapshot. It may be nil.
	// The next reload waits for it.
	Changed func(*Live)
	Logger  *slog.Logger
}

// State says what became of a file at the last reload.
type State string

// The states of a file.
const (
	Loaded   State = "loaded"   // what the file says is live
	Rejected State = "rejected" // it has errors; the version before it is live, if there was one
)

// FileStatus is what became of one file of the workspace, or of the folder of
// a connector.
type FileStatus struct {
	Path  string
	Flow  string // the id, for the file of a flow
	State State
	// Kept is true if a rejected file has an earlier version that stays live.
	Kept bool
}

// Live is one snapshot of what is live. It is immutable.
type Live struct {
	Set      *program.Set
	Findings diag.List
	Files    []FileStatus
	At       time.Time
	Version  int // counts the swaps

	read reading         // what the workspace says
	good program.Sources // the text of what is live
}

// Source returns the text of a file as it was read, for showing findings.
func (l *Live) Source(file string) string {
	for _, f := range l.read.Flows {
		if f.Path == file {
			return string(f.Data)
		}
	}
	for _, files := range l.read.Connectors {
		for _, f := range files {
			if f.Path == file {
				return string(f.Data)
			}
		}
	}
	return ""
}

// InSync reports whether every file is live as it stands.
func (l *Live) InSync() bool {
	return !slices.ContainsFunc(l.Files, func(f FileStatus) bool { return f.State != Loaded })
}

// Catalog holds the live snapshot.
type Catalog struct {
	opt  Options
	live atomic.Pointer[Live]

	mu      sync.Mutex // one reload at a time
	builtin map[string][]program.File
	missing map[string]time.Time // files that are gone, and since when
	stored  stored
	serving bool // what is live starts runs by itself

	versions versions
}

// New returns a catalog with nothing in it; Load fills it.
func New(opt Options) *Catalog {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Catalog{opt: opt}
	c.live.Store(&Live{Set: program.Build(program.Sources{}, program.Options{})})
	return c
}

// Live returns the snapshot that is live now.
func (c *Catalog) Live() *Live { return c.live.Load() }

// Set returns the programs that are live now.
func (c *Catalog) Set() *program.Set { return c.Live().Set }

// Load reads the workspace for the first time. Files that are broken have the
// version that was published last, if the store has one.
func (c *Catalog) Load(ctx context.Context) (*Live, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.builtin, err = readBuiltin(c.opt.Builtin); err != nil {
		return nil, err
	}
	good, err := c.lastGood(ctx, workspaceName)
	if err != nil {
		return nil, err
	}
	return c.reload(ctx, good)
}

// Reload reads the workspace again and makes live what is sound. It returns
// the snapshot that was live already if nothing is different.
func (c *Catalog) Reload(ctx context.Context) (*Live, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload(ctx, c.Live().good)
}

// reload builds the next snapshot beside the live one and swaps. good is the
// text of what is live.
func (c *Catalog) reload(ctx context.Context, good program.Sources) (*Live, error) {
	r, err := read(c.opt.Workspace, c.builtin)
	if err != nil {
		return nil, err
	}
	old := c.Live()
	c.missing = r.holdDeleted(old.read, c.missing, time.Now())
	if old.Version > 0 && r.equal(old.read) {
		return old, nil
	}
	d := c.draft(ctx, r, good, old.Set)
	next := d.live()
	next.At, next.Version = time.Now(), old.Version+1
	if err := c.publish(ctx, d, next); err != nil {
		return nil, err
	}
	// From here on nothing may fail.
	c.live.Store(next)
	if c.opt.Changed != nil {
		c.opt.Changed(next)
	}
	return next, nil
}

// waiting reports whether a deletion is about to count.
func (c *Catalog) waiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.missing) > 0
}
