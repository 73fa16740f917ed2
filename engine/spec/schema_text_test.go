package spec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/spec"
)

// TestSchemaText holds one schema, the smallest, against its text.
func TestSchemaText(t *testing.T) {
	got, err := spec.Schema("table")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "table.schema.json")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("Schema(table) (-want +got):\n%s", diff)
	}
}
