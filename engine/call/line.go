package call

import (
	"slices"
	"time"
)

const (
	// longestLine is how far ahead of the first free place the last of a line
	// is asked to come. Where more stand in line, those behind come earlier
	// than they can be served, and are given another time: so that nobody waits
	// long for others who do not come any more.
	longestLine = 10 * time.Minute
	// promises is how many places are kept for calls of one flow that come back
	// for them.
	promises = 8
	// late is how long after its time a place is kept.
	late = time.Second
)

// caller is who wants a place in the limits of an account: a flow, and the step
// of a run that comes back for its call. Without a run it does not come back.
type caller struct {
	account, flow string
	op            Op
}

// group is the callers who stand in line together, and of whom no other group
// has to wait for all.
type group struct{ account, flow string }

func (c caller) group() group { return group{c.account, c.flow} }

// promise is a place that is kept for a call until it comes back.
type promise struct {
	op Op
	at time.Time
}

// lineKey names a line: those of one flow who found no place in a budget.
type lineKey struct {
	budgetKey

	flow string
}

// find takes a place for a call in each of the limits, as [budgets.take]
// does. If the first one is too far away it returns when the call is to come
// again: at a place that is kept for it, or, where its flow has enough of them,
// at the time at which it may find one.
func (b *budgets) find(now time.Time, c caller, keys []budgetKey, longest time.Duration) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep(c, slices.DeleteFunc(b.promised[c.group()], func(p promise) bool { return now.Sub(p.at) > late }))
	kept := b.promised[c.group()]
	if i := slices.IndexFunc(kept, func(p promise) bool { return p.op == c.op }); i >= 0 {
		at := kept[i].at
		if at.Sub(now) > longest {
			return at, false
		}
		b.keep(c, slices.Delete(kept, i, i+1))
		return at, true
	}
	at, ok := b.take(now, c.account, keys, longest)
	switch {
	case ok || len(keys) == 0:
		return at, ok
	case c.op.Run != 0 && len(kept) < promises:
		b.hold(at.Add(late), keys)
		b.keep(c, append(kept, promise{c.op, at}))
		return at, false
	default:
		return b.lineUp(now, at, keys, c.flow), false
	}
}

// keep notes which places are kept for calls of the caller's group.
func (b *budgets) keep(c caller, kept []promise) {
	if len(kept) == 0 {
		delete(b.promised, c.group())
		return
	}
	b.promised[c.group()] = kept
}

// lineUp returns when a call that found no place before at is to come again: as
// far behind the one before it as the limit that is used up lets calls follow
// each other. Nothing is taken. Without this all that wait would come back at
// the same moment, and all but a few of them in vain.
func (b *budgets) lineUp(now, at time.Time, keys []budgetKey, flow string) time.Time {
	if len(b.lines) > crowd {
		for k, last := range b.lines {
			if last.Before(now) {
				delete(b.lines, k)
			}
		}
	}
	k := lineKey{b.usedUp(now, keys), flow}
	next := b.lines[k]
	if next.Before(at) || next.Sub(at) > longestLine {
		next = at
	}
	b.lines[k] = next.Add(k.per / time.Duration(k.allow))
	return next
}

// usedUp returns the limit with the last of the first free places.
func (b *budgets) usedUp(now time.Time, keys []budgetKey) budgetKey {
	tight, latest := keys[0], now
	for _, k := range keys {
		if free := b.budget(k, now).free(now, k.allow); free.After(latest) {
			tight, latest = k, free
		}
	}
	return tight
}
