package enginetest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// TestFlowFailed has a flow fail at a played service: the flow that watches
// tells Slack, once for each failure, whatever is restarted between.
func TestFlowFailed(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"page": `flow: 1
name: A page
triggers:
  - on_demand: {}
steps:
  - id: page
    action: qwilr.get_page
    with: { pageId: 6ee0f841f3cc8900090dffff }
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
		write(t, dir, "flows/"+name+".yaml", text)
	}
	opt := options(dir, t.Output())
	opt.Sandbox = true
	var want []string
	for range 3 {
		c := serve(t, opt)
		started := c.start("page")
		c.ended("the run of alert", func(r console.Run) bool { return r.Flow == "alert" && r.ID > started })
		want = append(want, fmt.Sprintf("A page failed at page of run %d, not_found", started))
		c.stop()
	}

	c := serve(t, opt)
	var runs []console.Run
	c.api(http.MethodGet, "/runs?flow=alert", nil, &runs)
	var got []string
	for _, r := range runs {
		run := c.atRest(r.ID)
		if run.Status != journal.Succeeded {
			t.Errorf("run %d is %s: %s\n%s", run.ID, run.Status, run.Reason, trace(run))
		}
		got = append([]string{fmt.Sprint(run.Output)}, got...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Slack was told (-want +got):\n%s", diff)
	}
	var flow console.Flow
	c.api(http.MethodGet, "/flows/alert", nil, &flow)
	if diff := cmp.Diff([]console.FlowTrigger{{ID: "flow_failed", Kind: "flow_failed", When: "another flow fails"}}, flow.Triggers); diff != "" {
		t.Errorf("triggers (-want +got):\n%s", diff)
	}
	// By hand, a failure is made up.
	run := c.atRest(c.start("alert"))
	if want := "example failed at  of run 0, unknown"; run.Output != want {
		t.Errorf("run by hand = %v, want %q\n%s", run.Output, want, trace(run))
	}
}
