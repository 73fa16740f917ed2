package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/sandbox"
)

// pay sends the same write over any transport.
func pay(ctx context.Context, rt http.RoundTripper, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, address+"/orders/2", strings.NewReader(`{"paid":true}`))
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"X-Key": {"me/sandbox-key"}, "Version": {"7"}, "Content-Type": {"application/json"}}
	return rt.RoundTrip(req)
}

// outcome describes what a client sees.
func outcome(resp *http.Response, err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		return "reset"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case err != nil:
		return err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Sprintf("%d %s, then %v", resp.StatusCode, data, err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, data)
}

func TestFailures(t *testing.T) {
	const paid = `{"_id":2,"paid":true,"size":"large","title":"Plates"}`
	tests := []struct {
		name string
		fail sandbox.Failure
		want string
		done bool
	}{
		{"status", sandbox.Failure{Kind: sandbox.FailStatus}, `503 {"kind":"transient","message":"Service Unavailable (asked of the sandbox)","status":503}`, false},
		{"status after", sandbox.Failure{Kind: sandbox.FailStatus, Status: 502, After: true}, `502 {"kind":"transient","message":"Bad Gateway (asked of the sandbox)","status":502}`, true},
		{"timeout", sandbox.Failure{Kind: sandbox.FailTimeout}, "timeout", false},
		{"timeout after", sandbox.Failure{Kind: sandbox.FailTimeout, After: true}, "timeout", true},
		{"reset", sandbox.Failure{Kind: sandbox.FailReset}, "reset", false},
		{"reset after", sandbox.Failure{Kind: sandbox.FailReset, After: true}, "reset", true},
		{"slow", sandbox.Failure{Kind: sandbox.FailSlow, Delay: time.Millisecond}, "200 " + paid, true},
		{"malformed", sandbox.Failure{Kind: sandbox.FailMalformed}, "200 <html><body><h1>Bad gateway</h1></body></html>", true},
		{"truncated", sandbox.Failure{Kind: sandbox.FailTruncated}, "200 " + paid[:len(paid)/2] + ", then unexpected EOF", true},
		{"another action", sandbox.Failure{Kind: sandbox.FailStatus, Action: "ping"}, "200 " + paid, true},
		{"this action", sandbox.Failure{Kind: sandbox.FailStatus, Action: "shop.update_order", Status: 500}, `500 {"kind":"transient","message":"Internal Server Error (asked of the sandbox)","status":500}`, false},
	}
	for _, test := range tests {
		test.fail.Connector = "shop"
		t.Run(test.name, func(t *testing.T) {
			b := shopBench(t, sandbox.Options{})
			ways := map[string]func() string{
				"socket": func() string {
					ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
					defer cancel()
					return outcome(pay(ctx, &http.Transport{DisableKeepAlives: true}, b.url+"/shop/v2"))
				},
				"transport": func() string {
					return outcome(pay(t.Context(), b.sandbox.Transport(shop(t)), "https://api.shop.example.com/v2"))
				},
			}
			for way, call := range ways {
				if err := b.sandbox.Reset(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := b.sandbox.Fail(test.fail); err != nil {
					t.Fatal(err)
				}
				if got := call(); got != test.want {
					t.Errorf("%s: got %s, want %s", way, got, test.want)
				}
				if got := b.sandbox.Effects()[0].Done; got != test.done {
					t.Errorf("%s: Effects()[0].Done = %t, want %t", way, got, test.done)
				}
			}
		})
	}
}

func TestFailuresAreCounted(t *testing.T) {
	b := shopBench(t, sandbox.Options{})
	if err := b.sandbox.Fail(sandbox.Failure{Connector: "shop", Kind: sandbox.FailStatus, Status: 429, Count: 2}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		resp := b.call("GET", "/shop/v2/orders/1", "")
		if resp.status != 429 || resp.header.Get("Retry-After") != "1" {
			t.Errorf("got %d, Retry-After %q, want 429 and 1", resp.status, resp.header.Get("Retry-After"))
		}
	}
	b.want("GET", "/shop/v2/orders/1", "", `200 {"order":`+cups+`}`)
}

func TestFailRefuses(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	tests := map[string]sandbox.Failure{
		"fail: the connector is missing": {Kind: sandbox.FailReset},
		`fail shop: "crash" is no way to fail; the ways are status, timeout, reset, slow, malformed, truncated`: {Connector: "shop", Kind: "crash"},
		"fail shop: 200 is no status of an error; those are 400 to 599":                                         {Connector: "shop", Kind: sandbox.FailStatus, Status: 200},
	}
	for want, f := range tests {
		if err := s.Fail(f); err == nil || err.Error() != want {
			t.Errorf("Fail(%+v) = %v, want %s", f, err, want)
		}
	}
}

func TestSlowAnswerTakesItsTime(t *testing.T) {
	k := shop(t)
	synctest.Test(t, func(t *testing.T) {
		s := sandbox.New(sandbox.Options{Connectors: func() []*program.Connector { return []*program.Connector{k} }})
		if err := s.Fail(sandbox.Failure{Connector: "shop", Kind: sandbox.FailSlow, Count: 2}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if got, want := outcome(pay(t.Context(), s.Transport(k), k.BaseURL)), `200 {"_id":2,"paid":true,"size":"large","title":"Plates"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("the answer took %s, want 3s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := outcome(pay(ctx, s.Transport(k), k.BaseURL)); got != "timeout" {
			t.Errorf("with a second to wait: %s, want timeout", got)
		}
	})
}
