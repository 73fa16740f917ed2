package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

func TestDefinitions(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	if _, err := s.Definition(ctx, "h1"); !errors.Is(err, store.ErrNoDefinition) {
		t.Errorf("Definition = %v, want ErrNoDefinition", err)
	}
	for _, d := range []struct {
		hash, data, flow string
		publish          bool
	}{
		{"h1", "one", "f", true},
		{"h2", "two", "f", false},
		{"h3", "three", "g", true},
		{"h2", "two", "f", true},
		{"h4", "", "g", false},
	} {
		if err := s.SaveDefinition(ctx, d.hash, []byte(d.data), d.flow, d.publish); err != nil {
			t.Fatal(err)
		}
	}
	for hash, want := range map[string]string{"h1": "one", "h2": "two", "h4": ""} {
		if got, err := s.Definition(ctx, hash); string(got) != want || err != nil {
			t.Errorf("Definition(%s) = %q, %v, want %q", hash, got, err, want)
		}
	}
	published, err := s.Published(ctx)
	if diff := cmp.Diff(map[string]string{"f": "h2", "g": "h3"}, published); diff != "" || err != nil {
		t.Errorf("Published, %v (-want +got):\n%s", err, diff)
	}
	if err := s.Unpublish(ctx, "f"); err != nil {
		t.Fatal(err)
	}
	published, err = s.Published(ctx)
	if diff := cmp.Diff(map[string]string{"g": "h3"}, published); diff != "" || err != nil {
		t.Errorf("Published, %v (-want +got):\n%s", err, diff)
	}
}

func TestSealed(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	for _, p := range []struct{ kind, name, data string }{
		{"secret", "b", "1"}, {"secret", "a", "2"}, {"token", "a", "3"}, {"secret", "b", "4"}, {"secret", "", ""},
	} {
		if err := s.PutSealed(ctx, p.kind, p.name, []byte(p.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteSealed(ctx, "secret", "a"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		kind, name, want string
		found            bool
	}{
		{"secret", "b", "4", true}, {"secret", "a", "", false}, {"token", "a", "3", true}, {"secret", "", "", true},
	} {
		got, found, err := s.Sealed(ctx, test.kind, test.name)
		if string(got) != test.want || found != test.found || err != nil {
			t.Errorf("Sealed(%s, %s) = %q, %v, %v, want %q, %v", test.kind, test.name, got, found, err, test.want, test.found)
		}
	}
	if names, err := s.SealedNames(ctx, "secret"); !cmp.Equal(names, []string{"", "b"}) || err != nil {
		t.Errorf("SealedNames = %q, %v, want nothing and b", names, err)
	}
}

func TestRejections(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	for n := range 1003 {
		r := journal.Rejection{At: start.Add(time.Duration(n)), Address: "/hooks/ghl", Status: 401, Reason: fmt.Sprintf("number %d", n)}
		if err := s.Reject(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Rejections(ctx, 2)
	want := []journal.Rejection{
		{At: start.Add(1002), Address: "/hooks/ghl", Status: 401, Reason: "number 1002"},
		{At: start.Add(1001), Address: "/hooks/ghl", Status: 401, Reason: "number 1001"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Rejections, %v (-want +got):\n%s", err, diff)
	}
	if all, err := s.Rejections(ctx, 5000); len(all) != 1000 || err != nil {
		t.Errorf("Rejections keeps %d, %v, want 1000", len(all), err)
	}
}
