package trigger

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// fresh returns nil if the time a delivery bears is no further from now than
// the tolerance. where is how a person calls the time's place.
func fresh(v any, where string, now time.Time, tolerance time.Duration) error {
	sent, ok := timeOf(v)
	if !ok {
		return refuse(http.StatusUnauthorized, "the delivery has no time at %s, so it may be an old one sent again", where)
	}
	if apart := now.Sub(sent).Abs(); apart > tolerance {
		side := "old"
		if sent.After(now) {
			side = "in the future"
		}
		return refuse(http.StatusUnauthorized, "the delivery is %s %s by its %s, at most %s is allowed",
			apart.Round(time.Second), side, where, tolerance)
	}
	return nil
}

// timeOf reads a time as vendors write it: RFC 3339, or seconds or
// milliseconds since 1970, as text or number.
func timeOf(v any) (time.Time, bool) {
	var seconds float64
	switch v := v.(type) {
	case int:
		seconds = float64(v)
	case float64:
		seconds = v
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t, true
		}
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return time.Time{}, false
		}
		seconds = n
	default:
		return time.Time{}, false
	}
	const milliseconds = 1e11 // in seconds that would be the year 5138
	if math.Abs(seconds) >= milliseconds {
		seconds /= 1000
	}
	if !(math.Abs(seconds) < milliseconds) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)), true
}
