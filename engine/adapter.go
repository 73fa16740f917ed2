package engine

import (
	"context"
	"iter"
	"time"

	"patchbay/engine/call"
	"patchbay/engine/catalog"
	"patchbay/engine/program"
	"patchbay/engine/store"
	"patchbay/engine/value"
)

// tables lets calls work on the tables of the store: the transport `table`.
type tables struct {
	store   *store.Store
	catalog *catalog.Catalog
}

// Upsert puts a row in place of the one with the same key.
func (t tables) Upsert(ctx context.Context, op call.Op, table string, row map[string]any) error {
	shape := t.catalog.Set().Tables[table]
	if shape == nil || len(shape.Key) == 0 {
		return value.Fail(value.ClassInvalid, "the table %q has no key, so a row cannot be found again", table)
	}
	var parts []any
	for _, k := range shape.Key {
		parts = append(parts, row[k])
	}
	key, err := value.Encode(parts)
	if err != nil {
		return err
	}
	_, err = t.store.UpsertRow(ctx, table, string(key), row, store.Op(op), time.Now())
	return err
}

// Append adds a row.
func (t tables) Append(ctx context.Context, op call.Op, table string, row map[string]any) error {
	_, err := t.store.AppendRow(ctx, table, row, store.Op(op), time.Now())
	return err
}

// Find returns the rows a query asks for.
func (t tables) Find(ctx context.Context, table string, q call.Query) ([]any, error) {
	rows, err := t.store.FindRows(ctx, table, q.Where, q.OrderBy, q.Descending, q.Limit)
	if err != nil {
		return nil, err
	}
	out := make([]any, 0, len(rows))
	for _, row := range rows {
		out = append(out, row)
	}
	return out, nil
}

// Delete removes the rows whose fields have the given values.
func (t tables) Delete(ctx context.Context, _ call.Op, table string, where map[string]any) error {
	_, err := t.store.DeleteRows(ctx, table, where)
	return err
}

// sandboxState keeps the data of the played services in the store.
type sandboxState struct{ store *store.Store }

const sandboxKind = "sandbox"

// Load returns the document of that name, false where there is none.
func (s sandboxState) Load(ctx context.Context, name string) ([]byte, bool, error) {
	return s.store.Sealed(ctx, sandboxKind, name)
}

// Save replaces the document of that name.
func (s sandboxState) Save(ctx context.Context, name string, data []byte) error {
	return s.store.PutSealed(ctx, sandboxKind, name, data)
}

// list hands the pages of a list to a poll, or to whoever asks for accounts.
func (e *Engine) list(ctx context.Context, action *program.Action, conn *program.Connection, input map[string]any) iter.Seq2[[]any, error] {
	if conn != nil {
		if own, ok := e.connection(ctx, conn.Name); ok {
			conn = own
		}
	}
	return func(yield func([]any, error) bool) {
		for items, err := range e.calls.Pages(ctx, call.Request{Action: action, Connection: conn, Input: input}) {
			if !yield(items, e.checked(ctx, err)) {
				return
			}
		}
	}
}
