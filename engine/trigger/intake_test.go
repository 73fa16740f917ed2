package trigger_test

import (
	"testing"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

func TestQueue(t *testing.T) {
	event := map[string]any{"id": "p1", "tags": []any{"a", "b"}}
	tests := []struct {
		name, flow string
		arrival    journal.Arrival
		want, err  string
	}{
		{"parallel unless it says otherwise", "", journal.Arrival{Event: event}, "", ""},
		{"parallel, whatever queue_by", "queue_by: event.id\n", journal.Arrival{Event: event}, "", ""},
		{"one after the other", "mode: queued\n", journal.Arrival{Event: event}, "all", ""},
		{"by a text", "mode: queued\nqueue_by: event.id\n", journal.Arrival{Event: event}, `by "p1"`, ""},
		{"by a list", "mode: queued\nqueue_by: event.tags\n", journal.Arrival{Event: event}, `by ["a","b"]`, ""},
		{"by an input", "mode: queued\nqueue_by: inputs.n\n", journal.Arrival{Event: event, Inputs: map[string]any{"n": 2}}, "by 2", ""},
		{"by the default of an input", "mode: queued\nqueue_by: inputs.n\n", journal.Arrival{Event: event}, "by 1", ""},
		{"by a field of a connection", "mode: queued\nqueue_by: connection.shop.branch\n", journal.Arrival{Event: event}, `by "south"`, ""},
		{"by the trigger", "mode: queued\nqueue_by: trigger.id + trigger.time\n", journal.Arrival{Trigger: "webhook"}, `by "webhook2026-03-14T15:00:00Z"`, ""},
		{"by what is missing", "mode: queued\nqueue_by: event.id\n", journal.Arrival{Event: map[string]any{}}, "unknown", "event.id is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := shop(t, program.Options{}, map[string]string{
				"flow": flowFile("webhook: { verify: { type: none } }", "use: { shop: shop }\ninputs: { n: { type: integer, default: 1 } }\n"+tt.flow),
			})
			tt.arrival.At = time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
			got, err := newWorkspace(set).intake().Queue(t.Context(), set.Flows["flow"], &tt.arrival)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if got != tt.want || text != tt.err {
				t.Errorf("Queue = %q, %q, want %q, %q", got, text, tt.want, tt.err)
			}
		})
	}
}
