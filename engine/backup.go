package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"patchbay/engine/store"
	"patchbay/engine/vault"
)

// The facts that a backup tells beside what is in the database.
const (
	// BackupMade is when it was made, in RFC 3339.
	BackupMade = "made"
	// BackupProgram is the version of the program that made it.
	BackupProgram = "program"
	// BackupKeyID is the id of the key that its secrets and tokens need.
	BackupKeyID = "key_id"
	// BackupKey is that key, where it was asked for.
	BackupKey = "key"
)

// Backup hands a copy of the database as it is now to take, with its size: one
// state of it, for which nothing has to stop. With the key in it, whoever has
// the copy can read every token and secret.
func (e *Engine) Backup(ctx context.Context, withKey bool, take func(copied io.Reader, size int64) error) error {
	id, err := vault.NeededKey(ctx, e.store)
	if err != nil {
		return err
	}
	facts := map[string]string{
		BackupMade: time.Now().UTC().Format(time.RFC3339), BackupProgram: e.opt.Version, BackupKeyID: id,
	}
	if withKey {
		key, err := e.loadKey(ctx)
		if err != nil {
			return err
		}
		facts[BackupKey], facts[BackupKeyID] = vault.KeyText(key), vault.KeyID(key)
	}
	draft, err := os.CreateTemp(e.opt.DataDir(), store.CopyPattern)
	if err != nil {
		return fmt.Errorf("make room for the backup: %w", err)
	}
	defer os.Remove(draft.Name()) //nolint:errcheck // the next start removes it else
	defer draft.Close()           //nolint:errcheck // it is only read from
	if err := e.store.Copy(ctx, draft.Name(), facts); err != nil {
		return err
	}
	info, err := draft.Stat()
	if err != nil {
		return fmt.Errorf("measure the backup: %w", err)
	}
	return take(draft, info.Size())
}

// Restored is what came of a restore.
type Restored struct {
	store.Restored

	// Key says whether the key that the data needs is there.
	Key KeyState
	// KeyAside is where the key before is now, "" if it stayed.
	KeyAside string
}

// KeyState says of a data folder whether it has the key that it needs.
type KeyState string

// The states of a key.
const (
	KeyNotNeeded KeyState = "not needed"
	KeyThere     KeyState = "there"
	KeyMissing   KeyState = "missing"
	KeyWrong     KeyState = "wrong"
)

// Restore puts the database of a backup into the data folder, and its key
// where the backup has it. What is there is kept aside if replace is true; else
// the error is store.ErrNotEmpty.
func Restore(ctx context.Context, opt Options, file string, replace bool) (Restored, error) {
	now, dir := time.Now(), opt.DataDir()
	var r Restored
	var err error
	if r.Restored, err = store.Restore(ctx, dir, file, store.Options{Sandbox: opt.Sandbox}, replace, now); err != nil {
		return Restored{}, err
	}
	if key := r.Facts[BackupKey]; key != "" {
		if r.KeyAside, err = vault.WriteKey(dir, key, store.AsideName(now)); err != nil {
			return Restored{}, err
		}
	}
	r.Key = keyState(opt, r.Facts[BackupKeyID])
	return r, nil
}

// keyState says whether the key of the id is in the environment or in the file
// of the data folder.
func keyState(opt Options, needed string) KeyState {
	if needed == "" {
		return KeyNotNeeded
	}
	given := ""
	if opt.Env != nil {
		given, _ = opt.Env(vault.KeyVariable)
	}
	key, err := vault.LoadKey(opt.DataDir(), given, needed)
	switch {
	case errors.Is(err, vault.ErrNoKey):
		return KeyMissing
	case err != nil || vault.KeyID(key) != needed:
		return KeyWrong
	default:
		return KeyThere
	}
}
