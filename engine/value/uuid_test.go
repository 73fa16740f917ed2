package value

import "testing"

func TestUUID(t *testing.T) {
	for seed, want := range map[string]string{
		"":        "e3b0c442-98fc-4c14-9afb-f4c8996fb924",
		"a/1/pay": "a8110401-4ad3-4844-9cca-756af31019cb",
	} {
		if got := UUID(seed); got != want {
			t.Errorf("UUID(%q) = %s, want %s", seed, got, want)
		}
	}
}
