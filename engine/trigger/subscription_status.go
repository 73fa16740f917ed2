package trigger

import (
	"context"
	"errors"
	"slices"
	"strings"

	"patchbay/engine/value"
)

// statuses returns how the subscriptions of a connection stand.
func (s *Subscriptions) statuses(name string, a *account, in obstacle) []SubscriptionStatus {
	var all []SubscriptionStatus
	wished := map[slot]bool{}
	for _, w := range a.wishes {
		wished[w.slot] = true
		all = append(all, s.wishStatus(a, w, in))
	}
	for _, k := range s.of(name) {
		reached := a.conn != nil && k.Base == a.conn.URL()
		if wished[k.slot()] && reached {
			continue
		}
		st := SubscriptionStatus{Connection: name, Events: k.Events, State: Unsubscribing, Since: k.At}
		if a.conn != nil {
			st.Connector = a.conn.Connector.ID
		}
		r := s.rests[task{k.slot(), taskOff}]
		switch {
		case in.why != "":
			st.Message, st.Hint = "cannot unsubscribe from "+words(k.Events)+": "+in.why, in.hint
		case !reached:
			st.Message, st.Hint = "cannot unsubscribe from "+words(k.Events)+": it was made at "+k.Base+", and the connection points elsewhere now", "end it there yourself"
		case r != nil:
			st.Message, st.Hint, st.Next = "cannot unsubscribe from "+words(k.Events)+": "+r.message, r.hint, r.next
		case resting(a.set, k):
		default:
			st.Next = s.unwanted[k.name].Add(grace)
		}
		all = append(all, st)
	}
	return all
}

// wishStatus returns how the subscription stands that a wish asks for.
func (s *Subscriptions) wishStatus(a *account, w *wish, in obstacle) SubscriptionStatus {
	st := SubscriptionStatus{
		Connection: w.connection, Connector: w.conn.Connector.ID, Events: w.events, Triggers: w.triggers, State: Subscribing,
	}
	on, seen := s.rests[task{w.slot, taskOn}], s.rests[task{slot{connection: w.connection}, taskLook}]
	if a.sub != nil {
		for _, k := range s.in(a, w.slot) {
			if !k.Asked {
				st.State, st.Since = Subscribed, k.At
			}
		}
	}
	lead := "cannot subscribe to " + words(w.events) + ": "
	switch {
	case w.barred != "" && st.State != Subscribed:
		st.State, st.Message, st.Hint = Unsubscribed, lead+w.barred, w.hint
	case in.why != "" && st.State != Subscribed:
		st.State, st.Message, st.Hint = Unsubscribed, lead+in.why, in.hint
	case on != nil:
		st.Message, st.Hint, st.Next = lead+on.message, on.hint, on.next
	case seen != nil:
		st.Message, st.Hint, st.Next = "cannot see what is subscribed to: "+seen.message, seen.hint, seen.next
	}
	if st.Message != "" && st.State == Subscribing {
		st.State = Unsubscribed
	}
	return st
}

func words(events []string) string { return strings.Join(events, ", ") }

// told returns what an error says, without what is secret about a subscription.
func (s *Subscriptions) told(ctx context.Context, a *account, err error) string {
	text := sentence(err)
	if random := s.opt.Address(a.conn.Name); random != "" {
		text = strings.ReplaceAll(text, random, "…")
	}
	if a.sub.TakesSecret() {
		if secret, err := s.opt.Secret(ctx, a.conn); err == nil && secret != "" {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}

// remedy says what a person can do about a failure.
func remedy(a *account, err error) string {
	f, ok := errors.AsType[*value.Failure](err)
	if !ok {
		return ""
	}
	switch f.Class {
	case value.ClassAuth:
		return "patchbay connections --test shows what is wrong with " + a.conn.Name
	case value.ClassForbidden:
		if scopes := a.sub.Scopes(); len(scopes) > 0 {
			return "the connection needs the right to subscribe (" + strings.Join(scopes, ", ") + "): connect it anew"
		}
		return "the account of the connection needs the right to subscribe"
	case value.ClassInvalid:
		return "is --public-url an address that " + a.conn.Connector.Name + " can reach by https?"
	default:
		return "it is tried again by itself"
	}
}

// tell keeps the statuses for those who ask, and logs what is otherwise than
// before, once.
func (s *Subscriptions) tell(all []SubscriptionStatus) {
	s.mu.Lock()
	before := s.status
	s.status = all
	s.mu.Unlock()
	for _, st := range all {
		same := slices.ContainsFunc(before, func(o SubscriptionStatus) bool {
			return o.Connection == st.Connection && o.Message == st.Message && slices.Equal(o.Events, st.Events)
		})
		if st.Message != "" && !same {
			s.log.Warn("subscription", "connection", st.Connection, "error", st.Message, "hint", st.Hint)
		}
	}
}
