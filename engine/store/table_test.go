package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/store"
	"patchbay/engine/value"
)

func TestUpsertRow(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	tests := []struct {
		key  string
		row  map[string]any
		op   store.Op
		want map[string]any
	}{
		{"a", map[string]any{"id": "a", "n": 1}, store.Op{}, map[string]any{"id": "a", "n": 1}},
		{"a", map[string]any{"n": 2, "tags": []string{"x"}}, store.Op{Run: 1, Path: "s"}, map[string]any{"id": "a", "n": 2, "tags": []any{"x"}}},
		{"a", map[string]any{"n": nil}, store.Op{Run: 1, Path: "s2"}, map[string]any{"id": "a", "n": nil, "tags": []any{"x"}}},
		{"a", map[string]any{"n": 9}, store.Op{Run: 1, Path: "s"}, map[string]any{"id": "a", "n": nil, "tags": []any{"x"}}}, // a repeat
		{"", map[string]any{"n": 3.5}, store.Op{Run: 2, Path: "s"}, map[string]any{"n": 3.5}},
		{"", map[string]any{"m": true}, store.Op{}, map[string]any{"n": 3.5, "m": true}},
	}
	for _, test := range tests {
		got, err := s.UpsertRow(ctx, "stats", test.key, test.row, test.op, start)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("UpsertRow(%q, %v, %v), %v (-want +got):\n%s", test.key, test.row, test.op, err, diff)
		}
	}
	if n, err := s.CountRows(ctx, "stats"); n != 2 || err != nil {
		t.Errorf("CountRows = %d, %v, want 2", n, err)
	}
	_, err := s.UpsertRow(ctx, "stats", "a", map[string]any{"token": value.NewSecret("x")}, store.Op{}, start)
	if want := "write a row of table stats: a value cannot hold a value.Secret"; err == nil || err.Error() != want {
		t.Errorf("UpsertRow = %v, want %s", err, want)
	}
}

func TestAppendRow(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	op := store.Op{Run: 1, Path: "each[0].log"}
	for _, row := range []map[string]any{{"n": 1}, {"n": 2}} {
		got, err := s.AppendRow(ctx, "log", row, op, start)
		if want := (map[string]any{"n": 1}); !cmp.Equal(got, want) || err != nil {
			t.Errorf("AppendRow(%v) = %v, %v, want %v: the step has written", row, got, err, want)
		}
	}
	if n, err := s.DeleteRows(ctx, "log", nil); n != 1 || err != nil {
		t.Errorf("DeleteRows = %d, %v, want 1", n, err)
	}
	// The step has written, even if the row is gone.
	if got, err := s.AppendRow(ctx, "log", map[string]any{"n": 1}, op, start); got["n"] != 1 || err != nil {
		t.Errorf("AppendRow = %v, %v, want the row as it was", got, err)
	}
	if n, err := s.CountRows(ctx, "log"); n != 0 || err != nil {
		t.Errorf("CountRows = %d, %v, want 0", n, err)
	}
}

func TestFindRows(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	for n, row := range []map[string]any{
		{"id": "a", "n": 3, "done": true, "place": "Köln", "tags": []any{"x", "y"}},
		{"id": "b", "n": 1, "done": false, "place": "1"},
		{"id": "c", "n": 2.5, "place": nil, "o'dd key": "q"},
		{"id": "d", "n": 10, "done": true, "place": "Köln", "at": map[string]any{"b": 1, "a": 2}},
	} {
		if _, err := s.AppendRow(ctx, "t", row, store.Op{}, start.Add(time.Duration(n)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.AppendRow(ctx, "u", map[string]any{"id": "other"}, store.Op{}, start); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		where      map[string]any
		orderBy    string
		descending bool
		limit      int
		want       string
	}{
		{nil, "", false, 0, "abcd"},
		{nil, "", true, 2, "dc"},
		{nil, "n", false, 0, "bcad"},
		{nil, "n", true, 3, "dac"},
		{map[string]any{"place": "Köln"}, "n", true, 0, "da"},
		{map[string]any{"place": "Köln", "n": 3}, "", false, 0, "a"},
		{map[string]any{"place": 1}, "", false, 0, ""},
		{map[string]any{"n": 2.5}, "", false, 0, "c"},
		{map[string]any{"done": true}, "", false, 0, "ad"},
		{map[string]any{"done": nil}, "", false, 0, "c"},
		{map[string]any{"tags": []any{"x", "y"}}, "", false, 0, "a"},
		{map[string]any{"at": map[string]any{"a": 2, "b": 1}}, "", false, 0, "d"},
		{map[string]any{"o'dd key": "q"}, "", false, 0, "c"},
		{map[string]any{"missing": "x"}, "missing", false, 0, ""},
	}
	for _, test := range tests {
		rows, err := s.FindRows(ctx, "t", test.where, test.orderBy, test.descending, test.limit)
		var got strings.Builder
		for _, row := range rows {
			got.WriteString(row["id"].(string))
		}
		if got.String() != test.want || err != nil {
			t.Errorf("FindRows(%v, %q, %v, %d) = %q, %v, want %q", test.where, test.orderBy, test.descending, test.limit, got.String(), err, test.want)
		}
	}
	for _, field := range []string{`a"b`, ""} {
		want := map[string]string{`a"b`: `find rows of table t: "a\"b" cannot be the name of a field`, "": `find rows of table t: "" cannot be the name of a field`}[field]
		if _, err := s.FindRows(ctx, "t", map[string]any{field: 1}, "", false, 0); err == nil || err.Error() != want {
			t.Errorf("FindRows where %q = %v, want %s", field, err, want)
		}
	}
	if names, err := s.TableNames(ctx); !cmp.Equal(names, []string{"t", "u"}) || err != nil {
		t.Errorf("TableNames = %v, %v, want t and u", names, err)
	}
	if n, err := s.PruneRows(ctx, "t", start.Add(2*time.Hour)); n != 2 || err != nil {
		t.Errorf("PruneRows = %d, %v, want 2", n, err)
	}
	if n, err := s.DeleteRows(ctx, "t", map[string]any{"id": "c"}); n != 1 || err != nil {
		t.Errorf("DeleteRows = %d, %v, want 1", n, err)
	}
	if n, err := s.CountRows(ctx, "t"); n != 1 || err != nil {
		t.Errorf("CountRows = %d, %v, want 1", n, err)
	}
}
