package enginetest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// versioned is a flow that waits and then tells which version it is.
func versioned(version, more string) string {
	return `flow: 1
name: Versioned
triggers:
  - trigger: ledger.placed
steps:
  - id: before
    set: { version: ` + version + ` }
  - wait: 2s
` + more + `output:
  began: ${{ steps.before.version }}
  ended: ` + version + `
`
}

// TestVersion edits a flow, and the connector it uses, while a run of it
// waits, and restarts the engine: the run finishes on the version it began
// with, and events that come later start the new one.
func TestVersion(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	dir := workspace(t, l.url)
	if err := os.Remove(filepath.Join(dir, "flows", "order.yaml")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "flows/versioned.yaml", versioned("old", "  - action: ledger.tell\n    with: { order: \"${{ event.order }}\" }\n"))
	c := serve(t, options(dir, t.Output()))
	deliver := func(id string) int64 {
		t.Helper()
		if code, text, err := post(t.Context(), placed(c.hook("ledger"), id, "order-"+id, lines)); code != http.StatusOK {
			t.Fatalf("deliver %s = %d %q, %v, want 200", id, code, text, err)
		}
		var runs []console.Run
		c.api(http.MethodGet, "/runs?limit=1", nil, &runs)
		if len(runs) != 1 || runs[0].EventID != id {
			t.Fatalf("newest run = %v, want that of %s", runs, id)
		}
		return runs[0].ID
	}
	live := func() string {
		var f console.Flow
		c.api(http.MethodGet, "/flows/versioned", nil, &f)
		return f.Hash
	}

	first := deliver("e1")
	await(t, "the first run waits", func() bool { return c.run(first).Status == journal.WaitingStatus })
	before := live()
	// The new version has no use for messages, and neither has the connector.
	write(t, dir, "flows/versioned.yaml", versioned("new", ""))
	await(t, "the edit is live", func() bool { return live() != before })
	withoutTell(t, dir)
	edited := live()
	await(t, "the edit of the connector is live", func() bool { return live() != edited })
	second := deliver("e2")
	c.stop()
	c = serve(t, options(dir, t.Output()))
	third := deliver("e3")

	for _, want := range []struct {
		run     int64
		version string
		told    int
	}{{first, "old", 1}, {second, "new", 0}, {third, "new", 0}} {
		run := c.atRest(want.run)
		out, _ := run.Output.(map[string]any)
		if run.Status != journal.Succeeded || out["began"] != want.version || out["ended"] != want.version {
			t.Errorf("run %d = %s %v, want succeeded as %s\n%s", run.ID, run.Status, run.Output, want.version, trace(run))
		}
		if got := l.told("order-" + run.EventID); got != want.told {
			t.Errorf("run %d: messages = %d, want %d", run.ID, got, want.told)
		}
	}
	if a, b := c.run(first).Definition, c.run(second).Definition; a == b {
		t.Errorf("both versions have the hash %s", a)
	}
}

// withoutTell removes the action `tell` from the connector of a workspace.
func withoutTell(t *testing.T, dir string) {
	t.Helper()
	const file = "connectors/ledger/connector.yaml"
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, file, cutBetween(t, string(text), "  tell:\n", "\ntriggers:\n"))
}
