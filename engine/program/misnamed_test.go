package program

import (
	"fmt"
	"testing"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

func TestMisnamedOperation(t *testing.T) {
	few := []string{"ghl.hello", "ghl.contacts.get", "ghl.notes.get"}
	many := []string{"ghl.hello", "ghl.contacts.get", "ghl.contacts.list", "ghl.notes.add_tag"}
	for i := range 30 {
		many = append(many, fmt.Sprintf("ghl.notes.get_%d", i))
	}
	for _, test := range []struct {
		got            string
		names          []string
		what, hint, to string // to is the fix
	}{
		{"ghl.contacts.gt", nil, "is not an action of GHL", "there are no actions here", ""},
		{"ghl.contacts.gt", few, "is not an action of GHL", "actions: ghl.hello, ghl.contacts.get, ghl.notes.get", "ghl.contacts.get"},
		{"ghl.contacts.fetch", many, "is not an action of GHL", "actions: ghl.contacts.get, ghl.contacts.list", ""},
		{"ghl.add_tag", many, "is not an action of GHL", "", "ghl.notes.add_tag"},
		{
			"ghl.contact.lists", many, "is not an action of GHL",
			"actions: ghl.contacts.get, ghl.contacts.list, ghl.notes.get_0, ghl.notes.get_1, ghl.notes.get_2, ghl.notes.get_3, ghl.notes.get_4, ghl.notes.get_5 and 26 more",
			"ghl.contacts.list",
		},
		{"ghl.contacts", many, "is a group of actions, and an action of it is wanted here", "actions: ghl.contacts.get, ghl.contacts.list", ""},
		{"ghl", few, "is a connector, and an action of it is wanted here", "actions: ghl.hello, ghl.contacts.get, ghl.notes.get", ""},
	} {
		use := &Use{Role: "ghl", Connector: &Connector{ID: "ghl", Name: "GHL"}}
		f := misnamedOperation(spec.Text{Value: test.got, Pos: diag.Pos{Line: 1, Column: 1}}, "F242", "action", use, test.names)
		to := ""
		if f.Fix != nil {
			to = f.Fix.Label
		}
		if want := fmt.Sprintf("%q %s", test.got, test.what); f.Message != want || f.Hint != test.hint || to != test.to {
			t.Errorf("misnamedOperation(%s) of %d names = %q, %q, fix %q, want %q, %q, fix %q",
				test.got, len(test.names), f.Message, f.Hint, to, want, test.hint, test.to)
		}
	}
}
