package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/store"
)

// backupFlags are the flags of `backup`.
type backupFlags struct{ withKey, force bool }

func newBackup(a *app) *cobra.Command {
	var f backupFlags
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of the data folder's database to a file",
		Long: `Writes everything the data folder keeps into one file: history, running and waiting runs, tables, positions of polls,
sealed tokens and secrets. serve may go on meanwhile; the file holds one moment, with every event that was acknowledged
before the backup began.

The key to the tokens and secrets is not in the file: keep it elsewhere, or use --with-key, and then keep the file as you
would keep a key. The files in flows/ and connectors/ are not in it either.`,
		Example: `  patchbay backup patchbay.backup
  patchbay backup --force /backups/patchbay.backup`,
		Args: exactly("FILE", "where the backup is written to"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.backup(cmd.Context(), args[0], f)
		},
	}
	c.Flags().BoolVar(&f.withKey, "with-key", false, "put the key into the file too: whoever has the file can read every token and secret")
	c.Flags().BoolVar(&f.force, "force", false, "replace the file if it exists")
	a.sandboxFlag(c)
	return c
}

func (a *app) backup(ctx context.Context, file string, f backupFlags) error {
	if err := a.needData(); err != nil {
		return err
	}
	if _, err := os.Lstat(file); err == nil && !f.force {
		return usagef("choose another name, or replace it with --force", "%s exists", file)
	}
	opt, err := a.options(slog.LevelWarn)
	if err != nil {
		return err
	}
	var about store.About
	err = writeWhole(file, func(draft *os.File) error {
		if err := a.copyData(ctx, opt, f.withKey, draft); err != nil {
			return err
		}
		var err error
		if about, err = store.Inspect(ctx, draft.Name()); err != nil {
			return fmt.Errorf("check the backup: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.printBackup(file, about)
	return nil
}

// copyData writes a copy of the database to w: the process that owns it makes
// it, which is this one where no other does.
func (a *app) copyData(ctx context.Context, opt engine.Options, withKey bool, w io.Writer) error {
	take := func(copied io.Reader, _ int64) error {
		_, err := io.Copy(w, copied)
		return err
	}
	e, err := engine.Open(ctx, opt)
	if locked, ok := errors.AsType[*store.LockedError](err); ok {
		c, err := running(opt, locked)
		if err != nil {
			return err
		}
		resp, err := c.send(ctx, http.MethodPost, "/backup", console.BackupRequest{WithKey: withKey})
		if err != nil {
			return err
		}
		return errors.Join(take(resp.Body, resp.ContentLength), resp.Body.Close())
	}
	if err != nil {
		return err
	}
	return e.Still(ctx, func(ctx context.Context) error { return e.Backup(ctx, withKey, take) })
}

func (a *app) printBackup(file string, about store.About) {
	fmt.Fprintf(a.Stdout, "backup of %s written to %s (%s)\n", a.dataDir(), file, size(about.Bytes))
	fmt.Fprintf(a.Stdout, "  %s\n", contents(about))
	switch id := about.Facts[engine.BackupKeyID]; {
	case about.Facts[engine.BackupKey] != "":
		fmt.Fprintf(a.Stdout, "  the key %s is in it: whoever has the file can read its tokens and secrets\n", id)
	case id != "":
		fmt.Fprintf(a.Stdout, "  the key is not in it: to read its tokens and secrets, key %s is needed; keep that elsewhere (%s)\n", id, a.keyPlace())
	}
	fmt.Fprintln(a.Stdout, "  flows/ and connectors/ are not in it: keep these files too")
}

// keyPlace says where the key of the data folder is.
func (a *app) keyPlace() string {
	if _, set := a.Env("PATCHBAY_KEY"); set {
		return "PATCHBAY_KEY"
	}
	return filepath.Join(a.dataDir(), "vault.key")
}

// contents says what is in a database.
func contents(b store.About) string {
	return strings.Join([]string{
		b.World + " data in format " + fmt.Sprint(b.Format),
		fmt.Sprintf("%s (%d not ended)", count(b.Runs, "run"), b.Open),
		count(b.Flows, "live flow"),
		count(b.Tokens, "connection") + " with tokens",
		count(b.Secrets, "secret"),
	}, ", ")
}

// needData refuses a data folder that nothing was ever kept in, before
// anything is made in it.
func (a *app) needData() error {
	if a.data == "" {
		if err := a.needWorkspace(); err != nil {
			return err
		}
	}
	dir := a.dataDir()
	if _, err := os.Stat(dir); err != nil {
		return usagef("it appears when flows run for the first time; --data and --sandbox choose another one", "there is no data folder %s", dir)
	}
	return nil
}

// size returns a number of bytes as people read it, in the units of the
// languages.
func size(bytes int64) string {
	const step = 1 << 10
	if bytes < step {
		return count(int(bytes), "byte")
	}
	n := float64(bytes) / step
	for _, unit := range []string{"KB", "MB"} {
		if n < step {
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= step
	}
	return fmt.Sprintf("%.1f GB", n)
}
