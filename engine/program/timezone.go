package program

import (
	_ "embed" // the names below
	"slices"
	"strings"
	"time"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

// timezones holds the names of the time zone database that have a place in
// them, one in a line.
//
//go:embed timezones.txt
var timezones string

func (c *flowCheck) zone(t spec.Text) *time.Location {
	zone, err := time.LoadLocation(t.Value)
	if err == nil && t.Value != "Local" && t.Value != "" {
		return zone
	}
	names := strings.Fields(timezones)
	f := nearest(t.Pos, t.Value, diag.Finding{
		Code: "F234", Message: `"` + t.Value + `" is not a time zone`,
		Hint: "a name of the time zone database: Europe/Paris, America/New_York, UTC",
	}, names)
	place := strings.ReplaceAll(t.Value, " ", "_")
	i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n[strings.LastIndexByte(n, '/')+1:], place) })
	if f.Fix == nil && i >= 0 {
		f.Fix = replacement(f.Pos, f.Width, names[i], false)
	}
	f.Allowed = nil // nobody looks through some hundred names
	c.add(f)
	return time.UTC
}
