package call

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/value"
)

func tagType() *value.Type {
	return object("shop.Tag",
		field("tagId", text(), "_id"),
		field("name", text(), "tag"),
		field("changed", value.Of(value.Datetime).AsOptional(), "meta", "updatedAt"),
		field("state", (&value.Type{Kind: value.Enum, Values: []string{"on", "off"}}).AsOptional()),
		field("count", value.Of(value.Integer).AsOptional()),
		field("rate", value.Of(value.Number).AsOptional()),
		field("extra", nil),
		field("sizes", value.MapOf(value.Of(value.Integer)).AsOptional()),
		field("parts", value.ListOf(object("shop.Part", field("id", text(), "_id"))).AsOptional()),
		field("key", value.Of(value.SecretText).AsOptional()),
	)
}

func TestMap(t *testing.T) {
	for _, c := range []struct {
		wire string
		want any
	}{
		{
			`{"_id":"1","tag":"a","meta":{"updatedAt":"2026-03-14T15:00:00.5Z"},"state":"asleep","count":3.0,"rate":3,
			  "extra":{"x":[1,null]},"sizes":{"s":1},"parts":[{"_id":"p","more":1}],"unknown":true}`,
			map[string]any{
				"tagId": "1", "name": "a", "changed": "2026-03-14T15:00:00.5Z", "state": "asleep", "count": 3, "rate": 3,
				"extra": map[string]any{"x": []any{1, nil}}, "sizes": map[string]any{"s": 1}, "parts": []any{map[string]any{"id": "p"}}, "key": nil,
			},
		},
		{
			`{"_id":"1","tag":"","meta":null,"count":null}`,
			map[string]any{
				"tagId": "1", "name": "", "changed": nil, "state": nil, "count": nil, "rate": nil, "extra": nil,
				"sizes": nil, "parts": nil, "key": nil,
			},
		},
	} {
		wire, err := value.Decode([]byte(c.wire))
		if err != nil {
			t.Fatalf("value.Decode(%s): %v", c.wire, err)
		}
		got, err := Map(tagType(), wire)
		if err != nil {
			t.Errorf("Map(%s): %v", c.wire, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Map(%s) (-want +got):\n%s", c.wire, diff)
		}
	}
}

func TestMapRefuses(t *testing.T) {
	for _, c := range []struct{ wire, field, want string }{
		{`{"tag":"a","z":1}`, "_id", "_id is missing, string is expected (the object has: tag, z)"},
		{`{"_id":null,"tag":"a"}`, "_id", "_id is null, string is expected (the object has: _id, tag)"},
		{`{}`, "_id", "_id is missing, string is expected (the object is empty)"},
		{`{"_id":1,"tag":"a"}`, "_id", "_id is the number 1, string is expected"},
		{`{"_id":"1","tag":["a","b"]}`, "tag", "tag is a list of 2, string is expected"},
		{`{"_id":"1","tag":"a","meta":{"updatedAt":"yesterday"}}`, "meta.updatedAt", `meta.updatedAt is the text "yesterday", datetime is expected`},
		{`{"_id":"1","tag":"a","count":"3"}`, "count", `count is the text "3", integer is expected`},
		{`{"_id":"1","tag":"a","count":1.5}`, "count", "count is the number 1.5, integer is expected"},
		{`{"_id":"1","tag":"a","state":true}`, "state", "state is true, enum (on, off) is expected"},
		{`{"_id":"1","tag":"a","sizes":{"a":1,"b":"x"}}`, "sizes.b", `sizes.b is the text "x", integer is expected`},
		{`{"_id":"1","tag":"a","parts":[{"_id":"p"},{"id":"q"}]}`, "parts[1]._id", "parts[1]._id is missing, string is expected (the object has: id)"},
		{`{"_id":"1","tag":"a","parts":{}}`, "parts", "parts is an object, list of shop.Part is expected"},
		{`{"_id":"1","tag":"a","key":12345678}`, "key", "key is a number, secret is expected"},
		{`[]`, "", "it is a list of 0, shop.Tag is expected"},
		{`null`, "", "it is nothing, shop.Tag is expected"},
	} {
		wire, err := value.Decode([]byte(c.wire))
		if err != nil {
			t.Fatalf("value.Decode(%s): %v", c.wire, err)
		}
		_, err = Map(tagType(), wire)
		f, ok := errors.AsType[*value.Failure](err)
		if !ok {
			t.Errorf("Map(%s) = %v, want a failure", c.wire, err)
			continue
		}
		if f.Message != c.want || f.Field != c.field || f.Class != value.ClassInvalid {
			t.Errorf("Map(%s) = %s %q %q, want invalid %q %q", c.wire, f.Class, f.Field, f.Message, c.field, c.want)
		}
	}
}

func FuzzMap(f *testing.F) {
	f.Add([]byte(`{"_id":"1","tag":"a","parts":[{"_id":"p"}]}`))
	f.Add([]byte(`{"_id":{"a":[]},"tag":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		wire, err := value.Decode(data)
		if err != nil {
			return
		}
		mapped, err := Map(tagType(), wire)
		if err != nil {
			return
		}
		back, wrong := toWire(tagType(), mapped)
		if wrong != nil {
			if wrong.path == "state" {
				return // a value the enum does not have comes in, but does not go out
			}
			t.Fatalf("toWire(Map(%s)) = %v", data, wrong.failure(""))
		}
		again, err := Map(tagType(), back)
		if err != nil {
			t.Fatalf("Map(toWire(Map(%s))): %v", data, err)
		}
		if diff := cmp.Diff(mapped, again); diff != "" {
			t.Errorf("Map(toWire(Map(%s))) (-want +got):\n%s", data, diff)
		}
	})
}
