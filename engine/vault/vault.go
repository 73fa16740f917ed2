// Package vault keeps what connections prove themselves with: secrets set by
// hand and OAuth tokens, sealed at rest, and puts them on requests.
//
// Everything it keeps lies in a [Store] under a kind and a name, sealed with
// one key:
//
//	key     check         shows which key the others need
//	secret  <name>        a text set with SetSecret
//	token   <connection>  an OAuth token, or that of an account of a sign-in, bound to the connector and its host
//	signin  <hash>        a sign-in that was begun, for a quarter of an hour
//	refused <connection>  that a service did not take fixed credentials
//	subscription <random> what a service was asked to deliver where; see trigger
//
// A token is renewed before it ends, once however many calls wait for it, and
// the new one is on disk before it is used. A service that refuses to renew
// one makes the connection need reconnecting: calls then fail at once, with
// the service's own sentence, until somebody signs in again. So does a service
// that refuses credentials which only a person can replace, once its test call
// was refused, too. Such a failure names the connection in its Reconnect.
//
// That a token is being renewed is on disk before the service is asked: should
// the process end before the answer is kept, the next one asks once more at its
// start ([Vault.Recover]), while the service still takes the old refresh token.
//
// What goes wrong is told as a *[value.Failure] that names the connection and
// the remedy and never holds a secret. One process owns a vault; its locks are
// in memory.
package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// Store keeps sealed bytes by kind and name. A write has reached the disk when
// its call returns.
type Store interface {
	// Sealed returns what is kept under the name; false if nothing is.
	Sealed(ctx context.Context, kind, name string) ([]byte, bool, error)
	// PutSealed keeps data under the name, in place of what was there.
	PutSealed(ctx context.Context, kind, name string, data []byte) error
	// DeleteSealed removes the name; one that is not there is no error.
	DeleteSealed(ctx context.Context, kind, name string) error
	// SealedNames returns the names of a kind in sorted order.
	SealedNames(ctx context.Context, kind string) ([]string, error)
}

// The kinds of things in the store.
const (
	kindKey    = "key"
	kindSecret = "secret"
	kindToken  = "token"
	kindSignIn = "signin"

	checkName = "check" // of the one thing of kindKey
)

// Options is what a vault is made of. Store and Key are required.
type Options struct {
	Store Store
	// Key is what everything is sealed with, 32 bytes; see [LoadKey].
	Key []byte
	// Env looks up an environment variable; with nil no variable is set.
	Env func(name string) (string, bool)
	// Mint asks a service for the token of one account of a sign-in, with the
	// credentials of that sign-in. Its error is a *value.Failure, or that of the
	// context. With nil no account has a token of its own.
	Mint func(ctx context.Context, conn *program.Connection) (Minted, error)
	// Try makes a small call with the credentials of a connection as they are:
	// nothing is renewed for it. Its error is a *value.Failure, of the class auth
	// if the service refuses the credentials or nothing can be tried, or that of
	// the context. With nil a service that refuses one action is taken to refuse
	// the connection.
	Try func(ctx context.Context, conn *program.Connection) error
	// Changed is told when a connection may have begun to work, or stopped. It
	// must not wait. It may be nil.
	Changed func()
	// Renames are the names that were given up for others: what was sealed
	// under one of them is sealed anew when it is read.
	Renames journal.Renames
	// HTTP carries the requests for tokens, nil for the usual transport.
	HTTP http.RoundTripper
	// Logger may be nil.
	Logger *slog.Logger
}

// Vault keeps credentials and authorizes requests. Its methods may be called
// from many goroutines.
type Vault struct {
	store  Store
	box    *box
	env    func(string) (string, bool)
	client *http.Client
	mint   func(ctx context.Context, conn *program.Connection) (Minted, error)
	try    func(ctx context.Context, conn *program.Connection) error
	tell   func()
	names  journal.Renames
	log    *slog.Logger

	signIns sync.Mutex     // held while a sign-in is looked up and removed, so that each serves once
	renewal sync.WaitGroup // of the renewals under way

	mu       sync.Mutex // guards closed and accounts
	closed   bool
	accounts map[string]*account // by connection

	secretMu sync.Mutex              // guards secrets, also while the store is used
	secrets  map[string]value.Secret // those read or set so far
}

// Open returns the vault over the store. If what lies in the store was sealed
// with another key it refuses, naming the key that is needed by its id.
func Open(ctx context.Context, o Options) (*Vault, error) {
	if o.Store == nil {
		return nil, errors.New("open vault: no store")
	}
	b, err := newBox(o.Key)
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	v := &Vault{
		store:    o.Store,
		box:      b,
		env:      o.Env,
		mint:     o.Mint,
		try:      o.Try,
		tell:     o.Changed,
		names:    o.Renames,
		log:      o.Logger,
		accounts: map[string]*account{},
		secrets:  map[string]value.Secret{},
	}
	if v.env == nil {
		v.env = func(string) (string, bool) { return "", false }
	}
	if v.tell == nil {
		v.tell = func() {}
	}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	v.client = &http.Client{
		Transport: o.HTTP,
		// A redirect would carry the client's secret to an address that the
		// connector does not name.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if err := v.checkKey(ctx); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	return v, nil
}

// checkKey holds the key against the one that sealed the store, or marks an
// empty store with it.
func (v *Vault) checkKey(ctx context.Context) error {
	const name = checkName
	data, found, err := v.store.Sealed(ctx, kindKey, name)
	if err != nil {
		return fmt.Errorf("read key check: %w", err)
	}
	if found {
		_, err = v.box.open(kindKey, name, binding{}, data)
		return err
	}
	for _, kind := range []string{kindSecret, kindToken, kindRefused} {
		if err := v.checkFirst(ctx, kind); err != nil {
			return err
		}
	}
	if err := v.store.PutSealed(ctx, kindKey, name, v.box.seal(kindKey, name, binding{}, nil)); err != nil {
		return fmt.Errorf("write key check: %w", err)
	}
	return nil
}

// checkFirst holds the key against the first thing of a kind, for a store that
// lost its check: a wrong key must not become the new check.
func (v *Vault) checkFirst(ctx context.Context, kind string) error {
	names, err := v.store.SealedNames(ctx, kind)
	if err != nil {
		return fmt.Errorf("list %s: %w", kind, err)
	}
	if len(names) == 0 {
		return nil
	}
	data, _, err := v.store.Sealed(ctx, kind, names[0])
	if err != nil {
		return fmt.Errorf("read %s %s: %w", kind, names[0], err)
	}
	return v.box.checkID(data)
}

// Close waits for the renewals under way, so that no new token is lost, and
// begins no other. The store must stay open until it returns.
func (v *Vault) Close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.renewal.Wait()
}

// account returns what is known of the connection of that name.
func (v *Vault) account(name string) *account {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.accounts[name]
	if a == nil {
		a = &account{name: name}
		v.accounts[name] = a
	}
	return a
}

// requestTime is how long a service may take to answer a request for a token.
const requestTime = 30 * time.Second
