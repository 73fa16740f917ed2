package program

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// sandboxStores checks what the played vendor has at first.
func (c *connectorCheck) sandboxStores() {
	if c.part.Sandbox == nil {
		return
	}
	for _, e := range c.part.Sandbox.Store {
		c.sandboxStore(e)
	}
	form := c.part.Sandbox.Error
	switch {
	case form == nil:
	case c.part != c.main:
		c.add(diag.Finding{
			Pos: form.Pos, Width: 1, Code: "C406", Message: "a service has one form of errors, and it stands in connector.yaml",
			Hint: "move `error` to the `sandbox:` of connector.yaml",
		})
	default:
		c.made.SandboxError = c.template(form, expr.NewScope(
			value.Field{Name: "status", Type: value.Of(value.Integer)},
			value.Field{Name: "message", Type: value.Of(value.String)},
			value.Field{Name: "class", Type: value.Of(value.String)},
		), nil)
	}
}

// sandboxActions checks how the actions of the file are answered.
func (c *connectorCheck) sandboxActions() {
	if c.part.Sandbox == nil {
		return
	}
	for _, a := range c.part.Sandbox.Actions {
		c.sandboxAction(a)
	}
}

// storeName returns the name of a store that a file calls name: stores are
// named after the types of their records, and two groups may each have a type
// of that name.
func (c *connectorCheck) storeName(name string) string {
	if t := c.types.outer; t != nil && t.resolve(name) == nil {
		return grouped(c.part, name)
	}
	return name
}

func (c *connectorCheck) sandboxStore(e spec.Entry) {
	store := &SandboxStore{Name: c.storeName(e.Key.Value), pos: e.Key.Pos}
	file := e.Value
	if e.Value.Kind == spec.Map {
		file = e.Value.Lookup("file")
		if id := e.Value.Lookup("id"); id != nil {
			store.ID = id.Text.Value
		}
	}
	if file == nil {
		return // the parser has told that it is missing
	}
	data := c.file(file.Text)
	if data == nil {
		return
	}
	v, err := value.Decode(data)
	list, ok := v.([]any)
	if err != nil || !ok {
		c.hinted(file.Text, "C402", `[ { "id": 1 }, { "id": 2 } ]`, "%s is not a JSON list of records", file.Text.Value)
		return
	}
	store.Items = list
	if store.ID == "" {
		store.ID = idKey(list)
	}
	first := c.sameStore(store.Name)
	if first != nil && (first.ID != store.ID || !reflect.DeepEqual(first.Items, store.Items)) {
		c.add(diag.Finding{
			Pos: store.pos, Width: width(e.Key.Value), Code: "C405", Message: fmt.Sprintf("there are two stores %q, with other records", e.Key.Value),
			Hint:    "leave one of them; a store in connector.yaml is there for all groups",
			Related: []diag.Related{{Pos: first.pos, Message: "the first one"}},
		})
	}
	c.into.stores[store.Name] = store
}

// sameStore returns the store of that name that another file of the connector
// declares, of those at hand; nil for none.
func (c *connectorCheck) sameStore(name string) *SandboxStore {
	if s, ok := c.made.own.stores[name]; ok {
		return s
	}
	for _, f := range c.made.groups.files {
		if f.kept != nil && f.kept.stores[name] != nil {
			return f.kept.stores[name]
		}
	}
	return nil
}

// idKey returns the key of the id in the wire form: _id or id.
func idKey(list []any) string {
	for _, item := range list {
		if m, ok := item.(map[string]any); ok && m["_id"] != nil {
			return "_id"
		}
	}
	return "id"
}

func (c *connectorCheck) sandboxAction(a *spec.SandboxAction) {
	action, ok := c.into.byName[grouped(c.part, a.Name.Value)]
	if !ok {
		c.local(a.Name, "C403", "action", "is not an action of this "+c.partNoun(), c.ownActions())
		return
	}
	c.into.played[action.Name] = c.sandboxRequest(a)
	var ids []string
	for _, b := range action.Before {
		ids = append(ids, b.ID)
	}
	for _, b := range a.Before {
		if !slices.Contains(ids, b.Name.Value) {
			c.local(b.Name, "C407", "request", "is not the id of a request before that of "+action.ID, ids)
			continue
		}
		c.into.played[action.Name+"/"+b.Name.Value] = c.sandboxRequest(b)
	}
}

// sandboxRequest checks how one request is answered.
func (c *connectorCheck) sandboxRequest(a *spec.SandboxAction) *SandboxAction {
	out := &SandboxAction{Status: c.number(a.Status, 0)}
	scope := c.connection.
		With(value.Field{Name: "input", Type: value.Of(value.Any)}).
		With(value.Field{Name: "item", Type: value.Of(value.Any)}).
		With(value.Field{Name: "body", Type: value.Of(value.Any)})
	for does, store := range map[string]spec.Text{
		"list": a.List, "first": a.First, "create": a.Create, "merge": a.Merge, "upsert": a.Upsert, "delete": a.Delete,
	} {
		if store.Given() {
			out.Does, out.Store = does, c.storeOf(store)
		}
	}
	if a.Answer != nil {
		out.Does = "answer"
		out.Answer = c.sandboxAnswer(a.Answer, scope)
	}
	out.Where = c.condition(a.Where, scope)
	if len(a.Set) > 0 {
		at := &spec.Value{Pos: a.Name.Pos, Text: a.Name}
		out.Set = c.objectTemplate(at, a.Set, scope, nil, "field")
	}
	out.Envelope = c.template(a.Envelope, scope, nil)
	return out
}

// storeOf returns the store that an action of the sandbox speaks of: the
// file's own, else that of connector.yaml. It is nil after a finding.
func (c *connectorCheck) storeOf(t spec.Text) *SandboxStore {
	if s, ok := c.into.stores[c.storeName(t.Value)]; ok {
		return s
	}
	if s, ok := c.made.own.stores[t.Value]; ok {
		return s
	}
	if c.opt.Pinned {
		return &SandboxStore{Name: c.storeName(t.Value)}
	}
	var names []string
	for _, g := range []*group{c.into, c.made.own} {
		for name := range g.stores {
			names = append(names, name[strings.LastIndexByte(name, '.')+1:])
		}
	}
	slices.Sort(names)
	c.local(t, "C404", "store", "is not a store of the sandbox", slices.Compact(names))
	return nil
}

// partNoun is the word for what the file holds.
func (c *connectorCheck) partNoun() string {
	if c.part == c.main {
		return "connector"
	}
	return "group"
}

// ownActions returns the actions of the file, as it calls them.
func (c *connectorCheck) ownActions() []string {
	var names []string
	for _, a := range c.part.Actions {
		names = append(names, a.Name.Value)
	}
	return names
}

// sandboxAnswer reads an answer: data, or the path of a fixture.
func (c *connectorCheck) sandboxAnswer(v *spec.Value, scope *expr.Scope) *Value {
	if v.Kind != spec.String || !strings.HasSuffix(v.Text.Value, ".json") {
		return c.template(v, scope, nil)
	}
	data := c.file(v.Text)
	if data == nil {
		return Constant(nil, value.Of(value.Any))
	}
	answer, err := value.Decode(data)
	if err != nil {
		c.at(v.Text, "C402", "%s is not JSON: %s", v.Text.Value, err)
	}
	return Constant(answer, value.Of(value.Any))
}
