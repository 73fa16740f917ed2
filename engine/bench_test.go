package engine_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/engine"
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
	var called atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = body
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"1","tags":["a"]}`)
		called.Add(1)
	}))
	defer service.Close()
	dir := b.TempDir()
	write(b, dir, "connectors/svc/connector.yaml", benchConnector)
	write(b, dir, "flows/bench.yaml", benchFlow)
	write(b, dir, "flows/connections.yaml", "connections: 1\nsvc: { connector: svc, base_url: \""+service.URL+"\", token: \"${{ env.T }}\", signing_secret: \"${{ env.S }}\" }\n")
	var ended atomic.Int64
	over := make(chan struct{}, 1)
	e, err := engine.Open(b.Context(), engine.Options{
		Dir: dir, Builtin: connectors.Files, Logger: slog.New(slog.DiscardHandler),
		Env: func(name string) (string, bool) { return "secret-" + name, len(name) == 1 },
		Ended: func(_ *journal.Run, ev journal.Event) {
			if ev.Status != journal.Succeeded {
				b.Errorf("run ended %s: %s", ev.Status, ev.Text)
			}
			if ended.Add(1) == int64(b.N) {
				over <- struct{}{}
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var hooks, base, token string
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- e.Serve(ctx, func(people, vendors, t string) {
			base, hooks, token = "http://"+people, "http://"+vendors, t
			close(ready)
		})
	}()
	await(b, ready, done)
	address := addressOf(b, base, token, hooks)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	b.ResetTimer()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(b.N) {
					return
				}
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
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// await waits until an engine serves.
func await(b *testing.B, ready chan struct{}, done chan error) {
	b.Helper()
	select {
	case <-ready:
	case err := <-done:
		b.Fatalf("serve: %v", err)
	}
}

func deliver(b *testing.B, client *http.Client, address string, i int64) time.Duration {
	body := fmt.Appendf(nil, `{"type":"changed","event":"e%d","id":"t%d","tags":[" Summer ","VIP"]}`, i, i)
	mac := hmac.New(sha256.New, []byte("secret-S"))
	mac.Write(body)
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
	began := time.Now()
	res, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Errorf("acknowledged with %d", res.StatusCode)
	}
	return time.Since(began)
}

// addressOf asks for the address of the connection's webhooks.
func addressOf(b *testing.B, base, token, hooks string) string {
	b.Helper()
	s := &served{base: base, token: token}
	var found []struct {
		URL        string `json:"url"`
		Connection string `json:"connection"`
	}
	if err := s.fetch(b.Context(), "/addresses", &found); err != nil {
		b.Fatal(err)
	}
	for _, a := range found {
		if a.Connection == "svc" {
			return a.URL
		}
	}
	b.Fatalf("no address among %v under %s", found, hooks)
	return ""
}

func write(b testing.TB, dir, name, text string) {
	b.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStart measures a start with all connectors and flows until both
// listeners answer, and the memory that is held afterwards.
func BenchmarkStart(b *testing.B) {
	var held uint64
	for range b.N {
		dir := b.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "flows"), os.DirFS("../flows")); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		e, err := engine.Open(b.Context(), engine.Options{Dir: dir, Builtin: connectors.Files, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		ready := make(chan struct{})
		go func() { done <- e.Serve(ctx, func(_, _, _ string) { close(ready) }) }()
		await(b, ready, done)
		b.StopTimer()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		held = m.HeapInuse + m.StackInuse
		stop()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(held)/(1<<20), "MB-held")
}
