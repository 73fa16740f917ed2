package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// memory is a store without a disk.
type memory struct {
	mu    sync.Mutex
	kept  map[[2]string][]byte
	fails error         // of the writes that follow
	blind error         // of the reads that follow
	gate  chan struct{} // if not nil, a write waits for it to be closed
}

func newMemory() *memory { return &memory{kept: map[[2]string][]byte{}} }

func (m *memory) Sealed(_ context.Context, kind, name string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.kept[[2]string{kind, name}]
	return bytes.Clone(data), ok, m.blind
}

func (m *memory) PutSealed(ctx context.Context, kind, name string, data []byte) error {
	m.mu.Lock()
	gate := m.gate
	m.mu.Unlock()
	if gate != nil {
		<-gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(m.fails, ctx.Err()); err != nil {
		return err
	}
	m.kept[[2]string{kind, name}] = bytes.Clone(data)
	return nil
}

func (m *memory) DeleteSealed(_ context.Context, kind, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, [2]string{kind, name})
	return nil
}

func (m *memory) SealedNames(_ context.Context, kind string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, k := range slices.SortedFunc(maps.Keys(m.kept), func(a, b [2]string) int { return strings.Compare(a[1], b[1]) }) {
		if k[0] == kind {
			names = append(names, k[1])
		}
	}
	return names, nil
}

func (m *memory) setBlind(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blind = err
}

func (m *memory) setFails(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = err
}

// testKey is a key made of one byte.
func testKey(b byte) []byte { return bytes.Repeat([]byte{b}, keySize) }

// environment is the environment the tests run in.
var environment = map[string]string{
	"ACME_SECRET": "s3cret & more",
	"API_KEY":     "key-1234\n",
	"EMPTY":       "",
	"TWO_LINES":   "one\ntwo",
}

func lookup(name string) (string, bool) {
	text, ok := environment[name]
	return text, ok
}

func open(t *testing.T, store Store) *Vault {
	t.Helper()
	return openWith(t, Options{Store: store, Key: testKey(1)})
}

func openWith(t *testing.T, o Options) *Vault {
	t.Helper()
	o.Env = lookup
	v, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	t.Cleanup(v.Close)
	return v
}

// issuer is a service that gives tokens: single-use codes, PKCE, single-use
// refresh tokens. Its fields are set before it is used.
type issuer struct {
	header  bool // the client must prove itself in the header
	noPKCE  bool
	life    any            // expires_in of the answers, nil for none
	camel   bool           // keys as "accessToken"
	keep    bool           // a refresh brings no new refresh token
	extra   map[string]any // further fields of the first answer
	noScope bool           // answers do not name the scope

	mu       sync.Mutex
	codes    map[string]string // code → challenge
	refresh  map[string]bool   // refresh tokens that work
	access   string            // the access token that works
	served   int               // tokens given
	requests []url.Values      // to the token endpoint
	fail     func(w http.ResponseWriter, form url.Values) bool
}

func newIssuer() *issuer {
	return &issuer{life: 3600, codes: map[string]string{}, refresh: map[string]bool{}}
}

const clientID, clientSecret = "app one", "s3cret & more"

// authorize plays the person who says yes: it returns where the browser is
// sent.
func (s *issuer) authorize(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("authorize address %q: %v", address, err)
	}
	q := u.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	code := fmt.Sprintf("code-%d", len(s.codes)+1)
	s.codes[code] = q.Get("code_challenge")
	return url.Values{"code": {code}, "state": {q.Get("state")}}
}

func (s *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	form := r.PostForm
	s.requests = append(s.requests, form)
	if s.fail != nil && s.fail(w, form) {
		return
	}
	if !s.clientOK(r) {
		answer(w, 401, map[string]any{"error": "invalid_client", "error_description": "Unknown client or wrong secret."})
		return
	}
	out := map[string]any{}
	switch form.Get("grant_type") {
	case "authorization_code":
		challenge, ok := s.codes[form.Get("code")]
		delete(s.codes, form.Get("code"))
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		if !ok || !s.noPKCE && base64.RawURLEncoding.EncodeToString(sum[:]) != challenge {
			answer(w, 400, map[string]any{"error": "invalid_grant", "error_description": "The code is invalid."})
			return
		}
		maps.Copy(out, s.extra)
	case "refresh_token":
		old := form.Get("refresh_token")
		if !s.refresh[old] {
			answer(w, 400, map[string]any{"error": "invalid_grant", "error_description": "This refresh token was used: " + old})
			return
		}
		if !s.keep {
			delete(s.refresh, old)
		}
	case "client_credentials":
	default:
		answer(w, 400, map[string]any{"error": "unsupported_grant_type"})
		return
	}
	s.give(w, form, out)
}

// give answers with the next token.
func (s *issuer) give(w http.ResponseWriter, form url.Values, out map[string]any) {
	s.served++
	s.access = fmt.Sprintf("access-%d", s.served)
	out["access_token"], out["token_type"] = s.access, "bearer"
	if grant := form.Get("grant_type"); grant != "client_credentials" && (!s.keep || grant != "refresh_token") {
		next := fmt.Sprintf("refresh-%d", s.served)
		s.refresh[next] = true
		out["refresh_token"] = next
	}
	if s.life != nil {
		out["expires_in"] = s.life
	}
	if !s.noScope {
		out["scope"] = "read write"
	}
	if s.camel {
		for _, key := range []string{"access_token", "refresh_token", "expires_in", "token_type"} {
			if held, ok := out[key]; ok {
				delete(out, key)
				out[camel(key)] = held
			}
		}
	}
	answer(w, 200, out)
}

func (s *issuer) clientOK(r *http.Request) bool {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if s.header {
		id, secret, _ = r.BasicAuth()
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	}
	return id == clientID && secret == clientSecret
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// revoke makes all refresh tokens worthless.
func (s *issuer) revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refresh)
}

func (s *issuer) setFail(fail func(http.ResponseWriter, url.Values) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

// grants returns the grant types of the requests so far.
func (s *issuer) grants() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var types []string
	for _, form := range s.requests {
		types = append(types, form.Get("grant_type"))
	}
	return types
}

func (s *issuer) last() url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[len(s.requests)-1]
}

// RoundTrip serves without a network, for tests inside a synctest bubble.
func (s *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

// acme returns a connection that signs in at the issuer at address.
func acme(address string) *program.Connection {
	return &program.Connection{
		Name: "acme_main",
		Connector: &program.Connector{
			ID: "acme", Name: "Acme", BaseURL: "https://api.acme.test",
			Fields: []*program.Input{{Field: value.Field{Name: "account"}, FromToken: "team.id"}},
		},
		Auth: &program.Auth{
			Name: "oauth", Type: program.AuthOAuth2Code,
			Fields: []*program.Input{
				{Field: value.Field{Name: "client_id"}},
				{Field: value.Field{Name: "client_secret"}, Secret: true},
			},
			AuthorizeURL: "https://acme.test/authorize?app=1", TokenURL: address + "/token",
			AuthorizeParams: map[string]string{"prompt": "consent"},
			TokenParams:     map[string]string{"user_type": "Location"},
			Scopes:          []string{"read", "write"}, ScopeSeparator: " ", PKCE: true, Rotates: true,
		},
		Fields:  map[string]any{"client_id": clientID},
		Secrets: map[string]program.SecretRef{"client_secret": {Env: "ACME_SECRET"}},
	}
}

const callbackURI = "https://hooks.example.test/oauth/callback"

// signedIn returns a vault in which the connection is signed in.
func signedIn(t *testing.T, v *Vault, s *issuer, conn *program.Connection) *Vault {
	t.Helper()
	address, err := v.Start(t.Context(), conn, callbackURI, nil)
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	name, err := v.Finish(t.Context(), s.authorize(t, address))
	if err != nil || name != conn.Name {
		t.Fatalf("Finish() = %q, %v, want %q, nil", name, err, conn.Name)
	}
	return v
}

// authorized returns the Authorization header of an authorized request.
func authorized(t *testing.T, v *Vault, conn *program.Connection) (string, error) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, conn.URL()+"/things", nil)
	err := v.Authorize(t.Context(), conn, req)
	return req.Header.Get("Authorization"), err
}

// wantAuthorized fails the test unless requests carry the header.
func wantAuthorized(t *testing.T, v *Vault, conn *program.Connection, want string) {
	t.Helper()
	if got, err := authorized(t, v, conn); err != nil || got != want {
		t.Errorf("Authorize() = %q, %v, want %q, nil", got, err, want)
	}
}

// wantFailure fails the test unless err is a failure with that class and text,
// which holds none of the secrets of these tests.
func wantFailure(t *testing.T, err error, class value.Class, message string) {
	t.Helper()
	f, ok := errors.AsType[*value.Failure](err)
	if !ok {
		t.Errorf("error = %v, want a failure: %s", err, message)
		return
	}
	if f.Class != class || f.Message != message {
		t.Errorf("failure = %s: %s\nwant      %s: %s", f.Class, f.Message, class, message)
	}
	for _, secret := range []string{"s3cret", "access-", "refresh-", "code-", "key-1234"} {
		if strings.Contains(f.Error(), secret) {
			t.Errorf("failure %q tells the secret %q", f.Error(), secret)
		}
	}
}

func TestOpenRefusesAnotherKey(t *testing.T) {
	store := newMemory()
	if err := open(t, store).SetSecret(t.Context(), "one", value.NewSecret("text")); err != nil {
		t.Fatal(err)
	}
	want := "open vault: the data folder was sealed with key 1f54b43f082855fd, and the key given is 863a68766f94cdb7: give the right one in PATCHBAY_KEY, or put its key file back"
	if _, err := Open(t.Context(), Options{Store: store, Key: testKey(2)}); err == nil || err.Error() != want {
		t.Errorf("Open() with another key = %v, want %s", err, want)
	}
	// The same where the store lost the mark of its key.
	if err := store.DeleteSealed(t.Context(), kindKey, "check"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Store: store, Key: testKey(2)}); err == nil || err.Error() != want {
		t.Errorf("Open() with another key, unmarked = %v, want %s", err, want)
	}
	if _, err := Open(t.Context(), Options{Store: store, Key: testKey(1)}); err != nil {
		t.Errorf("Open() with the right key = %v, want nil", err)
	}
}

func TestOpenNeedsAStoreAndAKey(t *testing.T) {
	if _, err := Open(t.Context(), Options{Key: testKey(1)}); err == nil || err.Error() != "open vault: no store" {
		t.Errorf("Open() without a store = %v", err)
	}
	if _, err := Open(t.Context(), Options{Store: newMemory(), Key: []byte("short")}); err == nil || err.Error() != "open vault: key has 5 bytes, not 32" {
		t.Errorf("Open() with a short key = %v", err)
	}
}

// TestSealedHoldsNoPlainText looks for every secret in all that was stored.
func TestSealedHoldsNoPlainText(t *testing.T) {
	store, s := newMemory(), newIssuer()
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	v := signedIn(t, open(t, store), s, conn)
	if err := v.SetSecret(t.Context(), "bot", value.NewSecret("xoxb-plain-text")); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Start(t.Context(), conn, callbackURI, nil); err != nil { // leaves a sign-in behind
		t.Fatal(err)
	}
	if len(store.kept) != 4 {
		t.Errorf("%d things are kept, want 4: the key check, a secret, a token, a sign-in", len(store.kept))
	}
	for key, data := range store.kept {
		for _, secret := range []string{"xoxb", "s3cret", "access-1", "refresh-1", "verifier", "read write"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s %s holds %q in plain text", key[0], key[1], secret)
			}
		}
	}
}

// TestLogHoldsNoSecret reads the log of a sign-in, renewals and a refusal.
func TestLogHoldsNoSecret(t *testing.T) {
	var log bytes.Buffer
	s, store := newIssuer(), newMemory()
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	v := openWith(t, Options{Store: store, Key: testKey(1), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	signedIn(t, v, s, conn)
	expire(v, conn)
	wantAuthorized(t, v, conn, "Bearer access-2")
	expire(v, conn)
	s.setFail(func(http.ResponseWriter, url.Values) bool {
		store.setFails(errors.New("disk is full"))
		return false
	})
	_, _ = authorized(t, v, conn)
	s.setFail(nil)
	store.setFails(nil)
	wantAuthorized(t, v, conn, "Bearer access-3")
	expire(v, conn)
	s.revoke()
	_, err := authorized(t, v, conn)
	wantFailure(t, err, value.ClassAuth, strings.ReplaceAll(refusedText, "acme_main", conn.Name))
	var messages []string
	for line := range strings.Lines(log.String()) {
		_, rest, _ := strings.Cut(line, "msg=")
		message, _, _ := strings.Cut(rest, " connection=")
		messages = append(messages, message)
	}
	want := []string{`"connection signed in"`, `"token renewed"`, `"token not saved"`, `"token renewed"`, `"renewal refused"`}
	if diff := cmp.Diff(want, messages); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"s3cret", "access-", "refresh-", "code-"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log tells %q:\n%s", secret, log.String())
		}
	}
}

// TestStoreTrouble has the data folder let the vault down.
func TestStoreTrouble(t *testing.T) {
	s, store := newIssuer(), newMemory()
	server := httptest.NewServer(s)
	defer server.Close()
	conn := acme(server.URL)
	signedIn(t, open(t, store), s, conn)
	v := open(t, store)
	secret := fixed(bearerAuth, nil, map[string]program.SecretRef{"token": {Secret: "bot"}})
	store.setBlind(errors.New("input/output error"))
	_, err := authorized(t, v, conn)
	wantFailure(t, err, value.ClassTransient, `the token of connection "acme_main" cannot be read: input/output error`)
	_, err = authorized(t, v, secret)
	wantFailure(t, err, value.ClassTransient, `connection "acme_main" takes token from the secret bot, which cannot be read: input/output error`)
	for _, c := range []*program.Connection{conn, secret} {
		if st, err := v.State(t.Context(), c); err == nil {
			t.Errorf("State() = %+v, nil, want the trouble of the store", st)
		}
	}
	_, err = v.Finish(t.Context(), url.Values{"state": {"x"}, "code": {"y"}})
	wantFailure(t, err, value.ClassTransient, "the sign-in cannot be looked up: input/output error")
	store.setBlind(nil)
	wantAuthorized(t, v, conn, "Bearer access-1") // what was not read is not taken for missing

	key := [2]string{kindToken, conn.Name}
	store.kept[key][len(store.kept[key])-1] ^= 1
	message := `the sign-in of connection "acme_main" cannot be opened (sealed bytes were altered or belong to another place): run "patchbay connect acme_main"`
	later := open(t, store)
	_, err = authorized(t, later, conn)
	wantFailure(t, err, value.ClassAuth, message)
	if st, err := later.State(t.Context(), conn); err != nil || !cmp.Equal(st, State{Status: NotConnected, Message: message}) {
		t.Errorf("State() = %+v, %v", st, err)
	}
	store.setFails(errors.New("disk is full"))
	if _, err = v.Start(t.Context(), conn, callbackURI, nil); err == nil {
		t.Error("Start() without a disk = nil, want an error")
	}
	wantFailure(t, err, value.ClassTransient, `the sign-in of connection "acme_main" cannot begin: disk is full`)
}

func TestCloseWaitsForTheRenewal(t *testing.T) {
	store, s := newMemory(), newIssuer()
	server := httptest.NewServer(s)
	defer server.Close()
	s.life = 1
	conn := acme(server.URL)
	v := signedIn(t, open(t, store), s, conn)
	expire(v, conn)
	asked, goOn := make(chan struct{}), make(chan struct{})
	s.setFail(func(http.ResponseWriter, url.Values) bool {
		close(asked)
		<-goOn
		return false
	})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		req := httptest.NewRequestWithContext(ctx, http.MethodGet, conn.URL(), nil)
		failed <- v.Authorize(ctx, conn, req)
	}()
	<-asked
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("Authorize() of a cancelled call = %v, want context.Canceled", err)
	}
	close(goOn)
	v.Close()
	if got := reopened(t, store, conn); got.refresh.Reveal() != "refresh-2" {
		t.Errorf("after Close the store holds %q, want refresh-2", got.refresh.Reveal())
	}
	_, err := authorized(t, v, conn)
	if err != nil {
		t.Errorf("Authorize() of a closed vault with a token that works = %v, want nil", err)
	}
	expire(v, conn)
	_, err = authorized(t, v, conn)
	wantFailure(t, err, value.ClassTransient, `the token of connection "acme_main" cannot be renewed: the vault is closed`)
}

// expire makes the token of a connection end now.
func expire(v *Vault, conn *program.Connection) {
	a := v.account(conn.Name)
	a.mu.Lock()
	defer a.mu.Unlock()
	t := *a.token
	t.expires = time.Now()
	a.token = &t
}

// reopened returns the token of a connection as a vault opened later finds it.
func reopened(t *testing.T, store Store, conn *program.Connection) *token {
	t.Helper()
	v := open(t, store)
	held, _, err := v.load(t.Context(), v.account(conn.Name), conn)
	if err != nil || held == nil {
		t.Fatalf("load() = %v, %v, want a token", held, err)
	}
	return held
}
