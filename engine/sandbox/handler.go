package sandbox

import (
	"context"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// longestWait bounds how long a request is held whose answer never comes.
const longestWait = 5 * time.Minute

// Handler serves every live connector: its API under /<connector id> followed
// by the path of its base address, OAuth under /<connector id>/oauth/authorize
// and /<connector id>/oauth/token. What begins with /_ steers the sandbox:
// GET /_mail and /_effects show what was done; POST /_fail, /_reset and /_send
// take JSON.
func (s *Sandbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.serveIndex)
	mux.HandleFunc("GET /_mail", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Mails()) })
	mux.HandleFunc("GET /_effects", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Effects()) })
	mux.HandleFunc("POST /_fail", s.serveFail)
	mux.HandleFunc("POST /_reset", s.serveReset)
	mux.HandleFunc("POST /_send", s.serveSend)
	mux.HandleFunc("/", s.serveVendor)
	return mux
}

// APIPath is the path under which the [Sandbox.Handler] serves the API of a
// connector: what a connection to it has as the end of its base_url.
func APIPath(k *program.Connector) string { return "/" + k.ID + basePath(k) }

func (s *Sandbox) serveVendor(w http.ResponseWriter, r *http.Request) {
	id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	k, ok := s.connector(id)
	if !ok {
		tell(w, http.StatusNotFound, "there is no connector %q", id)
		return
	}
	st := s.stage(k)
	rest, _ := below(r.URL.EscapedPath(), "/"+id)
	switch rest {
	case "/oauth/authorize":
		s.serveAuthorize(w, r, st)
		return
	case "/oauth/token":
		s.write(w, r, s.token(r.Context(), st, r))
		return
	}
	path, inside := below(rest, st.base)
	if !inside {
		path = rest
	}
	s.write(w, r, s.play(r.Context(), st, r, path, "http://"+r.Host))
}

// write sends an answer over the socket, with what its failure does to it.
func (s *Sandbox) write(w http.ResponseWriter, r *http.Request, out *answer) {
	kind := FailureKind("")
	if out.fault != nil {
		kind = out.fault.Kind
	}
	switch kind {
	case FailTimeout:
		_ = pause(r.Context(), longestWait)
		s.breakOff(w)
		return
	case FailReset:
		s.breakOff(w)
		return
	case FailSlow:
		if pause(r.Context(), out.fault.Delay) != nil {
			return
		}
	case FailStatus, FailMalformed, FailTruncated:
	}
	maps.Copy(w.Header(), out.header)
	body := out.body
	if kind == FailTruncated {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:len(body)/2]
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(body)
}

// breakOff closes the connection without an answer.
func (s *Sandbox) breakOff(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.log.Warn("connection not broken off", "error", err)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, not an end
	}
	_ = conn.Close()
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := value.Encode(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// contextOf keeps what a request asks for going when the client hangs up.
func contextOf(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }
