package vault

import (
	"context"
	"errors"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// Minted is a token that a service gave for one account of a sign-in.
type Minted struct {
	Access value.Secret
	Life   time.Duration // 0 if the service names no end
}

// mints reports whether a connection is to an account that gets a token of its
// own by the sign-in that serves it.
func mints(conn *program.Connection) bool {
	return conn.Member != nil && conn.Auth.Members.Token != nil
}

// signer returns the connection whose credentials authorize another: the one
// that signed in, where its own serve its accounts.
func signer(conn *program.Connection) *program.Connection {
	if conn.Member != nil && !mints(conn) {
		return conn.Member.Of
	}
	return conn
}

// byItself reports whether a connection gets its next token without a person.
func byItself(conn *program.Connection) bool {
	return mints(conn) || conn.Auth.Type == program.AuthOAuth2Client
}

// isPlayed reports whether the sandbox takes any token for the connection. The
// token of an account is got there, too, as it is from the service.
func isPlayed(conn *program.Connection) bool { return conn.Sandbox && !mints(conn) }

// minted asks for the token of an account. A service that is busy or in trouble
// says nothing about the account; any other refusal holds for a while.
func (v *Vault) minted(ctx context.Context, conn *program.Connection, before *token) (*token, error) {
	if before != nil && before.refused != nil && time.Since(before.refused.At) <= clientPause {
		return nil, &refusedError{before.refused, refusedFailure(conn, before.refused)}
	}
	if v.mint == nil {
		return nil, value.Fail(value.ClassInvalid, "connection %q cannot get a token: nothing here asks for it", conn.Name)
	}
	got, err := v.mint(ctx, conn)
	if f, ok := errors.AsType[*value.Failure](err); ok {
		switch f.Class {
		case value.ClassForbidden, value.ClassInvalid, value.ClassNotFound, value.ClassConflict:
			r := &refusal{Message: f.Message, At: time.Now()}
			refused := refusedFailure(conn, r)
			refused.Status, refused.Action = f.Status, f.Action
			return nil, &refusedError{r, refused}
		default:
			return nil, f
		}
	}
	if err != nil {
		return nil, err
	}
	if got.Access.IsZero() {
		return nil, value.Fail(value.ClassInvalid, "%s answered a request for the token of connection %q without one", vendor(conn), conn.Name)
	}
	now := time.Now()
	t := &token{access: got.Access, issued: now, fields: map[string]any{}}
	if got.Life > 0 {
		t.expires = now.Add(got.Life)
	}
	return t, nil
}
