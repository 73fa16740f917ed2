package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/sandbox"
)

// connectors builds the connectors of the folders and fails on any error.
func connectors(t *testing.T, folders ...string) []*program.Connector {
	t.Helper()
	src := program.Sources{Connectors: map[string][]program.File{}}
	for _, folder := range folders {
		id := filepath.Base(folder)
		err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			inside, _ := filepath.Rel(folder, path)
			src.Connectors[id] = append(src.Connectors[id], program.File{Path: "connectors/" + id + "/" + filepath.ToSlash(inside), Data: data})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set := program.Build(src, program.Options{})
	if err := set.Findings.Err(); err != nil {
		t.Fatalf("Build(%v): %v", folders, err)
	}
	var out []*program.Connector
	for _, folder := range folders {
		out = append(out, set.Connectors[filepath.Base(folder)])
	}
	return out
}

func builtIn(t *testing.T, id string) *program.Connector {
	t.Helper()
	return connectors(t, filepath.Join("..", "..", "connectors", id))[0]
}

// memory is a State that lasts as long as a test.
type memory struct {
	mu   sync.Mutex
	docs map[string][]byte
}

func (m *memory) Load(_ context.Context, name string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.docs[name]
	return data, ok, nil
}

func (m *memory) Save(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.docs == nil {
		m.docs = map[string][]byte{}
	}
	m.docs[name] = bytes.Clone(data)
	return nil
}

// bench is a sandbox behind a real socket.
type bench struct {
	t       *testing.T
	sandbox *sandbox.Sandbox
	url     string
	token   string // sent with every request unless it is ""
	headers []string
}

var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func serve(t *testing.T, opt sandbox.Options, list ...*program.Connector) *bench {
	t.Helper()
	opt.Connectors = func() []*program.Connector { return list }
	if opt.Now == nil {
		opt.Now = func() time.Time { return noon }
	}
	s := sandbox.New(opt)
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	return &bench{t: t, sandbox: s, url: srv.URL, token: "sandbox-token"}
}

// received is an answer that has been read.
type received struct {
	status int
	header http.Header
	body   string
}

// call sends a request; headers are "Name: text" and may take back the usual ones.
func (b *bench) call(method, path, body string, headers ...string) received {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range slices.Concat(b.headers, headers) {
		name, text, _ := strings.Cut(h, ": ")
		if text == "" {
			req.Header.Del(name)
			continue
		}
		req.Header.Set(name, text)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	return received{resp.StatusCode, resp.Header, read(b.t, resp)}
}

// want sends a request and compares status and body.
func (b *bench) want(method, path, body, want string, headers ...string) {
	b.t.Helper()
	resp := b.call(method, path, body, headers...)
	got := fmt.Sprintf("%d %s", resp.status, resp.body)
	if got != want {
		b.t.Errorf("%s %s %s\n got %s\nwant %s", method, path, body, got, want)
	}
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func decode[T any](t *testing.T, resp received) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(resp.body), &v); err != nil {
		t.Fatalf("%v in %s", err, resp.body)
	}
	return v
}

// copyOf returns a copy of a folder in which one file is another.
func copyOf(t *testing.T, folder, file, content string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(folder))
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, filepath.FromSlash(file)), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}
