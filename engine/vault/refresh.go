package vault

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// flight is one renewal, for all who wait for it. What it brings is read when
// done is closed.
type flight struct {
	bound binding
	done  chan struct{}
	token *token
	err   error
}

const (
	// renewalTime bounds a renewal, with the second try of a lost answer.
	renewalTime = 2*requestTime + 5*time.Second
	// patience is how long a call waits for a next token while its own works.
	patience = 5 * time.Second
	// pause is how long a token that still works is left alone after it could
	// not be renewed.
	pause = 30 * time.Second
	// forcedPause is how long a token that replaced a refused one is not
	// replaced in turn: if it is refused too, the token is not what is wrong.
	forcedPause = 10 * time.Second
	// clientPause is how long a refused client is not presented again.
	clientPause = time.Minute
)

var errClosed = errors.New("the vault is closed")

// Token returns the access token of a connection that signs in with one,
// renewed where it is about to end; "" of any other connection. The error is a
// *value.Failure, or that of the context.
func (v *Vault) Token(ctx context.Context, conn *program.Connection) (string, error) {
	if !usesTokens(conn) {
		return "", nil
	}
	return v.access(ctx, conn)
}

// access returns an access token that the service should take.
func (v *Vault) access(ctx context.Context, conn *program.Connection) (string, error) {
	if isPlayed(conn) {
		return "sandbox-access-token", nil
	}
	a := v.account(conn.Name)
	t, notTill, err := v.load(ctx, a, conn)
	if err != nil {
		return "", err
	}
	now := time.Now()
	if t != nil && !t.due(now, conn.Auth.BeforeExpiry) {
		return t.access.Reveal(), nil
	}
	_, _, err = grantOf(conn, t)
	barred := err != nil || t != nil && t.refused != nil || now.Before(notTill)
	if t.usable(now) && barred {
		return t.access.Reveal(), nil
	}
	if err != nil {
		return "", err
	}
	patient := ctx
	if t.usable(now) {
		var cancel context.CancelFunc
		patient, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	next, err := v.renew(patient, a, conn, t)
	switch {
	case err == nil:
		return next.access.Reveal(), nil
	case t.usable(time.Now()) && ctx.Err() == nil:
		return t.access.Reveal(), nil // the trouble is in the log, and in the state
	default:
		return "", err
	}
}

// renewRefused replaces a token that the service did not take, unless it has
// been replaced already.
func (v *Vault) renewRefused(ctx context.Context, conn *program.Connection, stale string) error {
	a := v.account(conn.Name)
	t, _, err := v.load(ctx, a, conn)
	if err != nil {
		return err
	}
	if t != nil && t.access.Reveal() != stale && t.usable(time.Now()) {
		return nil
	}
	a.mu.Lock()
	again := time.Since(a.forced) < forcedPause
	a.mu.Unlock()
	if again && t.usable(time.Now()) {
		return value.Fail(value.ClassAuth, "%s refuses even the token it has just given for connection %q", vendor(conn), conn.Name)
	}
	if _, _, err := grantOf(conn, t); err != nil {
		return v.noOther(ctx, a, conn, t, err)
	}
	if _, err := v.renew(ctx, a, conn, t); err != nil {
		return err
	}
	a.mu.Lock()
	a.forced = time.Now()
	a.mu.Unlock()
	return nil
}

// noOther remembers that a service refused a token that cannot be renewed, and
// returns what to tell. Calls still try: the next one may be taken.
func (v *Vault) noOther(ctx context.Context, a *account, conn *program.Connection, t *token, err error) error {
	if t == nil || t.refused != nil {
		return err
	}
	a.mu.Lock()
	turn := a.turn
	a.mu.Unlock()
	r := &refusal{Message: "it refused the access token, and there is no other", At: time.Now()}
	if err := v.save(ctx, a, bindingOf(conn), turn, t.refusedWith(r)); err != nil {
		v.log.Error("refusal not saved", "connection", a.name, "error", err)
	}
	return err
}

// toConnect is the remedy for a missing sign-in.
func toConnect(name string) string { return fmt.Sprintf(`run "patchbay connect %s"`, name) }

// renew returns the token that follows stale, nil for the first. However many
// wait, one of them asks; a waiter that gives up leaves the others theirs.
func (v *Vault) renew(ctx context.Context, a *account, conn *program.Connection, stale *token) (*token, error) {
	bound := bindingOf(conn)
	for {
		a.mu.Lock()
		if a.loaded && a.bound == bound && follows(a.token, stale) {
			defer a.mu.Unlock()
			return a.token, nil
		}
		f, err := v.takeOff(ctx, a, conn)
		a.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if f.bound == bound {
			return f.token, own(f.err)
		}
	}
}

// own returns a copy of a failure that several calls are told: each may add
// to it where it happened.
func own(err error) error {
	f, ok := errors.AsType[*value.Failure](err)
	if !ok {
		return err
	}
	c := *f
	return &c
}

// follows reports whether t is a token that works and another than stale.
func follows(t, stale *token) bool {
	return t.usable(time.Now()) && (stale == nil || t.access != stale.access)
}

// takeOff returns the renewal under way, or begins one. The lock of the
// account is held.
func (v *Vault) takeOff(ctx context.Context, a *account, conn *program.Connection) (*flight, error) {
	if a.flight != nil {
		return a.flight, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil, value.Fail(value.ClassTransient, "the token of connection %q cannot be renewed: %v", a.name, errClosed)
	}
	f := &flight{bound: bindingOf(conn), done: make(chan struct{})}
	a.flight = f
	turn := a.turn
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewalTime)
	v.renewal.Go(func() {
		defer cancel()
		f.token, f.err = v.fly(ctx, a, conn, turn)
		a.mu.Lock()
		a.flight = nil
		a.mu.Unlock()
		close(f.done)
	})
	return f, nil
}

// fly makes one renewal. If somebody signed in meanwhile, theirs is the token.
func (v *Vault) fly(ctx context.Context, a *account, conn *program.Connection, turn int) (*token, error) {
	next, err := v.next(ctx, a, conn, turn)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && a.turn != turn && a.bound == bindingOf(conn) && a.token.usable(time.Now()) {
		return a.token, nil
	}
	return next, err
}

// next gets the next token of a connection and puts it on disk.
func (v *Vault) next(ctx context.Context, a *account, conn *program.Connection, turn int) (*token, error) {
	var before, next *token
	bound := bindingOf(conn)
	a.mu.Lock()
	if a.bound == bound {
		before, next = a.token, a.unsaved
	}
	a.mu.Unlock()
	if next == nil {
		var err error
		next, err = v.obtain(ctx, conn, before)
		if err != nil {
			return nil, v.noted(ctx, a, conn, before, turn, err)
		}
	}
	if err := v.save(ctx, a, bound, turn, next); err != nil {
		v.log.Error("token not saved", "connection", a.name, "error", err)
		a.mu.Lock()
		if a.turn == turn && a.bound == bound {
			a.unsaved = next // the old one may be worth nothing now
		}
		a.mu.Unlock()
		return nil, err
	}
	v.log.Info("token renewed", "connection", a.name, "expires", next.expires)
	return next, nil
}

// refusedError is a refusal to be remembered, with the failure to tell.
type refusedError struct {
	refusal *refusal
	failure *value.Failure
}

func (e *refusedError) Error() string { return e.failure.Error() }

// noted remembers what follows from a renewal that did not succeed, and
// returns the failure to tell.
func (v *Vault) noted(ctx context.Context, a *account, conn *program.Connection, before *token, turn int, err error) error {
	refused, ok := errors.AsType[*refusedError](err)
	switch {
	case !ok:
		v.log.Warn("token not renewed", "connection", a.name, "error", err)
		a.leaveAlone(err, time.Now())
		return err
	case before != nil && before.refused == refused.refusal:
		return refused.failure // an earlier one, told and remembered then
	}
	v.log.Error("renewal refused", "connection", a.name, "error", refused.failure)
	if err := v.save(ctx, a, bindingOf(conn), turn, before.refusedWith(refused.refusal)); err != nil {
		v.log.Error("refusal not saved", "connection", a.name, "error", err)
	}
	return refused.failure
}

// obtain asks the service for the token that follows before. A lost answer is
// asked for again at once: the old refresh token may work a moment longer.
func (v *Vault) obtain(ctx context.Context, conn *program.Connection, before *token) (*token, error) {
	if mints(conn) {
		return v.minted(ctx, conn, before)
	}
	e, err := v.endpoint(ctx, conn)
	if err != nil {
		return nil, err
	}
	if f := stands(conn, before, e, time.Now()); f != nil {
		return nil, &refusedError{before.refused, f}
	}
	grant, asked, err := grantOf(conn, before)
	if err != nil {
		return nil, err
	}
	answer, err := v.exchange(ctx, e, grant)
	if _, lost := errors.AsType[*lostError](err); lost {
		answer, err = v.exchange(ctx, e, grant)
	}
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		r := &refusal{
			Message: saying(refused.ErrorCode, refused.ErrorDescription), Code: refused.ErrorCode,
			At: time.Now(), Client: e.fingerprint(),
		}
		f := refusedFailure(conn, r)
		f.Status = refused.Response.StatusCode
		return nil, &refusedError{r, f}
	}
	if err != nil {
		return nil, plain(err)
	}
	return newToken(answer, before, asked, time.Now()), nil
}

// stands returns the failure of an earlier refusal that still holds: one of
// the same client, and for a client without a person one of this minute.
func stands(conn *program.Connection, t *token, e endpoint, now time.Time) *value.Failure {
	if t == nil || t.refused == nil || t.refused.Client != e.fingerprint() {
		return nil
	}
	if conn.Auth.Type == program.AuthOAuth2Client && now.Sub(t.refused.At) > clientPause {
		return nil
	}
	return refusedFailure(conn, t.refused)
}

// refusedFailure tells that a service gives no further token, in its own words.
func refusedFailure(conn *program.Connection, r *refusal) *value.Failure {
	if mints(conn) {
		return value.Fail(value.ClassForbidden, "%s gives the sign-in of %q no token for %s: %s",
			vendor(conn), conn.Member.Of.Name, conn.Member.Called(), r.Message)
	}
	if conn.Auth.Type == program.AuthOAuth2Client || slices.Contains(clientCodes, r.Code) {
		return value.Fail(value.ClassAuth, "%s does not accept the client of connection %q: %s. Check its client_id and client_secret",
			vendor(conn), conn.Name, r.Message)
	}
	return value.Fail(value.ClassAuth, "%s no longer accepts the sign-in of connection %q: %s. To sign in again, %s",
		vendor(conn), conn.Name, r.Message, toConnect(conn.Name))
}

// clientCodes are the error codes that speak of the client, not of a sign-in.
var clientCodes = []string{"invalid_client", "unauthorized_client"} //nolint:gochecknoglobals // never written

// grantOf returns what to ask for the next token with, and the scopes asked.
func grantOf(conn *program.Connection, before *token) (grant url.Values, asked []string, err error) {
	if mints(conn) {
		return nil, nil, nil
	}
	if conn.Auth.Type == program.AuthOAuth2Client {
		grant = url.Values{"grant_type": {"client_credentials"}}
		if len(conn.Auth.Scopes) > 0 {
			grant.Set("scope", strings.Join(conn.Auth.Scopes, separator(conn.Auth)))
		}
		return grant, conn.Auth.Scopes, nil
	}
	switch {
	case before == nil:
		return nil, nil, notConnected(conn)
	case before.refresh.IsZero():
		return nil, nil, ended(conn, before)
	}
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {before.refresh.Reveal()}}, nil, nil
}

func notConnected(conn *program.Connection) *value.Failure {
	return value.Fail(value.ClassAuth, "connection %q is not signed in to %s: %s", conn.Name, vendor(conn), toConnect(conn.Name))
}

// ended tells of a sign-in that cannot be renewed.
func ended(conn *program.Connection, t *token) *value.Failure {
	when := "no longer works"
	if !t.usable(time.Now()) {
		when = "ended on " + t.expires.UTC().Format("2 January 2006 at 15:04 UTC")
	}
	return value.Fail(value.ClassAuth, "the sign-in of connection %q %s, and %s gave no means to renew it: %s",
		conn.Name, when, vendor(conn), toConnect(conn.Name))
}

// plain returns the failure inside what exchange returned.
func plain(err error) error {
	if lost, ok := errors.AsType[*lostError](err); ok {
		return lost.failure
	}
	return err
}
