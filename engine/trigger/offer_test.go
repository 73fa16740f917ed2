package trigger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
)

// waits is a flow that a webhook never starts and whose step waits for one.
const waits = `flow: 1
use: { ghl: ghl_main }
triggers:
  - on_demand: {}
steps:
  - id: tagged
    wait_for: { trigger: ghl.contact_tags_changed, match: '"vip" in arriving.tags', timeout: 2d }
`

// TestDeliveryIsOffered offers a delivery to those that wait for it, beside the
// flows that it starts, in one go.
func TestDeliveryIsOffered(t *testing.T) {
	files := map[string]string{"flows/connections.yaml": hookConnections, "flows/waits.yaml": waits, "flows/tags.yaml": hookFlows["flows/tags.yaml"]}
	set := build(t, program.Options{}, []string{"ghl", "qonto", "qwilr", "slack"}, files)
	delete(files, "flows/waits.yaml")
	later := build(t, program.Options{}, []string{"ghl", "qonto", "qwilr", "slack"}, files)
	event := set.Flows["waits"].Awaiting()[0].WaitFor.Event
	var earlier []trigger.Awaited
	var broken error
	h := newHooks(t, func(o *trigger.HookOptions) {
		o.Awaited = func(context.Context) ([]trigger.Awaited, error) { return earlier, broken }
	})
	for _, test := range []struct {
		name    string
		live    *program.Set
		earlier []trigger.Awaited
		broken  error
		status  int
		want    []string
	}{
		{"a step of a live flow", set, nil, nil, 200, []string{"tags contact_tags_changed", " ghl.contact_tags_changed"}},
		{"a run of an earlier version", later, []trigger.Awaited{{Trigger: event, Connection: "ghl_main"}}, nil, 200, []string{"tags contact_tags_changed", " ghl.contact_tags_changed"}},
		{"both", set, []trigger.Awaited{{Trigger: event, Connection: "ghl_main"}}, nil, 200, []string{"tags contact_tags_changed", " ghl.contact_tags_changed"}},
		{"another connection", later, []trigger.Awaited{{Trigger: event, Connection: "ghl_other"}}, nil, 200, []string{"tags contact_tags_changed"}},
		{"nobody knows", later, nil, errors.New("the disk is gone"), 503, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.set.Store(test.live)
			h.forget()
			earlier, broken = test.earlier, test.broken
			body, signature := h.ghlDelivery(time.Now())
			if code, text := h.post(t, "/hooks/ghl", body, signature); code != test.status {
				t.Fatalf("deliver = %d %s, want %d", code, text, test.status)
			}
			var got []string
			for _, a := range h.take() {
				got = append(got, a.Flow+" "+a.Trigger)
				if a.EventID != "hook-1" || a.Connection != "ghl_main" || a.IsOffer() != (a.Flow == "") {
					t.Errorf("arrival = %+v", a)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("arrivals (-want +got):\n%s", diff)
			}
		})
	}
	h.set.Store(set)
	for _, a := range h.handler.Addresses("https://hooks.example.com") {
		if a.Connector == "ghl" {
			if diff := cmp.Diff([]string{"tags/contact_tags_changed", "waits/tagged"}, a.Triggers); diff != "" {
				t.Errorf("triggers at %s (-want +got):\n%s", a.URL, diff)
			}
		}
	}
}

// forget makes every event a new one.
func (w *workspace) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.seen)
	w.accepted = []journal.Arrival{}
}
