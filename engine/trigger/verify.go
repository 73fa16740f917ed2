package trigger

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strings"

	"patchbay/engine/program"
)

// keys are what a signature is held against: a secret or a public key.
type keys struct {
	secret string
	public []byte // PEM
}

// chosen returns the way of verification that a delivery is held to: the first
// whose header or query parameter it has. The error is a refusal.
func chosen(ways []*program.Verify, d *delivery) (*program.Verify, error) {
	var wanted []string
	for _, v := range ways {
		if present(v, d) {
			return v, nil
		}
		for _, name := range []string{v.Header, v.Query} {
			if name != "" && !slices.Contains(wanted, name) {
				wanted = append(wanted, name)
			}
		}
	}
	if len(wanted) == 0 {
		return nil, refuse(http.StatusUnauthorized, "nothing says how a delivery to this address is verified")
	}
	return nil, refuse(http.StatusUnauthorized, "the delivery is not signed: it has no %s", strings.Join(wanted, " or "))
}

func present(v *program.Verify, d *delivery) bool {
	if v.Type == "none" {
		return true
	}
	return v.Query != "" && d.query.Get(v.Query) != "" || signatureHeader(v, d) != ""
}

// signatureHeader returns the header that holds the signature. GoHighLevel
// writes N/A where it has none.
func signatureHeader(v *program.Verify, d *delivery) string {
	if v.Header == "" {
		return ""
	}
	text := strings.TrimSpace(d.header.Get(v.Header))
	if strings.EqualFold(text, "N/A") {
		return ""
	}
	return text
}

// verify returns nil if the delivery proves, by the way v, that it comes from
// a holder of the key. It fills the signature of the delivery with the parts
// of the header. The error is a refusal and holds no secret.
func verify(v *program.Verify, d *delivery, k keys) error {
	switch v.Type {
	case "none":
		return nil
	case "shared_token":
		return sharedToken(v, d, k.secret)
	}
	signatures, err := signaturesOf(v, d)
	if err != nil {
		return err
	}
	signed, err := signedText(v, d)
	if err != nil {
		return err
	}
	check, err := checker(v, k)
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "the delivery cannot be verified: %s", err)
	}
	for _, s := range signatures {
		if raw, ok := decoded(v, s); ok && check(signed, raw) {
			return nil
		}
	}
	return refuse(http.StatusUnauthorized, "the signature in %s does not fit the delivery", v.Header)
}

func sharedToken(v *program.Verify, d *delivery, secret string) error {
	token, where := signatureHeader(v, d), v.Header
	if v.Query != "" && token == "" {
		token, where = d.query.Get(v.Query), v.Query
	}
	token, ok := strings.CutPrefix(token, v.Prefix)
	// The sums make texts of different lengths take the same time.
	a, b := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 || !ok || secret == "" {
		return refuse(http.StatusUnauthorized, "the token in %s is not the right one", where)
	}
	return nil
}

// signaturesOf returns the signatures the header holds, usually one.
func signaturesOf(v *program.Verify, d *delivery) ([]string, error) {
	text := signatureHeader(v, d)
	found := []string{text}
	if v.Parse != "" {
		parts := parseHeader(v.Parse, text)
		if parts == nil {
			return nil, refuse(http.StatusUnauthorized, "the header %s is not of the form %s", v.Header, v.Parse)
		}
		found = parts["signature"]
		for name, values := range parts {
			d.signature[name] = values[0]
		}
	}
	if v.Prefix == "" {
		return found, nil
	}
	var bare []string
	for _, s := range found {
		if rest, ok := strings.CutPrefix(s, v.Prefix); ok {
			bare = append(bare, rest)
		}
	}
	if len(bare) == 0 {
		return nil, refuse(http.StatusUnauthorized, "the signature in %s does not begin with %s", v.Header, v.Prefix)
	}
	return bare, nil
}

// parseHeader reads a header of the form "t={timestamp},v1={signature}": its
// elements may come in any order, more than once, and beside others. It
// returns the values by name, nil if one of the names has none.
func parseHeader(form, text string) map[string][]string {
	type element struct{ before, name, after string }
	var elements []element
	for part := range strings.SplitSeq(form, ",") {
		before, rest, _ := strings.Cut(strings.TrimSpace(part), "{")
		name, after, ok := strings.Cut(rest, "}")
		if ok {
			elements = append(elements, element{before, name, after})
		}
	}
	given := []string{text}
	if len(elements) > 1 {
		given = strings.Split(text, ",")
	}
	values := map[string][]string{}
	for _, g := range given {
		g = strings.TrimSpace(g)
		for _, e := range elements {
			inner, ok := strings.CutPrefix(g, e.before)
			inner, ended := strings.CutSuffix(inner, e.after)
			if ok && ended && inner != "" {
				values[e.name] = append(values[e.name], inner)
				break
			}
		}
	}
	for _, e := range elements {
		if len(values[e.name]) == 0 {
			return nil
		}
	}
	if len(values["signature"]) == 0 {
		return nil
	}
	return values
}

// signedText returns the bytes that the sender has signed: the body as it came,
// or a text around it. What is put in is not searched for names again.
func signedText(v *program.Verify, d *delivery) ([]byte, error) {
	if v.Signed == "" || v.Signed == "raw_body" {
		return d.raw, nil
	}
	var out []byte
	rest := v.Signed
	for {
		literal, more, ok := strings.Cut(rest, "{")
		name, after, closed := strings.Cut(more, "}")
		if !ok || !closed {
			return append(out, rest...), nil
		}
		out = append(out, literal...)
		rest = after
		if name == "raw_body" {
			out = append(out, d.raw...)
			continue
		}
		var text string
		if header, ok := strings.CutPrefix(name, "headers."); ok {
			text = d.header.Get(header)
		} else {
			text, _ = d.signature[name].(string)
		}
		if text == "" {
			return nil, refuse(http.StatusUnauthorized, "the delivery lacks %s, which is part of what is signed", name)
		}
		out = append(out, text...)
	}
}

func decoded(v *program.Verify, text string) ([]byte, bool) {
	if v.Base64 {
		raw, err := base64.StdEncoding.DecodeString(text)
		return raw, err == nil
	}
	raw, err := hex.DecodeString(text)
	return raw, err == nil
}

// checker returns what holds a signature against what was signed. The error
// says why there is none.
func checker(v *program.Verify, k keys) (func(signed, signature []byte) bool, error) {
	switch v.Type {
	case "hmac_sha256":
		return hmacChecker(sha256.New, k.secret)
	case "hmac_sha1":
		return hmacChecker(sha1.New, k.secret)
	case "ed25519", "rsa_sha256":
		return publicChecker(v.Type, k.public)
	}
	return nil, fmt.Errorf("%q is not a known way", v.Type)
}

func hmacChecker(sum func() hash.Hash, secret string) (func(signed, signature []byte) bool, error) {
	if secret == "" {
		return nil, errors.New("the secret is empty")
	}
	return func(signed, signature []byte) bool {
		mac := hmac.New(sum, []byte(secret))
		mac.Write(signed)
		return hmac.Equal(mac.Sum(nil), signature)
	}, nil
}

func publicChecker(way string, text []byte) (func(signed, signature []byte) bool, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the public key is no PEM text")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the public key: %w", err)
	}
	switch key := parsed.(type) {
	case ed25519.PublicKey:
		if way == "ed25519" {
			return func(signed, signature []byte) bool { return ed25519.Verify(key, signed, signature) }, nil
		}
	case *rsa.PublicKey:
		if way == "rsa_sha256" {
			return func(signed, signature []byte) bool {
				sum := sha256.Sum256(signed)
				return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
			}, nil
		}
	}
	return nil, fmt.Errorf("the public key is not one for %s", way)
}
