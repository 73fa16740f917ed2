package program

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// triggers checks what starts the flow.
func (c *flowCheck) triggers(types *typeResolver) {
	seen := map[string]bool{}
	for _, t := range c.spec.Triggers {
		made := c.trigger(t, types)
		if made == nil {
			continue
		}
		if seen[made.ID] {
			at := t.ID
			if !at.Given() {
				at = t.Pos
			}
			c.hinted(at, "F220", "give each an id of its own, as in:  id: "+made.ID+"_2", "there are two triggers with the id %q", made.ID)
			continue
		}
		seen[made.ID] = true
		c.made.Triggers = append(c.made.Triggers, made)
	}
	c.fedInputs()
}

// fedInputs reports inputs that must be given where a trigger gives none.
func (c *flowCheck) fedInputs() {
	i := slices.IndexFunc(c.made.Triggers, func(t *FlowTrigger) bool { return !t.OnDemand })
	for n, in := range c.made.Inputs {
		written := c.spec.Inputs[n]
		if i < 0 || !in.Required() {
			continue
		}
		c.hinted(written.Name, "F221", "give it a `default:`, or make it `optional: true`",
			"the input %q must be given, but the trigger %q starts the flow without inputs", in.Name, c.made.Triggers[i].ID)
	}
}

// trigger checks one trigger. What it brings is unknown after a finding.
func (c *flowCheck) trigger(t *spec.FlowTrigger, types *typeResolver) *FlowTrigger {
	made := &FlowTrigger{ID: t.ID.Value, Type: value.Of(value.Any)}
	switch {
	case t.Trigger.Given():
		c.connectorTrigger(t, made)
	case t.Schedule != nil:
		made.ID = cmp.Or(made.ID, "schedule")
		made.Schedule = c.schedule(t.Schedule)
		made.Type = &value.Type{Kind: value.Object, Name: "a tick of the schedule", Fields: []value.Field{{Name: "scheduled", Type: value.Of(value.Datetime)}}}
	case t.Webhook != nil:
		made.ID = cmp.Or(made.ID, "webhook")
		made.Webhook = c.inbound(t.Webhook, types)
		made.Type = made.Webhook.Type
	case t.OnDemand != nil:
		made.ID = cmp.Or(made.ID, "on_demand")
		made.OnDemand = true
		made.Type = &value.Type{Kind: value.Object, Name: "event"}
	case t.FlowFailed.Given():
		made.ID = cmp.Or(made.ID, "flow_failed")
		made.FlowFailed = t.FlowFailed.Value
		made.Type = failureType()
		c.watched(t.FlowFailed)
	default:
		return nil // the parser has told that nothing is said
	}
	return made
}

// AnyFlow is the FlowFailed of a trigger for the failures of all other flows.
const AnyFlow = "*"

// watched checks which flow's failures start this one. That flow may have
// errors of its own: an earlier version of it goes on.
func (c *flowCheck) watched(t spec.Text) {
	switch {
	case t.Value == AnyFlow:
	case t.Value == c.made.ID:
		c.hinted(t, "F229", "on_error: says what is done when a step of this flow has failed", "a flow is not started by its own failures")
	case c.flowNamed(t.Value) == absent && !c.b.opt.Pinned:
		others := slices.DeleteFunc(c.names((*builder).flowIDs), func(id string) bool { return id == c.made.ID })
		c.nameAt(t.Pos, t.Value, diag.Finding{
			Code: "F222", Message: fmt.Sprintf("%q is not a flow", t.Value),
			Hint: namesHint("flow", t.Value, others) + `; "*" stands for all`,
		}, others)
	}
}

// failureType is what `event` is when another flow has failed.
func failureType() *value.Type {
	text, moment := value.Of(value.String), value.Of(value.Datetime)
	return &value.Type{Kind: value.Object, Name: "a failure", Fields: []value.Field{
		{Name: "flow", Type: text},
		{Name: "name", Type: text.AsOptional()},
		{Name: "run", Type: value.Of(value.Integer)},
		{Name: "url", Type: text},
		{Name: "status", Type: &value.Type{Kind: value.Enum, Values: []string{"failed", "partly_failed", "waiting"}}},
		{Name: "step", Type: text.AsOptional()},
		{Name: "message", Type: text},
		{Name: "class", Type: &value.Type{Kind: value.Enum, Values: classWords()}},
		{Name: "action", Type: text.AsOptional()},
		{Name: "trigger", Type: text},
		{Name: "started", Type: moment},
		{Name: "ended", Type: moment},
	}}
}

func (c *flowCheck) connectorTrigger(t *spec.FlowTrigger, made *FlowTrigger) {
	_, last, _ := strings.Cut(t.Trigger.Value, ".")
	made.ID = cmp.Or(made.ID, last)
	scope := expr.NewScope(value.Field{Name: "connection", Type: c.connectionScope()})
	at := &spec.Value{Pos: t.Trigger.Pos, Text: t.Trigger}
	use, name := c.role(t.Trigger)
	if use == nil {
		c.objectTemplate(at, t.With, scope, nil, "input")
		return
	}
	scope = expr.NewScope(value.Field{Name: "connection", Type: c.connectionScope()})
	trigger, ok := use.Connector.Trigger(name)
	if !ok {
		c.noTrigger(t.Trigger, use, name)
		c.objectTemplate(at, t.With, scope, nil, "input")
		return
	}
	made.Event, made.Use, made.Type = trigger, use, trigger.Output.Whole()
	c.outdated(t.Trigger, trigger.ID, trigger.Deprecated)
	c.right(t.Trigger, use, trigger.ID, trigger.needs(true))
	made.FromStart = isTrue(t.FromStart)
	if made.FromStart && trigger.Poll == nil {
		c.at(t.FromStart, "F228", "%s is delivered by the service, not polled: nothing is there before its first event, so from_start has no place here", trigger.ID)
	}
	inputs := &Action{ID: trigger.ID, Input: trigger.Input}
	c.asking = true // which events start the flow
	made.With = c.objectTemplate(at, t.With, scope, inputs.InputType(), "input")
	c.asking = false
	c.outdatedInputs(t.With, trigger.Input)
	c.accountNeeded(t.Trigger, use, trigger.ID, trigger.worksIn)
}

func (c *flowCheck) noTrigger(t spec.Text, use *Use, name string) {
	var names []string
	for _, k := range use.Connector.Triggers() {
		names = append(names, use.Role+"."+k.Name)
	}
	if _, ok := use.Connector.Action(name); ok {
		c.hinted(t, "F223", namesHint("trigger", t.Value, names), "%q is an action of %s, and a flow is started by a trigger", t.Value, use.Connector.Name)
		return
	}
	c.add(misnamedOperation(t, "F223", "trigger", use, names))
}

// inbound checks a webhook of the flow's own.
func (c *flowCheck) inbound(w *spec.InboundWebhook, types *typeResolver) *Inbound {
	made := &Inbound{Type: value.Of(value.Any)}
	if w.Type != nil {
		made.Type = types.typeOf(*w.Type)
	}
	if w.Verify != nil {
		made.Verify = newVerify(*w.Verify)
		c.inboundVerify(w)
	}
	scope := expr.NewScope(
		value.Field{Name: "headers", Type: value.MapOf(value.Of(value.String))},
		value.Field{Name: "body", Type: made.Type},
	)
	made.EventID = c.compile(w.EventID, scope, nil)
	return made
}

func (c *flowCheck) inboundVerify(w *spec.InboundWebhook) {
	v := w.Verify
	ways := []string{"hmac_sha256", "hmac_sha1", "shared_token", "none"}
	switch v.Type.Value {
	case "": // the parser has told the words that are allowed
	case "none":
		c.hinted(v.Type, "W105", "verify: { type: shared_token, query: token, secret: <name of a secret> } asks for a word that only the sender knows",
			"anybody who learns the address of this webhook can start the flow")
	case "hmac_sha256", "hmac_sha1", "shared_token":
		if !v.Secret.Given() {
			c.hinted(v.Type, "F226", "secret: <name>, which you set with `patchbay secret set <name>`", "%s needs the name of the secret", v.Type.Value)
		}
		if reason, hint := lacksHeader(*v); reason != "" {
			c.hinted(v.Type, "F227", hint, "%s", reason)
		}
	default:
		c.hinted(v.Type, "F225", namesHint("way", v.Type.Value, ways), "a webhook of a flow cannot be verified by %s", v.Type.Value)
	}
}

// lacksHeader says of a way to verify what it cannot find the signature by.
func lacksHeader(v spec.Verify) (reason, hint string) {
	switch {
	case v.Header.Given(), v.Type.Value == "none":
		return "", ""
	case v.Type.Value != "shared_token":
		return fmt.Sprintf("%s needs to know which header holds the signature", v.Type.Value), "header: X-Signature"
	case !v.Query.Given():
		return "shared_token needs to know where the token is", "header: X-Token, or query: token"
	}
	return "", ""
}

// schedule checks a `schedule:` trigger.
func (c *flowCheck) schedule(s *spec.Schedule) *Schedule {
	made := &Schedule{
		Every: c.duration(s.Every), Cron: s.Cron.Value, Zone: time.UTC,
		Missed: Missed(cmp.Or(s.Missed.Value, string(MissedSkip))), Spread: c.duration(s.Spread),
	}
	if s.Every.Given() && made.Every < time.Second {
		c.hinted(s.Every, "F231", "every: 1s is the least", "a schedule cannot run more often than once a second")
	}
	for _, t := range s.On {
		made.Days = append(made.Days, weekday(t.Value))
	}
	if clock, err := time.Parse("15:04", s.Time.Value); err == nil {
		made.Hour, made.Minute = clock.Hour(), clock.Minute()
	}
	switch {
	case s.Timezone.Given():
		made.Zone = c.zone(s.Timezone)
	case s.Time.Given():
		c.hinted(s.Time, "W108", "timezone: Europe/Paris for the clock on the wall there, or timezone: UTC", "without a time zone, %s is meant in UTC", s.Time.Value)
	}
	if s.Cron.Given() {
		if _, err := cron.ParseStandard(made.Cron); err != nil {
			c.hinted(s.Cron, "F235", `minute, hour, day of the month, then month and day of the week, as in:  cron: "0 7 * * 1"`,
				"%q is not a cron expression", made.Cron)
		}
	}
	return made
}

func weekday(word string) time.Weekday {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(d.String(), word) {
			return d
		}
	}
	return time.Sunday // unreachable: the parser lets only the seven words through
}
