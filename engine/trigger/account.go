package trigger

import (
	"context"
	"slices"

	"patchbay/engine/expr"
	"patchbay/engine/program"
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

// member returns the connection to the account that a delivery is for, of
// those that a sign-in serves, or that it has left; nil for none.
func member(set *program.Set, c *program.Connection, whose *program.Addressee, names map[string]any) *program.Connection {
	if !c.IsAgency() {
		return nil
	}
	account, _ := accountOf(whose, c.Auth.Members.Field, names)
	if m := set.Connections[program.MemberName(c.Name, account)]; m != nil && m.Member != nil {
		return m
	}
	return nil
}

// accountOf returns what a delivery has for a field of the connections that it
// is for.
func accountOf(whose *program.Addressee, field string, names map[string]any) (string, bool) {
	for _, by := range whose.By {
		if by.Name == field {
			found, _ := program.FirstOf(names, by.At)
			return textOf(found)
		}
	}
	return "", false
}

// comings takes in what a delivery says of the comings and goings of accounts.
// It returns the connections the delivery is for, which one that has just come
// is added to.
func (h *Hooks) comings(ctx context.Context, t *target, d *delivery, right []*program.Connection) ([]*program.Connection, error) {
	if h.opt.Accounts == nil || !t.byBody {
		return right, nil
	}
	names := d.names()
	known := slices.ContainsFunc(right, func(c *program.Connection) bool { return !c.IsAgency() })
	var others []*program.Connection // that may serve the account of the delivery
	for _, c := range t.connections {
		if !c.IsAgency() {
			continue
		}
		m := c.Auth.Members
		account, named := accountOf(t.hooks.Connection, m.Field, names)
		joined, left := h.says(ctx, m.Joined, c, names), h.says(ctx, m.Retired, c, names)
		if !h.signedFor(ctx, t, c, d) {
			continue
		}
		switch {
		case !joined && !left:
			if named {
				others = append(others, c)
			}
			continue
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
		known = true
	}
	if !known {
		for _, c := range others {
			h.opt.Accounts.Sooner(c.Name)
		}
	}
	return right, nil
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
