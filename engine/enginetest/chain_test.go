package enginetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// chain is a service with several companies, each of which has shops: one
// sign-in opens all shops of a company, and each wants a token of its own.
type chain struct {
	url string

	mu     sync.Mutex
	shops  map[string][]string // company → its shops
	orders map[string][]string // shop → the ids of its orders
	tokens map[string]string   // token → the shop that it is for
	minted map[string]int      // shop → how many tokens it was given
	busy   int                 // how many more requests for a token are answered 429
	notes  map[string][]string // shop → what was noted there
	looks  map[string]int      // shop → how often its orders were listed
	wrong  []string            // what must never happen
}

const chainConnector = `connector: 1
id: chain
name: Chain
api: { base_url: "https://chain.example.com" }
connection:
  fields:
    shop: { type: string, label: Shop, example: a1 }
    company: { type: string, optional: true, example: a }
  auth:
    one: { type: bearer, fields: { token: { type: secret } } }
    all:
      type: bearer
      fields: { token: { type: secret } }
      members:
        list: list_shops
        with: { company: "${{ connection.company ?? '' }}" }
        id: item.id
        name: item.name
        field: shop
        token:
          action: shop_token
          with: { company: "${{ connection.company ?? '' }}", shop: "${{ member.id }}" }
          access_token: output.token
          expires_in: output.seconds
        joined: body.type == "shop.joined" and body.company == connection.company
        retired: body.type == "shop.left" and body.company == connection.company
types:
  Shop: { id: { type: string, from: _id }, name: { type: string } }
  Token: { token: { type: secret, from: access_token }, seconds: { type: integer, from: expires_in } }
  Order: { id: { type: string } }
actions:
  list_shops:
    effect: read
    request: GET /shops
    input: { company: { type: string } }
    paginate: { type: offset, param: query.skip, page_size: { send_as: query.limit, value: 2 } }
    output: { list: Shop, at: body.shops }
  shop_token:
    effect: create
    repeat: safe
    request: POST /token
    input: { company: { type: string, send_as: form.company }, shop: { type: string, send_as: form.shop } }
    output: { one: Token, at: body }
  list_orders:
    effect: read
    request: GET /shops/{shop}/orders
    input: { shop: { type: string, default: "${{ connection.shop }}" } }
    output: { list: Order, at: body.orders }
  note:
    effect: create
    repeat: safe
    request: POST /shops/{shop}/notes
    input: { shop: { type: string, default: "${{ connection.shop }}" }, text: { type: string } }
triggers:
  order_placed: { type: poll, action: list_orders, every: 1s, item_id: item.id }
  order_paid: { type: webhook, match: 'body.type == "order.paid"', output: { one: Order, at: body }, example: { type: order.paid, id: "o1", shop: a1 } }
webhooks:
  connection: body.shop
  event_id: body.id
  verify: [{ type: shared_token, header: X-Chain-Token, secret: token }]
`

func newChain(t *testing.T) *chain {
	c := &chain{
		shops:  map[string][]string{"a": {"a1", "a2", "a3"}, "b": {"b1", "b2"}},
		orders: map[string][]string{}, tokens: map[string]string{}, minted: map[string]int{},
		notes: map[string][]string{}, looks: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /shops", c.list)
	mux.HandleFunc("POST /token", c.mint)
	mux.HandleFunc("GET /shops/{shop}/orders", c.inShop(c.listOrders))
	mux.HandleFunc("POST /shops/{shop}/notes", c.inShop(c.note))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

// list answers the shops of a company, in pages.
func (c *chain) list(w http.ResponseWriter, r *http.Request) {
	c.headOffice(r)
	skip, _ := strconv.Atoi(r.FormValue("skip"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	shops := []map[string]any{}
	for i, shop := range c.shops[r.FormValue("company")] {
		if i >= skip && i < skip+limit {
			shops = append(shops, map[string]any{"_id": shop, "name": "Shop " + strings.ToUpper(shop)})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"shops": shops})
}

// headOffice holds a request to the token of the sign-in.
func (c *chain) headOffice(r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "Bearer "+ledgerToken {
		c.wrong = append(c.wrong, r.URL.Path+" with "+got)
	}
}

// mint gives a shop a token.
func (c *chain) mint(w http.ResponseWriter, r *http.Request) {
	c.headOffice(r)
	if c.busy > 0 {
		c.busy--
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"message": "too many"}`, http.StatusTooManyRequests)
		return
	}
	shop := r.PostFormValue("shop")
	if !slices.Contains(c.shops[r.PostFormValue("company")], shop) {
		http.Error(w, `{"message": "no such shop"}`, http.StatusForbidden)
		return
	}
	c.minted[shop]++
	token := fmt.Sprintf("token-%s-%d", shop, c.minted[shop])
	c.tokens[token] = shop
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "expires_in": 86400})
}

// inShop lets in who has the token of the shop.
func (c *chain) inShop(then func(w http.ResponseWriter, r *http.Request, shop string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shop := r.PathValue("shop")
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch of, known := c.tokens[token]; {
		case !known:
			http.Error(w, `{"message": "the token is unknown"}`, http.StatusUnauthorized)
		case of != shop:
			c.wrong = append(c.wrong, r.URL.Path+" with the token of "+of)
			http.Error(w, `{"message": "another shop"}`, http.StatusForbidden)
		default:
			then(w, r, shop)
		}
	}
}

func (c *chain) listOrders(w http.ResponseWriter, _ *http.Request, shop string) {
	c.looks[shop]++
	orders := []map[string]any{}
	for _, id := range c.orders[shop] {
		orders = append(orders, map[string]any{"id": id})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"orders": orders})
}

func (c *chain) note(w http.ResponseWriter, r *http.Request, shop string) {
	var body struct{ Text string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	c.notes[shop] = append(c.notes[shop], body.Text)
	w.WriteHeader(http.StatusNoContent)
}

// with does something while no request is answered.
func (c *chain) with(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
}

// place adds an order to a shop.
func (c *chain) place(shop, id string) {
	c.with(func() { c.orders[shop] = append(c.orders[shop], id) })
}

// noted returns how often a text was noted in a shop.
func (c *chain) noted(shop, text string) (n int) {
	c.with(func() { n = c.count(shop, text) })
	return n
}

// count is noted while no request is answered.
func (c *chain) count(shop, text string) (n int) {
	for _, note := range c.notes[shop] {
		if note == text {
			n++
		}
	}
	return n
}

// looked returns how often the orders of a shop were listed.
func (c *chain) looked(shop string) (n int) {
	c.with(func() { n = c.looks[shop] })
	return n
}
