package vault

import (
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
// it is made when there is none.
func LoadKey(dir, env string) ([]byte, error) {
	if env = strings.TrimSpace(env); env != "" {
		key, ok := parseKey(env)
		if !ok {
			return nil, fmt.Errorf("%s is no key (%d characters): it must be 32 random bytes written as base64 (44 characters) or hex (64 characters); make one with: openssl rand -base64 32",
				KeyVariable, len(env))
		}
		return key, nil
	}
	path := filepath.Join(dir, keyFile)
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(dir, path)
	}
	return key, err
}

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

// makeKey writes a new key. It appears under its name only when it is whole.
func makeKey(dir, path string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never returns an error
	f, err := os.CreateTemp(dir, keyFile+".*")
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already where all went well
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, nil
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
