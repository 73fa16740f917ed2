package engine

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"

	"patchbay/engine/call"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/sandbox"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
	"patchbay/engine/vault"
)

// subscribing is what the subscriptions to the events of services work with.
func (e *Engine) subscribing(intake trigger.Intake) trigger.SubscriptionOptions {
	return trigger.SubscriptionOptions{
		Intake: intake, Store: e.vault, Address: e.hookAddress, Secret: e.signingSecret,
		Call: func(ctx context.Context, action *program.Action, conn *program.Connection, input map[string]any) (any, error) {
			res, err := e.calls.Do(ctx, call.Request{Action: action, Connection: e.withFields(ctx, conn), Input: input})
			return res.Output, err
		},
		List: func(ctx context.Context, action *program.Action, conn *program.Connection, input map[string]any) iter.Seq2[[]any, error] {
			return e.list(ctx, action, e.withFields(ctx, conn), input)
		},
		PublicURL: func() string {
			if e.sandbox != nil {
				return *e.publicURL.Load() // a played service reaches what a real one does not
			}
			return e.opt.PublicURL
		},
		Ready: func(ctx context.Context, conn *program.Connection) (string, error) {
			state, err := e.vault.State(ctx, conn)
			if err != nil || state.Status == vault.Connected {
				return "", err
			}
			return state.Message, nil
		},
	}
}

// withFields returns a connection with the fields that its token brought.
func (e *Engine) withFields(ctx context.Context, conn *program.Connection) *program.Connection {
	if own, ok := e.connection(ctx, conn.Name); ok {
		return own
	}
	return conn
}

// hookAddress returns the unguessable part of the address of that name.
func (e *Engine) hookAddress(name string) string { return e.secretText("hook " + name)[:26] }

// signingSecret returns what a service is told to sign with: the secret that
// the connection has for it, else one of our own.
func (e *Engine) signingSecret(ctx context.Context, conn *program.Connection) (string, error) {
	for _, way := range conn.Connector.Webhooks.Verify {
		if way.Secret == "" {
			continue
		}
		all, err := e.vault.Reveal(ctx, conn)
		if given := all[way.Secret]; given != "" {
			return given, nil
		}
		if _, written := conn.Secrets[way.Secret]; written {
			if err == nil {
				err = value.Fail(value.ClassAuth, "connection %q has no %s", conn.Name, way.Secret)
			}
			return "", err
		}
	}
	return e.ownSecret(conn), nil
}

func (e *Engine) ownSecret(conn *program.Connection) string {
	return e.secretText("subscription " + e.renames.Origin(journal.ConnectionName, conn.Name))
}

// signing returns the secrets with which a service signs what it was asked to
// deliver for a connection.
func (e *Engine) signing(conn *program.Connection) []string {
	sub := conn.Connector.Webhooks.Subscribe
	if sub == nil {
		return nil
	}
	all := e.subscriptions.Secrets(conn.Name)
	if sub.TakesSecret() {
		all = append(all, e.ownSecret(conn))
	}
	return all
}

// sender returns how a played event is delivered to our own webhook address;
// nil where the services are real.
func (e *Engine) sender() func(ctx context.Context, t *program.Trigger, payload any) error {
	if e.sandbox == nil {
		return nil
	}
	return func(ctx context.Context, t *program.Trigger, payload any) error {
		select {
		case <-e.subscriptions.Settled():
		case <-ctx.Done():
			return ctx.Err()
		}
		receivers, err := e.receivers(ctx, t)
		if err != nil {
			return err
		}
		if payload != nil || t.Addressee() != nil && t.Addressee().Any {
			receivers = receivers[:1]
		}
		for _, r := range receivers {
			played := payload
			if played == nil {
				played = sandbox.Example{Account: r.account}
			}
			receipt, err := e.sandbox.Send(ctx, t, r.url, played)
			if err != nil {
				return err
			}
			if receipt.Status >= http.StatusMultipleChoices {
				return fmt.Errorf("it was answered %d: %s", receipt.Status, receipt.Body)
			}
		}
		return nil
	}
}

// receiver is a connection that events of a played service are delivered for.
type receiver struct {
	url     string
	account map[string]any // its fields
}

// receivers returns whom a played service delivers an event to: where it was
// asked to, or the addresses that people would have told it, of the connections
// whose flows wait for the trigger, else of the first that has one.
func (e *Engine) receivers(ctx context.Context, t *program.Trigger) ([]receiver, error) {
	if w := t.Connector.Webhooks; w != nil && w.Subscribe != nil && t.Event != "" {
		addresses := e.subscriptions.SubscribedAt(t.Connector, t.Event)
		if len(addresses) == 0 {
			return nil, fmt.Errorf("nobody has subscribed to %s at the played %s: no flow that is on waits for %s", t.Event, t.Connector.Name, t.ID)
		}
		return []receiver{{url: addresses[0]}}, nil
	}
	set, intake := e.catalog.Set(), e.intake()
	waits := func(c *program.Connection) bool {
		for _, use := range set.Waiting(t) {
			if use.Stands(c) {
				return true
			}
		}
		return false
	}
	var all, wanted []receiver
	for _, a := range e.hooks.Addresses(*e.publicURL.Load()) {
		for _, name := range slices.Sorted(maps.Keys(set.Connections)) {
			c := set.Connections[name]
			if a.Connector != t.Connector.ID || c.Connector.ID != a.Connector || a.Connection != "" && a.Connection != name {
				continue
			}
			one := receiver{url: a.URL, account: intake.Fields(ctx, c)}
			all = append(all, one)
			if waits(c) {
				wanted = append(wanted, one)
			}
		}
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("no connection has an address for %s", t.ID)
	case len(wanted) == 0:
		return all[:1], nil
	}
	return wanted, nil
}
