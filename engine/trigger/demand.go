package trigger

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// Request asks for a run by hand.
type Request struct {
	Inputs map[string]any
	// Event is what the trigger brought, in the form of the trigger's type.
	Event   any
	Trigger *program.FlowTrigger
	EventID string // "" for a new one
}

// Demand returns the arrival for a run that somebody asks for. The inputs are
// checked; an error is a sentence for who asked.
func (in Intake) Demand(ctx context.Context, flow *program.Flow, req Request) (journal.Arrival, error) {
	if _, err := program.FillInputs(flow.Inputs, req.Inputs); err != nil {
		return journal.Arrival{}, err
	}
	a := journal.Arrival{
		Flow: flow.ID, Definition: flow.Hash, Trigger: req.Trigger.ID, EventID: req.EventID,
		Event: req.Event, Inputs: req.Inputs, At: time.Now(),
	}
	if a.EventID == "" {
		a.EventID = "demand-" + rand.Text()
	}
	if req.Trigger.Use != nil {
		a.Connection = req.Trigger.Use.Connection
	}
	queue, err := in.Queue(ctx, flow, &a)
	if err != nil {
		return a, fmt.Errorf("queue_by: %w", err)
	}
	a.Queue = queue
	return a, nil
}

// PickTrigger returns the trigger of the flow that a run by hand stands for:
// the one named, else the one for runs on demand, else the only one.
func PickTrigger(flow *program.Flow, id string) (*program.FlowTrigger, error) {
	var ids []string
	for _, t := range flow.Triggers {
		if t.ID == id || id == "" && (t.OnDemand || len(flow.Triggers) == 1) {
			return t, nil
		}
		ids = append(ids, t.ID)
	}
	if id == "" {
		return nil, fmt.Errorf("the flow has several triggers, so one must be named: %s", strings.Join(ids, ", "))
	}
	return nil, fmt.Errorf("the flow has no trigger %q; it has: %s", id, strings.Join(ids, ", "))
}
