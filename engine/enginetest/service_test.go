package enginetest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ledger is the service at the other end. It writes down every effect, and
// outlives the engines that work with it.
type ledger struct {
	url     string
	handler http.Handler
	// hold is called before a request takes effect and once more, with done,
	// before it is answered: a place to be slow, or to kill somebody. It may
	// be nil.
	hold     atomic.Pointer[func(r *http.Request, done bool)]
	requests atomic.Int64

	mu       sync.Mutex
	looks    int  // for new things
	making   bool // there are new things after each look
	items    []map[string]string
	prices   int                  // each look gives another price
	orders   map[string]string    // order → its state as it was put last
	versions map[string][]string  // order → the versions of the connector that put it
	lines    map[string]int       // order/line → how often it was put
	payments map[string]string    // key → the request that was paid
	paid     map[string]int       // order → payments that were made
	amounts  map[string]int       // order → what was paid last
	messages map[string]int       // order → messages that were sent
	places   map[string]time.Time // key → when its place was reserved
	reserved map[string]int       // order → places that were reserved
	loading  map[string]string    // carrier → the order that it is loading
	repeats  map[string]int       // what was asked for again, by kind
	wrong    []string             // what must never happen

	talking map[net.Conn]bool // connections with a request under way
}

// remembers is how long the ledger knows the key of a place: for longer than
// its connector says.
const remembers = 3 * 2 * time.Second

func newLedger(t *testing.T) *ledger {
	l := &ledger{
		orders: map[string]string{}, versions: map[string][]string{}, lines: map[string]int{}, payments: map[string]string{},
		paid: map[string]int{}, amounts: map[string]int{}, messages: map[string]int{}, repeats: map[string]int{},
		places: map[string]time.Time{}, reserved: map[string]int{}, loading: map[string]string{}, talking: map[net.Conn]bool{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /prices/{sku}", l.price)
	mux.HandleFunc("GET /items", l.list)
	mux.HandleFunc("PUT /orders/{order}", l.putOrder)
	mux.HandleFunc("PUT /orders/{order}/lines/{line}", l.putLine)
	mux.HandleFunc("POST /payments", l.pay)
	mux.HandleFunc("POST /reservations", l.reserve)
	mux.HandleFunc("POST /messages", l.tell)
	l.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+ledgerToken {
			http.Error(w, `{"message": "who are you?"}`, http.StatusUnauthorized)
			return
		}
		l.requests.Add(1)
		l.pause(r, false)
		mux.ServeHTTP(w, r)
	})
	s := httptest.NewUnstartedServer(l.handler)
	s.Config.ConnState = l.connection
	s.Start()
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// dawdle makes every request wait a little at both ends, so that a kill meets
// some before and some after their effect.
func dawdle(*http.Request, bool) { time.Sleep(rand.N(8 * time.Millisecond)) }

func (l *ledger) slow(hold func(r *http.Request, done bool)) { l.hold.Store(&hold) }

func (l *ledger) pause(r *http.Request, done bool) {
	if hold := l.hold.Load(); hold != nil {
		(*hold)(r, done)
	}
}

// connection notes which connections have something to say.
func (l *ledger) connection(c net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if delete(l.talking, c); state == http.StateNew || state == http.StateActive {
		l.talking[c] = true
	}
}

// drain waits until all that was ever sent to the ledger has taken effect. The
// engine that sent it is dead.
func (l *ledger) drain(t *testing.T) {
	t.Helper()
	// What waited to be accepted comes before this connection.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(l.url)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	await(t, "nobody talks to the ledger", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.talking) == 0
	})
}

// reply answers, after the effect has taken place.
func (l *ledger) reply(w http.ResponseWriter, r *http.Request, v any) {
	l.pause(r, true)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (l *ledger) price(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.prices++
	price := map[string]any{"sku": r.PathValue("sku"), "price": map[string]any{"amount": l.prices}}
	l.mu.Unlock()
	l.reply(w, r, price)
}

// list lists all things, and makes some new ones for the next look.
func (l *ledger) list(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.looks++
	items := append([]map[string]string{}, l.items...)
	for range rand.N(3) {
		if l.making {
			l.items = append(l.items, map[string]string{"id": fmt.Sprintf("thing-%d", len(l.items)+1)})
		}
	}
	l.mu.Unlock()
	l.reply(w, r, map[string]any{"items": items})
}

// make lets new things appear, or not any more, after two looks.
func (l *ledger) make(t *testing.T, more bool) {
	t.Helper()
	looked := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.looks
	}
	if more {
		before := looked()
		await(t, "the engine looked once and took note", func() bool { return looked() >= before+2 })
	}
	l.mu.Lock()
	l.making = more
	l.mu.Unlock()
	if !more {
		before := looked()
		await(t, "the engine looked at all there is", func() bool { return looked() >= before+3 })
	}
}

func (l *ledger) putOrder(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	order := r.PathValue("order")
	var put struct {
		State   string `json:"state"`
		Amount  int    `json:"amount"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(body, &put); err != nil {
		l.fault("order %s: put %q: %v", order, body, err)
	}
	state := fmt.Sprintf("%s at %d", put.State, put.Amount)
	l.mu.Lock()
	l.load(order, put.State)
	l.versions[order] = append(l.versions[order], put.Version)
	if l.orders[order] == state {
		l.repeats["safe"]++
	}
	l.orders[order] = state
	l.mu.Unlock()
	l.reply(w, r, map[string]any{})
}

// load minds that a carrier, which the order is named after, loads one parcel
// after the other.
func (l *ledger) load(order, state string) {
	carrier, _, _ := strings.Cut(strings.TrimPrefix(order, "order-"), ".")
	switch loading := l.loading[carrier]; {
	case state == "loading" && loading != "" && loading != order:
		l.wrong = append(l.wrong, order+" is loaded while "+loading+" is")
	case state == "loading":
		l.loading[carrier] = order
	case state == "loaded" && loading == order:
		delete(l.loading, carrier)
	}
}

// putLine puts a line, unless it is the bad one.
func (l *ledger) putLine(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("line") == badLine {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"message": "there is no such line"}`)
		return
	}
	line := r.PathValue("order") + "/" + r.PathValue("line")
	l.mu.Lock()
	if l.lines[line]++; l.lines[line] > 1 {
		l.repeats["safe"]++
	}
	l.mu.Unlock()
	l.reply(w, r, map[string]any{})
}

// pay pays once for each key, and takes no other request under a key it knows.
func (l *ledger) pay(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var payment struct {
		Order  string `json:"order"`
		Amount int    `json:"amount"`
	}
	if err := json.Unmarshal(body, &payment); err != nil {
		l.fault("payment %q: %v", body, err)
	}
	key := r.Header.Get("Idempotency-Key")
	l.mu.Lock()
	first, known := l.payments[key]
	switch {
	case key == "":
		l.wrong = append(l.wrong, "a payment without a key")
	case known && first != string(body):
		l.wrong = append(l.wrong, fmt.Sprintf("key %s was repeated with other words:\n  %s\n  %s", key, first, body))
	case known:
		l.repeats["keyed"]++
	default:
		l.payments[key] = string(body)
		l.paid[payment.Order]++
		l.amounts[payment.Order] = payment.Amount
	}
	l.mu.Unlock()
	l.reply(w, r, map[string]any{"id": "p-" + key})
}

// reserve reserves a place for each key that it does not know, or not any more.
func (l *ledger) reserve(w http.ResponseWriter, r *http.Request) {
	var place struct {
		Order string `json:"order"`
	}
	if err := json.NewDecoder(r.Body).Decode(&place); err != nil {
		l.fault("reservation: %v", err)
	}
	key := r.Header.Get("Idempotency-Key")
	l.mu.Lock()
	if at, known := l.places[key]; known && time.Since(at) < remembers {
		l.repeats["keyed for a time"]++
	} else {
		l.places[key] = time.Now()
		l.reserved[place.Order]++
	}
	l.mu.Unlock()
	l.reply(w, r, map[string]any{"id": "r-" + key})
}

func (l *ledger) tell(w http.ResponseWriter, r *http.Request) {
	var message struct {
		Order string `json:"order"`
	}
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		l.fault("message: %v", err)
	}
	l.mu.Lock()
	l.messages[message.Order]++
	l.mu.Unlock()
	l.reply(w, r, map[string]any{})
}

func (l *ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// effects returns how often something that must happen once did, for an order.
func (l *ledger) effects(action, order string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return map[string]map[string]int{"pay": l.paid, "reserve": l.reserved, "tell": l.messages}[action][order]
}

// doubled returns how often something happened again that must happen once.
func (l *ledger) doubled() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, effects := range []map[string]int{l.paid, l.reserved, l.messages} {
		for _, times := range effects {
			n += max(0, times-1)
		}
	}
	return n
}

// told returns how many messages of an order arrived.
func (l *ledger) told(order string) int {
	return l.effects("tell", order)
}

// check holds the books against an order that went through to its end.
func (l *ledger) check(t *testing.T, order string, lines []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := l.paid[order]; got != 1 {
		t.Errorf("order %s: payments = %d, want 1", order, got)
	}
	if got := l.messages[order]; got != 1 {
		t.Errorf("order %s: messages = %d, want 1", order, got)
	}
	for _, line := range lines {
		if line != badLine && l.lines[order+"/"+line] == 0 {
			t.Errorf("order %s: line %s is missing", order, line)
		}
	}
	if want := fmt.Sprintf("closed at %d", l.amounts[order]); l.orders[order] != want {
		t.Errorf("order %s: its state = %q, want %q", order, l.orders[order], want)
	}
}

// noFaults fails the test for each thing that must never happen and did.
func (l *ledger) noFaults(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, what := range l.wrong {
		t.Errorf("at the service: %s", what)
	}
}
