package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"patchbay/engine/value"
)

// Op is the step that writes a row, with the number of its turn in the path. A
// second write of the same step changes nothing. The zero Op is nobody's: it
// always writes.
type Op struct {
	Run  int64
	Path string
}

// UpsertRow sets fields of the row with this key in a table of the flows,
// making the row if there is none, and returns the row as it is then. Fields
// that are not given stay as they are. A repeated op returns the row as it is.
func (s *Store) UpsertRow(ctx context.Context, table, key string, row map[string]any, op Op, now time.Time) (map[string]any, error) {
	w := rowWrite{table: table, key: sql.NullString{String: key, Valid: true}, row: row, op: op, at: nanos(now)}
	return s.writeRow(ctx, &w)
}

// AppendRow adds a row to a table of the flows and returns it. A repeated op
// returns the row it added.
func (s *Store) AppendRow(ctx context.Context, table string, row map[string]any, op Op, now time.Time) (map[string]any, error) {
	w := rowWrite{table: table, row: row, op: op, at: nanos(now)}
	return s.writeRow(ctx, &w)
}

// rowWrite is one write of a row.
type rowWrite struct {
	table string
	key   sql.NullString // of an upsert
	row   map[string]any
	body  string // row as JSON
	op    Op
	at    int64
}

func (s *Store) writeRow(ctx context.Context, w *rowWrite) (map[string]any, error) {
	var err error
	if w.body, err = encode(w.row); err != nil {
		return nil, wrap(err, "write a row of table %s", w.table)
	}
	var body string
	err = s.perform(ctx, func(t *tx) error {
		var err error
		body, err = w.write(t)
		return err
	})
	var written map[string]any
	if err == nil {
		written, err = decodeRow(body)
	}
	return written, wrap(err, "write a row of table %s", w.table)
}

// write writes the row unless its op has, and returns it as it is then.
func (w *rowWrite) write(t *tx) (string, error) {
	var earlier sql.NullString
	repeated, err := t.get(`select (select body from record where id = record_op.record) from record_op where run = ? and path = ?`,
		[]any{w.op.Run, w.op.Path}, &earlier)
	if err != nil || earlier.Valid {
		return earlier.String, err
	}
	if repeated { // and removed since: what the step wrote is all there is to tell
		return w.body, nil
	}
	id, body, err := w.put(t)
	if err != nil || w.op == (Op{}) {
		return body, err
	}
	return body, t.exec(`insert into record_op (run, path, record) values (?, ?, ?)`, w.op.Run, w.op.Path, id)
}

// put inserts the row or updates the one with its key.
func (w *rowWrite) put(t *tx) (int64, string, error) {
	var id int64
	var body string
	found := false
	if w.key.Valid {
		var err error
		found, err = t.get(`select id, body from record where tab = ? and key = ? and key is not null`, []any{w.table, w.key.String}, &id, &body)
		if err != nil {
			return 0, "", err
		}
	}
	if !found {
		id, err := t.insert(`insert into record (tab, key, written, body) values (?, ?, ?, ?)`, w.table, w.key, w.at, w.body)
		return id, w.body, err
	}
	row, err := decodeRow(body)
	if err != nil {
		return 0, "", err
	}
	maps.Copy(row, w.row)
	if body, err = encode(row); err != nil {
		return 0, "", err
	}
	return id, body, t.exec(`update record set body = ?, written = ? where id = ?`, body, w.at, id)
}

// FindRows returns up to limit rows of a table whose fields are equal to where,
// ordered by a field, or by when they were added if orderBy is "". A limit of 0
// means all.
func (s *Store) FindRows(ctx context.Context, table string, where map[string]any, orderBy string, descending bool, limit int) ([]map[string]any, error) {
	found, err := s.findRows(ctx, table, where, order{orderBy, descending, limit})
	return found, wrap(err, "find rows of table %s", table)
}

type order struct {
	by         string
	descending bool
	limit      int
}

func (s *Store) findRows(ctx context.Context, table string, where map[string]any, o order) ([]map[string]any, error) {
	condition, args, err := rowCondition(table, where)
	if err != nil {
		return nil, err
	}
	text := `select body from record where ` + condition + ` order by `
	direction := ``
	if o.descending {
		direction = ` desc`
	}
	if o.by != "" {
		path, err := fieldPath(o.by)
		if err != nil {
			return nil, err
		}
		text += `json_extract(body, ?)` + direction + `, `
		args = append(args, path)
	}
	text += `id` + direction
	if o.limit > 0 {
		text += ` limit ?`
		args = append(args, o.limit)
	}
	var found []map[string]any
	err = s.queries.each(ctx, text, args, func(rows *sql.Rows) error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		row, err := decodeRow(body)
		found = append(found, row)
		return err
	})
	return found, err
}

// DeleteRows removes the rows of a table whose fields are equal to where, and
// returns how many.
func (s *Store) DeleteRows(ctx context.Context, table string, where map[string]any) (int, error) {
	condition, args, err := rowCondition(table, where)
	var n int64
	if err == nil {
		err = s.perform(ctx, func(t *tx) error {
			var err error
			n, err = t.change(`delete from record where `+condition, args...)
			return err
		})
	}
	return int(n), wrap(err, "delete rows of table %s", table)
}

// PruneRows removes the rows of a table that were last written before the
// given time, and returns how many.
func (s *Store) PruneRows(ctx context.Context, table string, before time.Time) (int, error) {
	var n int64
	err := s.perform(ctx, func(t *tx) error {
		var err error
		n, err = t.change(`delete from record where tab = ? and written < ?`, table, nanos(before))
		return err
	})
	return int(n), wrap(err, "prune table %s", table)
}

// CountRows returns how many rows a table has.
func (s *Store) CountRows(ctx context.Context, table string) (int, error) {
	var n int
	_, err := s.queries.get(ctx, `select count(*) from record where tab = ?`, []any{table}, &n)
	return n, wrap(err, "count the rows of table %s", table)
}

// TableNames returns the names of the tables that have rows, sorted.
func (s *Store) TableNames(ctx context.Context) ([]string, error) {
	names, err := s.names(ctx, `select distinct tab from record order by tab`)
	return names, wrap(err, "list tables")
}

// rowCondition returns the condition for rows of the table whose fields are
// equal to where. Its text depends on the number of fields alone.
func rowCondition(table string, where map[string]any) (string, []any, error) {
	parts := []string{"tab = ?"}
	args := []any{table}
	for _, field := range slices.Sorted(maps.Keys(where)) {
		path, err := fieldPath(field)
		if err != nil {
			return "", nil, err
		}
		operand, err := operand(where[field])
		if err != nil {
			return "", nil, fmt.Errorf("field %s: %w", field, err)
		}
		parts = append(parts, "json_extract(body, ?) is ?")
		args = append(args, path, operand)
	}
	return strings.Join(parts, " and "), args, nil
}

// fieldPath returns the place of a field in the JSON of a row.
func fieldPath(field string) (string, error) {
	if field == "" || strings.ContainsAny(field, `"\`) {
		return "", fmt.Errorf("%q cannot be the name of a field", field)
	}
	return `$."` + field + `"`, nil
}

// operand returns a value as json_extract returns an equal one.
func operand(v any) (any, error) {
	v, err := value.Normalize(v)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil, string, int, float64:
		return v, nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	default:
		return encode(v)
	}
}

func decodeRow(body string) (map[string]any, error) {
	v, err := value.Decode([]byte(body))
	row, _ := v.(map[string]any)
	return row, err
}
