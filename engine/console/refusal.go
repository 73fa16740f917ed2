package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"patchbay/engine/journal"
)

// refusal is why something is not done: a sentence for who asked for it.
type refusal struct {
	status        int
	message, hint string
}

func conflict(hint, format string, args ...any) *refusal {
	return &refusal{http.StatusConflict, fmt.Sprintf(format, args...), hint}
}

func (f *refusal) tell(w http.ResponseWriter) { fail(w, f.status, f.message, f.hint) }

// onRun answers a request about the run of its address: with what came of it,
// with why it is not done, or with an error of ours.
func onRun[Q, A any](c *Console, w http.ResponseWriter, r *http.Request, do func(*http.Request, journal.Run, Q) (A, *refusal, error)) {
	run, ok := c.runOf(w, r)
	if !ok {
		return
	}
	var req Q
	if !decode(w, r, &req) {
		return
	}
	out, refused, err := do(r, run, req)
	switch {
	case err != nil:
		c.internal(w, r, err)
	case refused != nil:
		refused.tell(w)
	default:
		answer(w, http.StatusOK, out)
	}
}

// alone returns what changes a run, one request at a time: what is known of the
// run does not change in between.
func alone[Q, A any](c *Console, change func(context.Context, journal.Run, []journal.Event, Q) (A, *refusal, error)) func(*http.Request, journal.Run, Q) (A, *refusal, error) {
	return func(r *http.Request, run journal.Run, req Q) (out A, refused *refusal, err error) {
		c.retries.Lock()
		defer c.retries.Unlock()
		ctx := r.Context()
		var events []journal.Event
		if run, err = c.opt.Store.RunByID(ctx, run.ID); err == nil {
			events, err = c.opt.Store.Events(ctx, run.ID)
		}
		if err == nil {
			out, refused, err = change(ctx, run, events, req)
		}
		if errors.Is(err, journal.ErrNotEnded) || errors.Is(err, journal.ErrNoRun) {
			return out, conflict("", "the run was taken up again or removed meanwhile"), nil
		}
		return out, refused, err
	}
}
