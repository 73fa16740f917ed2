//go:build unix

package enginetest_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/engine"
	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// TestFaultBackup takes backups while events pour in, kills the engine, and
// restores each in another workspace: every event that was acknowledged before
// the backup began is there, and the runs go on to their end.
func TestFaultBackup(t *testing.T) {
	l := newLedger(t)
	l.slow(dawdle)
	dir := workspace(t, l.url)
	p := spawn(t, dir)
	s := &senders{url: p.hook("ledger"), acked: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	s.begin(ctx, 8)
	type backup struct {
		file  string
		acked map[string]bool // when it began
	}
	var backups []backup
	for _, name := range []string{"first", "second"} {
		target := l.requests.Load() + 200
		await(t, "the engine makes requests", func() bool { return l.requests.Load() >= target })
		s.mu.Lock()
		b := backup{filepath.Join(t.TempDir(), name), maps.Clone(s.acked)}
		s.mu.Unlock()
		p.backup(b.file)
		backups = append(backups, b)
	}
	p.kill()
	stop()
	s.over.Wait()

	for _, b := range backups {
		l := newLedger(t)
		opt := options(workspace(t, l.url), t.Output())
		restored, err := engine.Restore(t.Context(), opt, b.file, false)
		if err != nil {
			t.Fatal(err)
		}
		if restored.Key != engine.KeyMissing || restored.KeyAside != "" {
			t.Errorf("Restore says the key is %s, want it missing: the backup was to be without", restored.Key)
		}
		if err := os.WriteFile(filepath.Join(opt.DataDir(), "vault.key"), readKey(t, dir), 0o600); err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		inStore(t, opt.Dir, func(s *store.Store) error {
			runs, err := s.Runs(t.Context(), journal.Filter{Limit: 1 << 30})
			for _, r := range runs {
				known[r.EventID] = true
			}
			return err
		})
		for id := range b.acked {
			if !known[id] {
				t.Errorf("event %s was acknowledged before the backup, which lacks it", id)
			}
		}
		c := serve(t, opt)
		total := 0
		for status, n := range c.settled("order") {
			if total += n; status != journal.Succeeded && status != journal.OutcomeUnknown {
				t.Errorf("%d runs = %s, want only succeeded and outcome_unknown", n, status)
			}
		}
		if total != restored.Runs || restored.Open == 0 {
			t.Errorf("%d runs after the restore of %d, of which %d had not ended, want all and some of them", total, restored.Runs, restored.Open)
		}
		c.stop()
		t.Logf("%s: %d events acknowledged before it, %d runs, %d not ended", filepath.Base(b.file), len(b.acked), restored.Runs, restored.Open)
	}
}

// backup asks the engine for a backup.
func (c *client) backup(file string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.base+"/api/v1/backup", strings.NewReader(`{}`))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("backup = %d, %v, want 200", resp.StatusCode, err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func readKey(t *testing.T, dir string) []byte {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(options(dir, io.Discard).DataDir(), "vault.key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
