package call

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// played answers without a network, so that time can be played too.
type played func(*http.Request) (status int, body string, headers http.Header)

func (p played) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body, headers := p(r)
	if headers == nil {
		headers = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: headers, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func fine(*http.Request) (int, string, http.Header) { return 200, `{}`, nil }

func playing(p played) (*Client, *service) {
	c := New(Options{Transport: func(*program.Connector) http.RoundTripper { return p }})
	return c, &service{connector: &program.Connector{ID: "shop", BaseURL: "https://shop.example"}}
}

func seconds(d time.Duration) float64 { return d.Seconds() }

func TestLimitWaitsAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := playing(fine)
		s.connector.Limits = []*program.Limit{{Allow: 2, Per: 4 * time.Second}, {Allow: 5, Per: time.Minute}}
		a, start := s.action("GET", "/x"), time.Now()
		var at []float64
		for range 5 {
			done(t, c, Request{Action: a})
			at = append(at, seconds(time.Since(start)))
		}
		if diff := cmp.Diff([]float64{0, 0, 4, 4, 8}, at); diff != "" {
			t.Errorf("calls at (-want +got):\n%s", diff)
		}
		got := failed(t, c, Request{Action: a})
		want := &value.Failure{
			Class: value.ClassRateLimit, Action: "shop.act", NotBefore: start.Add(time.Minute),
			Message: "the rate limit of shop is used up until 2000-01-01T00:01:00Z",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failure (-want +got):\n%s", diff)
		}
		if waited := time.Since(start); waited != 8*time.Second {
			t.Errorf("the sixth call waited until %v, want to be given back at once", waited)
		}
	})
}

func TestLimitIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := playing(fine)
		s.connector.Limits = []*program.Limit{{Allow: 1, Per: time.Second}}
		a, b := s.action("GET", "/a"), s.action("GET", "/b")
		b.ID = "shop.other"
		one, two := s.bearer(), s.bearer()
		two.Name = "second"
		start := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		at := map[string]float64{}
		for name, r := range map[string]Request{
			"a main": {Action: a, Connection: one}, "b main": {Action: b, Connection: one}, "a second": {Action: a, Connection: two},
		} {
			wg.Go(func() {
				if _, err := c.Do(t.Context(), r); err != nil {
					t.Errorf("Do(%s): %v", name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				at[name] = seconds(time.Since(start))
			})
		}
		wg.Wait()
		if at["a main"]+at["b main"] != 1 || at["a second"] != 0 {
			t.Errorf("calls at %v, want the two of main a second apart and the other at once", at)
		}
	})
}

func TestLimitOfAnActionByValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := playing(fine)
		a := s.action("POST", "/post", input("channel", text(), program.InBody, "channel"))
		a.Limits = []*program.Limit{{Allow: 1, Per: 2 * time.Second, By: []string{"channel"}}}
		other := s.action("POST", "/other")
		other.ID = "shop.other"
		start := time.Now()
		var at []float64
		for _, r := range []Request{
			{Action: a, Input: map[string]any{"channel": "x"}},
			{Action: a, Input: map[string]any{"channel": "y"}},
			{Action: other},
			{Action: a, Input: map[string]any{"channel": "x"}},
		} {
			done(t, c, r)
			at = append(at, seconds(time.Since(start)))
		}
		if diff := cmp.Diff([]float64{0, 0, 0, 2}, at); diff != "" {
			t.Errorf("calls at (-want +got):\n%s", diff)
		}
	})
}

func TestVendorCorrectsTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := "1"
		c, s := playing(func(*http.Request) (int, string, http.Header) {
			return 200, `{}`, http.Header{"X-Left": {left}, "X-Reset": {"3"}}
		})
		s.connector.Limits = []*program.Limit{{Allow: 100, Per: 10 * time.Second, Remaining: "X-Left", Reset: "X-Reset"}}
		a, start := s.action("GET", "/x"), time.Now()
		var at []float64
		for _, next := range []string{"1", "0", "90", "89"} {
			left = next
			done(t, c, Request{Action: a})
			at = append(at, seconds(time.Since(start)))
		}
		if diff := cmp.Diff([]float64{0, 0, 3, 3}, at); diff != "" {
			t.Errorf("calls at (-want +got):\n%s", diff)
		}
	})
}

func TestTooManyRequestsBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers, calls := []int{429, 200, 200}, 0
		c, s := playing(func(*http.Request) (int, string, http.Header) {
			calls++
			return answers[calls-1], `{"message":"slow down"}`, http.Header{"Retry-After": {"4"}}
		})
		a, start := s.action("GET", "/x"), time.Now()
		other := s.action("GET", "/y")
		got := failed(t, c, Request{Action: a})
		want := &value.Failure{
			Class: value.ClassRateLimit, Action: "shop.act", Status: 429, NotBefore: start.Add(4 * time.Second),
			Message: "slow down; again at 2000-01-01T00:00:04Z",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failure (-want +got):\n%s", diff)
		}
		done(t, c, Request{Action: other})
		if waited := time.Since(start); waited != 4*time.Second {
			t.Errorf("the next call was sent after %v, want 4s", waited)
		}
	})
}

func TestTooManyRequestsWithoutATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := playing(func(*http.Request) (int, string, http.Header) {
			return 429, `{}`, http.Header{"X-Daily": {"0"}, "X-Left": {"80"}}
		})
		s.connector.Limits = []*program.Limit{{Allow: 100, Per: 10 * time.Second, Remaining: "X-Left"}, {Allow: 1000, Per: 24 * time.Hour, Remaining: "X-Daily"}}
		start := time.Now()
		got := failed(t, c, Request{Action: s.action("GET", "/x")})
		if want := start.Add(time.Hour); !got.NotBefore.Equal(want) {
			t.Errorf("NotBefore = %v, want %v: the daily limit is the one that is used up, and is tried again after an hour", got.NotBefore, want)
		}
	})
}

func TestPagesWaitForTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := false
		c, s := playing(func(r *http.Request) (int, string, http.Header) {
			n := number(r, "page")
			if n == 3 && !refused {
				refused = true
				return 429, `{}`, http.Header{"Retry-After": {"20"}}
			}
			if n == 5 {
				return 200, `{"items":[]}`, nil
			}
			return 200, `{"items":[{"n":` + r.URL.Query().Get("page") + `}]}`, nil
		})
		s.connector.Limits = []*program.Limit{{Allow: 2, Per: 10 * time.Second}}
		start := time.Now()
		got := done(t, c, Request{Action: s.list(&program.Paginate{Style: "page", First: 1, Param: query("page")})})
		if n := len(got.Output.([]any)); n != 4 {
			t.Errorf("%d items, want 4", n)
		}
		// Two at 0 s, two at 10 s of which the first is refused until 30 s,
		// then two more, and the last page 10 s later.
		if took := time.Since(start); took != 40*time.Second {
			t.Errorf("took %v, want 40s", took)
		}
	})
}

func TestWaitIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := playing(fine)
		s.connector.Limits = []*program.Limit{{Allow: 1, Per: 4 * time.Second}}
		a := s.action("GET", "/x")
		done(t, c, Request{Action: a})
		ctx, cancel := context.WithCancel(t.Context())
		defer time.AfterFunc(time.Second, cancel).Stop()
		_, err := c.Do(ctx, Request{Action: a})
		want := &value.Failure{Class: value.ClassTransient, Action: "shop.act", Message: "the call was interrupted while it waited for a place in the rate limit"}
		got, _ := errors.AsType[*value.Failure](err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failure (-want +got):\n%s", diff)
		}
	})
}

func TestStepEndsBeforeThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := playing(fine)
		s.connector.Limits = []*program.Limit{{Allow: 1, Per: 4 * time.Second}}
		a, start := s.action("GET", "/x"), time.Now()
		done(t, c, Request{Action: a})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Do(ctx, Request{Action: a})
		got, _ := errors.AsType[*value.Failure](err)
		if got == nil || got.Class != value.ClassRateLimit || !got.NotBefore.Equal(start.Add(4*time.Second)) {
			t.Errorf("Do = %v, want rate_limit until 4s", err)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v for nothing", waited)
		}
	})
}

// TestBudgetNeverExceeds holds the budget against the definition of a limit:
// in no window are there more calls than allowed.
func TestBudgetNeverExceeds(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
	b := newBudgets()
	keys := []budgetKey{{account: "a", allow: 7, per: 10 * time.Second}, {account: "a", allow: 20, per: time.Minute}}
	var sent []time.Time
	for i := range 2000 {
		at, ok := b.take(now, "a", keys, 5*time.Second)
		if ok {
			sent = append(sent, at)
		}
		now = now.Add(time.Duration(i*i%1700) * time.Millisecond)
	}
	for _, k := range keys {
		for i := range sent {
			n := 0
			for _, other := range sent {
				if !other.Before(sent[i]) && other.Before(sent[i].Add(k.per)) {
					n++
				}
			}
			if n > k.allow {
				t.Fatalf("%d calls within %v from %v on, want at most %d", n, k.per, sent[i], k.allow)
			}
		}
	}
	if len(sent) < 400 {
		t.Errorf("%d calls were let through, want most of what the limits allow", len(sent))
	}
}

func TestBudgetStaysSmall(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
	b := newBudgets()
	k := budgetKey{account: "a", allow: 200000, per: 24 * time.Hour}
	for range 150000 {
		if _, ok := b.take(now, "a", []budgetKey{k}, 0); !ok {
			t.Fatal("reserve refused a call within the limit")
		}
		now = now.Add(500 * time.Millisecond)
	}
	if n := len(b.spent[k].held); n > 600 {
		t.Errorf("%d entries are kept for one limit, want at most 600", n)
	}
}

func TestResetTime(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text string
		want time.Time
	}{
		{"", time.Time{}},
		{"soon", time.Time{}},
		{"-3", time.Time{}},
		{"12", now.Add(12 * time.Second)},
		{"1773500460", now.Add(time.Minute)},
		{"1773500460000", now.Add(time.Minute)},
		{"Sat, 14 Mar 2026 15:01:00 GMT", now.Add(time.Minute)},
		{"9e99", now.Add(longestWait)},
	} {
		if got := resetTime(c.text, now); !got.Equal(c.want) {
			t.Errorf("resetTime(%q) = %v, want %v", c.text, got, c.want)
		}
	}
}
