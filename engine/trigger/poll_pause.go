package trigger

import (
	"maps"
	"slices"
	"time"
)

// Paused returns the connections that polls wait for to be connected, sorted. A
// poll whose look came to nothing because a person must connect its connection
// does not look again before [Polls.GoOn].
func (p *Polls) Paused() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := map[string]bool{}
	for _, known := range p.polls {
		if name := known.status.Paused; name != "" {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// GoOn has the polls that wait for a connection look again, spread over some
// seconds, and returns how many there are.
func (p *Polls) GoOn(connection string, now time.Time) int {
	p.mu.Lock()
	n := 0
	for _, known := range p.polls {
		s := &known.status
		if s.Paused != connection {
			continue
		}
		n++
		s.Paused, s.Next = "", now.Add(spread(known.at, min(known.every, stagger)))
		if len(known.gate) == 0 { // or who looks puts it back
			known.lane.put(known)
		}
	}
	p.mu.Unlock()
	if n > 0 {
		signal(p.changed)
	}
	return n
}
