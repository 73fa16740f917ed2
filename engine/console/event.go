package console

import (
	"context"
	"fmt"
	"time"

	"patchbay/engine/call"
	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
)

// eventFor brings a given event into the form of the trigger's type: it may
// have that form, or the one in which the vendor delivers it. Where none is
// given, a tick is now, a failure is made up, and in the sandbox something of
// the trigger's stands in.
func (c *Console) eventFor(ctx context.Context, t *program.FlowTrigger, given any, connection string) (any, error) {
	event, err := value.Normalize(given)
	switch {
	case err != nil:
		return nil, fmt.Errorf("event: %w", err)
	case event == nil && t.Event != nil:
		return c.standIn(ctx, t, connection)
	case event == nil && t.Schedule != nil:
		return map[string]any{"scheduled": time.Now().UTC().Format(time.RFC3339)}, nil
	case event == nil && t.FlowFailed != "":
		return trigger.SampleFailure(t.FlowFailed, time.Now()), nil
	case event == nil && t.Type != nil && t.Type.Kind == value.Object:
		return map[string]any{}, nil
	case event == nil || t.Event == nil:
		return event, nil
	case value.MismatchValue(event, t.Type) == "":
		return event, nil
	case t.Event.Webhook:
		return delivered(t.Event, event)
	default:
		return mapped(t.Event, event)
	}
}

// delivered reads an event from the body a vendor delivers.
func delivered(t *program.Trigger, body any) (any, error) {
	return mapped(t, t.Output.Wire(map[string]any{"body": body}))
}

// mapped reads an event from a vendor's record.
func mapped(t *program.Trigger, record any) (any, error) {
	event, err := call.Map(t.Output.Type, record)
	if err != nil {
		return nil, fmt.Errorf("the event is not one of %s: %s", t.ID, sentence(err))
	}
	return event, nil
}

// standIn returns an event of a trigger in the sandbox: the example of one
// that is delivered, the first item of a list that is asked for.
func (c *Console) standIn(ctx context.Context, t *program.FlowTrigger, connection string) (any, error) {
	switch {
	case c.opt.Sandbox == nil:
	case t.Event.Webhook && t.Event.Example != nil:
		body, err := value.Decode(t.Event.Example)
		if err != nil {
			return nil, err
		}
		return delivered(t.Event, body)
	case t.Event.Poll != nil:
		if item, ok := c.firstItem(ctx, t, connection); ok {
			return item, nil
		}
	}
	return nil, fmt.Errorf("the flow starts with an event of %s, so one must be given", t.Event.ID)
}

// firstItem returns the first item of the list that a trigger asks for.
func (c *Console) firstItem(ctx context.Context, t *program.FlowTrigger, connection string) (any, bool) {
	conn, ok := c.opt.Connection(ctx, t.Use.In(connection))
	if !ok {
		return nil, false
	}
	given, err := t.With.Eval(&expr.Env{Names: map[string]any{"connection": map[string]any{t.Use.Role: conn.Fields}}})
	if err != nil {
		return nil, false
	}
	named, _ := given.(map[string]any)
	inputs, err := program.FillInputs(t.Event.Input, named)
	if err != nil {
		return nil, false
	}
	with, err := t.Event.Poll.With.Eval(&expr.Env{Names: map[string]any{"connection": conn.Fields, "input": inputs, "cursor": nil}})
	if err != nil {
		return nil, false
	}
	input, _ := with.(map[string]any)
	for items, err := range c.opt.Calls.Pages(ctx, call.Request{Action: t.Event.Poll.Action, Connection: conn, Input: input}) {
		if err != nil || len(items) > 0 {
			return first(items)
		}
	}
	return nil, false
}

func first(items []any) (any, bool) {
	if len(items) == 0 {
		return nil, false
	}
	return items[0], true
}
