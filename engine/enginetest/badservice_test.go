package enginetest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// answerOf is what a service says; the zero status breaks the connection off.
type answerOf struct {
	status int
	kind   string // the content type, "" for JSON
	body   string
	header map[string]string
	short  bool // the body is shorter than it says
}

type answers []answerOf

// badLedger is a ledger that answers by script: what it is told to say to a
// request, one after the other, the last one for ever.
type badLedger struct {
	url string

	mu    sync.Mutex
	said  map[string]answers // by method and path
	asked map[string]int
}

func newBadLedger(t *testing.T) *badLedger {
	b := &badLedger{said: map[string]answers{}, asked: map[string]int{}}
	s := httptest.NewServer(b)
	// On a connection that was used before, a read that is cut off is asked
	// again by the HTTP client itself.
	s.Config.SetKeepAlivesEnabled(false)
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

func (b *badLedger) say(request string, a answers) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said[request], b.asked[request] = a, 0
}

// count returns how often something was asked.
func (b *badLedger) count(request string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[request]
}

// ServeHTTP answers the next line of the script.
func (b *badLedger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := r.Method + " " + r.URL.Path
	b.mu.Lock()
	list := b.said[request]
	n := b.asked[request]
	b.asked[request]++
	b.mu.Unlock()
	if len(list) == 0 {
		http.NotFound(w, r)
		return
	}
	a := list[min(n, len(list)-1)]
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	if a.kind != "" {
		w.Header().Set("Content-Type", a.kind)
	}
	for name, text := range a.header {
		w.Header().Set(name, text)
	}
	if a.short {
		w.Header().Set("Content-Length", fmt.Sprint(len(a.body)+10))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body))
}

// attemptsOf lists the attempts of a run: how each ended, and its number.
func attemptsOf(run console.Run) []string {
	var out []string
	for _, e := range run.Journal {
		if e.Attempt > 0 && e.Kind != journal.Intent {
			out = append(out, fmt.Sprintf("%s %d", e.Kind, e.Attempt))
		}
	}
	return out
}

// cutBetween returns a text without what lies between two marks, the first one
// included.
func cutBetween(t *testing.T, text, from, to string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, from)
	_, after, found := strings.Cut(rest, to)
	if !ok || !found {
		t.Fatalf("%q or %q is missing", from, to)
	}
	return before + to + after
}
