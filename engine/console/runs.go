package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"patchbay/engine/journal"
)

// How many runs a list has where nothing is said, and at the most.
const (
	usualRuns = 50
	mostRuns  = 1000
)

// statuses are the statuses a run can have, in the order of its life.
func statuses() []string {
	var out []string
	for _, s := range []journal.Status{
		journal.Queued, journal.Running, journal.WaitingStatus, journal.OutcomeUnknown, journal.Succeeded,
		journal.SkippedStatus, journal.PartlyFailed, journal.FailedStatus, journal.Cancelled,
	} {
		out = append(out, string(s))
	}
	return out
}

// runs lists runs, the newest first: ?flow=, ?status=, ?connection=, ?since=,
// ?before=<id>, ?limit=, ?steps=1.
func (c *Console) runs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, ok := number(w, q, "limit", usualRuns, mostRuns)
	if !ok {
		return
	}
	before, ok := number(w, q, "before", 0, int(^uint(0)>>1))
	if !ok {
		return
	}
	status := q.Get("status")
	if status != "" && !slices.Contains(statuses(), status) {
		fail(w, http.StatusBadRequest, "status cannot be "+strconv.Quote(status), nearest(status, statuses(), "statuses"))
		return
	}
	since, err := time.Parse(time.RFC3339, q.Get("since"))
	if err != nil && q.Get("since") != "" {
		fail(w, http.StatusBadRequest, "since must be a time such as 2026-03-01T09:00:00Z, not "+strconv.Quote(q.Get("since")), "")
		return
	}
	found, err := c.opt.Store.Runs(r.Context(), journal.Filter{
		Flow: q.Get("flow"), Status: journal.Status(status), Connection: q.Get("connection"), Since: since, Before: int64(before), Limit: limit,
	})
	if err != nil {
		c.internal(w, r, err)
		return
	}
	if len(found) == 0 && q.Get("flow") != "" && !c.knowsFlow(w, r, q.Get("flow")) {
		return
	}
	out := newRuns(found)
	if q.Get("steps") != "" {
		for i := range out {
			events, err := c.opt.Store.Events(r.Context(), out[i].ID)
			if err != nil {
				c.internal(w, r, err)
				return
			}
			out[i].Steps = newSteps(events)
		}
	}
	answer(w, http.StatusOK, out)
}

// knowsFlow reports whether a flow is live, has errors, or has had runs; it
// has answered if not.
func (c *Console) knowsFlow(w http.ResponseWriter, r *http.Request, id string) bool {
	set := c.opt.Catalog.Set()
	counts, err := c.opt.Store.Counts(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return false
	}
	names := slices.Concat(slices.Collect(maps.Keys(counts)), slices.Collect(maps.Keys(set.Flows)), set.Broken)
	if slices.Contains(names, id) {
		return true
	}
	slices.Sort(names)
	fail(w, http.StatusNotFound, "there is no flow "+strconv.Quote(id), nearest(id, slices.Compact(names), "flows"))
	return false
}

func newRuns(found []journal.Run) []Run {
	out := []Run{}
	for _, run := range found {
		out = append(out, newRun(run))
	}
	return out
}

// findRun returns the run of that number; the error is journal.ErrNoRun for a
// number that is none, too.
func (c *Console) findRun(r *http.Request) (journal.Run, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return journal.Run{}, fmt.Errorf("read the number of the run: %w", journal.ErrNoRun)
	}
	return c.opt.Store.RunByID(r.Context(), id)
}

// runOf returns the run that the address names; it has answered if there is
// none.
func (c *Console) runOf(w http.ResponseWriter, r *http.Request) (journal.Run, bool) {
	run, err := c.findRun(r)
	switch {
	case errors.Is(err, journal.ErrNoRun):
		fail(w, http.StatusNotFound, "there is no run "+strconv.Quote(r.PathValue("id")), c.whereRuns())
		return run, false
	case err != nil:
		c.internal(w, r, err)
		return run, false
	}
	return run, true
}

// whereRuns tells where runs are listed: the sandbox has its own.
func (c *Console) whereRuns() string {
	if c.opt.Sandbox != nil {
		return "patchbay runs --sandbox lists them"
	}
	return "patchbay runs lists them, with --sandbox those of the sandbox"
}

func (c *Console) run(w http.ResponseWriter, r *http.Request) {
	run, ok := c.runOf(w, r)
	if !ok {
		return
	}
	events, err := c.opt.Store.Events(r.Context(), run.ID)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	whole, err := c.wholeRun(r.Context(), run, events)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, whole)
}

// wholeRun returns a run with all that is known of it.
func (c *Console) wholeRun(ctx context.Context, run journal.Run, events []journal.Event) (Run, error) {
	out := newRun(run)
	out.Output, out.Event, out.Inputs, out.Journal = run.Output, run.Event, run.Inputs, events
	var err error
	out.Asks, err = c.asked(ctx, run, events)
	return out, err
}

func (c *Console) cancel(w http.ResponseWriter, r *http.Request) { onRun(c, w, r, c.cancelled) }

func (c *Console) cancelled(r *http.Request, run journal.Run, _ struct{}) (CancelAnswer, *refusal, error) {
	err := c.opt.Store.Cancel(r.Context(), run.ID)
	if errors.Is(err, journal.ErrEnded) {
		if now, err := c.opt.Store.RunByID(r.Context(), run.ID); err == nil {
			run = now
		}
		return CancelAnswer{}, conflict("", "the run has ended already: %s", run.Status), nil
	}
	return CancelAnswer{Run: run.ID, Status: journal.Cancelled}, nil, err
}

// statusTone says how good a status is: the colour of it.
func statusTone(s journal.Status) string {
	switch s {
	case journal.Succeeded:
		return "good"
	case journal.FailedStatus, journal.PartlyFailed, journal.OutcomeUnknown:
		return "bad"
	case journal.SkippedStatus, journal.Cancelled:
		return "dim"
	default:
		return "busy"
	}
}
