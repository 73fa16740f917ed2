package program

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"patchbay/engine/diag"
	"patchbay/engine/spec"
)

// right is what a trigger or an action of a flow needs to be allowed.
type right struct {
	at     spec.Text // where it is named
	use    *Use
	id     string
	scopes []string
}

// right notes what is named at t and needs these scopes.
func (c *flowCheck) right(t spec.Text, use *Use, id string, scopes []string) {
	if len(scopes) > 0 {
		c.made.rights = append(c.made.rights, right{t, use, id, scopes})
	}
}

const codeUngranted = "W114"

// withoutSilenced leaves out the rights of which nobody wants to be told.
func withoutSilenced(rights []right, source []byte) []right {
	lines := spec.Allowed(source)
	return slices.DeleteFunc(rights, func(r right) bool { return slices.Contains(lines[r.at.Pos.Line], codeUngranted) })
}

// Ungranted warns of each trigger and action of an enabled flow that needs a
// scope with which its connection was not connected. granted returns the scopes
// a connection has; ok is false where nobody knows them, as of a key that a
// person made. So it is no finding of the files, but of what they meet.
func (s *Set) Ungranted(granted func(connection string) (scopes []string, ok bool)) diag.List {
	var found diag.List
	for _, id := range slices.Sorted(maps.Keys(s.Flows)) {
		flow := s.Flows[id]
		for _, r := range flow.rights {
			has, known := granted(r.use.Written())
			conn := s.Connections[r.use.Written()]
			lacks := slices.DeleteFunc(slices.Clone(r.scopes), func(scope string) bool { return slices.Contains(has, scope) })
			if !known || !flow.Enabled || conn == nil || len(lacks) == 0 {
				continue
			}
			found.Add(ungranted(r, conn, lacks))
		}
	}
	return found
}

func ungranted(r right, conn *Connection, lacks []string) diag.Finding {
	noun, hint := "scope", "patchbay connect "+conn.Name+"  connects it again and asks for that too"
	if len(lacks) > 1 {
		noun = "scopes"
	}
	if conn.Auth != nil && !conn.Auth.ScopesAuto {
		hint = fmt.Sprintf("give it the %s at %s, then:  patchbay connect %s", noun, conn.Connector.Name, conn.Name)
	}
	return diag.Finding{
		Pos: r.at.Pos, Width: width(r.at.Value), Code: codeUngranted, Hint: hint,
		Message: fmt.Sprintf("%s needs the %s %s, which the connection %q was not given", r.id, noun, strings.Join(lacks, ", "), conn.Name),
	}
}
