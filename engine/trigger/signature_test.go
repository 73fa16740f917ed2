package trigger_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/trigger"
)

func TestFlowSignatures(t *testing.T) {
	h := newHooks(t, nil)
	timed := func(at time.Time) string {
		seconds := strconv.FormatInt(at.Unix(), 10)
		return "X-Signature: t=" + seconds + ",v1=" + signBase64SHA1("my-secret", seconds+".{}")
	}
	const signed, timedPath, token = "/hooks/flow/signed/r4nd0m-19", "/hooks/flow/timed/r4nd0m-18", "/hooks/flow/token/r4nd0m-18"
	tests := []struct {
		name, path, header string
		want               int
	}{
		{"hmac", signed, "X-Signature: sha256=" + signHex("my-secret", "{}"), 200},
		{"hmac in capitals", signed, "X-Signature: sha256=" + strings.ToUpper(signHex("my-secret", "{}")), 200},
		{"hmac with another key", signed, "X-Signature: sha256=" + signHex("my-secre", "{}"), 401},
		{"hmac cut short", signed, "X-Signature: sha256=" + signHex("my-secret", "{}")[:32], 401},
		{"hmac without its prefix", signed, "X-Signature: " + signHex("my-secret", "{}"), 401},
		{"empty hmac", signed, "X-Signature: sha256=", 401},
		{"no header", signed, "X-Other: 1", 401},
		{"sha1, base64 and a time", timedPath, timed(time.Now()), 200},
		{"too old", timedPath, timed(time.Now().Add(-6 * time.Minute)), 401},
		{"token", token, "Authorization: Bearer my-secret", 200},
		{"token in the query", token + "?token=Bearer+my-secret", "X-Other: 1", 200},
		{"another token", token, "Authorization: Bearer my-secreT", 401},
		{"token without its prefix", token, "Authorization: my-secret", 401},
		{"no token", token, "X-Other: 1", 401},
		{"a secret that is not set", "/hooks/flow/unset/r4nd0m-18", "Authorization: anything", 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, _ := h.post(t, tt.path, "{}", tt.header)
			if got := len(h.take()) == 1; status != tt.want || got != (status == 200) {
				t.Errorf("answered %d, a run is %t, want %d", status, got, tt.want)
			}
			for _, r := range h.rejections() {
				if strings.Contains(r.Reason, "my-secret") || strings.Contains(r.Address, "r4nd0m") {
					t.Errorf("the rejection %+v tells a secret", r)
				}
			}
		})
	}
	if log := h.log.String(); strings.Contains(log, "my-secret") || strings.Contains(log, "r4nd0m") {
		t.Errorf("a secret is in the log:\n%s", log)
	}
}

// RSA is what GoHighLevel signed with before; a connector may list both, and
// the first whose header is there decides.
func TestSeveralSignatures(t *testing.T) {
	oldKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	newPublic, newKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := build(t, program.Options{}, nil, map[string]string{
		"connectors/twice/connector.yaml": `connector: 1
id: twice
name: Twice
api: { base_url: https://twice.example.com }
triggers:
  thing: { type: webhook, output: { one: any, at: body } }
webhooks:
  subscribe: in_vendor_console
  verify:
    - { type: ed25519, header: X-New, encoding: base64, public_key: new.pem }
    - { type: rsa_sha256, header: X-Old, encoding: base64, public_key: old.pem }
`,
		"connectors/twice/new.pem": string(publicPEM(t, newPublic)),
		"connectors/twice/old.pem": string(publicPEM(t, &oldKey.PublicKey)),
		"flows/connections.yaml":   "connections: 1\ntwice: { connector: twice }\n",
		"flows/thing.yaml":         flowFile("trigger: twice.thing", "use: { twice: twice }\n"),
	})
	h := newHooks(t, func(opt *trigger.HookOptions) { opt.PublicKey = nil })
	h.set.Store(set)
	body := `{"a":1}`
	sum := sha256.Sum256([]byte(body))
	old, err := rsa.SignPKCS1v15(rand.Reader, oldKey, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	xOld := "X-Old: " + base64.StdEncoding.EncodeToString(old)
	xNew := "X-New: " + base64.StdEncoding.EncodeToString(ed25519.Sign(newKey, []byte(body)))
	for _, tt := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"the new one", []string{xNew}, 200},
		{"the old one", []string{xOld}, 200},
		{"both", []string{xNew, xOld}, 200},
		{"the new one is not available", []string{"X-New: N/A", xOld}, 200},
		{"the new one is wrong, the old one right", []string{"X-New: AAAA", xOld}, 401},
		{"none", nil, 401},
		{"the old one under the new name", []string{"X-New" + strings.TrimPrefix(xOld, "X-Old")}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, _ := h.post(t, "/hooks/twice/r4nd0m-5", body, tt.headers...); status != tt.want {
				t.Errorf("answered %d, want %d", status, tt.want)
			}
		})
	}
	if got := h.rejections(); got[1].Reason != "the delivery is not signed: it has no X-New or X-Old" {
		t.Errorf("an unsigned delivery is turned away because %q", got[1].Reason)
	}
}

func signBase64SHA1(key, text string) string {
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
