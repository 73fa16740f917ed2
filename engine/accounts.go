package engine

import (
	"context"
	"strconv"
	"time"

	"patchbay/engine/call"
	"patchbay/engine/expr"
	"patchbay/engine/member"
	"patchbay/engine/program"
	"patchbay/engine/value"
	"patchbay/engine/vault"
)

// accounts opens the roster of the accounts that sign-ins serve.
func (e *Engine) accounts(ctx context.Context) error {
	var err error
	e.members, err = member.Open(ctx, member.Options{
		Store: e.store, Live: e.catalog.Set, List: e.list, Fields: e.fields, Logger: e.log,
		Changed: func() {
			e.schedules.Refresh()
			e.polls.Refresh()
			e.pauses.Refresh()
		},
	})
	return err
}

// fields returns the fields of a connection that are no secrets, those that
// its token brought among them.
func (e *Engine) fields(ctx context.Context, conn *program.Connection) map[string]any {
	if own, ok := e.connection(ctx, conn.Name); ok {
		return own.Fields
	}
	return conn.Fields
}

// mint gets the token of an account by the sign-in that serves it.
func (e *Engine) mint(ctx context.Context, conn *program.Connection) (vault.Minted, error) {
	of, t := conn.Member.Of, conn.Auth.Members.Token
	if own, ok := e.connection(ctx, of.Name); ok {
		of = own
	}
	with, err := t.With.Eval(&expr.Env{Now: time.Now(), Names: map[string]any{
		"connection": of.Fields, "member": map[string]any{"id": conn.Member.ID, "name": conn.Member.Name},
	}})
	if err != nil {
		return vault.Minted{}, value.Fail(value.ClassInvalid, "the token of connection %q: with: %s", conn.Name, err)
	}
	input, _ := with.(map[string]any)
	res, err := e.calls.Do(ctx, call.Request{Action: t.Action, Connection: of, Input: input, Secrets: true})
	if err != nil {
		return vault.Minted{}, err
	}
	access, _ := value.Get(res.Output, t.Access)
	text, _ := access.(string)
	life, _ := value.Get(res.Output, t.Expires)
	return vault.Minted{Access: value.NewSecret(text), Life: seconds(life)}, nil
}

// seconds reads a number of seconds, which some services write as text.
func seconds(v any) time.Duration {
	var n float64
	switch v := v.(type) {
	case int:
		n = float64(v)
	case float64:
		n = v
	case string:
		n, _ = strconv.ParseFloat(v, 64)
	}
	const most = 10 * 365 * 24 * 60 * 60
	return time.Duration(max(0, min(n, most)) * float64(time.Second))
}
