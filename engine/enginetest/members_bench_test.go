package enginetest_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/engine/console"
)

// manyAccounts makes a workspace in which an agency has so many locations, and
// a flow polls all of them.
func manyAccounts(b *testing.B, n int) string {
	b.Helper()
	dir := b.TempDir()
	ghl, err := fs.Sub(connectors.Files, "ghl")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "connectors", "ghl"), ghl); err != nil {
		b.Fatal(err)
	}
	var locations []map[string]any
	for i := range n {
		locations = append(locations, map[string]any{
			"_id": fmt.Sprintf("location%06d", i), "name": fmt.Sprint("Location ", i), "address": "1 Quay Street", "isInstalled": true,
		})
	}
	data, err := json.Marshal(locations)
	if err != nil {
		b.Fatal(err)
	}
	write(b, dir, "connectors/ghl/fixtures/installed_locations.json", string(data))
	write(b, dir, "flows/connections.yaml", "connections: 1\n"+
		"ghl_agency: { connector: ghl, auth: agency, client_id: app-1, client_secret: \"${{ env.LEDGER_SECRET }}\" }\n")
	write(b, dir, "flows/tags.yaml", "flow: 1\nuse: { ghl: ghl_agency/* }\ntriggers: [{ trigger: ghl.social.tag_changed }]\nsteps: [{ stop: done }]\n")
	return dir
}

// BenchmarkMembers looks into a thousand accounts of the sandbox every ten
// seconds, which is ninety times as often as every quarter of an hour. It
// reports how many looks a second were made, how late the latest of a hundred
// was, and what is held in memory.
func BenchmarkMembers(b *testing.B) {
	const accounts, every, window = 1000, 10 * time.Second, 40 * time.Second
	opt := options(manyAccounts(b, accounts), b.Output())
	opt.Sandbox = true
	c := serve(b, opt)
	// The tokens come first: the agency may ask for ten of them a second.
	for ready := 0; ready < accounts; time.Sleep(time.Second) {
		ready = 0
		for _, s := range c.polls() {
			if !s.Last.IsZero() && s.Failures == 0 {
				ready++
			}
		}
	}
	for b.Loop() {
		looks := map[string]time.Time{}
		var late []time.Duration
		began := time.Now()
		for time.Since(began) < window {
			for _, s := range c.polls() {
				if s.Last.After(looks[s.Connection]) && s.Last.After(began) {
					looks[s.Connection] = s.Last
					late = append(late, s.Last.Sub(s.Next.Add(-every)))
				}
			}
			time.Sleep(every / 4)
		}
		slices.Sort(late)
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(len(late))/window.Seconds(), "looks/s")
		b.ReportMetric(float64(late[len(late)*99/100].Microseconds())/1000, "p99-late-ms")
		b.ReportMetric(float64(m.HeapInuse)/(1<<20), "heap-MB")
		b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
	}
}

// polls returns how the polls stand.
func (c *client) polls() []console.TriggerState {
	c.t.Helper()
	var all []console.TriggerState
	c.api(http.MethodGet, "/triggers", nil, &all)
	return all
}
