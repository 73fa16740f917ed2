package value

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for _, test := range []struct {
		text string
		want time.Duration
	}{
		{"30s", 30 * time.Second},
		{"15m", 15 * time.Minute},
		{"24h", 24 * time.Hour},
		{"7d", 7 * 24 * time.Hour},
		{"2w", 14 * 24 * time.Hour},
		{"1d12h", 36 * time.Hour},
		{"1.5h", 90 * time.Minute},
		{"250ms", 250 * time.Millisecond},
		{"-2h", -2 * time.Hour},
	} {
		got, err := ParseDuration(test.text)
		if err != nil || got != test.want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", test.text, got, err, test.want)
		}
	}
	for _, test := range []struct{ text, want string }{
		{"", `"" is not a duration such as 30s, 15m, 24h or 7d`},
		{"-", `"-" is not a duration such as 30s, 15m, 24h or 7d`},
		{"15", `"15" is not a duration such as 30s, 15m, 24h or 7d`},
		{"m", `"m" is not a duration such as 30s, 15m, 24h or 7d`},
		{"1 h", `"1 h" is not a duration such as 30s, 15m, 24h or 7d`},
		{"1h30", `"1h30" is not a duration such as 30s, 15m, 24h or 7d`},
		{"3mo", `"3mo" is not a duration such as 30s, 15m, 24h or 7d`},
		{"1.2.3h", `"1.2.3h" is not a duration such as 30s, 15m, 24h or 7d`},
		{"999999999w", `the duration "999999999w" is too long`},
	} {
		if got, err := ParseDuration(test.text); err == nil || err.Error() != test.want {
			t.Errorf("ParseDuration(%q) = %v, %v, want error %q", test.text, got, err, test.want)
		}
	}
}

func TestParseMoment(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)
	tests := []struct{ text, want string }{
		{"24h", "2026-03-29T12:00:00Z"},
		{"1d12h", "2026-03-29T00:00:00Z"},
		{"2026-03-01", "2026-03-01T00:00:00+01:00"},
		{"2026-03-30", "2026-03-30T00:00:00+02:00"},
		{"2026-03-01T08:30", "2026-03-01T08:30:00+01:00"},
		{"2026-03-01 08:30", "2026-03-01T08:30:00+01:00"},
		{"2026-03-01T08:30:00Z", "2026-03-01T08:30:00Z"},
		{"-24h", ""},
		{"yesterday", ""},
		{"", ""},
		{"2026-02-30", ""},
		{"01/03/2026", ""},
	}
	for _, tt := range tests {
		at, err := ParseMoment(tt.text, now, paris)
		got := ""
		if err == nil {
			got = at.Format(time.RFC3339)
		}
		if got != tt.want {
			t.Errorf("ParseMoment(%q) = %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}
