// Package console is the HTTP face for people: the API that the commands and
// the pages use, the pages, health.
//
// The API lies under /api/v1, takes and gives JSON in the forms of view.go,
// and wants a token: as a bearer, or as the cookie that the first visit with
// ?token=… leaves. It checks Host and Origin and takes only JSON bodies, so
// that a page of some other site cannot drive it. Vendors never come here:
// their webhooks and the OAuth callback have a listener of their own.
package console

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"patchbay/engine/call"
	"patchbay/engine/catalog"
	"patchbay/engine/journal"
	"patchbay/engine/program"
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
	Intake  trigger.Intake
	Sandbox *sandbox.Sandbox // nil where the services are real

	// Connection returns a connection by name, with what its token brought.
	Connection func(ctx context.Context, name string) (*program.Connection, bool)
	// SendEvent delivers a played event to its webhook; nil outside a sandbox.
	SendEvent func(ctx context.Context, t *program.Trigger, payload any) error

	Dir, Version string
	// PublicURL is the address under which vendors reach the other listener.
	PublicURL func() string
	Token     string
	Logger    *slog.Logger
}

// Console serves the API and the pages.
type Console struct {
	opt  Options
	feed *feed
}

// New returns a console. It serves nothing before its Handler is asked.
func New(opt Options) *Console { return &Console{opt: opt, feed: newFeed()} }

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
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", c.guarded(api))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", c.ready)
	mux.Handle("/", c.guarded(http.HandlerFunc(c.page)))
	return mux
}

// ready answers 200 if every file is live as it stands, else 503 with the
// files that are not.
func (c *Console) ready(w http.ResponseWriter, _ *http.Request) {
	live := c.opt.Catalog.Live()
	if live.Version > 0 && live.InSync() {
		fmt.Fprintln(w, "ready")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, f := range live.Files {
		if f.State != catalog.Loaded {
			fmt.Fprintf(w, "%s: file and live version differ: the file has errors\n", f.Path)
		}
	}
}

const cookie = "patchbay"

// guarded lets through only who has the token and comes from our own pages.
func (c *Console) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'")
		w.Header().Set("Referrer-Policy", "no-referrer")
		if reason := foreign(r); reason != "" {
			fail(w, http.StatusForbidden, reason, "")
			return
		}
		if given := r.URL.Query().Get("token"); given != "" && r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/api/") {
			c.letIn(w, r, given)
			return
		}
		if !c.knows(r) {
			c.refuse(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign returns why a request cannot come from our own pages or commands.
func foreign(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if loopback(local) && host != "localhost" && net.ParseIP(strings.Trim(host, "[]")) == nil {
		return "this address serves only requests to localhost"
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host != r.Host {
			return "requests from pages of other sites are refused"
		}
	}
	return ""
}

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// letIn leaves the cookie and sends the browser to the page without the token
// in its address.
func (c *Console) letIn(w http.ResponseWriter, r *http.Request, given string) {
	if subtle.ConstantTimeCompare([]byte(given), []byte(c.opt.Token)) != 1 {
		c.refuse(w, r)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookie, Value: given, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
}

func (c *Console) knows(r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		if k, err := r.Cookie(cookie); err == nil {
			given = k.Value
		}
	}
	return subtle.ConstantTimeCompare([]byte(given), []byte(c.opt.Token)) == 1
}

func (c *Console) refuse(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		fail(w, http.StatusUnauthorized, "the token is missing or wrong", "commands find it by themselves in the data folder")
		return
	}
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprintln(w, "Open the address that `patchbay serve` printed when it started: it ends in ?token=…")
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, message, hint string) {
	answer(w, status, Error{Error: message, Hint: hint})
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the reader is gone; there is nobody to tell
}

// largestBody is how much of a request's body is read.
const largestBody = 8 << 20

// decode reads the JSON body of a request; it has answered if it returns false.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	if ct := r.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		fail(w, http.StatusUnsupportedMediaType, "the body must be JSON", "Content-Type: application/json")
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, largestBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		fail(w, http.StatusBadRequest, "the body is not what is expected here: "+err.Error(), "")
		return false
	}
	return true
}

// internal answers for an error of ours: the cause is for the log.
func (c *Console) internal(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	c.opt.Logger.Error("answer request", "path", r.URL.Path, "error", err)
	fail(w, http.StatusInternalServerError, "the data folder could not be read or written", "the log of `patchbay serve` says why")
}
