// Package value is the data that flows between steps: what it is at run time,
// what type it has before anything runs, and how an attempt to get it failed.
//
// At run time a value is one of
//
//	nil, bool, int, float64, string, []any, map[string]any, File
//
// and nothing else: [Normalize] brings whatever an expression or a decoder
// made into this form, so that a value read back from the journal is equal to
// the value that was written. Dates, times and durations travel as text (RFC
// 3339, "2006-01-02", "15m"); whole numbers are int, all others float64.
//
// A [Secret] is not a value: it cannot be put into one and cannot print itself.
package value
