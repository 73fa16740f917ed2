//go:build unix

package enginetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/engine/console"
)

// bankConnector signs in with OAuth. A renewal brings a new refresh token, and
// the old one is good for a moment longer.
const bankConnector = `connector: 1
id: bank
name: Bank
api: { base_url: https://bank.example.com, timeout: 60s }
connection:
  auth:
    oauth:
      type: oauth2_code
      fields: { client_id: { type: string, example: c1 }, client_secret: { type: secret } }
      authorize_url: "URL/authorize"
      token_url: "URL/token"
      scopes: [items]
      refresh: { rotates: true, before_expiry: 10s, grace: 30s }
    key:
      type: bearer
      fields: { token: { type: secret } }
  test: { action: me }
types:
  Item: { n: { type: string, example: i1 } }
  Entry: { id: { type: string, example: e1 } }
actions:
  me: { name: Who am I, effect: read, request: GET /me, output: { one: Item } }
  item: { name: Look up an item, effect: read, request: "GET /items/{n}", input: { n: { type: string } }, output: { one: Item } }
  pay: { name: Pay, effect: create, repeat: unsafe, request: "POST /payments/{n}", input: { n: { type: string } } }
  entries: { name: List entries, effect: read, request: GET /entries, output: { list: Entry, at: body.entries } }
triggers:
  entry: { name: A new entry, type: poll, action: entries, every: 1s, item_id: item.id }
`

// bank is a service with OAuth, and its authorization server.
type bank struct {
	url string
	// hold is called with each request to the API before it is looked at, given
	// with each renewal that was answered, once the answer has left. Both may be nil.
	hold  func(*http.Request)
	given func(renewal int)

	mu        sync.Mutex
	key       string           // the fixed one that is taken
	forbidden string           // the path that no token is good for
	life      int              // of an access token, in seconds
	grace     time.Duration    // of an old refresh token
	ahead     time.Duration    // how far the clock of the bank is ahead
	issued    int              // tokens
	access    map[string]int   // those that are taken → the family
	refresh   map[string]token // all there ever were
	dead      map[int]bool     // families
	families  int
	renewals  []string // the refresh tokens that were sent
	refused   int      // requests with a token that is not taken
	items     int      // looked up
	looks     int      // at the entries
	paid      map[string]int
	payments  []string // in their order
	entries   []string
}

// token is a refresh token.
type token struct {
	family int
	used   time.Time // zero for never
}

func newBank(t *testing.T) *bank {
	b := &bank{
		life: 3600, grace: 30 * time.Second, access: map[string]int{}, refresh: map[string]token{}, dead: map[int]bool{},
		paid: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", b.token)
	mux.HandleFunc("/", b.api)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

func (b *bank) with(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do()
}

func (b *bank) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	b.mu.Lock()
	var family, renewal int
	ok := true
	if r.PostForm.Get("grant_type") == "authorization_code" {
		b.families++
		family = b.families
	} else {
		family, ok = b.renew(r.PostForm.Get("refresh_token"))
		renewal = len(b.renewals)
	}
	answer := map[string]any{"error": "invalid_grant", "error_description": "The refresh token is not valid."}
	if ok {
		b.issued++
		access, refresh := fmt.Sprintf("access-%d", b.issued), fmt.Sprintf("refresh-%d", b.issued)
		b.access[access], b.refresh[refresh] = family, token{family: family}
		answer = map[string]any{"access_token": access, "refresh_token": refresh, "expires_in": b.life, "token_type": "bearer"}
	}
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(answer)
	_ = http.NewResponseController(w).Flush()
	if b.given != nil && renewal > 0 && ok {
		b.given(renewal)
	}
}

// renew looks at a refresh token. One that is used after its grace ends all
// tokens of its family.
func (b *bank) renew(refresh string) (family int, ok bool) {
	b.renewals = append(b.renewals, refresh)
	now := time.Now().Add(b.ahead)
	t, known := b.refresh[refresh]
	switch {
	case !known || b.dead[t.family]:
		return 0, false
	case !t.used.IsZero() && now.Sub(t.used) > b.grace:
		b.end(t.family)
		return 0, false
	case t.used.IsZero():
		t.used = now
		b.refresh[refresh] = t
	}
	return t.family, true
}

// end ends all tokens of a family.
func (b *bank) end(family int) {
	b.dead[family] = true
	for access, of := range b.access {
		if of == family {
			delete(b.access, access)
		}
	}
}

func (b *bank) api(w http.ResponseWriter, r *http.Request) {
	if b.hold != nil {
		b.hold(r)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	text := r.Header.Get("Authorization")
	_, taken := b.access[text[min(len("Bearer "), len(text)):]]
	taken = taken || b.key != "" && text == "Bearer "+b.key
	if w.Header().Set("Content-Type", "application/json"); !taken || r.URL.Path == b.forbidden {
		b.refused++
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"message": "the token is not valid"}`))
		return
	}
	switch r.URL.Path {
	case "/me":
		_, _ = w.Write([]byte(`{"n": "me"}`))
	case "/entries":
		b.looks++
		list := []map[string]string{}
		for _, id := range b.entries {
			list = append(list, map[string]string{"id": id})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"entries": list})
	default:
		if r.Method == http.MethodPost {
			n := r.URL.Path[len("/payments/"):]
			b.paid[n]++
			b.payments = append(b.payments, n)
		} else {
			b.items++
		}
		_, _ = w.Write([]byte(`{"n": "x"}`))
	}
}

// order returns the payments that begin so, in their order.
func (b *bank) order(prefix string) []string {
	var all []string
	for _, n := range b.payments {
		if strings.HasPrefix(n, prefix) {
			all = append(all, n)
		}
	}
	return all
}

// bankWorkspace has the bank's connector and a connection to it.
func bankWorkspace(t *testing.T, b *bank) string {
	t.Helper()
	dir := t.TempDir()
	connector := strings.ReplaceAll(bankConnector, "URL/", b.url+"/")
	write(t, dir, "connectors/bank/connector.yaml", connector)
	write(t, dir, "flows/connections.yaml", `connections: 1
bank: { connector: bank, auth: oauth, base_url: "`+b.url+`", client_id: c1, client_secret: "${{ env.LEDGER_SECRET }}" }
`)
	return dir
}

// signIn signs a connection to the bank in, as a person with a browser does.
func (c *client) signIn(connection string) {
	c.t.Helper()
	var begun console.ConnectAnswer
	if code := c.api(http.MethodPost, "/connections/"+connection+"/connect", struct{}{}, &begun); code != http.StatusOK {
		c.t.Fatalf("connect %s: status %d", connection, code)
	}
	u, err := url.Parse(begun.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	back := c.vendors + "/oauth/callback?" + url.Values{"code": {"code"}, "state": {u.Query().Get("state")}}.Encode()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, back, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("callback: status %d", res.StatusCode)
	}
}

// standing returns how a connection stands.
func (c *client) standing(name string) console.Connection {
	c.t.Helper()
	var all []console.Connection
	c.api(http.MethodGet, "/connections", nil, &all)
	for _, k := range all {
		if k.Name == name {
			return k
		}
	}
	c.t.Fatalf("there is no connection %s", name)
	return console.Connection{}
}
