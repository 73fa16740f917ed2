package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// KeyVariable is the environment variable that may hold the key.
const KeyVariable = "PATCHBAY_KEY"

const (
	keySize = 32
	keyFile = "vault.key"
)

// LoadKey returns the key of the data folder dir. Where env, the value of
// PATCHBAY_KEY, is not empty it is the key: 32 bytes as base64 or hex.
// Otherwise the key is in a file of the folder, which only its owner may read;
// it is made when there is none, unless the folder needs the one of the id
// needed: then the error is [ErrNoKey].
func LoadKey(dir, env, needed string) ([]byte, error) {
	if env = strings.TrimSpace(env); env != "" {
		key, ok := parseKey(env)
		if !ok {
			return nil, fmt.Errorf("%s is no key (%d characters): it must be 32 random bytes written as base64 (44 characters) or hex (64 characters); make one with: openssl rand -base64 32",
				KeyVariable, len(env))
		}
		return key, nil
	}
	path := KeyFile(dir)
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if needed != "" {
		return nil, fmt.Errorf("%w: what it keeps is sealed with key %s; put its key file back as %s, or give the key in %s", ErrNoKey, needed, path, KeyVariable)
	}
	return makeKey(dir, path)
}

// ErrNoKey says that a data folder holds sealed things and no key.
var ErrNoKey = errors.New("the key of the data folder is missing")

// KeyFile returns the path of the key file of a data folder.
func KeyFile(dir string) string { return filepath.Join(dir, keyFile) }

// KeyID returns the id of a key, by which people tell keys apart.
func KeyID(key []byte) string {
	id := idOf(key)
	return hex.EncodeToString(id[:])
}

// NeededKey returns the id of the key that a store is sealed with, "" for one
// that no vault has opened yet.
func NeededKey(ctx context.Context, s Store) (string, error) {
	data, found, err := s.Sealed(ctx, kindKey, checkName)
	if err != nil || !found || len(data) < 1+idSize {
		return "", err
	}
	return hex.EncodeToString(data[1 : 1+idSize]), nil
}

// WriteKey writes a key, as LoadKey reads it from the environment, to the key
// file of the data folder dir. A file that is there is kept under the name with
// aside behind it, which is returned; one with the same key stays.
func WriteKey(dir, text, aside string) (kept string, err error) {
	key, ok := parseKey(text)
	if !ok {
		return "", errors.New("write key: the backup holds no key that can be read")
	}
	path := KeyFile(dir)
	if before, err := readKey(path); err == nil && bytes.Equal(before, key) {
		return "", nil
	}
	if _, err := os.Stat(path); err == nil {
		kept = path + "." + aside
		if err := os.Rename(path, kept); err != nil {
			return "", fmt.Errorf("keep the key: %w", err)
		}
	}
	return kept, writeKey(dir, path, key)
}

// KeyText returns a key as WriteKey takes it.
func KeyText(key []byte) string { return base64.StdEncoding.EncodeToString(key) }

func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("key file %s can be read by others (mode %04o): make it yours alone with: chmod 600 %s", path, mode, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, ok := parseKey(strings.TrimSpace(string(text)))
	if !ok {
		return nil, fmt.Errorf("key file %s holds no key: put back the one that was there, or remove the file if nothing has been sealed yet", path)
	}
	return key, nil
}

func makeKey(dir, path string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never returns an error
	return key, writeKey(dir, path, key)
}

// writeKey writes the key file. It appears under its name only when it is whole.
func writeKey(dir, path string, key []byte) error {
	f, err := os.CreateTemp(dir, keyFile+".*")
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already where all went well
	_, err = f.WriteString(KeyText(key) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	return nil
}

// syncDir makes the names in a folder last. Windows has no such call and needs
// none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// parseKey reads 32 bytes from hex or any of the usual forms of base64.
func parseKey(text string) ([]byte, bool) {
	if key, err := hex.DecodeString(text); err == nil && len(key) == keySize {
		return key, true
	}
	text = strings.TrimRight(text, "=")
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if key, err := e.DecodeString(text); err == nil && len(key) == keySize {
			return key, true
		}
	}
	return nil, false
}
