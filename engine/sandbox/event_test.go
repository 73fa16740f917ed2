package sandbox_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"patchbay/engine/program"
	"patchbay/engine/sandbox"
)

const hook = "http://127.0.0.1/hooks/shop"

func event(t *testing.T, s *sandbox.Sandbox, k *program.Connector, name string, payload any) (*http.Request, string) {
	t.Helper()
	trigger, ok := k.Trigger(name)
	if !ok {
		t.Fatalf("%s has no trigger %s", k.ID, name)
	}
	req, err := s.Event(t.Context(), trigger, hook, payload)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return req, string(body)
}

func hmacOf(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func at(b *bench) *sandbox.Sandbox { return b.sandbox }

func TestEventSignedWithTimestamp(t *testing.T) {
	k := shop(t)
	s := at(serve(t, sandbox.Options{}, k))
	req, body := event(t, s, k, "order_paid", nil)
	seconds := fmt.Sprint(noon.Unix())
	want := "t=" + seconds + ",v1=" + hmacOf("sandbox-signing_secret", seconds+"."+body)
	if got := req.Header.Get("X-Shop-Signature"); got != want {
		t.Errorf("X-Shop-Signature = %s, want %s", got, want)
	}
	id := func(body string) string {
		var v struct{ Event struct{ ID string } }
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		return v.Event.ID
	}
	_, second := event(t, s, k, "order_paid", nil)
	first := id(body)
	if len(first) != 36 || first == "00000000-0000-4000-8000-000000000001" || first == id(second) {
		t.Errorf("event ids are %s and %s, want two fresh ones", first, id(second))
	}
	if want := strings.Replace(second, id(second), first, 1); body != want {
		t.Errorf("body = %s, want %s", body, want)
	}
}

func TestEventOfAGivenBody(t *testing.T) {
	k := shop(t)
	s := at(serve(t, sandbox.Options{}, k))
	_, body := event(t, s, k, "order_paid", map[string]any{"type": "paid", "event": map[string]any{"id": "mine"}})
	if want := `{"event":{"id":"mine"},"type":"paid"}`; body != want {
		t.Errorf("body = %s, want %s", body, want)
	}
	_, body = event(t, s, k, "order_paid", map[string]any{"type": "paid"})
	if !strings.HasPrefix(body, `{"event":{"id":"`) {
		t.Errorf("body = %s, want an event id in it", body)
	}
	_, body = event(t, s, k, "order_paid", []byte("not { JSON"))
	if want := "not { JSON"; body != want {
		t.Errorf("body = %s, want %s", body, want)
	}
}

func TestEventOfSlack(t *testing.T) {
	k := builtIn(t, "slack")
	s := at(serve(t, sandbox.Options{}, k))
	req, body := event(t, s, k, "app_mention", nil)
	seconds := req.Header.Get("X-Slack-Request-Timestamp")
	if want := fmt.Sprint(noon.Unix()); seconds != want {
		t.Errorf("X-Slack-Request-Timestamp = %s, want %s", seconds, want)
	}
	if got, want := req.Header.Get("X-Slack-Signature"), "v0="+hmacOf("sandbox-signing_secret", "v0:"+seconds+":"+body); got != want {
		t.Errorf("X-Slack-Signature = %s, want %s", got, want)
	}
	if !strings.Contains(body, `"event_id":"Ev0MENTION1-`) {
		t.Errorf("body = %s, want an event_id that begins with that of the example", body)
	}
}

func TestEventOfGHL(t *testing.T) {
	k := builtIn(t, "ghl")
	state := &memory{}
	s := at(serve(t, sandbox.Options{State: state}, k))
	req, body := event(t, s, k, "contact_tags_changed", nil)
	signature, err := base64.StdEncoding.DecodeString(req.Header.Get("X-GHL-Signature"))
	if err != nil {
		t.Fatal(err)
	}
	again := sandbox.New(sandbox.Options{State: state}) // the key is kept
	key, ok := publicKey(t, again.PublicKey(k, k.Webhooks.Verify[0])).(ed25519.PublicKey)
	if !ok || !ed25519.Verify(key, []byte(body), signature) {
		t.Errorf("the signature does not fit the body %s", body)
	}
	if !strings.Contains(body, `"timestamp":"2026-06-15T12:00:00.000Z"`) {
		t.Errorf("body = %s, want the time of now", body)
	}
}

func publicKey(t *testing.T, text []byte) crypto.PublicKey {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestEventSignedInOtherWays(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	body := []byte(`{"a":1}`)
	send := func(v *program.Verify) *http.Request {
		k := &program.Connector{ID: "x", Webhooks: &program.Webhooks{Verify: []*program.Verify{v}}}
		trigger := &program.Trigger{Connector: k, ID: "x.y", Name: "y", Webhook: true}
		req, err := s.Event(t.Context(), trigger, hook+"?a=b", body)
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	if got := send(&program.Verify{Type: "shared_token", Query: "token", Secret: "key"}).URL.RawQuery; got != "a=b&token=sandbox-key" {
		t.Errorf("shared_token in the query = %s", got)
	}
	if got := send(&program.Verify{Type: "shared_token", Header: "X-Token", Prefix: "Token ", Secret: "key"}).Header.Get("X-Token"); got != "Token sandbox-key" {
		t.Errorf("shared_token in a header = %s", got)
	}
	mac := hmac.New(sha1.New, []byte("sandbox-key"))
	mac.Write(body)
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if got := send(&program.Verify{Type: "hmac_sha1", Header: "X-Sig", Secret: "key", Base64: true, Signed: "raw_body"}).Header.Get("X-Sig"); got != want {
		t.Errorf("hmac_sha1 = %s, want %s", got, want)
	}
	verify := &program.Verify{Type: "rsa_sha256", Header: "X-Sig", Base64: true}
	signature, err := base64.StdEncoding.DecodeString(send(verify).Header.Get("X-Sig"))
	if err != nil {
		t.Fatal(err)
	}
	key, _ := publicKey(t, s.PublicKey(&program.Connector{ID: "x"}, verify)).(*rsa.PublicKey)
	digest := sha256.Sum256(body)
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature); err != nil {
		t.Errorf("rsa_sha256: %v", err)
	}
	if got := send(&program.Verify{Type: "none"}); len(got.Header) != 1 {
		t.Errorf("none: headers %v, want only the content type", got.Header)
	}
}

func TestEventThatIsPolled(t *testing.T) {
	k := shop(t)
	trigger, _ := k.Trigger("order_new")
	_, err := sandbox.New(sandbox.Options{}).Event(t.Context(), trigger, hook, nil)
	want := "event of shop.order_new: it is not delivered, Patchbay asks for it (type: poll)"
	if err == nil || err.Error() != want {
		t.Errorf("Event = %v, want %s", err, want)
	}
}

// TestEventOfAnAccount plays examples as if they had happened in an account:
// only what the example says of the account is changed.
func TestEventOfAnAccount(t *testing.T) {
	k := builtIn(t, "ghl")
	s := at(serve(t, sandbox.Options{}, k))
	account := sandbox.Example{Account: map[string]any{"locationId": "loc1", "companyId": "cmp1", "token": "t"}}
	for _, test := range []struct{ trigger, want string }{
		{"contact_created", "loc1   "},
		{"invoice_paid", " loc1  "},
		{"order_created", "loc1 loc1  "},
		{"location_created", "  cmp1 locNewBakery00000001"},
		{"location_updated", "  cmp1 loc1"},
		{"app_installed", "  cmpHarbourLane000001 "},
	} {
		_, text := event(t, s, k, test.trigger, account)
		var body struct{ LocationID, AltID, CompanyID, ID string }
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(body.ID, "con") {
			body.ID = ""
		}
		got := strings.Join([]string{body.LocationID, body.AltID, body.CompanyID, body.ID}, " ")
		if got != test.want {
			t.Errorf("%s is of the account %q, want %q", test.trigger, got, test.want)
		}
	}
}

// TestEventWithoutATime plays an event that its service sends without a time.
func TestEventWithoutATime(t *testing.T) {
	k := builtIn(t, "ghl")
	s := at(serve(t, sandbox.Options{}, k))
	_, first := event(t, s, k, "provider_message_requested", nil)
	_, second := event(t, s, k, "provider_message_requested", nil)
	if strings.Contains(first, "timestamp") || strings.Contains(first, "webhookId") {
		t.Errorf("body = %s, want no time and no id but that of the message", first)
	}
	if first == second {
		t.Errorf("two events are both %s, want two messageIds", first)
	}
}
