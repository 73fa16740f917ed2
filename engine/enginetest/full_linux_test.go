package enginetest_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFaultFullDisk takes from a process the right to make files any larger, which
// is what a full disk does.
func TestFaultFullDisk(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	p := spawn(t, workspace(t, l.url))
	var before unix.Rlimit
	limit := func(now, old *unix.Rlimit) {
		t.Helper()
		if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, now, old); err != nil {
			t.Fatal(err)
		}
	}
	limit(nil, &before)
	unwritable(t, &p.client, l, time.Second,
		func() { limit(&unix.Rlimit{Cur: 0, Max: before.Max}, nil) },
		func() { limit(&before, nil) })
	p.terminate()
}
