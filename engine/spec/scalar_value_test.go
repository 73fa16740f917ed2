package spec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseValue(t *testing.T) {
	for _, tt := range []struct {
		text string
		want any
	}{
		{"", ""},
		{"10", 10},
		{"-2.5", -2.5},
		{"true", true},
		{"null", nil},
		{"yes", "yes"},
		{"#ops", "#ops"},
		{"Hello: world", "Hello: world"},
		{"2026-11-22", "2026-11-22"},
		{"*bold*", "*bold*"},
		{"two\nlines", "two\nlines"},
		{`"10"`, "10"},
		{"'it''s'", "it's"},
		{"[a, 1, true]", []any{"a", 1, true}},
		{"[]", []any{}},
		{"{ name: Ada, tags: [vip] }", map[string]any{"name": "Ada", "tags": []any{"vip"}}},
		{`{"a":{"b":null}}`, map[string]any{"a": map[string]any{"b": nil}}},
	} {
		got, err := ParseValue(tt.text)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("ParseValue(%q) = %#v, %v, want %#v", tt.text, got, err, tt.want)
		}
	}
}

func TestParseValueRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"[a, b":        "[a, b is no YAML value: [ is not closed",
		"{ a: }}":      "{ a: }} is no YAML value: } closes nothing",
		`"open`:        `"open is no YAML value: the quote " is not closed`,
		"{a: 1}\nb: 2": "{a: 1}\nb: 2 is no YAML value: more text follows behind it",
	} {
		if got, err := ParseValue(text); err == nil || err.Error() != want {
			t.Errorf("ParseValue(%q) = %#v, %v, want the error %s", text, got, err, want)
		}
	}
}
