package vault

import (
	"bytes"
	"maps"
	"testing"
)

// TestSubscriptions keeps what is known of subscriptions, sealed, until it is
// removed.
func TestSubscriptions(t *testing.T) {
	store := newMemory()
	v := open(t, store)
	for name, text := range map[string]string{"a": `{"address":"/hooks/x/random"}`, "b": "old", "c": "other"} {
		if err := v.SaveSubscription(t.Context(), name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.SaveSubscription(t.Context(), "b", []byte("new")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.RemoveSubscription(t.Context(), "c"); err != nil {
			t.Errorf("RemoveSubscription(c) = %v, want nil", err)
		}
	}
	v.Close()
	got, err := open(t, store).Subscriptions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"a": []byte(`{"address":"/hooks/x/random"}`), "b": []byte("new")}
	if !maps.EqualFunc(want, got, bytes.Equal) {
		t.Errorf("Subscriptions() = %q, want %q", got, want)
	}
	for at, data := range store.kept {
		if bytes.Contains(data, []byte("random")) {
			t.Errorf("%v lies open in the store", at)
		}
	}
	store.kept[[2]string{kindSubscription, "a"}], store.kept[[2]string{kindSubscription, "b"}] =
		store.kept[[2]string{kindSubscription, "b"}], store.kept[[2]string{kindSubscription, "a"}]
	if got, err := open(t, store).Subscriptions(t.Context()); err == nil {
		t.Errorf("Subscriptions() of records that were exchanged = %q, want an error", got)
	}
}
