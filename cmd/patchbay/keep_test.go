package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"patchbay/engine"
	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// TestKeepBesideServe backs a folder up and looks it over while it is served.
func TestKeepBesideServe(t *testing.T) {
	dir := copied(t)
	served := start(t, "serve", "--sandbox", "--dir", dir, "--listen", "127.0.0.1:0", "--hooks-listen", "127.0.0.1:0")
	served.until(`^console `)
	served.until(`run \d+ of thing-made succeeded after [0-9.]+m?s$`) // its example was played
	said(t, exitDone, "run", "thing-report", "--sandbox", "--dir", dir)
	file := filepath.Join(t.TempDir(), "backup")
	data := filepath.Join(dir, ".patchbay", "sandbox")

	got := steadied(said(t, exitDone, "backup", file, "--with-key", "--sandbox", "--dir", dir))
	want := fmt.Sprintf(`backup of %s written to %s (1.0 MB)
  sandbox data in format 7, 2 runs (0 not ended), 2 live flows, 0 connections with tokens, 0 secrets
  the key 0123456789abcdef is in it: whoever has the file can read its tokens and secrets
  flows/ and connectors/ are not in it: keep these files too
`, data, file)
	if got != want {
		t.Errorf("backup beside serve printed\n%s\nwant\n%s", got, want)
	}
	got = steadied(said(t, exitDone, "doctor", "--sandbox", "--dir", dir))
	want = data + ": sandbox data in format 7, 1.0 MB, 2 runs (0 not ended), the oldest of 2026-01-01 00:00:00\nno problems\n"
	if got != want {
		t.Errorf("doctor beside serve printed\n%s\nwant\n%s", got, want)
	}
	got = said(t, exitFailed, "restore", file, "--force", "--sandbox", "--dir", dir)
	if want := "patchbay: another patchbay works with the data folder " + data + "\n  stop `patchbay serve` first; nothing was changed\n"; got != want {
		t.Errorf("restore beside serve printed\n%s\nwant\n%s", got, want)
	}
}

// TestExportOfMany writes a hundred thousand runs, and wants no more memory
// for it than for a page of them.
func TestExportOfMany(t *testing.T) {
	const many = 100_000
	dir := copied(t)
	opt := engine.Options{Dir: dir, Sandbox: true}
	ctx, stop := context.WithCancel(t.Context())
	s, err := store.Open(ctx, opt.DataDir(), store.Options{Sandbox: true})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error)
	go func() { over <- s.Run(ctx) }()
	at := time.Now()
	for n := 0; n < many; n += 10_000 {
		arrivals := make([]journal.Arrival, 10_000)
		for i := range arrivals {
			arrivals[i] = journal.Arrival{
				Flow: "thing-report", Definition: "d", Trigger: "hook", EventID: fmt.Sprint(n + i), At: at, Due: at.Add(time.Hour),
			}
		}
		if _, err := s.Accept(t.Context(), arrivals, nil); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	lines, most := 0, uint64(0)
	w := watched(func(p []byte) {
		lines += strings.Count(string(p), "\n")
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	})
	a := &app{Process: Process{Stdout: bufio.NewWriterSize(w, 1<<20), Stderr: os.Stderr, Env: noEnv}, dir: dir, sandbox: true}
	err = a.engine(t.Context(), func(ctx context.Context, c *client) error {
		return exportRuns(ctx, c, url.Values{"limit": {"1000"}}, "csv", a.Stdout)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Stdout.(*bufio.Writer).Flush(); err != nil {
		t.Fatal(err)
	}
	if lines != many+1 || most > 64<<20 {
		t.Errorf("export wrote %d lines with at most %d MB in use, want %d and at most 64", lines, most>>20, many+1)
	}
}

// watched is a writer that is told of each write.
type watched func([]byte)

func (w watched) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}
