package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/diag"
	"patchbay/engine/program"
	"patchbay/engine/store"
)

// ungranted returns what the flows need of their connections that these were
// not given. Where nobody has signed in, or the data folder cannot be looked
// into, nothing is known, and the files are judged alone.
func (a *app) ungranted(ctx context.Context, set *program.Set) diag.List {
	known, err := a.granted(ctx, set)
	if err != nil {
		known = nil
	}
	return set.Ungranted(func(name string) ([]string, bool) {
		scopes, ok := known[name]
		return scopes, ok
	})
}

// granted asks the process that owns the data folder, or looks itself.
func (a *app) granted(ctx context.Context, set *program.Set) (map[string][]string, error) {
	if _, err := os.Stat(filepath.Join(a.dataDir(), "patchbay.db")); err != nil || a.sandbox {
		return nil, err
	}
	opt, err := a.options(slog.LevelError)
	if err != nil {
		return nil, err
	}
	e, err := engine.Open(ctx, opt)
	if locked, ok := errors.AsType[*store.LockedError](err); ok {
		c, err := running(opt, locked)
		if err != nil {
			return nil, err
		}
		var found []console.Connection
		if err := c.get(ctx, "/connections", &found); err != nil {
			return nil, err
		}
		known := map[string][]string{}
		for _, conn := range found {
			if len(conn.State.Granted) > 0 {
				known[conn.Name] = conn.State.Granted
			}
		}
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	return e.Granted(ctx, set)
}
