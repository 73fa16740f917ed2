package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/program"
)

// definition is the stored form of one version of a flow, and, under the name
// [workspaceName], of all that was live last. Later versions must read what
// earlier ones wrote: keys are only ever added, and Form grows if their
// meaning changes.
type definition struct {
	Form       int                                `json:"form"`
	Flow       string                             `json:"flow,omitempty"`
	Files      []file                             `json:"files"`
	Connectors map[string]string                  `json:"connectors"` // id → hash of a stored connector
	Uses       map[string]map[string]program.Role `json:"uses,omitempty"`
}

type file struct {
	Path string `json:"path"`
	Data string `json:"data"`
}

const (
	form = 1
	// workspaceName is no id a flow can have.
	workspaceName = ".workspace"
)

// publish writes to the store what is new in next.
func (c *Catalog) publish(ctx context.Context, next, old *Live) error {
	for id, flow := range next.Set.Flows {
		if before, ok := old.Set.Flows[id]; ok && before.Hash == flow.Hash {
			continue
		}
		if err := c.publishFlow(ctx, next, flow); err != nil {
			return fmt.Errorf("publish %s: %w", id, err)
		}
	}
	for id := range old.Set.Flows {
		if _, ok := next.Set.Flows[id]; !ok {
			if err := c.opt.Store.Unpublish(ctx, id); err != nil {
				return fmt.Errorf("unpublish %s: %w", id, err)
			}
		}
	}
	return c.publishWorkspace(ctx, next)
}

func (c *Catalog) publishFlow(ctx context.Context, next *Live, flow *program.Flow) error {
	d := definition{Form: form, Flow: flow.ID, Connectors: map[string]string{}, Uses: map[string]map[string]program.Role{}}
	flows := allCalled(flow, nil)
	for _, f := range next.good.Flows {
		id := flowID(f.Path)
		_, isTable := next.Set.Tables[id]
		if isTable || slices.ContainsFunc(flows, func(f *program.Flow) bool { return f.ID == id }) {
			d.Files = append(d.Files, file{f.Path, string(f.Data)})
		}
	}
	for _, f := range flows {
		roles := map[string]program.Role{}
		for role, use := range f.Uses {
			roles[role] = program.Role{Connector: use.Connector.ID, Connection: use.Connection}
			d.Connectors[use.Connector.ID] = use.Connector.Hash
			if err := c.saveConnector(ctx, next.good.Connectors[use.Connector.ID], use.Connector.Hash); err != nil {
				return err
			}
		}
		d.Uses[f.ID] = roles
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return c.opt.Store.SaveDefinition(ctx, flow.Hash, data, flow.ID, true)
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

func (c *Catalog) saveConnector(ctx context.Context, files []program.File, hash string) error {
	data, err := json.Marshal(stored(program.OnlyYAML(files)))
	if err != nil {
		return err
	}
	return c.opt.Store.SaveDefinition(ctx, "connector-"+hash, data, "", false)
}

func stored(files []program.File) []file {
	out := make([]file, 0, len(files))
	for _, f := range files {
		out = append(out, file{f.Path, string(f.Data)})
	}
	return out
}

func read(files []file) []program.File {
	out := make([]program.File, 0, len(files))
	for _, f := range files {
		out = append(out, program.File{Path: f.Path, Data: []byte(f.Data)})
	}
	return out
}

// publishWorkspace stores the text of all that is live, for a restart beside a
// broken file.
func (c *Catalog) publishWorkspace(ctx context.Context, next *Live) error {
	d := definition{Form: form, Files: stored(next.good.Flows), Connectors: map[string]string{}}
	for id, k := range next.Set.Connectors {
		if err := c.saveConnector(ctx, next.good.Connectors[id], k.Hash); err != nil {
			return err
		}
		d.Connectors[id] = k.Hash
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	return c.opt.Store.SaveDefinition(ctx, "workspace-"+hex.EncodeToString(sum[:16]), data, workspaceName, true)
}

// lastGood returns the text of what was live before the last stop.
func (c *Catalog) lastGood(ctx context.Context) (program.Sources, error) {
	none := program.Sources{}
	published, err := c.opt.Store.Published(ctx)
	if err != nil {
		return none, fmt.Errorf("load the last good workspace: %w", err)
	}
	hash, ok := published[workspaceName]
	if !ok {
		return none, nil
	}
	_, src, err := c.stored(ctx, hash)
	if err != nil {
		return none, fmt.Errorf("load the last good workspace: %w", err)
	}
	// Files that are gone now were deleted while nothing ran.
	src.Flows = slices.DeleteFunc(src.Flows, func(f program.File) bool {
		_, err := readFile(c.opt.Workspace, f.Path)
		return err != nil
	})
	return src, nil
}

// stored returns a stored definition and the text it is made of.
func (c *Catalog) stored(ctx context.Context, hash string) (definition, program.Sources, error) {
	var d definition
	src := program.Sources{Connectors: map[string][]program.File{}}
	data, err := c.opt.Store.Definition(ctx, hash)
	if err != nil {
		return d, src, err
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return d, src, err
	}
	if d.Form != form {
		return d, src, errWorkspace
	}
	src.Flows = read(d.Files)
	for id, sum := range d.Connectors {
		data, err := c.opt.Store.Definition(ctx, "connector-"+sum)
		if err != nil {
			return d, src, err
		}
		var files []file
		if err := json.Unmarshal(data, &files); err != nil {
			return d, src, err
		}
		src.Connectors[id] = read(files)
	}
	return d, src, nil
}

// compile builds an older version of a flow from the store.
func (c *Catalog) compile(ctx context.Context, hash string) (*program.Flow, error) {
	d, src, err := c.stored(ctx, hash)
	if err != nil {
		return nil, err
	}
	set := program.Build(src, program.Options{Pinned: true, Uses: d.Uses, Sandbox: c.opt.Sandbox})
	flow, ok := set.Flows[d.Flow]
	if !ok {
		if errs := set.Findings.Errors(); len(errs) > 0 {
			return nil, fmt.Errorf("it does not check any more: %s", errs[0].Error())
		}
		return nil, fmt.Errorf("the definition %s holds no flow %q", strings.TrimSpace(hash), d.Flow)
	}
	return flow, nil
}
