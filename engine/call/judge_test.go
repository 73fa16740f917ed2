package call

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

func TestClasses(t *testing.T) {
	rules := func(s *service) {
		s.connector.Errors = []*program.ErrorRule{
			{When: condition(t, `status == 401 and body.message contains "scope"`), Class: value.ClassForbidden},
			{When: condition(t, `body.ok == false and body.error == "ratelimited"`), Class: value.ClassRateLimit, Message: []string{"body", "error"}},
			{When: condition(t, `body.ok == false and body.error == "internal_error"`), Class: value.ClassTransient, Message: []string{"body", "error"}},
			{When: condition(t, `body.ok == false`), Class: value.ClassInvalid, Message: []string{"body", "error"}},
			{When: condition(t, `status == 418 and headers["x-kind"] == "conflict"`), Class: value.ClassConflict},
		}
	}
	for _, c := range []struct {
		name    string
		status  int
		body    string
		headers []string
		want    value.Failure
	}{
		{name: "401", status: 401, body: `{"message":"Unauthorized"}`, want: value.Failure{Class: value.ClassAuth, Message: "Unauthorized"}},
		{name: "the rule before the status", status: 401, body: `{"message":"no scope for this"}`, want: value.Failure{Class: value.ClassForbidden, Message: "no scope for this; the action needs the scope shop.read, shop.write"}},
		{name: "a rule that fails does not match", status: 401, body: `"gone"`, want: value.Failure{Class: value.ClassAuth, Message: "gone (the service answered 401 Unauthorized)"}},
		{name: "403", status: 403, body: `{"error":{"message":"no"}}`, want: value.Failure{Class: value.ClassForbidden, Message: "no; the action needs the scope shop.read, shop.write"}},
		{name: "404", status: 404, body: `{"message":["a","b"]}`, want: value.Failure{Class: value.ClassNotFound, Message: "a; b"}},
		{name: "410", status: 410, body: ``, want: value.Failure{Class: value.ClassNotFound, Message: "the service answered 410 Gone"}},
		{name: "409", status: 409, body: `{"errors":[{"detail":"taken"}]}`, want: value.Failure{Class: value.ClassConflict, Message: "taken"}},
		{name: "422", status: 422, body: `{"errors":[{"message":"bad"}],"detail":"worse"}`, want: value.Failure{Class: value.ClassInvalid, Message: "bad"}},
		{name: "400 of OAuth", status: 400, body: `{"error":"invalid_grant","error_description":"expired"}`, want: value.Failure{Class: value.ClassInvalid, Message: "expired"}},
		{name: "400 flat", status: 400, body: `{"detail":"flat"}`, want: value.Failure{Class: value.ClassInvalid, Message: "flat"}},
		{name: "400 in words", status: 400, body: `invalid_payload`, want: value.Failure{Class: value.ClassInvalid, Message: "invalid_payload (the service answered 400 Bad Request)"}},
		{name: "a page in place of an error", status: 400, body: `<html><h1>Oops</h1></html>`, want: value.Failure{Class: value.ClassInvalid, Message: "the service answered 400 Bad Request"}},
		{name: "408", status: 408, body: ``, want: value.Failure{Class: value.ClassTransient, Message: "the service answered 408 Request Timeout"}},
		{name: "500", status: 500, body: `{"message":"boom"}`, want: value.Failure{Class: value.ClassTransient, Message: "boom", Unsettled: true}},
		{name: "503 with a time", status: 503, body: `{}`, headers: []string{"Retry-After", "7"}, want: value.Failure{Class: value.ClassTransient, Message: "the service answered 503 Service Unavailable", Unsettled: true, NotBefore: time.Unix(7, 0)}},
		{name: "402", status: 402, body: `{"message":"pay"}`, want: value.Failure{Class: value.ClassUnknown, Message: "pay"}},
		{name: "200 that is none", status: 200, body: `{"ok":false,"error":"no_text"}`, want: value.Failure{Class: value.ClassInvalid, Message: "no_text"}},
		{name: "200 that broke down", status: 200, body: `{"ok":false,"error":"internal_error"}`, want: value.Failure{Class: value.ClassTransient, Message: "internal_error", Unsettled: true}},
		{name: "200 that is too many", status: 200, body: `{"ok":false,"error":"ratelimited"}`, want: value.Failure{Class: value.ClassRateLimit, Message: "ratelimited"}},
		{name: "by a header", status: 418, body: `{}`, headers: []string{"X-Kind", "conflict"}, want: value.Failure{Class: value.ClassConflict, Message: "the service answered 418 I'm a teapot"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, respond(c.status, c.body, c.headers...))
			rules(s)
			a := s.action("POST", "/x")
			a.Scopes = []string{"shop.read", "shop.write"}
			c.want.Action, c.want.Status = "shop.act", c.status
			before := time.Now()
			got := failed(t, New(Options{}), Request{Action: a})
			if !got.NotBefore.IsZero() {
				got.NotBefore = time.Unix(int64(got.NotBefore.Sub(before).Round(time.Second)/time.Second), 0)
			}
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRulesOfTheActionComeFirst(t *testing.T) {
	s := serve(t, respond(404, `{"reason":{"text":"not yet"}}`))
	s.connector.Errors = []*program.ErrorRule{{When: condition(t, "status == 404"), Class: value.ClassConflict}}
	a := s.action("GET", "/x")
	a.Errors = []*program.ErrorRule{{When: condition(t, "status == 404"), Class: value.ClassTransient, Message: []string{"body", "reason", "text"}}}
	got := failed(t, New(Options{}), Request{Action: a})
	want := &value.Failure{Class: value.ClassTransient, Message: "not yet", Action: "shop.act", Status: 404}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		header string
		want   time.Time
	}{
		{"", time.Time{}},
		{"30", now.Add(30 * time.Second)},
		{"0.5", now.Add(500 * time.Millisecond)},
		{"0", now},
		{"-1", time.Time{}},
		{"soon", time.Time{}},
		{"NaN", time.Time{}},
		{"99999999999999", now.Add(longestWait)},
		{"Sat, 14 Mar 2026 15:01:00 GMT", now.Add(time.Minute)},
		{"Sat, 14 Mar 2026 14:00:00 GMT", time.Time{}},
		{"Sat, 14 Mar 2099 14:00:00 GMT", now.Add(longestWait)},
	} {
		if got := retryAfter(http.Header{"Retry-After": {c.header}}, now); !got.Equal(c.want) {
			t.Errorf("retryAfter(%q) = %v, want %v", c.header, got, c.want)
		}
	}
}

func TestOutput(t *testing.T) {
	tag := object("shop.Tag", field("id", text(), "_id"))
	plain := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Date", "Sat, 14 Mar 2026 15:00:00 GMT")
			_, _ = io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		output program.Output
		want   any
	}{
		{"one below a path", respond(201, `{"data":{"tag":{"_id":"1","x":2}}}`), program.Output{Type: tag, At: []string{"body", "data", "tag"}}, map[string]any{"id": "1"}},
		{"one in a list", respond(200, `[{"_id":"1"},{"_id":"2"}]`), program.Output{Type: tag, At: []string{"body", "1"}}, map[string]any{"id": "2"}},
		{"nothing is brought", respond(204, ``), program.Output{}, nil},
		{"nothing is brought, whatever the answer is", respond(200, `ok`), program.Output{}, nil},
		{"missing", respond(200, `{"tags":[]}`), program.Output{Type: tag, At: []string{"body", "tags", "0"}, MayBeMissing: true}, nil},
		{"null", respond(200, `{"tag":null}`), program.Output{Type: tag, At: []string{"body", "tag"}, MayBeMissing: true}, nil},
		{"empty", respond(200, ``), program.Output{Type: tag, MayBeMissing: true}, nil},
		{"not found", respond(404, `{"message":"no"}`), program.Output{Type: tag, MayBeMissing: true, NotFoundIsNil: true}, nil},
		{"a header", respond(200, `{}`, "X-Count", "7"), program.Output{Type: text(), At: []string{"headers", "x-count"}}, "7"},
		{"the status", respond(202, `{}`), program.Output{Type: value.Of(value.Integer), At: []string{"status"}}, 202},
		{"text", plain("text/plain", "{ok"), program.Output{Type: text(), Decode: program.DecodeText}, "{ok"},
		{"auto, text", plain("text/plain", "7"), program.Output{Type: value.Of(value.Any), Decode: program.DecodeAuto}, "7"},
		{"auto, JSON", plain("application/problem+json; charset=utf-8", "7"), program.Output{Type: value.Of(value.Any), Decode: program.DecodeAuto}, 7},
		{
			"the whole answer", plain("text/csv", "a;b"),
			program.Output{Type: value.Of(value.Any), At: []string{}, Decode: program.DecodeAuto},
			map[string]any{"status": 200, "body": "a;b", "headers": map[string]any{"content-type": "text/csv", "content-length": "3", "date": "Sat, 14 Mar 2026 15:00:00 GMT"}},
		},
		{
			"a file", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Disposition", `attachment; filename="../../etc/r.pdf"`)
				plain("application/pdf", "%PDF")(w, r)
			},
			program.Output{Type: value.Of(value.FileKind), Decode: program.DecodeFile},
			value.File{Name: "r.pdf", ContentType: "application/pdf", Data: []byte("%PDF")},
		},
		{
			"a file named by its address", plain("image/png", "\x89PNG"),
			program.Output{Type: value.Of(value.FileKind), Decode: program.DecodeFile},
			value.File{Name: "x.png", ContentType: "image/png", Data: []byte("\x89PNG")},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.answer)
			a := s.action("GET", "/x.png")
			a.Output = c.output
			got := done(t, New(Options{}), Request{Action: a})
			if diff := cmp.Diff(c.want, got.Output); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswerNotAsAgreed(t *testing.T) {
	tag := object("shop.Tag", field("id", text(), "_id"))
	one := program.Output{Type: tag, At: []string{"body", "tag"}}
	list := program.Output{Type: tag, List: true, At: []string{"body", "results", "tags"}}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		output program.Output
		effect program.Effect
		field  string
		want   string
	}{
		{"a field is missing in an item", respond(200, `{"results":{"tags":[{"_id":"1"},{"id":"2"}]}}`), list, "read", "results.tags[1]._id", "the answer is not as agreed: results.tags[1]._id is missing, string is expected (the object has: id)"},
		{"a field has another type", respond(200, `{"tag":{"_id":5}}`), one, "read", "tag._id", "the answer is not as agreed: tag._id is the number 5, string is expected"},
		{"the list is none", respond(200, `{"results":{"tags":{}}}`), list, "read", "results.tags", "the answer is not as agreed: results.tags is an object, a list is expected"},
		{"the list is missing", respond(200, `{"total":0}`), list, "read", "results.tags", "the answer is not as agreed: results.tags is missing (the object has: total)"},
		{"the record is missing", respond(200, `[]`), one, "read", "tag", "the answer is not as agreed: tag is missing: the answer is a list"},
		{"the answer is empty", respond(204, ``), one, "read", "tag", "the answer is empty"},
		{"a page", respond(200, "<html>\n<b>Sign in</b>", "Content-Type", "text/html; charset=utf-8"), one, "read", "", `the answer is not JSON but text/html: "<html> <b>Sign in</b>"`},
		{"cut off", respond(200, `{"tag":{"_id":"1"`), one, "read", "", `the answer is broken JSON (unexpected EOF): "{\"tag\":{\"_id\":\"1\""`},
		{"more than one", respond(200, `{"tag":1}{}`), one, "read", "", `the answer is broken JSON (text after the JSON value at byte 10): "{\"tag\":1}{}"`},
		{"of a write", respond(201, `{"tag":{}}`), one, "create", "tag._id", "the answer is not as agreed: tag._id is missing, string is expected (the object is empty); the service had already accepted the request (status 201)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.answer)
			a := s.action("GET", "/x")
			a.Output, a.Effect = c.output, c.effect
			got := failed(t, New(Options{}), Request{Action: a})
			if got.Message != c.want || got.Field != c.field || got.Class != value.ClassInvalid || got.Unsettled {
				t.Errorf("failure = %s %q %q\nwant invalid %q %q", got.Class, got.Field, got.Message, c.field, c.want)
			}
		})
	}
}

func TestAnswerTooLarge(t *testing.T) {
	s := serve(t, respond(200, `{"text":"0123456789"}`))
	s.connector.MaxBody = 16
	got := failed(t, New(Options{}), Request{Action: s.action("GET", "/x")})
	want := &value.Failure{Class: value.ClassInvalid, Action: "shop.act", Status: 200, Message: "the answer is larger than the 16 bytes that shop allows (api.max_body)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}
