package value

import (
	"regexp"
	"strconv"
	"unicode/utf8"
)

// OutOfBounds tells how a value misses what its field allows: the least and
// the greatest number, the length of a text, how many a list has, the pattern
// of a text. It returns "" for a value that is within, and for a pattern that
// is none. What lies inside the value is not looked at.
func (f Field) OutOfBounds(v any) string {
	size, of, measured := measure(v)
	switch {
	case measured && f.Min != nil && size < *f.Min:
		return "at least " + plain(*f.Min) + of + " expected"
	case measured && f.Max != nil && size > *f.Max:
		return "at most " + plain(*f.Max) + of + " expected"
	}
	text, isText := v.(string)
	if !isText || f.Pattern == "" {
		return ""
	}
	if ok, err := regexp.MatchString(f.Pattern, text); err == nil && !ok {
		return "which does not match " + f.Pattern
	}
	return ""
}

// measure returns what the bounds of a field are compared with.
func measure(v any) (size float64, of string, ok bool) {
	switch v := v.(type) {
	case int:
		return float64(v), " is", true
	case float64:
		return v, " is", true
	case string:
		return float64(utf8.RuneCountInString(v)), " characters are", true
	case []any:
		return float64(len(v)), " items are", true
	default:
		return 0, "", false
	}
}

func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
