package enginetest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/edit"
	"patchbay/engine/journal"
)

// shelf is a service with a list, to which things may be told. A thing of the
// name "bad" is refused.
type shelf struct {
	url string

	mu    sync.Mutex
	items []string
	told  []string
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{items: []string{"first"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		list := []map[string]any{}
		for _, id := range s.items {
			list = append(list, map[string]any{"id": id})
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	mux.HandleFunc("POST /told/{text}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		text := r.PathValue("text")
		if strings.HasSuffix(text, "-bad") {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		s.told = append(s.told, text)
		_, _ = w.Write([]byte("{}"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *shelf) put(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = append(s.items, id)
}

func (s *shelf) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.told...)
}

// shelfFiles are a connector of the workspace with a poll and a webhook, and
// flows that use it in each way that has a state: a poll, a wait for an event
// in a flow that another one calls, and a watch for failures.
var shelfFiles = map[string]string{
	"connectors/shelf/connector.yaml": `connector: 1
id: shelf
name: Shelf
api: { base_url: https://shelf.example.com }
connection:
  auth: { key: { type: bearer, fields: { token: { type: secret } } } }
types: { Item: { id: { type: string } } }
actions:
  list: { effect: read, request: GET /items, output: { list: Item, at: body } }
  tell: { effect: send, repeat: unsafe, request: "POST /told/{text}", input: { text: { type: string } } }
triggers:
  added: { type: poll, action: list, every: 1s, item_id: item.id }
  called: { type: webhook, output: { one: any, at: body } }
webhooks: { subscribe: in_vendor_console, event_id: body.id, verify: [{ type: none }] }
`,
	"flows/poll.yaml": `flow: 1
triggers: [{ trigger: shelf.added }]
steps:
  - action: shelf.tell
    with: { text: "poll-${{ event.id }}" }
`,
	"flows/wait.yaml": `flow: 1
triggers: [{ on_demand: {} }]
steps:
  - wait_for: { trigger: shelf.called, match: arriving.id == "go", timeout: 1h }
  - action: shelf.tell
    with: { text: waited }
`,
	"flows/caller.yaml": `flow: 1
triggers: [{ on_demand: {} }]
mode: queued
steps:
  - call: wait
  - action: shelf.tell
    with: { text: "called-by-${{ flow.id }}" }
`,
	"flows/watch.yaml": `flow: 1
triggers: [{ flow_failed: poll }]
steps:
  - action: shelf.tell
    with: { text: "${{ event.flow }}-failed" }
`,
}

// TestRenameFollows renames all there is while a poll has begun, a run waits
// for an event and others stand behind it: nothing is missed, nothing comes
// twice, and what waited goes on.
func TestRenameFollows(t *testing.T) {
	s := newShelf(t)
	dir := t.TempDir()
	for name, text := range shelfFiles {
		write(t, dir, name, text)
	}
	write(t, dir, "flows/connections.yaml", "connections: 1\nshelf: { connector: shelf, auth: key, base_url: "+s.url+", token: \"${{ env.LEDGER_TOKEN }}\" }\n")
	c := serve(t, options(dir, t.Output()))
	address := c.hook("shelf")
	looked := func(flow string) {
		t.Helper()
		if code := c.api(http.MethodPost, "/flows/"+flow+"/triggers/added/look", struct{}{}, nil); code != http.StatusOK {
			t.Fatalf("look for %s: status %d", flow, code)
		}
	}
	looked("poll") // what is there is not news
	first, second := c.start("caller"), c.start("caller")
	await(t, "the first run waits", func() bool { return c.run(first).Status == journal.WaitingStatus })

	for _, r := range []console.RenameRequest{
		{Kind: "connector", From: "shelf", To: "board"},
		{Kind: "connection", From: "shelf", To: "hall"},
		{Kind: "flow", From: "poll", To: "look"},
		{Kind: "flow", From: "wait", To: "linger"},
		{Kind: "flow", From: "caller", To: "asker"},
		{Kind: "connector", From: "board", To: "rack"},
	} {
		var told console.Error
		if code := c.api(http.MethodPost, "/rename", r, &told); code != http.StatusOK {
			t.Fatalf("rename %+v: %d, %+v", r, code, told)
		}
	}
	for r, want := range map[console.RenameRequest]console.Error{
		{Kind: "flows", From: "look", To: "see"}:                 {Error: `kind cannot be "flows"`, Hint: `did you mean "flow"?`},
		{Kind: "flow", From: "loook", To: "see"}:                 {Error: `there is no flow "loook"`, Hint: `did you mean "look"?`},
		{Kind: "flow", From: "look", To: "linger", DryRun: true}: {Error: `there is a flow "linger" already`, Hint: "choose another name"},
	} {
		var got console.Error
		if code := c.api(http.MethodPost, "/rename", r, &got); code != http.StatusUnprocessableEntity || got != want {
			t.Errorf("rename %+v = %d, %+v, want %+v", r, code, got, want)
		}
	}
	if got := c.hook("hall"); got != address {
		t.Errorf("the address of the connection = %s, want %s", got, address)
	}
	s.put("bad")
	s.put("second")
	looked("look")
	await(t, "the poll and the watch have told", func() bool { return len(s.heard()) >= 2 })
	if code, _, err := post(t.Context(), delivery{url: address, body: `{"id": "go"}`}); code != http.StatusOK {
		t.Fatalf("deliver = %d, %v", code, err)
	}
	if run := c.atRest(first); run.Status != journal.Succeeded || run.Flow != "asker" {
		t.Errorf("the run that waited is of %s and %s: %s\n%s", run.Flow, run.Status, run.Reason, trace(run))
	}
	await(t, "the second run waits", func() bool { return c.run(second).Status == journal.WaitingStatus })
	c.stop()

	// A new start knows the versions of before, and goes on.
	c = serve(t, options(dir, t.Output()))
	looked("look")
	run := c.run(second)
	if run.Flow != "asker" || run.Status != journal.WaitingStatus {
		t.Errorf("the second run is of %s and %s", run.Flow, run.Status)
	}
	if code := c.api(http.MethodPost, fmt.Sprintf("/runs/%d/cancel", second), struct{}{}, nil); code != http.StatusOK {
		t.Errorf("cancel: status %d", code)
	}
	want := []string{"look-failed", "poll-second", "waited", "called-by-asker"}
	got := s.heard()
	if len(got) > 1 && got[0] == want[1] {
		got[0], got[1] = got[1], got[0] // either may be first
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	var flows []console.Flow
	c.api(http.MethodGet, "/flows", nil, &flows)
	counts := map[string]map[journal.Status]int{}
	for _, f := range flows {
		counts[f.ID] = f.Runs
	}
	wantCounts := map[string]map[journal.Status]int{
		"look": {journal.Succeeded: 1, journal.FailedStatus: 1}, "watch": {journal.Succeeded: 1}, "linger": {},
		"asker": {journal.Succeeded: 1, journal.Cancelled: 1},
	}
	if diff := cmp.Diff(wantCounts, counts); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	c.stop()
	if _, err := os.Stat(dir + "/connectors/rack/connector.yaml"); err != nil {
		t.Error(err)
	}
}

// TestRenameOfTwoFolders: the data folder for runs and the one of the sandbox
// belong to the same files. What is renamed in one follows in the other, and
// cannot be while that is in use.
func TestRenameOfTwoFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "flows/hello.yaml", "flow: 1\ntriggers: [{ on_demand: {} }]\nsteps: [{ stop: Hello. }]\n")
	played := options(dir, t.Output())
	played.Sandbox = true
	c := serve(t, played)
	c.atRest(c.start("hello"))
	rename := func(from, to string) error {
		t.Helper()
		e, err := engine.Open(t.Context(), options(dir, t.Output()))
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Rename(t.Context(), console.RenameRequest{Kind: "flow", From: from, To: to})
		return err
	}
	var refused *edit.RefusedError
	const want = "the data folder .patchbay/sandbox of the same workspace is in use by another patchbay, and would keep the old name"
	if err := rename("hello", "hi"); !errors.As(err, &refused) || refused.Reason != want {
		t.Errorf("Rename while the sandbox is in use = %v, want %s", err, want)
	}
	c.stop()
	for _, to := range []string{"hi", "hello", "hey"} {
		if err := rename(map[string]string{"hi": "hello", "hello": "hi", "hey": "hello"}[to], to); err != nil {
			t.Fatal(err)
		}
	}
	// Whatever the files say by now is not changed once more.
	if err := os.Rename(dir+"/flows/hey.yaml", dir+"/flows/hello.yaml"); err != nil {
		t.Fatal(err)
	}
	c = serve(t, played)
	var runs []console.Run
	c.api(http.MethodGet, "/runs", nil, &runs)
	if len(runs) != 1 || runs[0].Flow != "hey" {
		t.Errorf("runs = %+v, want one of hey", runs)
	}
	var flows []console.Flow
	c.api(http.MethodGet, "/flows", nil, &flows)
	if len(flows) != 1 || flows[0].ID != "hello" {
		t.Errorf("flows = %+v, want hello", flows)
	}
}
