package store_test

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"patchbay/engine/journal"
)

// BenchmarkDurableRun measures whole runs of three durable writes: accepted,
// one step written down, ended. Half of the writers accept and half work, as
// in an engine that keeps up.
func BenchmarkDurableRun(b *testing.B) {
	for _, writers := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchmarkRuns(b, writers) })
	}
}

func benchmarkRuns(b *testing.B, writers int) {
	s := open(b, b.TempDir())
	var accepted atomic.Int64
	work := make(chan journal.Run, b.N)
	b.ResetTimer()
	group, ctx := errgroup.WithContext(b.Context())
	for range writers {
		group.Go(func() error {
			for {
				n := accepted.Add(1)
				if n > int64(b.N) {
					return nil
				}
				arrival := journal.Arrival{
					Flow: "tags", Definition: "d1", Trigger: "page", EventID: strconv.FormatInt(n, 10), At: start,
					Event: map[string]any{"page": map[string]any{"id": "p1", "name": "An offer", "tags": []any{"a", "b"}}},
				}
				if _, err := s.Accept(ctx, []journal.Arrival{arrival}, nil); err != nil {
					return err
				}
				r, err := next(ctx, s, work)
				if err != nil {
					return err
				}
				if err := workOn(ctx, s, r); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}

type claimer interface {
	Claim(ctx context.Context, now time.Time, lease time.Duration, limit int, room journal.Room) ([]journal.Run, error)
	Append(ctx context.Context, p journal.Progress) error
}

// next returns a run nobody works on yet, claiming more if none is left.
func next(ctx context.Context, s claimer, work chan journal.Run) (journal.Run, error) {
	for {
		select {
		case r := <-work:
			return r, nil
		default:
		}
		runs, err := s.Claim(ctx, start, time.Hour, 64, nil)
		if err != nil {
			return journal.Run{}, err
		}
		if len(runs) == 0 { // somebody else has claimed ours and will hand it over
			select {
			case r := <-work:
				return r, nil
			case <-ctx.Done():
				return journal.Run{}, ctx.Err()
			}
		}
		for _, r := range runs {
			work <- r
		}
	}
}

func workOn(ctx context.Context, s claimer, r journal.Run) error {
	began := journal.Event{At: start, Kind: journal.Began, Data: map[string]any{"vars": map[string]any{}}}
	done := journal.Event{At: start, Kind: journal.Done, Path: "page", Data: r.Event}
	if err := s.Append(ctx, journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: journal.Running, Events: []journal.Event{began, done}}); err != nil {
		return err
	}
	ended := journal.Event{At: start, Kind: journal.Ended, Status: journal.Succeeded}
	return s.Append(ctx, journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: journal.Succeeded, Events: []journal.Event{ended}})
}
