package trigger

import (
	"context"
	"fmt"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// mostBackfilled is how many runs one backfill starts at the most.
const mostBackfilled = 10_000

// Backfill asks for the runs that a schedule would have started in the past.
type Backfill struct {
	From, To time.Time // the first moment, and the one before which it ends
	// Connection is the one account of many that it is for; "" for all.
	Connection string
}

// Backfilled is what a span of the past holds of a schedule.
type Backfilled struct {
	Ticks       int // times at which it was due
	First, Last time.Time
	// Arrivals start the runs: for each time one, or one for each account. A
	// time that has a run already starts none when they are accepted.
	Arrivals []journal.Arrival
}

// Backfill returns the runs for the times at which a schedule was due in the
// past: it was not there yet, the engine was down, or the flow was switched
// off. They begin when they are accepted, with the time as their
// event.scheduled, in the order of the times. Where the flow's mode lets one
// run at a time, they wait for each other: none is left out. An error is a
// sentence for who asked.
func (in Intake) Backfill(ctx context.Context, flow *program.Flow, t *program.FlowTrigger, b Backfill) (Backfilled, error) {
	var out Backfilled
	switch {
	case b.To.After(time.Now()):
		return out, fmt.Errorf("the span ends in the future: to %s", b.To.Format(time.RFC3339))
	case !b.From.Before(b.To):
		return out, fmt.Errorf("the span ends before it begins: from %s to %s", b.From.Format(time.RFC3339), b.To.Format(time.RFC3339))
	}
	places, err := in.backfilled(flow, b.Connection)
	if err != nil {
		return out, err
	}
	clock := clockOf(t.Schedule)
	most := mostBackfilled / len(places)
	for tick := clock.next(justBefore(b.From)); !tick.IsZero() && tick.Before(b.To); tick = clock.next(tick) {
		if out.Ticks == most {
			return Backfilled{}, fmt.Errorf("it was due more than %d times in this span: take a shorter one", most)
		}
		if out.Ticks == 0 {
			out.First = tick
		}
		out.Ticks, out.Last = out.Ticks+1, tick
		for _, connection := range places {
			out.Arrivals = append(out.Arrivals, inTurn(in.tick(ctx, flow, t, tick, connection)))
		}
	}
	return out, nil
}

// backfilled returns the connections of the runs.
func (in Intake) backfilled(flow *program.Flow, only string) ([]string, error) {
	use := flow.Fanned()
	switch {
	case only != "":
		return []string{only}, in.account(flow, use, only)
	case use == nil:
		return []string{""}, nil
	}
	places := placesOf(in.Live(), use)
	if len(places) == 0 {
		return nil, fmt.Errorf("the sign-in %q serves no account yet", use.Written())
	}
	return places[:min(len(places), mostBackfilled)], nil
}

// inTurn returns an arrival that comes together with others which are no less
// wanted: none of them is left out because another one is at work.
func inTurn(a journal.Arrival) journal.Arrival {
	a.Busy, a.Most = journal.Wait, 0
	return a
}
