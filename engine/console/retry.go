package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// Where a retry begins, beside the path of a step, and with which version of
// the flow.
const (
	fromStart    = "start"
	fromFailed   = "failed"
	withOriginal = "original"
	withCurrent  = "current"
)

// retry takes a run up again that has ended.
func (c *Console) retry(w http.ResponseWriter, r *http.Request) { onRun(c, w, r, alone(c, c.takeUp)) }

// takeUp plans a retry and begins it.
func (c *Console) takeUp(ctx context.Context, run journal.Run, events []journal.Event, req RetryRequest) (RetryAnswer, *refusal, error) {
	p, refused := c.planRetry(ctx, run, events, req)
	if refused != nil {
		return RetryAnswer{}, refused, nil
	}
	if req.DryRun {
		return p.answer, nil, nil
	}
	o := journal.Reopening{Run: run.ID, Definition: p.answer.Definition, Events: p.events}
	return p.answer, nil, c.opt.Store.TakeUp(ctx, o)
}

// mayRetry says why a run of this status cannot be retried; nil if it can.
func mayRetry(run journal.Run) *refusal {
	switch {
	case run.Status == journal.OutcomeUnknown:
		return conflict(fmt.Sprintf("patchbay runs answer %d --happened (or --did-not-happen)", run.ID),
			"run %d asks what came of a write: answer that first", run.ID)
	case !run.Status.HasEnded():
		return conflict(fmt.Sprintf("patchbay runs cancel %d ends it", run.ID), "run %d has not ended: it is %s", run.ID, run.Status)
	default:
		return nil
	}
}

// chooseRetry decides where a retry begins.
func chooseRetry(run journal.Run, state *journal.State, from string, items []string) (*journal.Retry, *refusal) {
	var chosen *journal.Retry
	var ok bool
	switch from {
	case fromStart:
		chosen = state.RetryStart()
	case fromFailed:
		if chosen, ok = state.RetryFailed(items...); !ok && len(items) > 0 {
			return nil, noFailure(run, state, items)
		}
		if !ok && run.Status == journal.PartlyFailed {
			return nil, conflict("--from STEP does one of it once more, and what follows", "all that failed in run %d was dismissed", run.ID)
		}
		if !ok {
			return nil, conflict("--from start does all of it once more, --from STEP that step and what follows",
				"nothing failed in run %d: its status is %s", run.ID, run.Status)
		}
	default:
		if chosen, ok = state.RetryFrom(from); !ok {
			return nil, &refusal{
				http.StatusUnprocessableEntity, fmt.Sprintf("run %d never came to a step %q", run.ID, from),
				nearest(from, append([]string{fromStart, fromFailed}, state.Paths()...), "allowed"),
			}
		}
	}
	if len(chosen.Open) > 0 {
		return nil, conflict("--from failed goes on where the run was, and asks what came of it",
			"nobody knows whether the write of step %s happened: it must not be done once more without a word", chosen.Open[0])
	}
	return chosen, nil
}

// noFailure says why nothing that failed is at the places that were named.
func noFailure(run journal.Run, state *journal.State, items []string) *refusal {
	var open []string
	for _, l := range state.Letters() {
		if l.Path != "" {
			open = append(open, l.Path)
		}
	}
	for _, item := range items {
		if state.Dismissed(item) {
			return conflict("--from "+item+" does it all the same, and what follows the loop", "%s of run %d was dismissed", item, run.ID)
		}
	}
	return &refusal{
		http.StatusUnprocessableEntity, fmt.Sprintf("nothing failed at %s in run %d", strings.Join(items, ", "), run.ID),
		nearest(items[0], open, "what failed"),
	}
}

// versionFor returns the version of the flow that a retry runs on.
func (c *Console) versionFor(ctx context.Context, run journal.Run, with string) (*program.Flow, *refusal) {
	if with == withOriginal {
		f, err := c.opt.Catalog.Definition(ctx, run.Definition)
		if err != nil {
			return nil, conflict("--with current takes the version that is live", "the version of %s that this run ran on cannot be loaded: %v", run.Flow, err)
		}
		return f, nil
	}
	live := c.opt.Catalog.Live()
	broken := slices.Contains(live.Set.Broken, run.Flow)
	for _, f := range live.Files {
		broken = broken || f.Flow == run.Flow && f.Kept
	}
	f, ok := live.Set.Flows[run.Flow]
	switch {
	case broken:
		return nil, conflict("patchbay check shows them", "the flow %q has errors, so its current version is not live", run.Flow)
	case !ok:
		return nil, conflict("--with original takes the version the run ran on", "the flow %q is not live any more", run.Flow)
	default:
		return f, nil
	}
}

// retryOffer is what the page of a run offers.
type retryOffer struct {
	From, With, Label, Sure string
}

// offers returns the retries that may begin now.
func (c *Console) offers(ctx context.Context, run journal.Run, events []journal.Event) []retryOffer {
	if !run.Status.HasEnded() {
		return nil
	}
	failed := "Retry what failed"
	if run.Status == journal.Cancelled {
		failed = "Go on where it was"
	}
	var out []retryOffer
	for _, o := range []retryOffer{
		{From: fromFailed, With: withOriginal, Label: failed},
		{From: fromFailed, With: withCurrent, Label: failed + " with the current version"},
		{From: fromStart, With: withOriginal, Label: "Retry from the start"},
		{From: fromStart, With: withCurrent, Label: "Retry from the start with the current version"},
	} {
		p, refused := c.planRetry(ctx, run, events, RetryRequest{From: o.From, With: o.With})
		if refused != nil || o.With == withCurrent && p.answer.Definition == run.Definition {
			continue
		}
		o.Sure = o.Label + "? " + p.answer.Sentence()
		out = append(out, o)
	}
	return out
}
