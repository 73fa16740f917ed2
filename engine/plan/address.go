package plan

import (
	"cmp"
	"slices"

	"patchbay/engine/program"
)

// subscribes reports whether a service is asked by calls to deliver.
func subscribes(k *program.Connector) bool {
	return k.Webhooks != nil && k.Webhooks.Connection == nil && k.Webhooks.Subscribe != nil
}

// Address is where events are delivered at which a flow waits newly, or none
// does any more.
type Address struct {
	// Connector is given for the one address of a service, Connection beside it
	// for the address of a connection, Flow and Trigger for that of a flow.
	Connector  string `json:"connector,omitempty"`
	Connection string `json:"connection,omitempty"`
	Flow       string `json:"flow,omitempty"`
	Trigger    string `json:"trigger,omitempty"`
	How        How    `json:"how"` // new or removed
	// ByHand is true if somebody must enter it at the service.
	ByHand bool `json:"by_hand"`
}

// addressOf returns where the events of a trigger of a service are delivered;
// false for one that is not delivered.
func addressOf(t *program.Trigger, use *program.Use) (Address, bool) {
	if t == nil || !t.Webhook {
		return Address{}, false
	}
	at := Address{Connector: t.Connector.ID, ByHand: !subscribes(t.Connector)}
	if t.Connector.Webhooks == nil || t.Connector.Webhooks.Connection == nil {
		at.Connection = use.Written()
	}
	return at, true
}

// words says in words where events are delivered.
func (a Address) words() string {
	switch {
	case a.Flow != "":
		return "the address of " + a.Flow + ", trigger " + a.Trigger
	case a.Connection != "":
		return "the address of the connection " + a.Connection
	default:
		return "the address of " + a.Connector
	}
}

// waitedAt returns the addresses at which the flows wait that are switched on,
// with triggers or with steps.
func waitedAt(set *program.Set) map[Address]bool {
	out := map[Address]bool{}
	for id, f := range set.Flows {
		for _, t := range f.Triggers {
			if t.Webhook != nil {
				out[Address{Flow: id, Trigger: t.ID, ByHand: true}] = true // also while it is switched off
			}
			if at, ok := addressOf(t.Event, t.Use); ok && f.Enabled {
				out[at] = true
			}
		}
		for _, s := range f.Awaiting() {
			if at, ok := addressOf(s.WaitFor.Event, s.Use); ok && f.Enabled {
				out[at] = true
			}
		}
	}
	return out
}

// addresses says where a flow waits newly for deliveries, and where none does
// any more.
func (c *comparison) addresses() []Address {
	was, is := waitedAt(c.before), waitedAt(c.after)
	out := []Address{}
	for at := range is {
		if !was[at] {
			at.How = New
			out = append(out, at)
		}
	}
	for at := range was {
		if !is[at] {
			at.How = Removed
			out = append(out, at)
		}
	}
	slices.SortFunc(out, func(a, b Address) int {
		return cmp.Or(cmp.Compare(a.How, b.How), cmp.Compare(a.words(), b.words()))
	})
	return out
}

// Subscription is something a service is asked to deliver, or no more.
type Subscription struct {
	Connection string `json:"connection"`
	Connector  string `json:"connector"`
	Event      string `json:"event"` // in the words of the service
	// Happens is starts for one that is made, stops for one that is ended.
	Happens Happens `json:"happens"`
}

// subscriptions says what services are asked to deliver, and what no more. What
// flows wait for that are only switched off stays subscribed to.
func (c *comparison) subscriptions() []Subscription {
	was, is := subscribed(c.before, true), subscribed(c.after, true)
	rests := subscribed(c.after, false)
	out := []Subscription{}
	for _, key := range union(was, is) {
		switch {
		case was[key] == nil:
			made := *is[key]
			made.Happens = Starts
			out = append(out, made)
		case is[key] == nil && rests[key] == nil:
			ended := *was[key]
			ended.Happens = Stops
			out = append(out, ended)
		}
	}
	return out
}

// subscribed returns what the flows need that are switched on, or off.
func subscribed(set *program.Set, enabled bool) map[string]*Subscription {
	out := map[string]*Subscription{}
	need := func(t *program.Trigger, use *program.Use) {
		if t == nil || !t.Webhook || t.Event == "" || !subscribes(t.Connector) {
			return
		}
		out[use.Connection+" "+t.Event] = &Subscription{Connection: use.Connection, Connector: t.Connector.ID, Event: t.Event}
	}
	for _, f := range set.Flows {
		if f.Enabled != enabled {
			continue
		}
		for _, t := range f.Triggers {
			need(t.Event, t.Use)
		}
		for _, s := range f.Awaiting() {
			need(s.WaitFor.Event, s.Use)
		}
	}
	return out
}
