package call

import (
	"container/heap"
	"testing"
	"time"
)

// wanting is a run that wants to make one call, and when it tries.
type wanting struct {
	flow  string
	run   int64
	tries time.Time
	first time.Time // when it tried first
}

type crowding []wanting

func (c crowding) Len() int           { return len(c) }
func (c crowding) Less(i, j int) bool { return c[i].tries.Before(c[j].tries) }
func (c crowding) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *crowding) Push(x any)        { *c = append(*c, x.(wanting)) } //nolint:forcetypeassert // nothing else is pushed
func (c *crowding) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// TestLine lets 20,000 runs of one flow want a call at the same moment, where
// 100 in 10 s are allowed, and another flow one every 7 s. The flood tries a few
// times for each call, where all coming back together it would be a hundred
// times, and is through as soon as the limit lets it; the other flow hardly
// waits.
func TestLine(t *testing.T) {
	const flood, trickle = 20_000, 250
	start := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
	b := newBudgets()
	keys := []budgetKey{{account: "a", allow: 100, per: 10 * time.Second}, {account: "a", allow: 200_000, per: 24 * time.Hour}}
	var waiting crowding
	for range flood {
		waiting = append(waiting, wanting{"flood", int64(len(waiting)) + 1, start, start})
	}
	for i := range trickle {
		at := start.Add(time.Duration(7*i) * time.Second)
		waiting = append(waiting, wanting{"trickle", int64(len(waiting)) + 1, at, at})
	}
	heap.Init(&waiting)
	tries := map[string]int{}
	var end time.Time
	var longest time.Duration
	for len(waiting) > 0 {
		c, _ := heap.Pop(&waiting).(wanting)
		tries[c.flow]++
		at, ok := b.find(c.tries, caller{"a", c.flow, Op{Run: c.run}}, keys, patience)
		if !ok {
			c.tries = at
			heap.Push(&waiting, c)
			continue
		}
		if c.flow == "flood" {
			end = at
		} else {
			longest = max(longest, at.Sub(c.first))
		}
	}
	if most := 5 * flood; tries["flood"] > most {
		t.Errorf("the flood tried %d times, want at most %d", tries["flood"], most)
	}
	if took, least := end.Sub(start), (flood+trickle)/10*time.Second; took > least+least/20 {
		t.Errorf("the flood took %s, want hardly more than %s", took, least)
	}
	if most := 2 * trickle; tries["trickle"] > most || longest > 30*time.Second {
		t.Errorf("the trickle tried %d times and waited up to %s, want at most %d times and 30s", tries["trickle"], longest, most)
	}
}

// TestPromise keeps a place for a call that comes back: it is there for it and
// for no other, as long as it is not late, and no window has more calls for it.
func TestPromise(t *testing.T) {
	start := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
	keys := []budgetKey{{account: "a", allow: 1, per: time.Minute}}
	mine, other := caller{"a", "f", Op{Run: 1}}, caller{"a", "g", Op{Run: 2}}
	minute := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	tests := []struct {
		name string
		who  caller
		at   time.Time
		want time.Time
		ok   bool
	}{
		{"the first place", caller{"a", "f", Op{Run: 9}}, start, start, true},
		{"a place is kept", mine, start, minute(1), false},
		{"who comes too early keeps it", mine, start.Add(time.Second), minute(1), false},
		{"who comes a little too early waits", mine, minute(1).Add(-time.Second), minute(1), true},
		{"the next place is behind it", other, minute(1), minute(2).Add(late), false},
		{"who comes too late has lost it", other, minute(2).Add(3 * late), minute(3).Add(2 * late), false},
	}
	b := newBudgets()
	for _, test := range tests {
		if at, ok := b.find(test.at, test.who, keys, patience); !at.Equal(test.want) || ok != test.ok {
			t.Errorf("%s: find = +%s, %v, want +%s, %v", test.name, at.Sub(start), ok, test.want.Sub(start), test.ok)
		}
	}
	if b.keep(other, nil); len(b.promised) != 0 {
		t.Errorf("promised = %v, want nothing", b.promised)
	}
}
