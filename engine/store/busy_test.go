package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
)

func TestBusy(t *testing.T) {
	tests := []struct {
		busy journal.Busy
		most int
		want []string
	}{
		{journal.Wait, 2, []string{"queued ", "queued "}},
		{journal.Wait, 1, []string{"queued ", "skipped the queue of this flow is full: limits.queue is 1"}},
		{journal.Skip, 0, []string{"queued ", "skipped an earlier run of this flow was still at work"}},
		{journal.Cancel, 0, []string{"cancelled a newer event began the flow anew", "queued "}},
	}
	for _, test := range tests {
		s := open(t, t.TempDir())
		ctx := context.Background()
		for _, id := range []string{"a", "b"} {
			arrival := journal.Arrival{Flow: "f", Definition: "d", Trigger: "t", EventID: id, At: time.Now(), Queue: "q", Busy: test.busy, Most: test.most}
			if _, err := s.Accept(ctx, []journal.Arrival{arrival}, nil); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for id := int64(1); id <= 2; id++ {
			r, err := s.RunByID(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(r.Status)+" "+r.Reason)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("runs with Busy %q and Most %d (-want +got):\n%s", test.busy, test.most, diff)
		}
	}
}
