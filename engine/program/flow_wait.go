package program

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/spec"
	"patchbay/engine/value"
)

// LongestWait is how long a step waits for an event or for a person that does
// not say how long.
const LongestWait = 90 * 24 * time.Hour

// waitFor checks a step that waits for a later event.
func (c *flowCheck) waitFor(w *spec.WaitFor, made *Step, scope *stepScope) {
	made.Output, made.Wait = value.Of(value.Any), c.duration(w.Timeout)
	optionally := w.Timeout.Given()
	if made.Wait == 0 {
		made.Wait = LongestWait
	}
	at := &spec.Value{Pos: w.Trigger.Pos, Text: w.Trigger}
	use, trigger := c.awaited(w.Trigger)
	if trigger == nil {
		c.objectTemplate(at, w.With, scope.scope(), nil, "input")
		c.condition(w.Match, scope.scope().With(value.Field{Name: "arriving", Type: value.Of(value.Any)}))
		return
	}
	c.outdated(w.Trigger, trigger.ID, trigger.Deprecated)
	c.right(w.Trigger, use, trigger.ID, trigger.needs(false))
	c.objectTemplate(at, w.With, scope.scope(), (&Action{ID: trigger.ID, Input: trigger.Input}).InputType(), "input")
	c.outdatedInputs(w.With, trigger.Input)
	c.accountNeeded(w.Trigger, use, trigger.ID, trigger.worksIn)
	event := trigger.Output.Whole()
	made.Use, made.Output = use, event
	if optionally {
		made.Output = optional(event)
	}
	made.WaitFor = &WaitFor{
		Event: trigger, Optional: optionally,
		Match: c.condition(w.Match, scope.scope().With(value.Field{Name: "arriving", Type: event})),
	}
	c.decided(w.Match, made.WaitFor.Match)
	made.WaitFor.key()
	c.made.awaiting = append(c.made.awaiting, made)
}

// key finds in the condition what an event must bear to be worth a look.
func (w *WaitFor) key() {
	if w.Match == nil {
		return
	}
	if path, other, ok := w.Match.Equality("arriving"); ok {
		w.At, w.Key = path, other
	}
}

// awaited returns the trigger that a step waits for, and its role; nil where
// there is none, which has been told then.
func (c *flowCheck) awaited(t spec.Text) (*Use, *Trigger) {
	use, name := c.role(t)
	if use == nil {
		return nil, nil
	}
	trigger, ok := use.Connector.Trigger(name)
	switch {
	case !ok:
		c.noTrigger(t, use, name)
		return nil, nil
	case !trigger.Webhook:
		c.hinted(t, "F241", "a flow of its own with this trigger can write what it finds to a table, or wait: can stand before an action that looks",
			"%s is not delivered by the service but asked for regularly, and a step cannot wait for it", trigger.ID)
		return nil, nil
	}
	return use, trigger
}

// The fields of an answer beside those of the form.
func answerFields() []value.Field {
	return []value.Field{
		{Name: "approved", Type: value.Of(value.Boolean)},
		{Name: "by", Type: value.Of(value.String).AsOptional()},
		{Name: "at", Type: value.Of(value.Datetime)},
	}
}

// approve checks a step that waits for a person.
func (c *flowCheck) approve(a *spec.Approve, made *Step) {
	made.Approve, made.Wait = &Approve{}, c.duration(a.Timeout)
	if made.Wait == 0 {
		made.Wait = LongestWait
	}
	for _, by := range a.By {
		made.Approve.By = append(made.Approve.By, by.Value)
	}
	made.Approve.Form = newTypes(&c.report, "").inputs(a.Form, expr.NewScope())
	out := &value.Type{Kind: value.Object, Name: "an answer", Fields: answerFields()}
	for i, in := range made.Approve.Form {
		name := a.Form[i].Name
		if _, taken := out.Lookup(in.Name); taken {
			c.hinted(name, "F250", "call it something else", "%q cannot be the name of a field of the form: it is a part of every answer", in.Name)
			continue
		}
		if reason := unaskable(in.Type); reason != "" {
			c.hinted(name, "F251", "types of a form: string, integer, number, boolean, datetime, date, enum", "a person cannot fill in %q: it is %s", in.Name, reason)
		}
		f := in.Field
		if in.Default == nil {
			f.Type = f.Type.AsOptional() // who says no need not fill in anything
		}
		out.Fields = append(out.Fields, f)
	}
	made.Output = out
}

// unaskable says what a type is that no form has a place for, "" if it has one.
func unaskable(t *value.Type) string {
	switch t.Kind {
	case value.String, value.Integer, value.Number, value.Boolean, value.Datetime, value.Date, value.Enum, value.Duration, value.Any:
		return ""
	case value.SecretText:
		return "a secret"
	default:
		return fmt.Sprintf("a %s", t.Kind)
	}
}

// link enters the place of an approve step, which its link is made of.
func (c *flowCheck) link(at place) {
	path := ""
	if at.part != "steps" {
		path = at.part + "/"
	}
	for i, l := range at.chain {
		if i > 0 {
			around := at.chain[i-1].step
			if around.ForEach.Given() {
				c.unlinked = append(c.unlinked, at.at.Value)
				return
			}
			path += "." + strconv.Itoa(l.branch) + "."
		}
		path += stepPath(l.step, l.position)
	}
	c.made.Links[at.at.Value] = path
}

// stepPath is the last part of the path of a step.
func stepPath(s *spec.Step, position int) string {
	return cmp.Or(s.ID.Value, "#"+strconv.Itoa(position+1))
}

// linkScope is `run.links`: the address at which each approve step is answered.
func (c *flowCheck) linkScope() *value.Type {
	t := &value.Type{Kind: value.Object, Name: "the links of this flow's approve steps"}
	for _, id := range slices.Sorted(maps.Keys(c.made.Links)) {
		t.Fields = append(t.Fields, value.Field{Name: id, Type: value.Of(value.String)})
	}
	return t
}
