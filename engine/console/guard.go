package console

import (
	"crypto/subtle"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// guarded lets through only who has the token and comes from our own pages or
// commands.
func (c *Console) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w)
		if reason := c.foreign(r); reason != "" {
			fail(w, http.StatusForbidden, reason, "")
			return
		}
		api := strings.HasPrefix(r.URL.Path, "/api/")
		if r.Method == http.MethodGet && !api && r.URL.Query().Has("token") {
			c.letIn(w, r)
			return
		}
		if !c.knows(r) {
			c.refuse(w, r, api)
			return
		}
		// A form of another site can send any text, but not call it JSON.
		if writes := r.Method == http.MethodPost || r.Method == http.MethodPut; writes && !isJSON(r) {
			fail(w, http.StatusUnsupportedMediaType, "the body must be JSON", "Content-Type: application/json")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// secure sets what every answer says to the browser.
func secure(w http.ResponseWriter) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// foreign returns why a request cannot come from our own pages or commands.
func (c *Console) foreign(r *http.Request) string {
	host := r.Host
	own, err := url.Parse(c.opt.ConsoleURL)
	known := err == nil && own.Host != "" && strings.EqualFold(own.Host, host)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	// A name that somebody else lets point to this machine is not ours.
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if loopback(local) && !known && !strings.EqualFold(host, "localhost") && net.ParseIP(strings.Trim(host, "[]")) == nil {
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
func (c *Console) letIn(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	given := q.Get("token")
	if !c.fits(given) {
		c.refuse(w, r, false)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: given, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	q.Del("token")
	to := url.URL{Path: "/" + strings.TrimLeft(r.URL.Path, "/"), RawQuery: q.Encode()}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// cookieName has the port in it: browsers give a cookie of one port of a
// machine to all others, and a sandbox stands beside the real thing.
func cookieName(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	return "patchbay_" + port
}

func (c *Console) knows(r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		if k, err := r.Cookie(cookieName(r)); err == nil {
			given = k.Value
		}
	}
	return c.fits(given)
}

func (c *Console) fits(token string) bool {
	return token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(c.opt.Token)) == 1
}

// refuse answers who has no token.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, api bool) {
	if api {
		fail(w, http.StatusUnauthorized, "the token is missing or wrong", "commands find it by themselves in the data folder")
		return
	}
	c.message(w, r, http.StatusUnauthorized, "This page is for whoever started Patchbay.",
		"Open the address that `patchbay serve` printed when it started: it ends in ?token=…")
}
