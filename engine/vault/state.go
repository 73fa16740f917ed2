package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// Status says whether a connection can be used.
type Status string

// The statuses of a connection.
const (
	Connected         Status = "connected"
	NotConnected      Status = "not_connected"      // something is missing
	NeedsReconnecting Status = "needs_reconnecting" // the service ended it
)

// State is how a connection stands.
type State struct {
	Status  Status    `json:"status"`
	Message string    `json:"message,omitempty"` // what is missing, or the service's sentence, and the remedy
	Expires time.Time `json:"expires,omitzero"`  // of the token, zero for a connection that has none; it is renewed before
	Granted []string  `json:"granted,omitempty"` // the scopes of the token
}

// State returns how a connection stands, without a call to its service. The
// error is that of the data folder.
func (v *Vault) State(ctx context.Context, conn *program.Connection) (State, error) {
	if conn.Sandbox || conn.Auth == nil || conn.Auth.Type == program.AuthNone {
		return State{Status: Connected}, nil
	}
	if conn.Member != nil {
		return v.memberState(ctx, conn)
	}
	missing, err := v.missing(ctx, conn)
	if err != nil {
		return State{}, err
	}
	if len(missing) > 0 {
		return State{Status: NotConnected, Message: strings.Join(missing, "; ")}, nil
	}
	var s State
	if usesTokens(conn) {
		t, _, err := v.load(ctx, v.account(conn.Name), conn)
		if f, ok := missingToken(err); ok {
			return State{Status: NotConnected, Message: f.Message}, nil
		}
		if err != nil {
			return State{}, fmt.Errorf("state of connection %s: %w", conn.Name, err)
		}
		s = v.tokenState(ctx, conn, t)
	} else if s, err = v.fixedState(ctx, conn); err != nil {
		return State{}, fmt.Errorf("state of connection %s: %w", conn.Name, err)
	}
	if s.Status == Connected {
		s.Message = v.deliveriesLack(ctx, conn)
	}
	return s, nil
}

// memberState is how the connection to an account stands: as the sign-in that
// serves it does, unless the account has left, or is refused a token.
func (v *Vault) memberState(ctx context.Context, conn *program.Connection) (State, error) {
	if gone := conn.Gone(); gone != "" {
		return State{Status: NotConnected, Message: gone}, nil
	}
	s, err := v.State(ctx, conn.Member.Of)
	if err != nil || s.Status != Connected || !mints(conn) {
		return s, err
	}
	t, _, err := v.load(ctx, v.account(conn.Name), conn)
	if err != nil {
		return State{}, fmt.Errorf("state of connection %s: %w", conn.Name, err)
	}
	return v.tokenState(ctx, conn, t), nil
}

// fixedState is how a connection stands whose credentials nobody renews.
func (v *Vault) fixedState(ctx context.Context, conn *program.Connection) (State, error) {
	c, err := v.credential(ctx, conn)
	if err != nil {
		return State{}, err
	}
	refused, err := v.refusedFixed(ctx, conn.Name, c)
	if err != nil || !refused {
		return State{Status: Connected}, err
	}
	return State{Status: NeedsReconnecting, Message: fmt.Sprintf("%s refuses the credentials of connection %q: %s", vendor(conn), conn.Name, whereToMend(conn))}, nil
}

// deliveriesLack returns what is missing to verify deliveries, which calls do
// without; "" for nothing.
func (v *Vault) deliveriesLack(ctx context.Context, conn *program.Connection) string {
	_, failures := v.reveal(ctx, conn, func(field string) bool { return !authorizes(conn, field) })
	if len(failures) == 0 {
		return ""
	}
	return "deliveries cannot be verified: " + failures[0].Message
}

// missing returns what the credentials of a connection lack, in words.
func (v *Vault) missing(ctx context.Context, conn *program.Connection) ([]string, error) {
	_, failures := v.reveal(ctx, conn, func(field string) bool { return authorizes(conn, field) })
	var missing []string
	for _, f := range failures {
		if f.Class == value.ClassTransient {
			return nil, fmt.Errorf("state of connection %s: %w", conn.Name, f)
		}
		missing = append(missing, f.Message)
	}
	if len(missing) > 0 {
		return missing, nil
	}
	var err error
	if usesTokens(conn) {
		_, err = v.endpoint(ctx, conn)
	} else {
		_, err = v.credential(ctx, conn)
	}
	if f, ok := missingToken(err); ok {
		return []string{f.Message}, nil
	}
	return nil, err
}

// missingToken returns the failure that says a connection lacks something;
// false for no error and for trouble with the data folder.
func missingToken(err error) (*value.Failure, bool) {
	f, ok := err.(*value.Failure) //nolint:errorlint // the vault wraps no failure
	return f, ok && f.Class != value.ClassTransient
}

func (v *Vault) tokenState(ctx context.Context, conn *program.Connection, t *token) State {
	if t == nil || t.access.IsZero() && t.refused == nil {
		if byItself(conn) {
			return State{Status: Connected} // the first call gets its token
		}
		return State{Status: NotConnected, Message: notConnected(conn).Message}
	}
	s := State{Status: Connected, Expires: t.expires, Granted: slices.Clone(t.granted)}
	switch {
	case t.refused != nil && mints(conn):
		s.Status, s.Message = NotConnected, refusedFailure(conn, t.refused).Message
	case t.refused != nil && !v.mended(ctx, conn, t):
		s.Status, s.Message = NeedsReconnecting, refusedFailure(conn, t.refused).Message
	case !byItself(conn) && t.refresh.IsZero() && !t.usable(time.Now()):
		s.Status, s.Message = NeedsReconnecting, ended(conn, t).Message
	}
	return s
}

// mended reports whether a refusal was said to another client than the one the
// connection has now, so that it says nothing about the token.
func (v *Vault) mended(ctx context.Context, conn *program.Connection, t *token) bool {
	e, err := v.endpoint(ctx, conn)
	return err == nil && t.refused.Client != "" && t.refused.Client != e.fingerprint()
}

// Granted returns the scopes that the service granted a connection, nil where
// it has no token.
func (v *Vault) Granted(ctx context.Context, conn *program.Connection) []string {
	t := v.held(ctx, conn)
	if t == nil {
		return nil
	}
	return slices.Clone(t.granted)
}

// TokenFields returns the fields of a connection that the answer of the
// sign-in fills (`from_token`), secret ones excluded; see [Vault.Reveal] for
// those. Without a sign-in there are none.
func (v *Vault) TokenFields(ctx context.Context, conn *program.Connection) map[string]any {
	if conn.Member != nil {
		conn = conn.Member.Of // an account has what its sign-in has
	}
	fields, err := v.fromToken(ctx, conn)
	if err != nil {
		v.log.Warn("token fields not read", "connection", conn.Name, "error", err)
	}
	for _, in := range tokenInputs(conn) {
		if in.Secret {
			delete(fields, in.Name)
		}
	}
	return fields
}

// tokenInputs returns the fields of a connection that a token answer fills.
func tokenInputs(conn *program.Connection) []*program.Input {
	if !usesTokens(conn) || conn.Sandbox {
		return nil
	}
	all := slices.Concat(conn.Connector.Fields, conn.Auth.Fields)
	return slices.DeleteFunc(all, func(in *program.Input) bool {
		// What each account fills with its id is no field of the sign-in.
		return in.FromToken == "" || conn.IsAgency() && in.Name == conn.Auth.Members.Field
	})
}

func (v *Vault) held(ctx context.Context, conn *program.Connection) *token {
	if !usesTokens(conn) || conn.Sandbox {
		return nil
	}
	t, _, err := v.load(ctx, v.account(conn.Name), conn)
	if err != nil {
		return nil
	}
	return t
}

// fromToken returns the fields that the token answer fills.
func (v *Vault) fromToken(ctx context.Context, conn *program.Connection) (map[string]any, error) {
	if conn.Member != nil {
		conn = conn.Member.Of // an account has what its sign-in has
	}
	fields := map[string]any{}
	inputs := tokenInputs(conn)
	if len(inputs) == 0 {
		return fields, nil
	}
	t, _, err := v.load(ctx, v.account(conn.Name), conn)
	if _, missing := missingToken(err); missing || err == nil && t == nil {
		return fields, nil
	}
	if err != nil {
		return fields, err
	}
	for _, in := range inputs {
		if found, ok := value.Get(t.fields, value.SplitPath(in.FromToken)); ok && found != nil {
			fields[in.Name] = found
		}
	}
	return fields, nil
}

// Forget signs a connection out: its token is removed from the vault, with
// those of the accounts that its sign-in serves. The service is not told. A
// connection without a token is no error.
func (v *Vault) Forget(ctx context.Context, conn string) error {
	names, err := v.store.SealedNames(ctx, kindToken)
	if err != nil {
		return fmt.Errorf("forget connection %s: %w", conn, err)
	}
	for _, name := range names {
		if written, account := program.SplitMember(name); written == conn && account != "" {
			if err := v.forget(ctx, name); err != nil {
				return err
			}
		}
	}
	return v.forget(ctx, conn)
}

func (v *Vault) forget(ctx context.Context, conn string) error {
	a := v.account(conn)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := v.store.DeleteSealed(ctx, kindToken, conn); err != nil {
		return fmt.Errorf("forget connection %s: %w", conn, err)
	}
	a.turn++
	a.loaded, a.token, a.unsaved = false, nil, nil
	return nil
}
