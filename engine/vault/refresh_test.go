package vault

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// refusedText is what a call is told after the issuer has refused a renewal.
const refusedText = `Acme no longer accepts the sign-in of connection "acme_main": This refresh token was used: [secret] (invalid_grant). To sign in again, run "patchbay connect acme_main"`

// TestOneRenewalForAll has a thousand calls wait for one token, over a real
// connection to the service.
func TestOneRenewalForAll(t *testing.T) {
	s := newIssuer()
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	v := signedIn(t, open(t, newMemory()), s, conn)
	expire(v, conn)
	begin := make(chan struct{})
	var calls sync.WaitGroup
	for range 1000 {
		calls.Go(func() {
			<-begin
			wantAuthorized(t, v, conn, "Bearer access-2")
		})
	}
	close(begin)
	calls.Wait()
	if diff := cmp.Diff([]string{"authorization_code", "refresh_token"}, s.grants()); diff != "" {
		t.Errorf("requests for tokens (-want +got):\n%s", diff)
	}
	if got := s.last().Get("user_type"); got != "Location" {
		t.Errorf("a renewal sends user_type %q, want Location", got)
	}
}

// TestOneRenewalForAllRefused has a thousand calls learn that the service took
// their token no more.
func TestOneRenewalForAllRefused(t *testing.T) {
	s := newIssuer()
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	v := signedIn(t, open(t, newMemory()), s, conn)
	var calls sync.WaitGroup
	for range 1000 {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, conn.URL(), nil)
		req.Header.Set("Authorization", "Bearer access-1")
		calls.Go(func() {
			if err := v.Renew(t.Context(), conn, req); err != nil {
				t.Errorf("Renew() = %v, want nil", err)
			}
			wantAuthorized(t, v, conn, "Bearer access-2")
		})
	}
	calls.Wait()
	if got := s.grants(); len(got) != 2 {
		t.Errorf("requests for tokens = %v, want one sign-in and one renewal", got)
	}
	// A token that has only just been given is not what is wrong.
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, conn.URL(), nil)
	req.Header.Set("Authorization", "Bearer access-2")
	wantFailure(t, v.Renew(t.Context(), conn, req), value.ClassAuth, `Acme refuses even the token it has just given for connection "acme_main"`)
}

// played returns a vault in a synctest bubble, signed in at an issuer without
// a network.
func played(t *testing.T, s *issuer) (*Vault, *memory, *program.Connection) {
	t.Helper()
	store := newMemory()
	conn := acme("https://acme.test")
	v := openWith(t, Options{Store: store, Key: testKey(1), HTTP: s})
	return signedIn(t, v, s, conn), store, conn
}

func TestRenewedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, _, conn := played(t, s)
		conn.Auth.BeforeExpiry = 10 * time.Minute
		time.Sleep(50*time.Minute - time.Second)
		wantAuthorized(t, v, conn, "Bearer access-1")
		time.Sleep(time.Second)
		wantAuthorized(t, v, conn, "Bearer access-2")
		wantAuthorized(t, v, conn, "Bearer access-2")
		if got := s.last().Get("refresh_token"); got != "refresh-1" {
			t.Errorf("renewed with %q, want refresh-1", got)
		}
		time.Sleep(50 * time.Minute)
		wantAuthorized(t, v, conn, "Bearer access-3")
		if got := s.last().Get("refresh_token"); got != "refresh-2" {
			t.Errorf("renewed with %q, want the rotated refresh-2", got)
		}
	})
}

func TestShortTokenIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		s.life = 60.0
		v, _, conn := played(t, s)
		conn.Auth.BeforeExpiry = 10 * time.Minute
		time.Sleep(29 * time.Second)
		wantAuthorized(t, v, conn, "Bearer access-1")
		time.Sleep(time.Second)
		wantAuthorized(t, v, conn, "Bearer access-2")
	})
}

// TestOnDiskBeforeUse holds back the write of a renewed token and sees that
// nobody gets it before.
func TestOnDiskBeforeUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, store, conn := played(t, s)
		time.Sleep(time.Hour)
		gate := make(chan struct{})
		store.gate = gate
		done := make(chan string)
		go func() {
			header, _ := authorized(t, v, conn)
			done <- header
		}()
		synctest.Wait()
		select {
		case header := <-done:
			t.Errorf("a call went out with %q while the token was not on disk", header)
		default:
		}
		close(gate)
		if got := <-done; got != "Bearer access-2" {
			t.Errorf("Authorize() = %q, want Bearer access-2", got)
		}
		if got := reopened(t, store, conn); got.refresh.Reveal() != "refresh-2" {
			t.Errorf("on disk is %q, want refresh-2", got.refresh.Reveal())
		}
	})
}

// TestDiskFullAfterRotation sees that a token the store did not take is kept
// and saved later, for the old one is spent.
func TestDiskFullAfterRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, store, conn := played(t, s)
		time.Sleep(time.Hour)
		s.setFail(func(http.ResponseWriter, url.Values) bool {
			store.setFails(errors.New("disk is full"))
			return false
		})
		for range 2 {
			_, err := authorized(t, v, conn)
			wantFailure(t, err, value.ClassTransient, `the token of connection "acme_main" cannot be saved: disk is full`)
		}
		store.setFails(nil)
		wantAuthorized(t, v, conn, "Bearer access-2")
		if diff := cmp.Diff([]string{"authorization_code", "refresh_token"}, s.grants()); diff != "" {
			t.Errorf("requests for tokens (-want +got):\n%s", diff)
		}
	})
}

// TestLostAnswer has the service spend the refresh token and the answer never
// arrive: within its grace the service takes the old one again.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, store, conn := played(t, s)
		time.Sleep(time.Hour)
		tries := 0
		v.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if tries++; tries == 1 {
				return nil, errors.New("connection reset by peer")
			}
			return s.RoundTrip(r)
		})
		wantAuthorized(t, v, conn, "Bearer access-2")

		// A crash between the answer and the disk leaves the old token: a
		// vault opened later tries it.
		time.Sleep(time.Hour)
		s.mu.Lock()
		s.refresh["refresh-2"] = true
		s.mu.Unlock()
		later := openWith(t, Options{Store: store, Key: testKey(1), HTTP: s})
		wantAuthorized(t, later, conn, "Bearer access-3")
		if got := s.last().Get("refresh_token"); got != "refresh-2" {
			t.Errorf("renewed with %q, want refresh-2", got)
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRenewalRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, store, conn := played(t, s)
		s.revoke()
		time.Sleep(time.Hour)
		for range 3 {
			_, err := authorized(t, v, conn)
			wantFailure(t, err, value.ClassAuth, refusedText)
		}
		if got := s.grants(); len(got) != 2 {
			t.Errorf("a refused refresh token was sent again: %v", got)
		}
		want := State{Status: NeedsReconnecting, Message: refusedText, Expires: time.Now(), Granted: []string{"read", "write"}}
		if got, err := v.State(t.Context(), conn); err != nil || !cmp.Equal(got, want) {
			t.Errorf("State() = %+v, %v, want %+v", got, err, want)
		}
		later := openWith(t, Options{Store: store, Key: testKey(1), HTTP: s})
		if got, err := later.State(t.Context(), conn); err != nil || !cmp.Equal(got, want) {
			t.Errorf("State() after a restart = %+v, %v, want %+v", got, err, want)
		}
		_, err := authorized(t, later, conn)
		wantFailure(t, err, value.ClassAuth, refusedText)
		if got := s.grants(); len(got) != 2 {
			t.Errorf("a refused refresh token was sent again after a restart: %v", got)
		}
		signedIn(t, later, s, conn)
		wantAuthorized(t, later, conn, "Bearer access-2")
		if got, _ := later.State(t.Context(), conn); got.Status != Connected || got.Message != "" {
			t.Errorf("State() after reconnecting = %+v, want connected", got)
		}
	})
}

// TestRefusedClientIsTriedOnceMended sees that a sign-in outlives a wrong
// client secret.
func TestRefusedClientIsTriedOnceMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, _, conn := played(t, s)
		time.Sleep(time.Hour)
		conn.Secrets["client_secret"] = program.SecretRef{Plain: value.NewSecret("mistyped")}
		for range 2 {
			_, err := authorized(t, v, conn)
			wantFailure(t, err, value.ClassAuth, `Acme does not accept the client of connection "acme_main": Unknown client or wrong secret. (invalid_client). Check its client_id and client_secret`)
		}
		conn.Secrets["client_secret"] = program.SecretRef{Env: "ACME_SECRET"}
		wantAuthorized(t, v, conn, "Bearer access-2")
		if got, _ := v.State(t.Context(), conn); got.Status != Connected {
			t.Errorf("State() = %+v, want connected", got)
		}
	})
}

// TestEachCallOwnsItsFailure has many calls told of one refusal, each of which
// writes its place into the failure.
func TestEachCallOwnsItsFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, _, conn := played(t, s)
		s.revoke()
		time.Sleep(time.Hour)
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() {
				_, err := authorized(t, v, conn)
				wantFailure(t, err, value.ClassAuth, refusedText)
				if f, ok := errors.AsType[*value.Failure](err); ok {
					f.Step = "mine"
				}
			})
		}
		calls.Wait()
		if got := s.grants(); len(got) != 2 {
			t.Errorf("requests for tokens = %v, want one sign-in and one renewal", got)
		}
	})
}

func TestRenewalFailsForNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, _, conn := played(t, s)
		conn.Auth.BeforeExpiry = 10 * time.Minute
		s.setFail(func(w http.ResponseWriter, _ url.Values) bool {
			w.Header().Set("Retry-After", "120")
			answer(w, 429, map[string]any{"error": "too_many"})
			return true
		})
		// While the token works, the trouble disturbs nobody, and the service
		// is left alone for as long as it asks.
		time.Sleep(51 * time.Minute)
		wantAuthorized(t, v, conn, "Bearer access-1")
		time.Sleep(119 * time.Second)
		wantAuthorized(t, v, conn, "Bearer access-1")
		if got := s.grants(); len(got) != 2 {
			t.Errorf("asked within Retry-After: %v", got)
		}
		time.Sleep(2 * time.Second)
		wantAuthorized(t, v, conn, "Bearer access-1")
		if got := s.grants(); len(got) != 3 {
			t.Errorf("not asked after Retry-After: %v", got)
		}
		time.Sleep(time.Hour)
		_, err := authorized(t, v, conn)
		wantFailure(t, err, value.ClassRateLimit, `Acme gives no token for connection "acme_main" now: too_many`)
		if f, _ := errors.AsType[*value.Failure](err); !f.NotBefore.Equal(time.Now().Add(2*time.Minute)) || f.Status != 429 {
			t.Errorf("failure = %+v, want not before 2 minutes from now, status 429", f)
		}
		s.setFail(func(w http.ResponseWriter, _ url.Values) bool {
			http.Error(w, "bad gateway", http.StatusBadGateway)
			return true
		})
		_, err = authorized(t, v, conn)
		wantFailure(t, err, value.ClassTransient, `Acme gives no token for connection "acme_main" now: status 502`)
		v.client.Transport = transport(func(*http.Request) (*http.Response, error) { return nil, errors.New("no such host") })
		_, err = authorized(t, v, conn)
		wantFailure(t, err, value.ClassTransient, "Acme cannot be asked for a token at acme.test: no such host")
		v.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		_, err = authorized(t, v, conn)
		wantFailure(t, err, value.ClassTransient, "Acme cannot be asked for a token at acme.test: no answer within 30s")
		if got, err := v.State(t.Context(), conn); err != nil || got.Status != Connected {
			t.Errorf("State() = %+v, %v, want connected: the trouble passes", got, err)
		}
		v.client.Transport = s
		s.setFail(nil)
		wantAuthorized(t, v, conn, "Bearer access-2")
	})
}

// TestSlowServiceHoldsNobody sees that a call whose token still works waits a
// little while for the next one, and then goes without.
func TestSlowServiceHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, _, conn := played(t, s)
		conn.Auth.BeforeExpiry = 10 * time.Minute
		v.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			time.Sleep(20 * time.Second)
			return s.RoundTrip(r)
		})
		time.Sleep(51 * time.Minute)
		start := time.Now()
		wantAuthorized(t, v, conn, "Bearer access-1")
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("the call waited %v, want 5s", waited)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		wantAuthorized(t, v, conn, "Bearer access-2")
		if got := s.grants(); len(got) != 2 {
			t.Errorf("requests for tokens = %v, want one sign-in and one renewal", got)
		}
	})
}

// TestCancelledWaiter sees that a call which gives up takes nothing from the
// others.
func TestCancelledWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		v, _, conn := played(t, s)
		time.Sleep(time.Hour)
		goOn := make(chan struct{})
		v.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			select {
			case <-goOn:
				return s.RoundTrip(r)
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error), make(chan string)
		go func() {
			first <- v.Authorize(ctx, conn, httptest.NewRequestWithContext(ctx, http.MethodGet, conn.URL(), nil))
		}()
		synctest.Wait() // the first call has begun the renewal
		go func() {
			header, _ := authorized(t, v, conn)
			second <- header
		}()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("Authorize() of the cancelled call = %v, want context.Canceled", err)
		}
		close(goOn)
		if got := <-second; got != "Bearer access-2" {
			t.Errorf("Authorize() of the other call = %q, want Bearer access-2", got)
		}
	})
}

// TestSignInDuringRenewal sees that a renewal which ends late does not undo
// what a person did meanwhile.
func TestSignInDuringRenewal(t *testing.T) {
	for _, forget := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newIssuer()
			v, store, conn := played(t, s)
			time.Sleep(time.Hour)
			goOn := make(chan struct{})
			v.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
				resp, err := s.RoundTrip(r)
				if s.last().Get("grant_type") == "refresh_token" {
					<-goOn
				}
				return resp, err
			})
			type result struct {
				header string
				err    error
			}
			done := make(chan result)
			go func() {
				header, err := authorized(t, v, conn)
				done <- result{header, err}
			}()
			synctest.Wait()
			if forget {
				if err := v.Forget(t.Context(), conn.Name); err != nil {
					t.Fatal(err)
				}
			} else {
				signedIn(t, v, s, conn)
			}
			close(goOn)
			got := <-done
			if forget {
				wantFailure(t, got.err, value.ClassTransient, `connection "acme_main" was signed in or out while its token was renewed`)
				if names, _ := store.SealedNames(t.Context(), kindToken); len(names) != 0 {
					t.Errorf("a forgotten token is back: %v", names)
				}
				return
			}
			if got.header != "Bearer access-3" || got.err != nil {
				t.Errorf("Authorize() = %q, %v, want that of the new sign-in, Bearer access-3", got.header, got.err)
			}
			if got := reopened(t, store, conn); got.access.Reveal() != "access-3" {
				t.Errorf("on disk is %q, want access-3", got.access.Reveal())
			}
		})
	}
}

func TestTokenThatCannotBeRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		s.setFail(func(w http.ResponseWriter, _ url.Values) bool {
			answer(w, 200, map[string]any{"access_token": "access-x", "expires_in": 3600})
			return true
		})
		v, _, conn := played(t, s)
		time.Sleep(time.Hour - time.Second)
		wantAuthorized(t, v, conn, "Bearer access-x")
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, conn.URL(), nil)
		req.Header.Set("Authorization", "Bearer access-x")
		wantFailure(t, v.Renew(t.Context(), conn, req), value.ClassAuth,
			`the sign-in of connection "acme_main" no longer works, and Acme gave no means to renew it: run "patchbay connect acme_main"`)
		if got, _ := v.State(t.Context(), conn); got.Status != NeedsReconnecting {
			t.Errorf("State() after a refusal = %+v, want needs_reconnecting", got)
		}
		wantAuthorized(t, v, conn, "Bearer access-x") // the next call may be taken
		time.Sleep(time.Second)
		_, err := authorized(t, v, conn)
		text := `the sign-in of connection "acme_main" ended on 1 January 2000 at 01:00 UTC, and Acme gave no means to renew it: run "patchbay connect acme_main"`
		wantFailure(t, err, value.ClassAuth, text)
		if len(s.grants()) != 1 {
			t.Errorf("the service was asked: %v", s.grants())
		}
	})
}

func TestTokenWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		s.life = nil
		v, _, conn := played(t, s)
		time.Sleep(10 * 365 * 24 * time.Hour)
		wantAuthorized(t, v, conn, "Bearer access-1")
		if got, err := v.State(t.Context(), conn); err != nil || !cmp.Equal(got, State{Status: Connected, Granted: []string{"read", "write"}}) {
			t.Errorf("State() = %+v, %v", got, err)
		}
	})
}

// TestRenewalKeepsWhatTheAnswerLeavesOut sees the refresh token, the scopes
// and the fields of the first answer survive.
func TestRenewalKeepsWhatTheAnswerLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer()
		s.keep, s.noScope, s.extra = true, true, map[string]any{"team": map[string]any{"id": 9007199254740993}}
		v, store, conn := played(t, s)
		for range 3 {
			time.Sleep(time.Hour)
			if _, err := authorized(t, v, conn); err != nil {
				t.Fatal(err)
			}
		}
		got := reopened(t, store, conn)
		if got.refresh.Reveal() != "refresh-1" || got.access.Reveal() != "access-4" || !cmp.Equal(got.granted, []string{"read", "write"}) {
			t.Errorf("token = %s, %s, %v", got.access.Reveal(), got.refresh.Reveal(), got.granted)
		}
		if diff := cmp.Diff(map[string]any{"account": 9007199254740993}, v.TokenFields(t.Context(), conn)); diff != "" {
			t.Errorf("TokenFields() (-want +got):\n%s", diff)
		}
	})
}

// machine returns a connection that gets its tokens without a person.
func machine() *program.Connection {
	conn := acme("https://acme.test")
	conn.Auth.Type, conn.Auth.Name = program.AuthOAuth2Client, "client"
	return conn
}

func TestClientCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, conn := newIssuer(), newMemory(), machine()
		v := openWith(t, Options{Store: store, Key: testKey(1), HTTP: s})
		if got, err := v.State(t.Context(), conn); err != nil || !cmp.Equal(got, State{Status: Connected}) {
			t.Errorf("State() before the first call = %+v, %v, want connected", got, err)
		}
		wantAuthorized(t, v, conn, "Bearer access-1")
		want := url.Values{
			"grant_type": {"client_credentials"}, "scope": {"read write"}, "user_type": {"Location"},
			"client_id": {clientID}, "client_secret": {clientSecret},
		}
		if diff := cmp.Diff(want, s.last()); diff != "" {
			t.Errorf("asked with (-want +got):\n%s", diff)
		}
		later := openWith(t, Options{Store: store, Key: testKey(1), HTTP: s})
		wantAuthorized(t, later, conn, "Bearer access-1") // a restart needs no new token
		time.Sleep(time.Hour)
		wantAuthorized(t, later, conn, "Bearer access-2")
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, conn.URL(), nil)
		req.Header.Set("Authorization", "Bearer access-2")
		if err := later.Renew(t.Context(), conn, req); err != nil {
			t.Errorf("Renew() = %v, want nil", err)
		}
		wantAuthorized(t, later, conn, "Bearer access-3")
		conn.BaseURL = "https://eu.acme.test"
		wantAuthorized(t, later, conn, "Bearer access-4") // another host, another token
	})
}

func TestClientCredentialsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := newIssuer(), machine()
		v := openWith(t, Options{Store: newMemory(), Key: testKey(1), HTTP: s})
		conn.Secrets["client_secret"] = program.SecretRef{Plain: value.NewSecret("mistyped")}
		text := `Acme does not accept the client of connection "acme_main": Unknown client or wrong secret. (invalid_client). Check its client_id and client_secret`
		for range 3 {
			_, err := authorized(t, v, conn)
			wantFailure(t, err, value.ClassAuth, text)
		}
		if got := s.grants(); len(got) != 1 {
			t.Errorf("a refused client was presented again at once: %v", got)
		}
		if got, err := v.State(t.Context(), conn); err != nil || !cmp.Equal(got, State{Status: NeedsReconnecting, Message: text}) {
			t.Errorf("State() = %+v, %v", got, err)
		}
		time.Sleep(time.Minute + time.Second)
		_, err := authorized(t, v, conn)
		wantFailure(t, err, value.ClassAuth, text)
		if got := s.grants(); len(got) != 2 {
			t.Errorf("a refused client was not presented after a minute: %v", got)
		}
		conn.Secrets["client_secret"] = program.SecretRef{Env: "ACME_SECRET"}
		wantAuthorized(t, v, conn, "Bearer access-1")
	})
}
