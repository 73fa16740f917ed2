package vault

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// office is a sign-in with a token of its own for each account, or with the
// sign-in's own for all.
func office(own bool) *program.Connection {
	auth := &program.Auth{
		Name: "all", Type: program.AuthBearer, Fields: []*program.Input{{Field: value.Field{Name: "token"}, Secret: true}},
		Members: &program.Members{Field: "shop"},
	}
	if own {
		auth.Members.Token = &program.MemberToken{}
	}
	return &program.Connection{
		Name: "office", Auth: auth, Connector: &program.Connector{ID: "acme", Name: "Acme", BaseURL: "https://acme.example.com"},
		Fields: map[string]any{"company": "c1"}, Secrets: map[string]program.SecretRef{"token": {Plain: value.NewSecret("head-office")}},
	}
}

func accountOf(conn *program.Connection, id string) *program.Connection {
	made := *conn
	made.Name = program.MemberName(conn.Name, id)
	made.Member = &program.Member{ID: id, Name: "Shop " + id, Of: conn}
	return &made
}

// minter is a service that gives tokens for accounts.
type minter struct {
	mu    sync.Mutex
	asked int
	life  time.Duration
	fail  error
}

func (m *minter) mint(_ context.Context, conn *program.Connection) (Minted, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.fail != nil {
		return Minted{}, m.fail
	}
	return Minted{Access: value.NewSecret(fmt.Sprintf("%s-%d", conn.Member.ID, m.asked)), Life: m.life}, nil
}

func (m *minter) set(fail error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

func (m *minter) want(t *testing.T, asked int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked != asked {
		t.Errorf("the service was asked %d times, want %d", m.asked, asked)
	}
}

func TestTokenOfAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, store := &minter{life: 24 * time.Hour}, newMemory()
		conn := accountOf(office(true), "s1")
		v := openWith(t, Options{Store: store, Key: testKey(1), Mint: m.mint})
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() { wantAuthorized(t, v, conn, "Bearer s1-1") })
		}
		calls.Wait()
		m.want(t, 1)

		// It is sealed, and another process finds it.
		time.Sleep(12 * time.Hour)
		v = openWith(t, Options{Store: store, Key: testKey(1), Mint: m.mint})
		wantAuthorized(t, v, conn, "Bearer s1-1")
		m.want(t, 1)

		// Shortly before its end comes the next.
		time.Sleep(12*time.Hour - 30*time.Second)
		wantAuthorized(t, v, conn, "Bearer s1-2")
		m.want(t, 2)

		// One that the service refuses is replaced, once.
		refused := httptest.NewRequestWithContext(t.Context(), http.MethodGet, conn.URL(), nil)
		refused.Header.Set("Authorization", "Bearer s1-2")
		for range 3 {
			if err := v.Renew(t.Context(), conn, refused); err != nil {
				t.Errorf("Renew() = %v, want nil", err)
			}
		}
		wantAuthorized(t, v, conn, "Bearer s1-3")
		m.want(t, 3)

		// Who signs out has no account any more.
		if err := v.Forget(t.Context(), "office"); err != nil {
			t.Fatal(err)
		}
		if names, err := store.SealedNames(t.Context(), kindToken); len(names) > 0 || err != nil {
			t.Errorf("tokens after Forget: %v, %v, want none", names, err)
		}
	})
}

func TestTokenOfAnAccountRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &minter{}
		conn := accountOf(office(true), "s1")
		v := openWith(t, Options{Store: newMemory(), Key: testKey(1), Mint: m.mint})
		const busy = "Acme is busy"
		for _, class := range []value.Class{value.ClassRateLimit, value.ClassTransient, value.ClassAuth} {
			m.set(value.Fail(class, busy))
			_, err := authorized(t, v, conn)
			wantFailure(t, err, class, busy)
			if s, err := v.State(t.Context(), conn); s.Status != Connected || err != nil {
				t.Errorf("State after %s = %+v, %v, want connected", class, s, err)
			}
		}
		m.want(t, 3)

		// What the service says of the account holds for a minute.
		m.set(value.Fail(value.ClassForbidden, "the app is not installed there"))
		const refused = `Acme gives the sign-in of "office" no token for the account "Shop s1" (s1): the app is not installed there`
		for range 3 {
			_, err := authorized(t, v, conn)
			wantFailure(t, err, value.ClassForbidden, refused)
		}
		m.want(t, 4)
		if s, err := v.State(t.Context(), conn); s.Status != NotConnected || s.Message != refused || err != nil {
			t.Errorf("State = %+v, %v, want not_connected, %q", s, err, refused)
		}
		time.Sleep(2 * time.Minute)
		m.set(nil)
		wantAuthorized(t, v, conn, "Bearer s1-5")
		if s, err := v.State(t.Context(), conn); s.Status != Connected || err != nil {
			t.Errorf("State = %+v, %v, want connected", s, err)
		}
	})
}

// TestOneTokenForAllAccounts has the sign-in's own token serve them.
func TestOneTokenForAllAccounts(t *testing.T) {
	m := &minter{}
	conn := accountOf(office(false), "s1")
	v := openWith(t, Options{Store: newMemory(), Key: testKey(1), Mint: m.mint})
	wantAuthorized(t, v, conn, "Bearer head-office")
	m.want(t, 0)
	if s, err := v.State(t.Context(), conn); s.Status != Connected || err != nil {
		t.Errorf("State = %+v, %v, want connected", s, err)
	}
	conn.Member.Retired = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	want := `the account "Shop s1" (s1) has left office on 15 June 2026 at 10:00 UTC, so nothing can be done in it`
	if s, err := v.State(t.Context(), conn); s.Status != NotConnected || s.Message != want || err != nil {
		t.Errorf("State = %+v, %v, want not_connected, %q", s, err, want)
	}
}
