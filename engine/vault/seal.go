package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"patchbay/engine/program"
)

// box seals bytes with AES-256-GCM. What it makes is
//
//	version (1) | id of the key (8) | connector | host | nonce (12) | sealed text and tag
//
// where connector and host are led by their length and empty for what is bound
// to neither. All before the nonce, and kind and name, are authenticated: a
// sealed text opens only in its own place and for its own host.
type box struct {
	id   [idSize]byte
	aead cipher.AEAD
}

const (
	sealVersion = 1
	idSize      = 8
)

// binding is what a token belongs to besides its name.
type binding struct{ connector, host string }

// bindingOf returns what the token of a connection belongs to. A service that is
// not reached by HTTP, such as a mail server, is named by the field host.
func bindingOf(conn *program.Connection) binding {
	host := hostOf(conn.URL())
	if named, ok := conn.Fields["host"].(string); ok && host == "" {
		host = strings.ToLower(named)
	}
	return binding{conn.Connector.ID, host}
}

// hostOf returns the host of an address in lower case, with its port unless
// that is the usual one of the scheme; "" for what is no address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return hostOfURL(u)
}

func hostOfURL(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// boundError says that a token was given for another connector or host.
type boundError struct{ was binding }

func (e *boundError) Error() string {
	return fmt.Sprintf("sealed for connector %s at %s", e.was.connector, e.was.host)
}

var errAltered = errors.New("sealed bytes were altered or belong to another place")

func newBox(key []byte) (*box, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("key has %d bytes, not %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return &box{id: idOf(key), aead: aead}, nil
}

// idOf returns the id of a key, which tells nothing about the key.
func idOf(key []byte) [idSize]byte {
	sum := sha256.Sum256(append([]byte("patchbay key id\x00"), key...))
	return [idSize]byte(sum[:idSize])
}

// seal returns plain sealed for its place.
func (b *box) seal(kind, name string, bound binding, plain []byte) []byte {
	head := append([]byte{sealVersion}, b.id[:]...)
	head = appendText(head, bound.connector)
	head = appendText(head, bound.host)
	return b.aead.Seal(head, nil, plain, placed(head, kind, name))
}

// open returns what was sealed for that place. The error is a *boundError if
// it was sealed for another connector or host.
func (b *box) open(kind, name string, bound binding, data []byte) ([]byte, error) {
	if err := b.checkID(data); err != nil {
		return nil, err
	}
	rest := data[1+len(b.id):]
	connector, rest, ok := cutText(rest)
	host, rest, ok2 := cutText(rest)
	if !ok || !ok2 {
		return nil, errAltered
	}
	if was := (binding{connector, host}); was != bound {
		return nil, &boundError{was}
	}
	head := data[:len(data)-len(rest)]
	plain, err := b.aead.Open(nil, nil, rest, placed(head, kind, name))
	if err != nil {
		return nil, errAltered
	}
	return plain, nil
}

// checkID reports whether data was sealed with this key.
func (b *box) checkID(data []byte) error {
	if len(data) < 1+len(b.id) || data[0] != sealVersion {
		return errAltered
	}
	need := data[1 : 1+len(b.id)]
	if bytes.Equal(need, b.id[:]) {
		return nil
	}
	return fmt.Errorf("the data folder was sealed with key %s, and the key given is %s: give the right one in %s, or put its key file back",
		hex.EncodeToString(need), hex.EncodeToString(b.id[:]), KeyVariable)
}

// placed returns the data that is authenticated beside a sealed text.
func placed(head []byte, kind, name string) []byte {
	return appendText(appendText(bytes.Clone(head), kind), name)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func cutText(b []byte) (text string, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", nil, false
	}
	b = b[size:]
	return string(b[:n]), b[n:], true
}
