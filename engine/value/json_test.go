package value

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		text string
		want any
	}{
		{`null`, nil},
		{`1`, 1},
		{`-0`, 0},
		{`1.0`, 1}, // as it will be read back once it is written
		{`1e3`, 1000},
		{`1e18`, 1e18},
		{`2.5`, 2.5},
		{`9223372036854775807`, math.MaxInt},
		{`9223372036854775808`, 9223372036854775808.0},
		{`"é"`, "é"},
		{` [1, "a", {"b": [true]}] `, []any{1, "a", map[string]any{"b": []any{true}}}},
		{`{"$file": "a.txt", "content_type": "text/plain", "data": "aGk="}`, File{"a.txt", "text/plain", []byte("hi")}},
		{`{"$file": 3}`, map[string]any{"$file": 3}},
	} {
		got, err := Decode([]byte(test.text))
		if err != nil {
			t.Errorf("Decode(%s) = %v, want no error", test.text, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("Decode(%s) (-want +got):\n%s", test.text, diff)
		}
	}
	for _, test := range []struct{ text, want string }{
		{``, "empty text where JSON is expected"},
		{`{} {}`, "text after the JSON value at byte 4"},
		{`1e999`, "1e999 is too large for a number"},
		{strings.Repeat("[", 202) + strings.Repeat("]", 202), "value nests deeper than 200"},
	} {
		if got, err := Decode([]byte(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("Decode(%.20s) = %v, %v, want error %q", test.text, got, err, test.want)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, test := range []struct {
		v    any
		want string
	}{
		{nil, `null`},
		{map[string]any{"b": 1, "a": []any{1.5, "<&>"}}, `{"a":[1.5,"<&>"],"b":1}`},
		{File{Name: "a.txt", Data: []byte("hi")}, `{"$file":"a.txt","data":"aGk="}`},
		{map[string]any{"token": NewSecret("hunter2")}, `{"token":"[secret]"}`},
	} {
		got, err := Encode(test.v)
		if err != nil || string(got) != test.want {
			t.Errorf("Encode(%v) = %s, %v, want %s", test.v, got, err, test.want)
		}
	}
}

func TestNormalize(t *testing.T) {
	at := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
	for _, test := range []struct{ v, want any }{
		{int64(3), 3},
		{uint8(3), 3},
		{float32(1.5), 1.5},
		{4.0, 4},
		{json.Number("12"), 12},
		{at, "2026-03-14T15:00:00Z"},
		{90 * time.Minute, "1h30m0s"},
		{[]string{"a"}, []any{"a"}},
		{[]int{1}, []any{1}},
		{map[any]any{"a": int64(1)}, map[string]any{"a": 1}},
		{[]any{at, map[string]any{"x": []int{1}}}, []any{"2026-03-14T15:00:00Z", map[string]any{"x": []any{1}}}},
	} {
		got, err := Normalize(test.v)
		if err != nil {
			t.Errorf("Normalize(%v) = %v, want no error", test.v, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("Normalize(%v) (-want +got):\n%s", test.v, diff)
		}
	}
	for _, test := range []struct {
		v    any
		want string
	}{
		{math.NaN(), "NaN is not a number a value can hold"},
		{math.Inf(1), "+Inf is not a number a value can hold"},
		{[]any{NewSecret("hunter2")}, "a value cannot hold a value.Secret"},
		{struct{}{}, "a value cannot hold a struct {}"},
		{map[any]any{1: 2}, "an object has the key 1, which is not text"},
	} {
		if got, err := Normalize(test.v); err == nil || err.Error() != test.want {
			t.Errorf("Normalize(%v) = %v, %v, want error %q", test.v, got, err, test.want)
		}
	}
}

func TestNormalizeCopies(t *testing.T) {
	given := map[string]any{"list": []any{1}}
	got, err := Normalize(given)
	if err != nil {
		t.Fatal(err)
	}
	given["list"].([]any)[0] = 2
	if diff := cmp.Diff(map[string]any{"list": []any{1}}, got); diff != "" {
		t.Errorf("a change of what was given changed the value (-want +got):\n%s", diff)
	}
}

// FuzzDecode checks that what was decoded is encoded and decoded to the same.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{`1`, `1.0`, `[{"a": null}]`, `{"$file": "x", "data": ""}`, `"\u0000"`, `1e400`, `-0`, `[1e2]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Decode([]byte(text))
		if err != nil {
			return
		}
		first, err := Encode(v)
		if err != nil {
			t.Fatalf("Encode(%#v) = %v, want no error", v, err)
		}
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("Decode(%s) = %v, want no error", first, err)
		}
		if second, err := Encode(again); err != nil || string(second) != string(first) {
			t.Errorf("Encode(Decode(%s)) = %s, %v, want the same", first, second, err)
		}
	})
}
