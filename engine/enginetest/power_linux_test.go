package enginetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"patchbay/engine/enginetest/fault"
	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// TestFaultPowerLoss takes the files of a database at random moments while it
// works, as a loss of power would leave them: once as the system has them, and
// once with damage in what had not been there for certain. Every such copy
// opens, is whole, and holds what was acknowledged before. At the end the power
// does fail, and an engine goes on from what is left.
func TestFaultPowerLoss(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.slow(dawdle)
	w := &power{t: t, dice: fault.Throw(t), dir: mixed(t, l.url)}
	w.p = spawn(t, w.dir)
	w.s = &senders{url: w.p.hook("ledger"), acked: map[string]bool{}, kinds: slices.Sorted(maps.Keys(kinds))}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.s.begin(ctx, 4)
	v := &visitors{t: t}
	v.to(w.p)
	visits := v.visit(t.Context())
	copies := max(2, fault.Rounds()/10)
	for i := range copies {
		target := l.requests.Load() + w.dice.Int64N(40)
		await(t, "the engine makes requests", func() bool { return l.requests.Load() >= target })
		w.copy(i == copies-1)
	}
	stop()
	l.drain(t)
	began := time.Now()
	k := &killing{t: t, l: l, dir: w.last, p: spawn(t, w.last), s: w.s}
	took := time.Since(began)
	k.s.to(k.p.hook("ledger"))
	v.to(k.p)
	k.s.over.Wait()
	questions, _ := k.answerAll()
	visits()
	k.p.terminate()
	runs, lost := k.checkBooks()
	checkLeft(t, k.dir)
	t.Logf("seed %d: %d copies, %d of them damaged; %d events acknowledged, lost %d, doubled %d; %d runs, %d questions; recovery %s",
		w.dice.Seed, copies, w.damaged, len(k.s.acked), lost, l.doubled(), runs, questions, took.Round(time.Millisecond))
}

// power is what the machine stands on.
type power struct {
	t    *testing.T
	dice fault.Dice
	dir  string
	p    *process
	s    *senders

	damaged int
	last    string // the workspace of the last copy
}

// acked returns the events that are acknowledged now.
func (w *power) acked() map[string]bool {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return maps.Clone(w.s.acked)
}

// files are those of a database.
type files struct {
	db, wal []byte
	changed time.Time // the database itself
}

func (w *power) read() files {
	w.t.Helper()
	var f files
	var err error
	path := filepath.Join(options(w.dir, w.t.Output()).DataDir(), "patchbay.db")
	info, errInfo := os.Stat(path)
	if f.db, err = os.ReadFile(path); errors.Join(err, errInfo) != nil {
		w.t.Fatal(errors.Join(err, errInfo))
	}
	f.changed = info.ModTime()
	if f.wal, err = os.ReadFile(path + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	return f
}

// copy takes a copy in the middle of the work. After the last one the power is
// off.
func (w *power) copy(last bool) {
	w.t.Helper()
	sure := w.acked()
	safe := w.read() // with all that was acknowledged until then
	time.Sleep(time.Duration(w.dice.Int64N(int64(25 * time.Millisecond))))
	w.freeze()
	known := w.acked()
	now := w.read()
	if last {
		w.p.kill()
	} else {
		signalTo(w.t, w.p, syscall.SIGCONT)
	}
	w.last = w.check(now, known)
	// What was added to the log since may be on the disk in part, or be noise,
	// as long as no page of it has gone into the database.
	const header = 32
	same := len(safe.wal) > header && len(now.wal) > len(safe.wal) && bytes.Equal(safe.wal[:header], now.wal[:header])
	if !same || !now.changed.Equal(safe.changed) || time.Since(safe.changed) < 50*time.Millisecond {
		return
	}
	w.damaged++
	w.check(files{db: now.db, wal: w.damage(now.wal, len(safe.wal))}, sure)
}

// damage returns a log of which nothing behind the first bytes is for certain.
func (w *power) damage(wal []byte, safe int) []byte {
	out := slices.Clone(wal)
	at := safe + w.dice.IntN(len(wal)-safe)
	switch w.dice.IntN(3) {
	case 0: // it was not made longer
		return out[:at]
	case 1: // it was, and has no content
		clear(out[at:])
	default: // of two blocks the later one was written
		clear(out[at:min(at+4096, len(out))])
	}
	return out
}

// freeze stops the process in the middle of what it does.
func (w *power) freeze() {
	w.t.Helper()
	signalTo(w.t, w.p, syscall.SIGSTOP)
	await(w.t, "all threads stand still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", w.p.cmd.Process.Pid))
		if err != nil || len(threads) == 0 {
			w.t.Fatalf("threads of the engine: %v, %v", threads, err)
		}
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			if _, state, _ := strings.Cut(string(stat), ") "); err == nil && !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return true
	})
}

// check puts the files into a workspace of their own and holds them against
// what was acknowledged. It returns that workspace.
func (w *power) check(f files, acked map[string]bool) string {
	w.t.Helper()
	dir := w.t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "connectors"), os.DirFS(filepath.Join(w.dir, "connectors"))); err != nil {
		w.t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "flows"), os.DirFS(filepath.Join(w.dir, "flows"))); err != nil {
		w.t.Fatal(err)
	}
	data := options(dir, w.t.Output()).DataDir()
	write(w.t, dir, ".patchbay/vault.key", string(readKey(w.t, w.dir)))
	write(w.t, dir, ".patchbay/patchbay.db", string(f.db))
	write(w.t, dir, ".patchbay/patchbay.db-wal", string(f.wal))
	known := map[string]bool{}
	inStore(w.t, dir, func(s *store.Store) error {
		runs, err := s.Runs(w.t.Context(), journal.Filter{Limit: 1 << 30})
		for _, r := range runs {
			known[r.EventID] = true
		}
		return err
	})
	for id := range acked {
		if !known[id] {
			w.t.Errorf("event %s was acknowledged before the power failed, and is gone", id)
		}
	}
	var ok string
	db := openDatabase(w.t, data)
	if err := db.QueryRowContext(w.t.Context(), `pragma integrity_check`).Scan(&ok); err != nil || ok != "ok" {
		w.t.Errorf("integrity_check = %s, %v, want ok", ok, err)
	}
	return dir
}
