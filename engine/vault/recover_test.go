package vault

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// copied returns what a store holds now, as the disk does after a crash.
func copied(m *memory) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{kept: maps.Clone(m.kept)}
}

// crashed renews a token and returns the disk as it was when the service had
// answered, before the answer was kept.
func crashed(t *testing.T, s *issuer, v *Vault, store *memory, conn *program.Connection) *memory {
	t.Helper()
	var disk *memory
	s.setFail(func(http.ResponseWriter, url.Values) bool {
		disk = copied(store)
		return false
	})
	wantAuthorized(t, v, conn, "Bearer access-2")
	s.setFail(nil)
	return disk
}

// TestRecover starts over the disk that a crash left between the answer of the
// service and the write: the token is asked for again before any call needs it.
func TestRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, store, conn := played(t, s)
		time.Sleep(time.Hour)
		disk := crashed(t, s, v, store, conn)
		s.mu.Lock()
		s.refresh["refresh-1"] = true // its grace
		s.mu.Unlock()
		later := openWith(t, Options{Store: disk, Key: testKey(1), HTTP: s})
		later.Recover(t.Context(), map[string]*program.Connection{conn.Name: conn})
		synctest.Wait()
		if got := s.last().Get("refresh_token"); got != "refresh-1" || len(s.grants()) != 3 {
			t.Errorf("asked %d times, the last time with %q, want 3 times, refresh-1", len(s.grants()), got)
		}
		if got := reopened(t, disk, conn); got.refresh.Reveal() != "refresh-3" || !got.asked.IsZero() {
			t.Errorf("on disk is %q, asked at %s, want refresh-3, nothing asked", got.refresh.Reveal(), got.asked)
		}
		wantAuthorized(t, later, conn, "Bearer access-3")
		// There is nothing more to ask for.
		later.Recover(t.Context(), map[string]*program.Connection{conn.Name: conn})
		synctest.Wait()
		if len(s.grants()) != 3 {
			t.Errorf("asked %d times, want 3 times", len(s.grants()))
		}
	})
}

// TestRecoverTooLate does so when the service takes the old refresh token no
// more: that is what people are told.
func TestRecoverTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, store, conn := played(t, s)
		time.Sleep(time.Hour)
		disk := crashed(t, s, v, store, conn)
		time.Sleep(time.Hour)
		later := openWith(t, Options{Store: disk, Key: testKey(1), HTTP: s})
		later.Recover(t.Context(), map[string]*program.Connection{conn.Name: conn})
		synctest.Wait()
		const text = `Acme no longer accepts the sign-in of connection "acme_main": This refresh token was used: [secret] (invalid_grant). ` +
			`The answer to a renewal on 1 January 2000 at 01:00 UTC never arrived here, as patchbay or the network was stopped in that moment, and is not given twice. ` +
			`To sign in again, run "patchbay connect acme_main"`
		if got, err := later.State(t.Context(), conn); err != nil || got.Status != NeedsReconnecting || got.Message != text {
			t.Errorf("State() = %s, %v: %s\nwant needs_reconnecting: %s", got.Status, err, got.Message, text)
		}
		_, err := authorized(t, later, conn)
		wantFailure(t, err, value.ClassAuth, text)
		if f, ok := errors.AsType[*value.Failure](err); !ok || f.Reconnect != conn.Name {
			t.Errorf("failure = %+v, want that %s must be connected", f, conn.Name)
		}
	})
}

// TestLostAnswerWithinGrace has no answer come at all: the second try comes
// while the service takes the old refresh token.
func TestLostAnswerWithinGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, _, conn := played(t, s)
		conn.Auth.Grace = 30 * time.Second
		time.Sleep(time.Hour)
		began, tries := time.Now(), 0
		v.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if tries++; tries == 1 {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			if since := time.Since(began); since >= conn.Auth.Grace {
				t.Errorf("the second try comes after %s, want within the grace of %s", since, conn.Auth.Grace)
			}
			return s.RoundTrip(r)
		})
		wantAuthorized(t, v, conn, "Bearer access-2")
	})
}

// TestRefusedKey has a service refuse a key: many calls find out together, by
// one trial. What it found outlives a restart, and not another key.
func TestRefusedKey(t *testing.T) {
	store := newMemory()
	var trials, told atomic.Int64
	refuses := value.Fail(value.ClassAuth, "no")
	o := Options{
		Store: store, Key: testKey(1), Changed: func() { told.Add(1) },
		Try: func(context.Context, *program.Connection) error {
			trials.Add(1)
			if refuses == nil {
				return nil
			}
			return refuses
		},
	}
	v := openWith(t, o)
	if err := v.SetSecret(t.Context(), "bot", value.NewSecret("old one")); err != nil {
		t.Fatal(err)
	}
	conn := fixed(bearerAuth, nil, map[string]program.SecretRef{"token": {Secret: "bot"}})
	refused := func() *http.Request {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.acme.test/", nil)
		if err := v.Authorize(t.Context(), conn, req); err != nil {
			t.Fatal(err)
		}
		return req
	}
	const text = `Acme refuses the credentials of connection "acme_main": check the secret bot (patchbay secret set bot)`
	var calls sync.WaitGroup
	for range 100 {
		req := refused()
		calls.Go(func() { wantFailure(t, v.Renew(t.Context(), conn, req), value.ClassAuth, text) })
	}
	calls.Wait()
	if trials.Load() != 1 || told.Load() != 2 {
		t.Errorf("%d trials, told %d times, want 1 and 2", trials.Load(), told.Load())
	}
	want := State{Status: NeedsReconnecting, Message: text}
	wantState := func(want State) {
		t.Helper()
		got, err := v.State(t.Context(), conn)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("State(), %v (-want +got):\n%s", err, diff)
		}
	}
	wantState(want)
	v = openWith(t, o)
	wantState(want)
	wantFailure(t, v.Heal(t.Context(), conn), value.ClassAuth, "no")
	wantState(want)
	refuses = nil
	if err := v.Heal(t.Context(), conn); err != nil {
		t.Errorf("Heal() = %v, want nil", err)
	}
	wantState(State{Status: Connected})

	// One action is refused, and the trial goes through: once for many.
	trials.Store(0)
	for range 3 {
		wantFailure(t, v.Renew(t.Context(), conn, refused()), value.ClassAuth, `Acme takes the credentials of connection "acme_main", but not for this action`)
	}
	if trials.Load() != 1 {
		t.Errorf("%d trials, want 1", trials.Load())
	}
	wantState(State{Status: Connected})
}
