package trigger

import (
	"context"
	"slices"

	"patchbay/engine/expr"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// Accounts is told what deliveries say of the accounts that sign-ins serve.
type Accounts interface {
	// Join notes that an account has come, and returns the connection to it.
	Join(ctx context.Context, of *program.Connection, id string) (*program.Connection, error)
	// Leave notes that an account has gone.
	Leave(ctx context.Context, of *program.Connection, id string) error
	// Sooner has the list of accounts read again soon.
	Sooner(connection string)
}

// members returns the connections to that account of all sign-ins with one of
// these, those that it has left among them.
func members(set *program.Set, written []*program.Connection, account string) []*program.Connection {
	var all []*program.Connection
	for _, c := range written {
		if !c.IsAgency() {
			continue
		}
		if m := set.Connections[program.MemberName(c.Name, account)]; m != nil && m.Member != nil {
			all = append(all, m)
		}
	}
	return all
}

// accountOf returns whose event a delivery says it is.
func accountOf(t *target, names map[string]any) (string, bool) {
	found, _ := value.Get(names, t.hooks.Connection)
	return textOf(found)
}

// comings takes in what a delivery says of the comings and goings of accounts.
// It returns the connections the delivery is for, which one that has just come
// is added to.
func (h *Hooks) comings(ctx context.Context, t *target, d *delivery, right []*program.Connection) ([]*program.Connection, error) {
	if h.opt.Accounts == nil || !t.byBody {
		return right, nil
	}
	names := d.names()
	account, named := accountOf(t, names)
	told := len(right) > 0 || !named // by whose account it is, or by nobody's
	for _, c := range t.connections {
		if !c.IsAgency() {
			continue
		}
		m := c.Auth.Members
		joined, left := h.says(ctx, m.Joined, c, names), h.says(ctx, m.Retired, c, names)
		if !joined && !left || !h.signedFor(ctx, t, c, d) {
			continue
		}
		told = true
		switch {
		case !named: // it speaks of many accounts
			h.opt.Accounts.Sooner(c.Name)
		case left:
			if err := h.opt.Accounts.Leave(ctx, c, account); err != nil {
				return nil, err
			}
		default:
			here, err := h.opt.Accounts.Join(ctx, c, account)
			if err != nil {
				return nil, err
			}
			right = slices.DeleteFunc(right, func(r *program.Connection) bool { return r.Name == here.Name })
			right = append(right, here)
		}
	}
	if !told {
		h.unknown(ctx, t, d)
	}
	return right, nil
}

// unknown has the lists read again that may have the account of a delivery
// which nobody knows.
func (h *Hooks) unknown(ctx context.Context, t *target, d *delivery) {
	for _, c := range t.connections {
		if c.IsAgency() && h.signedFor(ctx, t, c, d) {
			h.opt.Accounts.Sooner(c.Name)
		}
	}
}

// says evaluates a condition on a delivery for a connection. A delivery it
// cannot even look into says nothing.
func (h *Hooks) says(ctx context.Context, when *expr.Code, c *program.Connection, names map[string]any) bool {
	if when == nil {
		return false
	}
	of := map[string]any{"body": names["body"], "headers": names["headers"], "connection": h.opt.fields(ctx, c)}
	ok, err := when.EvalBool(&expr.Env{Names: of})
	return ok && err == nil
}

// signedFor reports whether the delivery bears the signature of a connection.
func (h *Hooks) signedFor(ctx context.Context, t *target, c *program.Connection, d *delivery) bool {
	way, err := chosen(t.hooks.Verify, d)
	if err != nil || way.Type == "none" {
		return false
	}
	k, err := h.keysOf(ctx, c, way)
	return err == nil && verify(way, d, k) == nil
}
