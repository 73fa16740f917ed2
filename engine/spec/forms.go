package spec

import "regexp"

// The forms of scalars.
var (
	intForm        = regexp.MustCompile(`^[-+]?[0-9]+$|^0o[0-7]+$|^0x[0-9a-fA-F]+$`)
	floatForm      = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	nameForm       = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	identifierForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	durationForm   = regexp.MustCompile(`^(\d{1,9}(ms|s|m|h|d))+$`)
	durationPart   = regexp.MustCompile(`(\d+)(ms|s|m|h|d)`)
	looseDuration  = regexp.MustCompile(`(?i)^(\d{1,9}) *(s|secs?|seconds?|ms|millis(?:econds?)?|m|mins?|minutes?|h|hrs?|hours?|d|days?)$`)
	wholeDigits    = regexp.MustCompile(`^[0-9]+$`)
	weeks          = regexp.MustCompile(`(?i)^(\d{1,6}) *(?:w|weeks?)$`)
	amPM           = regexp.MustCompile(`(?i)^(0?[1-9]|1[0-2])(?::([0-5]\d))? *([ap])\.?m\.?$`)
	sizeForm       = regexp.MustCompile(`^(\d{1,9})(B|KB|MB|GB)$`)
	clockForm      = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
	pathForm       = regexp.MustCompile(`^[^\s.(){}\[\]"'=<>!?,]+(\[[A-Za-z_]*\])*(\.[^\s.(){}\[\]"'=<>!?,]+(\[[A-Za-z_]*\])*)*$`)
	dateForm       = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	position       = regexp.MustCompile(`\[(\d+)\]`)
	marks          = regexp.MustCompile(`\$\{\{\s*|\s*\}\}`)
)

// IsName reports whether a text may be a name of the language, such as the id
// of a step.
func IsName(text string) bool { return nameForm.MatchString(text) }
