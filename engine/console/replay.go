package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

const (
	// replayed is how many runs are taken up in one transaction.
	replayed = 100
	// pace is how far apart the runs of a replay become due, so that those of
	// new events find a place between them.
	pace = 20 * time.Millisecond
	// remembered is how long a replay that is over is known if nobody closes it.
	remembered = 24 * time.Hour
	// toldRefusals is how many runs that cannot be taken up are named.
	toldRefusals = 20
)

// replay takes up many runs again, or says what that would do.
func (c *Console) replay(w http.ResponseWriter, r *http.Request) {
	var req ReplayRequest
	p, ok := replayOf(w, r, &req)
	if !ok {
		return
	}
	if !c.knowsFlow(w, r, req.Flow) {
		return
	}
	if err := c.goThrough(r.Context(), p); err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, p.told)
}

// replayOf reads a request for a replay; it has answered if that cannot be done.
func replayOf(w http.ResponseWriter, r *http.Request, req *ReplayRequest) (*replaying, bool) {
	if !decode(w, r, req) {
		return nil, false
	}
	p, refused := newReplay(*req, time.Now())
	if refused != nil {
		refused.tell(w)
		return nil, false
	}
	return p, true
}

// replaying is a replay under way.
type replaying struct {
	req    ReplayRequest
	kept   journal.Replay
	status []journal.Status
	told   ReplayAnswer
	room   int // how many more runs may be taken up, -1 for any number
}

// replayable returns the statuses of the runs that a replay can take up; those
// where nothing failed only from the start.
func replayable(from string) []string {
	all := []string{string(journal.FailedStatus), string(journal.PartlyFailed), string(journal.Cancelled)}
	if from == fromStart {
		all = append(all, string(journal.Succeeded), string(journal.SkippedStatus))
	}
	return all
}

// newReplay reads what is asked for.
func newReplay(req ReplayRequest, now time.Time) (*replaying, *refusal) {
	if req.From == "" {
		req.From = fromFailed
	}
	if req.With == "" {
		req.With = withOriginal
	}
	p := &replaying{req: req, room: -1, status: []journal.Status{journal.FailedStatus, journal.PartlyFailed}}
	wrong := func(hint, format string, args ...any) (*replaying, *refusal) {
		return nil, &refusal{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...), hint}
	}
	switch {
	case req.Flow == "":
		return wrong("patchbay runs replay --flow order --since 24h", "the flow whose runs are replayed must be named")
	case req.From != fromFailed && req.From != fromStart:
		return wrong("allowed: failed, start", "from cannot be %q", req.From)
	case req.With != withOriginal && req.With != withCurrent:
		return wrong(nearest(req.With, []string{withOriginal, withCurrent}, "allowed"), "with cannot be %q", req.With)
	case req.Status != "" && !slices.Contains(replayable(req.From), req.Status):
		return wrong(nearest(req.Status, replayable(req.From), "allowed"), "runs that are %q cannot be replayed from %s", req.Status, req.From)
	}
	if req.Status != "" {
		p.status = []journal.Status{journal.Status(req.Status)}
	}
	since, err := moment(req.Since, now)
	if err != nil || req.Since == "" {
		return wrong("such as 24h, 7d, or 2026-03-01T09:00:00Z", "since must be a time or how long ago it was, not %q", req.Since)
	}
	until, err := moment(req.Until, now)
	if err != nil {
		return wrong("such as 2h, or 2026-03-01T09:00:00Z", "until must be a time or how long ago it was, not %q", req.Until)
	}
	p.told = ReplayAnswer{
		Flow: req.Flow, From: req.From, With: req.With, Since: since, Until: until, Begun: now.UTC(), DryRun: req.DryRun,
		Steps: []RetryStep{}, Refused: []ReplayRefusal{}, Runs: []int64{},
	}
	p.kept = journal.Replay{Name: p.name(), Begun: now}
	return p, nil
}

// name is the same for two requests that ask for the same: so a replay that
// was cut off goes on where it was.
func (p *replaying) name() string {
	var name strings.Builder
	for _, part := range []string{p.req.Flow, p.req.Status, p.req.From, p.req.With, p.req.Since, p.req.Until} {
		name.WriteString(strconv.Quote(part) + " ")
	}
	return name.String()
}

// moment reads a time, or how long ago it was; "" is now.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.UTC(), nil
	}
	if ago, err := value.ParseDuration(text); err == nil {
		return now.Add(-ago).UTC(), nil
	}
	return time.Parse(time.RFC3339, text)
}

// goThrough deals with the runs one after the other, the oldest first. Each
// hundred are one transaction together with how far the replay has come.
func (c *Console) goThrough(ctx context.Context, p *replaying) error {
	c.retries.Lock()
	defer c.retries.Unlock()
	earlier, found, err := c.opt.Store.ReplayNamed(ctx, p.kept.Name)
	if err != nil {
		return err
	}
	if found && p.resume(earlier) {
		return nil
	}
	if err := c.measure(ctx, p); err != nil {
		return err
	}
	for {
		runs, err := c.opt.Store.Runs(ctx, journal.Filter{
			Flow: p.req.Flow, Since: p.told.Since, Until: p.told.Until, After: p.kept.Position, Oldest: true, Limit: replayed,
		})
		if err != nil {
			return err
		}
		taken, full, err := c.takeSome(ctx, p, runs)
		if err != nil {
			return err
		}
		done := len(runs) < replayed && !full
		p.kept.Told = p.progress(done)
		if !p.req.DryRun {
			if err := c.opt.Store.Replay(ctx, p.kept, taken); err != nil {
				return err
			}
		}
		if done || full {
			return nil
		}
	}
}

// progress is what is kept of a replay beside its position. Times are text, as
// they come back.
func (p *replaying) progress(done bool) any {
	runs := make([]any, len(p.told.Runs))
	for i, id := range p.told.Runs {
		runs[i] = int(id)
	}
	return map[string]any{
		"since": p.told.Since.Format(time.RFC3339Nano), "until": p.told.Until.Format(time.RFC3339Nano), "runs": runs, "done": done,
	}
}

// resume goes on with a replay that was cut off. It reports whether all of its
// runs were taken up before.
func (p *replaying) resume(earlier journal.Replay) bool {
	told, _ := earlier.Told.(map[string]any)
	done := told["done"] == true
	if done && p.kept.Begun.Sub(earlier.Begun) > remembered {
		return false
	}
	at := func(key string) time.Time {
		text, _ := told[key].(string)
		t, _ := time.Parse(time.RFC3339Nano, text) // it was written by progress
		return t
	}
	runs, _ := told["runs"].([]any)
	for _, run := range runs {
		id, _ := run.(int)
		p.told.Runs = append(p.told.Runs, int64(id))
	}
	p.kept = earlier
	p.told.Before, p.told.Since, p.told.Until, p.told.Begun = len(runs), at("since"), at("until"), earlier.Begun
	return done
}

// closeReplay forgets a replay: the same request is a new one then.
func (c *Console) closeReplay(w http.ResponseWriter, r *http.Request) {
	var req ReplayRequest
	p, ok := replayOf(w, r, &req)
	if !ok {
		return
	}
	p.kept.Over = true
	if err := c.opt.Store.Replay(r.Context(), p.kept, nil); err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

// measure finds out how many runs there is room for: a flow may say how many
// wait at the most, and new events need half of that.
func (c *Console) measure(ctx context.Context, p *replaying) error {
	flow := c.opt.Catalog.Set().Flows[p.req.Flow]
	if flow == nil || flow.Queue == 0 {
		return nil
	}
	counts, err := c.opt.Store.Counts(ctx)
	open := 0
	for status, n := range counts[p.req.Flow] {
		if !status.HasEnded() {
			open += n
		}
	}
	p.room, p.told.Queue = max(flow.Queue/2-open, 0), flow.Queue
	return err
}

// takeSome plans the retries of some runs. It reports whether there is room for
// no more.
func (c *Console) takeSome(ctx context.Context, p *replaying, runs []journal.Run) ([]journal.Reopening, bool, error) {
	var taken []journal.Reopening
	for _, listed := range runs {
		if !slices.Contains(p.status, listed.Status) || listed.Ended.After(p.told.Begun) {
			p.kept.Position = listed.ID
			continue
		}
		if p.room == 0 && !p.req.DryRun {
			p.told.Left = true
			return taken, true, nil
		}
		run, err := c.opt.Store.RunByID(ctx, listed.ID)
		if err != nil {
			return nil, false, err
		}
		events, err := c.opt.Store.Events(ctx, run.ID)
		if err != nil {
			return nil, false, err
		}
		p.kept.Position = run.ID
		if run.Status.HasFailed() && len(journal.Fold(events).Letters()) == 0 {
			continue // somebody has dismissed it
		}
		plan, refused := c.planRetry(ctx, run, events, RetryRequest{From: p.req.From, With: p.req.With, By: p.req.By})
		if refused != nil {
			p.told.refuse(run.ID, refused)
			continue
		}
		p.told.add(run.ID, plan.answer)
		p.room--
		taken = append(taken, journal.Reopening{
			Run: run.ID, Definition: plan.answer.Definition, Events: plan.events, Due: time.Now().Add(time.Duration(p.told.Taken-1) * pace),
		})
	}
	return taken, false, nil
}

// refuse notes a run that cannot be taken up.
func (a *ReplayAnswer) refuse(run int64, why *refusal) {
	if a.Refusals++; a.Refusals <= toldRefusals {
		a.Refused = append(a.Refused, ReplayRefusal{Run: run, Error: why.message, Hint: why.hint})
	}
}

// add counts a run that is taken up.
func (a *ReplayAnswer) add(run int64, plan RetryAnswer) {
	a.Taken++
	a.Runs = append(a.Runs, run)
	a.Calls, a.Writes, a.AtLeast = a.Calls+plan.Calls, a.Writes+plan.Writes, a.AtLeast || plan.AtLeast
	for _, s := range plan.Steps {
		i := slices.IndexFunc(a.Steps, func(have RetryStep) bool { return have.Path == s.Path && have.Does == s.Does })
		if i < 0 {
			a.Steps = append(a.Steps, s)
			continue
		}
		have := &a.Steps[i]
		have.Kept, have.Again, have.First = have.Kept+s.Kept, have.Again+s.Again, have.First+s.First
		have.Each, have.Perhaps, have.Differs = have.Each || s.Each, have.Perhaps || s.Perhaps, have.Differs || s.Differs
	}
}

// Writing returns the steps that write to a service.
func (a ReplayAnswer) Writing() []RetryStep {
	var out []RetryStep
	for _, s := range a.Steps {
		if s.Effect != "" && s.Effect != program.EffectRead && (s.Again+s.First > 0 || s.Each) {
			out = append(out, s)
		}
	}
	return out
}

// Cost says how many calls the replay makes.
func (a ReplayAnswer) Cost() string { return cost(a.Calls, a.Writes, a.AtLeast) }
