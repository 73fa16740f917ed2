// Package console is the HTTP face for people: the API that the commands and
// the pages use, the pages, health.
//
// The API lies under /api/v1, takes and gives JSON in the forms of view.go,
// and wants a token: as a bearer, or as the cookie that the first visit with
// ?token=… leaves. It checks Host and Origin and takes only JSON bodies, so
// that a page of some other site cannot drive it. Vendors never come here:
// their webhooks and the OAuth callback have a listener of their own.
//
// The pages are written by the server from the same forms: / shows what is
// live, and what it asks people, /inbox all that needs a person, /runs the runs,
// /runs/{id} what happened in one, /runs/{id}/retry what a retry of it would
// do, /replay what that of many would, /tables/{name} rows, /approve/{id}/… a question to somebody who has its
// link and no token.
// A script under /assets/ keeps them fresh in place; without it they reload.
package console

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"sync"

	"patchbay/engine/call"
	"patchbay/engine/catalog"
	"patchbay/engine/journal"
	"patchbay/engine/member"
	"patchbay/engine/program"
	"patchbay/engine/run"
	"patchbay/engine/sandbox"
	"patchbay/engine/store"
	"patchbay/engine/trigger"
	"patchbay/engine/vault"
)

// Options are what a [Console] shows and drives.
type Options struct {
	Catalog *catalog.Catalog
	Store   *store.Store
	Vault   *vault.Vault
	Calls   *call.Client
	Hooks   *trigger.Hooks
	// Schedules and Polls show how they stand.
	Schedules *trigger.Schedules
	Polls     *trigger.Polls
	// Members knows the accounts that sign-ins serve.
	Members *member.Roster
	// Subscriptions show how they stand, and are told of sign-ins.
	Subscriptions *trigger.Subscriptions
	Intake        trigger.Intake
	Sandbox       *sandbox.Sandbox // nil where the services are real

	// Connection returns a connection by name, with what its token brought.
	Connection func(ctx context.Context, name string) (*program.Connection, bool)
	// Look goes through a run as its journal has it and does nothing.
	Look func(flow *program.Flow, r *journal.Run, state *journal.State, keep func(run.Glance) bool) []run.Glance
	// Backup hands over a copy of the database, with the key where that is wanted.
	Backup func(ctx context.Context, withKey bool, take func(copied io.Reader, size int64) error) error
	// Rename gives something another name; its error is an *edit.RefusedError
	// where that cannot be done.
	Rename func(ctx context.Context, request RenameRequest) (RenameAnswer, error)
	// Examine says how the data folder stands.
	Examine func(ctx context.Context, fix bool) (Health, error)
	// SendEvent delivers a played event to its webhook; nil outside a sandbox.
	SendEvent func(ctx context.Context, t *program.Trigger, payload any) error

	Dir, Version string
	// PublicURL is the address under which vendors reach the other listener.
	PublicURL func() string
	// ConsoleURL is the address under which people reach this one, "" where
	// nothing stands in between.
	ConsoleURL string
	// Link returns the address at which an approve step is answered; nobody
	// can guess it.
	Link func(run int64, path string) string
	// Token lets in who gives it; with "" nobody is let in.
	Token  string
	Logger *slog.Logger
}

// Console serves the API and the pages.
type Console struct {
	opt   Options
	feed  *feed
	pages *template.Template
	// retries is held while a run is taken up again.
	retries *sync.Mutex
}

// New returns a console. It serves nothing before its Handler is asked.
func New(opt Options) *Console {
	return &Console{opt: opt, feed: newFeed(), pages: parsePages(), retries: &sync.Mutex{}}
}

// WithToken returns the same console behind another token.
func (c *Console) WithToken(token string) *Console {
	own := *c
	own.opt.Token = token
	return &own
}

// Observe is told of each event of each run, for those who watch.
func (c *Console) Observe(r *journal.Run, e journal.Event) { c.feed.add(r.ID, e) }

// Handler returns the whole face: API, pages, health.
func (c *Console) Handler() http.Handler {
	api := http.NewServeMux()
	c.routes(api)
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", c.overview)
	pages.HandleFunc("GET /runs", c.runsPage)
	pages.HandleFunc("GET /runs/{id}", c.runPage)
	pages.HandleFunc("GET /runs/{id}/retry", c.retryPage)
	pages.HandleFunc("GET /inbox", c.inboxPage)
	pages.HandleFunc("GET /replay", c.replayPage)
	pages.HandleFunc("GET /connections", c.connectionsPage)
	pages.HandleFunc("GET /connections/{name}", c.membersPage)
	pages.HandleFunc("GET /tables/{name}", c.tablePage)
	pages.HandleFunc("GET /findings/{code}", c.codePage)
	pages.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.message(w, r, http.StatusNotFound, "There is no page at this address.", "")
	})
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", c.guarded(api))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", c.ready)
	mux.HandleFunc("GET /assets/{name}", asset)
	// Who has the link need not have the token.
	mux.HandleFunc("GET /approve/{id}/{secret}", c.approvalPage)
	mux.HandleFunc("POST /approve/{id}/{secret}", c.approvalGiven)
	mux.Handle("/", c.guarded(pages))
	return mux
}

// ready answers 200 if every file is live as it stands, else 503 with the
// files that are not.
func (c *Console) ready(w http.ResponseWriter, _ *http.Request) {
	live := c.opt.Catalog.Live()
	if live.Version > 0 && live.InSync() {
		fmt.Fprintln(w, "ready")
		for _, st := range c.opt.Subscriptions.Status() {
			if st.Message != "" {
				fmt.Fprintf(w, "%s: %s\n", st.Connection, st.Message)
			}
		}
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	if live.Version == 0 {
		fmt.Fprintln(w, "the files were not read yet")
	}
	for _, f := range live.Files {
		switch {
		case f.State == catalog.Loaded:
		case f.Kept:
			fmt.Fprintf(w, "%s: file and live version differ: the file has errors, its last good version is live\n", f.Path)
		default:
			fmt.Fprintf(w, "%s: file and live version differ: the file has errors, nothing of it is live\n", f.Path)
		}
	}
}
