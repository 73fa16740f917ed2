package call

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

const writtenConnector = `connector: 1
id: desk
name: Desk
docs: https://desk.example/docs
api:
  base_url: https://api.desk.example
  headers: { X-Account: "${{ connection.account }}", Version: "1" }
connection:
  fields:
    account: { type: string, label: Account }
  auth:
    token: { type: bearer, fields: { token: { type: secret, label: Token } } }
errors:
  - { when: 'status == 400 and body.code in ["dup", "exists"]', class: conflict, message: body.text }
types:
  Ticket:
    id: { type: string, from: _id }
    title: { type: string, from: data.title }
actions:
  file:
    name: File a ticket
    effect: create
    repeat: { key: X-Once, for: 30m }
    request: POST /accounts/{account}/tickets/
    send: { body.origin: patchbay, "query.as": "${{ connection.account }}" }
    input:
      account: { type: string, default: "${{ connection.account }}" }
      title: { type: string, send_as: body.data.title }
      tags: { type: list, of: string, optional: true, send_as: query.tag, style: comma }
      rank: { type: integer, default: 3, wire: text }
    output: { one: Ticket, at: body.ticket }
  list:
    name: List tickets
    effect: read
    request: GET /tickets
    paginate: { type: cursor, param: query.after, page_size: { send_as: query.limit, value: 2 }, next: body.next }
    output: { list: Ticket, at: body.tickets }
`

// written checks a connector file and returns the connector.
func written(t *testing.T) *program.Connector {
	t.Helper()
	set := program.Build(program.Sources{Connectors: map[string][]program.File{
		"desk": {{Path: "connectors/desk/connector.yaml", Data: []byte(writtenConnector)}},
	}}, program.Options{})
	for _, f := range set.Findings {
		t.Errorf("finding: %v", f)
	}
	c := set.Connectors["desk"]
	if c == nil {
		t.Fatal("the connector did not check")
	}
	return c
}

func TestWrittenConnector(t *testing.T) {
	next := map[string]string{"": "c1", "c1": "null"}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == "POST" && r.URL.Query().Has("tag"):
			respond(400, `{"code":"dup","text":"there already"}`)(w, r)
		case r.Method == "POST":
			respond(201, `{"ticket":{"_id":"t1","data":{"title":"T"}}}`)(w, r)
		default:
			after := r.URL.Query().Get("after")
			body := `{"tickets":[{"_id":"` + after + `x","data":{"title":"T"}}],"next":"` + next[after] + `"}`
			if next[after] == "null" {
				body = `{"tickets":[{"_id":"y","data":{"title":"T"}}],"next":null}`
			}
			respond(200, body)(w, r)
		}
	})
	connector := written(t)
	conn := &program.Connection{
		Name: "main", Connector: connector, Auth: connector.Auths[0], BaseURL: s.URL, Fields: map[string]any{"account": "a/1"},
	}
	c := New(Options{Credentials: &tokens{token: "tok-1234"}})
	file, _ := connector.Action("file")
	list, _ := connector.Action("list")

	got := done(t, c, Request{Action: file, Connection: conn, Key: "k", Input: map[string]any{"title": "T"}})
	if diff := cmp.Diff(map[string]any{"id": "t1", "title": "T"}, got.Output); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	f := failed(t, c, Request{Action: file, Connection: conn, Input: map[string]any{"title": "T", "tags": []any{"a", "b"}, "rank": 1}})
	if f.Class != value.ClassConflict || f.Message != "there already" {
		t.Errorf("file twice = %v, want the conflict", f)
	}
	got = done(t, c, Request{Action: list, Connection: conn})
	if diff := cmp.Diff([]any{map[string]any{"id": "x", "title": "T"}, map[string]any{"id": "y", "title": "T"}}, got.Output); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	const always = "Accept: application/json\nAuthorization: Bearer tok-1234\n"
	want := []string{
		"POST /accounts/a%2F1/tickets/?as=a%2F1\n" + always + "Content-Type: application/json\nUser-Agent: patchbay\nVersion: 1\nX-Account: a/1\nX-Once: k\n\n" +
			`{"data":{"title":"T"},"origin":"patchbay","rank":"3"}`,
		"POST /accounts/a%2F1/tickets/?as=a%2F1&tag=a%2Cb\n" + always + "Content-Type: application/json\nUser-Agent: patchbay\nVersion: 1\nX-Account: a/1\n\n" +
			`{"data":{"title":"T"},"origin":"patchbay","rank":"1"}`,
		"GET /tickets?limit=2\n" + always + "User-Agent: patchbay\nVersion: 1\nX-Account: a/1\n",
		"GET /tickets?limit=2&after=c1\n" + always + "User-Agent: patchbay\nVersion: 1\nX-Account: a/1\n",
	}
	if diff := cmp.Diff(want, s.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
