package vault

import (
	"net/http/httptest"
	"testing"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

const composedConnector = `connector: 1
id: bank
name: The Bank
api: { base_url: https://api.bank.test }
connection:
  auth:
    api_key:
      type: api_key
      fields: { login: { type: string }, secret_key: { type: secret } }
      header: Authorization
      value: "${{ connection.login }}:${{ connection.secret_key }}"
    token:
      type: bearer
      fields: { token: { type: secret } }
    odd:
      type: bearer
      fields: { token: { type: secret } }
      token: "${{ split(connection.token, \"-\")[7] }}"
`

const composedConnections = `connections: 1
bank_key: { connector: bank, auth: api_key, login: pied-piper-7132, secret_key: "${{ env.API_KEY }}" }
bank_token: { connector: bank, auth: token, token: "${{ secret.bank }}" }
bank_odd: { connector: bank, auth: odd, token: "${{ env.API_KEY }}" }
`

// TestComposedCredentials authorizes with what the checker makes of files.
func TestComposedCredentials(t *testing.T) {
	set := program.Build(program.Sources{
		Connectors: map[string][]program.File{"bank": {{Path: "bank/connector.yaml", Data: []byte(composedConnector)}}},
		Flows:      []program.File{{Path: "connections.yaml", Data: []byte(composedConnections)}},
	}, program.Options{})
	for _, f := range set.Findings {
		t.Errorf("%v", f)
	}
	v := open(t, newMemory())
	if err := v.SetSecret(t.Context(), "bank", value.NewSecret("sealed")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"bank_key":   "pied-piper-7132:key-1234",
		"bank_token": "Bearer sealed",
	} {
		if set.Connections[name] == nil {
			t.Fatalf("connection %s was not made", name)
		}
		wantAuthorized(t, v, set.Connections[name], want)
	}
	req := httptest.NewRequestWithContext(t.Context(), "GET", "https://api.bank.test/", nil)
	err := v.Authorize(t.Context(), set.Connections["bank_odd"], req)
	wantFailure(t, err, value.ClassInvalid, `the token of connection "bank_odd": item 7 of split(connection.token, "-") does not exist: it has 2 items, counted from 0`)
}
