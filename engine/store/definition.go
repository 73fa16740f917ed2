package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrNoDefinition says that no definition of this hash was ever saved.
var ErrNoDefinition = errors.New("there is no such definition")

// SaveDefinition keeps what runs of the flow execute under its hash, and makes
// it the version that is live if publish is true. Saving it again changes only
// which version is live.
func (s *Store) SaveDefinition(ctx context.Context, hash string, data []byte, flow string, publish bool) error {
	err := s.perform(ctx, func(t *tx) error {
		err := t.exec(`insert into definition (hash, flow, body) values (?, ?, ?) on conflict do nothing`, hash, flow, blob(data))
		if err != nil || !publish {
			return err
		}
		return t.exec(`insert into published (flow, hash) values (?, ?) on conflict do update set hash = excluded.hash`, flow, hash)
	})
	return wrap(err, "save the definition of flow %s", flow)
}

// Definition returns what was saved under the hash, or [ErrNoDefinition].
func (s *Store) Definition(ctx context.Context, hash string) ([]byte, error) {
	var data []byte
	found, err := s.queries.get(ctx, `select body from definition where hash = ?`, []any{hash}, &data)
	if err == nil && !found {
		err = ErrNoDefinition
	}
	if err != nil {
		return nil, fmt.Errorf("load definition %s: %w", hash, err)
	}
	return data, nil
}

// Published returns the hash of the live version of each flow that has one.
func (s *Store) Published(ctx context.Context) (map[string]string, error) {
	published := map[string]string{}
	err := s.queries.each(ctx, `select flow, hash from published`, nil, func(rows *sql.Rows) error {
		var flow, hash string
		err := rows.Scan(&flow, &hash)
		published[flow] = hash
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the published flows: %w", err)
	}
	return published, nil
}

// Unpublish says that the flow has no live version any more. Its definitions
// stay, for the runs that are pinned to them.
func (s *Store) Unpublish(ctx context.Context, flow string) error {
	err := s.perform(ctx, func(t *tx) error { return t.exec(`delete from published where flow = ?`, flow) })
	return wrap(err, "unpublish flow %s", flow)
}

// blob returns data in the form in which the driver stores an empty blob, too.
func blob(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}
