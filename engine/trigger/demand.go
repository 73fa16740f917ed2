package trigger

import (
	"context"
	"crypto/rand"
	"errors"
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
	// Connection is the account that a flow runs for which runs for one of many
	// at a time; "" for any other flow.
	Connection string
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
	if use := flow.Fanned(); use != nil || req.Connection != "" {
		if err := in.account(flow, use, req.Connection); err != nil {
			return journal.Arrival{}, err
		}
		a.Connection = req.Connection
	}
	queue, err := in.Queue(ctx, flow, &a)
	if err != nil {
		return a, fmt.Errorf("queue_by: %w", err)
	}
	a.Queue = queue
	return a, nil
}

// account checks the account that somebody wants a run for; an error is a
// sentence for who asked.
func (in Intake) account(flow *program.Flow, use *program.Use, connection string) error {
	set := in.Live()
	c, known := set.Connections[connection]
	switch {
	case use == nil:
		return fmt.Errorf("the flow %s does not run for one account of many, so no connection is chosen", flow.ID)
	case connection == "":
		return fmt.Errorf("the flow runs for one account of %q at a time, so one must be named, as in %s", use.Written(), in.anAccount(use))
	case !known:
		return errors.New(set.NoConnection(connection))
	case c.Gone() != "":
		return errors.New(c.Gone())
	case !use.Stands(c):
		return fmt.Errorf("the flow runs for the accounts of %q, and %q is none of them", use.Written(), connection)
	}
	return nil
}

// anAccount returns the name of an account that a role may stand for, or how
// such a name looks.
func (in Intake) anAccount(use *program.Use) string {
	if all := in.Live().ConnectionsOf(use); len(all) > 0 {
		return all[0].Name
	}
	return program.MemberName(use.Written(), "<id>")
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
