package console

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
)

// BackfillRequest is the body of POST
// /api/v1/flows/{id}/triggers/{trigger}/backfill: the runs that a schedule
// would have started in a span of the past are queued. In place of the id of
// the trigger "-" stands for the flow's only schedule.
type BackfillRequest struct {
	// From and To are the first moment and the one before which it ends: a time
	// (RFC 3339), a date or a time of day in the schedule's time zone, or how
	// long ago ("7d"). To is now unless it is given.
	From string `json:"from"`
	To   string `json:"to,omitempty"`
	// Connection is the one account of many that it is for; "" for all.
	Connection string `json:"connection,omitempty"`
	DryRun     bool   `json:"dry_run,omitempty"` // nothing is queued
}

// BackfillAnswer is what came of it.
type BackfillAnswer struct {
	Flow    string    `json:"flow"`
	Trigger string    `json:"trigger"`
	Times   int       `json:"times"` // at which the schedule was due
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
	Runs    int       `json:"runs"`   // for these times
	Queued  int       `json:"queued"` // 0 for a dry run
	Had     int       `json:"had"`    // of the runs, how many there were before
}

// backfill queues the runs that a schedule would have started.
func (c *Console) backfill(w http.ResponseWriter, r *http.Request) {
	flow, ok := c.flowOf(w, r)
	if !ok {
		return
	}
	t, reason, hint := scheduleOf(flow, r.PathValue("trigger"))
	if t == nil {
		fail(w, http.StatusNotFound, reason, hint)
		return
	}
	var req BackfillRequest
	if !decode(w, r, &req) {
		return
	}
	b, bad := req.span(cmp.Or(t.Schedule.Zone, time.UTC), time.Now())
	if bad != "" {
		fail(w, http.StatusUnprocessableEntity, bad, "write a date such as 2026-03-01, a time such as 2026-03-01T08:00, or how long ago, such as 7d")
		return
	}
	c.knowAccounts(r.Context(), flow)
	found, err := c.opt.Intake.Backfill(r.Context(), flow, t, b)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error(), "")
		return
	}
	out := BackfillAnswer{Flow: flow.ID, Trigger: t.ID, Times: found.Ticks, First: found.First, Last: found.Last, Runs: len(found.Arrivals)}
	if req.DryRun || len(found.Arrivals) == 0 {
		answer(w, http.StatusOK, out)
		return
	}
	accepted, err := c.opt.Store.Accept(r.Context(), found.Arrivals, nil)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	for _, a := range accepted {
		if a.Duplicate {
			out.Had++
		} else {
			out.Queued++
		}
	}
	answer(w, http.StatusOK, out)
}

// span reads the times of the request; bad says what is wrong with them, "" for
// nothing.
func (req BackfillRequest) span(zone *time.Location, now time.Time) (b trigger.Backfill, bad string) {
	b = trigger.Backfill{To: now, Connection: req.Connection}
	var err error
	if b.From, err = value.ParseMoment(req.From, now, zone); err != nil {
		return b, "from cannot be " + strconv.Quote(req.From)
	}
	if req.To == "" {
		return b, ""
	}
	if b.To, err = value.ParseMoment(req.To, now, zone); err != nil {
		return b, "to cannot be " + strconv.Quote(req.To)
	}
	return b, ""
}

// scheduleOf returns the schedule of that id, "-" for the only one; nil if
// there is none, and why.
func scheduleOf(flow *program.Flow, id string) (t *program.FlowTrigger, reason, hint string) {
	var ids []string
	for _, on := range flow.Triggers {
		if on.Schedule == nil {
			continue
		}
		ids = append(ids, on.ID)
		if on.ID == id || id == "-" {
			t = on
		}
	}
	switch {
	case len(ids) == 0:
		return nil, "the flow " + strconv.Quote(flow.ID) + " has no schedule", ""
	case id == "-" && len(ids) > 1:
		return nil, "the flow " + strconv.Quote(flow.ID) + " has several schedules", nearest("", ids, "schedules")
	case t == nil:
		return nil, "the flow " + strconv.Quote(flow.ID) + " has no schedule " + strconv.Quote(id), nearest(id, ids, "schedules")
	}
	return t, "", ""
}
