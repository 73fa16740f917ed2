package call

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// uploads is a connector that uploads in three requests, and posts to an
// address that is its own key.
const uploads = `connector: 1
id: shop
name: Shop
api: { base_url: "API/v1", hosts: ["FILES"] }
connection:
  auth:
    token: { type: bearer, label: Token, fields: { token: { type: secret } } }
    hook: { type: api_key, label: Hook, path: key, value: "${{ connection.key }}", fields: { key: { type: secret } } }
types:
  Upload: { id: { type: string } }
errors:
  - { when: body.ok == false and body.error == "done_before", class: none }
  - { when: body.ok == false, class: invalid, message: body.error }
actions:
  upload:
    effect: create
    repeat: unsafe
    before:
      - { id: place, request: POST /places, send: { form.name: "${{ input.name }}", form.size: "${{ bytes(input.content) }}" } }
      - id: file
        request: POST {url}
        headers: { Content-Type: application/octet-stream, X-Id: "${{ before.place.body.id }}" }
        send: { path.url: "${{ before.place.body.url }}", body: "${{ input.content }}" }
    request: POST /uploads
    send: { body.id: "${{ before.place.body.id }}", body.stored: "${{ before.file.status }}" }
    input:
      name: { type: string, send_as: nowhere }
      content: { type: any, send_as: nowhere }
      note: { type: string, optional: true }
    output: { one: Upload, at: body }
  post:
    effect: send
    repeat: unsafe
    request: POST /hooks/{key}
    input: { text: { type: string } }
`

// uploader builds the connector for two hosts, the API and where files go.
func uploader(t *testing.T, api, files *service) *program.Connector {
	t.Helper()
	text := strings.NewReplacer("API", api.URL, "FILES", strings.TrimPrefix(files.URL, "http://")).Replace(uploads)
	set := program.Build(program.Sources{Connectors: map[string][]program.File{
		"shop": {{Path: "connectors/shop/connector.yaml", Data: []byte(text)}},
	}}, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	return set.Connectors["shop"]
}

// upload makes the request of an upload.
func upload(t *testing.T, k *program.Connector, content any) Request {
	t.Helper()
	a, _ := k.Action("upload")
	return Request{
		Action: a, Connection: &program.Connection{Name: "main", Connector: k, Auth: k.Auths[0]},
		Input: map[string]any{"name": "a b.csv", "content": content, "note": "new"},
	}
}

func TestBefore(t *testing.T) {
	files := serve(t, respond(200, `received`, "Content-Type", "text/plain"))
	api := serve(t, nil)
	api.Config.Handler = withNotes(t, api, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/places" {
			respond(200, `{"ok":true,"id":"f1","url":"`+files.URL+`/put/f1?sig=s3"}`)(w, r)
			return
		}
		respond(200, `{"ok":true,"id":"f1"}`)(w, r)
	})
	k := uploader(t, api, files)
	c := New(Options{Credentials: &tokens{token: "tok-1234"}})

	for _, tt := range []struct {
		name    string
		content any
		size    string
	}{
		{"text", "prix\n3 €\n", "11"},
		{"file", value.File{Name: "x.csv", ContentType: "text/csv", Data: []byte("prix\n3 €\n")}, "11"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api.got, files.got = nil, nil
			got := done(t, c, upload(t, k, tt.content))
			if diff := cmp.Diff(map[string]any{"id": "f1"}, got.Output); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			want := []string{
				"POST /v1/places\nAccept: */*\nAuthorization: Bearer tok-1234\nContent-Type: application/x-www-form-urlencoded\nUser-Agent: patchbay\n\nname=a+b.csv&size=" + tt.size,
				"POST /v1/uploads\nAccept: application/json\nAuthorization: Bearer tok-1234\nContent-Type: application/json\nUser-Agent: patchbay\n\n" + `{"id":"f1","note":"new","stored":200}`,
			}
			if diff := cmp.Diff(want, api.requests()); diff != "" {
				t.Errorf("requests to the service (-want +got):\n%s", diff)
			}
			// The other host gets the bytes, and no credentials.
			want = []string{"POST /put/f1?sig=s3\nAccept: */*\nContent-Type: application/octet-stream\nUser-Agent: patchbay\nX-Id: f1\n\nprix\n3 €\n"}
			if diff := cmp.Diff(want, files.requests()); diff != "" {
				t.Errorf("requests to the other host (-want +got):\n%s", diff)
			}
			if got.Exchange.URL != api.URL+"/v1/uploads" || got.Exchange.Status != 200 {
				t.Errorf("exchange = %s %d, want that of the last request", got.Exchange.URL, got.Exchange.Status)
			}
		})
	}
}

// TestBeforeFails looks at uploads whose parts fail: what fails before the last
// request has done nothing, and may be done again.
func TestBeforeFails(t *testing.T) {
	broken := respond(500, `{"message":"out of order"}`)
	fine := respond(200, `{"ok":true}`)
	tests := []struct {
		name               string
		place, file, final http.HandlerFunc
		address            string // "" for that of the other host
		want               value.Failure
	}{
		{
			"the first is refused", respond(200, `{"ok":false,"error":"too_large"}`), fine, fine, "",
			value.Failure{Class: value.ClassInvalid, Status: 200, Message: "request place, which comes before the action's own: too_large"},
		},
		{
			"the second breaks down", nil, broken, fine, "",
			value.Failure{Class: value.ClassTransient, Status: 500, Message: "request file, which comes before the action's own: out of order"},
		},
		{
			"the address leads elsewhere", nil, fine, fine, "http://elsewhere.example/x?key=1",
			value.Failure{Class: value.ClassInvalid, Message: "request file, which comes before the action's own: http://elsewhere.example/x is not among the hosts of shop (API, FILES)"},
		},
		{
			"the last breaks down", nil, fine, broken, "",
			value.Failure{Class: value.ClassTransient, Status: 500, Message: "out of order", Unsettled: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files, api := serve(t, tt.file), serve(t, nil)
			address := files.URL + "/put"
			if tt.address != "" {
				address = tt.address
			}
			api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path != "/v1/places":
					tt.final(w, r)
				case tt.place != nil:
					tt.place(w, r)
				default:
					respond(200, `{"ok":true,"id":"f1","url":"`+address+`"}`)(w, r)
				}
			})
			got := failed(t, New(Options{Credentials: &tokens{token: "tok-1234"}}), upload(t, uploader(t, api, files), "a"))
			tt.want.Action = "shop.upload"
			tt.want.Message = strings.NewReplacer("API", host(t, api.URL), "FILES", host(t, files.URL)).Replace(tt.want.Message)
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBeforePrepared(t *testing.T) {
	api := serve(t, respond(200, `{}`))
	r := upload(t, uploader(t, api, api), "a")
	got, err := New(Options{}).Prepare(t.Context(), r)
	if err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	if want := api.URL + "/v1/places"; got.URL != want || len(api.requests()) > 0 {
		t.Errorf("Prepare = %s with %d requests, want %s, the first, and nothing sent", got.URL, len(api.requests()), want)
	}
}

// inPath puts a key into the path of a request.
type inPath struct {
	tokens

	key string
}

func (p *inPath) Authorize(_ context.Context, conn *program.Connection, req *http.Request) error {
	req.URL.Path, req.URL.RawPath = strings.ReplaceAll(req.URL.Path, "{"+conn.Auth.Path+"}", p.key), ""
	return nil
}

func TestKeyInPath(t *testing.T) {
	api := serve(t, respond(404, `{"message":"no hook T1234567/B7654321/secret-key here, T1234567 is unknown"}`))
	k := uploader(t, api, api)
	post, _ := k.Action("post")
	r := Request{Action: post, Connection: &program.Connection{Name: "main", Connector: k, Auth: k.Auths[1]}, Input: map[string]any{"text": "hi"}}
	c := New(Options{Credentials: &inPath{key: "T1234567/B7654321/secret-key"}})

	res, err := c.Do(t.Context(), r)
	want := &value.Failure{Class: value.ClassNotFound, Action: "shop.post", Status: 404, Message: "no hook [secret] here, [secret] is unknown"}
	if diff := cmp.Diff(want, err); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
	if want := api.URL + "/v1/hooks/[secret]"; res.Exchange.URL != want {
		t.Errorf("exchange = %s, want %s", res.Exchange.URL, want)
	}
	if got, want := strings.SplitN(api.requests()[0], "\n", 2)[0], "POST /v1/hooks/T1234567/B7654321/secret-key"; got != want {
		t.Errorf("the service got %q, want %q", got, want)
	}

	other := upload(t, k, "a")
	other.Connection = r.Connection
	want = &value.Failure{
		Class: value.ClassInvalid, Action: "shop.upload",
		Message: `connection "main" cannot be used for shop.upload: it signs in with "Hook", which is good for nothing but post`,
	}
	if diff := cmp.Diff(want, failed(t, c, other)); diff != "" {
		t.Errorf("failure of another action (-want +got):\n%s", diff)
	}
}

func TestClassNone(t *testing.T) {
	api := serve(t, nil)
	api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/places" {
			respond(200, `{"ok":true,"id":"f1","url":"`+api.URL+`/put"}`)(w, r)
			return
		}
		respond(409, `{"ok":false,"error":"done_before","id":"f1"}`)(w, r)
	})
	got := done(t, New(Options{}), upload(t, uploader(t, api, api), "a"))
	if diff := cmp.Diff(map[string]any{"id": "f1"}, got.Output); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// withNotes notes the requests to a service whose answers depend on another
// one.
func withNotes(t *testing.T, s *service, answer http.HandlerFunc) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := dump(t, r)
		s.mu.Lock()
		s.got = append(s.got, text)
		s.mu.Unlock()
		answer(w, r)
	})
}

func host(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
