package enginetest_test

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"patchbay/engine/journal"
)

// TestFaultLockedDatabase locks the database from outside for longer than the
// engine waits for it.
func TestFaultLockedDatabase(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	opt := options(workspace(t, l.url), t.Output())
	c := serve(t, opt)
	db, err := sql.Open("sqlite", filepath.Join(opt.DataDir(), "patchbay.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do := func(statement string) {
		t.Helper()
		if _, err := other.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	do(`pragma busy_timeout = 5000`)
	unwritable(t, c, l, 6*time.Second, func() { do(`begin immediate`) }, func() { do(`rollback`) })
}

// unwritable lets a run come to the middle of its one write that must not be
// repeated, makes the disk unwritable for a while, and holds what happens
// against what was promised: nothing is acknowledged that is not kept, nothing
// that was acknowledged is lost, and what the service did is known afterwards.
func unwritable(t *testing.T, c *client, l *ledger, pause time.Duration, begin, end func()) {
	t.Helper()
	reached, goOn := make(chan struct{}), make(chan struct{})
	l.slow(func(r *http.Request, _ bool) {
		if r.Method == http.MethodPost && r.URL.Path == "/messages" && l.told("order-e1") == 1 {
			close(reached)
			<-goOn
			l.slow(dawdle)
		}
	})
	hook := c.hook("ledger")
	if code, _, err := post(t.Context(), placed(hook, "e1", "order-e1", lines)); code != http.StatusOK {
		t.Fatalf("deliver e1 = %d, %v, want 200", code, err)
	}
	select {
	case <-reached:
	case <-time.After(patience):
		t.Fatal("the message was never sent")
	}
	begin()
	close(goOn)
	refused := 0
	for until := time.Now().Add(pause); time.Now().Before(until); refused++ {
		time.Sleep(20 * time.Millisecond)
		code, text, err := post(t.Context(), placed(hook, "e2", "order-e2", lines))
		if code != http.StatusServiceUnavailable || text != "come again later\n" {
			t.Fatalf("deliver e2 while nothing can be written = %d %q, %v, want 503", code, text, err)
		}
	}
	end()
	code := 0
	await(t, "e2 is taken", func() bool {
		code, _, _ = post(t.Context(), placed(hook, "e2", "order-e2", lines))
		return code == http.StatusOK
	})
	if got := c.settled("order"); len(got) != 1 || got[journal.Succeeded] != 2 {
		t.Errorf("runs = %v, want 2 succeeded", got)
	}
	for _, order := range []string{"order-e1", "order-e2"} {
		l.check(t, order, lines)
	}
	l.noFaults(t)
	t.Logf("%d deliveries refused in %s; two runs, both succeeded", refused, pause)
}
