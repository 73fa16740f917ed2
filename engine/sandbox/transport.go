package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"patchbay/engine/program"
)

// Transport answers requests for the connector's real hosts, its token address
// among them, without a socket. The answers, the data and the failures are
// those of the [Sandbox.Handler]; a connection that breaks off or times out is
// an error, at once, as the network would give it. A request for any other
// host is refused.
func (s *Sandbox) Transport(k *program.Connector) http.RoundTripper {
	return &transport{sandbox: s, stage: s.stage(k)}
}

type transport struct {
	sandbox *Sandbox
	stage   *stage
}

// RoundTrip answers one request.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, err := t.answer(ctx, r)
	if err != nil {
		return nil, err
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	if err := travel(ctx, out); err != nil {
		return nil, err
	}
	if trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	return out.response(r), nil
}

func (t *transport) answer(ctx context.Context, r *http.Request) (*answer, error) {
	k := t.stage.connector
	origin := r.URL.Scheme + "://" + r.URL.Host
	for _, a := range k.Auths {
		if sameAddress(a.TokenURL, r.URL) {
			return t.sandbox.token(ctx, t.stage, r), nil
		}
	}
	base, err := url.Parse(k.BaseURL)
	own := err == nil && base.Host != "" && strings.EqualFold(base.Host, r.URL.Host)
	if own {
		if path, ok := below(r.URL.EscapedPath(), t.stage.base); ok {
			return t.sandbox.play(ctx, t.stage, r, path, origin), nil
		}
	}
	if own || slices.Contains(k.Hosts, "*") || slices.Contains(k.Hosts, r.URL.Host) || slices.Contains(k.Hosts, r.URL.Hostname()) {
		return t.sandbox.play(ctx, t.stage, r, r.URL.EscapedPath(), origin), nil
	}
	return nil, fmt.Errorf("sandbox of %s: %s is none of its hosts", k.ID, r.URL.Host)
}

func sameAddress(address string, u *url.URL) bool {
	want, err := url.Parse(address)
	return err == nil && address != "" && strings.EqualFold(want.Host, u.Host) && want.EscapedPath() == u.EscapedPath()
}

// below returns what of a path lies below base.
func below(path, base string) (string, bool) {
	rest, ok := strings.CutPrefix(path, base)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return rest, true
}

// travel does to an answer what its failure says. The error is that of a
// network.
func travel(ctx context.Context, out *answer) error {
	if out.fault == nil {
		return nil
	}
	switch out.fault.Kind {
	case FailTimeout:
		return &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
	case FailReset:
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case FailSlow:
		return pause(ctx, out.fault.Delay)
	default:
		return nil
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *answer) response(r *http.Request) *http.Response {
	length := int64(len(a.body))
	var body io.Reader = bytes.NewReader(a.body)
	if a.fault != nil && a.fault.Kind == FailTruncated {
		body = io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), brokenOff{})
	}
	if r.Method == http.MethodHead {
		body = http.NoBody
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(body), ContentLength: length, Request: r,
	}
}

// brokenOff is the end of a body that is not its end.
type brokenOff struct{}

// Read tells that the connection broke off.
func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
