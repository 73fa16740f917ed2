package trigger

import (
	"crypto/subtle"
	"maps"
	"net/url"
	"slices"
	"strings"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// prefix begins the path of every webhook.
const prefix = "/hooks/"

// Address is where a vendor delivers.
type Address struct {
	URL string
	// Connector is whose deliveries come here, "" for the webhook of a flow.
	Connector string
	// Connection is whose events come here; "" where the body of each delivery
	// says that, and for the webhook of a flow.
	Connection string
	// Triggers are those that fire here, as "flow/trigger id", sorted; the steps
	// that wait for an event are among them, as "flow/step".
	Triggers []string
}

// Addresses returns the addresses at which deliveries are taken now, below the
// public address of the server such as "https://hooks.example.com": those of
// the connectors, of the connections, and of the flows, each sorted by name.
// An address that holds a random part is a secret.
func (h *Hooks) Addresses(publicURL string) []Address {
	set := h.opt.Live()
	root := strings.TrimSuffix(publicURL, "/") + prefix
	var shared, own []Address
	for _, id := range slices.Sorted(maps.Keys(set.Connectors)) {
		connections := connectionsOf(set, id)
		if routesByBody(set.Connectors[id]) && len(connections) > 0 {
			shared = append(shared, Address{
				URL: root + url.PathEscape(h.opt.sharedPath(set, id)), Connector: id, Triggers: triggersOf(set, connections...),
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set.Connections)) {
		c := set.Connections[name]
		if hasOwnAddress(c) {
			own = append(own, Address{
				URL:       root + h.opt.ownPath(name, h.opt.Address),
				Connector: c.Connector.ID, Connection: name, Triggers: triggersOf(set, c),
			})
		}
	}
	all := slices.Concat(shared, own)
	for _, flow := range flowsOf(set) {
		for _, t := range flow.Triggers {
			if t.Webhook != nil {
				all = append(all, Address{
					URL:      root + "flow/" + escaped(h.opt.Renames.Origin(journal.FlowName, flow.ID)) + "/" + h.opt.Address(h.opt.nameOf(flow, t)),
					Triggers: []string{flow.ID + "/" + t.ID},
				})
			}
		}
	}
	return all
}

// nameOf returns the name that the random part of a flow's webhook belongs to:
// it stays when the flow gets another one.
func (in Intake) nameOf(flow *program.Flow, t *program.FlowTrigger) string {
	return "flow/" + in.Renames.Origin(journal.FlowName, flow.ID) + "/" + t.ID
}

// ownPath returns where the events of a connection come, behind the prefix: it
// stays when the connection gets another name.
func (in Intake) ownPath(name string, random func(name string) string) string {
	origin := in.Renames.Origin(journal.ConnectionName, name)
	return escaped(origin) + "/" + random(origin)
}

// called returns the names of what may have the origin that stands in an
// address: one, but for a name that looks like an origin.
func (in Intake) called(kind journal.NameKind, origin string) []string {
	return slices.DeleteFunc([]string{in.Renames.Called(kind, origin), origin}, func(name string) bool {
		return in.Renames.Origin(kind, name) != origin
	})
}

// sharedPath returns where all events of a vendor come, behind the prefix: it
// stays when the connector gets another name, unless there is another of that.
func (in Intake) sharedPath(set *program.Set, id string) string {
	origin := in.Renames.Origin(journal.ConnectorName, id)
	if set.Connectors[origin] != nil || strings.Contains(origin, ".") {
		return id
	}
	return origin
}

func escaped(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
}

// target is what stands behind an address.
type target struct {
	shown string // the path without what is secret in it

	// connector is the id of a vendor whose deliveries come here, hooks how
	// it delivers, and connections those that the delivery may be for.
	connector   string
	hooks       *program.Webhooks
	connections []*program.Connection
	// own are the vendor's triggers that do not wholly go by its hooks.
	own []*program.Trigger
	// byBody is true if the body says which connection it is for. Such an
	// address can be guessed.
	byBody bool

	flow    *program.Flow // of a webhook of its own
	trigger *program.FlowTrigger
}

// find returns what stands behind a path, nil if nothing does.
func (h *Hooks) find(set *program.Set, path string) *target {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return nil
	}
	name, random, secret := cutLast(strings.TrimSuffix(rest, "/"))
	if !secret {
		if t := findConnector(set, name); t != nil {
			return t
		}
		t := findConnector(set, h.opt.Renames.Called(journal.ConnectorName, name))
		if t != nil {
			t.shown = prefix + name
		}
		return t
	}
	for _, connection := range h.opt.called(journal.ConnectionName, name) {
		if c := set.Connections[connection]; hasOwnAddress(c) && same(random, h.opt.Address(name)) {
			return &target{
				shown: shownPath(path), connector: c.Connector.ID, hooks: c.Connector.Webhooks,
				connections: []*program.Connection{c}, own: ownWay(set, c.Connector.ID),
			}
		}
	}
	id, ok := strings.CutPrefix(name, "flow/")
	if !ok {
		return nil
	}
	for _, id := range h.opt.called(journal.FlowName, id) {
		if t := h.findInbound(set.Flows[id], random); t != nil {
			return &target{shown: shownPath(path), flow: set.Flows[id], trigger: t}
		}
	}
	return nil
}

// findInbound returns the webhook of a flow that has the address, nil if none
// has.
func (h *Hooks) findInbound(flow *program.Flow, random string) *program.FlowTrigger {
	if flow == nil {
		return nil
	}
	for _, t := range flow.Triggers {
		if t.Webhook != nil && same(random, h.opt.Address(h.opt.nameOf(flow, t))) {
			return t
		}
	}
	return nil
}

func findConnector(set *program.Set, id string) *target {
	c := set.Connectors[id]
	connections := connectionsOf(set, id)
	if c == nil || !routesByBody(c) || len(connections) == 0 {
		return nil
	}
	return &target{shown: prefix + id, connector: id, hooks: c.Webhooks, connections: connections, own: ownWay(set, id), byBody: true}
}

// ownWay returns the triggers of a connector that flows wait for and that say
// themselves whose event a delivery is, or that it may come without a time.
func ownWay(set *program.Set, connector string) []*program.Trigger {
	var own []*program.Trigger
	for _, flow := range flowsOf(set) {
		for _, on := range flow.Triggers {
			t := on.Event
			if t != nil && t.Connector.ID == connector && (t.Connection != nil || t.Timeless) && !slices.Contains(own, t) {
				own = append(own, t)
			}
		}
	}
	return own
}

// shownPath returns a path with the random part, which is a secret, left out.
func shownPath(path string) string {
	const longest = 200
	path = strings.TrimSuffix(path, "/")
	if _, random, ok := cutLast(strings.TrimLeft(strings.TrimPrefix(path, prefix), "/")); ok {
		path = strings.TrimSuffix(path, random) + "…"
	}
	if r := []rune(path); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return path
}

func cutLast(path string) (before, last string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return path, "", false
	}
	return path[:i], path[i+1:], true
}

// same compares in a time that tells nothing about where two texts differ.
func same(given, right string) bool {
	return right != "" && subtle.ConstantTimeCompare([]byte(given), []byte(right)) == 1
}

// routesByBody reports whether all events of the vendor come to one address.
func routesByBody(c *program.Connector) bool {
	return c.Webhooks != nil && c.Webhooks.Connection != nil
}

// hasOwnAddress reports whether the events of a connection come to an address
// of its own.
func hasOwnAddress(c *program.Connection) bool {
	return c != nil && c.Connector.Webhooks != nil && c.Connector.Webhooks.Connection == nil
}

// connectionsOf returns the written connections of a connector, sorted by name:
// there may be a thousand accounts behind each of them.
func connectionsOf(set *program.Set, connector string) []*program.Connection {
	var all []*program.Connection
	for _, name := range set.WrittenConnections() {
		if c := set.Connections[name]; c.Connector.ID == connector {
			all = append(all, c)
		}
	}
	return all
}

// flowsOf returns the flows that are switched on, sorted by id.
func flowsOf(set *program.Set) []*program.Flow {
	var all []*program.Flow
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		if set.Flows[id].Enabled {
			all = append(all, set.Flows[id])
		}
	}
	return all
}

// triggersOf returns the triggers that deliveries for the connections may fire.
func triggersOf(set *program.Set, connections ...*program.Connection) []string {
	var names []string
	for _, flow := range flowsOf(set) {
		for _, t := range flow.Triggers {
			if slices.ContainsFunc(connections, func(c *program.Connection) bool { return concerns(t, c) }) {
				names = append(names, flow.ID+"/"+t.ID)
			}
		}
		for _, s := range flow.Awaiting() {
			a := Awaited{Trigger: s.WaitFor.Event, Use: s.Use}
			if slices.ContainsFunc(connections, a.comesThrough) {
				names = append(names, flow.ID+"/"+s.Path)
			}
		}
	}
	return names
}

// listens reports whether a trigger wants deliveries for the connection.
func listens(t *program.FlowTrigger, c *program.Connection) bool {
	return t.Event != nil && t.Event.Webhook && t.Use != nil &&
		t.Use.Stands(c) && t.Event.Connector.ID == c.Connector.ID
}

// concerns reports whether a trigger wants deliveries for the connection or
// for accounts that it serves.
func concerns(t *program.FlowTrigger, c *program.Connection) bool {
	return listens(t, c) || t.Event != nil && t.Event.Webhook && t.Use != nil && t.Use.Written() == c.Name && c.IsAgency()
}
