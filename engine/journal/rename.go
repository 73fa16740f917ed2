package journal

import (
	"strconv"
	"strings"
	"time"
)

// NameKind says what a name is of.
type NameKind string

// What has a name under which state is kept.
const (
	FlowName       NameKind = "flow"
	ConnectionName NameKind = "connection"
	ConnectorName  NameKind = "connector"
)

// Rename is one name that was given up for another.
type Rename struct {
	ID   int64     `json:"-"` // in the order in which they happened
	Kind NameKind  `json:"kind"`
	From string    `json:"from"`
	To   string    `json:"to"`
	At   time.Time `json:"at"`
}

// Renames are all renames of a data folder, the oldest first. What was written
// down before one of them says the name of then: the methods tell what it is
// called now, and what something was called before.
type Renames []Rename

// Last returns the id of the newest one, 0 if there is none.
func (rs Renames) Last() int64 {
	if len(rs) == 0 {
		return 0
	}
	return rs[len(rs)-1].ID
}

// Since returns those behind the one of that id.
func (rs Renames) Since(id int64) Renames {
	for i, r := range rs {
		if r.ID > id {
			return rs[i:]
		}
	}
	return nil
}

// Now returns what something is called now that had the name before the first
// of the renames.
func (rs Renames) Now(kind NameKind, name string) string {
	name, rest := cutName(kind, name)
	for _, r := range rs {
		if r.Kind == kind && r.From == name {
			name = r.To
		}
	}
	return name + rest
}

// Before returns the names that something had which has this name now, the
// newest first.
func (rs Renames) Before(kind NameKind, name string) []string {
	name, rest := cutName(kind, name)
	var all []string
	for i := len(rs) - 1; i >= 0; i-- {
		switch r := rs[i]; {
		case r.Kind != kind:
		case r.To == name:
			name = r.From
			all = append(all, name+rest)
		case r.From == name:
			return all // what had it before then is another
		}
	}
	return all
}

// Origin returns a name that stays with what has the given name now, whatever
// it is called later, and is never that of another: the first one it had, with a
// number where something before it began with that one.
func (rs Renames) Origin(kind NameKind, name string) string {
	name, rest := cutName(kind, name)
	for i := len(rs) - 1; i >= 0; i-- {
		switch r := rs[i]; {
		case r.Kind != kind:
		case r.To == name:
			name = r.From
		case r.From == name:
			return name + "." + strconv.Itoa(rs[:i+1].given(kind, name)+1) + rest
		}
	}
	return name + rest
}

// given counts how often the name was given up.
func (rs Renames) given(kind NameKind, name string) int {
	n := 0
	for _, r := range rs {
		if r.Kind == kind && r.From == name {
			n++
		}
	}
	return n
}

// Called returns the name that what has the origin would have now, whether
// there is such a thing or not.
func (rs Renames) Called(kind NameKind, origin string) string {
	origin, rest := cutName(kind, origin)
	name, number, _ := strings.Cut(origin, ".")
	if n, err := strconv.Atoi(number); err == nil && n > 1 {
		for i, r := range rs {
			if r.Kind == kind && r.From == name {
				n--
			}
			if n == 1 {
				return rs[i+1:].Now(kind, name) + rest
			}
		}
		return origin + rest
	}
	return rs.Now(kind, origin) + rest
}

// cutName cuts off what stands behind a name that is not renamed: the account
// behind a connection.
func cutName(kind NameKind, name string) (written, rest string) {
	if i := strings.IndexByte(name, '/'); i >= 0 && kind == ConnectionName {
		return name[:i], name[i:]
	}
	return name, ""
}
