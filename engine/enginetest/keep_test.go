package enginetest_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine"
	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// TestKeep gives a folder ten ended runs of each of four flows, one run each
// hour, and serves it: of a flow that says it itself is kept what it says, of
// the others what is kept of all.
func TestKeep(t *testing.T) {
	const flow = "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps: [{ set: { a: 1 } }]\n"
	dir := t.TempDir()
	for name, keep := range map[string]string{
		"usual":  "",
		"fewer":  "keep: { runs: 3 }\n",
		"longer": "keep: { age: 30d }\n",
		"small":  "keep: { age: 30d, size: 1KB }\n",
	} {
		write(t, dir, "flows/"+name+".yaml", flow+keep)
	}
	pastRuns(t, filepath.Join(dir, ".patchbay"), "usual", "fewer", "longer", "small")
	opt := options(dir, io.Discard)
	opt.Keep = engine.Keep{Age: 5*time.Hour + 30*time.Minute}
	c := serve(t, opt)
	want := map[string]int{"usual": 5, "fewer": 3, "longer": 10, "small": 2}
	var got map[string]int
	await(t, "the runs that need not be kept are gone", func() bool {
		got = map[string]int{}
		for name := range want {
			got[name] = c.counts(name)[journal.Succeeded]
		}
		return cmp.Equal(want, got)
	})
}

// pastRuns writes ten runs of each flow, of which the nth ended n hours ago and
// has 400 bytes.
func pastRuns(t *testing.T, data string, flows ...string) {
	t.Helper()
	s, err := store.Open(t.Context(), data, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error)
	go func() { over <- s.Run(ctx) }()
	now := time.Now()
	for n := 10; n > 0; n-- {
		at := now.Add(-time.Duration(n) * time.Hour)
		for _, flow := range flows {
			a := journal.Arrival{Flow: flow, Definition: "d", Trigger: "on_demand", At: at, Event: string(make([]byte, 60))}
			if _, err := s.Accept(t.Context(), []journal.Arrival{a}, nil); err != nil {
				t.Fatal(err)
			}
		}
		runs, err := s.Claim(t.Context(), at, time.Hour, len(flows), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			ended := journal.Event{At: at, Kind: journal.Ended, Status: journal.Succeeded}
			p := journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: journal.Succeeded, Events: []journal.Event{ended}}
			if err := s.Append(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop()
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
