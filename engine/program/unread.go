package program

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"weak"
)

// unread are the connectors that nothing in the workspace names. They are read
// when somebody asks, and kept as long as anybody has a part of one in hand.
type unread struct {
	files map[string][]File
	opt   Options

	mu   sync.Mutex
	read map[string]weak.Pointer[Connector]
}

// leaveUnread returns the connectors that were not needed. What somebody asked
// an earlier set for, and still has in hand, is read here, too.
func (b *builder) leaveUnread() *unread {
	u := &unread{files: map[string][]File{}, opt: Options{Pinned: b.opt.Pinned}, read: map[string]weak.Pointer[Connector]{}}
	for _, id := range b.connectorIDs() {
		if b.set.Connectors[id] == nil {
			u.files[id] = b.src.Connectors[id]
			if k := b.inHand(id); k != nil {
				u.read[id] = weak.Make(k)
			}
		}
	}
	return u
}

// inHand returns a connector that nothing names in this workspace and that an
// earlier set has read.
func (b *builder) inHand(id string) *Connector {
	if !slices.ContainsFunc(b.opt.Previous, func(s *Set) bool { return s.inHand(id) != nil }) {
		return nil
	}
	return b.earlier(id, hashFiles(b.src.Connectors[id]))
}

// inHand returns a connector that was asked for and of which somebody has a
// part.
func (u *unread) inHand(id string) *Connector {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.read[id].Value()
}

// connectorIDs returns the ids of all connectors, in order, without those that
// are known to have errors.
func (b *builder) connectorIDs() []string {
	ids := slices.Collect(maps.Keys(b.set.Connectors))
	for id := range b.src.Connectors {
		if b.set.Connectors[id] == nil && !b.unsound.connectors[id] && b.src.AsNeeded[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (u *unread) connector(id string) *Connector {
	u.mu.Lock()
	defer u.mu.Unlock()
	files, ok := u.files[id]
	if !ok {
		return nil
	}
	k := u.read[id].Value()
	if k == nil {
		k = newConnector(id, files, hashFiles(files), u.opt, false)
		u.read[id] = weak.Make(k)
	}
	if k.own.failed {
		return nil
	}
	return k
}

// Connector returns the connector of that id; one that nothing in the workspace
// names is read now.
func (s *Set) Connector(id string) (*Connector, bool) {
	k, ok := s.Connectors[id]
	if !ok {
		k = s.unread.connector(id)
	}
	return k, k != nil
}

// ConnectorIDs returns the ids of all connectors in order, those that nothing
// in the workspace names among them.
func (s *Set) ConnectorIDs() []string {
	ids := slices.AppendSeq(slices.Collect(maps.Keys(s.Connectors)), maps.Keys(s.unread.files))
	slices.Sort(ids)
	return ids
}

// Sum returns the content hash of all files of a connector that there is.
func (s *Set) Sum(id string) string {
	if k, ok := s.Connectors[id]; ok {
		return k.Sum
	}
	return hashFiles(s.unread.files[id])
}

// AllConnectors yields every connector in the order of their ids. Those that
// nothing in the workspace names are read for it one after the other.
func (s *Set) AllConnectors() iter.Seq[*Connector] {
	return func(yield func(*Connector) bool) {
		for _, id := range s.ConnectorIDs() {
			if k, ok := s.Connector(id); ok && !yield(k) {
				return
			}
		}
	}
}
