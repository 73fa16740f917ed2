package program

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// Addressee says for which connections a delivery is.
type Addressee struct {
	Any bool // it belongs to no account, so it is for all of them
	By  []AddresseeField
}

// AddresseeField is a field of a connection, and where a delivery may have the
// value that tells whose it is.
type AddresseeField struct {
	Name string
	At   [][]string // from {body, headers, signature}; the first that is there counts
}

// FirstOf returns what lies at the first of the paths that leads to anything;
// an empty text is nothing.
func FirstOf(root any, paths [][]string) (any, bool) {
	for _, path := range paths {
		if v, ok := value.Get(root, path); ok && v != nil && v != "" {
			return v, true
		}
	}
	return nil, false
}

// Wire returns what a delivery holds of the event, in the vendor's form. Where
// several places are named, a field is taken from the first that has it.
func (o Output) Wire(root any) any {
	wire, _ := value.Get(root, o.At)
	for _, at := range o.Below {
		next, _ := value.Get(root, at)
		above, isAbove := wire.(map[string]any)
		below, isBelow := next.(map[string]any)
		switch {
		case isAbove && isBelow:
			below = maps.Clone(below)
			maps.Copy(below, above)
			wire = below
		case wire == nil || isBelow:
			wire = next
		}
	}
	return wire
}

// Addressee returns what says for which connections a delivery of the event
// is, nil where each connection has an address of its own.
func (t *Trigger) Addressee() *Addressee {
	if t.Connection != nil || t.Connector.Webhooks == nil {
		return t.Connection
	}
	return t.Connector.Webhooks.Connection
}

// Waiting yields the enabled flows that events of a trigger start, or whose
// steps wait for them, sorted by id, and through what they come.
func (s *Set) Waiting(t *Trigger) iter.Seq2[*Flow, *Use] {
	return func(yield func(*Flow, *Use) bool) {
		for _, id := range slices.Sorted(maps.Keys(s.Flows)) {
			flow := s.Flows[id]
			for _, on := range flow.Triggers {
				if flow.Enabled && on.Event != nil && on.Event.ID == t.ID && !yield(flow, on.Use) {
					return
				}
			}
			for _, step := range flow.Awaiting() {
				if flow.Enabled && step.WaitFor.Event.ID == t.ID && !yield(flow, step.Use) {
					return
				}
			}
		}
	}
}

// addressee checks what says whose event a delivery is.
func (c *connectorCheck) addressee(a *spec.Addressee) *Addressee {
	if a == nil || len(a.Fields) == 0 {
		return nil
	}
	made := &Addressee{}
	names := c.fieldNames()
	for _, f := range a.Fields {
		if !slices.Contains(names, f.Name.Value) {
			c.local(f.Name, "C315", "field", "is not a field of the connection, so no delivery can be matched by it", names)
		}
		made.By = append(made.By, AddresseeField{Name: f.Name.Value, At: c.deliveryPaths(f.At)})
	}
	return made
}

// ownAddressee checks what a trigger says about whose event a delivery is.
func (c *connectorCheck) ownAddressee(t *spec.Trigger) *Addressee {
	switch {
	case t.Connection == nil:
		return nil
	case c.main.Webhooks != nil && c.main.Webhooks.Connection == nil:
		c.hinted(t.Connection.Fields[0].Name, "C316", "connection: body.accountId under webhooks, for the events of all other triggers",
			"each connection of %s has an address of its own, so it is known whose event a delivery is", c.made.Name)
		return nil
	case t.Connection.Word.Value == "any":
		return &Addressee{Any: true}
	}
	return c.addressee(t.Connection)
}

// fieldNames returns the names of the fields of every connection that are no
// secrets.
func (c *connectorCheck) fieldNames() []string {
	var names []string
	for _, in := range c.made.Fields {
		if !in.Secret {
			names = append(names, in.Name)
		}
	}
	return names
}

// deliveryPaths reads paths into a delivery.
func (c *connectorCheck) deliveryPaths(texts []spec.Text) [][]string {
	var paths [][]string
	for _, t := range texts {
		path := value.SplitPath(t.Value)
		if !slices.Contains([]string{"body", "headers", "signature"}, path[0]) {
			c.hinted(t, "C317", "write  body."+strings.TrimPrefix(t.Value, "."), "a path into a delivery begins with body, headers or signature")
		}
		paths = append(paths, path)
	}
	return paths
}
