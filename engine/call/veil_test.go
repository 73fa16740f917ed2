package call

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/value"
)

// TestVeiled masks secrets wherever they stand in an output.
func TestVeiled(t *testing.T) {
	text, secret := value.Of(value.String), value.Of(value.SecretText)
	key := &value.Type{Kind: value.Object, Fields: []value.Field{{Name: "id", Type: text}, {Name: "key", Type: secret.AsOptional()}}}
	folder := &value.Type{Kind: value.Object, Fields: []value.Field{{Name: "name", Type: text}}}
	folder.Fields = append(folder.Fields, value.Field{Name: "inside", Type: value.ListOf(folder)})
	for _, test := range []struct {
		name     string
		of       *value.Type
		in, want any
	}{
		{"text", secret, "k3y", "[secret]"},
		{"object", key, map[string]any{"id": "1", "key": "k3y"}, map[string]any{"id": "1", "key": "[secret]"}},
		{"missing", key, map[string]any{"id": "1", "key": nil}, map[string]any{"id": "1", "key": nil}},
		{"list", value.ListOf(key), []any{map[string]any{"id": "1", "key": "k"}}, []any{map[string]any{"id": "1", "key": "[secret]"}}},
		{"map", value.MapOf(secret), map[string]any{"a": "k"}, map[string]any{"a": "[secret]"}},
		{"nothing", key, nil, nil},
	} {
		if diff := cmp.Diff(test.want, veiled(test.of, test.in)); diff != "" || !holdsSecret(test.of, map[*value.Type]bool{}) {
			t.Errorf("veiled(%s) (-want +got):\n%s", test.name, diff)
		}
	}
	if holdsSecret(folder, map[*value.Type]bool{}) {
		t.Error("a type that holds itself and no secret is said to hold one")
	}
}
