package enginetest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/engine/console"
	"patchbay/engine/enginetest/fault"
	"patchbay/engine/journal"
)

// troubled is a flow with a step of each nature. Each is tried three times more.
const troubled = `flow: 1
name: Troubled
triggers:
  - trigger: ledger.placed
steps:
  - id: price
    action: ledger.price
    timeout: 5s
    retry: { max: 3, wait: 10ms, backoff: fixed }
    with: { sku: "${{ event.sku }}" }
  - action: ledger.put_order
    timeout: 5s
    retry: { max: 3, wait: 10ms, backoff: fixed }
    with: { order: "${{ event.order }}", state: open, amount: "${{ steps.price.amount }}" }
  - action: ledger.pay
    timeout: 5s
    retry: { max: 3, wait: 10ms, backoff: fixed }
    with: { order: "${{ event.order }}", amount: "${{ steps.price.amount }}", at: "${{ now() }}" }
  - for_each: event.lines
    as: line
    on_error: collect
    steps:
      - action: ledger.put_line
        timeout: 5s
        retry: { max: 3, wait: 10ms, backoff: fixed }
        with: { order: "${{ event.order }}", line: "${{ line }}" }
  - action: ledger.tell
    timeout: 5s
    retry: { max: 3, wait: 10ms, backoff: fixed }
    with: { order: "${{ event.order }}" }
`

// TestFaultNetwork lets every fifth call go wrong, in all ways there are and
// before or after it had its effect. How each run has to end is computed from
// what the service said to it.
func TestFaultNetwork(t *testing.T) {
	t.Parallel()
	n := &network{dice: fault.Throw(t), ledger: newLedger(t), said: map[string][]trouble{}}
	s := httptest.NewServer(n)
	// On a connection that was used before, a read that is cut off is asked
	// again by the HTTP client itself.
	s.Config.SetKeepAlivesEnabled(false)
	t.Cleanup(s.Close)
	dir := workspace(t, s.URL)
	if err := os.Remove(filepath.Join(dir, "flows", "order.yaml")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "flows/troubled.yaml", troubled)
	c := serve(t, options(dir, t.Output()))
	hook := c.hook("ledger")
	events := 2 * fault.Rounds()
	for i := range events {
		id := nameOf("placed", i)
		if code, _, err := post(t.Context(), placedFor(hook, id, "order-"+id, "order-"+id, lines)); code != http.StatusOK {
			t.Fatalf("deliver %s = %d, %v, want 200", id, code, err)
		}
	}
	began := time.Now()
	c.settled("troubled")
	took := time.Since(began)
	n.calm()
	got := map[journal.Status]int{}
	lost := events
	for _, r := range c.listed() {
		lost--
		got[r.Status]++
		n.check(t, c.run(r.ID), "order-"+r.EventID)
	}
	questions := n.answerAll(t, c)
	c.settled("troubled")
	for _, r := range c.listed() {
		if r.Status == journal.OutcomeUnknown {
			t.Errorf("run %d asks once more: %s", r.ID, r.Reason)
		}
		if r.Status != journal.FailedStatus && n.ledger.told("order-"+r.EventID) != 1 {
			t.Errorf("order-%s: messages = %d, want 1", r.EventID, n.ledger.told("order-"+r.EventID))
		}
	}
	if doubled := n.ledger.doubled(); lost != 0 || doubled != 0 {
		t.Errorf("events lost = %d, doubled = %d, want none", lost, doubled)
	}
	n.ledger.noFaults(t)
	t.Logf("seed %d: %d events, lost %d, doubled %d; %d calls, %d of them went wrong: %v; runs %v, %d questions; all ended after %s",
		n.dice.Seed, events, lost, n.ledger.doubled(), n.calls, n.wrong, n.count, got, questions, took.Round(time.Millisecond))
}

// trouble is what a network or a service does to a call.
type trouble string

// The troubles. Those that may strike before or after the effect are marked so
// when they are noted.
const (
	none      trouble = "none"
	slow      trouble = "slow"
	reset     trouble = "reset"
	timeout   trouble = "time-out"
	down      trouble = "5xx"
	limited   trouble = "429"
	limitedBy trouble = "429 with Retry-After"
	truncated trouble = "truncated"
	html      trouble = "HTML"
)

// network stands between an engine and a ledger.
type network struct {
	ledger *ledger

	mu           sync.Mutex
	dice         fault.Dice
	quiet        bool
	said         map[string][]trouble // by order and call: what came of each
	count        map[trouble]int
	calls, wrong int
}

// next throws the dice for a call.
func (n *network) next(call string) (what trouble, after bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.quiet {
		return none, true
	}
	what = none
	n.calls++
	if n.dice.IntN(5) == 0 {
		all := []trouble{slow, reset, reset, timeout, down, down, down, truncated, truncated, html, html, limited, limitedBy}
		what = all[n.dice.IntN(len(all))]
		n.wrong++
	}
	if n.count == nil {
		n.count = map[trouble]int{}
	}
	n.count[what]++
	n.said[call] = append(n.said[call], what)
	return what, n.dice.IntN(2) == 0
}

// calm lets every call go well from now on.
func (n *network) calm() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.quiet = true
}

// callOf names a call: its order, and what is asked for it.
func callOf(method, path string, body []byte) string {
	var of struct {
		Order string `json:"order"`
	}
	_ = json.Unmarshal(body, &of)
	switch part := strings.Split(path, "/"); part[1] {
	case "prices":
		return part[2] + " price"
	case "orders":
		return strings.TrimSuffix(part[2]+" "+method+" "+strings.Join(part[3:], "/"), " ")
	default:
		return of.Order + " " + part[1]
	}
}

// ServeHTTP lets a call through, or not.
func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	what, after := n.next(callOf(r.Method, r.URL.Path, body))
	answer := httptest.NewRecorder()
	through := func() {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		n.ledger.handler.ServeHTTP(answer, again)
	}
	if what != limited && what != limitedBy && (after || what == none || what == slow || what == truncated || what == html) {
		through()
	}
	w.Header().Set("Content-Type", "application/json")
	switch what {
	case reset:
		panic(http.ErrAbortHandler)
	case timeout:
		<-r.Context().Done()
	case down:
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"message": "out of order"}`)
	case limitedBy, limited:
		if what == limitedBy {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"message": "not so fast"}`)
	case truncated:
		w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()+10))
		_, _ = w.Write(answer.Body.Bytes())
	case html:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<h1>Welcome to the hotel</h1>")
	default:
		if what == slow {
			time.Sleep(200 * time.Millisecond)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}
}

// nature is what may be done with a call whose outcome is not known.
type nature int

const (
	repeatable nature = iota // a read, or a write that is safe to repeat
	keyed
	unsafe
)

// endOf returns how a step ends to whose calls these answers were given, and
// how many of them it needed to end so. A step that reads its answer minds that
// it is none.
func endOf(said []trouble, of nature, reads bool) (journal.Status, int) {
	tries := 0
	for i, what := range said {
		switch what {
		case limited, limitedBy: // uses up no try
			continue
		case none, slow:
			return journal.Succeeded, i + 1
		case html:
			if reads {
				return journal.FailedStatus, i + 1
			}
			return journal.Succeeded, i + 1
		default: // what came of it is not known
			tries++
			if of == repeatable && tries > 3 {
				return journal.FailedStatus, i + 1
			}
			if of == unsafe || of == keyed && tries > 3 {
				return journal.OutcomeUnknown, i + 1
			}
		}
	}
	return journal.Running, len(said)
}

// check holds how a run stands against what the service said to it.
func (n *network) check(t *testing.T, run console.Run, order string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	want, why := journal.Succeeded, ""
	step := func(call string, of nature, reads bool) journal.Status {
		said := n.said[order+" "+call]
		status, needed := endOf(said, of, reads)
		why += fmt.Sprintf("\n  %s: %v, so %s", call, said, status)
		if needed != len(said) {
			t.Errorf("%s: %d calls of %s, want %d: %v", order, len(said), call, needed, said)
		}
		return status
	}
	walk := func() journal.Status {
		for _, s := range []struct {
			call  string
			of    nature
			reads bool
		}{{"price", repeatable, true}, {"PUT", repeatable, false}, {"payments", keyed, true}} {
			if status := step(s.call, s.of, s.reads); status != journal.Succeeded {
				return status
			}
		}
		for _, line := range lines {
			if step("PUT lines/"+line, repeatable, false) != journal.Succeeded {
				want = journal.PartlyFailed
			}
		}
		if status := step("messages", unsafe, false); status != journal.Succeeded {
			return status
		}
		return want
	}
	if want := walk(); run.Status != want {
		t.Errorf("%s: run %d = %s %q, want %s:%s\n%s", order, run.ID, run.Status, run.Reason, want, why, trace(run))
	}
}

// answerAll answers what is asked, as a person does who looks it up. It returns
// how many questions there were.
func (n *network) answerAll(t *testing.T, c *client) int {
	t.Helper()
	questions := 0
	for _, r := range c.listed() {
		if r.Status != journal.OutcomeUnknown {
			continue
		}
		questions++
		action := "tell"
		if strings.Contains(r.Reason, "ledger.pay ") {
			action = "pay"
		}
		happened := map[string]any{"happened": n.ledger.effects(action, "order-"+r.EventID) > 0}
		if code := c.api(http.MethodPost, fmt.Sprintf("/runs/%d/answer", r.ID), happened, nil); code != http.StatusOK {
			t.Errorf("answer for run %d: status %d", r.ID, code)
		}
	}
	return questions
}

// listed returns all runs, the newest first.
func (c *client) listed() []console.Run {
	c.t.Helper()
	var all []console.Run
	for before := int64(0); ; {
		var page []console.Run
		c.api(http.MethodGet, fmt.Sprintf("/runs?limit=500&before=%d", before), nil, &page)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		before = page[len(page)-1].ID
	}
}
