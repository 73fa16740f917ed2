package program_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
)

// TestSubscribe reads how a service is subscribed to, and counts what that
// needs among the scopes of the flows that wait for its events.
func TestSubscribe(t *testing.T) {
	src := program.Sources{
		Connectors: map[string][]program.File{"desk": {{Path: "connectors/desk/connector.yaml", Data: []byte(`connector: 1
id: desk
name: Desk
api: { base_url: "https://desk.example.com" }
connection:
  auth:
    token: { type: bearer, fields: { token: { type: secret } } }
    key: { type: api_key, header: X-Key, fields: { api_key: { type: secret } } }
actions:
  list_subs: { effect: read, scopes: [subs.read], request: GET /subs, output: { list: { id: { type: string }, url: { type: string }, event: { type: string } }, at: body } }
  make_sub:
    effect: create
    repeat: unsafe
    scopes: [subs.write]
    request: POST /subs
    input: { url: { type: string }, event: { type: string }, headers: { type: map, optional: true } }
    output: { one: { id: { type: string } }, at: body.sub }
  drop_sub: { effect: delete, repeat: safe, scopes: [subs.write], request: "DELETE /subs/{id}", input: { id: { type: string } } }
triggers:
  opened: { type: webhook, event: ticket.opened, scopes: [tickets.read], output: { one: any, at: body } }
webhooks:
  verify: [{ type: none }]
  subscribe:
    ways: [token]
    on: { action: make_sub, with: { url: "${{ address }}?for=x", event: "${{ event }}", headers: { X-Key: "key ${{ secret }}" } } }
    keep: { id: output.id }
    off: { action: drop_sub, with: { id: "${{ kept.id }}" } }
    list: { action: list_subs, id: item.id, address: item.url, events: item.event }
`)}}},
		Flows: []program.File{
			{Path: "flows/connections.yaml", Data: []byte("connections: 1\ndesk: { connector: desk, auth: token, token: \"${{ env.A }}\" }\nother: { connector: desk, auth: key, api_key: \"${{ env.A }}\" }\n")},
			{Path: "flows/a.yaml", Data: []byte("flow: 1\ntriggers: [{ trigger: desk.opened }]\nsteps: [{ stop: done }]\n")},
		},
	}
	set := program.Build(src, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	because := []string{"flow a: desk.opened"}
	want := []program.ScopeNeed{
		{Connection: "desk", Connector: "desk", Scope: "subs.read", Because: because},
		{Connection: "desk", Connector: "desk", Scope: "subs.write", Because: because},
		{Connection: "desk", Connector: "desk", Scope: "tickets.read", Because: because},
	}
	if diff := cmp.Diff(want, set.Scopes()); diff != "" {
		t.Errorf("Scopes() (-want +got):\n%s", diff)
	}
	s := set.Connectors["desk"].Webhooks.Subscribe
	if !s.TakesSecret() {
		t.Error("TakesSecret() = false, want true: a header holds it")
	}
	played := program.SandboxConnection(set.Connectors["desk"])
	played.Auth = set.Connections["other"].Auth
	for _, tt := range []struct {
		name string
		conn *program.Connection
		want bool
	}{
		{"with a token", set.Connections["desk"], true},
		{"with a key", set.Connections["other"], false},
		{"played", played, true},
	} {
		if got := s.By(tt.conn); got != tt.want {
			t.Errorf("By(a connection %s) = %v, want %v", tt.name, got, tt.want)
		}
	}
	if diff := cmp.Diff([]string{"address", "event", "secret"}, s.OnWith.Refs()); diff != "" {
		t.Errorf("Refs() (-want +got):\n%s", diff)
	}
}
