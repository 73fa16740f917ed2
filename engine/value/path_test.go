package value

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGet(t *testing.T) {
	v := map[string]any{"rows": []any{map[string]any{"id": 7, "gone": nil}}, "": "empty"}
	for _, test := range []struct {
		path  string
		want  any
		found bool
	}{
		{"", v, true},
		{"rows.0.id", 7, true},
		{"rows.0.gone", nil, true},
		{"rows.0.gone.more", nil, false},
		{"rows.1", nil, false},
		{"rows.-1", nil, false},
		{"rows.x", nil, false},
		{"rows.0.id.more", nil, false},
		{"nothing", nil, false},
	} {
		got, found := Get(v, SplitPath(test.path))
		if found != test.found || !cmp.Equal(got, test.want) {
			t.Errorf("Get(v, %q) = %v, %v, want %v, %v", test.path, got, found, test.want, test.found)
		}
	}
}

func TestPut(t *testing.T) {
	for _, test := range []struct {
		path string
		want map[string]any
	}{
		{"a", map[string]any{"a": "new", "b": map[string]any{"c": 2}}},
		{"b.c", map[string]any{"a": 1, "b": map[string]any{"c": "new"}}},
		{"b.d.e", map[string]any{"a": 1, "b": map[string]any{"c": 2, "d": map[string]any{"e": "new"}}}},
		{"a.x", map[string]any{"a": map[string]any{"x": "new"}, "b": map[string]any{"c": 2}}},
		{"b.0", map[string]any{"a": 1, "b": map[string]any{"c": 2, "0": "new"}}},
	} {
		m := map[string]any{"a": 1, "b": map[string]any{"c": 2}}
		Put(m, SplitPath(test.path), "new")
		if diff := cmp.Diff(test.want, m); diff != "" {
			t.Errorf("Put(m, %q) (-want +got):\n%s", test.path, diff)
		}
	}
}

func TestPutIntoList(t *testing.T) {
	for _, test := range []struct {
		path string
		want any
	}{
		{"l.0.id", []any{map[string]any{"id": "new", "x": 1}, 2}},
		{"l.1", []any{map[string]any{"id": 7, "x": 1}, "new"}},
		{"l.1.id", []any{map[string]any{"id": 7, "x": 1}, map[string]any{"id": "new"}}},
		{"l.2", map[string]any{"2": "new"}},
		{"l.x.id", map[string]any{"x": map[string]any{"id": "new"}}},
	} {
		m := map[string]any{"l": []any{map[string]any{"id": 7, "x": 1}, 2}}
		Put(m, SplitPath(test.path), "new")
		if diff := cmp.Diff(test.want, m["l"]); diff != "" {
			t.Errorf("Put(m, %q) (-want +got):\n%s", test.path, diff)
		}
	}
}
