package program

import (
	"slices"
	"strings"

	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// sandbox checks how the vendor is played.
func (c *connectorCheck) sandbox() {
	made := &Sandbox{Stores: map[string]*SandboxStore{}, Actions: map[string]*SandboxAction{}}
	for _, part := range c.parts {
		if part.Sandbox == nil {
			continue
		}
		for _, e := range part.Sandbox.Store {
			c.sandboxStore(made, e)
		}
		if part.Sandbox.Error != nil {
			made.Error = c.template(part.Sandbox.Error, expr.NewScope(
				value.Field{Name: "status", Type: value.Of(value.Integer)},
				value.Field{Name: "message", Type: value.Of(value.String)},
				value.Field{Name: "class", Type: value.Of(value.String)},
			), nil)
		}
	}
	for _, part := range c.parts {
		if part.Sandbox == nil {
			continue
		}
		for _, a := range part.Sandbox.Actions {
			c.sandboxAction(made, part, a)
		}
	}
	c.made.Sandbox = made
}

func (c *connectorCheck) sandboxStore(made *Sandbox, e spec.Entry) {
	store := &SandboxStore{Name: e.Key.Value}
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
	made.Stores[store.Name] = store
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

func (c *connectorCheck) sandboxAction(made *Sandbox, part *spec.Connector, a spec.SandboxAction) {
	name := a.Name.Value
	if _, ok := c.made.Action(name); !ok {
		name = grouped(part, a.Name)
	}
	action, ok := c.made.Action(name)
	if !ok {
		c.local(a.Name, "C403", "action", "is not an action of this connector", c.actionNames())
		return
	}
	out := &SandboxAction{Status: c.number(a.Status, 0)}
	scope := c.connection.
		With(value.Field{Name: "input", Type: value.Of(value.Any)}).
		With(value.Field{Name: "item", Type: value.Of(value.Any)})
	for does, store := range map[string]spec.Text{
		"list": a.List, "first": a.First, "create": a.Create, "merge": a.Merge, "upsert": a.Upsert, "delete": a.Delete,
	} {
		if !store.Given() {
			continue
		}
		out.Does, out.Store = does, store.Value
		if _, ok := made.Stores[store.Value]; !ok && !c.opt.Pinned {
			var names []string
			for n := range made.Stores {
				names = append(names, n)
			}
			slices.Sort(names)
			c.local(store, "C404", "store", "is not a store of the sandbox", names)
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
	made.Actions[action.Name] = out
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
