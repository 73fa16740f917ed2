package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/engine/sandbox"
)

// Every one of many writes at once is done once, and all are there after a
// restart.
func TestManyAtOnce(t *testing.T) {
	state := &memory{}
	k := shop(t)
	s := sandbox.New(sandbox.Options{State: state})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, k.BaseURL+"/orders", strings.NewReader(`{"source":"api","title":"Jugs"}`))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header = http.Header{
				"X-Key": {"me/sandbox-key"}, "Version": {"7"}, "Content-Type": {"application/json"},
				"Idempotency-Key": {fmt.Sprint(i / 2)}, // each key twice
			}
			resp, err := s.Transport(k).RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusCreated {
				t.Errorf("status %d, want 201", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	b := serve(t, sandbox.Options{State: state}, k)
	b.headers = shopHeaders
	got := decode[struct{ Meta struct{ Total int } }](t, b.call("GET", "/shop/v2/orders?limit=100", ""))
	if got.Meta.Total != 3+20 {
		t.Errorf("orders after a restart: %d, want %d", got.Meta.Total, 3+20)
	}
}

// unwell is a State that cannot keep anything.
type unwell struct{}

var errDisk = errors.New("the disk is full")

func (unwell) Load(context.Context, string) ([]byte, bool, error) { return nil, false, errDisk }
func (unwell) Save(context.Context, string, []byte) error         { return errDisk }

func TestStateThatFails(t *testing.T) {
	b := shopBench(t, sandbox.Options{State: unwell{}})
	b.want("DELETE", "/shop/v2/orders/1", "", "204 ")
	b.want("GET", "/shop/v2/orders/1", "", `404 {"kind":"not_found","message":"Order 1 not found","status":404}`)
	err := b.sandbox.Flush(t.Context())
	if want := "keep sandbox shop: the disk is full"; err == nil || err.Error() != want {
		t.Errorf("Flush = %v, want %s", err, want)
	}
}

// A large service is saved at most once a second, and when it is flushed.
func TestLargeService(t *testing.T) {
	now := noon
	state := &memory{}
	b := shopBench(t, sandbox.Options{State: state, Now: func() time.Time { return now }})
	kept := func() bool { return strings.Contains(string(state.docs["service/shop"]), `"Late`) }
	create := func(title string) {
		t.Helper()
		resp := b.call("POST", "/shop/v2/orders", `{"source":"api","title":"`+title+`"}`)
		if resp.status != http.StatusCreated {
			t.Fatalf("status %d: %s", resp.status, resp.body)
		}
	}
	create(strings.Repeat("A", 300<<10))
	create("Late")
	if kept() {
		t.Error("the second write was saved at once, want it to wait")
	}
	if err := b.sandbox.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !kept() {
		t.Error("Flush did not save the second write")
	}
	now = now.Add(time.Second)
	create("Later")
	if !strings.Contains(string(state.docs["service/shop"]), `"Later"`) {
		t.Error("a write a second later was not saved")
	}
}

// A document of a later version, with keys unknown here, is read.
func TestDocumentOfAnotherVersion(t *testing.T) {
	state := &memory{docs: map[string][]byte{"service/shop": []byte(`{"stores":{},"replies":{"create_order\u0000me/sandbox-key\u0000k":` +
		`{"status":201,"body":"e30=","until":"2026-06-15T13:00:00Z"}},"grants":{"access":{"tok":{"account":"a","until":"2026-06-15T13:00:00Z"}}},"made":7,"new":[1]}`)}}
	b := shopBench(t, sandbox.Options{State: state})
	b.want("POST", "/shop/v2/orders", `{"source":"api","title":"Jugs"}`, "201 {}", "Idempotency-Key: k")
	b.want("GET", "/shop/v2/orders/1", "", `200 {"order":`+cups+`}`, "X-Key: ", "Authorization: Bearer tok")
}
