package call

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// shippedHTTP returns an action of the connector for any address that Patchbay
// brings along.
func shippedHTTP(t *testing.T, action string) *program.Action {
	t.Helper()
	data, err := os.ReadFile("../../connectors/http/connector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set := program.Build(program.Sources{Connectors: map[string][]program.File{
		"http": {{Path: "connectors/http/connector.yaml", Data: data}},
	}}, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	a, _ := set.Connectors["http"].Action(action)
	return a
}

// An input may say where in the answer the list is.
func TestListAtInput(t *testing.T) {
	a := shippedHTTP(t, "list_all")
	c := New(Options{AllowPrivate: true})
	tests := []struct {
		name, body string
		items      any
		want       any
		message    string
	}{
		{name: "the answer itself", body: `[1,2]`, want: []any{1, 2}},
		{name: "inside", body: `{"data":{"orders":[1,2]}}`, items: "data.orders", want: []any{1, 2}},
		{name: "with the word body", body: `{"data":[1]}`, items: "body.data", want: []any{1}},
		{name: "nowhere", body: `{"data":[1]}`, items: "orders", message: "the answer is not as agreed: orders is missing (the object has: data)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, respond(200, tt.body))
			r := Request{Action: a, Input: map[string]any{"url": s.URL, "items": tt.items}}
			if tt.message != "" {
				if got := failed(t, c, r).Message; got != tt.message {
					t.Errorf("failure = %q, want %q", got, tt.message)
				}
				return
			}
			if diff := cmp.Diff(tt.want, done(t, c, r).Output); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpload(t *testing.T) {
	s := serve(t, respond(201, `{"id":7}`))
	done(t, New(Options{AllowPrivate: true}), Request{Action: shippedHTTP(t, "upload"), Input: map[string]any{
		"url": s.URL + "/documents", "fields": map[string]any{"content": "plain", "tags": []any{"a", "b"}, "gone": nil},
		"files": map[string]any{
			"one": value.File{Name: "a.bin", Data: []byte{1}},
			"two": map[string]any{"name": "b.csv", "content_type": "text/csv", "content": "x,y"},
		},
	}})
	const line = "--patchbay-BOUNDARY\r\n"
	want := "POST /documents\nAccept: */*\nContent-Type: multipart/form-data; boundary=patchbay-BOUNDARY\nUser-Agent: patchbay\n\n" +
		line + "Content-Disposition: form-data; name=\"content\"\r\n\r\nplain\r\n" +
		line + "Content-Disposition: form-data; name=\"tags\"\r\n\r\na\r\n" +
		line + "Content-Disposition: form-data; name=\"tags\"\r\n\r\nb\r\n" +
		line + "Content-Disposition: form-data; name=\"one\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\x01\r\n" +
		line + "Content-Disposition: form-data; name=\"two\"; filename=\"b.csv\"\r\nContent-Type: text/csv\r\n\r\nx,y\r\n" +
		"--patchbay-BOUNDARY--\r\n"
	if diff := cmp.Diff(want, boundary.ReplaceAllString(s.requests()[0], "patchbay-BOUNDARY")); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// Credentials go to the host of the connection, and to no other that a flow
// names.
func TestCredentialsOfAnyAddress(t *testing.T) {
	own, other := serve(t, respond(200, `{}`)), serve(t, respond(200, `{}`))
	a := shippedHTTP(t, "get")
	token, _ := a.Connector.Auth("token")
	conn := &program.Connection{Name: "api", Connector: a.Connector, Auth: token, BaseURL: own.URL}
	c := New(Options{AllowPrivate: true, Credentials: &tokens{token: "tok-1234"}})
	for _, s := range []*service{own, other} {
		done(t, c, Request{Action: a, Connection: conn, Input: map[string]any{"url": s.URL + "/x"}})
	}
	if diff := cmp.Diff([]string{"GET /x\nAccept: */*\nAuthorization: Bearer tok-1234\nUser-Agent: patchbay\n"}, own.requests()); diff != "" {
		t.Errorf("requests to its host (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GET /x\nAccept: */*\nUser-Agent: patchbay\n"}, other.requests()); diff != "" {
		t.Errorf("requests to another host (-want +got):\n%s", diff)
	}
}
