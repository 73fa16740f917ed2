package expr_test

import (
	"strings"
	"testing"

	"patchbay/engine/expr"
	"patchbay/engine/value"
)

// TestEquality finds what an event must bear for a condition to hold.
func TestEquality(t *testing.T) {
	page := &value.Type{Kind: value.Object, Fields: []value.Field{{Name: "id", Type: value.Of(value.String)}, {Name: "total", Type: value.Of(value.Number)}}}
	scope := expr.NewScope(
		value.Field{Name: "arriving", Type: &value.Type{Kind: value.Object, Fields: []value.Field{{Name: "page", Type: page.AsOptional()}, {Name: "id", Type: value.Of(value.String)}}}},
		value.Field{Name: "page", Type: page.AsOptional()},
	)
	names := map[string]any{"page": map[string]any{"id": "p1", "total": 5}}
	for _, test := range []struct {
		condition, path string
		other           any
	}{
		{`arriving.id == page?.id`, "id", "p1"},
		{`page?.id == arriving.id`, "id", "p1"},
		{`page != nil and arriving.id == page.id`, "id", "p1"},
		{`(arriving.page?.total ?? 0) > 3 and (arriving.page?.id == "x" + "y" and true)`, "page.id", "xy"},
		{`arriving.page?.id == (page?.id ?? "none")`, "page.id", "p1"},
		{`arriving.id == page?.id or arriving.id == "b"`, "", nil},
		{`not (arriving.id == page?.id)`, "", nil},
		{`arriving.id != page?.id`, "", nil},
		{`arriving.id == arriving.page?.id`, "", nil},
		{`lower(arriving.id) == page?.id`, "", nil},
		{`true`, "", nil},
	} {
		code, problems := expr.Compile(test.condition, scope, value.Of(value.Boolean))
		if code == nil {
			t.Errorf("Compile(%s) = %v", test.condition, problems)
			continue
		}
		path, other, ok := code.Equality("arriving")
		if got := strings.Join(path, "."); got != test.path || ok != (test.path != "") {
			t.Errorf("Equality(%s) = %q, %t, want %q", test.condition, got, ok, test.path)
			continue
		}
		if !ok {
			continue
		}
		if got, err := other.Eval(&expr.Env{Names: names}); got != test.other || err != nil {
			t.Errorf("Equality(%s) compares with %v, %v, want %v", test.condition, got, err, test.other)
		}
	}
}
