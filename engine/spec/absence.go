package spec

import (
	"math"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// absence is a finding about something that is not there. It may stand in
// what another finding is about: then it is not told, for it has the same
// cause.
type absence struct {
	told     diag.Finding
	keys     []Entry // of the map that lacks something
	from, to int     // the lines in which it would stand
}

// absent reports that the map or value of s lacks something.
func (p *parser) absent(s spot, f diag.Finding) {
	a := absence{told: f, from: f.Pos.Line, to: max(f.Pos.Line, lastLine(s.value))}
	if s.value.Kind == Map {
		a.keys = s.value.Entries
	}
	if s.whole {
		a.from, a.to = 0, math.MaxInt-1
	}
	p.absences = append(p.absences, a)
}

// lastLine returns the last line in which something of a value begins.
func lastLine(v *Value) int {
	line := v.Pos.Line
	for _, item := range v.Items {
		line = max(line, lastLine(item))
	}
	for _, e := range v.Entries {
		line = max(line, e.Key.Pos.Line, lastLine(e.Value))
	}
	return line
}

// settled returns all that was found: what is missing only where no other
// finding is about the place at which it would stand.
func (p *parser) settled() diag.List {
	found := slices.Clone(p.found)
	for _, a := range p.absences {
		if !slices.ContainsFunc(p.found, a.follows) && !slices.ContainsFunc(p.absences, a.lacksMore) {
			found.Add(a.told)
		}
	}
	return found
}

// follows reports whether something is missing only because of what is told
// in f: the text there is not YAML, or a key there is not known.
func (a absence) follows(f diag.Finding) bool {
	switch {
	case strings.HasPrefix(f.Code, "Y") && f.Code < "Y120": // behind them are slips that are read as they are meant
		return a.from <= f.Pos.Line && f.Pos.Line <= a.to+1
	case f.Code == "S101" && a.told.Code != "S103":
		lower := f.Pos.Line == a.to+1 && f.Pos.Column < a.told.Pos.Column
		return lower || slices.ContainsFunc(a.keys, func(e Entry) bool { return e.Key.Pos == f.Pos })
	}
	return f.Code == "S108" && f.Pos.Line == a.from
}

// lacksMore reports whether b is about a key of the same map that has nothing
// behind it yet: then the map is not finished.
func (a absence) lacksMore(b absence) bool {
	says := strings.HasPrefix(a.told.Code, "S13")
	return says && b.told.Code == "S105" && slices.ContainsFunc(a.keys, func(e Entry) bool { return e.Key.Pos == b.told.Pos })
}

// indented makes of an empty map and the unknown keys below it one finding:
// they belong into it, and are not indented.
func (p *parser) indented(empty Text, strays []Entry) {
	i := slices.IndexFunc(p.absences, func(a absence) bool { return a.told.Pos == empty.Pos })
	if i < 0 || len(strays) == 0 {
		return
	}
	f := p.absences[i].told
	p.absences = slices.Delete(p.absences, i, i+1)
	from, to := strays[0].Key.Pos, lastLine(strays[len(strays)-1].Value)
	f.Fix = &diag.Fix{Label: "indented by two spaces more"}
	for line := from.Line; line <= to; line++ {
		f.Fix.Edits = append(f.Fix.Edits, diag.Edit{Pos: diag.Pos{File: from.File, Line: line, Column: 1}, Text: "  "})
	}
	p.found.Add(f)
}
