package program

import (
	"fmt"
	"testing"
)

func TestOperationsHint(t *testing.T) {
	few := []string{"ghl.hello", "ghl.contacts.get", "ghl.notes.get"}
	many := []string{"ghl.hello", "ghl.contacts.get", "ghl.contacts.list"}
	for i := range shown {
		many = append(many, fmt.Sprintf("ghl.notes.get_%d", i))
	}
	for _, test := range []struct {
		got   string
		names []string
		want  string
	}{
		{"ghl.contacts.gt", nil, "there are no actions here"},
		{"ghl.contacts.gt", few, "actions: ghl.hello, ghl.contacts.get, ghl.notes.get"},
		{"ghl.contacts.gt", many, "actions: ghl.contacts.get, ghl.contacts.list"},
		{"ghl.helo", many, "actions: ghl.hello"},
		{"ghl.contact.get", many, "actions: ghl.…, ghl.contacts.…, ghl.notes.…"},
	} {
		if got := operationsHint("action", test.got, test.names); got != test.want {
			t.Errorf("operationsHint(%s) of %d names = %q, want %q", test.got, len(test.names), got, test.want)
		}
	}
}
