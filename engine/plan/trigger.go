package plan

import (
	"slices"
	"time"

	"patchbay/engine/program"
)

// Trigger is what becomes of a trigger of a flow that is different.
type Trigger struct {
	ID string `json:"id"`
	// Kind is webhook, poll, schedule, on_demand or flow_failed.
	Kind string `json:"kind"`
	// Is says what fires it: "acme.thing_made", "every 15m".
	Is         string  `json:"is,omitempty"`
	Connection string  `json:"connection,omitempty"`
	Happens    Happens `json:"happens"`
	// Next is when a schedule fires then.
	Next time.Time `json:"next,omitzero"`
	// Says tells the same and what follows from it in a sentence.
	Says string `json:"says"`
}

// Happens says what becomes of a trigger.
type Happens string

// What becomes of a trigger.
const (
	Starts Happens = "starts"      // it fires from then on
	Stops  Happens = "stops"       // it fires no more
	GoesOn Happens = "goes_on"     // it fires as before, and has come as far
	Anew   Happens = "begins_anew" // it fires otherwise, and what was before does not count
)

// differs reports whether something else becomes of a trigger than before.
func (t Trigger) differs() bool { return t.Happens != GoesOn }

// triggers says what becomes of the triggers of a flow.
func (c *comparison) triggers(before, after *program.Flow) []Trigger {
	was, is := active(before), active(after)
	out := []Trigger{}
	for _, id := range triggerIDs(before, after) {
		switch old, now := was[id], is[id]; {
		case old == nil && now == nil:
		case now == nil:
			out = append(out, c.stops(before, after, old))
		case old == nil:
			out = append(out, c.starts(before, after, now))
		default:
			out = append(out, c.goesOn(after, old, now))
		}
	}
	return out
}

// active returns the triggers that can fire. A flow that is switched off can
// still be run by hand, and be called.
func active(f *program.Flow) map[string]*program.FlowTrigger {
	out := map[string]*program.FlowTrigger{}
	if f == nil {
		return out
	}
	for _, t := range f.Triggers {
		if f.Enabled || t.OnDemand {
			out[t.ID] = t
		}
	}
	return out
}

// triggerIDs returns the ids in the order of the file as it will be, with those
// behind them that are gone.
func triggerIDs(before, after *program.Flow) []string {
	var ids []string
	for _, f := range []*program.Flow{after, before} {
		if f == nil {
			continue
		}
		for _, t := range f.Triggers {
			if !slices.Contains(ids, t.ID) {
				ids = append(ids, t.ID)
			}
		}
	}
	return ids
}

// triggerOf returns what can be said of a trigger whatever becomes of it.
func triggerOf(t *program.FlowTrigger, happens Happens) Trigger {
	out := Trigger{ID: t.ID, Happens: happens}
	switch {
	case t.OnDemand:
		out.Kind = "on_demand"
	case t.Schedule != nil:
		out.Kind, out.Is = "schedule", clock(t.Schedule)
	case t.Webhook != nil:
		out.Kind = "webhook"
	case t.FlowFailed == program.AnyFlow:
		out.Kind, out.Is = "flow_failed", "another flow fails"
	case t.FlowFailed != "":
		out.Kind, out.Is = "flow_failed", t.FlowFailed+" fails"
	case t.Event.Webhook:
		out.Kind, out.Is, out.Connection = "webhook", t.Event.ID, t.Use.Connection
	default:
		out.Kind, out.Is, out.Connection = "poll", t.Event.ID, t.Use.Connection
	}
	return out
}

// stops says what follows when a trigger fires no more.
func (c *comparison) stops(before, after *program.Flow, t *program.FlowTrigger) Trigger {
	out := triggerOf(t, Stops)
	rests := after != nil && slices.ContainsFunc(after.Triggers, func(o *program.FlowTrigger) bool { return o.ID == t.ID })
	switch {
	case out.Kind == "on_demand":
		out.Says = "it can be run by hand, and called, no more"
	case out.Kind == "schedule" && rests:
		out.Says = "it stops; what would be due until it is switched on again is not made up for"
	case out.Kind == "poll" && rests:
		out.Says = "it stops looking; what comes until it is switched on again does not count"
	case out.Kind == "poll":
		out.Says = "it stops looking"
	case rests && t.Event != nil:
		out.Says = "such events start it no more; what comes until it is switched on again is not made up for"
	case t.Webhook != nil && rests:
		out.Says = "it takes no deliveries until it is switched on again; its address stays"
	case t.Webhook != nil:
		out.Says = "its address answers no more"
	case t.Event != nil:
		out.Says = "such events start " + before.ID + " no more"
	default:
		out.Says = "it stops"
	}
	return out
}

// starts says what follows when a trigger fires from then on.
func (c *comparison) starts(before, after *program.Flow, t *program.FlowTrigger) Trigger {
	out := triggerOf(t, Starts)
	again := before != nil && !before.Enabled
	switch {
	case out.Kind == "on_demand":
		out.Says = "it can be run by hand, and called"
	case out.Kind == "schedule":
		c.startsSchedule(&out, after, t)
	case out.Kind == "poll":
		out.Says = c.firstLook(after, t, again)
	case t.Webhook != nil && again && waitedAt(c.before)[Address{Flow: after.ID, Trigger: t.ID, ByHand: true}]:
		out.Says = "its address takes deliveries again"
	case t.Webhook != nil:
		out.Says = "it gets an address of its own"
	case t.Event != nil:
		at, _ := addressOf(t.Event, t.Use)
		out.Says = "its events come to " + at.words()
	default:
		out.Says = "it starts with what fails from then on"
	}
	if t.Event != nil && t.Event.Webhook && t.Event.Poll != nil {
		out.Says += "; what is not delivered is found by asking every " + span(t.Event.Poll.Every)
	}
	return out
}

func (c *comparison) startsSchedule(out *Trigger, after *program.Flow, t *program.FlowTrigger) {
	out.Next = c.next(t)
	out.Says = "it starts"
	cursor, begun := c.Cursors[Place{after.ID, t.ID, ""}]
	if begun && !cursor.Paused && cursor.Of == c.Ticks(t.Schedule) {
		out.Happens = GoesOn
		out.Says = "it was there before, and goes on behind its last time; " + missed(t.Schedule.Missed)
	}
}

// missed says what becomes of the ticks while nothing ran.
func missed(m program.Missed) string {
	switch m {
	case program.MissedRunAll:
		return "each time that was missed is made up for"
	case program.MissedRunOnce:
		return "what was missed is made up for once"
	default:
		return "what was missed is not made up for"
	}
}

func (c *comparison) next(t *program.FlowTrigger) time.Time {
	if !c.Data {
		return time.Time{} // folders that are compared go live nobody knows when
	}
	return c.Next(t.Schedule, c.Now)
}

// firstLook says what the first look of a poll does.
func (c *comparison) firstLook(after *program.Flow, t *program.FlowTrigger, again bool) string {
	const looks = "its first look starts nothing: what is there by then counts as seen"
	every := "it looks every " + span(t.Event.Poll.Every)
	cursor, begun := c.Cursors[Place{after.ID, t.ID, t.Use.Connection}]
	switch {
	case begun && cursor.Paused, again && !c.Data:
		return every + " again; " + looks
	case begun:
		return every + " again, and goes on where it stopped"
	case t.FromStart:
		return every + "; its first look starts a run for everything that is there (from_start)"
	default:
		return every + "; " + looks
	}
}

// goesOn says what becomes of a trigger that was there and is.
func (c *comparison) goesOn(after *program.Flow, old, now *program.FlowTrigger) Trigger {
	out := triggerOf(now, GoesOn)
	was := triggerOf(old, GoesOn)
	if identity(old) != identity(now) {
		anew := c.starts(nil, after, now)
		anew.Happens = Anew
		anew.Says = "it was " + was.words() + " before, and begins anew: " + anew.Says
		return anew
	}
	switch out.Kind {
	case "schedule":
		out.Next = c.next(now)
		out.Says = "it goes on"
		if c.Ticks(old.Schedule) != c.Ticks(now.Schedule) {
			out.Happens = Anew
			out.Says = "it begins anew with its next time; it was " + clock(old.Schedule)
		}
	case "poll":
		c.pollGoesOn(&out, after, old, now)
	case "on_demand":
		out.Says = "it can be run by hand, and called, as before"
	case "webhook":
		out.Says = "its address stays"
		if now.Event != nil && old.Use.Connection != now.Use.Connection {
			out.Happens = Anew
			out.Says = "its events come through " + now.Use.Connection + " then, not through " + old.Use.Connection
		}
	default:
		out.Says = "it goes on"
		if was.Is != out.Is {
			out.Says = "it fires when " + out.Is + " then, not when " + was.Is
		}
	}
	return out
}

// words says what a trigger is.
func (t Trigger) words() string {
	switch {
	case t.Kind == "on_demand":
		return "on demand"
	case t.Kind == "flow_failed":
		return "for when " + t.Is
	case t.Is == "":
		return "a " + t.Kind + " of its own"
	default:
		return "the " + t.Kind + " " + t.Is
	}
}

func (c *comparison) pollGoesOn(out *Trigger, after *program.Flow, old, now *program.FlowTrigger) {
	was, is := old.Event.Poll, now.Event.Poll
	var with, asks phrases
	with.value("with", old.With)
	asks.value("with", now.With)
	switch {
	case old.Use.Connection != now.Use.Connection:
		out.Happens = Anew
		out.Says = "it looks through " + now.Use.Connection + " then, not through " + old.Use.Connection +
			", and begins anew: its first look starts nothing"
	case !slices.Equal(was.ItemID, is.ItemID), !slices.Equal(was.Changed, is.Changed), !slices.EqualFunc(old.Event.Same, now.Event.Same, slices.Equal):
		out.Happens = Anew
		out.Says = "its items are told apart otherwise than before, so it begins anew: its first look starts nothing"
	case !slices.Equal(with, asks):
		out.Says = "it keeps its cursor and asks for something else: what that list holds already counts as seen, but for what changed since its last look"
	default:
		out.Says = "it keeps its cursor"
		if _, begun := c.Cursors[Place{after.ID, now.ID, now.Use.Connection}]; c.Data && !begun && !now.Use.Every() {
			out.Says = "it has not looked yet"
		}
	}
	if was.Every != is.Every {
		out.Says += "; it looks every " + span(is.Every) + ", not every " + span(was.Every)
	}
}
