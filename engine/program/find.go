package program

import (
	"fmt"
	"slices"
	"strings"

	"patchbay/engine/diag"
)

// FindAction returns the action of that id, such as "ghl.social.list_tags";
// where there is none, a hint at the nearest.
func (s *Set) FindAction(id string) (action *Action, hint string, ok bool) {
	connector, name, _ := strings.Cut(id, ".")
	if k, known := s.Connector(connector); known {
		if a, found := k.Action(name); found {
			return a, "", true
		}
	}
	var ids []string
	for k := range s.AllConnectors() {
		for _, a := range k.Actions() {
			ids = append(ids, a.ID)
		}
	}
	return nil, hintAt(id, ids), false
}

// FindTrigger returns the trigger of that id; where there is none, a hint at
// the nearest.
func (s *Set) FindTrigger(id string) (trigger *Trigger, hint string, ok bool) {
	connector, name, _ := strings.Cut(id, ".")
	if k, known := s.Connector(connector); known {
		if t, found := k.Trigger(name); found {
			return t, "", true
		}
	}
	var ids []string
	for k := range s.AllConnectors() {
		for _, t := range k.Triggers() {
			ids = append(ids, t.ID)
		}
	}
	return nil, hintAt(id, ids), false
}

func hintAt(id string, ids []string) string {
	slices.Sort(ids)
	if near := diag.Nearest(id, ids); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "patchbay catalog lists them all"
}

// DefaultConnection returns the connection that a connector is reached by
// where none is named: the one that bears its name, else the only one; "" if
// it needs none and none bears its name. The reason is "" unless there is no such connection.
func (s *Set) DefaultConnection(k *Connector) (name, reason string) {
	if !k.NeedsConnection() && !s.bearsName(k) {
		return "", ""
	}
	names := s.connectionsOf(k)
	switch len(names) {
	case 1:
		return names[0], ""
	case 0:
		return "", fmt.Sprintf("there is no connection to %s; add one to flows/connections.yaml, or use --sandbox", k.Name)
	default:
		return "", fmt.Sprintf("there are several connections to %s, so one must be named: %s", k.Name, strings.Join(names, ", "))
	}
}

// bearsName reports whether a connection bears the connector's name.
func (s *Set) bearsName(k *Connector) bool {
	c, ok := s.Connections[k.ID]
	return ok && c.Connector.ID == k.ID
}

// connectionsOf returns the connections that are meant where none is named:
// the one that bears the connector's name, else all of the connector.
func (s *Set) connectionsOf(k *Connector) []string {
	if s.bearsName(k) {
		return []string{k.ID}
	}
	var names []string
	for name, c := range s.Connections {
		if c.Connector.ID == k.ID {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
