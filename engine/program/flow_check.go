package program

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"patchbay/engine/diag"
	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// flowCheck is a flow on its way from its file to a [Flow].
type flowCheck struct {
	report
	b    *builder
	spec *spec.Flow
	made *Flow
	ids  map[string]spec.Text // every step id of the flow, and where it stands
	// tables are the tables the flow uses, for its hash.
	tables map[string]bool
}

// flow checks the flow of that id, with the flows it calls before it.
func (b *builder) flow(id string) *Flow {
	f := b.flows[id]
	if f.state != unchecked {
		return f.flow
	}
	f.state = checking
	c := &flowCheck{
		report: report{list: &b.set.Findings, failed: f.broken}, b: b, spec: f.spec,
		made: &Flow{ID: id, Uses: map[string]*Use{}, Calls: map[string]*Flow{}},
		ids:  map[string]spec.Text{}, tables: map[string]bool{},
	}
	f.flow = c.made
	c.all()
	c.made.Hash = c.hash(f.source)
	f.state = checked
	if c.failed {
		b.set.Broken = append(b.set.Broken, id)
	} else {
		b.set.Flows[id] = c.made
	}
	return f.flow
}

func (c *flowCheck) all() {
	s, m := c.spec, c.made
	m.Name, m.Description = cmp.Or(s.Name.Value, m.ID), s.Description.Value
	m.Enabled = s.Enabled.Value != "false"
	m.Mode = Mode(cmp.Or(s.Mode.Value, string(Parallel)))
	if s.Limits != nil {
		m.RunTime, m.Queue = c.duration(s.Limits.RunTime), c.number(s.Limits.Queue, 0)
	}
	c.uses()
	for _, steps := range [][]*spec.Step{s.Steps, s.OnError, s.Finally} {
		c.collect(steps)
	}
	types := newTypes(&c.report, "", nil)
	m.Inputs = types.inputs(s.Inputs, expr.NewScope())
	c.triggers(types)
	scope := c.startScope()
	for _, t := range s.Conditions {
		code := c.condition(t, scope)
		if code != nil {
			m.Conditions = append(m.Conditions, code)
			scope = scope.Assume(code, true)
		}
	}
	m.QueueBy = c.compile(s.QueueBy, scope, nil)
	scope = c.vars(scope)
	steps := newStepScope(scope, c.later())
	m.Steps = c.steps(s.Steps, steps)
	end := steps.scope()
	if s.Output != nil {
		m.Output = c.template(s.Output, end, nil)
		if m.Output != nil {
			m.OutputType = m.Output.Type
		}
	}
	c.afterwards(steps)
}

// afterwards checks the steps that follow an error, which may find any step
// not done.
func (c *flowCheck) afterwards(steps *stepScope) {
	after := steps.allOptional()
	failing := after.with(value.Field{Name: "error", Type: errorType()})
	c.made.OnError = c.steps(c.spec.OnError, failing)
	c.made.Finally = c.steps(c.spec.Finally, after.with(value.Field{Name: "error", Type: errorType().AsOptional()}))
}

// errorType is what `error` and `failures.<id>` are.
func errorType() *value.Type {
	var classes []string
	for _, k := range value.Classes() {
		classes = append(classes, string(k))
	}
	return &value.Type{Kind: value.Object, Name: "an error", Fields: []value.Field{
		{Name: "message", Type: value.Of(value.String)},
		{Name: "class", Type: &value.Type{Kind: value.Enum, Values: classes}},
		{Name: "step", Type: value.Of(value.String)},
		{Name: "action", Type: value.Of(value.String).AsOptional()},
		{Name: "status", Type: value.Of(value.Integer).AsOptional()},
	}}
}

// startScope is what an expression sees before the first step.
func (c *flowCheck) startScope() *expr.Scope {
	text := value.Of(value.String)
	inputs := &value.Type{Kind: value.Object, Name: "inputs"}
	for _, in := range c.made.Inputs {
		f := in.Field
		if in.Optional && in.Default == nil {
			f.Type = f.Type.AsOptional()
		}
		inputs.Fields = append(inputs.Fields, f)
	}
	var names []string
	for _, t := range c.made.Triggers {
		names = append(names, t.ID)
	}
	scope := expr.NewScope(
		value.Field{Name: "trigger", Type: &value.Type{Kind: value.Object, Name: "trigger", Fields: []value.Field{
			{Name: "id", Type: &value.Type{Kind: value.Enum, Values: names}},
			{Name: "time", Type: value.Of(value.Datetime)},
		}}},
		value.Field{Name: "inputs", Type: inputs},
		value.Field{Name: "run", Type: &value.Type{Kind: value.Object, Name: "run", Fields: []value.Field{
			{Name: "id", Type: text}, {Name: "url", Type: text},
		}}},
		value.Field{Name: "flow", Type: &value.Type{Kind: value.Object, Name: "flow", Fields: []value.Field{
			{Name: "id", Type: text}, {Name: "name", Type: text},
		}}},
		value.Field{Name: "connection", Type: c.connectionScope()},
	)
	return c.eventScope(scope)
}

// connectionScope is `connection.<role>.<field>`: the fields of each
// connection that are no secrets.
func (c *flowCheck) connectionScope() *value.Type {
	t := &value.Type{Kind: value.Object, Name: "connection"}
	for _, role := range slices.Sorted(maps.Keys(c.made.Uses)) {
		use := c.made.Uses[role]
		ct := &value.Type{Kind: value.Object, Name: "a " + use.Connector.Name + " connection"}
		for _, in := range use.Connector.Fields {
			if !in.Secret {
				f := in.Field
				if in.Optional && in.Default == nil {
					f.Type = f.Type.AsOptional()
				}
				ct.Fields = append(ct.Fields, f)
			}
		}
		t.Fields = append(t.Fields, value.Field{Name: role, Type: ct})
	}
	return t
}

// eventScope adds `event`: with several triggers the fields they share, and
// all of one after `trigger.id == "…"`.
func (c *flowCheck) eventScope(scope *expr.Scope) *expr.Scope {
	var shared *value.Type
	for i, t := range c.made.Triggers {
		if i == 0 {
			shared = t.Type
		} else {
			shared = common(shared, t.Type)
		}
	}
	if shared == nil {
		shared = &value.Type{Kind: value.Object, Name: "event"}
	}
	scope = scope.With(value.Field{Name: "event", Type: shared})
	if len(c.made.Triggers) > 1 {
		for _, t := range c.made.Triggers {
			scope = scope.Case("trigger.id", t.ID, value.Field{Name: "event", Type: t.Type})
		}
	}
	return scope
}

// common returns the fields two event types share with one type.
func common(a, b *value.Type) *value.Type {
	if a.IsAny() || b.IsAny() {
		return value.Of(value.Any)
	}
	out := &value.Type{Kind: value.Object, Name: "the fields all triggers share"}
	for _, f := range a.Fields {
		other, ok := b.Lookup(f.Name)
		if ok && value.Mismatch(f.Type, other.Type) == "" {
			f.Type = other.Type
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

func (c *flowCheck) vars(scope *expr.Scope) *expr.Scope {
	t := &value.Type{Kind: value.Object, Name: "vars"}
	for _, e := range c.spec.Vars {
		v := c.template(e.Value, scope.With(value.Field{Name: "vars", Type: t}), nil)
		if v == nil {
			continue
		}
		c.made.Vars = append(c.made.Vars, Named{Name: e.Key.Value, Value: v})
		// A new type each time: the scopes of earlier vars keep the old one.
		t = &value.Type{Kind: value.Object, Name: "vars", Fields: append(slices.Clone(t.Fields), value.Field{Name: e.Key.Value, Type: v.Type})}
	}
	return scope.With(value.Field{Name: "vars", Type: t})
}

// uses resolves the roles of the flow: those of `use:`, and for every other
// connector an action or trigger names, its default connection.
func (c *flowCheck) uses() {
	for role, use := range c.b.opt.Uses[c.made.ID] {
		if k, ok := c.b.set.Connectors[use.Connector]; ok {
			c.made.Uses[role] = &Use{Role: role, Connector: k, Connection: use.Connection}
		}
	}
	for _, e := range c.spec.Use {
		role, name := e.Key.Value, e.Value.Text
		if _, known := c.made.Uses[role]; known {
			continue
		}
		conn, ok := c.b.set.Connections[name.Value]
		if !ok && c.b.opt.Sandbox {
			conn, ok = c.played(role, name.Value)
		}
		if !ok {
			c.name(name, "F201", "connection", "is not a connection", slices.Sorted(maps.Keys(c.b.set.Connections)))
			continue
		}
		c.made.Uses[role] = &Use{Role: role, Connector: conn.Connector, Connection: conn.Name}
	}
}

// played makes the connection to the sandbox that a role stands for: that of
// the connector whose id the role begins with.
func (c *flowCheck) played(role, name string) (*Connection, bool) {
	for id := role; id != ""; id = id[:max(strings.LastIndex(id, "_"), 0)] {
		if k, ok := c.b.set.Connectors[id]; ok {
			made := SandboxConnection(k)
			made.Name = name
			c.b.set.Connections[name] = made
			return made, true
		}
	}
	return nil, false
}

// role returns the connection that the first part of an action's or trigger's
// name stands for, and the rest of the name.
func (c *flowCheck) role(t spec.Text) (*Use, string) {
	role, name, _ := strings.Cut(t.Value, ".")
	if use, ok := c.made.Uses[role]; ok {
		return use, name
	}
	k, ok := c.b.set.Connectors[role]
	if !ok {
		names := slices.Sorted(maps.Keys(c.b.set.Connectors))
		f := diag.Finding{Code: "F203", Message: fmt.Sprintf("%q is not a connector", role), Hint: namesHint("connector", names)}
		c.nameAt(t.Pos, role, f, names)
		return nil, ""
	}
	// Entered first, so that a connection that is missing is told once.
	use := &Use{Role: role, Connector: k}
	c.made.Uses[role] = use
	if k.NeedsConnection() {
		use.Connection = c.defaultConnection(t, k)
	}
	return use, name
}

// defaultConnection returns the connection that bears the connector's name,
// else the only one of the connector.
func (c *flowCheck) defaultConnection(t spec.Text, k *Connector) string {
	if _, ok := c.b.set.Connections[k.ID]; ok || c.b.opt.Pinned {
		return k.ID
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.b.set.Connections)) {
		if c.b.set.Connections[name].Connector.ID == k.ID {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 1:
		return names[0]
	case 0:
		c.hinted(t, "F204", fmt.Sprintf("add one to flows/connections.yaml:  %s: { connector: %s, … }", k.ID, k.ID), "there is no connection to %s", k.Name)
	default:
		c.hinted(t, "F205", fmt.Sprintf("use: { %s: %s }", k.ID, names[0]), "several connections to %s exist (%s), so the flow must say which it uses", k.Name, strings.Join(names, ", "))
	}
	return ""
}

// collect enters the ids and the roles of all steps of the flow.
func (c *flowCheck) collect(steps []*spec.Step) {
	for _, s := range steps {
		if s.ID.Given() {
			if first, ok := c.ids[s.ID.Value]; ok {
				c.add(diag.Finding{
					Pos: s.ID.Pos, Width: width(s.ID.Value), Code: "F210",
					Message: fmt.Sprintf("there are two steps with the id %q", s.ID.Value),
					Related: []diag.Related{{Pos: first.Pos, Message: "the first one"}},
				})
			} else {
				c.ids[s.ID.Value] = s.ID
			}
		}
		if role, _, _ := strings.Cut(s.Action.Value, "."); c.b.set.Connectors[role] != nil {
			// Known before any expression is checked, for connection.<role>.
			c.role(s.Action)
		}
		c.collect(s.Steps)
		for _, b := range slices.Concat(s.Parallel, s.Switch) {
			c.collect(b.Steps)
		}
	}
}

// later says of every step why it cannot be seen before it has run.
func (c *flowCheck) later() map[string]string {
	reasons := map[string]string{}
	for id := range c.ids {
		reasons[id] = fmt.Sprintf("the step %q comes later", id)
	}
	return reasons
}

func (c *flowCheck) hash(source []byte) string {
	files := []File{{Path: "flow", Data: source}}
	for _, use := range c.made.Uses {
		files = append(files, File{Path: "connector/" + use.Connector.ID, Data: []byte(use.Connector.Hash)})
	}
	for id, flow := range c.made.Calls {
		files = append(files, File{Path: "call/" + id, Data: []byte(flow.Hash)})
	}
	for id := range c.tables {
		if t := c.b.set.Tables[id]; t != nil {
			files = append(files, File{Path: "table/" + id, Data: []byte(t.Row.String() + strings.Join(t.Row.FieldNames(), ",") + strings.Join(t.Key, ","))})
		}
	}
	return hashFiles(files)
}

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
			c.hinted(at, "F220", "id: <a name of its own>", "there are two triggers with the id %q", made.ID)
			continue
		}
		seen[made.ID] = true
		c.made.Triggers = append(c.made.Triggers, made)
	}
	for _, in := range c.made.Inputs {
		byHand := slices.ContainsFunc(c.made.Triggers, func(t *FlowTrigger) bool { return !t.OnDemand })
		if in.Required() && byHand {
			for _, f := range c.spec.Inputs {
				if f.Name.Value == in.Name {
					c.hinted(f.Name, "F221", "give it a `default:`, or make it `optional: true`",
						"the input %q must be given, but a trigger of this flow brings no inputs", in.Name)
				}
			}
		}
	}
}

func (c *flowCheck) trigger(t *spec.FlowTrigger, types *typeResolver) *FlowTrigger {
	made := &FlowTrigger{ID: t.ID.Value}
	switch {
	case t.Trigger.Given():
		return c.connectorTrigger(t, made)
	case t.Schedule != nil:
		made.ID = cmp.Or(made.ID, "schedule")
		made.Schedule = c.schedule(t.Schedule)
		made.Type = &value.Type{Kind: value.Object, Name: "a tick of the schedule", Fields: []value.Field{{Name: "scheduled", Type: value.Of(value.Datetime)}}}
	case t.Webhook != nil:
		made.ID = cmp.Or(made.ID, "webhook")
		made.Webhook, made.Type = c.inbound(t.Webhook, types)
	case t.OnDemand != nil:
		made.ID = cmp.Or(made.ID, "on_demand")
		made.OnDemand = true
		made.Type = &value.Type{Kind: value.Object, Name: "event"}
	case t.FlowFailed.Given():
		c.at(t.FlowFailed, "F222", "this version does not start flows by flow_failed; use on_error: in the flow itself")
		return nil
	default:
		return nil
	}
	return made
}

func (c *flowCheck) connectorTrigger(t *spec.FlowTrigger, made *FlowTrigger) *FlowTrigger {
	use, name := c.role(t.Trigger)
	if use == nil {
		return nil
	}
	trigger, ok := use.Connector.Trigger(name)
	if !ok {
		var names []string
		for _, k := range use.Connector.Triggers {
			names = append(names, use.Role+"."+k.Name)
		}
		c.name(t.Trigger, "F223", "trigger", "is not a trigger of "+use.Connector.Name, names)
		return nil
	}
	made.ID = cmp.Or(made.ID, trigger.Name)
	made.Event, made.Use, made.Type = trigger, use, trigger.Output.Whole()
	inputs := &Action{ID: trigger.ID, Input: trigger.Input}
	at := &spec.Value{Pos: t.Trigger.Pos, Text: t.Trigger}
	scope := expr.NewScope(value.Field{Name: "connection", Type: c.connectionScope()})
	made.With = c.objectTemplate(at, t.With, scope, inputs.InputType(), "input")
	return made
}

func (c *flowCheck) inbound(w *spec.InboundWebhook, types *typeResolver) (*Inbound, *value.Type) {
	made := &Inbound{Type: value.Of(value.Any)}
	if w.Type != nil {
		made.Type = types.typeOf(*w.Type)
	}
	if w.Verify != nil {
		made.Verify = newVerify(*w.Verify)
		if made.Verify.Type != "none" && made.Verify.Type != "shared_token" && !strings.HasPrefix(made.Verify.Type, "hmac_") {
			c.name(w.Verify.Type, "F225", "type", "is not a way to verify the webhook of a flow", []string{"hmac_sha256", "hmac_sha1", "shared_token", "none"})
		}
	} else {
		c.hinted(w.Pos, "F224", "verify: { type: hmac_sha256, header: X-Signature, secret: <name of a secret> }, or verify: { type: none }",
			"the webhook does not say how a delivery is verified")
	}
	scope := expr.NewScope(
		value.Field{Name: "headers", Type: value.MapOf(value.Of(value.String))},
		value.Field{Name: "body", Type: made.Type},
	)
	made.EventID = c.compile(w.EventID, scope, nil)
	return made, made.Type
}

// schedule checks a `schedule:` trigger.
func (c *flowCheck) schedule(s *spec.Schedule) *Schedule {
	made := &Schedule{
		Every: c.duration(s.Every), Cron: s.Cron.Value, Zone: time.UTC,
		Missed: Missed(cmp.Or(s.Missed.Value, string(MissedSkip))), Spread: c.duration(s.Spread),
	}
	given := 0
	for _, t := range []spec.Text{s.Every, s.Time, s.Cron} {
		if t.Given() {
			given++
		}
	}
	if given != 1 {
		c.hinted(s.Pos, "F230", `schedule: { every: 15m }, { on: [monday], time: "08:00", timezone: Europe/Paris } or { cron: "0 7 * * 1" }`,
			"a schedule has exactly one of every, time and cron")
	}
	if s.Every.Given() && made.Every < time.Second {
		c.at(s.Every, "F231", "a schedule cannot run more often than every second")
	}
	for _, t := range s.On {
		day, ok := weekdays[strings.ToLower(t.Value)]
		if !ok {
			c.name(t, "F232", "day", "is not a day of the week", weekdayNames)
			continue
		}
		made.Days = append(made.Days, day)
	}
	if s.Time.Given() {
		clock, err := time.Parse("15:04", s.Time.Value)
		if err != nil {
			c.hinted(s.Time, "F233", `time: "08:00"`, "%q is not a time of day", s.Time.Value)
		}
		made.Hour, made.Minute = clock.Hour(), clock.Minute()
	}
	if s.Timezone.Given() {
		zone, err := time.LoadLocation(s.Timezone.Value)
		if err != nil || s.Timezone.Value == "Local" {
			c.hinted(s.Timezone, "F234", "a name such as Europe/Paris, America/New_York or UTC", "%q is not a time zone", s.Timezone.Value)
		} else {
			made.Zone = zone
		}
	}
	if made.Cron != "" {
		if err := checkCron(made.Cron); err != nil {
			c.hinted(s.Cron, "F235", `cron: "0 7 * * 1" is: minute hour day-of-month month day-of-week`, "%q is not a cron expression: %s", made.Cron, err)
		}
	}
	return made
}

var weekdays = map[string]time.Weekday{ //nolint:gochecknoglobals // the words of the language, never written
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
	"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
}

var weekdayNames = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} //nolint:gochecknoglobals // the words of the language, never written
