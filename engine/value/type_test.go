package value

import (
	"strings"
	"testing"
)

func TestTypeString(t *testing.T) {
	page := object("qwilr.Page")
	for _, test := range []struct {
		t    *Type
		want string
	}{
		{nil, "any"},
		{Of(Integer), "integer"},
		{Of(Time), "datetime"},
		{Of(Span), "duration"},
		{Of(SecretText), "secret"},
		{ListOf(nil), "list"},
		{ListOf(page), "list of qwilr.Page"},
		{ListOf(ListOf(Of(String))), "list of list of string"},
		{MapOf(Of(Number)), "map of number"},
		{&Type{Kind: Enum, Values: []string{"draft", "live"}}, "enum (draft, live)"},
		{Of(String).AsOptional(), "string, may be missing"},
		{Of(String).AsOptional().AsPresent(), "string"},
		{Of(Any).AsOptional(), "any"},
	} {
		if got := test.t.String(); got != test.want {
			t.Errorf("String() = %q, want %q", got, test.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	words := "string integer number boolean datetime date duration enum list object map secret file any"
	for word := range strings.FieldsSeq(words) {
		if k, ok := KindOf(word); !ok || k.String() != word {
			t.Errorf("KindOf(%q) = %v, %v, want the kind of that word", word, k, ok)
		}
	}
	for _, word := range []string{"", "nil", "time", "span", "text", "String"} {
		if k, ok := KindOf(word); ok {
			t.Errorf("KindOf(%q) = %v, want none", word, k)
		}
	}
}

func TestOptional(t *testing.T) {
	text := Of(String)
	optional := text.AsOptional()
	if text.Optional || !optional.Optional || optional.AsOptional() != optional {
		t.Errorf("AsOptional() changed the type or made it twice")
	}
	for _, test := range []struct {
		t    *Type
		want bool
	}{
		{text, false},
		{optional, true},
		{Of(Nil), true},
		{Of(Any), false},
		{nil, false},
	} {
		if got := test.t.MayBeNil(); got != test.want {
			t.Errorf("MayBeNil(%s) = %v, want %v", test.t, got, test.want)
		}
	}
}
