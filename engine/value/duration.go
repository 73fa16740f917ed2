package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseMoment reads a moment as people write it: how long before now ("24h",
// "7d"), a date ("2026-03-01", its midnight), a time of a day
// ("2026-03-01T08:00", "2026-03-01 08:00") in the time zone, or RFC 3339.
func ParseMoment(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if d, err := ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(form, text, zone); err == nil {
			return at, nil
		}
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time", text)
}

// ParseDuration reads a duration as the languages write it: "30s", "15m",
// "24h", "7d", "2w", or several together such as "1d12h". Days have 24 hours.
func ParseDuration(text string) (time.Duration, error) {
	rest, sign := strings.TrimPrefix(text, "-"), 1.0
	if rest != text {
		sign = -1
	}
	total := 0.0
	for part := rest; part != "" || rest == ""; {
		digits := len(part) - len(strings.TrimLeft(part, "0123456789."))
		letters := len(part[digits:]) - len(strings.TrimLeft(part[digits:], "abcdefghijklmnopqrstuvwxyzµ"))
		n, err := strconv.ParseFloat(part[:digits], 64)
		unit, ok := units(part[digits : digits+letters])
		if err != nil || !ok {
			return 0, fmt.Errorf("%q is not a duration such as 30s, 15m, 24h or 7d", text)
		}
		total += n * float64(unit)
		part = part[digits+letters:]
	}
	if total > math.MaxInt64 {
		return 0, fmt.Errorf("the duration %q is too long", text)
	}
	return time.Duration(sign * total), nil
}

func units(word string) (time.Duration, bool) {
	switch word {
	case "ms":
		return time.Millisecond, true
	case "s":
		return time.Second, true
	case "m":
		return time.Minute, true
	case "h":
		return time.Hour, true
	case "d":
		return 24 * time.Hour, true
	case "w":
		return 7 * 24 * time.Hour, true
	default:
		return 0, false
	}
}
