package call

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// boundary is what separates the parts of a body; it comes from their content.
var boundary = regexp.MustCompile(`patchbay-[0-9a-f]{40}`)

func TestRequest(t *testing.T) {
	list := value.ListOf(text())
	comma := func(in *program.Input) *program.Input { in.Comma = true; return in }
	asText := func(in *program.Input) *program.Input { in.AsText = true; return in }
	ticks := func(tick time.Duration, in *program.Input) *program.Input { in.Tick = tick; return in }
	moment := value.Of(value.Datetime)
	line := object("shop.Line", field("sku", text(), "article", "id"), field("count", value.Of(value.Integer).AsOptional()))
	for _, c := range []struct {
		name    string
		method  string
		path    string
		inputs  []*program.Input
		given   map[string]any
		headers []program.Header
		send    []program.Send
		want    string
	}{
		{
			name: "path by part, slash at the end, query repeated", method: "GET", path: "/people/{id}/tags/",
			inputs: []*program.Input{input("id", text(), program.InPath, "id"), input("tag", list, program.InQuery, "tag[]"), optional(input("more", text(), program.InQuery, "more"))},
			given:  map[string]any{"id": "a/b c?d", "tag": []any{"x&y", "ü"}},
			want:   "GET /v1/people/a%2Fb%20c%3Fd/tags/?tag%5B%5D=x%26y&tag%5B%5D=%C3%BC\nAccept: application/json\nUser-Agent: patchbay\n",
		},
		{
			name: "query joined, numbers and booleans", method: "GET", path: "/x?fixed=1",
			inputs: []*program.Input{
				comma(input("expand", list, program.InQuery, "expand")),
				input("n", value.Of(value.Integer), program.InQuery, "n"), input("f", value.Of(value.Number), program.InQuery, "f"),
				input("b", value.Of(value.Boolean), program.InQuery, "b"), input("o", value.Of(value.Map), program.InQuery, "filter"),
			},
			given: map[string]any{"expand": []any{"a", "b"}, "n": 10, "f": 1e21, "b": true, "o": map[string]any{"k": []any{1}}},
			want:  "GET /v1/x?fixed=1&expand=a%2Cb&n=10&f=1000000000000000000000&b=true&filter=%7B%22k%22%3A%5B1%5D%7D\nAccept: application/json\nUser-Agent: patchbay\n",
		},
		{
			name: "times as a count", method: "POST", path: "/x",
			inputs: []*program.Input{
				ticks(time.Millisecond, input("from", moment, program.InQuery, "from")), ticks(time.Second, input("to", moment, program.InBody, "to")),
				input("at", moment, program.InBody, "at"),
			},
			given: map[string]any{"from": "2026-06-15T10:00:00.250+02:00", "to": "2026-06-15T08:00:00Z", "at": "2026-06-15T08:00:00Z"},
			want: "POST /v1/x?from=1781510400250\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n" +
				"\n{\"at\":\"2026-06-15T08:00:00Z\",\"to\":1781510400}",
		},
		{
			name: "a map spread over query and headers", method: "GET", path: "/x",
			inputs: []*program.Input{input("query", value.Of(value.Map), program.InQuery, "*"), input("headers", value.Of(value.Map), program.InHeader, "*")},
			given:  map[string]any{"query": map[string]any{"b": 2, "a": []any{"1", "2"}}, "headers": map[string]any{"X-Trace": "t", "Accept": "text/csv"}},
			want:   "GET /v1/x?a=1&a=2&b=2\nAccept: text/csv\nUser-Agent: patchbay\nX-Trace: t\n",
		},
		{
			name: "JSON body with nested keys, own keys, constants and text", method: "POST", path: "/orders",
			inputs: []*program.Input{
				input("place", text(), program.InBody, "ship", "to", "city"), asText(input("limit", value.Of(value.Integer), program.InBody, "limit")),
				input("lines", value.ListOf(line), program.InBody, "lines"), optional(input("note", text(), program.InBody, "note")),
			},
			given: map[string]any{"place": "Köln <1>", "limit": 10, "lines": []any{map[string]any{"sku": "s1", "count": 2, "unknown": true}}},
			send: []program.Send{
				{Place: program.Place{In: program.InBody, Path: []string{"ship", "kind"}}, Value: program.Constant("fast", text())},
				{Place: program.Place{In: program.InQuery, Path: []string{"v"}}, Value: program.Constant(3, value.Of(value.Integer))},
			},
			want: "POST /v1/orders?v=3\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n\n" +
				`{"limit":"10","lines":[{"article":{"id":"s1"},"count":2}],"ship":{"kind":"fast","to":{"city":"Köln <1>"}}}`,
		},
		{
			name: "a body that may be empty is an object", method: "POST", path: "/search",
			inputs: []*program.Input{optional(input("q", text(), program.InBody, "q"))},
			want:   "POST /v1/search\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n\n{}",
		},
		{
			name: "no body where none is placed", method: "POST", path: "/ping",
			want: "POST /v1/ping\nAccept: application/json\nUser-Agent: patchbay\n",
		},
		{
			name: "DELETE with a body", method: "DELETE", path: "/tags",
			inputs: []*program.Input{input("tags", list, program.InBody, "tags")}, given: map[string]any{"tags": []any{"a"}},
			want: "DELETE /v1/tags\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n\n" + `{"tags":["a"]}`,
		},
		{
			name: "DELETE without what may be in its body", method: "DELETE", path: "/tags",
			inputs: []*program.Input{optional(input("tags", list, program.InBody, "tags"))},
			want:   "DELETE /v1/tags\nAccept: application/json\nUser-Agent: patchbay\n",
		},
		{
			name: "form", method: "POST", path: "/token",
			inputs: []*program.Input{input("user", text(), program.InForm, "user"), input("roles", list, program.InForm, "role")},
			given:  map[string]any{"user": "a b", "roles": []any{"x", "y"}},
			want:   "POST /v1/token\nAccept: application/json\nContent-Type: application/x-www-form-urlencoded\nUser-Agent: patchbay\n\nuser=a+b&role=x&role=y",
		},
		{
			name: "multipart with a file and an object that tells one", method: "POST", path: "/upload",
			inputs: []*program.Input{
				input("title", text(), program.InMultipart, "title"), input("file", value.Of(value.FileKind), program.InMultipart, "file"),
				input("extra", value.Of(value.Any), program.InMultipart, "extra"),
			},
			given: map[string]any{
				"title": "T", "file": value.File{Name: `a"b.csv`, ContentType: "text/csv", Data: []byte("x;y")},
				"extra": map[string]any{"name": "n.txt", "content_type": "text/plain", "content": "hello"},
			},
			want: "POST /v1/upload\nAccept: application/json\n" +
				"Content-Type: multipart/form-data; boundary=patchbay-a\nUser-Agent: patchbay\n\n" +
				"--patchbay-a\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nT\r\n" +
				"--patchbay-a\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b.csv\"\r\nContent-Type: text/csv\r\n\r\nx;y\r\n" +
				"--patchbay-a\r\nContent-Disposition: form-data; name=\"extra\"; filename=\"n.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n" +
				"--patchbay-a--\r\n",
		},
		{
			name: "files under names of their own", method: "POST", path: "/upload",
			inputs: []*program.Input{input("files", value.MapOf(value.Of(value.FileKind)), program.InMultipart, "*")},
			given: map[string]any{"files": map[string]any{
				"b": value.File{Name: "b.txt", ContentType: "text/plain", Data: []byte("B")}, "a": value.File{Name: "a.txt", ContentType: "text/plain", Data: []byte("A")},
			}},
			want: "POST /v1/upload\nAccept: application/json\n" +
				"Content-Type: multipart/form-data; boundary=patchbay-a\nUser-Agent: patchbay\n\n" +
				"--patchbay-a\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nA\r\n" +
				"--patchbay-a\r\nContent-Disposition: form-data; name=\"b\"; filename=\"b.txt\"\r\nContent-Type: text/plain\r\n\r\nB\r\n" +
				"--patchbay-a--\r\n",
		},
		{
			name: "multipart with a list, a joined one and a form value", method: "POST", path: "/upload",
			inputs: []*program.Input{
				input("tags", list, program.InMultipart, "tag"), comma(input("ids", list, program.InMultipart, "ids")), input("note", text(), program.InForm, "note"),
			},
			given: map[string]any{"tags": []any{"a", "b"}, "ids": []any{"1", "2"}, "note": "n"},
			want: "POST /v1/upload\nAccept: application/json\n" +
				"Content-Type: multipart/form-data; boundary=patchbay-a\nUser-Agent: patchbay\n\n" +
				"--patchbay-a\r\nContent-Disposition: form-data; name=\"tag\"\r\n\r\na\r\n" +
				"--patchbay-a\r\nContent-Disposition: form-data; name=\"tag\"\r\n\r\nb\r\n" +
				"--patchbay-a\r\nContent-Disposition: form-data; name=\"ids\"\r\n\r\n1,2\r\n" +
				"--patchbay-a\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nn\r\n" +
				"--patchbay-a--\r\n",
		},
		{
			name: "numbers and booleans as text, in a list too", method: "POST", path: "/x",
			inputs: []*program.Input{asText(input("all", value.ListOf(nil), program.InBody, "all")), asText(input("on", value.Of(value.Boolean), program.InBody, "on"))},
			given:  map[string]any{"all": []any{1, true, 1.5, "x", map[string]any{"n": 1}}, "on": false},
			want:   "POST /v1/x\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n\n" + `{"all":["1","true","1.5","x",{"n":1}],"on":"false"}`,
		},
		{
			name: "a whole body", method: "PUT", path: "/doc",
			inputs: []*program.Input{input("body", value.Of(value.Any), program.InBody)}, given: map[string]any{"body": []any{1, "a"}},
			want: "PUT /v1/doc\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n\n" + `[1,"a"]`,
		},
		{
			name: "a whole body with more in it", method: "PUT", path: "/doc",
			inputs: []*program.Input{input("fields", value.Of(value.Map), program.InBody, "*"), input("id", text(), program.InBody, "id")},
			given:  map[string]any{"fields": map[string]any{"a": 1, "f": value.File{Data: []byte("xyz")}}, "id": "7"},
			want:   "PUT /v1/doc\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n\n" + `{"a":1,"f":"eHl6","id":"7"}`,
		},
		{
			name: "text as a whole body is JSON", method: "PUT", path: "/doc",
			inputs: []*program.Input{input("body", value.Of(value.Any), program.InBody)}, given: map[string]any{"body": "<a/>"},
			want: "PUT /v1/doc\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n\n" + `"<a/>"`,
		},
		{
			name: "a file as a whole body", method: "PUT", path: "/doc",
			inputs: []*program.Input{input("body", value.Of(value.Any), program.InBody)}, given: map[string]any{"body": value.File{ContentType: "text/csv", Data: []byte("a;b")}},
			want: "PUT /v1/doc\nAccept: application/json\nContent-Type: text/csv\nUser-Agent: patchbay\n\na;b",
		},
		{
			name: "a list joined in a body", method: "POST", path: "/doc",
			inputs: []*program.Input{comma(input("ids", list, program.InBody, "ids"))}, given: map[string]any{"ids": []any{"a", "b"}},
			want: "POST /v1/doc\nAccept: application/json\nContent-Type: application/json\nUser-Agent: patchbay\n\n" + `{"ids":"a,b"}`,
		},
		{
			name: "a whole body of text, its content type named", method: "PUT", path: "/doc",
			inputs:  []*program.Input{input("body", value.Of(value.Any), program.InBody)},
			given:   map[string]any{"body": "<a/>"},
			headers: []program.Header{{Name: "Content-Type", Value: program.Constant("text/xml", text())}, {Name: "Version", Value: program.Constant("2021-07-28", text())}, {Name: "X-None", Value: program.Constant(nil, nil)}},
			want:    "PUT /v1/doc\nAccept: application/json\nContent-Type: text/xml\nUser-Agent: patchbay\nVersion: 2021-07-28\n\n<a/>",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, respond(200, `{}`))
			a := s.action(c.method, c.path, c.inputs...)
			a.Headers, a.Send = c.headers, c.send
			done(t, New(Options{}), Request{Action: a, Input: c.given})
			got := boundary.ReplaceAllString(s.requests()[0], "patchbay-a")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInputRefused(t *testing.T) {
	s := serve(t, respond(200, `{}`))
	least, most := 1.0, 100.0
	sku := field("sku", text())
	sku.Pattern = "^[a-z-]+$"
	a := s.action("POST", "/people/{id}",
		input("id", text(), program.InPath, "id"),
		optional(input("tags", value.ListOf(text()), program.InBody, "tags")),
		optional(input("size", value.Of(value.Integer), program.InBody, "size")),
		optional(input("day", value.Of(value.Date), program.InBody, "day")),
		optional(input("kind", &value.Type{Kind: value.Enum, Values: []string{"a", "b"}}, program.InBody, "kind")),
		optional(input("lines", value.ListOf(object("Line", sku)), program.InBody, "lines")),
		optional(input("trace", text(), program.InHeader, "X-Trace")),
		&program.Input{Field: value.Field{Name: "place", Type: text()}, Default: program.Constant(nil, nil), Place: program.Place{In: program.InBody, Path: []string{"place"}}},
	)
	a.Input[2].Min, a.Input[2].Max = &least, &most
	full := func(name string, v any) map[string]any { return map[string]any{"id": "1", "place": "p", name: v} }
	for _, c := range []struct {
		given map[string]any
		want  value.Failure
	}{
		{map[string]any{"place": "p"}, value.Failure{Field: "id", Message: "input id is missing"}},
		{map[string]any{"id": "1"}, value.Failure{Field: "place", Message: "input place is missing"}},
		{full("id", nil), value.Failure{Field: "id", Message: "input id is missing"}},
		{full("id", 7), value.Failure{Field: "id", Message: "input id is the number 7, string is expected"}},
		{full("id", ""), value.Failure{Field: "id", Message: "id is empty, and the address needs it"}},
		{full("id", ".."), value.Failure{Field: "id", Message: `id is "..", which would lead to another address`}},
		{full("tags", "a"), value.Failure{Field: "tags", Message: `input tags is the text "a", list of string is expected`}},
		{full("tags", []any{"a", 1.5}), value.Failure{Field: "tags[1]", Message: "input tags[1] is the number 1.5, string is expected"}},
		{full("size", 1.5), value.Failure{Field: "size", Message: "input size is the number 1.5, integer is expected"}},
		{full("size", 0), value.Failure{Field: "size", Message: "input size is the number 0, at least 1 is expected"}},
		{full("size", 101), value.Failure{Field: "size", Message: "input size is the number 101, at most 100 is expected"}},
		{full("lines", []any{map[string]any{"sku": "a b"}}), value.Failure{Field: "lines[0].sku", Message: `input lines[0].sku is the text "a b", which does not match ^[a-z-]+$`}},
		{full("day", "14.3.2026"), value.Failure{Field: "day", Message: `input day is the text "14.3.2026", date is expected`}},
		{full("kind", "c"), value.Failure{Field: "kind", Message: `input kind is the text "c", enum (a, b) is expected`}},
		{full("lines", []any{map[string]any{}}), value.Failure{Field: "lines[0].sku", Message: "input lines[0].sku is missing, string is expected"}},
		{full("trace", "a\r\nX-Evil: 1"), value.Failure{Field: "trace", Message: `header "X-Trace" would hold a line break or another character that headers cannot have`}},
		{full("tagz", nil), value.Failure{Field: "tagz", Message: `"tagz" is not an input; the inputs are: id, tags, size, day, kind, lines, trace, place`}},
	} {
		c.want.Class, c.want.Action = value.ClassInvalid, "shop.act"
		got := failed(t, New(Options{}), Request{Action: a, Input: c.given})
		if diff := cmp.Diff(&c.want, got); diff != "" {
			t.Errorf("Do(%v) (-want +got):\n%s", c.given, diff)
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests were sent, want none", n)
	}
}

func TestConnectionIsNeeded(t *testing.T) {
	s := serve(t, respond(200, `{}`))
	s.connector.Auths = []*program.Auth{{Name: "token", Type: program.AuthBearer}}
	got := failed(t, New(Options{}), Request{Action: s.action("GET", "/x")})
	if want := "no connection: shop needs one"; got.Message != want {
		t.Errorf("message = %q, want %q", got.Message, want)
	}
}

func TestIdempotencyKey(t *testing.T) {
	s := serve(t, respond(200, `{}`))
	a := s.action("POST", "/transfers")
	a.Effect, a.Repeat = program.EffectCreate, program.Repeat{Header: "X-Idempotency-Key"}
	c := New(Options{})
	done(t, c, Request{Action: a, Key: "k-1"})
	done(t, c, Request{Action: a})
	want := []string{
		"POST /v1/transfers\nAccept: application/json\nUser-Agent: patchbay\nX-Idempotency-Key: k-1\n",
		"POST /v1/transfers\nAccept: application/json\nUser-Agent: patchbay\n",
	}
	if diff := cmp.Diff(want, s.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestKeyBehindEachFile(t *testing.T) {
	s := serve(t, respond(200, `{}`))
	a := s.action("POST", "/files")
	a.Input = []*program.Input{
		input("files", value.ListOf(value.Of(value.FileKind)), program.InMultipart, "files[][file]"),
		input("note", text(), program.InMultipart, "note"),
	}
	a.Effect, a.Repeat = program.EffectCreate, program.Repeat{Part: "files[][key]"}
	given := map[string]any{
		"files": []any{value.File{Name: "a.pdf", Data: []byte("A")}, value.File{Name: "b.pdf", Data: []byte("B")}},
		"note":  "n",
	}
	c := New(Options{})
	done(t, c, Request{Action: a, Input: given, Key: "k-1"})
	done(t, c, Request{Action: a, Input: given, Key: "k-1"})
	done(t, c, Request{Action: a, Input: given})
	sent := func(parts ...string) string {
		return "POST /v1/files\nAccept: application/json\nContent-Type: multipart/form-data; boundary=patchbay-a\nUser-Agent: patchbay\n\n" +
			strings.Join(parts, "") + "--patchbay-a--\r\n"
	}
	file := func(name, data string) string {
		return "--patchbay-a\r\nContent-Disposition: form-data; name=\"files[][file]\"; filename=\"" + name +
			"\"\r\nContent-Type: application/octet-stream\r\n\r\n" + data + "\r\n"
	}
	plain := func(name, data string) string {
		return "--patchbay-a\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + data + "\r\n"
	}
	keyed := sent(
		file("a.pdf", "A"), plain("files[][key]", value.UUID("k-1/1")),
		file("b.pdf", "B"), plain("files[][key]", value.UUID("k-1/2")),
		plain("note", "n"),
	)
	want := []string{keyed, keyed, sent(file("a.pdf", "A"), file("b.pdf", "B"), plain("note", "n"))}
	got := s.requests()
	for i := range got {
		got[i] = boundary.ReplaceAllString(got[i], "patchbay-a")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
