package catalog

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/program"
	"patchbay/engine/spec"
)

// draft is the next snapshot while it is being made.
//
// It begins with the text as it was read. What has errors gives way to its
// last good text, and all is built again, until nothing new is broken: first
// connectors, then connections and tables, then flows, so that a sound flow is
// never blamed for what it stands on. A finding is always about the text as it
// was read.
type draft struct {
	read reading
	good program.Sources // the text of what was live before
	text program.Sources // what is built
	set  *program.Set

	// replaced holds what cannot go live as it was read: paths of files, and
	// connectorPath of connectors.
	replaced map[string]bool
	found    diag.List       // about what is replaced
	kept     map[string]bool // flows that stay as they were compiled before
}

func connectorPath(id string) string { return "connectors/" + id }

// draft builds and replaces until what is left is sound, and then keeps what
// is live of all that is not.
func (c *Catalog) draft(ctx context.Context, r reading, good program.Sources, old *program.Set) *draft {
	d := &draft{
		read: r, good: good, replaced: map[string]bool{}, kept: map[string]bool{},
		text: program.Sources{Connectors: maps.Clone(r.Connectors), Flows: slices.Clone(r.Flows), AsNeeded: r.AsNeeded},
	}
	previous := []*program.Set{old}
	for {
		d.set = program.Build(d.text, program.Options{Sandbox: c.opt.Sandbox, Previous: previous})
		previous = append(previous, d.set)
		broken := d.broken()
		if len(broken) == 0 {
			break
		}
		for _, name := range broken {
			d.replace(name)
		}
	}
	for _, f := range d.set.Findings {
		if !d.replaced[owner(f.Pos.File)] {
			d.found.Add(f)
		}
	}
	d.found.Sort()
	d.found = slices.CompactFunc(d.found, func(a, b diag.Finding) bool {
		return a.Pos == b.Pos && a.Code == b.Code && a.Message == b.Message
	})
	c.keepFlows(ctx, d, old)
	c.keepConnections(ctx, d, old)
	return d
}

// owner returns what a finding in that file speaks of: a file of the folder
// flows, or a connector as a whole.
func owner(file string) string {
	if parts := strings.SplitN(file, "/", 3); parts[0] == "connectors" && len(parts) > 1 {
		return connectorPath(parts[1])
	}
	return file
}

// broken returns what is to be replaced next; nothing if all that is left is
// sound.
func (d *draft) broken() []string {
	var connectors, base, flows, dependents []string
	for _, id := range slices.Sorted(maps.Keys(d.text.Connectors)) {
		if _, sound := d.set.Connectors[id]; !sound && !d.text.AsNeeded[id] && !d.replaced[connectorPath(id)] {
			connectors = append(connectors, connectorPath(id))
		}
	}
	errs := map[string]bool{}
	for _, f := range d.set.Findings.Errors() {
		errs[f.Pos.File] = true
	}
	for _, f := range d.text.Flows {
		switch {
		case d.replaced[f.Path] || !errs[f.Path] && !d.lacksFlow(f.Path):
		case !d.mayBeFlow(f.Path):
			base = append(base, f.Path)
		case errs[f.Path]:
			flows = append(flows, f.Path)
		default:
			// What it stands on has errors, and may be replaced yet.
			dependents = append(dependents, f.Path)
		}
	}
	for _, names := range [][]string{connectors, base, flows, dependents} {
		if len(names) > 0 {
			return names
		}
	}
	return nil
}

// lacksFlow reports whether the flow of that file is not in the set, though
// nothing may be wrong with the file itself.
func (d *draft) lacksFlow(name string) bool {
	id := flowID(name)
	_, sound := d.set.Flows[id]
	return !sound && d.mayBeFlow(name) && slices.Contains(d.set.Broken, id)
}

// replace puts the last good text in place of what is broken. What has none
// stays as it is, and is left out of the set.
func (d *draft) replace(name string) {
	d.replaced[name] = true
	for _, f := range d.set.Findings {
		// What is wrong in a connector that is read as needed is out of sight
		// once the file that needs it has given way.
		if at := owner(f.Pos.File); at == name || d.text.AsNeeded[strings.TrimPrefix(at, "connectors/")] {
			d.found.Add(f)
		}
	}
	if id, ok := strings.CutPrefix(name, "connectors/"); ok {
		if files, ok := d.good.Connectors[id]; ok {
			d.text.Connectors[id] = files
		}
		return
	}
	if g, ok := find(d.good.Flows, name); ok {
		i := slices.IndexFunc(d.text.Flows, func(f program.File) bool { return f.Path == name })
		d.text.Flows[i] = g
	}
}

func find(files []program.File, name string) (program.File, bool) {
	i := slices.IndexFunc(files, func(f program.File) bool { return f.Path == name })
	if i < 0 {
		return program.File{}, false
	}
	return files[i], true
}

// mayBeFlow reports whether a file is a flow, or nobody knows what it is.
func (d *draft) mayBeFlow(name string) bool {
	return !d.is(name, "connections", "table", "test", "dashboard")
}

// is reports whether a file is of one of the kinds: as it was read or, if it
// does not even say that, as it was live.
func (d *draft) is(name string, kinds ...string) bool {
	f, _ := find(d.read.Flows, name)
	kind := spec.KindOf(f.Data)
	if g, ok := find(d.good.Flows, name); ok && d.replaced[name] || ok && kind == "" {
		kind = spec.KindOf(g.Data)
	}
	return slices.Contains(kinds, kind)
}

func flowID(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path.Base(file), ".yaml"), ".yml")
}

// keepFlows keeps the live version of each flow that checks against what
// surrounds it now neither as it was read nor in its last good text.
func (c *Catalog) keepFlows(ctx context.Context, d *draft, old *program.Set) {
	for _, id := range d.rejectedFlows() {
		if _, live := d.set.Flows[id]; live {
			continue
		}
		flow, ok := old.Flows[id]
		if hash := c.stored.published[id]; !ok && hash != "" {
			var err error
			if flow, err = c.compile(ctx, hash); err != nil {
				c.opt.Logger.Warn("keep the last version of a flow", "flow", id, "error", err)
				continue
			}
			ok = true
		}
		if ok {
			d.set.Flows[id], d.kept[id] = flow, true
		}
	}
}

// rejectedFlows returns the ids of the flows whose files have errors.
func (d *draft) rejectedFlows() []string {
	var ids []string
	for _, f := range d.read.Flows {
		if d.replaced[f.Path] && d.mayBeFlow(f.Path) {
			ids = append(ids, flowID(f.Path))
		}
	}
	return ids
}

// keepConnections keeps the live version of each connection that is missing
// because its file has errors, in itself or with the connectors as they are.
func (c *Catalog) keepConnections(ctx context.Context, d *draft, old *program.Set) {
	rejected := func(f program.File) bool { return d.replaced[f.Path] && d.is(f.Path, "connections") }
	if !slices.ContainsFunc(d.read.Flows, rejected) {
		return
	}
	for name, sum := range c.stored.Connections {
		if _, live := d.set.Connections[name]; live {
			continue
		}
		conn, ok := old.Connections[name]
		if !ok {
			var err error
			if conn, err = c.storedConnection(ctx, d, name, sum); err != nil {
				c.opt.Logger.Warn("keep the last version of a connection", "connection", name, "error", err)
				continue
			}
		}
		d.set.Connections[name] = conn
	}
}

// live returns the snapshot that the draft has become.
func (d *draft) live() *Live {
	next := &Live{Set: d.set, Findings: d.found, read: d.read}
	next.good = program.Sources{Connectors: map[string][]program.File{}}
	for id, files := range d.text.Connectors {
		name := connectorPath(id)
		_, had := d.good.Connectors[id]
		if !d.replaced[name] || had {
			next.good.Connectors[id] = files
		}
		if d.read.own[id] {
			_, kept := d.set.Connectors[id]
			next.Files = append(next.Files, d.status(name, "", kept))
		}
	}
	for _, f := range d.text.Flows {
		_, had := find(d.good.Flows, f.Path)
		if !d.replaced[f.Path] || had {
			next.good.Flows = append(next.good.Flows, f)
		}
		if d.mayBeFlow(f.Path) {
			next.Files = append(next.Files, d.status(f.Path, flowID(f.Path), d.keeps(f.Path)))
		} else {
			next.Files = append(next.Files, d.status(f.Path, "", had))
		}
	}
	slices.SortFunc(next.Files, func(a, b FileStatus) int { return strings.Compare(a.Path, b.Path) })
	return next
}

func (d *draft) status(name, flow string, kept bool) FileStatus {
	if d.replaced[name] {
		return FileStatus{Path: name, Flow: flow, State: Rejected, Kept: kept}
	}
	return FileStatus{Path: name, Flow: flow, State: Loaded}
}

// keeps reports whether the flow of a file is live: if the file is rejected, in
// an earlier version, and not by another file of the same name.
func (d *draft) keeps(name string) bool {
	if !d.replaced[name] {
		return true
	}
	_, live := d.set.Flows[flowID(name)]
	return live && !slices.ContainsFunc(d.read.Flows, func(f program.File) bool {
		return f.Path != name && flowID(f.Path) == flowID(name) && !d.replaced[f.Path]
	})
}
