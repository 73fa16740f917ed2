package sandbox

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"

	"patchbay/engine/program"
)

// sign signs a delivery the way the connector's first verification wants it.
func (s *Sandbox) sign(req *http.Request, d *delivery, raw []byte) error {
	v := d.hooks.Verify[0]
	secret := "sandbox-" + v.Secret
	switch v.Type {
	case "none":
		return nil
	case "shared_token":
		if v.Query != "" {
			q := req.URL.Query()
			q.Set(v.Query, secret)
			req.URL.RawQuery = q.Encode()
			return nil
		}
		req.Header.Set(v.Header, v.Prefix+secret)
		return nil
	}
	timestamp := d.timestamp()
	message := signedText(v, req.Header, timestamp, raw)
	signature, err := s.signature(req.Context(), v, secret, message)
	if err != nil {
		return err
	}
	text := hex.EncodeToString(signature)
	if v.Base64 {
		text = base64.StdEncoding.EncodeToString(signature)
	}
	text = v.Prefix + text
	if v.Parse != "" {
		text = strings.NewReplacer("{timestamp}", timestamp, "{signature}", text).Replace(v.Parse)
	}
	req.Header.Set(v.Header, text)
	return nil
}

// timestamp is the time as it stands beside a signature.
func (d *delivery) timestamp() string { return strconv.FormatInt(d.now.Unix(), 10) }

// signedText returns what is signed: the raw body, or a text with parts of the
// request in it.
func signedText(v *program.Verify, header http.Header, timestamp string, raw []byte) []byte {
	if v.Signed == "raw_body" || v.Signed == "" {
		return raw
	}
	var b strings.Builder
	at := 0
	for _, m := range inBraces.FindAllStringSubmatchIndex(v.Signed, -1) {
		b.WriteString(v.Signed[at:m[0]])
		name := v.Signed[m[2]:m[3]]
		field, isHeader := strings.CutPrefix(name, "headers.")
		switch {
		case name == "raw_body":
			b.Write(raw)
		case name == "timestamp":
			b.WriteString(timestamp)
		case isHeader:
			b.WriteString(header.Get(field))
		}
		at = m[1]
	}
	b.WriteString(v.Signed[at:])
	return []byte(b.String())
}

func (s *Sandbox) signature(ctx context.Context, v *program.Verify, secret string, message []byte) ([]byte, error) {
	switch v.Type {
	case "hmac_sha256":
		return sum(sha256.New, secret, message), nil
	case "hmac_sha1":
		return sum(sha1.New, secret, message), nil
	case "ed25519":
		key, err := s.keys.signer(ctx, v.Type)
		if err != nil {
			return nil, err
		}
		return key.Sign(rand.Reader, message, &ed25519.Options{})
	case "rsa_sha256":
		key, err := s.keys.signer(ctx, v.Type)
		if err != nil {
			return nil, err
		}
		digest := sha256.Sum256(message)
		return key.Sign(rand.Reader, digest[:], crypto.SHA256)
	default:
		return nil, fmt.Errorf("sign: %q is no way to sign", v.Type)
	}
}

func sum(h func() hash.Hash, secret string, message []byte) []byte {
	mac := hmac.New(h, []byte(secret))
	mac.Write(message)
	return mac.Sum(nil)
}
