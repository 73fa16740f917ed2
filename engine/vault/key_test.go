package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

func TestLoadKeyFromTheEnvironment(t *testing.T) {
	key := append(testKey(0xfb)[:31], 0xff)
	for _, env := range []string{
		base64.StdEncoding.EncodeToString(key),
		base64.RawStdEncoding.EncodeToString(key),
		base64.URLEncoding.EncodeToString(key),
		base64.RawURLEncoding.EncodeToString(key),
		hex.EncodeToString(key),
		" " + base64.StdEncoding.EncodeToString(key) + "\n",
	} {
		dir := t.TempDir()
		if got, err := LoadKey(dir, env, ""); err != nil || !bytes.Equal(got, key) {
			t.Errorf("LoadKey(%q) = %x, %v, want %x, nil", env, got, err, key)
		}
		if files, _ := os.ReadDir(dir); len(files) != 0 {
			t.Errorf("LoadKey(%q) left %v in the folder", env, files)
		}
	}
	for env, want := range map[string]string{
		"my passphrase": "PATCHBAY_KEY is no key (13 characters): it must be 32 random bytes written as base64 (44 characters) or hex (64 characters); make one with: openssl rand -base64 32",
		base64.StdEncoding.EncodeToString(key[1:]): "PATCHBAY_KEY is no key (44 characters): it must be 32 random bytes written as base64 (44 characters) or hex (64 characters); make one with: openssl rand -base64 32",
	} {
		if _, err := LoadKey(t.TempDir(), env, ""); err == nil || err.Error() != want {
			t.Errorf("LoadKey(%q) = %v, want %s", env, err, want)
		}
	}
}

func TestLoadKeyFromTheFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".patchbay")
	made, err := LoadKey(dir, "", "")
	if err != nil || len(made) != keySize {
		t.Fatalf("LoadKey() = %x, %v, want a new key", made, err)
	}
	path := filepath.Join(dir, keyFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file has mode %v, %v, want 0600", info.Mode(), err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("LoadKey() left %v in the folder, want the key alone", files)
	}
	if again, err := LoadKey(dir, "", ""); err != nil || !bytes.Equal(again, made) {
		t.Errorf("LoadKey() again = %x, %v, want the same %x", again, err, made)
	}

	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	want := "key file " + path + " can be read by others (mode 0640): make it yours alone with: chmod 600 " + path
	if _, err := LoadKey(dir, "", ""); err == nil || err.Error() != want {
		t.Errorf("LoadKey() of a file open to the group = %v, want %s", err, want)
	}

	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	want = "key file " + path + " holds no key: put back the one that was there, or remove the file if nothing has been sealed yet"
	if _, err := LoadKey(dir, "", ""); err == nil || err.Error() != want {
		t.Errorf("LoadKey() of an empty file = %v, want %s", err, want)
	}
}
