package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"patchbay/engine/console"
	"patchbay/engine/program"
	"patchbay/engine/store"
)

const (
	apiFile      = "api.json"
	shutdownTime = 5 * time.Second
	headerTime   = 10 * time.Second
	bodyTime     = 15 * time.Second
)

// session is what api.json in the data folder says of the process that serves.
type session struct {
	URL   string `json:"url"`
	Token string `json:"token"`
	Dir   string `json:"dir"` // the whole path of the workspace
}

// ReadAPI returns where the API of the process that serves this data folder
// is, and its token. It fails with [fs.ErrNotExist] if none serves.
func ReadAPI(dataDir string) (base, token string, err error) {
	s, err := readSession(dataDir)
	return s.URL, s.Token, err
}

// ServedDir returns the workspace folder of the process that serves this data
// folder, as its whole path.
func ServedDir(dataDir string) (string, error) {
	s, err := readSession(dataDir)
	return s.Dir, err
}

func readSession(dataDir string) (session, error) {
	data, err := os.ReadFile(filepath.Join(dataDir, apiFile))
	if err != nil {
		return session{}, err
	}
	var s session
	if err := json.Unmarshal(data, &s); err != nil {
		return session{}, fmt.Errorf("read %s: %w", apiFile, err)
	}
	return s, nil
}

// Serve runs everything until ctx ends: triggers, runs, reloading, the
// listener for people and the one for vendors. ready is told the addresses and
// the token once both listen. What was begun is brought to a safe place before
// Serve returns.
//
// A rename that is asked for meanwhile ends all that is at work, and begins it
// anew under the new names; requests that come in between wait.
func (e *Engine) Serve(ctx context.Context, ready func(console, hooks, token string)) error {
	return e.Still(ctx, func(ctx context.Context) error {
		if err := e.load(ctx); err != nil {
			return err
		}
		people, err := listen(ctx, e.opt.Listen)
		if err != nil {
			return err
		}
		vendors, err := listen(ctx, e.opt.HooksListen)
		if err != nil {
			return errors.Join(err, people.Close())
		}
		e.opt.Listen = people.Addr().String()
		if e.opt.PublicURL == "" {
			url := "http://" + vendors.Addr().String()
			e.publicURL.Store(&url)
		}
		forget, err := e.announce(people.Addr().String())
		if err != nil {
			return errors.Join(err, people.Close(), vendors.Close())
		}
		defer forget()
		e.people, e.vendors, e.asks = newDoor(), newDoor(), make(chan asking)
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return serveHTTP(ctx, people, e.people) })
		g.Go(func() error { return serveHTTP(ctx, vendors, e.vendors) })
		g.Go(func() error {
			return e.sessions(ctx, func() { ready(people.Addr().String(), vendors.Addr().String(), e.token) })
		})
		return g.Wait()
	})
}

// load puts the parts together and reads the workspace.
func (e *Engine) load(ctx context.Context) error {
	if err := e.assemble(ctx); err != nil {
		return err
	}
	if _, err := e.catalog.Load(ctx); err != nil {
		return err
	}
	e.vault.Recover(ctx, e.catalog.Set().Connections)
	return nil
}

// sessions does the work until ctx ends: with parts that are put together anew
// behind each rename.
func (e *Engine) sessions(ctx context.Context, begun func()) error {
	for first := true; ; first = false {
		asked, err := e.session(ctx, first, begun)
		if err != nil || asked == nil {
			return err
		}
		done, err := e.anew(ctx, asked.request)
		if err != nil {
			asked.answer <- renamed{err: err}
			return err
		}
		begun = func() { asked.answer <- done } // once the new names are at work
	}
}

// session does the work until ctx ends or a rename is asked for, which it
// returns: then nothing is under way any more.
func (e *Engine) session(ctx context.Context, first bool, begun func()) (*asking, error) {
	e.failures.Begin(ctx) // before anything can fail
	g, ctx := errgroup.WithContext(ctx)
	inner, stop := context.WithCancel(ctx)
	defer stop()
	for _, work := range []func(context.Context) error{
		e.catalog.Run, e.runner.Run, e.schedules.Run, e.polls.Run, e.members.Run, e.failures.Run, e.subscriptions.Run, e.keepTidy,
		func(ctx context.Context) error { return e.pauses.run(ctx, e.log) },
	} {
		g.Go(func() error { return work(inner) })
	}
	if e.sandbox != nil && first {
		g.Go(func() error { return e.playExamples(inner) })
	}
	e.people.open(ctx, e.console.Handler())
	e.vendors.open(ctx, e.vendorHandler())
	begun()
	var asked *asking
	g.Go(func() error {
		select {
		case <-inner.Done():
		case a := <-e.asks:
			asked = &a
			e.quiet(inner)
			stop()
		}
		return nil
	})
	return asked, g.Wait()
}

// finishTime is how long requests to services may take before a rename breaks
// them off.
const finishTime = 2 * time.Minute

// quiet brings the runs under way to a place where they can be taken up again,
// while events are still taken, and then lets nobody in any more. Who asked for
// it is still inside.
func (e *Engine) quiet(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	e.runner.Finish(limited)
	e.people.shut(ctx, 1)
	e.vendors.shut(ctx, 0)
}

// anew does a rename while nothing is under way, and puts the parts together
// again.
func (e *Engine) anew(ctx context.Context, request console.RenameRequest) (renamed, error) {
	if ctx.Err() != nil {
		return renamed{err: ctx.Err()}, nil //nolint:nilerr // who asked is told; the end of ctx is the end of the work
	}
	if err := e.settle(ctx); err != nil {
		return renamed{}, err
	}
	var done renamed
	if done.answer, done.err = e.rename(ctx, request); errors.Is(done.err, errBegun) {
		return renamed{}, done.err // nothing may go on in between
	}
	return done, errors.Join(e.store.VoidLeases(ctx), e.load(ctx))
}

// Local serves the API to this process alone and calls use with its address
// and token: for one command, while no other process serves.
func (e *Engine) Local(ctx context.Context, use func(ctx context.Context, base, token string) error) error {
	return e.starting(ctx, func(ctx context.Context) error {
		if _, err := e.catalog.Load(ctx); err != nil {
			return err
		}
		e.vault.Recover(ctx, e.catalog.Set().Connections)
		people, err := listen(ctx, "")
		if err != nil {
			return err
		}
		e.token = newToken()
		g, inner := errgroup.WithContext(ctx)
		inner, stop := context.WithCancel(inner)
		g.Go(func() error { return serveHTTP(inner, people, e.console.WithToken(e.token).Handler()) })
		g.Go(func() error { return e.runner.Run(inner) })
		// Who asked for the command is told by it.
		g.Go(func() error { return e.pauses.run(inner, slog.New(slog.DiscardHandler)) })
		err = use(ctx, "http://"+people.Addr().String(), e.token)
		stop()
		return errors.Join(err, g.Wait())
	})
}

// announce writes api.json, from which the commands learn where to ask.
func (e *Engine) announce(address string) (forget func(), err error) {
	path := filepath.Join(e.opt.DataDir(), apiFile)
	dir, err := filepath.Abs(e.opt.Dir)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(session{URL: "http://" + address, Token: e.token, Dir: dir})
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return func() { _ = os.Remove(path) }, os.WriteFile(path, data, 0o600)
}

// vendorHandler serves webhooks and the end of a sign-in.
func (e *Engine) vendorHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/hooks/", e.hooks)
	mux.HandleFunc("GET /oauth/callback", e.console.Callback)
	return mux
}

// serveHTTP serves until ctx ends, and then lets the requests under way finish.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return base },
	}
	over := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		// Requests that follow a run never end by themselves.
		time.AfterFunc(shutdownTime/5, cancel)
		limit, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer done()
		if s.Shutdown(limit) != nil {
			// Whoever still talks had their time.
			over <- s.Close()
			return
		}
		over <- nil
	})
	err := s.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-over
}

// Keep says how much of the history of runs that have ended is kept. What is 0
// sets no limit.
type Keep struct {
	Age            time.Duration
	Runs, FlowRuns int   // in all, and of each flow
	Size, FlowSize int64 // bytes, the same way
}

// tidyEvery is how often what is too old or too much is removed.
const tidyEvery = time.Hour

// keepTidy removes old runs and the rows of tables that need not be kept.
func (e *Engine) keepTidy(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		n, err := e.store.Prune(ctx, e.retention(time.Now()))
		if n > 0 {
			e.log.Info("removed old runs", "runs", n)
		}
		if err != nil && ctx.Err() == nil {
			e.log.Error("prune runs", "error", err)
		}
		for id, shape := range e.catalog.Set().Tables {
			if shape.Keep == 0 {
				continue
			}
			if _, err := e.store.PruneRows(ctx, id, time.Now().Add(-shape.Keep)); err != nil && ctx.Err() == nil {
				e.log.Error("prune rows", "table", id, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// retention says what is kept of the history: for all flows alike, and for those
// whose files say it themselves.
func (e *Engine) retention(now time.Time) store.Retention {
	k := e.opt.Keep
	keep := store.Retention{Runs: k.Runs, FlowRuns: k.FlowRuns, Bytes: k.Size, FlowBytes: k.FlowSize, Flows: map[string]store.FlowRetention{}}
	if k.Age > 0 {
		keep.Before = now.Add(-k.Age)
	}
	for id, flow := range e.catalog.Set().Flows {
		if flow.Keep == (program.Keep{}) {
			continue
		}
		own := store.FlowRetention{Runs: flow.Keep.Runs, Bytes: flow.Keep.Size}
		if flow.Keep.Age > 0 {
			own.Before = now.Add(-flow.Keep.Age)
		}
		keep.Flows[id] = own
	}
	return keep
}

// playExamples sends the example of each trigger that a live flow waits for,
// once, so that a new sandbox is alive at first sight.
func (e *Engine) playExamples(ctx context.Context) error {
	e.members.ReadAll(ctx) // or nobody knows yet whose the examples are
	send := e.sender()
	played := map[*program.Trigger]bool{}
	for _, flow := range e.catalog.Set().Flows {
		for _, t := range flow.Triggers {
			if t.Event == nil || !t.Event.Webhook || t.Event.Example == nil || played[t.Event] || !flow.Enabled {
				continue
			}
			played[t.Event] = true
			if err := send(ctx, t.Event, nil); err != nil && ctx.Err() == nil {
				e.log.Warn("play the example of a trigger", "trigger", t.Event.ID, "error", err)
			}
		}
	}
	return nil
}
