package engine

import (
	"context"

	"patchbay/engine/console"
	"patchbay/engine/program"
	"patchbay/engine/vault"
)

// Granted returns the scopes that the connections of a set were given, as far as
// the data folder knows, and gives the folder back. Nothing is called. Without
// the key of the folder nothing is known.
func (e *Engine) Granted(ctx context.Context, set *program.Set) (map[string][]string, error) {
	known := map[string][]string{}
	err := e.Still(ctx, func(ctx context.Context) error {
		needed, err := vault.NeededKey(ctx, e.store)
		if err != nil || keyState(e.opt, needed) != KeyThere {
			return err
		}
		if err := e.assemble(ctx); err != nil {
			return err
		}
		granted := console.GrantedBy(ctx, e.vault, set)
		for name := range set.Connections {
			if scopes, ok := granted(name); ok {
				known[name] = scopes
			}
		}
		return nil
	})
	return known, err
}
