package expr

import (
	"testing"

	"patchbay/engine/value"
)

// TestAssume checks what an expression may say after a condition, as a step may
// after its `if`, or after an earlier stop.
func TestAssume(t *testing.T) {
	for _, test := range []struct {
		condition string
		holds     bool
		src, want string
	}{
		{`steps.contact != nil`, true, `steps.contact.id`, "string"},
		{`steps.contact != nil`, false, `steps.contact.id`, "steps.contact may be missing"},
		{`steps.contact == nil`, false, `steps.contact.id`, "string"},
		{`steps.contact == nil`, true, `steps.contact.id`, "steps.contact may be missing"},
		{`steps.contact != nil and len(steps.page.tags) > 0`, true, `steps.contact.id`, "string"},
		{`steps.contact == nil or len(steps.page.tags) == 0`, false, `steps.contact.id`, "string"},
		{`steps.contact == nil or len(steps.page.tags) == 0`, true, `steps.contact.id`, "steps.contact may be missing"},
		{`steps.contact != nil or steps.page.note != nil`, true, `steps.contact.id`, "steps.contact may be missing"},
		{`not (steps.contact == nil)`, true, `steps.contact.id`, "string"},
		{`steps.contact?.email != nil`, true, `steps.contact.email`, "string"},
		{`steps.page.metadata?.email != nil`, true, `steps.page.metadata.email`, "string"},
		{`steps.page.metadata?.email != nil`, true, `steps.page.metadata["email"]`, "string"},
		{`steps.page.metadata?.email != nil`, true, `steps.page.metadata.phone`, "string, may be missing"},
		{`steps.page.metadata?.ok == "yes"`, true, `steps.page.metadata.ok`, "string"},
		{`steps.page.metadata?.ok != "yes"`, true, `steps.page.metadata.ok`, "steps.page.metadata may be missing"},
		{`steps.page.metadata?.ok != "yes"`, false, `steps.page.metadata.ok`, "string"},
		{`(steps.page.note ?? "") != ""`, true, `upper(steps.page.note)`, "string"},
		{`(steps.page.note ?? "") == ""`, true, `upper(steps.page.note)`, "steps.page.note may be missing"},
		{`(steps.page.note ?? "") == ""`, false, `upper(steps.page.note)`, "string"},
		{`(steps.page.note ?? "x") != ""`, true, `upper(steps.page.note)`, "steps.page.note may be missing"},
		{`steps.page.note in ["a", nil]`, true, `upper(steps.page.note)`, "steps.page.note may be missing"},
		{`len(steps.list) > 0`, true, `first(steps.list).id`, "string"},
		{`len(steps.list) >= 0`, true, `first(steps.list).id`, "first(steps.list) may be missing"},
		{`len(steps.list) < 1`, false, `last(steps.list).id`, "string"},
		{`first(steps.list) != nil`, true, `first(steps.list).id`, "string"},
		{`trigger.id == "paid"`, true, `event.amount`, "number"},
		{`trigger.id == "paid"`, false, `event.name`, "string"},
		{`"paid" == trigger.id`, true, `event.name`, `"name" is not a field of qonto.Payment`},
		{`trigger.id == "signed"`, true, `event.name`, "string"},
		{`trigger.id != "paid"`, false, `event.amount`, "number"},
	} {
		condition, problems := Compile(test.condition, testScope(), value.Of(value.Boolean))
		if condition == nil {
			t.Errorf("Compile(%q) = %v, want no problems", test.condition, problems)
			continue
		}
		scope := testScope().Assume(condition, test.holds)
		code, problems := Compile(test.src, scope, nil)
		var got string
		if code != nil {
			got = code.Type().String()
		} else {
			got = problems[0].Message
		}
		if got != test.want {
			t.Errorf("%q after %q was %v: %s, want %s", test.src, test.condition, test.holds, got, test.want)
		}
	}
}

func TestScopeIsNotChanged(t *testing.T) {
	base := testScope()
	condition, _ := Compile(`steps.contact != nil`, base, nil)
	narrow := base.Assume(condition, true)
	item := narrow.With(field("item", value.Of(value.String)))
	other := narrow.With(field("steps", object("", field("contact", object("ghl.Contact", field("id", value.Of(value.String))).AsOptional()))))

	message := func(s *Scope, src string) string {
		t.Helper()
		code, problems := Compile(src, s, nil)
		if code != nil {
			return code.Type().String()
		}
		return problems[0].Message
	}
	for _, test := range []struct {
		name  string
		scope *Scope
		src   string
		want  string
	}{
		{"base", base, `steps.contact.id`, "steps.contact may be missing"},
		{"narrow", narrow, `steps.contact.id`, "string"},
		{"narrow", narrow, `item`, "item exists only inside for_each"},
		{"item", item, `steps.contact.id + item`, "string"},
		{"other", other, `steps.contact.id`, "steps.contact may be missing"},
		{"none", nil, `steps`, `"steps" is not known here`},
		{"assumes nothing", base.Assume(nil, true), `steps.contact.id`, "steps.contact may be missing"},
	} {
		if got := message(test.scope, test.src); got != test.want {
			t.Errorf("%s: %q = %s, want %s", test.name, test.src, got, test.want)
		}
	}
}
