package trigger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// mostItems is how many items a list may have: they are held in memory until
// all of them are accepted.
const mostItems = 100_000

// errGone says that a trigger was removed before its look began.
var errGone = errors.New("the trigger is no longer there")

// view is one look at a list.
type view struct {
	at    place
	began time.Time
	flow  *program.Flow
	on    *program.FlowTrigger
	conn  *program.Connection // nil where none is needed
	// before is where the last look came to. first is true if nothing that is
	// there now may start a run, moved if only what changed since before may.
	before       position
	first, moved bool
	of           string
	highest      any // value of changed so far
	// Where in an item its id and what differs when it has changed are; no
	// changed where only new items start runs.
	itemID, changed []string
}

// seen is what a look that went well found.
type seen struct {
	items   int
	unnamed int // those without an id, which were left out
	id      string
}

// remark returns what was wrong although the look went well, "" for nothing.
func (s seen) remark() string {
	if s.unnamed == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d items have no %s and were left out", s.unnamed, s.items, s.id)
}

// read looks once and accepts what it finds.
func (p *Polls) read(ctx context.Context, at place, now time.Time) (seen, error) {
	v, err := p.view(at, now)
	if err != nil {
		return seen{}, err
	}
	inputs, err := p.inputs(ctx, v)
	if err != nil {
		return seen{}, err
	}
	v.itemID = program.PathFrom(v.on.Event.Poll.ItemID, inputs, "item")
	v.changed = program.PathFrom(v.on.Event.Poll.Changed, inputs, "item")
	if err := p.recall(ctx, v, inputs); err != nil {
		return seen{}, err
	}
	with, err := p.with(ctx, v, inputs)
	if err != nil {
		return seen{}, err
	}
	items, err := p.list(ctx, v, with)
	if err != nil {
		return seen{}, err
	}
	arrivals, unnamed := p.arrivals(ctx, v, items)
	after := position{at: v.highest, of: v.of}
	if len(arrivals) > 0 || v.first || v.moved {
		if _, err := p.opt.Accept(ctx, arrivals, after.cursor(at)); err != nil {
			return seen{}, err
		}
	}
	return seen{items: len(items), unnamed: unnamed, id: v.names()}, nil
}

// view finds what is live at a place.
func (p *Polls) view(at place, now time.Time) (*view, error) {
	set := p.opt.Live()
	v := &view{at: at, began: now, flow: set.Flows[at.flow], conn: set.Connections[at.connection]}
	if v.flow == nil {
		return nil, errGone
	}
	for _, t := range v.flow.Triggers {
		if t.ID == at.trigger && t.Event != nil && t.Event.Poll != nil {
			v.on = t
		}
	}
	switch {
	case v.on == nil:
		return nil, errGone
	case v.conn == nil && v.on.Event.Connector.NeedsConnection():
		return nil, errors.New(set.NoConnection(at.connection))
	case v.conn.Gone() != "":
		return nil, errors.New(v.conn.Gone())
	}
	return v, nil
}

func (p *Polls) env(v *view, names map[string]any) *expr.Env {
	return &expr.Env{Names: names, Now: v.began, Place: v.at.flow + "/" + v.at.trigger}
}

// inputs returns what the flow gives the trigger, with the defaults of the
// rest.
func (p *Polls) inputs(ctx context.Context, v *view) (map[string]any, error) {
	written, err := v.on.With.Eval(p.env(v, map[string]any{"connection": p.opt.byRole(ctx, v.flow, v.at.connection)}))
	if err != nil {
		return nil, fmt.Errorf("with: %w", err)
	}
	given, _ := written.(map[string]any)
	all := map[string]any{}
	maps.Copy(all, given)
	names := map[string]any{"connection": p.opt.fields(ctx, v.conn)}
	for _, in := range v.on.Event.Input {
		if all[in.Name] != nil {
			continue
		}
		if all[in.Name], err = in.Default.Eval(p.env(v, names)); err != nil {
			return nil, fmt.Errorf("the default of %s: %w", in.Name, err)
		}
	}
	return all, nil
}

// recall finds out where the last look came to, and whether it looked at the
// same thing.
func (p *Polls) recall(ctx context.Context, v *view, inputs map[string]any) error {
	text, err := value.Encode(inputs)
	if err != nil {
		return fmt.Errorf("with: %w", err)
	}
	event := v.on.Event
	list := event.ID + " " + v.names() + "@" + strings.Join(v.changed, ".") + " "
	v.of = list + string(text)
	stored, begun, err := p.opt.Cursor(ctx, v.at.flow, v.at.trigger, v.at.connection)
	if err != nil {
		return err
	}
	v.before = positionOf(stored)
	switch {
	case !begun || !strings.HasPrefix(v.before.of, list):
		v.first, v.before = !v.on.FromStart, position{}
	case v.before.paused:
		v.first = true
	case v.before.of != v.of:
		// The same list, asked for otherwise: what it held before is not news,
		// what changed since the last look is.
		v.moved = true
	}
	v.highest = v.before.at
	return nil
}

// with returns the inputs of the action that lists.
func (p *Polls) with(ctx context.Context, v *view, inputs map[string]any) (map[string]any, error) {
	got, err := v.on.Event.Poll.With.Eval(p.env(v, map[string]any{
		"connection": p.opt.fields(ctx, v.conn), "input": inputs, "cursor": v.before.at,
		"now": v.began.UTC().Format(time.RFC3339),
	}))
	if err != nil {
		return nil, fmt.Errorf("with of %s: %w", v.on.Event.ID, err)
	}
	all, _ := got.(map[string]any)
	with := maps.Clone(all)
	maps.DeleteFunc(with, func(_ string, v any) bool { return v == nil })
	return with, nil
}

// list returns all items, the one that changed longest ago first where that is
// known.
func (p *Polls) list(ctx context.Context, v *view, with map[string]any) ([]any, error) {
	var items []any
	for page, err := range p.opt.List(ctx, v.on.Event.Poll.Action, v.conn, with) {
		if err != nil {
			return nil, err
		}
		if items = append(items, page...); len(items) > mostItems {
			return nil, fmt.Errorf("the list of %s has more than %d items", v.on.Event.ID, mostItems)
		}
	}
	if changed := v.changed; changed != nil {
		slices.SortStableFunc(items, func(a, b any) int {
			x, _ := value.Get(a, changed)
			y, _ := value.Get(b, changed)
			return compareChanges(x, y)
		})
	}
	return items, nil
}

// arrivals returns an arrival for each item, and how many have no id. It moves
// v.highest.
func (p *Polls) arrivals(ctx context.Context, v *view, items []any) (all []journal.Arrival, unnamed int) {
	for _, item := range items {
		event, id, ok := p.found(v, item)
		if !ok {
			unnamed++
			continue
		}
		a := journal.Arrival{
			Flow: v.flow.ID, Definition: v.flow.Hash, Trigger: v.on.ID, Connection: v.at.connection,
			EventID: id, At: v.began, SeenOnly: v.first || v.moved,
		}
		if v.changed != nil {
			changed, _ := value.Get(item, v.changed)
			old := v.before.at == nil || compareChanges(changed, v.before.at) <= 0
			a.SeenOnly = v.first || v.moved && old
			if compareChanges(changed, v.highest) > 0 {
				v.highest = changed
			}
		}
		if !a.SeenOnly {
			a.Event = event
			var err error
			if a.Queue, err = p.opt.Queue(ctx, v.flow, &a); err != nil {
				p.log.Warn("queue_by", "flow", v.flow.ID, "event", a.EventID, "error", err)
			}
		}
		all = append(all, a)
	}
	return all, unnamed
}

// found returns the event that an item is and what it is known by; false for
// one that has no id.
func (p *Polls) found(v *view, item any) (event any, id string, ok bool) {
	t := v.on.Event
	if t.Poll.Event != nil {
		event, err := t.Poll.Event.Eval(p.env(v, map[string]any{"item": item}))
		if err != nil {
			p.log.Warn("catch up", "flow", v.at.flow, "trigger", v.at.trigger, "error", err)
			return nil, "", false
		}
		id, ok = sameID(t, event)
		return event, id, ok
	}
	raw, _ := value.Get(item, v.itemID)
	if id, ok = textOf(raw); ok && v.changed != nil {
		changed, _ := value.Get(item, v.changed)
		text, _ := textOf(changed)
		id += "@" + text
	}
	return item, id, ok
}

// names returns what the items of a poll are known by, in words.
func (v *view) names() string {
	if v.on.Event.Poll.Event == nil {
		return strings.Join(v.itemID, ".")
	}
	var names []string
	for _, path := range v.on.Event.Same {
		names = append(names, strings.Join(path, "."))
	}
	return strings.Join(names, " and ")
}

// sameID returns what an event is known by that comes both by a delivery and by
// a look: a delivery's own id says nothing to who looks. It is false for an
// event that lacks a part of it, and where nothing looks.
func sameID(t *program.Trigger, event any) (string, bool) {
	if t.Same == nil {
		return "", false
	}
	parts := make([]string, 0, len(t.Same))
	for _, path := range t.Same {
		v, _ := value.Get(event, path)
		text, ok := textOf(v)
		if !ok {
			return "", false
		}
		// The same time may be written in two ways.
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			text = at.UTC().Format(time.RFC3339Nano)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "@"), true
}

// compareChanges compares two values of `changed`: as numbers, as times, else
// as texts. What is missing comes first.
func compareChanges(a, b any) int {
	x, xNumber := numberOf(a)
	y, yNumber := numberOf(b)
	if xNumber && yNumber {
		return cmp.Compare(x, y)
	}
	s, sThere := textOf(a)
	t, tThere := textOf(b)
	if !sThere || !tThere {
		return cmp.Compare(rank(sThere), rank(tThere))
	}
	from, err1 := time.Parse(time.RFC3339, s)
	to, err2 := time.Parse(time.RFC3339, t)
	if err1 == nil && err2 == nil {
		return from.Compare(to)
	}
	return strings.Compare(s, t)
}

func numberOf(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}

func rank(there bool) int {
	if there {
		return 1
	}
	return 0
}
