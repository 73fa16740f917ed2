package trigger

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// usualTolerance is how old a delivery to a flow's own webhook may be, if its
// signature tells.
const usualTolerance = 5 * time.Minute

// takeForVendor takes a delivery to the address of a connector or connection.
func (h *Hooks) takeForVendor(ctx context.Context, job work, d *delivery) (answer, error) {
	connections, err := h.senders(ctx, job, d)
	if err != nil {
		return answer{}, err
	}
	if err := d.decode(); err != nil {
		return answer{}, err
	}
	hooks, names := job.target.hooks, d.names()
	if err := h.timely(job.target, names, d.at); err != nil {
		return answer{}, err
	}
	if text, ok := challenged(hooks, names); ok {
		return answer{http.StatusOK, text}, nil
	}
	if connections, err = h.comings(ctx, job.target, d, connections); err != nil {
		return answer{}, err
	}
	if len(connections) == 0 {
		return answer{}, refuse(http.StatusOK, "no connection to %s has %s, so the event is for none of the flows",
			job.set.Connectors[job.target.connector].Name, addressed(hooks.Connection, names))
	}
	awaited, err := h.opt.awaited(ctx, job.set)
	if err != nil {
		return answer{}, err
	}
	if err := h.accept(ctx, job, d, h.arrivals(ctx, job, connections, awaited, d)); err != nil {
		return answer{}, err
	}
	return answer{status: max(hooks.AckStatus, http.StatusOK)}, nil
}

// timely returns nil if a delivery is new enough. One without a time may be
// taken where its event id tells that it came before.
func (h *Hooks) timely(t *target, names map[string]any, at time.Time) error {
	hooks := t.hooks
	if hooks.TimestampAt == nil || hooks.Tolerance <= 0 {
		return nil
	}
	sent, ok := value.Get(names, hooks.TimestampAt)
	timeless := func(own *program.Trigger) bool { return own.Timeless && h.matches(own, names) }
	if !ok && eventID(hooks, names) != "" && slices.ContainsFunc(t.own, timeless) {
		return nil
	}
	return fresh(sent, strings.Join(hooks.TimestampAt, "."), at, hooks.Tolerance)
}

// eventID returns the id that a delivery bears, "" if it has none.
func eventID(hooks *program.Webhooks, names map[string]any) string {
	given, _ := program.FirstOf(names, hooks.EventID)
	id, _ := textOf(given)
	return id
}

// senders returns the connections that the delivery is for and whose signature
// it bears. There is none, and no error, where it is signed rightly but says
// that it is for an account nobody here is connected to.
func (h *Hooks) senders(ctx context.Context, job work, d *delivery) ([]*program.Connection, error) {
	t := job.target
	way, err := chosen(t.hooks.Verify, d)
	if err != nil {
		return nil, err
	}
	if way.Type == "none" && t.byBody {
		return nil, refuse(http.StatusUnauthorized, "anybody can guess this address, so a delivery that is not signed cannot be taken here")
	}
	candidates, meant := t.connections, true
	if t.byBody {
		if err := d.decode(); err != nil {
			return nil, err
		}
		if candidates = h.meant(ctx, job, d.names()); len(candidates) == 0 {
			candidates, meant = t.connections, false
		}
	}
	var right []*program.Connection
	var wrong error
	for _, c := range candidates {
		err := h.proven(ctx, c, way, d)
		if err == nil {
			right = append(right, c)
		} else if wrong == nil || statusOf(err) == http.StatusServiceUnavailable {
			wrong = err
		}
	}
	switch {
	case len(right) == 0:
		return nil, wrong
	case !meant:
		return nil, nil
	}
	return right, nil
}

// proven returns nil if a delivery for a connection is signed rightly: with
// the secret of the connection, or with one of its subscriptions.
func (h *Hooks) proven(ctx context.Context, c *program.Connection, way *program.Verify, d *delivery) error {
	k, err := h.keysOf(ctx, c, way)
	if err == nil {
		err = verify(way, d, k)
	}
	if err == nil || way.Secret == "" || h.opt.Signing == nil {
		return err
	}
	for _, secret := range h.opt.Signing(c) {
		k.secret = secret
		if err = verify(way, d, k); err == nil {
			return nil
		}
	}
	return err
}

// meant returns the connections that a delivery is for, by what the vendor's
// webhooks say, or what a trigger says whose event it is; those to an account
// of a sign-in among them.
func (h *Hooks) meant(ctx context.Context, job work, names map[string]any) []*program.Connection {
	whose := []*program.Addressee{job.target.hooks.Connection}
	for _, own := range job.target.own {
		if own.Connection != nil && h.matches(own, names) {
			whose = append(whose, own.Connection)
		}
	}
	var all []*program.Connection
	for _, c := range job.target.connections {
		fields := h.opt.fields(ctx, c)
		for _, a := range whose {
			if m := member(job.set, c, a, names); m != nil && !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
		if slices.ContainsFunc(whose, func(a *program.Addressee) bool { return isFor(a, names, fields) }) {
			all = append(all, c)
		}
	}
	return all
}

// isFor reports whether a delivery is for a connection: the first field that
// both have decides.
func isFor(a *program.Addressee, names, fields map[string]any) bool {
	if a.Any {
		return true
	}
	for _, by := range a.By {
		found, _ := program.FirstOf(names, by.At)
		account, ok := textOf(found)
		own, has := textOf(fields[by.Name])
		if ok && has && own != "" {
			return own == account
		}
	}
	return false
}

// addressed tells whose a delivery is, by its own words.
func addressed(a *program.Addressee, names map[string]any) string {
	var told []string
	for _, by := range a.By {
		if found, ok := program.FirstOf(names, by.At); ok {
			told = append(told, fmt.Sprintf("the %s %v", by.Name, found))
		}
	}
	if told == nil {
		return "the account of a delivery that names none"
	}
	return strings.Join(told, " or ")
}

// keysOf returns what signatures for a connection are held against.
func (h *Hooks) keysOf(ctx context.Context, c *program.Connection, v *program.Verify) (keys, error) {
	k := keys{public: v.PublicKey}
	if h.opt.PublicKey != nil {
		k.public = h.opt.PublicKey(c, v)
	}
	if v.Secret == "" {
		return k, nil
	}
	secrets, err := h.opt.Secrets(ctx, c)
	if k.secret = secrets[v.Secret]; k.secret != "" {
		return k, nil
	}
	if err != nil {
		return k, refuse(http.StatusServiceUnavailable, "the delivery cannot be verified: %s", sentence(err))
	}
	return k, refuse(http.StatusServiceUnavailable, "the delivery cannot be verified: the connection %q has no %s", c.Name, v.Secret)
}

func statusOf(err error) int {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status
	}
	return 0
}

// challenged returns what the vendor wants to hear, if the delivery only asks
// whether somebody is here.
func challenged(hooks *program.Webhooks, names map[string]any) (string, bool) {
	if hooks.ChallengeWhen == nil {
		return "", false
	}
	asked, err := hooks.ChallengeWhen.EvalBool(&expr.Env{Names: names})
	if err != nil || !asked {
		return "", false // an event of another shape is no challenge
	}
	v, _ := value.Get(names, hooks.ChallengeAnswer)
	return textOf(v)
}

// takeForFlow takes a delivery to a flow's own webhook.
func (h *Hooks) takeForFlow(ctx context.Context, job work, d *delivery) (answer, error) {
	flow, t := job.target.flow, job.target.trigger
	if !flow.Enabled {
		return answer{}, refuse(http.StatusOK, "the flow %q is switched off", flow.ID)
	}
	if err := h.verifyForFlow(ctx, t.Webhook.Verify, d); err != nil {
		return answer{}, err
	}
	if err := d.decode(); err != nil {
		return answer{}, err
	}
	event, err := h.opt.Map(t.Webhook.Type, d.body)
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "the body is not what the flow %q expects: %s", flow.ID, sentence(err))
	}
	a := journal.Arrival{
		Flow: flow.ID, Definition: flow.Hash, Trigger: t.ID, EventID: rand.Text(),
		Event: event, At: d.at,
	}
	if t.Webhook.EventID != nil {
		names := map[string]any{"body": event, "headers": d.names()["headers"]}
		v, err := t.Webhook.EventID.Eval(&expr.Env{Names: names, Now: d.at})
		if id, ok := textOf(v); ok && err == nil {
			a.EventID = id
		} else {
			h.log.Warn("delivery without an event id", "flow", flow.ID, "trigger", t.ID, "error", err)
		}
	}
	a.Queue = h.queue(ctx, flow, &a)
	return answer{status: http.StatusOK}, h.accept(ctx, job, d, found{arrivals: []journal.Arrival{a}})
}

func (h *Hooks) verifyForFlow(ctx context.Context, v *program.Verify, d *delivery) error {
	if v == nil {
		return refuse(http.StatusUnauthorized, "the flow does not say how a delivery is verified")
	}
	if _, err := chosen([]*program.Verify{v}, d); err != nil {
		return err
	}
	k := keys{public: v.PublicKey}
	if v.Secret != "" {
		secret, err := h.opt.FlowSecret(ctx, v.Secret)
		if err != nil {
			return refuse(http.StatusServiceUnavailable, "the delivery cannot be verified: %s", sentence(err))
		}
		if secret == "" {
			return refuse(http.StatusServiceUnavailable, "the delivery cannot be verified: the secret %q is not set", v.Secret)
		}
		k.secret = secret
	}
	if err := verify(v, d, k); err != nil {
		return err
	}
	if sent, ok := d.signature["timestamp"]; ok {
		return fresh(sent, "signature.timestamp", d.at, usualTolerance)
	}
	return nil
}

// found are the arrivals that a delivery becomes, and why some triggers that
// match got none of it.
type found struct {
	arrivals []journal.Arrival
	misfits  []string
}

// arrivals returns one arrival for each trigger that wants the delivery, and one
// for each trigger of which steps wait for an event.
func (h *Hooks) arrivals(ctx context.Context, job work, connections []*program.Connection, awaited []Awaited, d *delivery) found {
	t, names := job.target, d.names()
	var all found
	a := journal.Arrival{EventID: cmp.Or(eventID(t.hooks, names), rand.Text()), At: d.at}
	flows := flowsOf(job.set)
	for _, c := range connections {
		a.Connection = c.Name
		mine := func(*program.Addressee) bool { return true }
		if t.byBody {
			fields := h.opt.fields(ctx, c)
			mine = func(whose *program.Addressee) bool { return isFor(whose, names, fields) }
		}
		for _, flow := range flows {
			for _, on := range flow.Triggers {
				if listens(on, c) && mine(on.Event.Addressee()) && h.matches(on.Event, names) {
					all.add(h.arrival(ctx, flow, on, names, a))
				}
			}
		}
		for _, on := range through(awaited, c) {
			if mine(on.Addressee()) && h.matches(on, names) {
				all.add(h.offer(on, names, a))
			}
		}
	}
	return all
}

// arrival returns the arrival of a delivery at a trigger that wants it; misfit
// is why the delivery cannot be used.
func (h *Hooks) arrival(ctx context.Context, flow *program.Flow, t *program.FlowTrigger, names map[string]any, a journal.Arrival) (_ journal.Arrival, misfit string) {
	if misfit = h.read(t.Event, names, &a); misfit != "" {
		return a, misfit
	}
	a.Flow, a.Definition, a.Trigger = flow.ID, flow.Hash, t.ID
	a.Queue = h.queue(ctx, flow, &a)
	return a, ""
}

// read brings a delivery into the form of a trigger's event; misfit is why it
// cannot.
func (h *Hooks) read(t *program.Trigger, names map[string]any, a *journal.Arrival) (misfit string) {
	event, err := h.opt.Map(t.Output.Whole(), t.Output.Wire(names))
	if err != nil {
		return "the delivery is not what " + t.ID + " describes: " + sentence(err)
	}
	a.Event = event
	if same, ok := sameID(t, event); ok {
		a.EventID = same
	}
	return ""
}

func (f *found) add(a journal.Arrival, misfit string) {
	switch {
	case misfit == "":
		f.arrivals = append(f.arrivals, a)
	case !slices.Contains(f.misfits, misfit):
		f.misfits = append(f.misfits, misfit)
	}
}

// matches reports whether a delivery is an event of the trigger. One that the
// condition cannot even look into is none.
func (h *Hooks) matches(t *program.Trigger, names map[string]any) bool {
	if t.Match == nil {
		return true
	}
	ok, err := t.Match.EvalBool(&expr.Env{Names: names})
	if err != nil {
		h.log.Debug("delivery of another shape", "trigger", t.ID, "error", err)
	}
	return ok && err == nil
}

func (h *Hooks) queue(ctx context.Context, flow *program.Flow, a *journal.Arrival) string {
	text, err := h.opt.Queue(ctx, flow, a)
	if err != nil {
		h.log.Warn("queue_by", "flow", flow.ID, "event", a.EventID, "error", err)
	}
	return text
}

// accept stores what was found. Where some triggers could use the delivery and
// others could not, it is taken for the first and written down for the others.
func (h *Hooks) accept(ctx context.Context, job work, d *delivery, f found) error {
	reason := strings.Join(f.misfits, "; ")
	if len(f.arrivals) == 0 {
		if reason != "" {
			return refuse(http.StatusBadRequest, "%s", reason)
		}
		h.log.Debug("delivery that no flow wants", "path", job.target.shown)
		return nil
	}
	if _, err := h.opt.Accept(ctx, f.arrivals, nil); err != nil {
		return err
	}
	if reason != "" && h.notes.Allow() {
		h.note(ctx, journal.Rejection{At: d.at, Address: job.target.shown, Status: http.StatusOK, Reason: reason})
	}
	return nil
}
