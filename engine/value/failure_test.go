package value

import "testing"

func TestFailure(t *testing.T) {
	for _, test := range []struct {
		f    *Failure
		want string
	}{
		{Fail(ClassInvalid, "field %q is missing", "id"), `field "id" is missing (invalid)`},
		{&Failure{Class: ClassAuth, Action: "ghl.contacts.get", Message: "token refused"}, "ghl.contacts.get: token refused (auth)"},
	} {
		if got := test.f.Error(); got != test.want {
			t.Errorf("Error() = %q, want %q", got, test.want)
		}
	}
}
