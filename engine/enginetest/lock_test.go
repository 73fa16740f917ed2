//go:build unix

package enginetest_test

import (
	"errors"
	"net/http"
	"testing"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// TestFaultTwoEngines opens a data folder that another process serves: it is
// refused, and the way to the other one's API is there instead. After that one
// was killed the folder is free.
func TestFaultTwoEngines(t *testing.T) {
	l := newLedger(t)
	dir := workspace(t, l.url)
	p := spawn(t, dir)
	opt := options(dir, t.Output())

	_, err := engine.Open(t.Context(), opt)
	var locked *store.LockedError
	if !errors.As(err, &locked) || locked.Dir != opt.DataDir() {
		t.Fatalf("open a folder that is served = %v, want a LockedError of %s", err, opt.DataDir())
	}
	base, token, err := engine.ReadAPI(opt.DataDir())
	if err != nil || base != p.base || token != p.token {
		t.Fatalf("ReadAPI = %s, %s, %v, want %s, %s", base, token, err, p.base, p.token)
	}
	there := &client{t: t, base: base, token: token}
	var status console.Status
	if code := there.api(http.MethodGet, "/status", nil, &status); code != http.StatusOK || status.Flows != 1 {
		t.Errorf("status = %d with %d flows, want 200 with 1", code, status.Flows)
	}
	// The refused one has done no harm.
	if code, _, err := post(t.Context(), placed(p.hook("ledger"), "e1", "order-e1", lines)); code != http.StatusOK {
		t.Fatalf("deliver = %d, %v, want 200", code, err)
	}
	if got := p.settled("order"); got[journal.Succeeded] != 1 {
		t.Errorf("runs = %v, want 1 succeeded", got)
	}

	p.kill()
	c := serve(t, opt)
	if got := c.settled("order"); got[journal.Succeeded] != 1 {
		t.Errorf("runs after the kill = %v, want 1 succeeded", got)
	}
}
