package call

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 10 << 20
)

// answer is what a service sent back.
type answer struct {
	status int
	header http.Header
	body   []byte
	draft  *draft
	at     time.Time // when it was complete
}

// http makes an HTTP call and returns its output.
func (o *operation) http(ctx context.Context) (any, *value.Failure) {
	if o.Action.Output.List {
		all := []any{}
		f := o.pages(ctx, func(items []any) bool {
			all = append(all, items...)
			return true
		})
		return all, f
	}
	if f := o.ahead(ctx); f != nil {
		return nil, f
	}
	d, f := o.firstDraft()
	if f != nil {
		return nil, f
	}
	root, f := o.fetch(ctx, d, patience)
	if f != nil {
		if f.Class == value.ClassNotFound && o.Action.Output.NotFoundIsNil {
			return nil, nil //nolint:nilnil // the action says that nothing found is no failure
		}
		return nil, f
	}
	return o.record(root)
}

// firstDraft makes the draft of the only request, or of the first page, and
// notes it as the exchange.
func (o *operation) firstDraft() (*draft, *value.Failure) {
	further := o.firstPosition()
	d, f := o.build(o.inputs, further)
	if f != nil {
		return nil, f
	}
	o.note(d, further)
	return d, nil
}

// fetch sends the draft and returns the root of the answer. If the service
// refuses the credentials they are renewed and the draft is sent once more.
func (o *operation) fetch(ctx context.Context, d *draft, wait time.Duration) (map[string]any, *value.Failure) {
	root, refused, f := o.attempt(ctx, d, wait)
	if f == nil || f.Class != value.ClassAuth || refused == nil || o.Trial {
		return root, f
	}
	if f := o.renew(ctx, refused, f); f != nil {
		return nil, f
	}
	root, _, f = o.attempt(ctx, d, wait)
	return root, f
}

// renew gets new credentials after those of a request were refused, which f
// says. It returns nil if the request may be made again, else what to tell.
func (o *operation) renew(ctx context.Context, refused *http.Request, f *value.Failure) *value.Failure {
	err := o.opt.Credentials.Renew(ctx, o.Connection, refused)
	if err == nil {
		return nil
	}
	other, ok := errors.AsType[*value.Failure](err)
	if ok && (other.Class != value.ClassAuth || other.Reconnect != "") {
		return copied(other)
	}
	if ok {
		err = errors.New(other.Message)
	}
	told := copied(f)
	told.Message += "; " + err.Error()
	return told
}

func copied(f *value.Failure) *value.Failure {
	other := *f
	return &other
}

// attempt sends the draft once. The request is returned where renewing the
// credentials in it may help.
func (o *operation) attempt(ctx context.Context, d *draft, wait time.Duration) (map[string]any, *http.Request, *value.Failure) {
	if err := o.fence().admits(d.url); err != nil {
		return nil, nil, value.Fail(value.ClassInvalid, "%v", err)
	}
	if f := o.reserve(ctx, wait); f != nil {
		return nil, nil, f
	}
	timeout := o.timeout()
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTooSlow)
	defer cancel()
	req, err := d.request(ctx)
	if err != nil {
		return nil, nil, value.Fail(value.ClassInvalid, "the request cannot be made: %v", err)
	}
	authorized := o.opt.Credentials != nil && o.trusts(d)
	if authorized {
		if err := o.opt.Credentials.Authorize(ctx, o.Connection, req); err != nil {
			if f, ok := errors.AsType[*value.Failure](err); ok {
				return nil, nil, copied(f)
			}
			return nil, nil, value.Fail(value.ClassAuth, "the credentials of connection %s: %v", o.Connection.Name, err)
		}
		o.remember(d, req)
	}
	a, f := o.send(ctx, req, d)
	if f != nil {
		return nil, nil, f
	}
	root, f := o.judge(a)
	if f == nil || f.Class != value.ClassAuth || !authorized {
		req = nil
	}
	return root, req, f
}

// trusts reports whether the credentials may go where the draft goes: to the
// base address of the connection, and not to other hosts the connector knows.
// A key that stands in the path goes to the host that the action writes down.
func (o *operation) trusts(d *draft) bool {
	if o.Connection == nil || o.Connection.Auth == nil || o.Connection.Auth.Type == program.AuthNone {
		return false
	}
	if hole := o.Connection.Auth.Path; hole != "" {
		return o.Action.Path != wholeURL && strings.Contains(d.url.Path, "{"+hole+"}")
	}
	base, ok := o.base()
	return ok && sameOrigin(base, d.url)
}

func (o *operation) timeout() time.Duration {
	for _, t := range []time.Duration{o.Action.Timeout, o.Action.Connector.Timeout} {
		if t > 0 {
			return t
		}
	}
	return defaultTimeout
}

func (o *operation) maxBody() int64 {
	if o.Action.Connector.MaxBody > 0 {
		return o.Action.Connector.MaxBody
	}
	return defaultMaxBody
}

// send makes one exchange over the network and reads the whole answer.
func (o *operation) send(ctx context.Context, req *http.Request, d *draft) (*answer, *value.Failure) {
	var trace progress
	start := time.Now()
	client := http.Client{Transport: o.roundTripper(), CheckRedirect: o.redirect}
	resp, err := client.Do(req.WithContext(trace.watch(ctx)))
	if err != nil {
		return nil, o.lost(ctx, err, req.URL.Host, trace.mayHaveArrived())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, o.maxBody()+1))
	if err != nil {
		f := o.lost(ctx, err, req.URL.Host, true)
		f.Status = resp.StatusCode
		return nil, f
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, body: body, draft: d, at: time.Now()}
	if o.exchange != nil {
		o.exchange.Status = a.status
		o.exchange.Took += a.at.Sub(start)
	}
	o.log.DebugContext(ctx, "request answered", "action", o.Action.ID, "method", req.Method,
		"host", req.URL.Host, "status", a.status, "took", a.at.Sub(start))
	if int64(len(body)) > o.maxBody() {
		f := value.Fail(value.ClassInvalid, "the answer is larger than the %s that %s allows (api.max_body)", bytesText(o.maxBody()), o.Action.Connector.ID)
		f.Status = a.status
		return nil, f
	}
	return a, nil
}

// progress notes how far a request came.
type progress struct{ watched, wrote atomic.Bool }

func (p *progress) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { p.watched.Store(true) },
		WroteHeaders: func() { p.wrote.Store(true) },
		WroteRequest: func(httptrace.WroteRequestInfo) { p.wrote.Store(true) },
	})
}

// mayHaveArrived reports whether a part of the request may have left. A
// transport that tells nothing may have sent it.
func (p *progress) mayHaveArrived() bool { return p.wrote.Load() || !p.watched.Load() }
