package trigger

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"patchbay/engine/expr"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// listed is a subscription as the service lists it.
type listed struct {
	id, address string
	events      []string
}

// look holds what is known of a connection's subscriptions against the list of
// its service, where that is due. It returns false while it is not known what
// is there, so that nothing may be made.
func (s *Subscriptions) look(ctx context.Context, a *account) bool {
	name := a.conn.Name
	mine := s.mine(a)
	if a.sub.List == nil {
		s.giveUp(ctx, a, mine)
		return true
	}
	last, known := s.looked[name]
	as := identity(a.conn)
	known = known && last.as == as // another account has other subscriptions
	due := !known || a.now.Sub(last.at) >= lookEvery || slices.ContainsFunc(mine, func(k *kept) bool {
		return k.Asked && a.now.Sub(k.At) >= settleAfter
	})
	t := task{slot{connection: name}, taskLook}
	if !due || s.isResting(t, a.now) {
		return known
	}
	found, err := s.read(ctx, a)
	if err == nil {
		err = s.settle(ctx, a, mine, found)
	}
	if err != nil {
		s.failed(ctx, t, a, err)
		return false
	}
	delete(s.rests, t)
	s.looked[name] = sight{a.now, as}
	return true
}

// sight is when a service's list was last read, and as whom.
type sight struct {
	at time.Time
	as string
}

// identity tells whether a connection is still that to the same account, as
// far as its file says.
func identity(c *program.Connection) string {
	var all strings.Builder
	fmt.Fprintln(&all, c.URL(), c.Fields)
	if c.Auth != nil {
		fmt.Fprintln(&all, c.Auth.Name)
	}
	for _, field := range slices.Sorted(maps.Keys(c.Secrets)) {
		ref := c.Secrets[field]
		fmt.Fprintln(&all, field, ref.Env, ref.Secret)
	}
	return all.String()
}

// giveUp forgets requests whose answer was lost, where no list tells what came
// of them: they are made once more.
func (s *Subscriptions) giveUp(ctx context.Context, a *account, mine []*kept) {
	for _, k := range mine {
		if !k.Asked || a.now.Sub(k.At) < settleAfter {
			continue
		}
		s.log.Warn("subscription lost on the way, it is made once more and the service may have it twice",
			"connection", k.Connection, "events", k.Events)
		if err := s.forget(ctx, k); err != nil {
			s.log.Error("forget subscription", "connection", k.Connection, "error", err)
		}
	}
}

// read returns what the service lists.
func (s *Subscriptions) read(ctx context.Context, a *account) ([]listed, error) {
	l := a.sub.List
	with, err := l.With.Eval(&expr.Env{})
	if err != nil {
		return nil, err
	}
	given, _ := with.(map[string]any)
	var all []listed
	for page, err := range s.opt.List(ctx, l.Action, a.conn, given) {
		if err != nil {
			return nil, err
		}
		for _, item := range page {
			var one listed
			id, _ := value.Get(item, l.ID)
			one.id, _ = textOf(id)
			address, _ := value.Get(item, l.Address)
			one.address, _ = address.(string)
			events, _ := value.Get(item, l.Events)
			one.events = textsOf(events)
			all = append(all, one)
		}
	}
	return all, nil
}

// textsOf returns a text, or a list of texts, sorted.
func textsOf(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var all []string
	for _, e := range list {
		if text, ok := e.(string); ok {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return all
}

// settle brings what is known in line with what the service lists: what it has
// not is forgotten, what got lost on the way is found, and what else it has
// for an address of ours is ended.
func (s *Subscriptions) settle(ctx context.Context, a *account, mine []*kept, found []listed) error {
	claimed := map[string]bool{}
	for _, k := range mine {
		if !k.Asked {
			claimed[k.ID] = true
		}
	}
	for _, k := range mine {
		if err := s.settleOne(ctx, a, k, found, claimed); err != nil {
			return err
		}
	}
	for _, item := range found {
		if item.id == "" || claimed[item.id] || !s.ours(a, mine, item.address) {
			continue
		}
		if err := s.leftover(ctx, a, item); err != nil {
			return err
		}
	}
	return nil
}

// ours reports whether an address that a service lists leads here: it is, or
// was, one of the connection or of one that is gone, or begins as one of the
// connection does, with the random part of a data folder that is lost.
func (s *Subscriptions) ours(a *account, mine []*kept, address string) bool {
	root := strings.TrimSuffix(s.opt.PublicURL(), "/")
	return root != "" && strings.HasPrefix(address, root+prefix+escaped(s.opt.Renames.Origin(journal.ConnectionName, a.conn.Name))+"/") ||
		slices.ContainsFunc(mine, func(k *kept) bool { return k.Address == address }) ||
		slices.ContainsFunc(s.orphans(a), func(k *kept) bool { return k.Address == address })
}

// orphans returns the subscriptions at the service of an account whose
// connection is gone. One that was only renamed reaches them.
func (s *Subscriptions) orphans(a *account) []*kept {
	return slices.DeleteFunc(inOrder(s.kept), func(k *kept) bool {
		return a.set.Connections[k.Connection] != nil || k.Base != a.conn.URL()
	})
}

// settleOne finds out about one subscription that is known.
func (s *Subscriptions) settleOne(ctx context.Context, a *account, k *kept, found []listed, claimed map[string]bool) error {
	i := slices.IndexFunc(found, func(item listed) bool {
		if !k.Asked {
			return item.id == k.ID
		}
		return item.id != "" && !claimed[item.id] && item.address == k.Address && slices.Equal(item.events, k.Events)
	})
	switch {
	case i < 0 && a.now.Sub(k.At) < settleAfter:
		return nil // it may not be listed yet
	case i < 0 && k.Asked:
		return s.forget(ctx, k)
	case i < 0:
		s.log.Warn("subscription is gone at the service", "connection", k.Connection, "events", k.Events)
		return s.forget(ctx, k)
	case !k.Asked:
		return nil
	case a.sub.KeepSecret != nil:
		// Its secret was in the answer that got lost.
		if err := s.unsubscribe(ctx, a, found[i].id); err != nil {
			return err
		}
		claimed[found[i].id] = true
		return s.forget(ctx, k)
	}
	claimed[found[i].id] = true
	s.log.Info("subscription found", "connection", k.Connection, "events", k.Events)
	known := *k
	known.ID, known.Asked = found[i].id, false
	return s.save(ctx, known)
}

// leftover deals with a subscription for an address of ours that nobody knows
// of: one that is needed as it is, is kept; any other is ended. Whether one was
// made with our secret cannot be seen.
func (s *Subscriptions) leftover(ctx context.Context, a *account, item listed) error {
	i := slices.IndexFunc(a.wishes, func(w *wish) bool {
		return w.barred == "" && w.address == item.address && slices.Equal(w.events, item.events) && len(s.in(a, w.slot)) == 0
	})
	if i < 0 || a.sub.TakesSecret() || a.sub.KeepSecret != nil {
		if err := s.unsubscribe(ctx, a, item.id); err != nil {
			return err
		}
		s.log.Info("leftover subscription ended", "connection", a.conn.Name, "events", item.events, "address", shownAddress(item.address))
		for _, k := range s.orphans(a) {
			if k.Address == item.address && (k.ID == item.id || k.Asked) {
				return s.forget(ctx, k)
			}
		}
		return nil
	}
	w := a.wishes[i]
	s.log.Info("subscription found", "connection", a.conn.Name, "events", item.events)
	return s.save(ctx, kept{
		name: rand.Text(), Connection: w.connection, Base: a.conn.URL(), Event: w.event, Events: w.events,
		Address: w.address, Of: w.of, ID: item.id, At: time.Now().UTC(),
	})
}
