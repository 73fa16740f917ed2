package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	// It may have been replaced since it was loaded: who comes late must not
	// take that for a refusal of the new one.
	replaced := a.loaded && a.bound == bindingOf(conn) && follows(a.token, t)
	again := !replaced && time.Since(a.forced) < forcedPause
	a.mu.Unlock()
	if again && t.usable(time.Now()) {
		return value.Fail(value.ClassAuth, "%s refuses even the token it has just given for connection %q", vendor(conn), conn.Name)
	}
	if _, _, err := grantOf(conn, t); err != nil {
		return v.noOther(ctx, a, conn, err)
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
func (v *Vault) noOther(ctx context.Context, a *account, conn *program.Connection, err error) error {
	a.trial.Lock()
	defer a.trial.Unlock()
	a.mu.Lock()
	t, turn := a.token, a.turn
	a.mu.Unlock()
	if t == nil || t.refused != nil {
		return err
	}
	if trouble := v.taken(ctx, a, conn); trouble != nil {
		return trouble
	}
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
		next, err = v.obtain(ctx, a, conn, before, turn)
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
		a.leaveAlone(err, pauseOf(conn), time.Now())
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

// obtain asks the service for the token that follows before.
func (v *Vault) obtain(ctx context.Context, a *account, conn *program.Connection, before *token, turn int) (*token, error) {
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
	var lost time.Time // when an earlier renewal was begun whose answer is not here
	if before != nil && !before.refresh.IsZero() {
		lost = before.asked
		if before, err = v.ask(ctx, a, conn, before, turn); err != nil {
			return nil, err
		}
	}
	answer, err := v.exchangeTwice(ctx, e, grant, answerTime(conn))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		r := &refusal{
			Message: saying(refused.ErrorCode, refused.ErrorDescription), Code: refused.ErrorCode,
			At: time.Now(), Client: e.fingerprint(), Lost: lost,
		}
		f := refusedFailure(conn, r)
		f.Status = refused.Response.StatusCode
		return nil, &refusedError{r, f}
	}
	if _, unanswered := errors.AsType[*lostError](err); err != nil && !unanswered {
		v.answered(ctx, a, conn, before, turn)
	}
	if err != nil {
		return nil, plain(err)
	}
	return newToken(answer, before, asked, time.Now()), nil
}

// ask writes down that a token is about to be renewed: from then on the service
// may have replaced it.
func (v *Vault) ask(ctx context.Context, a *account, conn *program.Connection, before *token, turn int) (*token, error) {
	if !before.asked.IsZero() {
		return before, nil
	}
	asking := *before
	asking.asked = time.Now()
	return &asking, v.save(ctx, a, bindingOf(conn), turn, &asking)
}

// answered takes that back: the service has said that it gives no token now.
func (v *Vault) answered(ctx context.Context, a *account, conn *program.Connection, before *token, turn int) {
	if before == nil || before.asked.IsZero() {
		return
	}
	same := *before
	same.asked = time.Time{}
	if err := v.save(ctx, a, bindingOf(conn), turn, &same); err != nil {
		v.log.Warn("answer not noted", "connection", a.name, "error", err)
	}
}

// exchangeTwice asks for a token, and where the answer is lost once more at
// once: the old refresh token may work a moment longer.
func (v *Vault) exchangeTwice(ctx context.Context, e endpoint, grant url.Values, limit time.Duration) (map[string]any, error) {
	answer, err := v.exchange(ctx, e, grant, limit)
	if _, lost := errors.AsType[*lostError](err); lost {
		answer, err = v.exchange(ctx, e, grant, limit)
	}
	return answer, err
}

// answerTime is how long an answer to a renewal is waited for: short enough for
// a second try while an old refresh token is good.
func answerTime(conn *program.Connection) time.Duration {
	if grace := conn.Auth.Grace; grace > 0 {
		return min(requestTime, max(grace/3, time.Second))
	}
	return requestTime
}

// pauseOf is how long a token that still works is left alone after it could not
// be renewed: not longer than an old refresh token is good.
func pauseOf(conn *program.Connection) time.Duration {
	if grace := conn.Auth.Grace; grace > 0 {
		return min(pause, max(grace/4, time.Second))
	}
	return pause
}

// Recover asks again for each token of which an earlier process asked for the
// next and did not keep the answer. It is called once at the start: the
// services give it a second time for a moment only. It does not wait for them.
func (v *Vault) Recover(ctx context.Context, all map[string]*program.Connection) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		conn := all[name]
		if conn.Member != nil || conn.Sandbox || !usesTokens(conn) || byItself(conn) {
			continue
		}
		a := v.account(name)
		t, _, err := v.load(ctx, a, conn)
		if err != nil || t == nil || t.asked.IsZero() || t.refused != nil {
			continue
		}
		v.log.Warn("token asked for again", "connection", name, "first_asked", t.asked)
		a.mu.Lock()
		if _, err := v.takeOff(ctx, a, conn); err != nil {
			v.log.Error("token not asked for", "connection", name, "error", err)
		}
		a.mu.Unlock()
	}
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
		f := value.Fail(value.ClassForbidden, "%s gives the sign-in of %q no token for %s: %s",
			vendor(conn), conn.Member.Of.Name, conn.Member.Called(), r.Message)
		f.Reconnect = conn.Name
		return f
	}
	if conn.Auth.Type == program.AuthOAuth2Client || slices.Contains(clientCodes, r.Code) {
		return lacking(conn, "%s does not accept the client of connection %q: %s. Check its client_id and client_secret",
			vendor(conn), conn.Name, r.Message)
	}
	lost := ""
	if !r.Lost.IsZero() {
		lost = fmt.Sprintf(". The answer to a renewal on %s never arrived here, as patchbay or the network was stopped in that moment, and is not given twice",
			r.Lost.UTC().Format("2 January 2006 at 15:04 UTC"))
	}
	return lacking(conn, "%s no longer accepts the sign-in of connection %q: %s%s. To sign in again, %s",
		vendor(conn), conn.Name, r.Message, lost, toConnect(conn.Name))
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
	return lacking(conn, "connection %q is not signed in to %s: %s", conn.Name, vendor(conn), toConnect(conn.Name))
}

// ended tells of a sign-in that cannot be renewed.
func ended(conn *program.Connection, t *token) *value.Failure {
	when := "no longer works"
	if !t.usable(time.Now()) {
		when = "ended on " + t.expires.UTC().Format("2 January 2006 at 15:04 UTC")
	}
	return lacking(conn, "the sign-in of connection %q %s, and %s gave no means to renew it: %s",
		conn.Name, when, vendor(conn), toConnect(conn.Name))
}

// plain returns the failure inside what exchange returned.
func plain(err error) error {
	if lost, ok := errors.AsType[*lostError](err); ok {
		return lost.failure
	}
	return err
}
