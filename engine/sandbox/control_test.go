package sandbox_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/sandbox"
)

func TestSteering(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	steps := []struct{ method, path, body, header, want string }{
		{"POST", "/_fail", `{"connector":"shop","kind":"status","status":500}`, "", `200 {"ok":true}`},
		{"GET", "/shop/v2/orders/1", "", "", `500 {"kind":"transient","message":"Internal Server Error (asked of the sandbox)","status":500}`},
		{"POST", "/_fail", `{"connector":"shop","kind":"slow","delay":"soon"}`, "", `400 {"error":"\"soon\" is not a duration such as 30s, 15m, 24h or 7d"}`},
		{"POST", "/_fail", `{"connector":"shop","kind":"crash"}`, "", `400 {"error":"fail shop: \"crash\" is no way to fail; the ways are status, timeout, reset, slow, malformed, truncated"}`},
		{"POST", "/_fail", `{"connector":"shop","action":"nothing","kind":"reset"}`, "", `404 {"error":"shop has no action \"nothing\""}`},
		{"POST", "/_fail", `{"connector":"shop","kinds":"reset"}`, "", `400 {"error":"json: unknown field \"kinds\""}`},
		{"POST", "/_fail", `{"connector":"shop","kind":"reset"}`, "Content-Type: text/plain", `415 {"error":"Content-Type must be application/json"}`},
		{"GET", "/_effects", "", "", `200 [{"time":"2026-06-15T12:00:00Z","connector":"shop","action":"shop.get_order","effect":"read","method":"GET","path":"/v2/orders/1","status":500,"done":false,"failure":"status"}]`},
		{"DELETE", "/shop/v2/orders/1", "", "", "204 "},
		{"POST", "/_reset", `{}`, "", `200 {"ok":true}`},
		{"GET", "/_effects", "", "", `200 []`},
		{"GET", "/_mail", "", "", `200 []`},
		{"GET", "/shop/v2/orders/1", "", "", `200 {"order":` + cups + `}`},
		{"POST", "/_send", `{"trigger":"shop.nothing"}`, "", `404 {"error":"there is no trigger \"shop.nothing\""}`},
	}
	for _, s := range steps {
		b.want(s.method, s.path, s.body, s.want, s.header)
	}
}

func TestSend(t *testing.T) {
	var signature, body string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		signature, body = r.Header.Get("X-Shop-Signature"), string(data)
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("thanks"))
	}))
	defer receiver.Close()
	b := shopBench(t, sandbox.Options{})
	b.want("POST", "/_send", `{"trigger":"shop.order_paid","url":"`+receiver.URL+`","event":{"type":"paid","event":{"id":"e1"}}}`,
		`200 {"status":202,"body":"thanks"}`)
	if want := `{"event":{"id":"e1"},"type":"paid"}`; body != want {
		t.Errorf("delivered %s, want %s", body, want)
	}
	if want := "t=1781524800,v1=" + hmacOf("sandbox-signing_secret", "1781524800."+body); signature != want {
		t.Errorf("signature %s, want %s", signature, want)
	}
}

func TestIndex(t *testing.T) {
	b := serve(t, sandbox.Options{}, builtIn(t, "email"))
	b.want("GET", "/", "", `200 {"connectors":[{"id":"email","name":"E-mail","api":"`+b.url+`/email","actions":["send: send","send_report: send_each"]}],`+
		`"sandbox":"every service played back from its connector file","steering":["GET /_effects","GET /_mail","POST /_fail","POST /_reset","POST /_send"]}`)
}

// Over a socket the address that a service hands out for an upload leads to the
// sandbox, too, and not to the real one.
func TestUploadOverASocket(t *testing.T) {
	b := serve(t, sandbox.Options{}, builtIn(t, "slack"))
	b.want("POST", "/slack/api/files.getUploadURLExternal", "filename=a.csv&length=3",
		`200 {"file_id":"F05ea50417-9d60-8b26-8cbc-dcf5a501c4de","ok":true,"upload_url":"`+b.url+`/slack/upload/v1/sandbox"}`,
		"Content-Type: application/x-www-form-urlencoded")
	b.want("POST", "/slack/upload/v1/sandbox", "a,b", `200 "OK"`, "Authorization: ", "Content-Type: application/octet-stream")
	b.want("POST", "/slack/api/files.completeUploadExternal", `{"channel_id":"C1","files":[{"id":"F7","title":"a.csv"}]}`,
		`200 {"files":[{"channel_id":"C1","channels":["C1"],"files":[{"id":"F7","title":"a.csv"}],"id":"F7","name":"a.csv","title":"a.csv"}],"ok":true}`)
	b.want("POST", "/slack/api/chat.nothing", `{"text":"hi"}`,
		`404 {"detail":"Cannot POST /slack/api/chat.nothing","error":"channel_not_found","ok":false}`)
}

// A key in the path is checked as one in a header is.
func TestKeyInPath(t *testing.T) {
	b := serve(t, sandbox.Options{}, builtIn(t, "slack"))
	b.want("POST", "/slack/services/another", `{"text":"hi"}`,
		`401 {"detail":"the credentials are not those of the sandbox: a secret field is \"sandbox-\" and its name","error":"invalid_auth","ok":false}`)
	b.want("POST", "/slack/services/sandbox-webhook_url", `{"text":"hi"}`, `200 "ok"`)
}

func TestMail(t *testing.T) {
	k := builtIn(t, "email")
	s := at(serve(t, sandbox.Options{}, k))
	conn := program.SandboxConnection(k)
	message := []byte("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nTo: ada@example.com\r\n\r\nHello\r\n")
	if err := s.Fail(sandbox.Failure{Connector: "email", Kind: sandbox.FailStatus, Status: 451}); err != nil {
		t.Fatal(err)
	}
	to := []string{"ada@example.com", "hidden@example.com"}
	err := s.Deliver(t.Context(), conn, "reports@example.com", to, message)
	if refused, ok := errors.AsType[*textproto.Error](err); !ok || refused.Code != 451 {
		t.Errorf("Deliver = %v, want a refusal with 451", err)
	}
	if err := s.Deliver(t.Context(), conn, "reports@example.com", to, message); err != nil {
		t.Fatal(err)
	}
	want := []sandbox.Mail{{
		Time: noon, Connection: "email", From: "reports@example.com", To: to, Subject: "Grüße", Message: string(message),
	}}
	if diff := cmp.Diff(want, s.Mails()); diff != "" {
		t.Errorf("Mails() (-want +got):\n%s", diff)
	}
	var seen []any
	for _, e := range s.Effects() {
		seen = append(seen, e.Action, e.Status, e.Done)
	}
	if diff := cmp.Diff([]any{"email.send", 451, false, "email.send", 250, true}, seen); diff != "" {
		t.Errorf("Effects() (-want +got):\n%s", diff)
	}
}
