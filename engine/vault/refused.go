package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// lacking tells that a connection is of no use until a person has seen to it.
func lacking(conn *program.Connection, format string, args ...any) *value.Failure {
	f := value.Fail(value.ClassAuth, format, args...)
	f.Reconnect = conn.Name
	return f
}

// kindRefused is the kind of what says that a service refused the fixed
// credentials of a connection.
const kindRefused = "refused"

// fixedRefusal is a service's word that it does not take credentials that
// nobody but a person can replace. It is sealed under the name of the
// connection; its keys are only ever added to.
type fixedRefusal struct {
	Of string    `json:"of"` // the mark of the credentials
	At time.Time `json:"at"`
}

// mark tells credentials from others without telling them.
func (c credential) mark() string {
	sum := sha256.Sum256([]byte(c.header + "\x00" + c.query + "\x00" + c.path + "\x00" + c.text))
	return hex.EncodeToString(sum[:8])
}

// refusesFixed returns what to tell of fixed credentials that a service did not
// take. It may have been one action that it refused: where the connector has a
// test call that goes through, the connection is left as it is. However many
// are refused at once, one of them finds out.
func (v *Vault) refusesFixed(ctx context.Context, conn *program.Connection, c credential) error {
	refused := lacking(conn, "%s refuses the credentials of connection %q: %s", vendor(conn), conn.Name, whereToMend(conn))
	a := v.account(conn.Name)
	a.trial.Lock()
	defer a.trial.Unlock()
	known, err := v.refusedFixed(ctx, conn.Name, c)
	switch {
	case err != nil:
		return err
	case known:
		return refused
	}
	if err := v.taken(ctx, a, conn); err != nil {
		return err
	}
	data, err := json.Marshal(fixedRefusal{Of: c.mark(), At: time.Now()})
	if err == nil {
		err = v.store.PutSealed(ctx, kindRefused, conn.Name, v.box.seal(kindRefused, conn.Name, binding{}, data))
	}
	if err != nil {
		return storeFailure(conn.Name, "marked as refused", err)
	}
	v.log.Error("credentials refused", "connection", conn.Name)
	v.tell()
	return refused
}

// trialHolds is how long it counts that a test call went through.
const trialHolds = time.Minute

// taken tries the credentials of a connection by its test call. It returns nil
// if the service does not take them, or if that cannot be tried, and else what
// to tell: that it does, or why nobody knows. The trial lock of the account is
// held.
func (v *Vault) taken(ctx context.Context, a *account, conn *program.Connection) error {
	if v.try == nil {
		return nil
	}
	takes := value.Fail(value.ClassAuth, "%s takes the credentials of connection %q, but not for this action", vendor(conn), conn.Name)
	if time.Since(a.took) < trialHolds {
		return takes
	}
	err := v.try(ctx, conn)
	f, failed := errors.AsType[*value.Failure](err)
	switch {
	case err == nil:
		a.took = time.Now()
		return takes
	case failed && f.Class == value.ClassAuth:
		return nil
	default:
		return err
	}
}

// refusedFixed reports whether a service has refused these credentials before.
func (v *Vault) refusedFixed(ctx context.Context, name string, c credential) (bool, error) {
	data, found, err := v.store.Sealed(ctx, kindRefused, name)
	if err != nil {
		return false, storeFailure(name, "looked up", err)
	}
	if !found {
		return false, nil
	}
	var r fixedRefusal
	plain, err := v.openNamed(ctx, kindRefused, name, binding{}, data)
	if err != nil || json.Unmarshal(plain, &r) != nil {
		return false, nil //nolint:nilerr // what cannot be read says nothing
	}
	return r.Of == c.mark(), nil
}

// Heal tries whether a connection that needs reconnecting works again without
// anybody having seen to it: a service may have been wrong when it refused. It
// asks by the connector's test call, or for a token where none needs a person,
// and does nothing for a connection that is not refused. Afterwards [Vault.State]
// says how it stands; the error is what the service said.
func (v *Vault) Heal(ctx context.Context, conn *program.Connection) error {
	own := signer(conn)
	if isPlayed(own) || own.Auth == nil || own.Auth.Type == program.AuthNone || own.Gone() != "" {
		return nil
	}
	if usesTokens(own) {
		return v.healToken(ctx, own)
	}
	c, err := v.credential(ctx, own)
	if err != nil {
		return err
	}
	refused, err := v.refusedFixed(ctx, own.Name, c)
	if err != nil || !refused || v.try == nil {
		return err
	}
	if err := v.try(ctx, own); err != nil {
		return err
	}
	if err := v.store.DeleteSealed(ctx, kindRefused, own.Name); err != nil {
		return fmt.Errorf("heal connection %s: %w", own.Name, err)
	}
	v.log.Info("credentials taken again", "connection", own.Name)
	v.tell()
	return nil
}

// healToken asks for another token where no person is needed for one, and tries
// the one there is where none follows it.
func (v *Vault) healToken(ctx context.Context, conn *program.Connection) error {
	a := v.account(conn.Name)
	t, _, err := v.load(ctx, a, conn)
	if err != nil || t == nil || t.refused == nil {
		return err
	}
	if byItself(conn) {
		_, err := v.renew(ctx, a, conn, t)
		return err
	}
	if v.try == nil || !t.refresh.IsZero() || !t.usable(time.Now()) {
		return nil
	}
	a.mu.Lock()
	turn := a.turn
	a.mu.Unlock()
	if err := v.try(ctx, conn); err != nil {
		return err
	}
	return v.save(ctx, a, bindingOf(conn), turn, t.refusedWith(nil))
}
