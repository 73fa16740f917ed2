package store

import (
	"context"
	"errors"
	"fmt"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

// Replay takes up runs again and moves the replay they belong to, all or
// nothing: who asks for the same replay once more goes on behind its position.
// A run that goes on already, or is gone, is left alone.
func (s *Store) Replay(ctx context.Context, p journal.Replay, runs []journal.Reopening) error {
	told, err := encode(p.Told)
	changes := make([]*change, len(runs))
	for i := range runs {
		if err == nil {
			changes[i], err = newChange(journal.Progress{Status: journal.Queued, Events: runs[i].Events})
		}
	}
	if err == nil {
		err = s.perform(ctx, func(t *tx) error {
			for i := range runs {
				err := t.takeUp(&runs[i], changes[i])
				if err != nil && !errors.Is(err, journal.ErrNoRun) && !errors.Is(err, journal.ErrNotEnded) {
					return fmt.Errorf("run %d: %w", runs[i].Run, err)
				}
			}
			if p.Over {
				return t.exec(`delete from replay where name = ?`, p.Name)
			}
			return t.exec(`insert into replay (name, begun, position, body) values (?, ?, ?, ?)
				on conflict (name) do update set position = excluded.position, body = excluded.body`,
				p.Name, nanos(p.Begun), p.Position, told)
		})
	}
	return wrap(err, "replay %d runs", len(runs))
}

// ReplayNamed returns the replay of that name, false if there is none that is
// not over.
func (s *Store) ReplayNamed(ctx context.Context, name string) (journal.Replay, bool, error) {
	p := journal.Replay{Name: name}
	var begun int64
	var told []byte
	found, err := s.queries.get(ctx, `select begun, position, body from replay where name = ?`, []any{name}, &begun, &p.Position, &told)
	if err != nil || !found {
		return journal.Replay{}, false, wrap(err, "look for a replay")
	}
	p.Begun = fromNanos(begun)
	p.Told, err = value.Decode(told)
	return p, true, wrap(err, "read a replay")
}
