// Package trigger is what starts a run: a delivery to a webhook's address, a
// moment of a schedule, news that a poll finds, the failure of another flow's
// run, or somebody who asks for it.
//
// Each of the first four sees what is live through a function that returns the
// current [program.Set], turns what happened into one [journal.Arrival] for
// each trigger of a flow that wants it, and hands them over to be stored:
// nothing else happens here, and nothing is acknowledged before that.
//
// What a trigger knows about the past is kept under (flow, trigger id,
// connection), never under a position or a version, so it outlives edits:
//
//   - which events were seen, by their event ids, in the store;
//   - a cursor ([journal.Cursor]), whose value is written by position.go.
//
// The event id is the vendor's own for a webhook, or what `same` says where one
// catches up with polls, the time of the tick for a schedule, the item's id with the value of `changed` for a poll, and the
// failed run's id with the time of its end for a failure.
//
//	Hooks      hook.go        an [http.Handler]: what comes in, and the answer
//	           address.go     which connection or flow an address belongs to
//	           delivery.go    a request as expressions see it
//	           verify.go      who sent it
//	           age.go         and when
//	           event.go       the arrivals it becomes
//	           offer.go       the one for runs that wait for it
//	           account.go     which accounts of a sign-in come and go
//	Schedules  schedule.go    which ticks are due, and which were missed
//	           tick.go        when the next one is, through summer and winter time
//	           backfill.go    the ticks of a span of the past
//	Polls      poll.go        which poll is due, and how the last one went
//	           lane.go        whose polls wait for each other, and which is due first
//	           look.go        one look at a list
//	Subscriptions subscription.go  services that are told by calls where to deliver
//	           subscription_wish.go   what the flows need
//	           subscription_turn.go   what is made and ended for it
//	           subscription_list.go   held against what the service has
//	           subscription_status.go in words
//	Failures   failure.go     which failed runs start whom
//	           failed.go      a failed run as an event
//	Intake     intake.go      the way into the store, and the queue of a run
//	           demand.go      a run that somebody asks for
package trigger

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// Intake is the way into the store, which all triggers share. Live and Accept
// are required; all but Hooks need Cursor, too.
type Intake struct {
	// Live returns what is live now. It is asked anew each time.
	Live func() *program.Set
	// Accept stores the arrivals and moves the cursor, if there is one, all or
	// nothing. An arrival that was accepted before starts nothing.
	Accept func(ctx context.Context, arrivals []journal.Arrival, cursor *journal.Cursor) ([]journal.Accepted, error)
	// Cursor returns how far a schedule, a poll or a watch for failures has
	// come, false if it has never begun.
	Cursor func(ctx context.Context, flow, trigger, connection string) (any, bool, error)
	// Awaited returns what runs wait for, also those that began with an earlier
	// version of their flow; nil for nothing.
	Awaited func(ctx context.Context) ([]Awaited, error)
	// Fields returns the fields of a connection that are no secrets, those
	// that a sign-in filled among them; nil means those of its file.
	Fields func(ctx context.Context, conn *program.Connection) map[string]any
	// Renames are the names that were given up for others: an address stays
	// what it was.
	Renames journal.Renames
	Logger  *slog.Logger // nil for none
}

// Awaited is an event that a step waits for.
type Awaited struct {
	Trigger *program.Trigger
	// Connection is the one the event comes through; "" where Use says that.
	Connection string
	Use        *program.Use
	Step       string // "flow/step"
}

// comesThrough reports whether deliveries for the connection may be the event.
func (a Awaited) comesThrough(c *program.Connection) bool {
	if a.Trigger.Connector.ID != c.Connector.ID {
		return false
	}
	return a.Use != nil && a.Use.Stands(c) || a.Connection == c.Name
}

// awaited returns what the steps of live flows wait for, and what runs of
// earlier versions do.
func (in Intake) awaited(ctx context.Context, set *program.Set) ([]Awaited, error) {
	var all []Awaited
	for _, flow := range flowsOf(set) {
		for _, s := range flow.Awaiting() {
			all = append(all, Awaited{Trigger: s.WaitFor.Event, Use: s.Use, Step: flow.ID + "/" + s.Path})
		}
	}
	if in.Awaited == nil {
		return all, nil
	}
	earlier, err := in.Awaited(ctx)
	return append(all, earlier...), err
}

func (in Intake) log() *slog.Logger {
	if in.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return in.Logger
}

func (in Intake) fields(ctx context.Context, conn *program.Connection) map[string]any {
	switch {
	case conn == nil:
		return map[string]any{}
	case in.Fields != nil:
		return in.Fields(ctx, conn)
	case conn.Fields == nil:
		return map[string]any{}
	}
	return conn.Fields
}

// byRole returns what `connection` is in the expressions of a flow, for an
// event that came through that connection.
func (in Intake) byRole(ctx context.Context, flow *program.Flow, connection string) map[string]any {
	set := in.Live()
	roles := make(map[string]any, len(flow.Uses))
	for role, use := range flow.Uses {
		roles[role] = in.fields(ctx, set.Connections[use.In(connection)])
	}
	return roles
}

// The texts of the queues of a flow beside those that queue_by makes.
const (
	queueOfAll     = "all"
	queueOfUnknown = "unknown"
)

// busy returns what a mode means for an event that finds the flow at work.
func busy(m program.Mode) journal.Busy {
	switch m {
	case program.Single:
		return journal.Skip
	case program.Restart:
		return journal.Cancel
	default:
		return journal.Wait
	}
}

// Queue returns the text that goes into the Queue of an arrival: runs of the
// flow with the same text run one after the other, with "" at the same time.
// An error says why queue_by gave nothing; the text returned beside it can be
// used, and puts all such runs into one queue. Busy and Most of
// the arrival are set to what the mode and the limits of the flow mean. Where a
// flow runs for many accounts, each of them has queues of its own.
func (in Intake) Queue(ctx context.Context, flow *program.Flow, a *journal.Arrival) (string, error) {
	a.Busy, a.Most = busy(flow.Mode), flow.Queue
	if flow.Mode == program.Parallel || flow.Mode == "" {
		return "", nil
	}
	text, err := in.queue(ctx, flow, a)
	if flow.Fanned() != nil {
		text = a.Connection + " " + text
	}
	return text, err
}

func (in Intake) queue(ctx context.Context, flow *program.Flow, a *journal.Arrival) (string, error) {
	if flow.QueueBy == nil {
		return queueOfAll, nil
	}
	inputs, err := program.FillInputs(flow.Inputs, a.Inputs)
	if err != nil {
		return queueOfUnknown, err
	}
	v, err := flow.QueueBy.Eval(&expr.Env{
		Now:   a.At,
		Place: flow.ID + "/" + a.Trigger + "/" + a.EventID,
		Names: map[string]any{
			"event":      a.Event,
			"inputs":     inputs,
			"trigger":    map[string]any{"id": a.Trigger, "time": a.At.Format(time.RFC3339Nano)},
			"flow":       map[string]any{"id": flow.ID, "name": flow.Name},
			"connection": in.byRole(ctx, flow, a.Connection),
		},
	})
	if err != nil {
		return queueOfUnknown, err
	}
	text, err := value.Encode(v)
	if err != nil {
		return queueOfUnknown, err
	}
	return "by " + string(text), nil
}

// textOf returns an id, a number or a boolean as text; false for anything else.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, v != ""
	case int, float64, bool:
		text, err := json.Marshal(v)
		return string(text), err == nil
	default:
		return "", false
	}
}
