package trigger_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/trigger"
)

// TestAddressesStay: what gets another name keeps its address, and what gets
// its old name has one of its own.
func TestAddressesStay(t *testing.T) {
	h := newHooks(t, func(opt *trigger.HookOptions) {
		for i, r := range []journal.Rename{
			{Kind: journal.ConnectionName, From: "bank", To: "qonto"},
			{Kind: journal.ConnectionName, From: "slack", To: "slack_deaf"},
			{Kind: journal.FlowName, From: "door", To: "gate"},
			{Kind: journal.FlowName, From: "gate", To: "open"},
			{Kind: journal.ConnectorName, From: "leads", To: "ghl"},
		} {
			r.ID = int64(i + 1)
			opt.Renames = append(opt.Renames, r)
		}
	})
	got := map[string]string{}
	for _, a := range h.handler.Addresses("https://hooks.example.com") {
		_, path, _ := strings.Cut(a.URL, "/hooks/")
		switch {
		case a.Connection != "":
			got[a.Connection] = path
		case a.Connector != "":
			got[a.Connector] = path
		default:
			got[a.Triggers[0]] = path
		}
		if status, _ := h.post(t, "/hooks/"+path, "["); status == 404 {
			t.Errorf("the address %s is answered 404", a.URL)
		}
	}
	want := map[string]string{
		"ghl": "leads", "qonto": "bank/r4nd0m-4", "qwilr": "qwilr/r4nd0m-5",
		"slack": "slack.2/r4nd0m-7", "slack_deaf": "slack/r4nd0m-5",
		"open/webhook": "flow/door/r4nd0m-17", "signed/webhook": "flow/signed/r4nd0m-19", "timed/webhook": "flow/timed/r4nd0m-18",
		"token/webhook": "flow/token/r4nd0m-18", "unset/webhook": "flow/unset/r4nd0m-18",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if status, _ := h.post(t, "/hooks/ghl", "["); status == 404 {
		t.Error("the address of the connector's own name is answered 404")
	}
	h.take()
	for _, path := range []string{"/hooks/qonto/r4nd0m-5", "/hooks/flow/open/r4nd0m-17", "/hooks/flow/gate/r4nd0m-17"} {
		if status, _ := h.post(t, path, "{}"); status != 404 {
			t.Errorf("%s is answered %d, want 404: it never was an address", path, status)
		}
	}
}
