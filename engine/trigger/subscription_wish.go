package trigger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// wish is a subscription that the flows need.
type wish struct {
	slot
	conn     *program.Connection
	events   []string
	triggers []string // "flow/trigger id"
	caught   bool     // its events are found by catch_up, too
	address  string
	// with is what the service is given, of its sum.
	with map[string]any
	of   string
	// barred says why it cannot be made by calls, hint what to do then.
	barred, hint string
}

// subscribes returns how the events of a connection are subscribed to, nil
// where people enter its address at the service.
func subscribes(c *program.Connection) *program.Subscribe {
	if !hasOwnAddress(c) {
		return nil
	}
	return c.Connector.Webhooks.Subscribe
}

// wishes returns what the enabled flows need, by connection and in the order
// of events.
func (s *Subscriptions) wishes(ctx context.Context, set *program.Set) (map[string][]*wish, error) {
	all := map[string][]*wish{}
	awaited, err := s.opt.awaited(ctx, set)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(set.Connections)) {
		conn := set.Connections[name]
		sub := subscribes(conn)
		if sub == nil {
			continue
		}
		bySlot := wanted(set, awaited, conn, sub)
		for _, w := range bySlot {
			slices.Sort(w.events)
			s.fill(ctx, w, sub)
			all[name] = append(all[name], w)
		}
		slices.SortFunc(all[name], func(a, b *wish) int { return strings.Compare(a.event, b.event) })
	}
	return all, nil
}

// wanted returns the subscriptions of one connection that triggers and waiting
// steps need.
func wanted(set *program.Set, awaited []Awaited, conn *program.Connection, sub *program.Subscribe) map[slot]*wish {
	bySlot := map[slot]*wish{}
	want := func(t *program.Trigger, who string) *wish {
		at := slotOf(sub, conn.Name, t.Event)
		if bySlot[at] == nil {
			bySlot[at] = &wish{slot: at, conn: conn}
		}
		w := bySlot[at]
		if !slices.Contains(w.events, t.Event) {
			w.events = append(w.events, t.Event)
		}
		if !slices.Contains(w.triggers, who) {
			w.triggers = append(w.triggers, who)
		}
		return w
	}
	for _, flow := range flowsOf(set) {
		for _, t := range flow.Triggers {
			if listens(t, conn) && t.Event.Event != "" {
				w := want(t.Event, flow.ID+"/"+t.ID)
				w.caught = w.caught || t.Event.Poll != nil
			}
		}
	}
	for _, a := range awaited {
		if a.comesThrough(conn) && a.Trigger.Event != "" {
			want(a.Trigger, a.Step)
		}
	}
	return bySlot
}

func slotOf(sub *program.Subscribe, connection, event string) slot {
	if sub.All {
		return slot{connection, ""}
	}
	return slot{connection, event}
}

// fill finds out what the service would be given, or why nothing can be asked
// of it.
func (s *Subscriptions) fill(ctx context.Context, w *wish, sub *program.Subscribe) {
	vendor := w.conn.Connector.Name
	root := s.opt.PublicURL()
	path := prefix + s.opt.ownPath(w.connection, s.opt.Address)
	switch {
	case !sub.By(w.conn):
		w.barred = fmt.Sprintf("%s takes subscriptions only from connections with auth: %s", vendor, strings.Join(sub.Ways, " or "))
		w.hint = "connect " + w.connection + " that way"
		if w.caught {
			w.hint += "; until then they are found by asking now and then"
		}
		return
	case root == "":
		w.barred = "no public address is known, under which " + vendor + " could reach patchbay serve"
		w.hint = "start patchbay serve with --public-url https://…; or tell " + vendor + " yourself where it can be reached, with the path that serve prints behind `webhooks`"
		return
	}
	w.address = strings.TrimSuffix(root, "/") + path
	with, err := s.inputs(ctx, sub, w, w.events)
	if err != nil {
		w.barred, w.hint = "the secret to sign with: "+sentence(err), "patchbay connections shows what is missing"
		return
	}
	w.with, w.of = with, sum(w.conn, with)
}

// inputs returns what the service is given for events.
func (s *Subscriptions) inputs(ctx context.Context, sub *program.Subscribe, w *wish, events []string) (map[string]any, error) {
	names := map[string]any{"address": w.address, "event": w.event, "events": anyList(events), "secret": ""}
	if sub.TakesSecret() {
		secret, err := s.opt.Secret(ctx, w.conn)
		if err != nil {
			return nil, err
		}
		names["secret"] = secret
	}
	with, err := sub.OnWith.Eval(&expr.Env{Names: names})
	if err != nil {
		return nil, err
	}
	given, _ := with.(map[string]any)
	return given, nil
}

// sum tells whether a service would be given something else than before.
func sum(conn *program.Connection, with map[string]any) string {
	text, err := value.Encode(with)
	if err != nil {
		return "" // unreachable: inputs are data
	}
	all := sha256.Sum256(append([]byte(conn.URL()+"\n"), text...))
	return hex.EncodeToString(all[:])
}

// resting reports whether the events of a subscription are those of flows that
// are there and switched off.
func resting(set *program.Set, k *kept) bool {
	for _, flow := range set.Flows {
		for _, t := range flow.Triggers {
			if !flow.Enabled && t.Event != nil && t.Use != nil && t.Use.Connection == k.Connection && slices.Contains(k.Events, t.Event.Event) {
				return true
			}
		}
	}
	return false
}

func anyList(texts []string) []any {
	all := make([]any, len(texts))
	for i, t := range texts {
		all[i] = t
	}
	return all
}

// shownAddress returns an address with its secret part left out.
func shownAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "…"
	}
	return u.Scheme + "://" + u.Host + shownPath(u.Path)
}
