package spec_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/spec"
)

// TestConst reads values by the core schema of YAML 1.2.
func TestConst(t *testing.T) {
	for _, tt := range []struct {
		source string
		want   any
	}{
		{"yes", "yes"},
		{"no", "no"},
		{"on", "on"},
		{"off", "off"},
		{"y", "y"},
		{"true", true},
		{"False", false},
		{`"true"`, "true"},
		{"null", nil},
		{"~", nil},
		{"7", 7},
		{"-7", -7},
		{"+7", 7},
		{"0o17", 15},
		{"0x1F", 31},
		{"0b11", "0b11"},
		{"1_000", "1_000"},
		{"1:30", "1:30"},
		{"9223372036854775808", 9223372036854775808.0},
		{"1.5", 1.5},
		{"-.5e3", -500.0},
		{"1e400", 1.7976931348623157e308},
		{".inf", ".inf"},
		{".nan", ".nan"},
		{"2026-01-02", "2026-01-02"},
		{`'7'`, "7"},
		{"[1, [a], {}]", []any{1, []any{"a"}, map[string]any{}}},
		{"{ a: 1, on: [off] }", map[string]any{"a": 1, "on": []any{"off"}}},
		{"|\n    a\n    b", "a\nb\n"},
	} {
		flow, _ := spec.ParseFlow("f.yaml", []byte("flow: 1\noutput: "+tt.source+"\n"))
		if diff := cmp.Diff(tt.want, flow.Output.Const()); diff != "" {
			t.Errorf("Const(%s) (-want +got):\n%s", tt.source, diff)
		}
	}
}

// TestConstOfNothing has no value to tell.
func TestConstOfNothing(t *testing.T) {
	if got := (*spec.Value)(nil).Const(); got != nil {
		t.Errorf("Const() = %v, want nil", got)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "30s": 30 * time.Second, "15m": 15 * time.Minute, "24h": 24 * time.Hour,
		"7d": 168 * time.Hour, "1h30m": 90 * time.Minute, "0s": 0,
		"": -1, "5": -1, "5 m": -1, "-5m": -1, "1.5h": -1, "5 minutes": -1, "1y": -1, "999999999d": -1,
	} {
		got, ok := spec.ParseDuration(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("ParseDuration(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1B": 1, "500KB": 512000, "10MB": 10 << 20, "2GB": 2 << 30, "": -1, "10": -1, "10mb": -1, "1.5MB": -1, "-1MB": -1,
	} {
		got, ok := spec.ParseSize(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("ParseSize(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestKindOf(t *testing.T) {
	for text, want := range map[string]string{
		"flow: 1\n": "flow", "# words\n\n---\nconnector: 1": "connector", "\ufeffgroup: social": "group",
		"table : 1": "table", `"test": 1`: "test", "connections:\n": "connections",
		"": "", "- a": "", "just words": "", "a b: 1": "", "{flow: 1}": "",
	} {
		if got := spec.KindOf([]byte(text)); got != want {
			t.Errorf("KindOf(%q) = %q, want %q", text, got, want)
		}
	}
}
