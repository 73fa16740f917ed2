package trigger_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
)

const chainConnector = `connector: 1
id: chain
name: Chain
api: { base_url: https://chain.example.com }
connection:
  fields: { shop: { type: string }, company: { type: string, optional: true } }
  auth:
    all:
      type: bearer
      fields: { token: { type: secret } }
      members:
        list: list_shops
        id: item.id
        field: shop
        joined: body.type == "joined" and body.company == connection.company
        retired: body.type == "left" and body.company == connection.company
types: { Thing: { id: { type: string } } }
actions:
  list_shops: { effect: read, request: GET /shops, output: { list: Thing, at: body } }
  list_orders: { effect: read, request: "GET /{shop}", input: { shop: { type: string, default: "${{ connection.shop }}" } }, output: { list: Thing, at: body } }
triggers:
  order: { type: poll, action: list_orders, every: 15m, item_id: item.id }
  paid: { type: webhook, output: { one: Thing, at: body } }
webhooks: { connection: body.shop, event_id: body.id, verify: [{ type: shared_token, header: X-Token, secret: token }] }
`

// chain is a workspace with one flow for all shops of a company.
func chain(t *testing.T, flow string, shops ...string) *program.Set {
	t.Helper()
	set := build(t, program.Options{}, nil, map[string]string{
		"connectors/chain/connector.yaml": chainConnector,
		"flows/connections.yaml": "connections: 1\n" +
			"head: { connector: chain, company: a, token: \"${{ secret.chain }}\" }\n" +
			"branch: { connector: chain, company: b, token: \"${{ secret.chain }}\" }\n",
		"flows/flow.yaml": flow,
	})
	var accounts []journal.Account
	for _, shop := range shops {
		a := journal.Account{Connection: "head", ID: strings.TrimPrefix(shop, "-")}
		if a.ID != shop {
			a.Retired = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
		}
		accounts = append(accounts, a)
	}
	return set.WithMembers(accounts)
}

func thousand() []string {
	var shops []string
	for i := range 1000 {
		shops = append(shops, fmt.Sprintf("shop%04d", i))
	}
	return shops
}

// looks notes who was looked into when.
type looks struct {
	*workspace

	mu     sync.Mutex
	took   time.Duration
	fails  map[string]bool
	by     map[string][]time.Time
	now    int
	atOnce int
}

func (l *looks) list(ctx context.Context, _ *program.Action, conn *program.Connection, _ map[string]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		l.mu.Lock()
		l.by[conn.Name] = append(l.by[conn.Name], time.Now())
		l.now++
		l.atOnce = max(l.atOnce, l.now)
		fails := l.fails[conn.Name]
		l.mu.Unlock()
		select {
		case <-time.After(l.took):
		case <-ctx.Done():
		}
		l.mu.Lock()
		l.now--
		l.mu.Unlock()
		if fails {
			yield(nil, value.Fail(value.ClassTransient, "closed"))
			return
		}
		yield([]any{map[string]any{"id": "o1"}}, nil)
	}
}

func newLooks(set *program.Set) *looks {
	return &looks{workspace: newWorkspace(set), fails: map[string]bool{}, by: map[string][]time.Time{}, took: 100 * time.Millisecond}
}

func (l *looks) polls() *trigger.Polls {
	return trigger.NewPolls(trigger.PollOptions{Intake: l.intake(), List: l.list})
}

// TestPollsOfAThousandAccounts looks into each once in every interval, spread
// over all of it, whatever becomes of one of them.
func TestPollsOfAThousandAccounts(t *testing.T) {
	set := chain(t, flowFile("trigger: chain.order", "use: { chain: head/* }\n"), thousand()...)
	synctest.Test(t, func(t *testing.T) {
		l := newLooks(set)
		l.fails["head/shop0007"] = true
		stop := runPolls(t, l.polls())
		const every = 15 * time.Minute
		began := time.Now()
		sleep(4 * every)
		stop()
		minutes := map[int]int{}
		for shop, at := range l.by {
			if l.fails[shop] {
				continue
			}
			if len(at) != 4 {
				t.Fatalf("%s was looked into %d times in four intervals: %v", shop, len(at), at)
			}
			for i, when := range at {
				if i > 0 && (when.Sub(at[i-1]) < every-time.Second || when.Sub(at[i-1]) > every+time.Second) {
					t.Fatalf("%s was looked into at %v", shop, at)
				}
				minutes[int(when.Sub(began)/time.Minute)]++
			}
		}
		if len(l.by) != 1000 {
			t.Errorf("%d accounts were looked into, want 1000", len(l.by))
		}
		for minute := range 60 {
			if n := minutes[minute]; n < 40 || n > 100 { // 67 on the average
				t.Errorf("%d looks in minute %d", n, minute)
			}
		}
		if got := l.by["head/shop0007"]; len(got) < 6 || len(got) > 12 {
			t.Errorf("the one that fails was looked into at %v, want a pause that grows", got)
		}
		if l.atOnce > 8 {
			t.Errorf("%d looks at once, want 8 at the most", l.atOnce)
		}
	})
}

// TestPollsOfAccountsKeepTheirBeat proves that a restart moves no account to
// another moment of the interval, and fires nothing again.
func TestPollsOfAccountsKeepTheirBeat(t *testing.T) {
	set := chain(t, flowFile("trigger: chain.order", "use: { chain: head/* }\n"), "s1", "s2", "s3")
	synctest.Test(t, func(t *testing.T) {
		l := newLooks(set)
		stop := runPolls(t, l.polls())
		sleep(15 * time.Minute)
		stop()
		first := l.by
		l.by = map[string][]time.Time{}
		sleep(7 * time.Minute)
		stop = runPolls(t, l.polls())
		defer stop()
		sleep(15 * time.Minute)
		for shop, at := range first {
			if again := l.by[shop]; len(again) != 1 || again[0].Sub(at[0])%(15*time.Minute) != 0 {
				t.Errorf("%s was looked into at %v, and after a restart at %v", shop, at, again)
			}
		}
		if got := l.take(); len(got) != 0 {
			t.Errorf("runs %v, want none for what was there before", got)
		}
	})
}

// TestPollsOfAccountsThatComeAndGo begins and ends polls while others go on.
func TestPollsOfAccountsThatComeAndGo(t *testing.T) {
	flow := flowFile("trigger: chain.order", "use: { chain: head/* }\n")
	before, after := chain(t, flow, "s1", "s2"), chain(t, flow, "-s1", "s2", "s3")
	synctest.Test(t, func(t *testing.T) {
		l := newLooks(before)
		l.took = time.Minute
		p := l.polls()
		stop := runPolls(t, p)
		defer stop()
		sleep(15 * time.Minute)
		l.set.Store(after)
		p.Refresh()
		sleep(30 * time.Minute)
		got := map[string]int{}
		for shop, at := range l.by {
			got[shop] = len(at)
		}
		if diff := cmp.Diff(map[string]int{"head/s1": 1, "head/s2": 3, "head/s3": 2}, got); diff != "" {
			t.Errorf("looks (-want +got):\n%s", diff)
		}
		var connections []string
		for _, s := range p.Status() {
			connections = append(connections, s.Connection)
		}
		if diff := cmp.Diff([]string{"head/s2", "head/s3"}, connections); diff != "" {
			t.Errorf("Status (-want +got):\n%s", diff)
		}
	})
}

// TestSlowAccountsHoldUpNoOthers has a service hang for every account of a
// sign-in, while another connection is looked into as ever.
func TestSlowAccountsHoldUpNoOthers(t *testing.T) {
	set := build(t, program.Options{}, nil, map[string]string{
		"connectors/chain/connector.yaml": chainConnector,
		"connectors/shop/connector.yaml":  shopConnector,
		"flows/connections.yaml": "connections: 1\nhead: { connector: chain, token: \"${{ secret.a }}\" }\n" +
			"shop: { connector: shop, branch: south, token: \"${{ secret.b }}\" }\n",
		"flows/all.yaml": flowFile("trigger: chain.order", "use: { chain: head/* }\n"),
		"flows/one.yaml": flowFile("trigger: shop.order_new", ""),
	})
	var accounts []journal.Account
	for _, shop := range thousand() {
		accounts = append(accounts, journal.Account{Connection: "head", ID: shop})
	}
	set = set.WithMembers(accounts)
	synctest.Test(t, func(t *testing.T) {
		l := newLooks(set)
		l.took = 5 * time.Minute
		stop := runPolls(t, l.polls())
		defer stop()
		sleep(time.Hour + 10*time.Second)
		if got := len(l.by["shop"]); got < 3 || got > 5 {
			t.Errorf("the other connection was looked into %d times in an hour, want about four", got)
		}
	})
}

// TestScheduleOfAccounts starts a run for each account that is there.
func TestScheduleOfAccounts(t *testing.T) {
	set := chain(t, flowFile("schedule: { every: 1h, spread: 10m }", "use: { chain: head/* }\nmode: queued\n"), "s1", "-s2", "s3")
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace(set)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			_ = trigger.NewSchedules(w.intake()).Run(ctx)
			close(done)
		}()
		sleep(2 * time.Hour)
		cancel()
		<-done
		var got []string
		due := map[time.Duration]bool{}
		for _, a := range w.take() {
			got = append(got, a.EventID+" "+a.Connection+" "+a.Queue)
			due[a.Due.Sub(a.At.Truncate(time.Hour))] = true
		}
		want := []string{
			"2000-01-01T01:00:00Z head/s1 head/s1 all", "2000-01-01T01:00:00Z head/s3 head/s3 all",
			"2000-01-01T02:00:00Z head/s1 head/s1 all", "2000-01-01T02:00:00Z head/s3 head/s3 all",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		if len(due) != 2 {
			t.Errorf("runs are due %v after the hour, want each account at a time of its own", due)
		}
	})
}

func TestDemandOfAccounts(t *testing.T) {
	set := chain(t, flowFile("on_demand: {}", "use: { chain: head/* }\n"), "s1", "-s2", "s3")
	plain := chain(t, flowFile("on_demand: {}", ""), "s1")
	for _, test := range []struct {
		set        *program.Set
		connection string
		want       string // the error
	}{
		{set, "head/s1", ""},
		{set, "", `the flow runs for one account of "head" at a time, so one must be named, as in head/s1`},
		{set, "head/s2", `the account "s2" has left head on 15 June 2026 at 10:00 UTC, so nothing can be done in it`},
		{set, "head/s9", `the sign-in of "head" serves no account "s9"`},
		{set, "haed/s1", `there is no connection "haed/s1"`},
		{set, "head", `the flow runs for the accounts of "head", and "head" is none of them`},
		{plain, "", ""},
		{plain, "head/s1", "the flow flow does not run for one account of many, so no connection is chosen"},
	} {
		w := newWorkspace(test.set)
		flow := test.set.Flows["flow"]
		a, err := w.intake().Demand(t.Context(), flow, trigger.Request{Trigger: flow.Triggers[0], Connection: test.connection})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != test.want || err == nil && a.Connection != test.connection {
			t.Errorf("Demand(%q) = %q, %q, want %q", test.connection, a.Connection, got, test.want)
		}
	}
}

// told is what deliveries said of accounts.
type told struct {
	set  *program.Set
	said []string
}

func (t *told) Join(_ context.Context, of *program.Connection, id string) (*program.Connection, error) {
	t.said = append(t.said, "join "+of.Name+" "+id)
	return t.set.WithMembers([]journal.Account{{Connection: of.Name, ID: id}}).Connections[program.MemberName(of.Name, id)], nil
}

func (t *told) Leave(_ context.Context, of *program.Connection, id string) error {
	t.said = append(t.said, "leave "+of.Name+" "+id)
	return nil
}

func (t *told) Sooner(connection string) { t.said = append(t.said, "sooner "+connection) }

// TestDeliveriesOfAccounts finds whose event a delivery is, and what it says
// of comings and goings.
func TestDeliveriesOfAccounts(t *testing.T) {
	set := chain(t, flowFile("trigger: chain.paid", "use: { chain: head/* }\n"), "s1", "-s2")
	for _, test := range []struct {
		name, body, token string
		status            int
		runs, said        []string
	}{
		{"known", `{"type":"x","id":"1","shop":"s1"}`, "right", 200, []string{"head/s1"}, nil},
		{"wrong token", `{"type":"x","id":"1","shop":"s1"}`, "wrong", 401, nil, nil},
		{"gone", `{"type":"x","id":"1","shop":"s2"}`, "right", 200, nil, nil},
		{"unknown", `{"type":"x","id":"1","shop":"s9"}`, "right", 200, nil, []string{"sooner branch", "sooner head"}},
		{"leaves", `{"type":"left","id":"1","shop":"s1","company":"a"}`, "right", 200, []string{"head/s1"}, []string{"leave head s1"}},
		{"leaves another", `{"type":"left","id":"1","shop":"s1","company":"b"}`, "right", 200, []string{"head/s1"}, []string{"leave branch s1"}},
		{"leaves, says nobody", `{"type":"left","id":"1","shop":"s1","company":"a"}`, "wrong", 401, nil, nil},
		{"joins", `{"type":"joined","id":"1","shop":"s9","company":"a"}`, "right", 200, []string{"head/s9"}, []string{"join head s9"}},
		{"joins again", `{"type":"joined","id":"1","shop":"s2","company":"a"}`, "right", 200, []string{"head/s2"}, []string{"join head s2"}},
		{"many join", `{"type":"joined","id":"1","company":"b"}`, "right", 200, nil, []string{"sooner branch"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, accounts := newWorkspace(set), &told{set: set}
			h := trigger.NewHooks(trigger.HookOptions{
				Intake: w.intake(), Accounts: accounts, Reject: w.reject,
				Map:     func(_ *value.Type, wire any) (any, error) { return wire, nil },
				Address: func(string) string { return "r4nd0m" },
				Secrets: func(context.Context, *program.Connection) (map[string]string, error) {
					return map[string]string{"token": "right"}, nil
				},
			})
			if got := deliver(t, h, "/hooks/chain", test.body, http.Header{"X-Token": {test.token}}); got != test.status {
				t.Errorf("status %d, want %d: %v", got, test.status, w.rejections())
			}
			var runs []string
			for _, a := range w.take() {
				runs = append(runs, a.Connection)
			}
			slices.Sort(runs)
			if diff := cmp.Diff(test.runs, runs); diff != "" {
				t.Errorf("runs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.said, accounts.said); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// deliver hands a body to the address and returns the status of the answer.
func deliver(t *testing.T, h http.Handler, path, body string, header http.Header) int {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, req)
	return answer.Code
}
