package enginetest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ledger is the service at the other end. It writes down every effect, and
// outlives the engines that work with it.
type ledger struct {
	url string
	// hold is called before a request takes effect and once more before it is
	// answered: a place to be slow, or to kill somebody. It may be nil.
	hold     atomic.Pointer[func(*http.Request)]
	requests atomic.Int64

	mu       sync.Mutex
	prices   int               // each look gives another price
	orders   map[string]string // order → its state as it was put last
	lines    map[string]int    // order/line → how often it was put
	payments map[string]string // key → the request that was paid
	paid     map[string]int    // order → payments that were made
	messages map[string]int    // order → messages that were sent
	repeats  map[string]int    // what was asked for again, by kind
	wrong    []string          // what must never happen
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{
		orders: map[string]string{}, lines: map[string]int{}, payments: map[string]string{},
		paid: map[string]int{}, messages: map[string]int{}, repeats: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /prices/{sku}", l.price)
	mux.HandleFunc("PUT /orders/{order}", l.putOrder)
	mux.HandleFunc("PUT /orders/{order}/lines/{line}", l.putLine)
	mux.HandleFunc("POST /payments", l.pay)
	mux.HandleFunc("POST /messages", l.tell)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+ledgerToken {
			http.Error(w, `{"message": "who are you?"}`, http.StatusUnauthorized)
			return
		}
		l.requests.Add(1)
		l.pause(r)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// dawdle makes every request wait a little at both ends, so that a kill meets
// some before and some after their effect.
func dawdle(*http.Request) { time.Sleep(rand.N(8 * time.Millisecond)) }

func (l *ledger) slow(hold func(*http.Request)) { l.hold.Store(&hold) }

func (l *ledger) pause(r *http.Request) {
	if hold := l.hold.Load(); hold != nil {
		(*hold)(r)
	}
}

// reply answers, after the effect has taken place.
func (l *ledger) reply(w http.ResponseWriter, r *http.Request, v any) {
	l.pause(r)
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

func (l *ledger) putOrder(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	order := r.PathValue("order")
	var put struct {
		State  string `json:"state"`
		Amount int    `json:"amount"`
	}
	if err := json.Unmarshal(body, &put); err != nil {
		l.fault("order %s: put %q: %v", order, body, err)
	}
	state := fmt.Sprintf("%s at %d", put.State, put.Amount)
	l.mu.Lock()
	if l.orders[order] == state {
		l.repeats["safe"]++
	}
	l.orders[order] = state
	l.mu.Unlock()
	l.reply(w, r, map[string]any{})
}

func (l *ledger) putLine(w http.ResponseWriter, r *http.Request) {
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
		Order string `json:"order"`
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
	}
	l.mu.Unlock()
	l.reply(w, r, map[string]any{"id": "p-" + key})
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

// told returns how many messages of an order arrived.
func (l *ledger) told(order string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.messages[order]
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
		if l.lines[order+"/"+line] == 0 {
			t.Errorf("order %s: line %s is missing", order, line)
		}
	}
	var paid struct {
		Amount int `json:"amount"`
	}
	for _, body := range maps.All(l.payments) {
		var payment struct {
			Order  string `json:"order"`
			Amount int    `json:"amount"`
		}
		if json.Unmarshal([]byte(body), &payment) == nil && payment.Order == order {
			paid.Amount = payment.Amount
		}
	}
	if want := fmt.Sprintf("closed at %d", paid.Amount); l.orders[order] != want {
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
