package trigger_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/store"
	"patchbay/engine/trigger"
)

// What a poll has seen outlives the process.
func TestPollAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	s := newStall(shop(t, program.Options{}, map[string]string{"flow": flowFile("trigger: shop.order_changed", "")}))
	life := func(want ...string) {
		t.Helper()
		disk, err := store.Open(t.Context(), dir, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- disk.Run(ctx) }()
		defer func() {
			stop()
			if err := <-done; err != nil {
				t.Errorf("Run of the store = %v, want nil", err)
			}
			if err := disk.Close(); err != nil {
				t.Errorf("Close of the store = %v, want nil", err)
			}
		}()
		intake := trigger.Intake{Live: s.set.Load, Accept: disk.Accept, Cursor: disk.Cursor}
		poll(t, trigger.NewPolls(trigger.PollOptions{Intake: intake, List: s.list}), "order_changed")
		runs, err := disk.Runs(t.Context(), journal.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range runs {
			got = append(got, r.EventID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("runs, the newest first (-want +got):\n%s", diff)
		}
	}
	s.stock("1 new 01")
	life()
	s.stock("1 new 01", "2 new 02")
	life("2@2000-01-01T00:02:00Z")
	s.stock("1 paid 03", "2 new 02")
	life("1@2000-01-01T00:03:00Z", "2@2000-01-01T00:02:00Z")
	life("1@2000-01-01T00:03:00Z", "2@2000-01-01T00:02:00Z")
	since := []any{nil, "2000-01-01T00:01:00Z", "2000-01-01T00:02:00Z", "2000-01-01T00:03:00Z"}
	for i, asked := range s.calls() {
		if asked["since"] != since[i] {
			t.Errorf("look %d asked for what changed since %v, want %v", i+1, asked["since"], since[i])
		}
	}
}
