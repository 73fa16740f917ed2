package member_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/member"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

const connector = `connector: 1
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
        with: { company: "${{ connection.company ?? '' }}" }
        id: item.id
        name: item.name
        field: shop
types: { Shop: { id: { type: string }, name: { type: string } } }
actions:
  list_shops: { effect: read, request: GET /shops, input: { company: { type: string } }, output: { list: Shop, at: body } }
`

func workspace(t *testing.T) *program.Set {
	t.Helper()
	set := program.Build(program.Sources{
		Connectors: map[string][]program.File{"chain": {{Path: "connectors/chain/connector.yaml", Data: []byte(connector)}}},
		Flows: []program.File{{Path: "flows/connections.yaml", Data: []byte(
			"connections: 1\nhead: { connector: chain, company: c1, token: \"${{ secret.chain }}\" }\n")}},
	}, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// shops is a service with a list of shops, and the store behind it.
type shops struct {
	live *program.Set

	mu      sync.Mutex
	names   map[string]string
	fail    error
	took    time.Duration
	asked   []time.Duration // since the beginning
	began   time.Time
	kept    map[string]journal.Account
	full    error // what the store answers to a write
	changes int
}

func newShops(t *testing.T) *shops {
	return &shops{live: workspace(t), names: map[string]string{"s1": "North", "s2": "South"}, kept: map[string]journal.Account{}, began: time.Now()}
}

func (s *shops) Accounts(context.Context) ([]journal.Account, error) {
	return slices.Collect(maps.Values(s.kept)), nil
}

func (s *shops) KeepAccounts(_ context.Context, accounts []journal.Account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range accounts {
		s.kept[a.ID] = a
	}
	return s.full
}

func (s *shops) list(_ context.Context, _ *program.Action, _ *program.Connection, input map[string]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		s.mu.Lock()
		names, fail := maps.Clone(s.names), s.fail
		s.asked = append(s.asked, time.Since(s.began))
		s.mu.Unlock()
		time.Sleep(s.took)
		switch {
		case fail != nil:
			yield(nil, fail)
		case input["company"] != "c1":
			yield(nil, errors.New("another company"))
		default:
			for id, name := range names {
				if !yield([]any{map[string]any{"id": id, "name": name}}, nil) {
					return
				}
			}
		}
	}
}

func (s *shops) with(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *shops) roster(t *testing.T) *member.Roster {
	t.Helper()
	r, err := member.Open(t.Context(), member.Options{
		Store: s, Live: func() *program.Set { return s.live }, List: s.list,
		Fields:  func(_ context.Context, c *program.Connection) map[string]any { return c.Fields },
		Changed: func() { s.with(func() { s.changes++ }) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run runs the roster until the end of the test, or until stop is called.
func run(t *testing.T, r *member.Roster) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		_ = r.Run(ctx)
		close(done)
	}()
	return func() {
		cancel()
		<-done
	}
}

// wait lets time pass, and all that happens in it end.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// there returns the accounts as they stand: "id name", with a minus before one
// that has left.
func there(r *member.Roster) []string {
	var all []string
	for _, c := range r.Set().MembersOf("head") {
		text := c.Member.ID + " " + c.Member.Name
		if !c.Member.Retired.IsZero() {
			text = "-" + text
		}
		all = append(all, text)
	}
	return all
}

func want(t *testing.T, r *member.Roster, accounts ...string) {
	t.Helper()
	if diff := cmp.Diff(accounts, there(r)); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
}

// TestListIsReadAgain follows the list from hour to hour, and finds all
// accounts after a restart.
func TestListIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShops(t)
		r := s.roster(t)
		stop := run(t, r)
		wait(time.Second)
		want(t, r, "s1 North", "s2 South")
		c := r.Set().Connections["head/s1"]
		if c.Fields["shop"] != "s1" || c.Fields["company"] != "c1" || c.Auth != s.live.Connections["head"].Auth {
			t.Errorf("head/s1 = %+v, want shop s1 of company c1", c)
		}
		if before, after := r.Set(), r.Set(); before != after {
			t.Error("the set is another one though nothing has changed")
		}
		s.with(func() { s.names = map[string]string{"s2": "Southwest", "s3": "East"} })
		wait(time.Hour)
		want(t, r, "-s1 North", "s2 Southwest", "s3 East")
		wait(time.Hour)
		stop()
		if diff := cmp.Diff([]time.Duration{0, time.Hour, 2 * time.Hour}, s.asked); diff != "" {
			t.Errorf("the list was read at (-want +got):\n%s", diff)
		}
		if s.changes != 2 {
			t.Errorf("%d changes were told, want 2", s.changes)
		}
		want(t, s.roster(t), "-s1 North", "s2 Southwest", "s3 East")
	})
}

// TestListThatFails is read again with growing pauses, and changes nothing.
func TestListThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShops(t)
		r := s.roster(t)
		stop := run(t, r)
		defer stop()
		wait(time.Minute)
		s.with(func() { s.fail = value.Fail(value.ClassTransient, "the chain is closed") })
		wait(59*time.Minute + 4*time.Minute)
		want(t, r, "s1 North", "s2 South")
		got := r.Lists()[0]
		if got.Error != "the chain is closed" || got.Failures != 4 {
			t.Errorf("Lists() = %+v, want 4 failures", got)
		}
		s.with(func() { s.fail = nil })
		wait(5 * time.Minute)
		if got := r.Lists()[0]; got.Error != "" || got.Failures != 0 {
			t.Errorf("Lists() = %+v, want none", got)
		}
		if err := r.Read(t.Context(), "nowhere"); err == nil || err.Error() != `the connection "nowhere" serves no accounts` {
			t.Errorf("Read(nowhere) = %v", err)
		}
	})
}

// TestDeliveriesAreNewerThanLists has accounts come and go while a list is
// read that was asked for before.
func TestDeliveriesAreNewerThanLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShops(t)
		s.took = 10 * time.Second
		r := s.roster(t)
		stop := run(t, r)
		defer stop()
		wait(time.Minute)
		head := s.live.Connections["head"]
		s.with(func() { s.took = time.Minute })
		reading := make(chan error)
		go func() { reading <- r.Read(t.Context(), "head") }()
		wait(time.Second)
		if err := r.Leave(t.Context(), head, "s1"); err != nil {
			t.Fatal(err)
		}
		if c, err := r.Join(t.Context(), head, "s4"); err != nil || c.Name != "head/s4" {
			t.Fatalf("Join(s4) = %v, %v", c, err)
		}
		if err := r.Leave(t.Context(), head, "never"); err != nil {
			t.Fatal(err)
		}
		want(t, r, "-s1 North", "s2 South", "s4 ")
		s.with(func() { s.names = map[string]string{"s2": "South", "s4": "West"} })
		if err := <-reading; err != nil {
			t.Fatal(err)
		}
		want(t, r, "-s1 North", "s2 South", "s4 ")
		// The list that Join asks for has its name.
		wait(3 * time.Minute)
		want(t, r, "-s1 North", "s2 South", "s4 West")
		if c, err := r.Join(t.Context(), head, "s1"); err != nil || !c.Member.Retired.IsZero() {
			t.Fatalf("Join(s1) = %v, %v", c, err)
		}
		want(t, r, "s1 North", "s2 South", "s4 West")
	})
}

// TestManyJoinAtOnce asks for one list, not for one each.
func TestManyJoinAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShops(t)
		r := s.roster(t)
		stop := run(t, r)
		defer stop()
		wait(10 * time.Second)
		for range 100 {
			r.Sooner("head")
			wait(time.Second)
		}
		wait(time.Minute)
		want := []time.Duration{0, time.Minute, 2 * time.Minute}
		if diff := cmp.Diff(want, s.asked); diff != "" {
			t.Errorf("the list was read at (-want +got):\n%s", diff)
		}
	})
}

// TestStoreThatCannotWrite lets nothing count that is not on disk.
func TestStoreThatCannotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShops(t)
		s.full = journal.ErrUnavailable
		r := s.roster(t)
		if err := r.Read(t.Context(), "head"); !errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("Read = %v, want %v", err, journal.ErrUnavailable)
		}
		if _, err := r.Join(t.Context(), s.live.Connections["head"], "s1"); !errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("Join = %v, want %v", err, journal.ErrUnavailable)
		}
		want(t, r)
	})
}
