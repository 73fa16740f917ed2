package sandbox

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// answer is what a vendor sends back.
type answer struct {
	status int
	header http.Header
	body   []byte
	fault  *Failure // what becomes of it on its way, nil for nothing
}

// usualMemory is how long a vendor remembers a repeat key where the connector
// does not say.
const usualMemory = 24 * time.Hour

// performance is one request on its way through a vendor.
type performance struct {
	*stage

	sandbox *Sandbox
	service *service
	req     *request
	origin  string
	socket  string // where the connector is played over a socket, "" without one
	now     time.Time
	effect  Effect
	change  int // of the service, where the request made one
	header  http.Header
}

// play answers a request to the API of a connector. path is the request's,
// escaped; origin is where the client sees the vendor.
func (s *Sandbox) play(ctx context.Context, st *stage, r *http.Request, path, origin string) *answer {
	p := &performance{stage: st, sandbox: s, service: s.service(st.connector.ID), origin: origin, now: s.now(), header: http.Header{}}
	req, wrong := read(r, path)
	req.outside = !strings.HasSuffix(r.URL.EscapedPath(), st.base+path)
	if r.URL.Host == "" { // as servers see requests
		p.socket = origin + "/" + st.connector.ID
	}
	p.req = req
	p.effect = Effect{Time: p.now, Connector: st.connector.ID, Method: r.Method, Path: st.base + path}
	action, allowed := st.find(req)
	if action != nil {
		p.effect.Action, p.effect.Kind = action.ID, action.Effect
	}
	fault := s.failing(st.connector.ID, p.effect.name(st.connector.ID))
	var out *answer
	switch {
	case fault.before():
		out = p.failed(fault)
	case action == nil:
		out = p.refused(unknown(req, allowed))
	default:
		out = p.perform(ctx, action, wrong)
		if p.effect.Done {
			p.service.keep(ctx, p.change, p.now)
		}
		if fault != nil {
			out = p.spoil(out, fault)
		}
	}
	out.fault = fault
	p.effect.Status = out.status
	if fault != nil {
		p.effect.Failure = fault.Kind
	}
	s.effects.add(p.effect)
	return out
}

func unknown(req *request, allowed []string) *problem {
	if len(allowed) == 0 {
		return refuse(http.StatusNotFound, value.ClassNotFound, "Cannot %s %s", req.method, req.url.Path)
	}
	p := refuse(http.StatusMethodNotAllowed, value.ClassInvalid, "%s is not allowed for %s, only %s", req.method, req.url.Path, strings.Join(allowed, ", "))
	p.header = http.Header{"Allow": {strings.Join(allowed, ", ")}}
	return p
}

// perform checks the request and does what the action does. wrong is what was
// found wrong with its body.
func (p *performance) perform(ctx context.Context, a *program.Action, wrong *problem) *answer {
	v := p.service
	v.mu.Lock()
	defer v.mu.Unlock()
	v.load(ctx)
	account, refused := p.admit(ctx, v, p.req, p.now)
	if refused != nil {
		return p.refused(refused)
	}
	inputs, misfits := p.decode(a, p.req)
	p.effect.Input = logged(masked(a, inputs))
	full := v.spend(p.budgets(a, account, inputs), p.now, p.header)
	for _, found := range []*problem{full, wrong, p.req.unexpected(a), p.constants(a, p.req, inputs), misfits} {
		if found != nil {
			return p.refused(found)
		}
	}
	key := ""
	if text := p.req.repeatKey(a.Repeat); text != "" {
		key = strings.Join([]string{a.Name, account, text}, "\x00")
		if first, ok := v.replied(key, p.now); ok {
			p.effect.Replayed = true
			return p.finished(first.Status, first.Body)
		}
	}
	s := &scene{
		stage: p.stage, live: p.sandbox.live(p.stage), service: v, action: a, req: p.req,
		origin: p.origin, inputs: inputs, now: p.now,
	}
	s.cast(p.stage)
	root, status, refused := s.act()
	if refused != nil {
		return p.refused(refused)
	}
	out, err := p.render(root, status, a.Output.Decode)
	if err != nil {
		return p.refused(s.broken("answer", err))
	}
	if a.Effect == program.EffectRead {
		return out
	}
	p.effect.Done = true
	if key != "" {
		memory := a.Repeat.For
		if memory <= 0 {
			memory = usualMemory
		}
		v.remember(key, reply{Status: out.status, Body: out.body, Until: p.now.Add(memory)}, p.now)
	}
	p.change = v.change()
	return out
}

// render writes an answer out.
func (p *performance) render(root map[string]any, status int, decode program.Decode) (*answer, error) {
	headers, _ := root["headers"].(map[string]any)
	for name, v := range headers {
		if v != nil {
			p.header.Set(name, textOf(v))
		}
	}
	body := root["body"]
	if f, ok := body.(value.File); ok {
		p.header.Set("Content-Type", f.ContentType)
		p.header.Set("Content-Disposition", "attachment; filename="+strconv.Quote(f.Name))
		return &answer{status: status, header: p.header, body: f.Data}, nil
	}
	if text, ok := body.(string); ok && decode == program.DecodeText {
		p.header.Set("Content-Type", "text/plain; charset=utf-8")
		return &answer{status: status, header: p.header, body: []byte(text)}, nil
	}
	data, err := value.Encode(body)
	if err != nil {
		return nil, err
	}
	return p.finished(status, p.here(data)), nil
}

// here leads the addresses of the connector's other hosts back to the sandbox,
// where it is reached over a socket.
func (p *performance) here(body []byte) []byte {
	if p.socket == "" {
		return body
	}
	for _, host := range p.connector.Hosts {
		if host != "*" {
			body = bytes.ReplaceAll(body, []byte("https://"+host+"/"), []byte(p.socket+"/"))
		}
	}
	return body
}

// finished returns an answer with a JSON body; some statuses have none.
func (p *performance) finished(status int, body []byte) *answer {
	if status == http.StatusNoContent || status == http.StatusNotModified {
		return &answer{status: status, header: p.header}
	}
	p.header.Set("Content-Type", "application/json")
	return &answer{status: status, header: p.header, body: body}
}

// refused returns a refusal in the vendor's form.
func (p *performance) refused(why *problem) *answer {
	maps.Copy(p.header, why.header)
	return p.finished(why.status, p.vendorError(why))
}

// vendorError returns the body of an error as the vendor writes it.
func (st *stage) vendorError(why *problem) []byte {
	var body any = map[string]any{"message": why.message}
	if form := st.connector.SandboxError; form != nil {
		v, err := form.Eval(&expr.Env{Names: map[string]any{
			"status": why.status, "message": why.message, "class": string(why.class),
		}})
		if err == nil {
			body = v
		}
	}
	data, err := value.Encode(body)
	if err != nil {
		return []byte(`{}`)
	}
	return data
}

// failed returns the answer to a request that a failure hit before anything
// was done.
func (p *performance) failed(f *Failure) *answer {
	if f.Kind != FailStatus {
		return &answer{header: p.header}
	}
	why := refuse(f.Status, classOf(f.Status), "%s (asked of the sandbox)", http.StatusText(f.Status))
	if f.Status == http.StatusTooManyRequests {
		why.header = http.Header{"Retry-After": {"1"}}
	}
	return p.refused(why)
}

// spoil makes of a right answer what the failure says.
func (p *performance) spoil(out *answer, f *Failure) *answer {
	if f.Kind == FailStatus {
		return p.failed(f)
	}
	out.spoil(f)
	return out
}

func (a *answer) spoil(f *Failure) {
	switch f.Kind {
	case FailMalformed:
		a.body = []byte("<html><body><h1>Bad gateway</h1></body></html>")
	case FailTimeout, FailReset:
		a.status = 0
	case FailStatus, FailSlow, FailTruncated:
		// Not here: a status is an answer of its own, the others happen on the way.
	}
}

// classOf is the class of an answer's status where the connector says nothing.
func classOf(status int) value.Class {
	switch {
	case status == http.StatusUnauthorized:
		return value.ClassAuth
	case status == http.StatusForbidden:
		return value.ClassForbidden
	case status == http.StatusNotFound, status == http.StatusGone:
		return value.ClassNotFound
	case status == http.StatusConflict:
		return value.ClassConflict
	case status == http.StatusTooManyRequests:
		return value.ClassRateLimit
	case status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return value.ClassTransient
	case slices.Contains([]int{400, 405, 406, 412, 413, 415, 422}, status):
		return value.ClassInvalid
	default:
		return value.ClassUnknown
	}
}
