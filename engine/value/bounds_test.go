package value

import "testing"

func TestOutOfBounds(t *testing.T) {
	least, most := 2.0, 3.0
	bounds := Field{Min: &least, Max: &most}
	amount := Field{Pattern: `^[0-9]+([.][0-9]{1,2})?$`}
	for _, c := range []struct {
		field Field
		given any
		want  string
	}{
		{bounds, 1, "at least 2 is expected"},
		{bounds, 2, ""},
		{bounds, 3.5, "at most 3 is expected"},
		{bounds, "a", "at least 2 characters are expected"},
		{bounds, "äöü", ""},
		{bounds, "abcd", "at most 3 characters are expected"},
		{bounds, []any{1}, "at least 2 items are expected"},
		{bounds, []any{1, 2, 3, 4}, "at most 3 items are expected"},
		{bounds, nil, ""},
		{bounds, true, ""},
		{amount, "218.40", ""},
		{amount, "218.405", `which does not match ^[0-9]+([.][0-9]{1,2})?$`},
		{amount, 218.405, ""},
		{Field{Pattern: "("}, "x", ""},
		{Field{}, "x", ""},
	} {
		if got := c.field.OutOfBounds(c.given); got != c.want {
			t.Errorf("%+v.OutOfBounds(%#v) = %q, want %q", c.field, c.given, got, c.want)
		}
	}
}
