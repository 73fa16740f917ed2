package store

import (
	"context"
	"fmt"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

// Cursor returns how far a trigger has come, and false if it has never begun.
func (s *Store) Cursor(ctx context.Context, flow, trigger, connection string) (any, bool, error) {
	var text []byte
	found, err := s.queries.get(ctx, `select value from cursor where flow = ? and trigger = ? and connection = ?`,
		[]any{flow, trigger, connection}, &text)
	if err != nil || !found {
		return nil, false, wrap(err, "load the cursor of %s in flow %s", trigger, flow)
	}
	v, err := value.Decode(text)
	return v, err == nil, wrap(err, "load the cursor of %s in flow %s", trigger, flow)
}

// SetCursor moves a cursor that no event moves.
func (s *Store) SetCursor(ctx context.Context, c journal.Cursor) error {
	position, err := encode(c.Value)
	if err == nil {
		err = s.perform(ctx, func(t *tx) error { return t.setCursor(c, position) })
	}
	return wrap(err, "move the cursor of %s in flow %s", c.Trigger, c.Flow)
}

func (t *tx) setCursor(c journal.Cursor, position string) error {
	return t.exec(`insert into cursor (flow, trigger, connection, value) values (?, ?, ?, ?)
		on conflict do update set value = excluded.value`, c.Flow, c.Trigger, c.Connection, position)
}

// wrap puts the operation in front of err, if there is one.
func wrap(err error, operation string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(operation, args...), err)
}
