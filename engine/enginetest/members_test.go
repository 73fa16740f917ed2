//go:build unix

package enginetest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// chainWorkspace has flows for the shops of two companies.
func chainWorkspace(t *testing.T, url string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "connectors/chain/connector.yaml", chainConnector)
	write(t, dir, "flows/connections.yaml", `connections: 1
chain_a: { connector: chain, auth: all, base_url: "`+url+`", company: a, token: "${{ env.LEDGER_TOKEN }}" }
chain_b: { connector: chain, auth: all, base_url: "`+url+`", company: b, token: "${{ env.LEDGER_TOKEN }}" }
`)
	write(t, dir, "flows/placed.yaml", `flow: 1
use: { chain: chain_a/* }
triggers: [{ trigger: chain.order_placed }]
steps:
  - action: chain.note
    with: { text: "placed ${{ event.id }}" }
`)
	for _, company := range []string{"a", "b"} {
		write(t, dir, "flows/paid_"+company+".yaml", `flow: 1
use: { chain: chain_`+company+`/* }
triggers: [{ trigger: chain.order_paid }]
steps:
  - action: chain.note
    with: { text: "paid ${{ event.id }} in ${{ connection.chain.shop }}" }
`)
	}
	write(t, dir, "flows/tick.yaml", `flow: 1
use: { chain: chain_a/* }
triggers: [{ schedule: { every: 2s } }]
steps:
  - action: chain.note
    with: { text: tick }
`)
	write(t, dir, "flows/later.yaml", `flow: 1
use: { chain: chain_a/* }
triggers: [{ on_demand: {} }]
steps:
  - wait: 6s
  - action: chain.note
    with: { text: later }
`)
	write(t, dir, "flows/one.yaml", `flow: 1
use: { chain: chain_b/b2 }
triggers: [{ trigger: chain.order_placed }]
steps:
  - action: chain.note
    with: { text: "one ${{ event.id }}" }
`)
	return dir
}

// told delivers what the chain tells.
func (c *client) told(body map[string]any) {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	d := delivery{url: c.vendors + "/hooks/chain", body: string(text), header: map[string]string{"X-Chain-Token": ledgerToken}}
	if code, answer, err := post(c.t.Context(), d); code != http.StatusOK || err != nil {
		c.t.Fatalf("deliver %s: %d %s %v", text, code, answer, err)
	}
}

// members returns the accounts of a connection that are there, by id.
func (c *client) members(connection string) map[string]console.Member {
	c.t.Helper()
	var found []console.Member
	c.api(http.MethodGet, "/connections/"+connection+"/members", nil, &found)
	there := map[string]console.Member{}
	for _, m := range found {
		if m.Left.IsZero() {
			there[m.ID] = m
		}
	}
	return there
}

// TestMembers is one sign-in with many accounts, from the list to the runs.
func TestMembers(t *testing.T) {
	service := newChain(t)
	service.place("a2", "old")
	dir := chainWorkspace(t, service.url)
	p := spawn(t, dir)
	await(t, "all accounts are known", func() bool {
		return len(p.members("chain_a")) == 3 && len(p.members("chain_b")) == 2
	})
	if got := p.members("chain_a")["a1"]; got.Connection != "chain_a/a1" || got.Name != "Shop A1" {
		t.Errorf("member a1 = %+v, want chain_a/a1, Shop A1", got)
	}
	membersAreTriggered(t, &p.client, service)
	membersAreShown(t, &p.client)
	membersComeAndGo(t, &p.client, service)

	minted := map[string]int{}
	service.with(func() { maps.Copy(minted, service.minted) })
	p.kill()
	service.place("a1", "meanwhile")
	service.place("b2", "meanwhile")
	c := serve(t, options(dir, t.Output()))
	await(t, "what happened meanwhile is found", func() bool {
		return service.noted("a1", "placed meanwhile") == 1 && service.noted("b2", "one meanwhile") == 1
	})
	onlyOnce(t, c)
	service.with(func() {
		if diff := cmp.Diff(minted, service.minted); diff != "" {
			t.Errorf("tokens minted anew after a restart (-want +got):\n%s", diff)
		}
		if len(service.wrong) > 0 {
			t.Errorf("what must never happen: %q", service.wrong)
		}
	})
}

// membersAreTriggered proves that each trigger starts runs for the right
// accounts, with a token that each got once.
func membersAreTriggered(t *testing.T, c *client, service *chain) {
	t.Helper()
	for _, shop := range []string{"a1", "a2", "a3", "b2"} {
		await(t, "somebody has looked into "+shop, func() bool { return service.looked(shop) > 1 })
	}
	service.place("a2", "new")
	service.place("b2", "new")
	await(t, "the new order is noted in its shop", func() bool {
		return service.noted("a2", "placed new") == 1 && service.noted("b2", "one new") == 1
	})
	c.told(map[string]any{"type": "order.paid", "id": "p1", "shop": "a3"})
	c.told(map[string]any{"type": "order.paid", "id": "p2", "shop": "b1"})
	c.told(map[string]any{"type": "order.paid", "id": "p3", "shop": "nowhere"})
	await(t, "each delivery is noted in its shop", func() bool {
		return service.noted("a3", "paid p1 in a3") == 1 && service.noted("b1", "paid p2 in b1") == 1
	})
	for _, shop := range []string{"a1", "a2", "a3"} {
		await(t, "the schedule has come to "+shop, func() bool { return service.noted(shop, "tick") > 1 })
	}
	run := c.ended("the run of p1", func(r console.Run) bool { return r.EventID == "p1" })
	if run.Connection != "chain_a/a3" || run.Status != journal.Succeeded {
		t.Errorf("run of p1: connection %q, %s, want chain_a/a3, succeeded", run.Connection, run.Status)
	}
	var runs []console.Run
	c.api(http.MethodGet, "/runs?connection=chain_a/a3&flow=paid_a", nil, &runs)
	if len(runs) != 1 || runs[0].ID != run.ID {
		t.Errorf("runs of chain_a/a3: %v, want only run %d", runs, run.ID)
	}
	service.with(func() {
		if diff := cmp.Diff(map[string]int{"a1": 1, "a2": 1, "a3": 1, "b1": 1, "b2": 1}, service.minted); diff != "" {
			t.Errorf("tokens minted (-want +got):\n%s", diff)
		}
		if service.count("a2", "placed old")+service.count("a3", "placed new") > 0 {
			t.Errorf("notes: %v, want none of what was there before, and none in another shop", service.notes)
		}
		for token, shop := range service.tokens {
			if shop == "a1" {
				delete(service.tokens, token) // the service ends it
			}
		}
		service.busy = 2
	})
	service.place("a1", "again")
	await(t, "a token that was refused is replaced, though the service is busy", func() bool {
		return service.noted("a1", "placed again") == 1
	})
	if code := c.api(http.MethodPost, "/flows/later/runs", console.StartRequest{}, &console.Error{}); code != http.StatusUnprocessableEntity {
		t.Errorf("start without an account: status %d, want 422", code)
	}
}

// membersAreShown looks at what people see of them.
func membersAreShown(t *testing.T, c *client) {
	t.Helper()
	for path, want := range map[string]string{
		"/connections":                     "3 accounts",
		"/connections/chain_a":             `data-post="/api/v1/flows/later/runs" data-trigger="on_demand" data-connection="chain_a/a2"`,
		"/runs?connection=chain_a%2Fa3":    "Runs for chain_a/a3",
		"/":                                `<a href="/connections/chain_a">Its accounts</a>`,
		"/api/v1/connections/chain_a/none": "there is nothing at this address",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !strings.Contains(string(page), want) {
			t.Errorf("GET %s: %v: %s\nwant %s in it", path, err, page, want)
		}
	}
	var found []console.Connection
	c.api(http.MethodGet, "/connections?test=1", nil, &found)
	for _, conn := range found {
		if conn.Test != "ok" || conn.Accounts == nil || conn.Accounts.There == 0 || conn.Accounts.Listed.IsZero() {
			t.Errorf("connection %+v, want its accounts listed", conn)
		}
	}
}

// membersComeAndGo proves what becomes of an account that leaves, and comes
// back.
func membersComeAndGo(t *testing.T, c *client, service *chain) {
	t.Helper()
	var started console.StartAnswer
	c.api(http.MethodPost, "/flows/later/runs", console.StartRequest{Connection: "chain_a/a2"}, &started)
	c.told(map[string]any{"type": "shop.left", "id": "e1", "shop": "a2", "company": "b"}) // not theirs
	if _, there := c.members("chain_a")["a2"]; !there {
		t.Error("a2 has left by the word of another company")
	}
	service.with(func() { service.shops["a"] = []string{"a1", "a3"} })
	c.told(map[string]any{"type": "shop.left", "id": "e2", "shop": "a2", "company": "a"})
	if _, there := c.members("chain_a")["a2"]; there {
		t.Error("a2 is still there after it has left")
	}
	looks := service.looked("a2")
	service.place("a2", "late")
	want := `paused until chain_a/a2 is connected: the account "Shop A2" (a2) has left chain_a on `
	await(t, "the run that waited comes to the account that has left", func() bool { return c.run(started.Run).Reason != "" })
	if run := c.run(started.Run); run.Status != journal.WaitingStatus || !strings.HasPrefix(run.Reason, want) {
		t.Errorf("the run that waited: %s, %q, want waiting, %q…", run.Status, run.Reason, want)
	}
	if now := service.looked("a2"); now > looks+1 { // one look may have been under way
		t.Errorf("somebody still looks into a2: %d times, then %d", looks, now)
	}
	service.with(func() { service.shops["a"] = []string{"a1", "a2", "a3", "a4"} })
	c.told(map[string]any{"type": "shop.joined", "id": "e3", "shop": "a2", "company": "a"})
	c.told(map[string]any{"type": "shop.joined", "id": "e4", "shop": "a4", "company": "a"})
	await(t, "it goes on where it was", func() bool { return service.noted("a2", "placed late") == 1 })
	if run := c.atRest(started.Run); run.Status != journal.Succeeded || service.noted("a2", "later") != 1 {
		t.Errorf("the run that waited: %s, %q, want succeeded", run.Status, run.Reason)
	}
	await(t, "a new account is looked into", func() bool { return service.looked("a4") > 0 })
}

// onlyOnce proves that no event has started two runs.
func onlyOnce(t *testing.T, c *client) {
	t.Helper()
	var runs []console.Run
	c.api(http.MethodGet, "/runs?limit=1000", nil, &runs)
	seen := map[string]int64{}
	for _, r := range runs {
		event := fmt.Sprint(r.Flow, " ", r.Trigger, " ", r.Connection, " ", r.EventID)
		if seen[event] != 0 {
			t.Errorf("%s started the runs %d and %d", event, seen[event], r.ID)
		}
		seen[event] = r.ID
	}
}
