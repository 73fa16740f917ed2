package engine

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"patchbay/engine/call"
	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
	"patchbay/engine/vault"
)

const (
	// healEvery is how often it is tried whether a connection that is waited for
	// works again without a person.
	healEvery = 10 * time.Minute
	// settle is how long what waits for a connection is left alone after it went
	// on because of it.
	settle = time.Second
)

// pauses are the connections that runs and polls wait for, until a person has
// connected them. Who waits is known to the store and to the polls, and how a
// connection stands to the vault: what is here is only what was told and tried.
type pauses struct {
	engine *Engine
	awake  chan struct{}

	// Only run touches these.
	known map[string]*pause
	log   *slog.Logger
}

// pause is one connection that is waited for.
type pause struct {
	wentOn time.Time // when it last was connected
	healed time.Time // when that was last tried
}

func newPauses(e *Engine) *pauses {
	return &pauses{engine: e, awake: make(chan struct{}, 1), known: map[string]*pause{}}
}

// Refresh says that somebody waits now, or that a connection may work again.
func (p *pauses) Refresh() {
	select {
	case p.awake <- struct{}{}:
	default:
	}
}

// run lets go on what waits for connections that work again, until ctx ends. The
// log is told what is paused, once.
func (p *pauses) run(ctx context.Context, log *slog.Logger) error {
	p.log = log
	for {
		timer := time.NewTimer(p.turn(ctx, time.Now()))
		select {
		case <-ctx.Done():
		case <-p.awake:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is the end of the work, not an error
		}
	}
}

// turn sees to all connections that are waited for, and returns when to do so
// again if nothing happens.
func (p *pauses) turn(ctx context.Context, now time.Time) time.Duration {
	names, err := p.engine.store.PausedConnections(ctx)
	if err != nil && ctx.Err() == nil {
		p.log.Error("look for paused runs", "error", err)
		return settle
	}
	names = append(names, p.engine.polls.Paused()...)
	slices.Sort(names)
	names = slices.Compact(names)
	maps.DeleteFunc(p.known, func(name string, k *pause) bool {
		return !slices.Contains(names, name) && now.Sub(k.wentOn) > settle
	})
	sleep := healEvery
	for _, name := range names {
		sleep = min(sleep, p.see(ctx, name, now))
	}
	return sleep
}

// see sees to one connection that is waited for.
func (p *pauses) see(ctx context.Context, name string, now time.Time) time.Duration {
	k := p.known[name]
	if k == nil {
		k = &pause{healed: now}
		p.known[name] = k
	}
	state, err := p.engine.standing(ctx, name)
	switch {
	case err != nil:
		return settle
	case state.Status == vault.Connected && now.Sub(k.wentOn) < settle:
		return settle
	case state.Status == vault.Connected:
		k.wentOn = now
		p.goOn(ctx, name, now)
		return settle
	case k.healed.Equal(now):
		p.log.Warn("connection must be connected, what needs it is paused", "connection", name, "reason", state.Message)
		return healEvery
	case now.Sub(k.healed) < healEvery:
		return healEvery - now.Sub(k.healed)
	}
	k.healed = now.Add(-time.Nanosecond) // told already
	if conn, ok := p.engine.connection(ctx, name); ok {
		if err := p.engine.vault.Heal(ctx, conn); err != nil && ctx.Err() == nil {
			p.log.Debug("connection still does not work", "connection", name, "error", err)
		}
	}
	return healEvery // if it works, the vault says so
}

func (p *pauses) goOn(ctx context.Context, name string, now time.Time) {
	runs, err := p.engine.store.GoOn(ctx, name, now)
	if err != nil && ctx.Err() == nil {
		p.log.Error("go on with paused runs", "connection", name, "error", err)
	}
	polls := p.engine.polls.GoOn(name, now)
	p.log.Info("connection works again, what was paused goes on", "connection", name, "runs", runs, "polls", polls)
}

// standing returns how a connection stands, also one that there is none of.
func (e *Engine) standing(ctx context.Context, name string) (vault.State, error) {
	conn, ok := e.connection(ctx, name)
	if !ok {
		return vault.State{Status: vault.NotConnected, Message: e.members.Set().NoConnection(name)}, nil
	}
	return e.vault.State(ctx, conn)
}

// checked looks once more at a failure that says that a connection must be
// connected. If it works now, it was connected in that moment: another attempt
// may come out otherwise.
func (e *Engine) checked(ctx context.Context, err error) error {
	f, ok := errors.AsType[*value.Failure](err)
	if !ok || f.Reconnect == "" {
		return err
	}
	if state, wrong := e.standing(ctx, f.Reconnect); wrong != nil || state.Status != vault.Connected {
		return err
	}
	now := *f
	now.Class, now.Reconnect = value.ClassTransient, ""
	return &now
}

// try makes a small call with the credentials of a connection as they are.
func (e *Engine) try(ctx context.Context, conn *program.Connection) error {
	if own, ok := e.connection(ctx, conn.Name); ok {
		conn = own
	}
	test, err := e.trial(ctx, conn)
	if err != nil {
		return err
	}
	_, err = e.calls.Do(ctx, test)
	if f, ok := errors.AsType[*value.Failure](err); ok {
		switch f.Class {
		case value.ClassForbidden, value.ClassInvalid, value.ClassNotFound, value.ClassConflict:
			return nil // the service knows who asks
		default:
		}
	}
	return err
}

// trial returns the call that tries a connection: that of its connector, or the
// list of the accounts that its sign-in serves.
func (e *Engine) trial(ctx context.Context, conn *program.Connection) (call.Request, error) {
	if conn.IsAgency() {
		m := conn.Auth.Members
		with, err := m.With.Eval(&expr.Env{Now: time.Now(), Names: map[string]any{"connection": e.fields(ctx, conn)}})
		if err != nil {
			return call.Request{}, value.Fail(value.ClassAuth, "connection %q cannot be tried: %v", conn.Name, err)
		}
		input, _ := with.(map[string]any)
		return call.Request{Action: m.List, Connection: conn, Input: input, Limit: 1, Trial: true}, nil
	}
	test := conn.Connector.Test
	if test == nil || !conn.Auth.Serves(test.Action) {
		return call.Request{}, value.Fail(value.ClassAuth, "connection %q cannot be tried", conn.Name)
	}
	return call.Request{Action: test.Action, Connection: conn, Input: test.With, Trial: true}, nil
}
