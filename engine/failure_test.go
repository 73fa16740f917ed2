package engine_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// TestFlowFailed has a flow fail at a played service: the flow that watches
// tells Slack, once for each failure, whatever is restarted between.
func TestFlowFailed(t *testing.T) {
	s := &served{t: t, dir: t.TempDir()}
	for name, text := range map[string]string{
		"page": `flow: 1
name: A page
triggers:
  - on_demand: {}
steps:
  - id: page
    action: qwilr.get_page
    with: { pageId: nowhere }
`,
		"alert": `flow: 1
triggers:
  - flow_failed: "*"
steps:
  - id: post
    action: slack.post_message
    with:
      channel: "#ops"
      text: ${{ event.name ?? event.flow }} ${{ event.status }} at ${{ event.step ?? "" }} of run ${{ event.run }}, ${{ event.class }}
output: ${{ steps.post.text }}
`,
	} {
		file := filepath.Join(s.dir, "flows", name+".yaml")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for round := range 3 {
		s.start(t)
		var started console.StartAnswer
		if code := s.api(http.MethodPost, "/flows/page/runs", console.StartRequest{}, &started); code != http.StatusAccepted {
			t.Fatalf("round %d: start: status %d", round, code)
		}
		s.ended(t, func(r console.Run) bool { return r.Flow == "alert" && r.ID > started.Run })
		want = append(want, fmt.Sprintf("A page failed at page of run %d, not_found", started.Run))
		s.stop()
	}

	s.start(t)
	var runs []console.Run
	s.api(http.MethodGet, "/runs?flow=alert", nil, &runs)
	var got []string
	for _, r := range runs {
		run := s.ended(t, func(other console.Run) bool { return other.ID == r.ID })
		if run.Status != journal.Succeeded {
			t.Errorf("run %d is %s: %s\n%s", run.ID, run.Status, run.Reason, trace(run))
		}
		got = append([]string{fmt.Sprint(run.Output)}, got...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Slack was told (-want +got):\n%s", diff)
	}
	var flow console.Flow
	s.api(http.MethodGet, "/flows/alert", nil, &flow)
	if diff := cmp.Diff([]console.FlowTrigger{{ID: "flow_failed", Kind: "flow_failed", When: "another flow fails"}}, flow.Triggers); diff != "" {
		t.Errorf("triggers (-want +got):\n%s", diff)
	}
	// By hand, a failure is made up.
	var started console.StartAnswer
	s.api(http.MethodPost, "/flows/alert/runs", console.StartRequest{}, &started)
	run := s.ended(t, func(r console.Run) bool { return r.ID == started.Run })
	if want := "example failed at  of run 0, unknown"; run.Output != want {
		t.Errorf("run by hand = %v, want %q\n%s", run.Output, want, trace(run))
	}
}
