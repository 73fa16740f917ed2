package program_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// TestWire takes an event out of deliveries of several forms.
func TestWire(t *testing.T) {
	places := program.Output{At: []string{"body", "data", "order"}, Below: [][]string{{"body", "order"}, {"body", "data"}, {"body"}}}
	for _, test := range []struct{ body, want string }{
		{`{"id": "1", "shop": "north"}`, `{"id": "1", "shop": "north"}`},
		{`{"shop": "north", "order": {"id": "1"}}`, `{"id": "1", "order": {"id": "1"}, "shop": "north"}`},
		{`{"shop": "north", "data": {"id": "1", "shop": "south"}}`, `{"data": {"id": "1", "shop": "south"}, "id": "1", "shop": "south"}`},
		{`{"id": "0", "data": {"order": {"id": "1"}}}`, `{"data": {"order": {"id": "1"}}, "id": "1", "order": {"id": "1"}}`},
		{`{"id": "1", "data": [1, 2]}`, `{"data": [1, 2], "id": "1"}`},
		{`{"id": "1", "data": null}`, `{"data": null, "id": "1"}`},
		{`[1]`, `[1]`},
	} {
		got := places.Wire(map[string]any{"body": decoded(t, test.body)})
		if diff := cmp.Diff(decoded(t, test.want), got); diff != "" {
			t.Errorf("Wire(%s) (-want +got):\n%s", test.body, diff)
		}
	}
	one := program.Output{At: []string{"body", "data"}}
	if got := one.Wire(map[string]any{"body": decoded(t, `{"id": "1"}`)}); got != nil {
		t.Errorf("Wire of a body without data = %v, want nil", got)
	}
}

// TestFirstOf looks in several places of a delivery.
func TestFirstOf(t *testing.T) {
	root := decoded(t, `{"body": {"a": "", "b": null, "c": 0, "d": "x"}}`)
	for _, test := range []struct {
		names []string
		want  any
		found bool
	}{
		{[]string{"d", "c"}, "x", true},
		{[]string{"a", "b", "e", "c"}, 0, true},
		{[]string{"a", "b", "e"}, nil, false},
		{nil, nil, false},
	} {
		var paths [][]string
		for _, name := range test.names {
			paths = append(paths, []string{"body", name})
		}
		if got, found := program.FirstOf(root, paths); got != test.want || found != test.found {
			t.Errorf("FirstOf(%v) = %v, %t, want %v, %t", test.names, got, found, test.want, test.found)
		}
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	v, err := value.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
