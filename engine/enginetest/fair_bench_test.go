package enginetest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkTrickle measures how long the runs of one flow take to begin: from
// the delivery of their event until the service is called. Beside it there is
// nothing, or a flow with 20,000 runs to do whose calls take a third of a
// second each.
func BenchmarkTrickle(b *testing.B) {
	for _, flood := range []int{0, 20_000} {
		b.Run(fmt.Sprintf("flood=%d", flood), func(b *testing.B) { trickle(b, flood) })
	}
}

func trickle(b *testing.B, flood int) {
	var mu sync.Mutex
	called := map[string]time.Time{}
	arrived := make(chan struct{}, b.N)
	var slow atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasPrefix(id, "flood") {
			slow.Add(1)
			time.Sleep(300 * time.Millisecond)
		} else {
			mu.Lock()
			called[id] = time.Now()
			mu.Unlock()
			arrived <- struct{}{}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"1","tags":["a"]}`)
	}))
	defer service.Close()
	dir := b.TempDir()
	write(b, dir, "connectors/svc/connector.yaml", benchConnector)
	write(b, dir, "flows/flood.yaml", benchFlow+"use: { svc: flood }\n")
	write(b, dir, "flows/trickle.yaml", benchFlow+"use: { svc: trickle }\n")
	write(b, dir, "flows/connections.yaml", fmt.Sprintf(`connections: 1
flood: { connector: svc, base_url: "%[1]s", token: "${{ env.LEDGER_TOKEN }}", signing_secret: "${{ env.LEDGER_SECRET }}" }
trickle: { connector: svc, base_url: "%[1]s", token: "${{ env.LEDGER_TOKEN }}", signing_secret: "${{ env.LEDGER_SECRET }}" }
`, service.URL))
	c := serve(b, options(dir, io.Discard))
	send := func(address, id string) {
		body := fmt.Sprintf(`{"type":"changed","event":"%s","id":"%[1]s","tags":["a"]}`, id)
		signed := delivery{url: address, body: body, header: map[string]string{"X-Signature": hmacOf(ledgerSecret, body)}}
		for {
			status, text, err := post(b.Context(), signed)
			if err == nil && status == http.StatusServiceUnavailable {
				continue // as a service does
			}
			if err != nil || status != http.StatusOK {
				b.Errorf("delivery of %s: %d %s, %v", id, status, text, err)
			}
			return
		}
	}
	flooded, address := c.hook("flood"), c.hook("trickle")
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(flood); i = next.Add(1) {
				send(flooded, fmt.Sprintf("flood%d", i))
			}
		})
	}
	wg.Wait()
	b.ResetTimer()
	sent := map[string]time.Time{}
	for i := range b.N {
		id := fmt.Sprintf("trickle%d", i)
		sent[id] = time.Now()
		send(address, id)
		time.Sleep(5 * time.Millisecond)
	}
	for range b.N {
		<-arrived
	}
	b.StopTimer()
	if flood > 0 && slow.Load() == int64(flood) {
		b.Log("the flood was over before the trickle was")
	}
	took := make([]time.Duration, 0, b.N)
	for id, at := range sent {
		took = append(took, called[id].Sub(at))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "start-p50-ms")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "start-p99-ms")
	c.stop()
}
