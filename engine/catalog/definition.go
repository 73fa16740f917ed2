package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"patchbay/engine/edit"
	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// The stored forms. Later versions must read what earlier ones wrote: keys are
// only ever added, and form grows if the meaning of one changes.
type (
	// definition is one version of a flow, stored under the flow's hash.
	definition struct {
		Form       int                                `json:"form"`
		Flow       string                             `json:"flow"`
		Files      []storedFile                       `json:"files"`             // of the flow, of those it calls, and the tables
		Connectors map[string]string                  `json:"connectors"`        // id → Sum
		Uses       map[string]map[string]program.Role `json:"uses"`              // flow → role
		Renamed    int64                              `json:"renamed,omitempty"` // the last rename that all these names go by
	}
	// workspace is all that is live, stored under its content hash.
	workspace struct {
		Form        int               `json:"form"`
		Flows       map[string]string `json:"flows"`       // path of a file of the folder flows → hash of its text
		Connectors  map[string]string `json:"connectors"`  // id → Sum
		Connections map[string]string `json:"connections"` // name → Sum of the connector it was checked with
	}
	// storedFile is one file. A connector is stored as the list of all of its
	// files, under "connector-" and its Sum; a file of the folder flows as a
	// list of one, under "file-" and its content hash.
	storedFile struct {
		Path string `json:"path"`
		Data string `json:"data,omitempty"`
		// Bytes stands in place of Data for what is no text.
		Bytes []byte `json:"bytes,omitempty"`
	}
)

const (
	form = 1
	// Under these names, which no flow can have as its id, the workspace is
	// published: as a command or `serve` had it live last, and as `serve` had.
	workspaceName   = ".workspace"
	servedName      = ".served"
	connectorPrefix = "connector-"
	filePrefix      = "file-"
)

// Needs returns the names of the definitions that the one of this name and text
// is nothing without.
func Needs(name string, data []byte) ([]string, error) {
	if strings.HasPrefix(name, connectorPrefix) || strings.HasPrefix(name, filePrefix) {
		return nil, nil
	}
	var d struct {
		Connectors  map[string]string `json:"connectors"`
		Connections map[string]string `json:"connections"`
		Flows       map[string]string `json:"flows"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("read the definition %s: %w", name, err)
	}
	var needs []string
	for _, sums := range []map[string]string{d.Connectors, d.Connections} {
		for _, sum := range sums {
			needs = append(needs, connectorPrefix+sum)
		}
	}
	for _, sum := range d.Flows {
		needs = append(needs, filePrefix+sum)
	}
	return needs, nil
}

// stored is what the store is known to hold.
type stored struct {
	workspace

	published map[string]string // flow → hash
	lists     map[string]bool   // the names of stored lists of files
}

// versions are the versions of flows that were compiled for runs.
type versions struct {
	mu   sync.Mutex
	flow map[string]*program.Flow // by hash
}

// mostVersions bounds how many old versions are kept compiled.
const mostVersions = 200

// Definition returns the version of a flow by its hash: the live one, or one
// compiled from the store.
func (c *Catalog) Definition(ctx context.Context, hash string) (*program.Flow, error) {
	for _, f := range c.Set().Flows {
		if f.Hash == hash {
			return f, nil
		}
	}
	v := &c.versions
	v.mu.Lock()
	defer v.mu.Unlock()
	if f, ok := v.flow[hash]; ok {
		return f, nil
	}
	f, err := c.compile(ctx, hash)
	if err != nil {
		return nil, err
	}
	if v.flow == nil || len(v.flow) >= mostVersions {
		v.flow = map[string]*program.Flow{}
	}
	v.flow[hash] = f
	return f, nil
}

// compile builds a version of a flow from the store.
func (c *Catalog) compile(ctx context.Context, hash string) (*program.Flow, error) {
	flow, err := c.rebuild(ctx, hash)
	if err != nil || flow.Hash == hash {
		return flow, err
	}
	// A later binary may hash otherwise, and names may have been given up for
	// others: a version has the hash it was published under for ever.
	named := *flow
	named.Hash = hash
	return &named, nil
}

func (c *Catalog) rebuild(ctx context.Context, hash string) (*program.Flow, error) {
	var d definition
	if err := c.decode(ctx, hash, &d); err != nil {
		return nil, err
	}
	if d.Form != form {
		return nil, fmt.Errorf("the definition %s is of the form %d, which this version of Patchbay does not know", hash, d.Form)
	}
	src := program.Sources{Flows: restored(d.Files), Connectors: map[string][]program.File{}, AsNeeded: map[string]bool{}}
	for id, sum := range d.Connectors {
		files, err := c.list(ctx, connectorPrefix+sum)
		if err != nil {
			return nil, err
		}
		src.Connectors[id], src.AsNeeded[id] = files, true
	}
	opt := program.Options{Pinned: true, Uses: d.Uses, Sandbox: c.opt.Sandbox, Previous: []*program.Set{c.Set()}}
	renames := c.opt.Renames.Since(d.Renamed)
	if err := renamed(renames, &src, &opt); err != nil {
		return nil, err
	}
	set := program.Build(src, opt)
	flow, ok := set.Flows[d.Flow]
	if !ok {
		if err := set.Findings.Err(); err != nil {
			return nil, fmt.Errorf("it does not check any more: %w", err)
		}
		return nil, fmt.Errorf("the definition %s holds no flow %q", hash, d.Flow)
	}
	if now := renames.Now(journal.FlowName, d.Flow); now != d.Flow {
		named := *flow
		named.ID = now
		return &named, nil
	}
	return flow, nil
}

// renamed brings what a version was stored with to the names of now, but for
// those of flows: they are part of nothing that is asked of others.
func renamed(renames journal.Renames, src *program.Sources, opt *program.Options) error {
	for _, r := range renames {
		switch {
		case r.Kind == journal.ConnectionName:
			for _, roles := range opt.Uses {
				for role, use := range roles {
					use.Connection = journal.Renames{r}.Now(r.Kind, use.Connection)
					roles[role] = use
				}
			}
		case r.Kind == journal.ConnectorName && src.Connectors[r.From] != nil:
			var err error
			if *src, opt.Uses, err = edit.RenameConnectorIn(*src, *opt, r.From, r.To); err != nil {
				return fmt.Errorf("give the connector %s its name %s: %w", r.From, r.To, err)
			}
		}
	}
	return nil
}

// storedConnection returns a connection as it was checked with the connector
// of that Sum.
func (c *Catalog) storedConnection(ctx context.Context, d *draft, name, sum string) (*program.Connection, error) {
	files, err := c.list(ctx, connectorPrefix+sum)
	if err != nil {
		return nil, err
	}
	src := program.Sources{Connectors: map[string][]program.File{}, AsNeeded: map[string]bool{}}
	if len(files) > 0 {
		id := strings.TrimPrefix(owner(files[0].Path), "connectors/")
		src.Connectors[id], src.AsNeeded[id] = files, true
	}
	for _, f := range d.good.Flows {
		if d.is(f.Path, "connections") {
			src.Flows = append(src.Flows, f)
		}
	}
	set := program.Build(src, program.Options{Sandbox: c.opt.Sandbox})
	if conn, ok := set.Connections[name]; ok {
		return conn, nil
	}
	return nil, fmt.Errorf("it does not check any more: %w", set.Findings.Err())
}

// publish writes to the store what is new in next.
func (c *Catalog) publish(ctx context.Context, d *draft, next *Live) error {
	for id, k := range next.Set.Connectors {
		if err := c.saveList(ctx, connectorPrefix+k.Sum, next.good.Connectors[id]); err != nil {
			return fmt.Errorf("publish connector %s: %w", id, err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(next.Set.Flows)) {
		flow := next.Set.Flows[id]
		if c.stored.published[id] == flow.Hash || d.kept[id] {
			continue
		}
		if err := c.save(ctx, flow.Hash, c.define(flow, next), id); err != nil {
			return fmt.Errorf("publish %s: %w", id, err)
		}
	}
	// A flow that cannot be kept now stays published as long as its file is
	// there: another binary may be able to.
	rejected := d.rejectedFlows()
	for _, id := range slices.Sorted(maps.Keys(c.stored.published)) {
		if _, live := next.Set.Flows[id]; live || id == workspaceName || id == servedName || slices.Contains(rejected, id) {
			continue
		}
		if err := c.opt.Store.Unpublish(ctx, id); err != nil {
			return fmt.Errorf("unpublish %s: %w", id, err)
		}
		delete(c.stored.published, id)
	}
	return c.publishWorkspace(ctx, next)
}

// define returns the stored form of a flow that was built from the good text
// of next.
func (c *Catalog) define(flow *program.Flow, next *Live) definition {
	d := definition{Form: form, Flow: flow.ID, Renamed: c.opt.Renames.Last(), Connectors: map[string]string{}, Uses: map[string]map[string]program.Role{}}
	for _, f := range allCalled(flow, nil) {
		roles := map[string]program.Role{}
		for role, use := range f.Uses {
			roles[role] = program.Role{Connector: use.Connector.ID, Connection: use.Connection}
			d.Connectors[use.Connector.ID] = use.Connector.Sum
		}
		d.Uses[f.ID] = roles
	}
	for _, f := range next.good.Flows {
		id := flowID(f.Path)
		_, isTable := next.Set.Tables[id]
		if _, isCalled := d.Uses[id]; isTable || isCalled {
			d.Files = append(d.Files, store(f))
		}
	}
	return d
}

// allCalled returns the flow and all it calls, directly or not.
func allCalled(flow *program.Flow, known []*program.Flow) []*program.Flow {
	if slices.Contains(known, flow) {
		return known
	}
	known = append(known, flow)
	for _, f := range flow.Calls {
		known = allCalled(f, known)
	}
	return known
}

// publishWorkspace stores the text of all that is live, for a restart beside a
// broken file.
func (c *Catalog) publishWorkspace(ctx context.Context, next *Live) error {
	w := workspace{Form: form, Flows: map[string]string{}, Connectors: map[string]string{}, Connections: map[string]string{}}
	for id, k := range next.Set.Connectors {
		w.Connectors[id] = k.Sum
	}
	for name, conn := range next.Set.Connections {
		w.Connections[name] = conn.Connector.Sum
	}
	for _, f := range next.good.Flows {
		sum := contentHash(f.Data)
		if err := c.saveList(ctx, filePrefix+sum, []program.File{f}); err != nil {
			return fmt.Errorf("publish %s: %w", f.Path, err)
		}
		w.Flows[f.Path] = sum
	}
	data, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("publish the workspace: %w", err)
	}
	hash := "workspace-" + contentHash(data)
	for _, name := range []string{workspaceName, servedName} {
		if c.stored.published[name] == hash || name == servedName && !c.serving {
			continue
		}
		if err := c.save(ctx, hash, w, name); err != nil {
			return fmt.Errorf("publish the workspace: %w", err)
		}
	}
	c.stored.workspace = w
	return nil
}

func contentHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// save stores v under the hash as the published version of the flow.
func (c *Catalog) save(ctx context.Context, hash string, v any, flow string) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := c.opt.Store.SaveDefinition(ctx, hash, data, flow, true); err != nil {
		return err
	}
	c.stored.published[flow] = hash
	return nil
}

// saveList stores files under the name, unless they are known to be there.
func (c *Catalog) saveList(ctx context.Context, name string, files []program.File) error {
	if c.stored.lists[name] {
		return nil
	}
	list := make([]storedFile, 0, len(files))
	for _, f := range files {
		list = append(list, store(f))
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := c.opt.Store.SaveDefinition(ctx, name, data, "", false); err != nil {
		return err
	}
	c.stored.lists[name] = true
	return nil
}

// list returns the files that were stored under the name.
func (c *Catalog) list(ctx context.Context, name string) ([]program.File, error) {
	var files []storedFile
	err := c.decode(ctx, name, &files)
	return restored(files), err
}

func (c *Catalog) decode(ctx context.Context, hash string, v any) error {
	data, err := c.opt.Store.Definition(ctx, hash)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read the definition %s: %w", hash, err)
	}
	return nil
}

func store(f program.File) storedFile {
	if utf8.Valid(f.Data) {
		return storedFile{Path: f.Path, Data: string(f.Data)}
	}
	return storedFile{Path: f.Path, Bytes: f.Data}
}

func restored(files []storedFile) []program.File {
	out := make([]program.File, 0, len(files))
	for _, f := range files {
		if f.Bytes == nil {
			f.Bytes = []byte(f.Data)
		}
		out = append(out, program.File{Path: f.Path, Data: f.Bytes})
	}
	return out
}

// lastGood returns the text of what was live before the last stop, under the
// first of the names that a workspace was published under. A stored workspace
// that cannot be read is none: what is broken has no version then, but the rest
// can start.
func (c *Catalog) lastGood(ctx context.Context, names ...string) (program.Sources, error) {
	published, err := c.opt.Store.Published(ctx)
	if err != nil {
		return program.Sources{}, fmt.Errorf("load the last good workspace: %w", err)
	}
	c.stored = stored{published: map[string]string{}, lists: map[string]bool{}}
	maps.Copy(c.stored.published, published)
	i := slices.IndexFunc(names, func(name string) bool { return published[name] != "" })
	if i < 0 {
		return program.Sources{}, nil
	}
	hash := published[names[i]]
	w, good, err := c.storedWorkspace(ctx, hash)
	if err != nil {
		c.opt.Logger.Warn("load the last good workspace", "error", err)
		return program.Sources{}, ctx.Err()
	}
	c.stored.workspace = w
	return good, nil
}

func (c *Catalog) storedWorkspace(ctx context.Context, hash string) (workspace, program.Sources, error) {
	var w workspace
	good := program.Sources{Connectors: map[string][]program.File{}}
	if err := c.decode(ctx, hash, &w); err != nil {
		return w, good, err
	}
	if w.Form != form {
		return w, good, fmt.Errorf("the workspace %s is of the form %d, which this version of Patchbay does not know", hash, w.Form)
	}
	var err error
	for id, sum := range w.Connectors {
		if good.Connectors[id], err = c.list(ctx, connectorPrefix+sum); err != nil {
			return w, good, err
		}
		c.stored.lists[connectorPrefix+sum] = true
	}
	for name, sum := range w.Flows {
		files, err := c.list(ctx, filePrefix+sum)
		if err != nil {
			return w, good, err
		}
		for _, f := range files {
			good.Flows = append(good.Flows, program.File{Path: name, Data: f.Data})
		}
		c.stored.lists[filePrefix+sum] = true
	}
	sortFiles(good.Flows)
	return w, good, nil
}
