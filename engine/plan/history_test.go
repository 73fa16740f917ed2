package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/plan"
	"patchbay/engine/value"
)

func TestHistoryAdd(t *testing.T) {
	failed := func(step, action string) *value.Failure { return &value.Failure{Step: step, Action: action} }
	var h plan.History
	h.Add([]journal.Event{
		{Kind: journal.Began},
		{Kind: journal.Done, Path: "orders", Action: "shop.list_orders", Request: &journal.Exchange{Pages: 3}},
		{Kind: journal.Intent, Path: "each[0].tag", Action: "shop.tag_order"},
		{Kind: journal.Done, Path: "each[0].tag", Action: "shop.tag_order", Request: &journal.Exchange{}},
		{Kind: journal.Tried, Path: "each[1].tag", Action: "shop.tag_order", Failure: failed("each[1].tag", "shop.tag_order")},
		{Kind: journal.Failed, Path: "each[1].tag", Failure: failed("each[1].tag", "shop.tag_order")},
		{Kind: journal.Caught, Path: "each[1]", Failure: failed("each[1].tag", "shop.tag_order")},
		{Kind: journal.Skipped, Path: "each[2].tag"},
		{Kind: journal.Done, Path: "each[2].inner[0].note", Action: "shop.send_note"},
		{Kind: journal.Done, Path: "each[2].inner[1].note", Action: "shop.send_note"},
		{Kind: journal.Done, Path: "each"},
		{Kind: journal.Done, Path: "other/send", Action: "shop.send_note"},
		{Kind: journal.Ended, Status: journal.PartlyFailed},
	})
	h.Add([]journal.Event{{Kind: journal.Began}, {Kind: journal.Ended, Status: journal.SkippedStatus}})
	want := plan.History{
		Sampled: 2,
		Calls: map[string]plan.Measure{
			"orders":          {Action: "shop.list_orders", Calls: 3},
			"each.tag":        {Action: "shop.tag_order", Calls: 3},
			"each.inner.note": {Action: "shop.send_note", Calls: 2},
			"other/send":      {Action: "shop.send_note", Calls: 1},
		},
		Turns: map[string]int{"each": 3, "each.inner": 2},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("History (-want +got):\n%s", diff)
	}
}
