package program

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"weak"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// A connector is as many files as it has groups, and a workspace uses few of
// them. Of a connector that was checked whole all groups are kept. Of one that
// is read as needed ([Sources].AsNeeded) a group is parsed and checked when
// somebody asks for what is in it, and kept as long as anybody has a part of it
// in hand; its text makes the same group every time.

// group is what one file of a connector says: connector.yaml, or the file of a
// group. It is immutable once it is checked.
type group struct {
	actions  []*Action
	byName   map[string]*Action
	triggers []*Trigger
	types    map[string]*value.Type // by the name in the file
	stores   map[string]*SandboxStore
	played   map[string]*SandboxAction // by the name of the action inside the connector

	found  diag.List // what is wrong with the file; told by every Build that uses the group
	failed bool      // it has errors, or names something of a group that has
	needs  []*group  // the groups of which it names something
}

func newGroup() *group {
	return &group{
		byName: map[string]*Action{}, types: map[string]*value.Type{},
		stores: map[string]*SandboxStore{}, played: map[string]*SandboxAction{},
	}
}

// groupFile is the file of a group, and what was made of it.
type groupFile struct {
	name    string
	file    File
	written *spec.Connector // of a connector that is checked whole: the file as parsed
	kept    *group
	held    weak.Pointer[group] // while anybody has a part of it
}

// groups are the groups of a connector, in the order of their files.
type groups struct {
	files []*groupFile
	whole bool            // they are all kept
	check *connectorCheck // of connector.yaml: what the check of a group begins with

	// mu guards what the files were made into. A check holds it, or has the
	// connector still to itself.
	mu sync.Mutex
}

// named returns the group of that name, checked now if it is not at hand; nil
// where there is none.
func (g *groups) named(name string) *group {
	i := slices.IndexFunc(g.files, func(f *groupFile) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return g.checked(g.files[i])
}

func (g *groups) checked(f *groupFile) *group {
	if f.kept != nil {
		return f.kept
	}
	if held := f.held.Value(); held != nil {
		return held
	}
	made := newGroup()
	// Entered first: groups may name each other's actions.
	if g.whole {
		f.kept = made
	} else {
		f.held = weak.Make(made)
	}
	g.check.group(f, made)
	return made
}

// all returns connector.yaml's part and every group.
func (k *Connector) all() []*group {
	if k.own == nil {
		return nil
	}
	k.groups.mu.Lock()
	defer k.groups.mu.Unlock()
	return k.allLocked()
}

func (k *Connector) allLocked() []*group {
	all := []*group{k.own}
	for _, f := range k.groups.files {
		all = append(all, k.groups.checked(f))
	}
	return all
}

// holding returns the part of the connector that holds what has that name:
// connector.yaml's, or a group's. It is nil where there is no such group.
func (k *Connector) holding(name string) *group { return k.part(groupOf(name)) }

// groupOf returns the group in which what has that name stands inside a
// connector, "" for connector.yaml.
func groupOf(name string) string {
	group, _, grouped := strings.Cut(name, ".")
	if !grouped {
		return ""
	}
	return group
}

// part returns the part of the connector that a group makes, or for ""
// connector.yaml. It is nil where there is no such group.
func (k *Connector) part(group string) *group {
	if k.own == nil || group == "" {
		return k.own
	}
	k.groups.mu.Lock()
	defer k.groups.mu.Unlock()
	return k.groups.named(group)
}

// Action returns the action of that name inside the connector, such as
// "social.list_tags".
func (k *Connector) Action(name string) (*Action, bool) {
	g := k.holding(name)
	if g == nil || g.failed {
		return nil, false
	}
	a, ok := g.byName[name]
	return a, ok
}

// Trigger returns the trigger of that name inside the connector.
func (k *Connector) Trigger(name string) (*Trigger, bool) {
	g := k.holding(name)
	if g == nil || g.failed {
		return nil, false
	}
	i := slices.IndexFunc(g.triggers, func(t *Trigger) bool { return t.Name == name })
	if i < 0 {
		return nil, false
	}
	return g.triggers[i], true
}

// Actions returns all actions, those of connector.yaml first, then each
// group's. It reads every group that is not at hand, which of a large connector
// takes its time: who wants one action asks for that.
func (k *Connector) Actions() []*Action {
	var out []*Action
	for _, g := range k.all() {
		out = append(out, g.actions...)
	}
	return out
}

// Triggers returns all triggers, in the order of Actions and at its price.
func (k *Connector) Triggers() []*Trigger {
	var out []*Trigger
	for _, g := range k.all() {
		out = append(out, g.triggers...)
	}
	return out
}

// Types returns the named types, at the price of Actions: "ContactEvent" of
// connector.yaml, "contacts.Contact" of a group.
func (k *Connector) Types() map[string]*value.Type {
	out := map[string]*value.Type{}
	for _, g := range k.all() {
		for _, t := range g.types {
			out[strings.TrimPrefix(t.Name, k.ID+".")] = t
		}
	}
	return out
}

// Played returns how the sandbox answers the action of that name inside the
// connector; false where the connector does not say.
func (k *Connector) Played(action string) (*SandboxAction, bool) {
	g := k.holding(action)
	if g == nil || g.failed {
		return nil, false
	}
	played, ok := g.played[action]
	return played, ok
}

// Store returns the store of that name; false where there is none. A store that
// groups share belongs to connector.yaml, or to the actions that speak of it.
func (k *Connector) Store(name string) (*SandboxStore, bool) {
	g := k.holding(name)
	if g == nil || g.failed {
		return nil, false
	}
	store, ok := g.stores[name]
	return store, ok
}

// Requests returns the method and path of every request that the file of a
// group seems to make, by the group, so that the one that a request is meant
// for can be found without reading all groups. It may tell too many, and leaves
// out the groups that are kept.
func (k *Connector) Requests() map[string][]string {
	out := map[string][]string{}
	if k.groups == nil {
		return out
	}
	for _, f := range k.groups.files {
		if f.kept == nil {
			out[f.name] = spec.Requests(f.file.Data)
		}
	}
	return out
}

// ActionsOf returns the actions of connector.yaml and of the groups that are
// kept, without a name, or those of the group of that name.
func (k *Connector) ActionsOf(name string) []*Action {
	if k.own == nil {
		return nil
	}
	k.groups.mu.Lock()
	defer k.groups.mu.Unlock()
	if name != "" {
		if g := k.groups.named(name); g != nil {
			return g.actions
		}
		return nil
	}
	out := slices.Clone(k.own.actions)
	for _, f := range k.groups.files {
		if f.kept != nil {
			out = append(out, f.kept.actions...)
		}
	}
	return out
}

// group checks the file of a group into made.
func (c *connectorCheck) group(f *groupFile, made *group) {
	g := *c
	g.list, g.failed, g.into, g.part = &made.found, false, made, f.written
	if g.part == nil {
		part, found := parsePart(f.file)
		g.list.Add(found...)
		g.failed, g.part = found.Err() != nil, part
		g.lost = g.lost.and(newLost(f.file.Data, found))
	}
	if g.part == nil {
		made.failed = true
		return
	}
	g.groupName()
	g.types = newTypes(&g.report, c.made.ID+"."+g.part.Group.Value)
	g.types.outer, g.types.elsewhere = c.types, c.groupOfType
	g.types.declare(g.part.Types)
	maps.Copy(made.types, g.types.named)
	g.actions()
	g.sandboxStores()
	g.triggers()
	g.sandboxActions()
	made.failed = g.failed || slices.ContainsFunc(made.needs, func(n *group) bool { return n.failed })
}

// find returns the action that a file of the connector names; nil after a
// finding, or where a group has errors of its own.
func (c *connectorCheck) find(t spec.Text, code string) *Action {
	a := c.named(t, code)
	if a != nil {
		c.need(a.group)
	}
	return a
}

// named is find for what this file does not need.
func (c *connectorCheck) named(t spec.Text, code string) *Action {
	before, _, grouped := strings.Cut(t.Value, ".")
	there := c.made.own
	if grouped {
		there = c.made.groups.named(before)
	}
	if !t.Given() {
		return nil
	}
	if there != nil {
		if a, ok := there.byName[t.Value]; ok {
			return a
		}
	}
	if there != nil && there.failed {
		c.follow()
		return nil
	}
	c.local(t, code, "action", "is not an action of this connector", c.actionNames())
	return nil
}

// need notes that the file names something of another group.
func (c *connectorCheck) need(g *group) {
	if g != c.into && g != c.made.own && !slices.Contains(c.into.needs, g) {
		c.into.needs = append(c.into.needs, g)
	}
}

// actionNames returns the names of all actions.
func (c *connectorCheck) actionNames() []string {
	var names []string
	for _, g := range c.made.allLocked() {
		for _, a := range g.actions {
			names = append(names, a.Name)
		}
	}
	return names
}

// groupOfType returns the first group that declares a type of that name, of
// those whose files were parsed.
func (c *connectorCheck) groupOfType(name string) string {
	for _, f := range c.made.groups.files {
		if f.written != nil && slices.ContainsFunc(f.written.Types, func(e spec.TypeEntry) bool { return e.Name.Value == name }) {
			return f.name
		}
	}
	return ""
}
