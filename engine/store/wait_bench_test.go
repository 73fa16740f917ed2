package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"patchbay/engine/journal"
)

// BenchmarkOffer measures what an event costs while that many runs wait for one
// of its trigger: an event of another trigger, one whose key nobody waits for,
// and one that wakes one run.
func BenchmarkOffer(b *testing.B) {
	for _, waiting := range []int{0, 100_000} {
		s := manyWaits(b, waiting)
		for _, test := range []struct{ name, trigger, key string }{
			{"other", "q.refused", "k1"}, {"nobody", "q.accepted", "none"}, {"one", "q.accepted", "k%d"},
		} {
			b.Run(fmt.Sprintf("waiting=%d/%s", waiting, test.name), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					key := test.key
					if test.name == "one" {
						key = fmt.Sprintf(test.key, i%max(waiting, 1))
					}
					event := map[string]any{"page": map[string]any{"id": key}}
					id := fmt.Sprintf("%s-%d-%d", test.name, b.N, i)
					if _, err := s.Accept(b.Context(), []journal.Arrival{journal.Offer(test.trigger, "main", id, event, time.Now())}, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// manyWaits returns a store in which so many runs wait, each for its own key.
func manyWaits(b *testing.B, n int) *Store {
	b.Helper()
	s, err := Open(b.Context(), b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error)
	go func() { over <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			b.Error(err)
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	const counter = `with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ?) `
	err = s.perform(ctx, func(t *tx) error {
		if n == 0 {
			return nil
		}
		if err := t.exec(`insert into point (id, definition, trigger, connection, at) values (1, 'd', 'q.accepted', 'main', 'page.id')`); err != nil {
			return err
		}
		if err := t.exec(counter+`insert into run (id, flow, definition, trigger, connection, event_id, event, parent, parent_path, queue,
			created, status, wake) select i + 1, 'f', 'd', 'hook', 'main', 'e' || i, 1, 0, '', '', 1, 'waiting', 9000000000000000000 from n`, n); err != nil {
			return err
		}
		return t.exec(counter+`insert into wait (run, path, point, key) select i + 1, 'a', 1, 'k' || i from n`, n)
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}
