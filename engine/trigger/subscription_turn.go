package trigger

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// errNoID is why a subscription cannot be ended.
var errNoID = errors.New("the answer has no id of the subscription")

// account is the subscriptions of one connection during a turn.
type account struct {
	set    *program.Set
	conn   *program.Connection
	sub    *program.Subscribe
	wishes []*wish
	now    time.Time
}

// turn does what is to be done and returns when to come again.
func (s *Subscriptions) turn(ctx context.Context, now time.Time) time.Time {
	if err := s.load(ctx); err != nil {
		s.log.Error("read subscriptions", "error", err)
		return now.Add(firstRetry)
	}
	set := s.opt.Live()
	wishes, err := s.wishes(ctx, set)
	if err != nil {
		s.log.Error("look for what runs wait for", "error", err)
		return now.Add(firstRetry)
	}
	s.drop(wishes)
	names := slices.Collect(maps.Keys(wishes))
	for _, k := range s.kept {
		names = append(names, k.Connection)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	accounts, reached := map[string]*account{}, map[string]obstacle{}
	for _, name := range names {
		a := account{set: set, conn: set.Connections[name], wishes: wishes[name], now: now}
		reached[name] = s.tend(ctx, name, &a)
		accounts[name] = &a
	}
	var all []SubscriptionStatus
	for _, name := range names {
		all = append(all, s.statuses(name, accounts[name], reached[name])...)
	}
	s.tell(all)
	return s.nextTurn(now)
}

// drop forgets the pauses of what is not to be done any more, and of
// connections that were signed in anew.
func (s *Subscriptions) drop(wishes map[string][]*wish) {
	s.mu.Lock()
	again := s.again
	s.again = map[string]bool{}
	s.mu.Unlock()
	maps.DeleteFunc(s.looked, func(name string, _ sight) bool { return again[name] })
	maps.DeleteFunc(s.rests, func(t task, _ *rest) bool {
		wanted := slices.ContainsFunc(wishes[t.connection], func(w *wish) bool { return w.slot == t.slot })
		there := slices.ContainsFunc(s.of(t.connection), func(k *kept) bool { return k.slot() == t.slot })
		return again[t.connection] || t.kind == taskOn && !wanted || t.kind == taskOff && !there
	})
}

// obstacle is why the subscriptions of a connection are out of reach, and what
// to do about it.
type obstacle struct{ why, hint string }

// tend brings the subscriptions of a connection in line, if nothing is in the
// way.
func (s *Subscriptions) tend(ctx context.Context, name string, a *account) obstacle {
	const byHand = "bring it back, or end the subscription at the service yourself"
	switch {
	case a.conn == nil:
		return obstacle{"there is no connection " + name + " any more to end it with", byHand}
	case subscribes(a.conn) == nil:
		return obstacle{"the connector of " + a.conn.Connector.Name + " does not say any more how", byHand}
	}
	a.sub = subscribes(a.conn)
	if s.opt.PublicURL() == "" {
		// Whoever cannot be delivered to leaves alone what others may receive.
		return obstacle{"serve was started without --public-url", "start patchbay serve with it"}
	}
	possible := slices.ContainsFunc(a.wishes, func(w *wish) bool { return w.barred == "" })
	if !possible && len(s.mine(a)) == 0 {
		return obstacle{}
	}
	why, err := s.opt.Ready(ctx, a.conn)
	switch {
	case err != nil:
		return obstacle{why: sentence(err)}
	case why != "":
		return obstacle{why: why}
	case !s.look(ctx, a):
		return obstacle{}
	}
	for _, w := range a.wishes {
		s.serve(ctx, a, w)
	}
	for _, k := range s.mine(a) {
		s.retire(ctx, a, k)
	}
	return obstacle{}
}

// mine returns the subscriptions of an account that its connection reaches.
func (s *Subscriptions) mine(a *account) []*kept {
	return slices.DeleteFunc(s.of(a.conn.Name), func(k *kept) bool { return k.Base != a.conn.URL() })
}

// in returns the subscriptions of a slot.
func (s *Subscriptions) in(a *account, at slot) []*kept {
	return slices.DeleteFunc(s.mine(a), func(k *kept) bool { return k.slot() != at })
}

// serve makes the subscription that a wish asks for, if there is none.
func (s *Subscriptions) serve(ctx context.Context, a *account, w *wish) {
	t := task{w.slot, taskOn}
	there := s.in(a, w.slot)
	switch {
	case w.barred != "", slices.ContainsFunc(there, func(k *kept) bool { return k.Asked }):
		return
	case slices.ContainsFunc(there, func(k *kept) bool { return k.Of == w.of || s.lingers(ctx, a, w, k) }):
		delete(s.rests, t)
		return
	case s.isResting(t, a.now) && s.rests[t].of == w.of:
		return
	}
	for _, k := range there {
		// Two for the same address and event are one too many for a service.
		if k.Address == w.address && slices.Equal(k.Events, w.events) && !s.end(ctx, a, k) {
			return
		}
	}
	if err := s.subscribe(ctx, a, w); err != nil {
		s.failed(ctx, t, a, err)
		if r := s.rests[t]; r != nil {
			r.of = w.of
		}
		return
	}
	delete(s.rests, t)
}

// lingers reports whether a subscription for all events is right but for
// events that nothing needs since a moment.
func (s *Subscriptions) lingers(ctx context.Context, a *account, w *wish, k *kept) bool {
	if !a.sub.All || len(k.Events) <= len(w.events) ||
		slices.ContainsFunc(w.events, func(e string) bool { return !slices.Contains(k.Events, e) }) {
		delete(s.unwanted, k.name)
		return false
	}
	with, err := s.inputs(ctx, a.sub, w, k.Events)
	return err == nil && sum(a.conn, with) == k.Of && !s.overdue(k, a.now)
}

// overdue reports whether the grace of what nothing needs is over.
func (s *Subscriptions) overdue(k *kept, now time.Time) bool {
	since, known := s.unwanted[k.name]
	if !known {
		s.unwanted[k.name] = now
		return false
	}
	return now.Sub(since) >= grace
}

// subscribe makes a subscription. It is written down before the request is
// sent: should the answer get lost, the list of the service tells.
func (s *Subscriptions) subscribe(ctx context.Context, a *account, w *wish) error {
	k := kept{
		name: rand.Text(), Connection: w.connection, Base: a.conn.URL(), Event: w.event, Events: w.events,
		Address: w.address, Of: w.of, Asked: true, At: time.Now().UTC(),
	}
	if err := s.save(ctx, k); err != nil {
		return err
	}
	output, err := s.opt.Call(ctx, a.sub.On, a.conn, w.with)
	if f, ok := errors.AsType[*value.Failure](err); ok && !f.Unsettled {
		return errors.Join(err, s.forget(ctx, &k))
	}
	if err != nil {
		return err
	}
	id, _ := value.Get(output, a.sub.KeepID)
	secret, _ := value.Get(output, a.sub.KeepSecret)
	var named bool
	k.ID, named = textOf(id)
	k.Secret = secretOf(secret)
	if !named && a.sub.List != nil {
		return errNoID // the list may tell it
	}
	k.Asked = false
	if err := s.save(ctx, k); err != nil {
		return err
	}
	s.log.Info("subscribed", "connection", k.Connection, "events", k.Events, "address", shownAddress(k.Address))
	return nil
}

// secretOf returns a secret that an output holds, "" for none.
func secretOf(v any) string {
	if s, ok := v.(value.Secret); ok {
		return s.Reveal()
	}
	text, _ := v.(string)
	return text
}

// retire ends a subscription that nothing needs any more.
func (s *Subscriptions) retire(ctx context.Context, a *account, k *kept) {
	if k.Asked {
		return
	}
	i := slices.IndexFunc(a.wishes, func(w *wish) bool { return w.slot == k.slot() })
	switch {
	case i < 0:
		if resting(a.set, k) || s.overdue(k, a.now) {
			s.end(ctx, a, k)
		}
	case a.wishes[i].barred != "":
		delete(s.unwanted, k.name)
	case k.Of == a.wishes[i].of:
		delete(s.unwanted, k.name)
	case slices.ContainsFunc(s.in(a, k.slot()), func(other *kept) bool { return !other.Asked && other.Of == a.wishes[i].of }):
		s.end(ctx, a, k) // another has taken its place
	}
}

// end ends a subscription and forgets it. It reports whether that is done.
func (s *Subscriptions) end(ctx context.Context, a *account, k *kept) bool {
	t := task{k.slot(), taskOff}
	if s.isResting(t, a.now) {
		return false
	}
	err := errNoID
	if k.ID != "" {
		err = s.unsubscribe(ctx, a, k.ID)
	}
	if err == nil || errors.Is(err, errNoID) {
		err = s.forget(ctx, k)
	}
	if err != nil {
		s.failed(ctx, t, a, err)
		return false
	}
	delete(s.rests, t)
	s.log.Info("unsubscribed", "connection", k.Connection, "events", k.Events, "address", shownAddress(k.Address))
	return true
}

// unsubscribe ends the subscription of that id at the service. One that is not
// there is ended.
func (s *Subscriptions) unsubscribe(ctx context.Context, a *account, id string) error {
	with, err := a.sub.OffWith.Eval(&expr.Env{Names: map[string]any{"kept": map[string]any{"id": id}}})
	if err != nil {
		return err
	}
	given, _ := with.(map[string]any)
	_, err = s.opt.Call(ctx, a.sub.Off, a.conn, given)
	if f, ok := errors.AsType[*value.Failure](err); ok && f.Class == value.ClassNotFound {
		return nil
	}
	return err
}

func (s *Subscriptions) isResting(t task, now time.Time) bool {
	r := s.rests[t]
	return r != nil && now.Before(r.next)
}

// failed notes what failed and when it is tried again. What was cut off by the
// end of the engine says nothing about the service.
func (s *Subscriptions) failed(ctx context.Context, t task, a *account, err error) {
	if ctx.Err() != nil {
		return
	}
	r := s.rests[t]
	if r == nil {
		r = &rest{}
		s.rests[t] = r
	}
	r.failures++
	r.next = retryAt(err, r.failures, subscribeRest, time.Now())
	r.message, r.hint = s.told(ctx, a, err), remedy(a, err)
}

// nextTurn returns when there is something to do, or to look for, again.
func (s *Subscriptions) nextTurn(now time.Time) time.Time {
	next := now.Add(longestSleep)
	sooner := func(t time.Time) {
		if t.After(now) && t.Before(next) {
			next = t
		}
	}
	for _, r := range s.rests {
		sooner(r.next)
	}
	for _, since := range s.unwanted {
		sooner(since.Add(grace))
	}
	for _, k := range s.kept {
		if k.Asked {
			sooner(k.At.Add(settleAfter))
		}
	}
	for _, seen := range s.looked {
		sooner(seen.at.Add(lookEvery))
	}
	return next
}
