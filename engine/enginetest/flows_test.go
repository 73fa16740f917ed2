package enginetest_test

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/journal"
	"patchbay/flows"
)

// played are the options of an engine over the shipped flows, in the sandbox.
func played(t testing.TB) engine.Options {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "flows"), flows.Files); err != nil {
		t.Fatal(err)
	}
	opt := options(dir, t.Output())
	opt.Sandbox = true
	return opt
}

// shipped are the ids of the flows that come with the program.
func shipped(t *testing.T) []string {
	t.Helper()
	files, err := fs.Glob(flows.Files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, name := range files {
		text, err := fs.ReadFile(flows.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(text, []byte("flow: 1\n")) {
			ids = append(ids, strings.TrimSuffix(name, ".yaml"))
		}
	}
	slices.Sort(ids)
	return ids
}

// TestShippedFlows runs every shipped flow in the sandbox from each of its
// triggers: by the examples that are played at the start where a service
// delivers, else as if its time had come.
func TestShippedFlows(t *testing.T) {
	c := serve(t, played(t))
	var live []console.Flow
	c.api(http.MethodGet, "/flows", nil, &live)
	var ids []string
	for _, f := range live {
		ids = append(ids, f.ID)
	}
	if diff := cmp.Diff(shipped(t), ids); diff != "" {
		t.Errorf("live flows (-want +got):\n%s", diff)
	}
	for _, f := range live {
		for _, trigger := range f.Triggers {
			run := runBy(c, f, trigger)
			if run.Status != journal.Succeeded {
				t.Errorf("run of %s by %s = %s: %s\n%s", f.ID, trigger.ID, run.Status, run.Reason, trace(run))
			}
		}
	}
}

// runBy returns the ended run that a trigger of a flow has started, or starts
// now where no service delivers for it.
func runBy(c *client, f console.Flow, trigger console.FlowTrigger) console.Run {
	c.t.Helper()
	if trigger.Kind == "webhook" {
		return c.ended("the run of "+f.ID+" by "+trigger.ID, func(r console.Run) bool { return r.Flow == f.ID && r.Trigger == trigger.ID })
	}
	var started console.StartAnswer
	if code := c.api(http.MethodPost, "/flows/"+f.ID+"/runs", console.StartRequest{Trigger: trigger.ID}, &started); code != http.StatusAccepted {
		c.t.Fatalf("start %s by %s: status %d", f.ID, trigger.ID, code)
	}
	return c.atRest(started.Run)
}
