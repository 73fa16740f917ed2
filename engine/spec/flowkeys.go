package spec

import (
	"fmt"

	"patchbay/engine/diag"
)

func flowSection() section[Flow] {
	return section[Flow]{name: "flow", noun: "a flow", notes: flowNotes(), rows: []row[Flow]{
		scalar("flow", Version, "the version of the language, in the first line", "1", func(f *Flow) *Text { return &f.Version }),
		scalar("name", Line, "what people call the flow", "Page accepted → tag the contact", func(f *Flow) *Text { return &f.Name }),
		scalar("description", Line, "what it is for, in a sentence or two", "", func(f *Flow) *Text { return &f.Description }),
		scalar("enabled", Switch, "false keeps the flow from being started", "false", func(f *Flow) *Text { return &f.Enabled }),
		names("use", "which connection stands for which role in the steps", "{ ghl: ghl_main }", func(f *Flow) *[]Entry { return &f.Use }),
		blocks("triggers", "trigger", triggerEntrySection, "what starts the flow", func(f *Flow, t *FlowTrigger) { f.Triggers = append(f.Triggers, t) }).
			must().not("on", "trigger", "when"),
		lines("conditions", Expressions, "what must be true for a run to go on", "[event.page.status == \"accepted\"]", func(f *Flow) *[]Text { return &f.Conditions }).
			not("condition", "filter", "filters", "if"),
		word("mode", "parallel queued single restart", "what happens when the flow is started while it runs", func(f *Flow) *Text { return &f.Mode }),
		scalar("queue_by", Expression, "what runs have in common that must wait for each other", "event.page.id", func(f *Flow) *Text { return &f.QueueBy }),
		fields("inputs", "what the flow is given when it is started on demand or called", func(f *Flow) *[]Field { return &f.Inputs }),
		namedPairs("vars", "values that are worked out once, at the start", "{ today: \"${{ now() }}\" }", func(f *Flow) *[]Entry { return &f.Vars }),
		blocks("steps", "step", stepSection, "what the flow does, from first to last", func(f *Flow, s *Step) { f.Steps = append(f.Steps, s) }).
			must().not("actions", "action", "jobs", "tasks", "do"),
		anything("output", "what a flow that calls this one gets", "{ id: \"${{ steps.contact.id }}\" }", func(f *Flow) **Value { return &f.Output }),
		blocks("on_error", "step", stepSection, "what is done once when a step has failed for good", func(f *Flow, s *Step) { f.OnError = append(f.OnError, s) }),
		blocks("finally", "step", stepSection, "what is done at the end, however the run ended", func(f *Flow, s *Step) { f.Finally = append(f.Finally, s) }),
		block("limits", "flow_limits", flowLimitsSection, "how long a run may take, and how many there may be", func(f *Flow, l *FlowLimits) { f.Limits = l }),
		block("keep", "flow_keep", flowKeepSection, "how much of the history of its runs is kept", func(f *Flow, k *FlowKeep) { f.Keep = k }).
			not("retention", "history"),
	}}
}

// flowNotes says where keys belong that do not stand right in a flow: most are
// those of a step or trigger that has lost its indentation.
func flowNotes() map[string]string {
	notes := map[string]string{
		"timeout":  "timeout stands at a step; for a whole run: limits: { run_time: 1h }",
		"id":       "the id of a flow is the name of its file; the id of a step is indented below its step",
		"schedule": "as in: triggers: [{ schedule: { every: 15m } }]",
	}
	for _, key := range []string{"retry", "with", "for_each", "as", "at_once", "set", "switch", "parallel", "call", "wait", "wait_until", "wait_for", "approve", "stop", "fail"} {
		notes[key] = key + " stands at a step, indented below it"
	}
	for _, key := range []string{"webhook", "on_demand", "flow_failed"} {
		notes[key] = "as in: triggers: [{ " + key + ": … }]"
	}
	return notes
}

func flowLimitsSection() section[FlowLimits] {
	return section[FlowLimits]{name: "flow_limits", noun: "limits", rows: []row[FlowLimits]{
		scalar("run_time", Duration, "how long a run may be worked on; what it waits is not counted", "1h", func(l *FlowLimits) *Text { return &l.RunTime }).
			not("timeout", "max_time"),
		scalar("queue", Whole, "how many runs may be open: at work, waiting or waiting for their turn", "10000", func(l *FlowLimits) *Text { return &l.Queue }).
			not("max", "max_runs"),
		scalar("at_once", Whole, "how many runs are worked on at the same time; one that waits is not counted", "3", func(l *FlowLimits) *Text { return &l.AtOnce }).
			not("concurrency", "max_concurrency", "parallel"),
	}}
}

func flowKeepSection() section[FlowKeep] {
	return section[FlowKeep]{name: "flow_keep", noun: "keep", rows: []row[FlowKeep]{
		scalar("age", Duration, "how long a run is kept after its end", "90d", func(k *FlowKeep) *Text { return &k.Age }).
			not("days", "for", "time"),
		scalar("runs", Whole, "how many ended runs are kept", "1000", func(k *FlowKeep) *Text { return &k.Runs }).
			not("count", "number"),
		scalar("size", Size, "how much ended runs may take", "100MB", func(k *FlowKeep) *Text { return &k.Size }).
			not("bytes"),
	}}
}

// triggerKinds are the keys of which an entry of `triggers:` has exactly one.
func triggerKinds() []string {
	return []string{"trigger", "schedule", "webhook", "on_demand", "flow_failed"}
}

func triggerEntrySection() section[FlowTrigger] {
	return section[FlowTrigger]{name: "trigger", noun: "a trigger", one: triggerKinds(), sound: soundTrigger, notes: map[string]string{
		"cron": "cron stands in schedule:", "every": "every stands in schedule:", "time": "time stands in schedule:", "on": "on stands in schedule:",
	}, rows: []row[FlowTrigger]{
		scalar("id", Name, "the name of the trigger, needed where two are alike", "nightly", func(t *FlowTrigger) *Text { return &t.ID }),
		scalar("trigger", Line, "a trigger of a connector", "qwilr.page_accepted", func(t *FlowTrigger) *Text { return &t.Trigger }),
		pairs("with", "what the trigger is given", "{ channel: \"#sales\" }", func(t *FlowTrigger) *[]Entry { return &t.With }),
		scalar("from_start", Switch, "true: a poll also fires for what is there at its first look", "true", func(t *FlowTrigger) *Text { return &t.FromStart }),
		block("schedule", "schedule", scheduleSection, "starts the flow at set times", func(t *FlowTrigger, s *Schedule) { t.Schedule = s }),
		block("webhook", "webhook", inboundSection, "starts the flow when its own address is called", func(t *FlowTrigger, w *InboundWebhook) { t.Webhook = w }),
		custom(Key{Name: "on_demand", Form: Block, Help: "a button, the command line, the API or another flow starts it", Example: "{}"}, readOnDemand).
			not("manual", "button", "workflow_dispatch"),
		scalar("flow_failed", Line, "starts when that flow has failed, \"*\" for any other", `"*"`, func(t *FlowTrigger) *Text { return &t.FlowFailed }),
	}}
}

// readOnDemand reads the empty map of on_demand.
func readOnDemand(p *parser, t *FlowTrigger, s spot) {
	if !p.is(s, Map) {
		return
	}
	t.OnDemand = s.value
	for _, e := range s.value.Entries {
		p.found.Add(diag.Finding{
			Pos: e.Key.Pos, Width: e.Key.width(), Code: "S101", Message: fmt.Sprintf("%q is not a key of on_demand, which has none", e.Key.Value),
			Hint: "what a person or a flow gives is declared in the inputs: of the flow",
		})
	}
}

func soundTrigger(p *parser, t *FlowTrigger, s spot) {
	t.Pos = firstKey(s)
	given := givenKeys(s, triggerKinds())
	switch {
	case len(given) == 0 && s.means(triggerKinds()):
	case len(given) == 0:
		pos, width := s.place()
		p.absent(s, diag.Finding{
			Pos: pos, Width: width, Code: "S131", Message: "this trigger does not say what starts the flow",
			Hint: "one of: " + listed(triggerKinds()),
		})
	case len(given) > 1:
		p.several("S131", given, "a trigger is started by one thing: give each its own entry")
	}
	for _, name := range []string{"with", "from_start"} {
		if key, ok := keyOf(s, name); ok && !s.has("trigger") && len(given) > 0 {
			p.strays(key, "trigger", given[0])
		}
	}
}

// scheduleKinds are the keys of which a schedule has exactly one.
func scheduleKinds() []string { return []string{"every", "time", "cron"} }

func scheduleSection() section[Schedule] {
	return section[Schedule]{name: "schedule", noun: "a schedule", one: scheduleKinds(), sound: soundSchedule, rows: []row[Schedule]{
		scalar("every", Duration, "the time between two runs", "15m", func(c *Schedule) *Text { return &c.Every }),
		weekdays("on", "the days of the week; without it every day", "[monday, thursday]", func(c *Schedule) *[]Text { return &c.On }).
			not("days", "weekdays", "weekday", "day"),
		scalar("time", Clock, "the time of day", `"08:00"`, func(c *Schedule) *Text { return &c.Time }).not("at"),
		scalar("timezone", Line, "whose clock is meant; without it UTC", "Europe/Paris", func(c *Schedule) *Text { return &c.Timezone }).not("tz", "time_zone", "zone"),
		scalar("cron", Line, "a cron expression, for what the other keys cannot say", `"0 7 * * 1"`, func(c *Schedule) *Text { return &c.Cron }),
		word("missed", "skip run_once run_all", "what happens with times that passed while the engine was down", func(c *Schedule) *Text { return &c.Missed }),
		scalar("spread", Duration, "start at a fixed moment within this time, so that not all flows start at once", "10m", func(c *Schedule) *Text { return &c.Spread }),
	}}
}

func soundSchedule(p *parser, c *Schedule, s spot) {
	c.Pos = s.key
	given := givenKeys(s, scheduleKinds())
	switch {
	case len(given) == 0 && s.means(scheduleKinds()):
	case len(given) == 0:
		pos, width := s.place()
		p.absent(s, diag.Finding{
			Pos: pos, Width: width, Code: "S136", Message: "this schedule does not say when",
			Hint: `one of: every: 15m, time: "08:00", cron: "0 7 * * 1"`,
		})
	case len(given) > 1:
		p.several("S136", given, "a schedule has one of every, time and cron")
	}
	if on, ok := keyOf(s, "on"); ok && !s.has("time") && len(given) > 0 {
		p.strays(on, "time", given[0])
	}
}

func inboundSection() section[InboundWebhook] {
	return section[InboundWebhook]{
		name: "webhook", noun: "a webhook",
		sound: func(_ *parser, w *InboundWebhook, s spot) { w.Pos = s.key },
		rows: []row[InboundWebhook]{
			block("verify", "verify", verifySection, "how a call proves where it comes from", func(w *InboundWebhook, v *Verify) { w.Verify = v }).must(),
			scalar("event_id", Expression, "what makes an event the same as one that came before", "body.id", func(w *InboundWebhook) *Text { return &w.EventID }),
			typed("type", "the type of the event", "{ fields: { id: { type: string } } }", func(w *InboundWebhook) **TypeDef { return &w.Type }),
		},
	}
}
