package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"patchbay/engine/journal"
)

// events writes the events of a run, one JSON text a line; with ?follow=1 as
// they happen, until the run does not go on by itself.
func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	run, ok := c.runOf(w, r)
	if !ok {
		return
	}
	stored, err := c.opt.Store.Events(r.Context(), run.ID)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	f := &follower{console: c, run: run.ID, upTo: -1, out: json.NewEncoder(w), sent: map[mark]bool{}}
	f.out.SetEscapeHTML(false)
	f.send(stored)
	if r.URL.Query().Get("follow") == "" {
		return
	}
	if err := f.follow(r.Context(), http.NewResponseController(w)); err != nil && r.Context().Err() == nil {
		c.opt.Logger.Error("follow run", "run", run.ID, "error", err)
	}
}

// follower tells one reader the events of one run, each once. It hears of
// them from the feed when they happen, and finds in the store what the feed
// does not tell: what was before, and what came in another way.
type follower struct {
	console *Console
	run     int64
	upTo    int64 // the number of the last event heard from the feed
	out     *json.Encoder
	sent    map[mark]bool
}

// mark tells the events of a run apart.
type mark struct {
	at      int64
	kind    journal.Kind
	path    string
	attempt int
}

// The pause between two looks into the store while the feed says nothing: an
// end is told before it is on disk, and a run may be cancelled.
const (
	shortLook = 5 * time.Millisecond
	longLook  = 500 * time.Millisecond
)

// follow sends events until the run is at rest or the reader is gone.
func (f *follower) follow(ctx context.Context, w *http.ResponseController) error {
	pause := shortLook
	for ctx.Err() == nil {
		rest, err := f.atRest(ctx)
		if err != nil {
			return err
		}
		heard := f.console.feed.after(f.run, f.upTo)
		f.upTo = heard.upTo
		if heard.gap || rest {
			stored, err := f.console.opt.Store.Events(ctx, f.run)
			if err != nil {
				return err
			}
			f.send(stored)
		}
		f.send(heard.events)
		_ = w.Flush() // a reader that is gone ends with the request
		if rest {
			return nil
		}
		if len(heard.events) > 0 {
			pause = shortLook
		}
		select {
		case <-ctx.Done():
		case <-heard.changed:
			pause = shortLook
		case <-time.After(pause):
			pause = min(2*pause, longLook)
		}
	}
	return nil
}

// atRest reports whether the run has ended, waits for a time or another run,
// or asks a question.
func (f *follower) atRest(ctx context.Context) (bool, error) {
	found, err := f.console.opt.Store.Runs(ctx, journal.Filter{Before: f.run + 1, Limit: 1})
	if err != nil {
		return false, err
	}
	if len(found) == 0 || found[0].ID != f.run {
		return true, nil
	}
	s, due := found[0].Status, found[0].Due
	// What is due, as a person has just answered, goes on in a moment.
	waits := s == journal.WaitingStatus && (due.IsZero() || due.After(time.Now()))
	return s.HasEnded() || waits || s == journal.OutcomeUnknown, nil
}

// send writes the events that were not sent before, as they are read back from
// the store.
func (f *follower) send(events []journal.Event) {
	for _, e := range events {
		m := mark{e.At.UnixNano(), e.Kind, e.Path, e.Attempt}
		if f.sent[m] {
			continue
		}
		f.sent[m] = true
		if stored, err := journal.Normalize(e); err == nil {
			e = stored
		}
		_ = f.out.Encode(e) // a reader that is gone ends with the request
	}
}
