package trigger_test

import (
	"context"
	"iter"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
)

// transaction returns one as qonto.list_transactions brings it.
func transaction(id, updated string) map[string]any {
	return map[string]any{
		"id": id, "transaction_id": "t-" + id, "side": "credit", "status": "completed", "operation_type": "income",
		"amount": 4800, "currency": "EUR", "label": "Marlow Ceramics", "emitted_at": "2026-11-21T14:04:00.000Z",
		"updated_at": updated, "bank_account_id": "acc", "reference": nil, "label_ids": []any{}, "attachment_ids": []any{},
	}
}

// TestCatchUp: what a delivery brought is known to the look behind it, and the
// other way round; a change that neither brought yet starts a run.
func TestCatchUp(t *testing.T) {
	h := newHooks(t, func(o *trigger.HookOptions) {
		o.Signing = func(*program.Connection) []string { return []string{"another-secret", "subscribed-secret"} }
	})
	var items []any
	var asked map[string]any
	polls := trigger.NewPolls(trigger.PollOptions{
		Intake: h.intake(),
		List: func(_ context.Context, _ *program.Action, _ *program.Connection, input map[string]any) iter.Seq2[[]any, error] {
			asked = input
			return func(yield func([]any, error) bool) { yield(items, nil) }
		},
	})
	look := func(all ...any) {
		t.Helper()
		items = all
		if err := polls.PollNow(t.Context(), "paid", "transaction"); err != nil {
			t.Fatal(err)
		}
	}
	body, err := os.ReadFile("../../connectors/qonto/fixtures/event_transaction.json")
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(secret string) int {
		t.Helper()
		seconds := strconv.FormatInt(time.Now().Unix(), 10)
		status, _ := h.post(t, "/hooks/qonto/r4nd0m-5", string(body), "X-Qonto-Signature: t="+seconds+",v1="+signHex(secret, seconds+"."+string(body)))
		return status
	}
	const delivered, before = "9c1d4e77-1b7e-4c1f-8f2e-0f4d5f0a2001", "2026-11-21T13:00:00.000Z"

	look(transaction("known", before))
	if got := h.take(); got != nil {
		t.Errorf("the first look starts %d runs, want none", len(got))
	}
	if status := deliver("forged"); status != 401 {
		t.Errorf("a forged delivery is answered %d, want 401", status)
	}
	if status := deliver("subscribed-secret"); status != 200 || len(h.take()) != 1 {
		t.Errorf("a delivery is answered %d, want 200 and a run", status)
	}
	look(transaction("known", before), transaction(delivered, "2026-11-21T15:05:10+01:00"))
	if got := h.take(); got != nil {
		t.Errorf("a look that finds what was delivered starts %d runs, want none", len(got))
	}
	look(transaction("known", "2026-11-21T16:00:00.000Z"), transaction("missed", "2026-11-21T17:00:00.000Z"), transaction(delivered, "2026-11-21T14:05:10.000Z"))
	var got []string
	for _, a := range h.take() {
		id, _ := value.Get(a.Event, []string{"id"})
		got = append(got, id.(string)+" "+a.EventID)
	}
	if diff := cmp.Diff([]string{"known known@2026-11-21T16:00:00Z", "missed missed@2026-11-21T17:00:00Z"}, got); diff != "" {
		t.Errorf("what was missed (-want +got):\n%s", diff)
	}
	if got := asked["updated_at_from"]; got != "2026-11-21T14:05:10.000Z" && got != "2026-11-21T15:05:10+01:00" {
		t.Errorf("asked for what changed since %v, want the last change seen before", got)
	}
}
