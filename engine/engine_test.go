package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/journal"
	"patchbay/flows"
)

// served is an engine that serves a workspace in the sandbox.
type served struct {
	t     *testing.T
	dir   string
	base  string
	hooks string
	token string
	stop  func()
}

// serve starts an engine over the shipped flows, all services played.
func serve(t *testing.T) *served {
	t.Helper()
	s := &served{t: t, dir: t.TempDir()}
	copyFlows(t, s.dir)
	s.start(t)
	return s
}

func copyFlows(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(dir, "flows"), flows.Files); err != nil {
		t.Fatal(err)
	}
}

func (s *served) start(t *testing.T) {
	t.Helper()
	e, err := engine.Open(t.Context(), engine.Options{
		Dir: s.dir, Sandbox: true, Builtin: connectors.Files, Version: "test",
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, over := make(chan struct{}), make(chan error, 1)
	go func() {
		over <- e.Serve(ctx, func(people, hooks, token string) {
			s.base, s.hooks, s.token = "http://"+people, "http://"+hooks, token
			close(ready)
		})
	}()
	select {
	case <-ready:
	case err := <-over:
		t.Fatalf("serve: %v", err)
	}
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-over; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
	t.Cleanup(s.stop)
}

// api asks the API; in is the body of a POST, nil for a GET.
func (s *served) api(method, path string, in, out any) int {
	s.t.Helper()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			s.t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.base+"/api/v1"+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
	return res.StatusCode
}

// fetch asks the API for something; it may be called from any goroutine.
func (s *served) fetch(ctx context.Context, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/api/v1"+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(out)
}

// TestShippedFlows runs every shipped flow in the sandbox from its real
// trigger: the webhooks by the examples that are played at the start, the
// others as they come or on demand.
func TestShippedFlows(t *testing.T) {
	s := serve(t)
	names, err := fs.Glob(flows.Files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var live []console.Flow
	s.api(http.MethodGet, "/flows", nil, &live)
	if len(live) == 0 {
		t.Fatalf("no flow is live of %v", names)
	}
	for _, f := range live {
		t.Run(f.ID, func(t *testing.T) {
			for _, trigger := range f.Triggers {
				run := s.startOrAwait(t, f, trigger)
				if run.Status != journal.Succeeded {
					t.Errorf("run of %s by %s = %s: %s\n%s", f.ID, trigger.ID, run.Status, run.Reason, trace(run))
				}
			}
		})
	}
}

// startOrAwait starts a flow by the trigger, or waits for the run that the
// played event or the poll behind the trigger has started, and returns the run
// when it has ended.
func (s *served) startOrAwait(t *testing.T, f console.Flow, trigger console.FlowTrigger) console.Run {
	t.Helper()
	switch trigger.Kind {
	case "webhook":
		return s.ended(t, func(r console.Run) bool { return r.Flow == f.ID && r.Trigger == trigger.ID })
	default:
		var started console.StartAnswer
		if code := s.api(http.MethodPost, "/flows/"+f.ID+"/runs", console.StartRequest{Trigger: trigger.ID}, &started); code != http.StatusAccepted {
			t.Fatalf("start %s by %s: status %d", f.ID, trigger.ID, code)
		}
		return s.ended(t, func(r console.Run) bool { return r.ID == started.Run })
	}
}

// ended waits until the run that is meant has ended.
func (s *served) ended(t *testing.T, meant func(console.Run) bool) console.Run {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		var runs []console.Run
		s.api(http.MethodGet, "/runs?limit=200", nil, &runs)
		for _, r := range runs {
			if meant(r) && r.Status.HasEnded() {
				var run console.Run
				s.api(http.MethodGet, fmt.Sprintf("/runs/%d", r.ID), nil, &run)
				return run
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the run has not ended in 30 s")
	return console.Run{}
}

func trace(run console.Run) string {
	var out strings.Builder
	for _, e := range run.Journal {
		fmt.Fprintf(&out, "%s %s %s %v\n", e.Kind, e.Path, e.Text, e.Failure)
	}
	return out.String()
}
