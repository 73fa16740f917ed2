// Package catalog is the programs that are live. It reads the workspace,
// checks it, and publishes what is sound; it watches the files and does so
// again whenever one changes.
//
// Nothing live is touched before all is checked: the new snapshot is built
// beside the old one, then one pointer is swapped. A file with errors leaves
// its last good version live, and the snapshot says so ([Live].Files). What a
// version was made of is written to the store when it is published, so that a
// run finds the version it is pinned to, and a restart beside a broken file
// the last good one.
package catalog

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"patchbay/engine/diag"
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
	// Workspace reads Dir; Builtin holds the connectors the binary carries.
	Workspace, Builtin fs.FS
	Sandbox            bool
	Store              Store
	// Changed is called after each swap, with the new snapshot. It may be nil.
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

// FileStatus is what became of one file of the workspace.
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

	sources program.Sources // as read
	good    program.Sources // what is live
}

// Source returns the text of a file as it was read, for showing findings.
func (l *Live) Source(file string) string {
	for _, f := range l.sources.Flows {
		if f.Path == file {
			return string(f.Data)
		}
	}
	for _, files := range l.sources.Connectors {
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

	mu       sync.Mutex // one reload at a time
	missing  map[string]time.Time
	compiled map[string]*program.Flow // older versions that runs still need, by hash
}

// New returns a catalog with nothing in it; Load fills it.
func New(opt Options) *Catalog {
	c := &Catalog{opt: opt, missing: map[string]time.Time{}, compiled: map[string]*program.Flow{}}
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
	before, err := c.lastGood(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload(ctx, before)
}

// Reload reads the workspace again and makes live what is sound.
func (c *Catalog) Reload(ctx context.Context) (*Live, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload(ctx, c.Live().good)
}

// reload builds the next snapshot beside the live one and swaps. good is the
// text of what is live.
func (c *Catalog) reload(ctx context.Context, good program.Sources) (*Live, error) {
	src, err := Read(c.opt.Workspace, c.opt.Builtin)
	if err != nil {
		return nil, err
	}
	c.holdDeleted(&src, good, time.Now())
	old := c.Live()
	if old.Version > 0 && equal(src, old.sources) {
		return old, nil
	}
	next := c.check(src, good, old)
	next.At, next.Version = time.Now(), old.Version+1
	if err := c.publish(ctx, next, old); err != nil {
		return nil, err
	}
	c.live.Store(next)
	if c.opt.Changed != nil {
		c.opt.Changed(next)
	}
	return next, nil
}

// deletionCounts is how long a file must be gone before it counts as deleted:
// editors and synchronizers delete and write anew.
const deletionCounts = time.Second

// holdDeleted puts files that went away a moment ago back into src.
func (c *Catalog) holdDeleted(src *program.Sources, good program.Sources, now time.Time) {
	here := map[string]bool{}
	for _, f := range src.Flows {
		here[f.Path] = true
		delete(c.missing, f.Path)
	}
	for id := range src.Connectors {
		here[id+"/"] = true
		delete(c.missing, id+"/")
	}
	for _, f := range good.Flows {
		if !here[f.Path] && c.stillCounts(f.Path, now) {
			src.Flows = append(src.Flows, f)
		}
	}
	for id, files := range good.Connectors {
		if !here[id+"/"] && c.stillCounts(id+"/", now) {
			src.Connectors[id] = files
		}
	}
}

func (c *Catalog) stillCounts(name string, now time.Time) bool {
	since, ok := c.missing[name]
	if !ok {
		since = now
		c.missing[name] = now
	}
	if now.Sub(since) >= deletionCounts {
		delete(c.missing, name)
		return false
	}
	return true
}

// check builds the snapshot for src: what has errors is replaced by its last
// good text, and if that does not check any more either, left out.
func (c *Catalog) check(src, good program.Sources, old *Live) *Live {
	opt := program.Options{Sandbox: c.opt.Sandbox, Reuse: reusable(old.Set)}
	first := program.Build(src, opt)
	next := &Live{Set: first, Findings: first.Findings, sources: src, good: src}
	broken := brokenFiles(src, first)
	if len(broken) > 0 {
		next.good = substitute(src, good, broken)
		opt.Reuse = reusable(first, old.Set)
		next.Set = program.Build(next.good, opt)
		c.keepFlows(next, old)
		next.Findings = merged(first.Findings, next.Set.Findings, broken)
	}
	next.Files = statuses(src, next, broken)
	return next
}

// keepFlows keeps the live version of each flow whose file exists but neither
// as it stands nor in its last good text checks against what surrounds it now.
func (c *Catalog) keepFlows(next, old *Live) {
	for id, flow := range old.Set.Flows {
		if _, ok := next.Set.Flows[id]; ok || !hasFlowFile(next.sources, id) {
			continue
		}
		next.Set.Flows[id] = flow
	}
}

func hasFlowFile(src program.Sources, id string) bool {
	return slices.ContainsFunc(src.Flows, func(f program.File) bool { return flowID(f.Path) == id })
}

func flowID(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path.Base(file), ".yaml"), ".yml")
}

func reusable(sets ...*program.Set) map[string]*program.Connector {
	out := map[string]*program.Connector{}
	for _, s := range sets {
		for _, k := range s.Connectors {
			out[k.Sum] = k
		}
	}
	return out
}

// brokenFiles returns what of src cannot go live: the paths of files, and
// "connectors/<id>" for a connector as a whole.
func brokenFiles(src program.Sources, set *program.Set) map[string]bool {
	broken := map[string]bool{}
	for id := range src.Connectors {
		if _, ok := set.Connectors[id]; !ok {
			broken["connectors/"+id] = true
		}
	}
	for _, f := range set.Findings.Errors() {
		if strings.HasPrefix(f.Pos.File, "flows/") {
			broken[f.Pos.File] = true
		}
	}
	return broken
}

// substitute returns src with the last good text in place of what is broken.
// What has no good text stays as it is.
func substitute(src, good program.Sources, broken map[string]bool) program.Sources {
	out := program.Sources{Connectors: maps.Clone(src.Connectors), Flows: slices.Clone(src.Flows)}
	for id := range src.Connectors {
		if files, ok := good.Connectors[id]; ok && broken["connectors/"+id] {
			out.Connectors[id] = files
		}
	}
	for i, f := range out.Flows {
		if !broken[f.Path] {
			continue
		}
		for _, g := range good.Flows {
			if g.Path == f.Path {
				out.Flows[i] = g
			}
		}
	}
	return out
}

// merged joins the findings of both builds: of the first what concerns the
// broken files as they stand, of the second all else.
func merged(first, second diag.List, broken map[string]bool) diag.List {
	var out diag.List
	concerns := func(file string) bool {
		if broken[file] {
			return true
		}
		parts := strings.SplitN(file, "/", 3)
		return len(parts) >= 2 && broken[parts[0]+"/"+parts[1]]
	}
	for _, f := range first {
		if concerns(f.Pos.File) {
			out.Add(f)
		}
	}
	for _, f := range second {
		if !concerns(f.Pos.File) {
			out.Add(f)
		}
	}
	out.Sort()
	return out
}

func statuses(src program.Sources, next *Live, broken map[string]bool) []FileStatus {
	var out []FileStatus
	for _, id := range slices.Sorted(maps.Keys(src.Connectors)) {
		_, kept := next.Set.Connectors[id]
		out = append(out, status("connectors/"+id, "", broken, kept))
	}
	for _, f := range src.Flows {
		id := flowID(f.Path)
		_, kept := next.Set.Flows[id]
		if !kept && !broken[f.Path] {
			id = "" // tables, connections, tests
		}
		out = append(out, status(f.Path, id, broken, kept))
	}
	return out
}

func status(file, flow string, broken map[string]bool, kept bool) FileStatus {
	if broken[file] {
		return FileStatus{Path: file, Flow: flow, State: Rejected, Kept: kept}
	}
	return FileStatus{Path: file, Flow: flow, State: Loaded}
}

func equal(a, b program.Sources) bool {
	same := func(x, y []program.File) bool {
		return slices.EqualFunc(x, y, func(f, g program.File) bool { return f.Path == g.Path && bytes.Equal(f.Data, g.Data) })
	}
	return same(a.Flows, b.Flows) && maps.EqualFunc(a.Connectors, b.Connectors, same)
}

// Definition returns the version of a flow by its hash: the live one, or one
// compiled from the store.
func (c *Catalog) Definition(ctx context.Context, hash string) (*program.Flow, error) {
	for _, f := range c.Set().Flows {
		if f.Hash == hash {
			return f, nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.compiled[hash]; ok {
		return f, nil
	}
	f, err := c.compile(ctx, hash)
	if err != nil {
		return nil, err
	}
	if len(c.compiled) >= compiledMost {
		clear(c.compiled)
	}
	c.compiled[hash] = f
	return f, nil
}

// compiledMost bounds how many old versions are kept compiled.
const compiledMost = 200

var errWorkspace = errors.New("the stored workspace is of a form this version does not know")
