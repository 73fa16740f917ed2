package trigger_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/store"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
)

// watched is a workspace with a store on disk, whose runs fail as a test says.
type watched struct {
	t     *testing.T
	live  *program.Set
	store *store.Store
	fail  error // what Accept answers
}

// watching opens the folder for a workspace of flows with these triggers until
// the test ends or stop is called.
func watching(t *testing.T, dir string, triggers map[string]string) (w *watched, stop func()) {
	t.Helper()
	w = &watched{t: t, live: watchers(t, triggers)}
	var err error
	if w.store, err = store.Open(t.Context(), dir, store.Options{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	writing.Go(func() { _ = w.store.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		writing.Wait()
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return w, stop
}

func watchers(t *testing.T, triggers map[string]string) *program.Set {
	t.Helper()
	files := map[string]string{}
	for id, on := range triggers {
		on, more, _ := strings.Cut(on, "; ")
		files["flows/"+id+".yaml"] = flowFile(on, strings.TrimSuffix(more+"\n", "\n\n"))
	}
	return build(t, program.Options{}, nil, files)
}

// failures returns those of a process that begins now.
func (w *watched) failures() *trigger.Failures {
	return trigger.NewFailures(trigger.FailureOptions{
		Intake: trigger.Intake{
			Live:   func() *program.Set { return w.live },
			Cursor: w.store.Cursor,
			Accept: func(ctx context.Context, arrivals []journal.Arrival, c *journal.Cursor) ([]journal.Accepted, error) {
				if w.fail != nil {
					return nil, w.fail
				}
				return w.store.Accept(ctx, arrivals, c)
			},
		},
		Store: w.store, Notify: w.store.Failed(),
		URL: func(id int64) string { return fmt.Sprintf("http://patchbay/runs/%d", id) },
	})
}

// start queues a run of a flow by its first trigger and returns its id.
func (w *watched) start(flow, event string) int64 {
	w.t.Helper()
	f := w.live.Flows[flow]
	accepted, err := w.store.Accept(w.t.Context(), []journal.Arrival{{
		Flow: flow, Definition: f.Hash, Trigger: f.Triggers[0].ID, EventID: event, At: began,
	}}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return accepted[0].Run
}

// began is when everything in these tests begins.
var began = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// finish ends all runs that are due with these events.
func (w *watched) finish(status journal.Status, events ...journal.Event) {
	w.t.Helper()
	runs, err := w.store.Claim(w.t.Context(), time.Now().Add(time.Hour), time.Hour, 100, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range events {
		events[i].At = began.Add(time.Duration(i+1) * time.Minute)
	}
	for _, r := range runs {
		if err := w.store.Append(w.t.Context(), journal.Progress{Run: r.ID, Epoch: r.Epoch, Status: status, Events: events}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// failAll ends all runs that are due as failed.
func (w *watched) failAll() {
	w.t.Helper()
	w.finish(journal.FailedStatus, journal.Event{Kind: journal.Ended, Status: journal.FailedStatus, Text: "no"})
}

// wantRuns compares the runs of a flow, the oldest first, by what started them.
func (w *watched) wantRuns(flow string, want ...string) {
	w.t.Helper()
	runs, err := w.store.Runs(w.t.Context(), journal.Filter{Flow: flow, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append([]string{r.EventID}, got...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("runs of %s (-want +got):\n%s", flow, diff)
	}
}

// TestFailureEvent has a run fail in whole and another one in part, and looks
// at what the flows that watch get of it.
func TestFailureEvent(t *testing.T) {
	w, _ := watching(t, t.TempDir(), map[string]string{
		"orders": "on_demand: {}", "other": "on_demand: {}", "alert": `flow_failed: "*"`, "orders-alert": "flow_failed: orders",
	})
	f := w.failures()
	f.Begin(t.Context())
	begun := journal.Event{Kind: journal.Began, Data: map[string]any{"vars": map[string]any{}, "inputs": map[string]any{}}}
	refused := &value.Failure{Class: value.ClassInvalid, Message: "no such channel", Action: "slack.post_message", Step: "tell"}
	busy := &value.Failure{Class: value.ClassTransient, Message: "busy", Action: "shop.list", Step: "look"}
	w.start("orders", "1")
	w.finish(journal.FailedStatus, begun,
		journal.Event{Kind: journal.Failed, Path: "tell", Failure: refused},
		journal.Event{Kind: journal.Ended, Status: journal.FailedStatus, Text: "step tell: no such channel", Failure: refused})
	w.start("other", "2")
	w.finish(journal.PartlyFailed, begun,
		journal.Event{Kind: journal.Caught, Path: "look", Failure: busy},
		journal.Event{Kind: journal.Caught, Path: "tell", Failure: refused},
		journal.Event{Kind: journal.Ended, Status: journal.PartlyFailed})
	w.start("orders", "3")
	w.finish(journal.Succeeded, journal.Event{Kind: journal.Ended, Status: journal.Succeeded})
	f.Begin(t.Context())

	w.wantRuns("alert", "1@2026-03-01T09:03:00Z", "2@2026-03-01T09:04:00Z")
	w.wantRuns("orders-alert", "1@2026-03-01T09:03:00Z")
	want := []map[string]any{
		{
			"flow": "orders", "name": "orders", "run": 1, "url": "http://patchbay/runs/1", "status": "failed", "step": "tell",
			"message": "no such channel", "class": "invalid", "action": "slack.post_message", "trigger": "on_demand",
			"started": "2026-03-01T09:01:00Z", "ended": "2026-03-01T09:03:00Z",
		},
		{
			"flow": "other", "name": "other", "run": 2, "url": "http://patchbay/runs/2", "status": "partly_failed", "step": "look",
			"message": "busy", "class": "transient", "action": "shop.list", "trigger": "on_demand",
			"started": "2026-03-01T09:01:00Z", "ended": "2026-03-01T09:04:00Z",
		},
	}
	runs, err := w.store.Claim(t.Context(), time.Now().Add(time.Hour), time.Hour, 9, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for _, r := range runs {
		if why := value.MismatchValue(r.Event, w.live.Flows[r.Flow].Triggers[0].Type); why != "" {
			t.Errorf("the event of run %d does not fit its type: %s", r.ID, why)
		}
		if r.Flow == "alert" {
			got = append(got, r.Event.(map[string]any))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	sample := trigger.SampleFailure("*", began)
	if why := value.MismatchValue(sample, w.live.Flows["alert"].Triggers[0].Type); why != "" {
		t.Errorf("the sample %v does not fit the type: %s", sample, why)
	}
}

// TestFailureStartsOnce takes a trigger through what may come between: nothing
// fires twice, nothing is lost.
func TestFailureStartsOnce(t *testing.T) {
	triggers := map[string]string{"orders": "on_demand: {}", "alert": "flow_failed: orders"}
	dir := t.TempDir()
	w, stop := watching(t, dir, triggers)
	w.start("orders", "before there was a trigger")
	w.failAll()
	w.failures().Begin(t.Context())
	w.wantRuns("alert")

	w.start("orders", "one")
	w.failAll()
	w.fail = journal.ErrUnavailable
	f := w.failures()
	f.Begin(t.Context())
	w.wantRuns("alert")
	w.fail = nil
	f.Begin(t.Context())
	f.Begin(t.Context())
	first := "2@2026-03-01T09:01:00Z"
	w.wantRuns("alert", first)
	stop()

	w, _ = watching(t, dir, triggers)
	w.failures().Begin(t.Context())
	w.wantRuns("alert", first)
	// A retry that fails is another failure.
	if err := w.store.Reopen(t.Context(), 2, []journal.Event{{At: began, Kind: journal.Retried}}); err != nil {
		t.Fatal(err)
	}
	w.finish(journal.FailedStatus, journal.Event{Kind: journal.Began}, journal.Event{Kind: journal.Ended, Status: journal.FailedStatus, Text: "no"})
	w.failures().Begin(t.Context())
	again := "2@2026-03-01T09:02:00Z"
	w.wantRuns("alert", first, again)

	// What fails while the flow is switched off, or watches another one, does
	// not count when it is back.
	for _, meanwhile := range []string{"flow_failed: orders; enabled: false", "flow_failed: shop"} {
		f := w.failures()
		f.Begin(t.Context())
		w.live = watchers(t, map[string]string{"orders": "on_demand: {}", "shop": "on_demand: {}", "alert": meanwhile})
		f.Begin(t.Context())
		w.start("orders", meanwhile)
		w.failAll()
		f.Begin(t.Context())
		w.live = watchers(t, triggers)
		f.Begin(t.Context())
		w.wantRuns("alert", first, again)
	}
}

// TestFailuresInACircle has every run fail, again and again: flows that watch
// each other come to rest.
func TestFailuresInACircle(t *testing.T) {
	w, _ := watching(t, t.TempDir(), map[string]string{
		"orders": "on_demand: {}",
		"a":      `flow_failed: "*"`, "b": `flow_failed: "*"`,
		"c": "flow_failed: orders", "d": "flow_failed: c", "e": "flow_failed: d",
		"ping": "on_demand: {}\n  - flow_failed: pong", "pong": "flow_failed: ping",
	})
	f := w.failures()
	f.Begin(t.Context())
	w.start("orders", "one")
	for range 8 {
		w.failAll()
		f.Begin(t.Context())
	}
	end := "@2026-03-01T09:01:00Z"
	w.wantRuns("a", "1"+end)
	w.wantRuns("b", "1"+end)
	w.wantRuns("c", "1"+end)
	w.wantRuns("d", "4"+end)
	w.wantRuns("e", "5"+end)
	w.wantRuns("ping")

	w.start("ping", "two") // run 7; its failure starts a and b too
	for range 8 {
		w.failAll()
		f.Begin(t.Context())
	}
	w.wantRuns("ping", "two")
	w.wantRuns("pong", "7"+end)
	w.wantRuns("a", "1"+end, "7"+end)
}

// TestFailuresPages has more runs fail than one transaction takes.
func TestFailuresPages(t *testing.T) {
	w, _ := watching(t, t.TempDir(), map[string]string{"orders": "on_demand: {}", "alert": "flow_failed: orders"})
	f := w.failures()
	f.Begin(t.Context())
	var want []string
	for i := range 250 {
		want = append(want, fmt.Sprintf("%d@2026-03-01T09:01:00Z", w.start("orders", fmt.Sprint(i))))
	}
	for range 3 {
		w.failAll()
	}
	f.Begin(t.Context())
	w.wantRuns("alert", want...)
}

// memory is a store of failures in memory, for tests of the time.
type memory struct {
	*workspace
	found []journal.FailedRun
}

func (m *memory) FailedRuns(_ context.Context, behind int64, _ int) ([]journal.FailedRun, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.found[behind:], nil
}

func (m *memory) LastFailure(context.Context) (int64, error) { return 0, nil }

func (m *memory) EventsOf(context.Context, journal.FailedRun) ([]journal.Event, error) {
	return nil, nil
}

func (m *memory) RunByID(context.Context, int64) (journal.Run, error) {
	return journal.Run{}, journal.ErrNoRun
}

func (m *memory) add() {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := int64(len(m.found) + 1)
	m.found = append(m.found, journal.FailedRun{Position: n, Run: journal.Run{
		ID: n, Flow: "orders", Status: journal.FailedStatus, Reason: "no", Created: began, Ended: began,
	}})
}

// TestFailuresWake looks at when failures are looked for.
func TestFailuresWake(t *testing.T) {
	set := watchers(t, map[string]string{"orders": "on_demand: {}", "alert": "flow_failed: orders"})
	synctest.Test(t, func(t *testing.T) {
		m := &memory{workspace: newWorkspace(set)}
		notify := make(chan struct{}, 1)
		f := trigger.NewFailures(trigger.FailureOptions{
			Intake: m.intake(), Store: m, Notify: notify, URL: func(int64) string { return "" },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.Run(ctx) }()
		synctest.Wait()
		took := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := len(m.take()); got != want {
				t.Errorf("%s: %d runs, want %d", what, got, want)
			}
		}

		m.add()
		took("nobody says that a run failed", 0)
		notify <- struct{}{}
		took("somebody says so", 1)
		m.add()
		sleep(time.Minute)
		took("after a while", 1)
		m.add()
		f.Refresh()
		took("something else is live", 1)

		m.breakDown(journal.ErrUnavailable)
		m.add()
		notify <- struct{}{}
		took("the store is out of order", 0)
		m.breakDown(nil)
		sleep(time.Second)
		took("a second later", 1)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}
