package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/store"
)

func newRestore(a *app) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup into the data folder",
		Long: `Puts the database of a backup into the data folder, after it was checked from end to end. serve must not run. With
--force a database that is there is replaced; it is kept beside it, as patchbay.db.before-restore- and the time.

Runs that had not ended at the time of the backup go on from there with the next serve. Events since the backup may come
again (polls look from where they stood; steps done since are done again) or be missing (webhooks that were acknowledged
since). Runs that begin after a restore get numbers that are a million higher: services remember requests by the numbers
of runs, those since the backup too.`,
		Example: `  patchbay restore patchbay.backup
  patchbay restore --force /backups/patchbay.backup`,
		Args: exactly("FILE", "`patchbay backup` writes one"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.restore(cmd.Context(), args[0], force)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "replace the database that is there, and keep it aside")
	a.sandboxFlag(c)
	return c
}

func (a *app) restore(ctx context.Context, file string, force bool) error {
	if a.data == "" {
		if err := a.needWorkspace(); err != nil {
			return err
		}
	}
	opt, err := a.options(slog.LevelWarn)
	if err != nil {
		return err
	}
	r, err := engine.Restore(ctx, opt, file, force)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		return usagef("", "there is no file %s", file)
	case errors.Is(err, store.ErrNotEmpty):
		return usagef("--force replaces it and keeps it aside; --data names another folder", "the data folder %s has a database already", opt.Data)
	default:
		if wrong, ok := errors.AsType[*store.NotABackupError](err); ok {
			return usagef("nothing was changed", "%v", wrong)
		}
		if locked, ok := errors.AsType[*store.LockedError](err); ok {
			return failuref("stop `patchbay serve` first; nothing was changed", "another patchbay works with the data folder %s", locked.Dir)
		}
		return err
	}
	a.printRestored(opt, r)
	return nil
}

func (a *app) printRestored(opt engine.Options, r engine.Restored) {
	fmt.Fprintf(a.Stdout, "restored into %s: the backup of %s\n  %s\n", opt.Data, r.Facts[engine.BackupMade], contents(r.About))
	if r.Aside != "" {
		fmt.Fprintf(a.Stdout, "  the database before is kept as %s\n", filepath.Join(opt.Data, filepath.Base(r.Aside)))
	}
	if r.KeyAside != "" {
		fmt.Fprintf(a.Stdout, "  the key before is kept as %s\n", r.KeyAside)
	}
	id := r.Facts[engine.BackupKeyID]
	switch r.Key {
	case engine.KeyMissing:
		fmt.Fprintf(a.Stdout, "  key %s is needed for its tokens and secrets and is not here: put its file back as %s, or give it in PATCHBAY_KEY\n", id, a.keyPlace())
	case engine.KeyWrong:
		fmt.Fprintf(a.Stdout, "  key %s is needed for its tokens and secrets, and the one here is another: put the right one in %s\n", id, a.keyPlace())
	default:
	}
	fmt.Fprintln(a.Stdout, "Events since the backup may come again (polls, and steps of runs that had not ended) or be missing (webhooks).")
	fmt.Fprintf(a.Stdout, "The next `patchbay serve` goes on with %s.\n", count(r.Open, "run"))
}
