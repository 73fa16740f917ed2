package plan

import (
	"maps"
	"slices"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// Flow is a flow that is different.
type Flow struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// How is new, changed or removed.
	How How `json:"how"`
	// Was is the id of a flow that is removed, of which a new one says the same.
	Was string `json:"was,omitempty"`
	// Enabled says whether its triggers start runs then. Switched is on or off
	// where that is different.
	Enabled  bool   `json:"enabled"`
	Switched string `json:"switched,omitempty"`
	// Changes are what its own file says otherwise, but for triggers that come
	// or go. They are empty where only the layout or a comment is different, or
	// something it uses.
	Changes []Change `json:"changes"`
	// Because names what it uses and is different.
	Because  []Reason  `json:"because"`
	Triggers []Trigger `json:"triggers"`
	// UnderWay are its runs that have not ended, by their status: they go on
	// with the version they began with.
	UnderWay map[journal.Status]int `json:"under_way,omitempty"`
	Estimate *Estimate              `json:"estimate,omitempty"`
}

// Change is something that a flow says otherwise.
type Change struct {
	// What is flow, use, trigger, condition, input, var, step or output.
	What string `json:"what"`
	// Name is the id of a trigger or the path of a step as it will be; the text
	// of a condition; the name of a role, an input or a var.
	Name string `json:"name,omitempty"`
	How  How    `json:"how"`
	// Does is what a step does or a trigger is, in words.
	Does string `json:"does,omitempty"`
	// Was is the name it had, where it has another.
	Was    string  `json:"was,omitempty"`
	Fields []Field `json:"fields,omitempty"`
}

// Field is one key that says something else. From is left out where it said
// nothing, To where it says nothing any more.
type Field struct {
	Key  string `json:"key"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// Reason is something a flow uses that is different.
type Reason struct {
	What string `json:"what"` // connector, flow or table
	Name string `json:"name"`
}

// flow compares a flow with the one of the same id. It is false if both are the
// same.
func (c *comparison) flow(id string) (Flow, bool) {
	before, after := c.before.Flows[id], c.after.Flows[id]
	out := Flow{ID: id, How: Changed, Changes: []Change{}, Because: []Reason{}}
	switch {
	case before == nil:
		out.How, out.Was = New, c.was(after)
	case after == nil:
		out.How = Removed
	default:
		out.Changes = append(out.Changes, changes(before, after)...)
		if before.Hash == after.Hash && len(out.Changes) == 0 && before.Enabled == after.Enabled {
			return out, false
		}
		out.Because = append(out.Because, reasons(before, after)...)
		if before.Enabled != after.Enabled {
			out.Switched = map[bool]string{true: "on", false: "off"}[after.Enabled]
		}
	}
	out.Name = name(before, after)
	out.Enabled = after != nil && after.Enabled
	out.Triggers = c.triggers(before, after)
	if out.How != New && len(c.Open[id]) > 0 {
		out.UnderWay = maps.Clone(c.Open[id])
	}
	out.Estimate = c.estimate(id)
	return out, true
}

// was returns the id of the flow that is removed and of which a new one says the
// same, "" for none.
func (c *comparison) was(f *program.Flow) string {
	for _, id := range slices.Sorted(maps.Keys(c.before.Flows)) {
		if old := c.before.Flows[id]; c.after.Flows[id] == nil && old.Enabled == f.Enabled && len(changes(old, f)) == 0 {
			return id
		}
	}
	return ""
}

func name(before, after *program.Flow) string {
	if after != nil {
		return after.Name
	}
	return before.Name
}

// reasons names what both versions use and is different.
func reasons(before, after *program.Flow) []Reason {
	var out []Reason
	connectors := func(f *program.Flow) map[string]string {
		hashes := map[string]string{}
		for _, use := range f.Uses {
			hashes[use.Connector.ID] = use.Connector.Hash
		}
		return hashes
	}
	for _, p := range parts(connectors(before), connectors(after), func(a, b string) bool { return a == b }) {
		if p.How == Changed {
			out = append(out, Reason{"connector", p.Name})
		}
	}
	for _, p := range parts(before.Calls, after.Calls, func(a, b *program.Flow) bool { return a.Hash == b.Hash }) {
		if p.How == Changed {
			out = append(out, Reason{"flow", p.Name})
		}
	}
	for _, p := range parts(before.Tables, after.Tables, (*program.TableShape).SameShape) {
		if p.How == Changed {
			out = append(out, Reason{"table", p.Name})
		}
	}
	return out
}

// changes compares what two versions of a flow say themselves.
func changes(before, after *program.Flow) []Change {
	var out []Change
	if fields := differing(head(before), head(after)); len(fields) > 0 {
		out = append(out, Change{What: "flow", How: Changed, Fields: fields})
	}
	out = append(out, uses(before, after)...)
	out = append(out, saidTriggers(before, after)...)
	out = append(out, conditions(before, after)...)
	out = append(out, compared("input", inputs(before.Inputs), inputs(after.Inputs))...)
	out = append(out, compared("var", named(before.Vars), named(after.Vars))...)
	out = append(out, steps(before, after)...)
	var was, is phrases
	was.value("output", before.Output)
	is.value("output", after.Output)
	if fields := differing(was, is); len(fields) > 0 {
		out = append(out, Change{What: "output", How: Changed, Fields: fields})
	}
	return out
}

// head is what stands at the top of a flow.
func head(f *program.Flow) phrases {
	var p phrases
	p.add("name", f.Name)
	p.add("description", f.Description)
	p.add("mode", string(f.Mode))
	p.code("queue_by", f.QueueBy)
	p.span("limits.run_time", f.RunTime)
	p.number("limits.queue", f.Queue)
	return p
}

// uses compares the connections behind the roles that both versions have.
func uses(before, after *program.Flow) []Change {
	var out []Change
	for _, role := range union(before.Uses, after.Uses) {
		was, is := before.Uses[role], after.Uses[role]
		if was == nil || is == nil || was.Connection == is.Connection {
			continue
		}
		out = append(out, Change{What: "use", Name: role, How: Changed, Fields: []Field{{Key: "connection", From: was.Connection, To: is.Connection}}})
	}
	return out
}

// conditions compares the conditions, each known by its text.
func conditions(before, after *program.Flow) []Change {
	texts := func(f *program.Flow) []string {
		var all []string
		for _, c := range f.Conditions {
			all = append(all, c.Source())
		}
		return all
	}
	was, is := texts(before), texts(after)
	var out []Change
	for _, text := range is {
		if !slices.Contains(was, text) {
			out = append(out, Change{What: "condition", Name: text, How: New})
		}
	}
	for _, text := range was {
		if !slices.Contains(is, text) {
			out = append(out, Change{What: "condition", Name: text, How: Removed})
		}
	}
	return out
}

// compared compares what has names.
func compared(what string, before, after map[string]phrases) []Change {
	var out []Change
	for _, p := range parts(before, after, func(a, b phrases) bool { return len(differing(a, b)) == 0 }) {
		c := Change{What: what, Name: p.Name, How: p.How}
		if p.How == Changed {
			c.Fields = differing(before[p.Name], after[p.Name])
		}
		out = append(out, c)
	}
	return out
}

func inputs(all []*program.Input) map[string]phrases {
	out := map[string]phrases{}
	for _, in := range all {
		var p phrases
		p.add("type", in.Type.String())
		if in.Required() {
			p.add("required", "true")
		}
		p.add("default", in.Default.Source())
		p.add("label", in.Label)
		p.add("help", in.Help)
		out[in.Name] = p
	}
	return out
}

func named(all []program.Named) map[string]phrases {
	out := map[string]phrases{}
	for _, n := range all {
		var p phrases
		p.value("value", n.Value)
		out[n.Name] = p
	}
	return out
}

// saidTriggers compares what the triggers say that both versions have; which
// come and go, or are of another kind, [Flow.Triggers] tells.
func saidTriggers(before, after *program.Flow) []Change {
	kinds := map[string]string{}
	for _, t := range before.Triggers {
		kinds[t.ID] = identity(t)
	}
	was, is := map[string]phrases{}, map[string]phrases{}
	for _, t := range after.Triggers {
		if kinds[t.ID] == identity(t) {
			was[t.ID], is[t.ID] = triggerPhrases(before)[t.ID], triggerPhrases(after)[t.ID]
		}
	}
	return compared("trigger", was, is)
}

// identity returns what a trigger is, for which one with the same id is another one
// where it differs.
func identity(t *program.FlowTrigger) string {
	out := triggerOf(t, GoesOn)
	if t.Event != nil {
		return out.Kind + " " + out.Is
	}
	return out.Kind
}

func triggerPhrases(f *program.Flow) map[string]phrases {
	out := map[string]phrases{}
	for _, t := range f.Triggers {
		var p phrases
		switch {
		case t.Event != nil:
			p.add("trigger", t.Event.ID)
			p.value("with", t.With)
			p.flag("from_start", t.FromStart)
		case t.Schedule != nil:
			p.add("schedule", clock(t.Schedule))
			p.add("missed", string(t.Schedule.Missed))
			p.span("spread", t.Schedule.Spread)
		case t.Webhook != nil:
			p.add("webhook", "true")
			p.code("event_id", t.Webhook.EventID)
			p.add("type", t.Webhook.Type.String())
			if v := t.Webhook.Verify; v != nil {
				p.add("verify.type", v.Type)
				p.add("verify.header", v.Header)
				p.add("verify.query", v.Query)
				p.add("verify.prefix", v.Prefix)
				p.add("verify.signed", v.Signed)
				p.add("verify.secret", v.Secret)
			}
		case t.FlowFailed != "":
			p.add("flow_failed", t.FlowFailed)
		}
		out[t.ID] = p
	}
	return out
}
