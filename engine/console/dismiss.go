package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/journal"
)

// dismiss takes a failure out of the inbox: nobody has to do anything about it.
func (c *Console) dismiss(w http.ResponseWriter, r *http.Request) {
	onRun(c, w, r, alone(c, c.putAside))
}

// putAside writes down that a failure was dismissed.
func (c *Console) putAside(ctx context.Context, run journal.Run, events []journal.Event, req DismissRequest) (DismissAnswer, *refusal, error) {
	if refused := mayDismiss(run, journal.Fold(events), req); refused != nil {
		return DismissAnswer{}, refused, nil
	}
	e := journal.Event{At: time.Now(), Kind: journal.Dismissed, Path: req.Path, Text: strings.TrimSpace(req.Reason), By: req.By}
	left := len(journal.Fold(append(events, e)).Letters())
	return DismissAnswer{Run: run.ID, Path: req.Path, Left: left}, nil, c.opt.Store.Note(ctx, run.ID, []journal.Event{e}, left == 0)
}

func mayDismiss(run journal.Run, state *journal.State, req DismissRequest) *refusal {
	var open []string
	found := false
	for _, l := range state.Letters() {
		found = found || req.Path == "" || l.Path == req.Path
		if l.Path != "" {
			open = append(open, l.Path)
		}
	}
	switch {
	case run.Status == journal.OutcomeUnknown:
		return mayRetry(run)
	case !run.Status.HasFailed():
		return conflict("", "nothing failed in run %d: it is %s", run.ID, words(run.Status))
	case strings.TrimSpace(req.Reason) == "":
		return &refusal{http.StatusUnprocessableEntity, "it must be said why nothing is to be done", "--reason 'the client is gone'"}
	case req.Path == "" && !found:
		return conflict("", "all that failed in run %d was dismissed already", run.ID)
	case !found:
		return &refusal{http.StatusUnprocessableEntity, "nothing failed at " + strconv.Quote(req.Path) + " of which nobody has said anything", nearest(req.Path, open, "what failed")}
	default:
		return nil
	}
}
