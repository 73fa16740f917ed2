package sandbox

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"sync"

	"patchbay/engine/program"
)

// keyring holds the keys with which the played vendors sign webhooks. They are
// made once and kept.
type keyring struct {
	state State
	log   *slog.Logger

	mu   sync.Mutex
	read bool
	pem  map[string]string // by the type of verification: the private key
	keys map[string]crypto.Signer
}

const (
	keysDocument = "keys"
	rsaBits      = 2048
)

// PublicKey returns the key, in PEM form, with which a connection to the
// sandbox verifies the webhooks of the connector, in place of the vendor's. It
// is nil for a verification without one.
func (s *Sandbox) PublicKey(k *program.Connector, v *program.Verify) []byte {
	if v.Type != "ed25519" && v.Type != "rsa_sha256" {
		return nil
	}
	key, err := s.keys.signer(context.Background(), v.Type)
	if err == nil {
		var der []byte
		if der, err = x509.MarshalPKIXPublicKey(key.Public()); err == nil {
			return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		}
	}
	s.log.Error("sandbox key not made", "connector", k.ID, "error", err)
	return nil
}

// signer returns the private key for a type of verification.
func (r *keyring) signer(ctx context.Context, kind string) (crypto.Signer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load(ctx)
	if key, ok := r.keys[kind]; ok {
		return key, nil
	}
	if key := parseKey(r.pem[kind]); key != nil {
		r.keys[kind] = key
		return key, nil
	}
	key, err := newKey(kind)
	if err != nil {
		return nil, fmt.Errorf("make %s key: %w", kind, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make %s key: %w", kind, err)
	}
	r.keys[kind] = key
	r.pem[kind] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	r.save(ctx)
	return key, nil
}

func (r *keyring) load(ctx context.Context) {
	if r.read {
		return
	}
	r.read, r.pem, r.keys = true, map[string]string{}, map[string]crypto.Signer{}
	if r.state == nil {
		return
	}
	data, ok, err := r.state.Load(ctx, keysDocument)
	if err == nil && ok {
		err = json.Unmarshal(data, &r.pem)
	}
	if err != nil {
		r.log.Warn("sandbox keys not read", "error", err)
	}
}

func (r *keyring) save(ctx context.Context) {
	if r.state == nil {
		return
	}
	data, err := json.Marshal(r.pem)
	if err == nil {
		err = r.state.Save(ctx, keysDocument, data)
	}
	if err != nil {
		r.log.Warn("sandbox keys not kept", "error", err)
	}
}

func newKey(kind string) (crypto.Signer, error) {
	if kind == "ed25519" {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return rsa.GenerateKey(rand.Reader, rsaBits)
}

func parseKey(text string) crypto.Signer {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil
	}
	signer, _ := key.(crypto.Signer)
	return signer
}
