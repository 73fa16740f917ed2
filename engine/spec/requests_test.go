package spec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/spec"
)

func TestRequests(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"group: g\nactions:\n  get:\n    request: GET /things/{id}\n    input: {}\n", []string{"GET /things/{id}"}},
		{"    request:   'POST /things?as=list'   # why\n", []string{"POST /things?as=list"}},
		{"a: { request: GET /x, output: { one: T } }\r\n", []string{"GET /x"}},
		{"a: { effect: read, request: GET /x}\nb: {request: \"PUT /x/{id}\"}", []string{"GET /x", "PUT /x/{id}"}},
		{"{ a: { request: GET /x }, b: { request: GET /y } }", []string{"GET /x", "GET /y"}},
		{"request: table find\nrequest: GET\nrequest:\n", nil},
		{"request: GET {url}\nrequest: \"POST https://hooks.example.com/in/{key}\"\n", []string{"GET {url}", "POST /in/{key}"}},
		{"# request: GET /told\n", []string{"GET /told"}},
	} {
		if diff := cmp.Diff(test.want, spec.Requests([]byte(test.text))); diff != "" {
			t.Errorf("Requests(%q) (-want +got):\n%s", test.text, diff)
		}
	}
}
