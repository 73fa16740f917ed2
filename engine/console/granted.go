package console

import (
	"context"
	"slices"

	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/program"
	"patchbay/engine/vault"
)

// FindingsOf returns the findings of a snapshot, and what its flows need of
// their connections that these were not given.
func (c *Console) FindingsOf(ctx context.Context, live *catalog.Live) diag.List {
	found := slices.Clone(live.Findings)
	found.Add(live.Set.Ungranted(GrantedBy(ctx, c.opt.Vault, live.Set))...)
	return found
}

// GrantedBy returns what tells the scopes that the connections of a set were
// given, as far as a vault knows.
func GrantedBy(ctx context.Context, v *vault.Vault, set *program.Set) func(connection string) ([]string, bool) {
	known := map[string][]string{}
	return func(name string) ([]string, bool) {
		scopes, asked := known[name]
		if conn, ok := set.Connections[name]; ok && !asked {
			scopes = v.Granted(ctx, conn)
			known[name] = scopes
		}
		return scopes, len(scopes) > 0
	}
}

// lacks returns the scopes that enabled flows need of a connection and that it
// was not given.
func lacks(set *program.Set, name string, granted []string) []string {
	var out []string
	for _, n := range set.Scopes() {
		if len(granted) > 0 && n.Connection == name && !slices.Contains(granted, n.Scope) {
			out = append(out, n.Scope)
		}
	}
	return out
}
