package trigger_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
)

const shopConnector = `connector: 1
id: shop
name: Shop
api: { base_url: https://shop.example.com }
connection:
  fields:
    branch: { type: string, example: north }
  auth:
    token: { type: bearer, fields: { token: { type: secret } } }
types:
  Order:
    id: { type: integer }
    state: { type: string, optional: true }
    updated: { type: datetime, optional: true }
actions:
  list_orders:
    effect: read
    request: GET /orders
    input:
      branch: { type: string }
      kind: { type: string, optional: true }
      since: { type: datetime, optional: true }
      until: { type: datetime }
    output: { list: Order, at: body }
triggers:
  order_changed:
    type: poll
    action: list_orders
    input: { kind: { type: string, default: all } }
    with:
      branch: ${{ connection.branch }}
      kind: ${{ input.kind }}
      since: ${{ cursor }}
      until: ${{ now }}
    every: 15m
    item_id: item.id
    changed: item.updated
  order_new:
    type: poll
    action: list_orders
    input: { kind: { type: string, default: all } }
    with: { branch: "${{ connection.branch }}", kind: "${{ input.kind }}", until: "${{ now() }}" }
    every: 15m
    item_id: item.id
  order_by_path:
    type: poll
    action: list_orders
    input: { id: { type: string, default: id }, changed: { type: string, optional: true } }
    with: { branch: "${{ connection.branch }}", until: "${{ now() }}" }
    every: 15m
    item_id: input.id
    changed: input.changed
`

func shop(t *testing.T, opt program.Options, flows map[string]string) *program.Set {
	t.Helper()
	files := map[string]string{
		"connectors/shop/connector.yaml": shopConnector,
		"flows/connections.yaml":         "connections: 1\nshop: { connector: shop, branch: south, token: \"${{ secret.shop }}\" }\n",
	}
	for id, text := range flows {
		files["flows/"+id+".yaml"] = text
	}
	return build(t, opt, nil, files)
}

// stall is a service whose orders can be listed.
type stall struct {
	*workspace

	mu      sync.Mutex
	orders  []any
	fail    error
	slow    time.Duration
	asked   []map[string]any // the inputs of each call
	now     int              // calls under way
	highest int              // the most there were at once
}

func (s *stall) list(ctx context.Context, action *program.Action, conn *program.Connection, input map[string]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		s.mu.Lock()
		s.now++
		s.highest = max(s.highest, s.now)
		s.asked = append(s.asked, input)
		orders, fail, slow := s.orders, s.fail, s.slow
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.now--
		}()
		if action.ID != "shop.list_orders" || conn.Name != "shop" {
			yield(nil, fmt.Errorf("list %s of %s", action.ID, conn.Name))
			return
		}
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			yield(nil, ctx.Err())
			return
		}
		// Two items make a page.
		for len(orders) > 2 {
			if !yield(orders[:2], nil) {
				return
			}
			orders = orders[2:]
		}
		if yield(orders, nil) && fail != nil {
			yield(nil, fail)
		}
	}
}

// stock replaces the orders, written as "id state minute", a minute of "-"
// for one without a time.
func (s *stall) stock(orders ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders = nil
	for _, text := range orders {
		words := strings.Fields(text)
		var id int
		if _, err := fmt.Sscan(words[0], &id); err != nil {
			panic(err)
		}
		order := map[string]any{"id": id, "state": words[1], "updated": nil}
		if words[2] != "-" {
			order["updated"] = "2000-01-01T00:" + words[2] + ":00Z"
		}
		s.orders = append(s.orders, order)
	}
}

func (s *stall) failWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *stall) calls() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.asked
	s.asked = nil
	return all
}

// fired returns the event ids of the runs since the last call.
func (s *stall) fired() []string {
	var all []string
	for _, a := range s.take() {
		all = append(all, a.EventID)
	}
	return all
}

func wantFired(t *testing.T, s *stall, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.fired()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func newStall(set *program.Set) *stall { return &stall{workspace: newWorkspace(set)} }

func (s *stall) polls(change func(*trigger.PollOptions)) *trigger.Polls {
	opt := trigger.PollOptions{Intake: s.intake(), List: s.list}
	if change != nil {
		change(&opt)
	}
	return trigger.NewPolls(opt)
}

func runPolls(t *testing.T, p *trigger.Polls) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}
}

func poll(t *testing.T, p *trigger.Polls, id string) {
	t.Helper()
	if err := p.PollNow(t.Context(), "flow", id); err != nil {
		t.Errorf("PollNow(flow, %s) = %v, want nil", id, err)
	}
}

func TestPoll(t *testing.T) {
	set := shop(t, program.Options{}, map[string]string{
		"flow": flowFile("{ trigger: shop.order_changed, with: { kind: open } }", "mode: queued\nqueue_by: event.id\n"),
	})
	synctest.Test(t, func(t *testing.T) {
		s := newStall(set)
		p := s.polls(nil)
		s.stock("3 new 03", "2 paid 02", "1 new 01")
		poll(t, p, "order_changed")
		wantFired(t, s) // what was there before starts nothing
		s.stock("3 paid 09", "4 new 08", "2 paid 02", "1 new 01")
		poll(t, p, "order_changed")
		want := []journal.Arrival{
			{
				Flow: "flow", Definition: set.Flows["flow"].Hash, Trigger: "order_changed", Connection: "shop",
				EventID: "4@2000-01-01T00:08:00Z", Queue: "by 4", At: time.Now(),
				Event: map[string]any{"id": 4, "state": "new", "updated": "2000-01-01T00:08:00Z"},
			},
			{
				Flow: "flow", Definition: set.Flows["flow"].Hash, Trigger: "order_changed", Connection: "shop",
				EventID: "3@2000-01-01T00:09:00Z", Queue: "by 3", At: time.Now(),
				Event: map[string]any{"id": 3, "state": "paid", "updated": "2000-01-01T00:09:00Z"},
			},
		}
		if diff := cmp.Diff(want, s.take()); diff != "" {
			t.Errorf("arrivals (-want +got):\n%s", diff)
		}
		poll(t, p, "order_changed")
		wantFired(t, s)
		asked := []map[string]any{
			{"branch": "south", "kind": "open", "until": "2000-01-01T00:00:00Z"},
			{"branch": "south", "kind": "open", "since": "2000-01-01T00:03:00Z", "until": "2000-01-01T00:00:00Z"},
			{"branch": "south", "kind": "open", "since": "2000-01-01T00:09:00Z", "until": "2000-01-01T00:00:00Z"},
		}
		if diff := cmp.Diff(asked, s.calls()); diff != "" {
			t.Errorf("inputs of the calls (-want +got):\n%s", diff)
		}
		status := []trigger.PollStatus{{
			Flow: "flow", Trigger: "order_changed", Connection: "shop",
			Last: time.Now(), Next: time.Now().Add(15 * time.Minute), Items: 4,
		}}
		if diff := cmp.Diff(status, p.Status()); diff != "" {
			t.Errorf("Status (-want +got):\n%s", diff)
		}
	})
}

// Without `changed`, an item is news once.
func TestPollForNew(t *testing.T) {
	set := shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_new", "")})
	s := newStall(set)
	p := s.polls(nil)
	s.stock("1 new 01")
	poll(t, p, "order_new")
	s.stock("3 new 05", "2 new 04", "1 paid 06")
	poll(t, p, "order_new")
	wantFired(t, s, "3", "2")
	s.stock("3 paid 09", "2 paid 09", "1 paid 09")
	poll(t, p, "order_new")
	wantFired(t, s)
}

// The paths may be those that the flow gives.
func TestPollByPath(t *testing.T) {
	tests := []struct {
		name, with string
		want       []string
	}{
		{"the default, only new ones", "{}", []string{"3"}},
		{"another field", "{ id: item.state }", []string{"paid", "late"}},
		{"changed ones too", "{ changed: updated }", []string{"1@2000-01-01T00:06:00Z", "3@2000-01-01T00:07:00Z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := shop(t, program.Options{}, map[string]string{"flow": flowFile("{ trigger: shop.order_by_path, with: "+tt.with+" }", "")})
			s := newStall(set)
			p := s.polls(nil)
			s.stock("1 new 01", "2 new 02")
			poll(t, p, "order_by_path")
			s.stock("1 paid 06", "2 new 02", "3 late 07")
			poll(t, p, "order_by_path")
			wantFired(t, s, tt.want...)
		})
	}
}

// With from_start the first look fires for what is there, and the next one for
// what is new.
func TestPollFromStart(t *testing.T) {
	set := shop(t, program.Options{}, map[string]string{"flow": flowFile("{ trigger: shop.order_new, from_start: true }", "")})
	s := newStall(set)
	p := s.polls(nil)
	s.stock("1 new 01", "2 new 02")
	poll(t, p, "order_new")
	wantFired(t, s, "1", "2")
	s.stock("1 new 01", "2 new 02", "3 new 03")
	poll(t, p, "order_new")
	wantFired(t, s, "3")
}

// A list that was empty at first has only news later.
func TestPollOfEmptyList(t *testing.T) {
	set := shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_changed", "")})
	s := newStall(set)
	p := s.polls(nil)
	poll(t, p, "order_changed")
	s.stock("1 new 01", "2 new -")
	poll(t, p, "order_changed")
	wantFired(t, s, "2@", "1@2000-01-01T00:01:00Z")
}

// A first look that fails half way has seen nothing.
func TestPollFailsHalfWay(t *testing.T) {
	set := shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_changed", "")})
	s := newStall(set)
	p := s.polls(nil)
	s.stock("1 new 01", "2 new 02", "3 new 03")
	s.failWith(errors.New("page 2 is gone"))
	if err := p.PollNow(t.Context(), "flow", "order_changed"); err == nil || err.Error() != "page 2 is gone" {
		t.Errorf("PollNow = %v, want page 2 is gone", err)
	}
	s.failWith(nil)
	poll(t, p, "order_changed")
	wantFired(t, s)
	s.breakDown(journal.ErrUnavailable)
	s.stock("4 new 04")
	if err := p.PollNow(t.Context(), "flow", "order_changed"); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("PollNow = %v, want %v", err, journal.ErrUnavailable)
	}
	s.breakDown(nil)
	poll(t, p, "order_changed")
	wantFired(t, s, "4@2000-01-01T00:04:00Z")
}

func TestPollNowOfNothing(t *testing.T) {
	s := newStall(shop(t, program.Options{}, nil))
	err := s.polls(nil).PollNow(t.Context(), "flow", "order_new")
	if want := "poll order_new of flow flow: there is no such poll"; err == nil || err.Error() != want {
		t.Errorf("PollNow = %v, want %s", err, want)
	}
}

// Told to look at other things, a poll takes what it finds there as known, but
// not what changed since its last look.
func TestPollOfOtherInputs(t *testing.T) {
	open := shop(t, program.Options{}, map[string]string{"flow": flowFile("{ trigger: shop.order_changed, with: { kind: open } }", "")})
	all := shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_changed", "")})
	other := shop(t, program.Options{}, map[string]string{"flow": flowFile("{ trigger: shop.order_new, id: order_changed }", "")})
	s := newStall(open)
	p := s.polls(nil)
	s.stock("1 new 05")
	poll(t, p, "order_changed")
	s.set.Store(all)
	s.stock("1 new 05", "2 shipped 04", "3 shipped 07")
	poll(t, p, "order_changed")
	wantFired(t, s, "3@2000-01-01T00:07:00Z")
	s.stock("1 new 05", "2 back 04", "3 back 08")
	poll(t, p, "order_changed")
	wantFired(t, s, "3@2000-01-01T00:08:00Z")
	s.set.Store(other)
	poll(t, p, "order_changed")
	wantFired(t, s) // another trigger under the same id begins anew
	s.stock("1 new 05", "2 back 04", "3 back 08", "4 new 09")
	poll(t, p, "order_changed")
	wantFired(t, s, "4")
}

func TestSwitchedOffPoll(t *testing.T) {
	on := shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_changed", "")})
	off := shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_changed", "enabled: false\n")})
	synctest.Test(t, func(t *testing.T) {
		s := newStall(on)
		p := s.polls(nil)
		s.stock("1 new 01")
		stop := runPolls(t, p)
		defer stop()
		sleep(time.Minute)
		s.set.Store(off)
		p.Refresh()
		s.calls()
		s.stock("1 new 01", "2 new 02")
		sleep(time.Hour)
		if got := s.calls(); len(got) != 0 || len(p.Status()) != 0 {
			t.Errorf("calls %v and status %v of a flow that is off, want none", got, p.Status())
		}
		s.set.Store(on)
		p.Refresh()
		sleep(time.Minute)
		wantFired(t, s) // it came while the flow was off
		s.stock("1 new 01", "2 new 02", "3 new 03")
		sleep(15 * time.Minute)
		wantFired(t, s, "3@2000-01-01T00:03:00Z")
	})
}

func TestPollItemsWithoutID(t *testing.T) {
	set := shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_new", "")})
	s := newStall(set)
	p := s.polls(nil)
	poll(t, p, "order_new")
	s.stock("1 new 01", "2 new 02")
	delete(s.orders[0].(map[string]any), "id")
	poll(t, p, "order_new")
	wantFired(t, s, "2")
	if got, want := p.Status()[0].Error, "1 of 2 items have no id and were left out"; got != want {
		t.Errorf("Status.Error = %q, want %q", got, want)
	}
}

func TestPollInterval(t *testing.T) {
	set := shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_changed", "")})
	synctest.Test(t, func(t *testing.T) {
		s := newStall(set)
		p := s.polls(nil)
		stop := runPolls(t, p)
		defer stop()
		sleep(10 * time.Second)
		if got := len(s.calls()); got != 1 {
			t.Errorf("%d looks in the first 10 s, want 1", got)
		}
		sleep(time.Hour)
		if got := len(s.calls()); got != 4 {
			t.Errorf("%d looks in an hour, want 4", got)
		}
		// A reload moves nothing.
		for range 10 {
			p.Refresh()
			sleep(time.Minute)
		}
		if got := len(s.calls()); got > 1 {
			t.Errorf("%d looks in ten minutes of reloads, want at most 1", got)
		}
	})
}

func TestPollOfSandbox(t *testing.T) {
	set := shop(t, program.Options{Sandbox: true}, map[string]string{"flow": flowFile("trigger: shop.order_changed", "")})
	synctest.Test(t, func(t *testing.T) {
		s := newStall(set)
		stop := runPolls(t, s.polls(func(opt *trigger.PollOptions) { opt.SandboxEvery = 10 * time.Second }))
		sleep(time.Minute)
		stop()
		if got := len(s.calls()); got != 6 {
			t.Errorf("%d looks in a minute, want 6", got)
		}
	})
}

// A slow list is not asked for again before it has answered, and others need
// not wait for it.
func TestPollNeverOverlapsWithItself(t *testing.T) {
	set := shop(t, program.Options{}, map[string]string{
		"a": flowFile("trigger: shop.order_changed", ""),
		"b": flowFile("trigger: shop.order_changed", ""),
		"c": flowFile("trigger: shop.order_changed", ""),
	})
	synctest.Test(t, func(t *testing.T) {
		s := newStall(set)
		s.slow = 8 * time.Minute
		stop := runPolls(t, s.polls(func(opt *trigger.PollOptions) { opt.AtOnce = 2 }))
		sleep(16*time.Minute + 10*time.Second)
		if got := len(s.calls()); got < 4 || got > 5 || s.highest != 2 {
			t.Errorf("%d looks, %d at once, want 4 or 5, two at once", got, s.highest)
		}
		stop()
		if s.now != 0 {
			t.Errorf("%d looks go on after Run has returned", s.now)
		}
	})
}

func TestPollBacksOff(t *testing.T) {
	set := shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_changed", "")})
	synctest.Test(t, func(t *testing.T) {
		s := newStall(set)
		p := s.polls(nil)
		s.failWith(value.Fail(value.ClassTransient, "the shop is closed"))
		stop := runPolls(t, p)
		defer stop()
		sleep(10 * time.Second)
		var pauses []time.Duration
		for range 7 {
			now := p.Status()[0]
			pauses = append(pauses, now.Next.Sub(now.Last))
			sleep(time.Until(now.Next))
		}
		want := []time.Duration{
			30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute,
		}
		if diff := cmp.Diff(want, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
		status := p.Status()[0]
		if status.Failures != 8 || status.Error != "the shop is closed (transient)" {
			t.Errorf("Status = %+v, want 8 failures because the shop is closed", status)
		}
		// The service says when.
		opens := time.Now().Add(5 * time.Hour)
		closed := value.Fail(value.ClassRateLimit, "come at ten")
		closed.NotBefore = opens
		s.failWith(closed)
		sleep(15 * time.Minute)
		if got := p.Status()[0].Next; !got.Equal(opens) {
			t.Errorf("Next = %s, want %s", got, opens)
		}
		s.failWith(nil)
		sleep(time.Until(opens))
		if diff := cmp.Diff(trigger.PollStatus{
			Flow: "flow", Trigger: "order_changed", Connection: "shop", Last: opens, Next: opens.Add(15 * time.Minute),
		}, p.Status()[0], cmpopts.EquateApproxTime(0)); diff != "" {
			t.Errorf("Status (-want +got):\n%s", diff)
		}
	})
}
