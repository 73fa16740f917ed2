package enginetest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/engine/journal"
)

const benchConnector = `connector: 1
id: svc
name: Service
api: { base_url: https://svc.example }
connection:
  auth:
    token:
      type: bearer
      fields: { token: { type: secret, label: Token } }
types:
  Thing:
    id: { type: string }
    tags: { type: list, of: string }
actions:
  put:
    effect: update
    repeat: safe
    request: PUT /things/{id}
    input: { id: { type: string }, tags: { type: list, of: string } }
    output: { one: Thing }
triggers:
  changed:
    type: webhook
    match: body.type == "changed"
    output: { one: Thing }
webhooks:
  event_id: body.event
  fields: { signing_secret: { type: secret, label: Signing secret } }
  verify: [{ type: hmac_sha256, header: X-Signature, signed: raw_body, secret: signing_secret }]
`

const benchFlow = `flow: 1
name: Bench
triggers:
  - trigger: svc.changed
conditions:
  - len(event.tags) > 0
steps:
  - id: put
    action: svc.put
    with:
      id: ${{ event.id }}
      tags: "${{ map(event.tags, lower(trim(#))) }}"
`

// BenchmarkWebhookToCall measures the main job with every run durable: a
// signed webhook, a condition and an expression, one HTTP call. An op is a run
// that has ended; the percentiles are those of the acknowledgement.
func BenchmarkWebhookToCall(b *testing.B) {
	for _, clients := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { webhookToCall(b, clients) })
	}
}

func webhookToCall(b *testing.B, clients int) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"1","tags":["a"]}`)
	}))
	defer service.Close()
	dir := b.TempDir()
	write(b, dir, "connectors/svc/connector.yaml", benchConnector)
	write(b, dir, "flows/bench.yaml", benchFlow)
	write(b, dir, "flows/connections.yaml", "connections: 1\nsvc: { connector: svc, base_url: \""+service.URL+
		"\", token: \"${{ env.LEDGER_TOKEN }}\", signing_secret: \"${{ env.LEDGER_SECRET }}\" }\n")
	var ended atomic.Int64
	over := make(chan struct{}, 1)
	opt := options(dir, io.Discard)
	opt.Ended = func(_ *journal.Run, ev journal.Event) {
		if ev.Status != journal.Succeeded {
			b.Errorf("run ended %s: %s", ev.Status, ev.Text)
		}
		if ended.Add(1) == int64(b.N) {
			over <- struct{}{}
		}
	}
	c := serve(b, opt)
	address := c.hook("svc")
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	b.ResetTimer()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				took[i] = deliver(b, client, address, i)
			}
		})
	}
	wg.Wait()
	<-over
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
	b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "ack-p50-ms")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "ack-p99-ms")
	c.stop()
}

// changed returns the delivery of the ith event of the service.
func changed(url string, i int64) delivery {
	body := fmt.Sprintf(`{"type":"changed","event":"e%d","id":"t%d","tags":[" Summer ","VIP"]}`, i, i)
	return delivery{url: url, body: body, header: map[string]string{"X-Signature": hmacOf(ledgerSecret, body)}}
}

func deliver(b *testing.B, client *http.Client, address string, i int64) time.Duration {
	d := changed(address, i)
	began := time.Now()
	code, _, err := postBy(b.Context(), client, d)
	if err != nil || code != http.StatusOK {
		b.Errorf("acknowledged with %d, %v", code, err)
	}
	return time.Since(began)
}

// BenchmarkStart measures a start with all connectors and flows until both
// listeners answer, and the memory that is held afterwards.
func BenchmarkStart(b *testing.B) {
	var held uint64
	for range b.N {
		b.StopTimer()
		opt := played(b)
		opt.Sandbox = false
		b.StartTimer()
		c := serve(b, opt)
		b.StopTimer()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		held = m.HeapInuse + m.StackInuse
		c.stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(held)/(1<<20), "MB-held")
}
