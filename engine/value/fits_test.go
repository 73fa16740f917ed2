package value

import "testing"

func object(name string, fields ...Field) *Type {
	return &Type{Kind: Object, Name: name, Fields: fields}
}

func field(name string, t *Type) Field { return Field{Name: name, Type: t} }

func TestMismatch(t *testing.T) {
	text, whole, number := Of(String), Of(Integer), Of(Number)
	draft := &Type{Kind: Enum, Values: []string{"draft"}}
	status := &Type{Kind: Enum, Values: []string{"draft", "live"}}
	page := object("qwilr.Page", field("id", text), field("note", text.AsOptional()))
	tag := object("ghl.Tag", field("id", text), field("name", text))
	for _, test := range []struct {
		got, want *Type
		reason    string
	}{
		{text, text, ""},
		{nil, text, ""},
		{text, nil, ""},
		{Of(Any), ListOf(text), ""},
		{text.AsOptional(), Of(Any), ""},
		{whole, number, ""},
		{number, whole, "integer is wanted, number is given"},
		{ListOf(text), text, "string is wanted, list of string is given"},
		{text, ListOf(text), "list of string is wanted, string is given"},
		{text, whole, "integer is wanted, string is given"},
		{Of(Boolean), text, "string is wanted, boolean is given"},
		{text.AsOptional(), text, "may be missing"},
		{text.AsOptional(), text.AsOptional(), ""},
		{text, text.AsOptional(), ""},
		{text.AsOptional(), whole, "integer is wanted, string is given"},
		{Of(Nil), text, "string is wanted, nil is given"},
		{Of(Nil), text.AsOptional(), ""},
		{status, text, ""},
		{text, status, "enum (draft, live) is wanted, string is given"},
		{draft, status, ""},
		{status, draft, "enum (draft) is wanted, enum (draft, live) is given"},
		{Of(Datetime), text, ""},
		{text, Of(Datetime), ""},
		{Of(Date), text, ""},
		{text, Of(Duration), ""},
		{Of(Date), Of(Datetime), "datetime is wanted, date is given"},
		{Of(Time), Of(Datetime), ""},
		{Of(Time), text, ""},
		{Of(Time), Of(Date), "date is wanted, datetime is given"},
		{Of(Span), Of(Duration), ""},
		{Of(FileKind), text, "string is wanted, file is given"},
		{Of(FileKind), Of(FileKind), ""},
		{text, Of(SecretText), ""},
		{Of(SecretText), text, "string is wanted, secret is given"},
		{ListOf(whole), ListOf(number), ""},
		{ListOf(whole), ListOf(text), "list of string is wanted, list of integer is given"},
		{ListOf(text.AsOptional()), ListOf(text), "list of string is wanted, items of the list may be missing"},
		{ListOf(nil), ListOf(text), ""},
		{page, page, ""},
		{page, tag, `field "name" of ghl.Tag is missing`},
		{tag, page, ""},
		{object("", field("id", whole)), page, `field "id": string is wanted, integer is given`},
		{object("", field("id", text.AsOptional())), page, `field "id" may be missing`},
		{object("", field("id", text), field("more", text)), page, ""},
		{ListOf(page), ListOf(tag), "list of ghl.Tag is wanted, list of qwilr.Page is given"},
		{MapOf(text), MapOf(text), ""},
		{MapOf(whole), MapOf(text), "map of string is wanted, map of integer is given"},
		{page, MapOf(Of(Any)), ""},
		{object("", field("n", whole)), MapOf(text), `field "n": string is wanted, integer is given`},
		{MapOf(nil), page, ""},
		{MapOf(text), page, "qwilr.Page is wanted, map of string is given"},
		{page, text, "string is wanted, qwilr.Page is given"},
	} {
		if reason := Mismatch(test.got, test.want); reason != test.reason {
			t.Errorf("Mismatch(%s, %s) = %q, want %q", test.got, test.want, reason, test.reason)
		}
	}
}

func TestMismatchOfTypesThatHoldThemselves(t *testing.T) {
	tree := func(name string) *Type {
		t := object(name, field("id", Of(String)), Field{Name: "children"})
		t.Fields[1].Type = ListOf(t)
		return t
	}
	if reason := Mismatch(tree("a.Tree"), tree("b.Tree")); reason != "" {
		t.Errorf("Mismatch of two trees = %q, want none", reason)
	}
}

func TestMismatchValue(t *testing.T) {
	text, status := Of(String), &Type{Kind: Enum, Values: []string{"draft", "live"}}
	page := object("qwilr.Page", field("id", text), field("status", status), field("note", text.AsOptional()))
	for _, test := range []struct {
		v      any
		want   *Type
		reason string
	}{
		{"a", text, ""},
		{nil, nil, ""},
		{map[string]any{"x": 1}, Of(Any), ""},
		{3, text, "string is wanted, 3 is given"},
		{true, Of(Integer), "integer is wanted, true is given"},
		{"ten", Of(Integer), `integer is wanted, "ten" is given`},
		{2.0, Of(Integer), ""},
		{2.5, Of(Integer), "integer is wanted, 2.5 is given"},
		{2, Of(Number), ""},
		{nil, text, "string is wanted, nothing is given"},
		{nil, text.AsOptional(), ""},
		{[]any{}, text, "string is wanted, a list is given"},
		{"x", ListOf(text), `list of string is wanted, "x" is given`},
		{map[string]any{}, ListOf(text), "list of string is wanted, an object is given"},
		{File{Name: "a.pdf"}, Of(FileKind), ""},
		{File{Name: "a.pdf"}, text, "string is wanted, a file is given"},
		{"live", status, ""},
		{"drft", status, `"drft" is not one of draft, live`},
		{3, status, "enum (draft, live) is wanted, 3 is given"},
		{"2026-03-14T15:00:00+01:00", Of(Datetime), ""},
		{"2026-03-14", Of(Datetime), `"2026-03-14" is not a date and time such as 2026-03-14T15:00:00Z`},
		{"2026-02-30", Of(Date), `"2026-02-30" is not a date such as 2026-03-14`},
		{"2026-03-14", Of(Date), ""},
		{"1d12h", Of(Duration), ""},
		{"soon", Of(Duration), `"soon" is not a duration such as 30s, 15m, 24h or 7d`},
		{[]any{"a", 2}, ListOf(text), "item 2: string is wanted, 2 is given"},
		{map[string]any{"id": "1", "status": "live"}, page, ""},
		{map[string]any{"id": "1"}, page, `field "status" of qwilr.Page is missing`},
		{map[string]any{"id": "1", "status": "x"}, page, `field "status": "x" is not one of draft, live`},
		{map[string]any{"id": "1", "status": "live", "nmae": 1}, page, `"nmae" is not a field of qwilr.Page`},
		{map[string]any{"a": 1, "b": "x"}, MapOf(Of(Integer)), `field "b": integer is wanted, "x" is given`},
		{"a text that is far too long to be shown as a whole", Of(Boolean), `boolean is wanted, "a text that is far too long to be shown …" is given`},
	} {
		if reason := MismatchValue(test.v, test.want); reason != test.reason {
			t.Errorf("MismatchValue(%v, %s) = %q, want %q", test.v, test.want, reason, test.reason)
		}
	}
}
