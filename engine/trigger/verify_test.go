package trigger

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
)

const slackExample = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
	"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
	"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
	"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"

// The examples that the vendors print in their documentation.
func TestVerifyDocumentedExamples(t *testing.T) {
	qonto := &program.Verify{Type: "hmac_sha256", Header: "X-Qonto-Signature", Parse: "t={timestamp},v1={signature}", Signed: "{timestamp}.{raw_body}"}
	slack := &program.Verify{Type: "hmac_sha256", Header: "X-Slack-Signature", Prefix: "v0=", Signed: "v0:{headers.x-slack-request-timestamp}:{raw_body}"}
	tests := []struct {
		name         string
		way          *program.Verify
		secret, body string
		headers      map[string]string
		want         string // why it is turned away
	}{
		{
			"Qonto", qonto, "test-secret", `{"test":"data"}`,
			map[string]string{"X-Qonto-Signature": "t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805"},
			"",
		},
		{
			"Qonto with one blank more", qonto, "test-secret", `{"test": "data"}`,
			map[string]string{"X-Qonto-Signature": "t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805"},
			"the signature in X-Qonto-Signature does not fit the delivery",
		},
		{
			"Qonto in the form of another vendor", qonto, "test-secret", `{"test":"data"}`,
			map[string]string{"X-Qonto-Signature": "56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805"},
			"the header X-Qonto-Signature is not of the form t={timestamp},v1={signature}",
		},
		{
			"Slack", slack, "8f742231b10e8888abcd99yyyzzz85a5", slackExample,
			map[string]string{"X-Slack-Request-Timestamp": "1531420618", "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
			"",
		},
		{
			"Slack a second later", slack, "8f742231b10e8888abcd99yyyzzz85a5", slackExample,
			map[string]string{"X-Slack-Request-Timestamp": "1531420619", "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
			"the signature in X-Slack-Signature does not fit the delivery",
		},
		{
			"Slack without a secret", slack, "", slackExample,
			map[string]string{"X-Slack-Request-Timestamp": "1531420618", "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
			"the delivery cannot be verified: the secret is empty",
		},
		{
			"a way that is none", &program.Verify{Type: "md5", Header: "X-Sum"}, "secret", "{}",
			map[string]string{"X-Sum": "00"},
			`the delivery cannot be verified: "md5" is not a known way`,
		},
		{
			"no public key", &program.Verify{Type: "ed25519", Header: "X-Sum"}, "", "{}",
			map[string]string{"X-Sum": "00"},
			"the delivery cannot be verified: the public key is no PEM text",
		},
		{
			"an empty token", &program.Verify{Type: "shared_token", Header: "X-Token"}, "", "{}", nil,
			"the token in X-Token is not the right one",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{}
			for name, text := range tt.headers {
				header.Set(name, text)
			}
			d := &delivery{raw: []byte(tt.body), header: header, query: url.Values{}, signature: map[string]any{}}
			got := ""
			if err := verify(tt.way, d, keys{secret: tt.secret}); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("verify(%s) = %q, want %q", tt.name, got, tt.want)
			}
		})
	}
}

// The key in the connector's folder is the one that GoHighLevel publishes.
func TestGoHighLevelKey(t *testing.T) {
	text, err := os.ReadFile("../../connectors/ghl/keys/ghl-ed25519.pem")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publicChecker("ed25519", text); err != nil {
		t.Errorf("publicChecker(ed25519) = %v, want nil", err)
	}
	want := "the public key is not one for rsa_sha256"
	if _, err := publicChecker("rsa_sha256", text); err == nil || err.Error() != want {
		t.Errorf("publicChecker(rsa_sha256) = %v, want %s", err, want)
	}
	block, _ := pem.Decode(text)
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(block.Bytes)
	if got := hex.EncodeToString(sum[:]); !strings.HasPrefix(got, "5a2c1b27") || !strings.HasSuffix(got, "d3097c") {
		t.Errorf("the key's sum is %s, want 5a2c1b27…d3097c", got)
	}
}

func TestParseHeader(t *testing.T) {
	tests := []struct {
		form, text string
		want       map[string][]string
	}{
		{"t={timestamp},v1={signature}", "t=1,v1=a", map[string][]string{"timestamp": {"1"}, "signature": {"a"}}},
		{"t={timestamp},v1={signature}", "v1=a, t=1 ,v0=z,v1=b", map[string][]string{"timestamp": {"1"}, "signature": {"a", "b"}}},
		{"t={timestamp},v1={signature}", "t=1,v1=a=b", map[string][]string{"timestamp": {"1"}, "signature": {"a=b"}}},
		{"t={timestamp},v1={signature}", "t=1", nil},
		{"t={timestamp},v1={signature}", "t=,v1=a", nil},
		{"t={timestamp},v1={signature}", "", nil},
		{"sha256={signature}", "sha256=a,b", map[string][]string{"signature": {"a,b"}}},
		{"sha256={signature}", "a", nil},
		{"<{signature}>", "<a>", map[string][]string{"signature": {"a"}}},
		{"<{signature}>", "<a", nil},
		{"t={timestamp}", "t=1", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, parseHeader(tt.form, tt.text)); diff != "" {
			t.Errorf("parseHeader(%q, %q) (-want +got):\n%s", tt.form, tt.text, diff)
		}
	}
}

func TestTimeOf(t *testing.T) {
	tests := []struct {
		v    any
		want string // "" where it is no time
	}{
		{1531420618, "2018-07-12T18:36:58Z"},
		{1531420618.0, "2018-07-12T18:36:58Z"},
		{"1531420618", "2018-07-12T18:36:58Z"},
		{"1531420618.25", "2018-07-12T18:36:58.25Z"},
		{1531420618250, "2018-07-12T18:36:58.25Z"},
		{"1531420618250", "2018-07-12T18:36:58.25Z"},
		{"2018-07-12T18:36:58Z", "2018-07-12T18:36:58Z"},
		{"2018-07-12T20:36:58.250+02:00", "2018-07-12T18:36:58.25Z"},
		{"yesterday", ""},
		{"", ""},
		{"NaN", ""},
		{"Inf", ""},
		{"1e300", ""},
		{nil, ""},
		{true, ""},
	}
	for _, tt := range tests {
		got := ""
		if at, ok := timeOf(tt.v); ok {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != tt.want {
			t.Errorf("timeOf(%v) = %q, want %q", tt.v, got, tt.want)
		}
	}
}

func TestCompareChanges(t *testing.T) {
	tests := []struct {
		a, b any
		want int
	}{
		{nil, nil, 0},
		{nil, "2026-01-01T00:00:00Z", -1},
		{2, 10, -1},
		{2.5, 2, 1},
		{"2026-01-01T00:00:00Z", "2026-01-01T01:00:00+02:00", 1},
		{"2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00Z", 1},
		{"b", "a", 1},
		{"2026-01-01", "2026-01-02", -1},
	}
	for _, tt := range tests {
		if got := compareChanges(tt.a, tt.b); got != tt.want {
			t.Errorf("compareChanges(%v, %v) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := compareChanges(tt.b, tt.a); got != -tt.want {
			t.Errorf("compareChanges(%v, %v) = %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}

// Whatever a sender writes into its headers and body, nothing panics and
// nothing is taken for signed.
func FuzzVerify(f *testing.F) {
	f.Add("t={timestamp},v1={signature}", "{timestamp}.{raw_body}", "t=1,v1=ab", []byte("{}"))
	f.Add("", "v0:{headers.x-time}:{raw_body}", "v0=ab", []byte(""))
	f.Add("{", "{", "{}", []byte("}"))
	f.Add("{signature}", "{signature}{raw_body", "a", []byte("{raw_body}"))
	f.Fuzz(func(t *testing.T, parse, signed, header string, body []byte) {
		d := &delivery{raw: body, header: http.Header{"X-Sign": {header}}, query: url.Values{}, signature: map[string]any{}}
		v := &program.Verify{Type: "hmac_sha256", Header: "X-Sign", Parse: parse, Signed: signed}
		if verify(v, d, keys{secret: "nobody knows this"}) == nil {
			t.Errorf("verify(%q, %q, %q) = nil", parse, signed, header)
		}
	})
}

// Whatever the form of a body, reading it ends in a value or a reason.
func FuzzDecode(f *testing.F) {
	f.Add("application/json", []byte(`{"a":[1,2.5,null]}`))
	f.Add("application/x-www-form-urlencoded", []byte("a=1&a=2&b=%zz"))
	f.Add("application/x-www-form-urlencoded", []byte("payload=%7B%7D"))
	f.Add("; charset", []byte("{"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		d := &delivery{raw: body, header: http.Header{"Content-Type": {kind}}, query: url.Values{}, signature: map[string]any{}}
		if err := d.decode(); (err == nil) != d.decoded {
			t.Errorf("decode(%q, %q) = %v, decoded %t", kind, body, err, d.decoded)
		}
	})
}
