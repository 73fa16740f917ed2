package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/run"
	"patchbay/engine/store"
	"patchbay/engine/value"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

// TestRuns takes each script of testdata through a whole run: the flow, the
// event, what the service answers, and the journal that is wanted.
func TestRuns(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { script(t, file) })
	}
}

func script(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, f := range archive.Files {
		parts[f.Name] = string(f.Data)
	}
	var got string
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, parts)
		b.start(t, parts["event.json"])
		got = b.journal(t)
	})
	if *update {
		for i, f := range archive.Files {
			if f.Name == "want" {
				archive.Files[i].Data = []byte(got)
			}
		}
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(parts["want"], got); diff != "" {
		t.Errorf("journal of %s (-want +got):\n%s", file, diff)
	}
}

// bench is a runner over a real store, with a service that answers by script.
type bench struct {
	store   *store.Store
	set     *program.Set
	service *service
	began   time.Time
	arrives []string // what comes while it runs: "<after> <trigger or answer> <event id or step> <json>"
	retries []string // from where the run is retried, one time after the other
	look    string   // from where it is retried at last, and only looked at
	told    []string // what each of them does once more, and keeps
	// within puts something around the store as the runner sees it; nil for nothing.
	within func(*store.Store) run.Store
}

func newBench(t *testing.T, parts map[string]string) *bench {
	t.Helper()
	return &bench{
		set: build(t, parts), service: &service{answers: parts["answers"]}, began: time.Now(),
		retries: lines(parts["retry"]), look: strings.TrimSpace(parts["look"]), arrives: lines(parts["arrives"]),
	}
}

func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// arrive brings what the script says, each at its time.
func (b *bench) arrive(t *testing.T) {
	for _, line := range b.arrives {
		part := strings.SplitN(line, " ", 4)
		after, err := time.ParseDuration(part[0])
		if err != nil || len(part) != 4 {
			t.Errorf("arrives: %q: %v", line, err)
			return
		}
		event, err := value.Decode([]byte(part[3]))
		if err != nil {
			t.Errorf("arrives: %q: %v", line, err)
			return
		}
		time.Sleep(time.Until(b.began.Add(after)))
		switch part[1] {
		case "answer":
			err = b.store.Answer(t.Context(), 1, part[2], event)
		case "connect":
			_, err = b.store.GoOn(t.Context(), part[2], time.Now())
		case "cancel":
			err = b.store.Cancel(t.Context(), 1)
		default:
			_, err = b.store.Accept(t.Context(), []journal.Arrival{journal.Offer(part[1], "svc", part[2], event, time.Now())}, nil)
		}
		if err != nil {
			b.told = append(b.told, fmt.Sprintf("at +%s: %v", after, err))
		}
	}
}

// build checks the flows of a script against the connector of the tests.
func build(t *testing.T, parts map[string]string) *program.Set {
	t.Helper()
	connector, err := os.ReadFile("testdata/svc.yaml")
	if err != nil {
		t.Fatal(err)
	}
	src := program.Sources{Connectors: map[string][]program.File{
		"svc": {{Path: "connectors/svc/connector.yaml", Data: connector}},
	}}
	for name, text := range parts {
		if strings.HasSuffix(name, ".yaml") {
			src.Flows = append(src.Flows, program.File{Path: "flows/" + name, Data: []byte(text)})
		}
	}
	set := program.Build(src, program.Options{Sandbox: true})
	if err := set.Findings.Err(); err != nil {
		t.Fatalf("check: %v", err)
	}
	return set
}

// start accepts one event for the flow and runs until nothing is left to do.
func (b *bench) start(t *testing.T, event string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	b.open(t)
	var over sync.WaitGroup
	writing, end := context.WithCancel(context.WithoutCancel(ctx))
	over.Go(func() { _ = b.store.Run(writing) })
	var brought any
	if event != "" {
		v, err := value.Decode([]byte(event))
		if err != nil {
			t.Fatal(err)
		}
		brought = v
	}
	flow := b.set.Flows["main"]
	if _, err := b.store.Accept(ctx, []journal.Arrival{{
		Flow: flow.ID, Definition: flow.Hash, Trigger: flow.Triggers[0].ID, EventID: "1", Event: brought, At: time.Now(),
	}}, nil); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = b.runner().Run(ctx) })
	running.Go(func() { b.arrive(t) })
	b.settle(t)
	for _, from := range b.retries {
		b.retry(t, from)
		b.settle(t)
	}
	if b.look != "" {
		b.looked(t)
	}
	stop()
	running.Wait()
	end()
	over.Wait()
}

func (b *bench) open(t *testing.T) {
	t.Helper()
	s, err := store.Open(t.Context(), t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b.store = s
}

// settle waits until the run has ended or asks a question, hours of waiting
// included: the clock is the bubble's.
func (b *bench) settle(t *testing.T) {
	t.Helper()
	for i := range 100_000 {
		r, err := b.store.RunByID(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status.HasEnded() || r.Status == journal.OutcomeUnknown {
			return
		}
		pause := time.Second
		if i > 20_000 {
			pause = time.Hour
		}
		time.Sleep(pause)
	}
	t.Fatal("the run came to no end")
}

// retry takes the run up again, as a line of the script says: from the start,
// what failed, or a step; behind that items ("@each[1]") and edits
// ("step|field=json"). "dismiss each[1]" dismisses an item.
func (b *bench) retry(t *testing.T, line string) {
	t.Helper()
	if path, ok := strings.CutPrefix(line, "dismiss "); ok {
		e := journal.Event{At: time.Now(), Kind: journal.Dismissed, Path: path, Text: "enough"}
		if err := b.store.Note(t.Context(), 1, []journal.Event{e}, false); err != nil {
			t.Fatal(err)
		}
		return
	}
	_, written := b.plan(t, line)
	if err := b.store.Reopen(t.Context(), 1, written); err != nil {
		t.Fatal(err)
	}
}

// plan returns the journal of the run, and the events of a retry.
func (b *bench) plan(t *testing.T, line string) (events, written []journal.Event) {
	t.Helper()
	events, err := b.store.Events(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	from, items, edits := readRetry(t, line)
	state := journal.Fold(events)
	r, ok := state.RetryStart(), true
	switch from {
	case "start":
	case "failed":
		r, ok = state.RetryFailed(items...)
	default:
		r, ok = state.RetryFrom(from)
	}
	if !ok {
		t.Fatalf("there is nothing to retry from %s", from)
	}
	b.told = append(b.told, fmt.Sprintf("retry %s: again %v, kept %v, open %v", line, r.Again, r.Kept, r.Open))
	return events, slices.Concat(r.Events(time.Now(), ""), edits)
}

func readRetry(t *testing.T, line string) (from string, items []string, edits []journal.Event) {
	t.Helper()
	words := strings.Fields(line)
	for _, word := range words[1:] {
		if item, ok := strings.CutPrefix(word, "@"); ok {
			items = append(items, item)
			continue
		}
		place, text, _ := strings.Cut(word, "=")
		path, field, _ := strings.Cut(place, "|")
		v, err := value.Decode([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", word, err)
		}
		edits = append(edits, journal.Edit{Field: value.SplitPath(field), New: v, At: time.Now()}.Event(path))
	}
	return words[0], items, edits
}

// looked tells what a look at the run finds before the last retry.
func (b *bench) looked(t *testing.T) {
	t.Helper()
	events, written := b.plan(t, b.look)
	r, err := b.store.RunByID(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range b.runner().Look(b.set.Flows["main"], &r, journal.Fold(slices.Concat(events, written)), nil) {
		given, err := value.Encode(g.Given)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("look %s: %s", g.Path, string(given))
		if !g.Sure {
			line = fmt.Sprintf("look %s: not known", g.Path)
		}
		if g.Outcome != "" {
			line += ", " + string(g.Outcome)
		}
		if g.Times != 1 {
			line += ", for each item"
		}
		if g.Perhaps {
			line += ", perhaps"
		}
		if len(g.Needs) > 0 {
			line += ", needs " + strings.Join(g.Needs, " ")
		}
		b.told = append(b.told, line)
	}
}

func (b *bench) runner() *run.Runner { return run.New(b.options()) }

func (b *bench) options() run.Options {
	var seen run.Store = b.store
	if b.within != nil {
		seen = b.within(b.store)
	}
	return run.Options{
		Store: seen, Notify: b.store.Notify(), Identity: "test",
		Definition: func(_ context.Context, hash string) (*program.Flow, error) {
			for _, f := range b.set.Flows {
				if f.Hash == hash {
					return f, nil
				}
			}
			return nil, errors.New("there is no such version")
		},
		Connection: func(name string) (*program.Connection, bool) {
			c, ok := b.set.Connections[name]
			return c, ok
		},
		Call: b.service.call,
		Prepare: func(_ context.Context, c run.Call) (*journal.Exchange, error) {
			return &journal.Exchange{Method: c.Action.Method, URL: c.Action.Path}, nil
		},
		URL:    func(id int64) string { return fmt.Sprintf("http://console/runs/%d", id) },
		Offers: b.store.Offers,
		Link:   func(id int64, path string) string { return fmt.Sprintf("http://console/approve/%d?step=%s", id, path) },
		Logger: slog.New(slog.DiscardHandler),
	}
}

// journal prints what happened, with times counted from the start.
func (b *bench) journal(t *testing.T) string {
	t.Helper()
	s := b.store
	events, err := s.Events(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, e := range events {
		fmt.Fprintf(&out, "%-8s %s", e.Kind, e.Path)
		if e.Attempt > 1 {
			fmt.Fprintf(&out, " #%d", e.Attempt)
		}
		if e.Status != "" {
			fmt.Fprintf(&out, " %s", e.Status)
		}
		if e.Failure != nil {
			fmt.Fprintf(&out, " %s: %s", e.Failure.Class, e.Failure.Message)
		}
		if e.Text != "" {
			fmt.Fprintf(&out, " %q", e.Text)
		}
		if e.Data != nil {
			data, err := value.Encode(e.Data)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, " %s", data)
		}
		if !e.Until.IsZero() && e.Kind == journal.Waiting {
			fmt.Fprintf(&out, " until +%s", e.Until.Sub(b.began).Round(time.Second))
		}
		out.WriteString("\n")
	}
	r, err := s.RunByID(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(out.String(), "\n")
	slices.SortStableFunc(lines, sideBySide)
	out.Reset()
	out.WriteString(strings.Join(lines, ""))
	fmt.Fprintf(&out, "= %s %s\n", r.Status, r.Reason)
	for _, line := range b.service.log {
		fmt.Fprintf(&out, "sent %s\n", line)
	}
	for _, line := range b.told {
		fmt.Fprintln(&out, line)
	}
	return out.String()
}

// sideBySide orders what the branches of one parallel step did, which happens
// in any order, by their place; all else keeps its place.
func sideBySide(a, b string) int {
	place := func(line string) (string, bool) {
		_, path, _ := strings.Cut(line, " #2.")
		return path, path != ""
	}
	x, inA := place(a)
	y, inB := place(b)
	if inA && inB {
		return strings.Compare(x, y)
	}
	return 0
}

// service answers calls by a script: for each action its lines in order, the
// last one for ever. A line is "action {json}" or "action !class message", a
// second "!" meaning that the request was sent; "!class+40m message" asks not to
// come back before. The class auth means that the connection svc must be
// connected. With "~40m" before it the answer takes that long.
type service struct {
	answers string
	takes   time.Duration // from a request to its answer

	mu   sync.Mutex
	used map[string]int
	log  []string
}

func (s *service) call(_ context.Context, c run.Call) (any, *journal.Exchange, error) {
	time.Sleep(s.takes)
	line := s.next(c)
	if slow, ok := strings.CutPrefix(line, "~"); ok {
		took, rest, _ := strings.Cut(slow, " ")
		d, err := time.ParseDuration(took)
		if err != nil {
			return nil, nil, err
		}
		time.Sleep(d)
		line = rest
	}
	return answer(line)
}

// next writes a call down and returns the line that answers it.
func (s *service) next(c run.Call) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	input, _ := value.Encode(c.Input)
	line := c.Action.Name + " " + string(input)
	if c.Key != "" {
		line += " key " + c.Key
	}
	s.log = append(s.log, line)
	var lines []string
	for l := range strings.Lines(s.answers) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), c.Action.Name+" "); ok {
			lines = append(lines, rest)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	if s.used == nil {
		s.used = map[string]int{}
	}
	n := min(s.used[c.Action.Name], len(lines)-1)
	s.used[c.Action.Name]++
	return lines[n]
}

func answer(line string) (any, *journal.Exchange, error) {
	if line == "" {
		return nil, nil, nil
	}
	if failure, failed := strings.CutPrefix(line, "!"); failed {
		text, sent := strings.CutPrefix(failure, "!")
		class, message, _ := strings.Cut(text, " ")
		f := &value.Failure{Message: message, Unsettled: sent}
		class, later, limited := strings.Cut(class, "+")
		if limited {
			pause, err := time.ParseDuration(later)
			if err != nil {
				return nil, nil, err
			}
			f.NotBefore = time.Now().Add(pause)
		}
		if f.Class = value.Class(class); f.Class == value.ClassAuth {
			f.Reconnect = "svc"
		}
		return nil, nil, f
	}
	var v any
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		return nil, nil, err
	}
	out, err := value.Normalize(v)
	return out, nil, err
}

// TestRateLimit lets a step meet more rate limits than it has tries, with
// waits that are rows: none of them uses up a try, nor the time of the run.
func TestRateLimit(t *testing.T) {
	parts := map[string]string{
		"main.yaml": `flow: 1
name: Limits
triggers:
  - on_demand: {}
limits: { run_time: 10s }
steps:
  - action: svc.send
    retry: { max: 1, wait: 20s, backoff: fixed }
    with: { text: hello }
  - set: { sent: true }
`,
		"answers": `send !rate_limit slow down
send !rate_limit slow down
send !rate_limit slow down
send !transient busy
send {"id": "m1"}
`,
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, parts)
		b.start(t, "")
		r, err := b.store.RunByID(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != journal.Succeeded || len(b.service.log) != 5 {
			t.Errorf("run = %s %s after %d requests, want succeeded after 5", r.Status, r.Reason, len(b.service.log))
		}
	})
}
