package contract

import (
	"maps"
	"slices"
	"strings"
)

// record is what an import wrote: what it called operations and types, and the
// hash of each unit. It lies beside the connector in .import/<group>.
type record struct {
	actions map[string]string // method and path → name
	types   map[string]string // where the description has it → name
	units   map[string]string // unit → hash
}

const recordTop = "# What the import wrote into the group's file, piece by piece. The next import tells by it what a person changed: keep it.\n"

// readRecord reads a record; what cannot be read is as if it were not there.
func readRecord(data []byte) record {
	r := record{map[string]string{}, map[string]string{}, map[string]string{}}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		word, rest, ok := strings.Cut(line, " ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		name, what, ok := strings.Cut(rest, " ")
		switch {
		case word == "action" && ok:
			r.actions[what] = name
		case word == "type" && ok:
			r.types[what] = name
		case len(word) == 12:
			r.units[rest] = word
		}
	}
	return r
}

// bytes returns a record as it is kept, in an order that lets two be compared.
func (r record) bytes() []byte {
	var b strings.Builder
	b.WriteString(recordTop)
	for _, op := range slices.Sorted(maps.Keys(r.actions)) {
		b.WriteString("action " + r.actions[op] + " " + op + "\n")
	}
	for _, at := range slices.Sorted(maps.Keys(r.types)) {
		b.WriteString("type " + r.types[at] + " " + at + "\n")
	}
	for _, unit := range slices.Sorted(maps.Keys(r.units)) {
		b.WriteString(r.units[unit] + " " + unit + "\n")
	}
	return []byte(b.String())
}

// knows reports whether an action or a type was written by an import.
func (r record) knows(owner string) bool {
	for unit := range r.units {
		if unit == owner || strings.HasPrefix(unit, owner+" ") {
			return true
		}
	}
	return false
}
