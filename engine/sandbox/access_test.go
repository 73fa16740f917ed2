package sandbox_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"patchbay/engine/sandbox"
)

func TestCredentials(t *testing.T) {
	const (
		ok      = `200 {"order":` + cups + `}`
		missing = `401 {"kind":"auth","message":"the request carries no credentials","status":401}`
		wrong   = `401 {"kind":"auth","message":"the credentials are not those of the sandbox: a secret field is \"sandbox-\" and its name","status":401}`
	)
	tests := []struct{ path, header, want string }{
		{"/shop/v2/orders/1", "", missing},
		{"/shop/v2/orders/1", "X-Key: me/sandbox-key", ok},
		{"/shop/v2/orders/1", "X-Key: somebody else/sandbox-key", ok}, // only what is secret counts
		{"/shop/v2/orders/1", "X-Key: me/guessed", wrong},
		{"/shop/v2/orders/1", "Authorization: Basic YWRhOnNhbmRib3gtcGFzc3dvcmQ=", ok},
		{"/shop/v2/orders/1", "Authorization: Basic YWRhOmd1ZXNzZWQ=", wrong},
		{"/shop/v2/orders/1", "Authorization: Bearer sandbox-access-token", ok},
		{"/shop/v2/orders/1", "Authorization: Bearer guessed", wrong},
		{"/shop/v2/orders/1?key=sandbox-api_key", "", ok},
		{"/shop/v2/orders/1?key=guessed", "", wrong},
	}
	b := serve(t, sandbox.Options{}, shop(t))
	b.token = ""
	for _, test := range tests {
		b.want("GET", test.path, "", test.want, "Version: 7", test.header)
	}
}

func TestNoCredentialsWhereNoneAreNeeded(t *testing.T) {
	b := serve(t, sandbox.Options{}, builtIn(t, "http"))
	b.token = ""
	b.want("GET", "/http/rates", "", `200 {"sandbox":"The sandbox calls nobody. Here stands what the other side would answer."}`)
}

func TestLimits(t *testing.T) {
	now := noon
	b := shopBench(t, sandbox.Options{Now: func() time.Time { return now }})
	told := func(resp received) [3]string {
		return [3]string{resp.header.Get("X-Left"), resp.header.Get("X-Reset"), resp.header.Get("Retry-After")}
	}
	first := b.call("POST", "/shop/v2/ping", `{"channel":"a"}`)
	if got, want := told(first), [3]string{"0", "10", ""}; first.status != 200 || got != want {
		t.Errorf("first = %d %q, want 200 %q", first.status, got, want)
	}
	now = now.Add(3500 * time.Millisecond)
	second := b.call("POST", "/shop/v2/ping", `{"channel":"a"}`)
	if got, want := told(second), [3]string{"0", "7", "7"}; second.status != 429 || got != want {
		t.Errorf("second = %d %q, want 429 %q", second.status, got, want)
	}
	if got, want := second.body, `{"kind":"rate_limit","message":"Too many requests: try again in 7 seconds","status":429}`; got != want {
		t.Errorf("second = %s, want %s", got, want)
	}
	b.want("POST", "/shop/v2/ping", `{"channel":"b"}`, `200 {"pong":"b"}`)
	b.want("POST", "/shop/v2/ping", `{"channel":"a"}`, `200 {"pong":"a"}`, "X-Key: ", "Authorization: Bearer sandbox-access-token")
	now = now.Add(6500 * time.Millisecond)
	b.want("POST", "/shop/v2/ping", `{"channel":"a"}`, `200 {"pong":"a"}`)
}

func TestRepeatKey(t *testing.T) {
	now := noon
	state := &memory{}
	opt := sandbox.Options{Now: func() time.Time { return now }, State: state}
	b := shopBench(t, opt)
	const jugs = `{"source":"api","title":"Jugs"}`
	created := func(id string) string {
		return `201 {"order":{"_id":` + id + `,"address":{"country":"FR"},"isNew":true,"paid":false,"source":"api","title":"Jugs"}}`
	}
	b.want("POST", "/shop/v2/orders", jugs, created("4"), "Idempotency-Key: k1")
	b.want("POST", "/shop/v2/orders", jugs, created("4"), "Idempotency-Key: k1")
	b.want("POST", "/shop/v2/orders", jugs, created("5"), "Idempotency-Key: k2")
	var done, replayed int
	for _, e := range b.sandbox.Effects() {
		if e.Done {
			done++
		}
		if e.Replayed {
			replayed++
		}
	}
	if done != 2 || replayed != 1 {
		t.Errorf("done %d, replayed %d, want 2 and 1", done, replayed)
	}

	// The vendor remembers while the machine does not.
	b = shopBench(t, opt)
	b.want("POST", "/shop/v2/orders", jugs, created("4"), "Idempotency-Key: k1")
	now = now.Add(31 * time.Minute)
	b.want("POST", "/shop/v2/orders", jugs, created("6"), "Idempotency-Key: k1")
}

func TestStateSurvives(t *testing.T) {
	state := &memory{}
	b := shopBench(t, sandbox.Options{State: state})
	b.want("DELETE", "/shop/v2/orders/1", "", "204 ")
	b = shopBench(t, sandbox.Options{State: state})
	b.want("GET", "/shop/v2/orders/last?size=9", "", "200 ["+plates+","+bowls+"]")
	if err := b.sandbox.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want("GET", "/shop/v2/orders/last?size=9", "", "200 ["+cups+","+plates+","+bowls+"]")
	b = shopBench(t, sandbox.Options{State: state})
	b.want("GET", "/shop/v2/orders/last?size=9", "", "200 ["+cups+","+plates+","+bowls+"]")
}

func TestEditedFixtureBeginsAnew(t *testing.T) {
	state := &memory{}
	k := shop(t)
	b := shopBench(t, sandbox.Options{State: state})
	b.want("DELETE", "/shop/v2/orders/1", "", "204 ")
	edited := connectors(t, copyOf(t, filepath.Join("testdata", "connectors", "shop"), "fixtures/orders.json",
		`[{"_id": 7, "title": "Vases", "size": "large", "paid": false}]`))[0]
	b = serve(t, sandbox.Options{State: state}, edited)
	b.headers = shopHeaders
	const vases = `200 [{"_id":7,"paid":false,"size":"large","title":"Vases"}]`
	b.want("GET", "/shop/v2/orders/last", "", vases)

	// A run that is pinned to the version before sees the same vendor.
	old := b.sandbox.Transport(k)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.shop.example.com/v2/orders/last?key=sandbox-api_key", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Version", "7")
	if got := outcome(old.RoundTrip(req)); got != vases {
		t.Errorf("pinned GET = %s, want %s", got, vases)
	}
	b.want("GET", "/shop/v2/orders/last", "", vases)
}
