package trigger

import (
	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// placesOf returns the connections at which a trigger of a flow looks: the one
// its role names, or those to all accounts that are there.
func placesOf(set *program.Set, use *program.Use) []string {
	if !use.Every() {
		return []string{use.Connection}
	}
	var names []string
	for _, c := range set.ConnectionsOf(use) {
		names = append(names, c.Name)
	}
	return names
}

// place is what the state of a trigger belongs to.
type place struct{ flow, trigger, connection string }

// position is a cursor as it is stored: an object with the keys at, of and
// paused. Keys may be added, and never change their meaning; one that is
// missing has its zero value.
type position struct {
	// at is the last tick of a schedule (RFC 3339), the highest value of
	// `changed` that a poll has seen, or the position of the last failure that
	// was looked at.
	at any
	// of says what it is a position in. Where the trigger is another one now,
	// the position means little.
	of string
	// since is when a schedule began (RFC 3339): what had passed by then was not
	// missed, even if the clock is set back and passes it once more.
	since string
	// paused is true once the flow was switched off: what happened until it is
	// switched on again does not count.
	paused bool
}

func positionOf(v any) position {
	m, ok := v.(map[string]any)
	if !ok {
		return position{}
	}
	p := position{at: m["at"]}
	p.of, _ = m["of"].(string)
	p.since, _ = m["since"].(string)
	p.paused, _ = m["paused"].(bool)
	return p
}

func (p position) cursor(at place) *journal.Cursor {
	v := map[string]any{"at": p.at, "of": p.of}
	if p.since != "" {
		v["since"] = p.since
	}
	if p.paused {
		v["paused"] = true
	}
	return &journal.Cursor{Flow: at.flow, Trigger: at.trigger, Connection: at.connection, Value: v}
}
