package vault

import (
	"context"
	"errors"
	"sync"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// account is what is known of the token of one connection.
type account struct {
	name string

	mu     sync.Mutex // guards what follows, also while the store is written
	loaded bool       // token is what the store holds for bound
	bound  binding
	token  *token // nil for none
	// turn counts the times a person decided about the token: a renewal that
	// began before the last of them is void.
	turn    int
	unsaved *token    // a renewed token that the store did not take
	flight  *flight   // the renewal under way, nil for none
	notTill time.Time // a token that still works is not renewed before this time
	forced  time.Time // when a refused token was last replaced

	trial sync.Mutex // held while the credentials are tried; guards took
	took  time.Time  // when a trial last went through
}

// leaveAlone puts the next renewal of a token that still works off, for as
// long as the service asks.
func (a *account) leaveAlone(err error, pause time.Duration, now time.Time) {
	until := now.Add(pause)
	if f, ok := errors.AsType[*value.Failure](err); ok && f.NotBefore.After(until) {
		until = f.NotBefore
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notTill = until
}

// load returns the token of a connection, nil for none. One that was given for
// another connector or host is a failure; where no person is needed to get
// another it is none.
func (v *Vault) load(ctx context.Context, a *account, conn *program.Connection) (t *token, notTill time.Time, err error) {
	bound := bindingOf(conn)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.loaded && a.bound == bound {
		return a.token, a.notTill, nil
	}
	t, err = v.read(ctx, a.name, conn)
	if err != nil {
		return nil, time.Time{}, err
	}
	a.loaded, a.bound, a.token, a.unsaved, a.notTill = true, bound, t, nil, time.Time{}
	return t, time.Time{}, nil
}

// read returns the token that the store holds for a connection.
func (v *Vault) read(ctx context.Context, name string, conn *program.Connection) (*token, error) {
	data, found, err := v.store.Sealed(ctx, kindToken, name)
	if err != nil {
		return nil, storeFailure(name, "read", err)
	}
	if !found {
		return nil, nil //nolint:nilnil // no token is no error
	}
	bound := bindingOf(conn)
	plain, err := v.openNamed(ctx, kindToken, name, bound, data)
	var t *token
	if err == nil {
		t, err = decodeToken(plain)
	}
	if err == nil {
		return t, nil
	}
	if byItself(conn) {
		v.log.Warn("token not opened", "connection", name, "error", err)
		return nil, nil //nolint:nilnil // another is asked for
	}
	if other, ok := errors.AsType[*boundError](err); ok {
		return nil, lacking(conn, "connection %q was signed in to %s, and now points to %s, where that sign-in is not valid: %s",
			name, describe(other.was, bound), describe(bound, other.was), toConnect(name))
	}
	return nil, lacking(conn, "the sign-in of connection %q cannot be opened (%v): %s", name, err, toConnect(name))
}

// openNamed opens what is kept under the name of a connection. What was sealed
// when it, or its connector, had another one is sealed anew.
func (v *Vault) openNamed(ctx context.Context, kind, name string, bound binding, data []byte) ([]byte, error) {
	plain, err := v.box.open(kind, name, bound, data)
	if err == nil {
		return plain, nil
	}
	names := append([]string{name}, v.names.Before(journal.ConnectionName, name)...)
	connectors := append([]string{bound.connector}, v.names.Before(journal.ConnectorName, bound.connector)...)
	for _, was := range names {
		for _, connector := range connectors {
			plain, other := v.box.open(kind, was, binding{connector, bound.host}, data)
			if other != nil {
				continue
			}
			if err := v.store.PutSealed(ctx, kind, name, v.box.seal(kind, name, bound, plain)); err != nil {
				v.log.Warn("not sealed anew", "kind", kind, "connection", name, "error", err) // the next one to read it tries again
			}
			return plain, nil
		}
	}
	return nil, err
}

// describe names what distinguishes a binding from another.
func describe(b, from binding) string {
	switch {
	case b.connector != from.connector:
		return "the connector " + b.connector
	case b.host == "":
		return "no address"
	default:
		return b.host
	}
}

// save puts a token on disk and only then lets it be used. If somebody signed
// in or out since the turn, the token is dropped.
func (v *Vault) save(ctx context.Context, a *account, bound binding, turn int, t *token) error {
	data, err := encodeToken(t)
	if err != nil {
		return storeFailure(a.name, "saved", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turn != turn {
		return value.Fail(value.ClassTransient, "connection %q was signed in or out while its token was renewed", a.name)
	}
	if err := v.store.PutSealed(ctx, kindToken, a.name, v.box.seal(kindToken, a.name, bound, data)); err != nil {
		return storeFailure(a.name, "saved", err)
	}
	a.loaded, a.bound, a.token, a.unsaved, a.notTill = true, bound, t, nil, time.Time{}
	v.tell()
	return nil
}
