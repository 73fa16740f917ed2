package value

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nestingOfTypes is how deep two types are compared; what lies deeper is let
// through, so that a type that holds itself does not hang the comparison.
const nestingOfTypes = 50

// Mismatch returns "" if a value of type got may be used where want is wanted,
// else the reason in words, such as "string is wanted, list of string is
// given". A value that may be nil where one is needed gives "may be missing".
//
// Any fits everything and everything fits any; an integer is a number; an enum
// is a string, but a string of which nothing more is known is no enum; dates,
// times and durations are text, and text may be one. An object fits if each
// field that is needed is there and fits: further fields do no harm.
func Mismatch(got, want *Type) string { return mismatch(got, want, 0) }

func mismatch(got, want *Type, depth int) string {
	switch {
	case got.IsAny() || want.IsAny() || depth > nestingOfTypes:
		return ""
	case got.Kind == Nil && want.MayBeNil():
		return ""
	}
	if reason := mismatchOfKinds(got, want, depth); reason != "" {
		return reason
	}
	if got.Optional && !want.MayBeNil() {
		return "may be missing"
	}
	return ""
}

func mismatchOfKinds(got, want *Type, depth int) string {
	differ := want.bare() + " is wanted, " + got.bare() + " is given"
	switch {
	case got.Kind == Enum && want.Kind == Enum:
		for _, v := range got.Values {
			if !slices.Contains(want.Values, v) {
				return differ
			}
		}
		return ""
	case got.Kind == List && want.Kind == List:
		return mismatchOfItems(got, want, depth)
	case want.Kind == Object && got.Kind == Object:
		return mismatchOfFields(got, want, depth)
	case want.Kind == Object && got.Kind == Map && got.Elem.IsAny():
		return "" // an object of which nothing is known
	case want.Kind == Map && got.Kind == Map:
		return mismatchOfItems(got, want, depth)
	case want.Kind == Map && got.Kind == Object:
		for _, f := range got.Fields {
			if reason := mismatch(f.Type, want.Elem, depth+1); reason != "" {
				return inField(f.Name, reason)
			}
		}
		return ""
	case got.Kind == want.Kind, slices.Contains(alsoFits(got.Kind), want.Kind):
		return ""
	}
	return differ
}

// alsoFits returns the kinds other than its own for which a value of kind k may
// be used.
func alsoFits(k Kind) []Kind {
	switch k {
	case Integer:
		return []Kind{Number}
	case String:
		return []Kind{Datetime, Date, Duration, SecretText}
	case Datetime, Date, Duration, Enum:
		return []Kind{String}
	case Time:
		return []Kind{Datetime, String}
	case Span:
		return []Kind{Duration, String}
	default:
		return nil
	}
}

func mismatchOfItems(got, want *Type, depth int) string {
	switch mismatch(got.Elem, want.Elem, depth+1) {
	case "":
		return ""
	case "may be missing":
		return fmt.Sprintf("%s is wanted, items of the %s may be missing", want.bare(), got.Kind)
	default:
		return want.bare() + " is wanted, " + got.bare() + " is given"
	}
}

func mismatchOfFields(got, want *Type, depth int) string {
	if got.Name != "" && got.Name == want.Name && len(got.Fields) == len(want.Fields) && depth > 0 {
		return ""
	}
	for _, w := range want.Fields {
		g, ok := got.Lookup(w.Name)
		if !ok {
			if w.Type.MayBeNil() || w.Type.IsAny() {
				continue
			}
			return fmt.Sprintf("field %q of %s is missing", w.Name, want.bare())
		}
		if reason := mismatch(g.Type, w.Type, depth+1); reason != "" {
			return inField(w.Name, reason)
		}
	}
	return ""
}

func inField(name, reason string) string {
	if reason == "may be missing" {
		return fmt.Sprintf("field %q may be missing", name)
	}
	return fmt.Sprintf("field %q: %s", name, reason)
}

// MismatchValue returns "" if the value v, written down literally, fits want,
// else the reason in words, such as `"drft" is not one of draft, live`. Unlike
// the type of a value, a literal is looked into: values of an enum, the form of
// dates and durations, and fields an object does not have are told. The bounds
// of a [Field] are not looked at.
func MismatchValue(v any, want *Type) string { return mismatchValue(v, want, 0) }

func mismatchValue(v any, want *Type, depth int) string {
	switch {
	case want.IsAny() || depth > MaxDepth:
		return ""
	case v == nil && want.MayBeNil():
		return ""
	}
	switch v := v.(type) {
	case string:
		return mismatchText(v, want)
	case []any:
		if want.Kind != List {
			break
		}
		for i, e := range v {
			if reason := mismatchValue(e, want.Elem, depth+1); reason != "" {
				return fmt.Sprintf("item %d: %s", i+1, reason)
			}
		}
		return ""
	case map[string]any:
		if want.Kind == Object || want.Kind == Map {
			return mismatchObject(v, want, depth)
		}
	default:
		if t := typeOfScalar(v); Mismatch(t, want) == "" || wholeNumber(v, want) {
			return ""
		}
	}
	return want.bare() + " is wanted, " + shown(v) + " is given"
}

func wholeNumber(v any, want *Type) bool {
	f, ok := v.(float64)
	return ok && want.Kind == Integer && f == float64(int(f))
}

func typeOfScalar(v any) *Type {
	switch v.(type) {
	case bool:
		return Of(Boolean)
	case int:
		return Of(Integer)
	case float64:
		return Of(Number)
	case File:
		return Of(FileKind)
	default:
		return Of(Nil)
	}
}

// mismatchText tells whether the text s fits want.
func mismatchText(s string, want *Type) string {
	switch want.Kind {
	case String, SecretText:
		return ""
	case Enum:
		if slices.Contains(want.Values, s) {
			return ""
		}
		return fmt.Sprintf("%q is not one of %s", s, strings.Join(want.Values, ", "))
	case Datetime:
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return fmt.Sprintf("%q is not a date and time such as 2026-03-14T15:00:00Z", s)
		}
		return ""
	case Date:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return fmt.Sprintf("%q is not a date such as 2026-03-14", s)
		}
		return ""
	case Duration:
		if _, err := ParseDuration(s); err != nil {
			return err.Error()
		}
		return ""
	default:
		return want.bare() + " is wanted, " + shown(s) + " is given"
	}
}

func mismatchObject(m map[string]any, want *Type, depth int) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t := want.Elem
		if want.Kind == Object {
			f, ok := want.Lookup(k)
			if !ok {
				return fmt.Sprintf("%q is not a field of %s", k, want.bare())
			}
			t = f.Type
		}
		if reason := mismatchValue(m[k], t, depth+1); reason != "" {
			return inField(k, reason)
		}
	}
	for _, f := range want.Fields {
		if _, ok := m[f.Name]; !ok && !f.Type.MayBeNil() && !f.Type.IsAny() {
			return fmt.Sprintf("field %q of %s is missing", f.Name, want.bare())
		}
	}
	return ""
}

// shown returns a literal value as it stands in a sentence.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		if r := []rune(v); len(r) > 40 {
			v = string(r[:40]) + "…"
		}
		return strconv.Quote(v)
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case File:
		return "a file"
	default:
		return fmt.Sprint(v)
	}
}
