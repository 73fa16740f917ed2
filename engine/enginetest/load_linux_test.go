package enginetest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/engine/enginetest/fault"
	"patchbay/engine/journal"
)

// flat is how much the memory of an engine may grow while nine tenths of the
// events pile up, however many these are.
const flat = 128 << 20

// TestFaultLoad lets events pile up while the service they are for does not
// answer, and then does: the memory of the engine stays what it was, and every
// event is worked off, once.
func TestFaultLoad(t *testing.T) {
	events := fault.Events()
	s := &slowService{gate: make(chan struct{}), put: make([]atomic.Int32, events)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	write(t, dir, "connectors/svc/connector.yaml", strings.Replace(benchConnector,
		"base_url: https://svc.example", "base_url: https://svc.example, timeout: 6h", 1))
	write(t, dir, "flows/bench.yaml", benchFlow)
	write(t, dir, "flows/connections.yaml", "connections: 1\nsvc: { connector: svc, base_url: \""+server.URL+
		"\", token: \"${{ env.LEDGER_TOKEN }}\", signing_secret: \"${{ env.LEDGER_SECRET }}\" }\n")
	p := spawn(t, dir)
	m := &memory{t: t, pid: p.cmd.Process.Pid}
	m.look("at first")
	hook := p.hook("svc")
	began := time.Now()
	again := pileUp(t, hook, 0, events/10)
	early := m.look("a tenth queued")
	again += pileUp(t, hook, events/10, events)
	accepted := time.Since(began)
	late := m.look("all queued")
	close(s.gate)
	began = time.Now()
	ended, since := 0, time.Now()
	for ended < events {
		time.Sleep(100 * time.Millisecond)
		counts := p.counts("bench")
		if now := counts[journal.Succeeded]; now > ended {
			if ended < events/2 && now >= events/2 {
				m.look("half of them done")
			}
			ended, since = now, time.Now()
		}
		if time.Since(since) > patience || counts[journal.FailedStatus]+counts[journal.OutcomeUnknown] > 0 {
			t.Fatalf("runs = %v, and none has ended for %s", counts, time.Since(since))
		}
	}
	drained := time.Since(began)
	m.look("all done")
	lost, doubled := s.books()
	if lost != 0 || doubled != 0 {
		t.Errorf("events lost = %d, doubled = %d, want none", lost, doubled)
	}
	if late-early > flat {
		t.Errorf("memory grew by %d MB while nine tenths of the events piled up, want at most %d", (late-early)>>20, flat>>20)
	}
	p.terminate()
	t.Logf("%d events, lost %d, doubled %d; accepted in %s, %d times told to come again, drained in %s; memory: %s",
		events, lost, doubled, accepted.Round(time.Millisecond), again, drained.Round(time.Millisecond), strings.Join(m.said, ", "))
}

// slowService answers nobody before its gate is open.
type slowService struct {
	gate chan struct{}
	put  []atomic.Int32 // how often each thing was put
}

// ServeHTTP notes what is put and answers when it may.
func (s *slowService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/things/t")); err == nil && n < len(s.put) {
		s.put[n].Add(1)
	}
	select {
	case <-s.gate:
	case <-r.Context().Done():
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"id":"1","tags":["a"]}`)
}

// books returns how many things were never put, and how often one was put again.
func (s *slowService) books() (lost, doubled int) {
	for i := range s.put {
		switch n := int(s.put[i].Load()); n {
		case 0:
			lost++
		default:
			doubled += n - 1
		}
	}
	return lost, doubled
}

// pileUp delivers the events from one number to another. It returns how often
// it had to come again.
func pileUp(t *testing.T, hook string, from, to int) int64 {
	t.Helper()
	const senders = 64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	defer client.CloseIdleConnections()
	var next, again atomic.Int64
	next.Store(int64(from))
	var over sync.WaitGroup
	for range senders {
		over.Go(func() {
			for i := next.Add(1) - 1; i < int64(to); i = next.Add(1) - 1 {
				again.Add(bring(t, client, changed(hook, i)))
			}
		})
	}
	over.Wait()
	return again.Load()
}

// memory looks at how much of it a process has to itself.
type memory struct {
	t    *testing.T
	pid  int
	said []string
}

func (m *memory) look(when string) int64 {
	m.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.pid))
	if err != nil {
		m.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	size, err := strconv.ParseInt(strings.Fields(rest + " -")[0], 10, 64)
	if err != nil {
		m.t.Fatalf("RssAnon in %q: %v", status, err)
	}
	m.said = append(m.said, fmt.Sprintf("%s %d MB", when, size>>10))
	return size << 10
}
