package call

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

const (
	// patience is how long a call waits for a place in a rate limit before it
	// gives the wait back to whoever made it.
	patience = 5 * time.Second
	// patienceInside is the same between the pages of a list, where giving
	// back would lose the pages that are there already.
	patienceInside = time.Minute
)

// budgets are the rate limits of all connections. A call takes its place in
// every limit that applies to it at once, or in none.
type budgets struct {
	mu      sync.Mutex
	spent   map[budgetKey]*budget
	crowd   int                  // with more of them than this, those that are over are removed
	blocked map[string]time.Time // by account: the service said no until then
	// What is known of those that found no place and come back.
	promised map[group][]promise   // never empty
	lines    map[lineKey]time.Time // when the next one is to come
}

// budgetKey names one budget. It holds the numbers of the limit, so that a
// limit that is edited begins anew.
type budgetKey struct {
	account string // the connection
	owner   string // the connector or the action whose limit it is
	allow   int
	per     time.Duration
	by      string // the value of `by`
}

// budget is one limit at work: the calls of the last while, each holding its
// place until it is as old as the window. Places ahead of now are held by
// calls that wait for theirs.
type budget struct {
	held []held // the soonest to end first
}

// held are places that end within a grain of each other.
type held struct {
	first, until time.Time // when the first and the last of them end
	calls        int
}

func newBudgets() *budgets {
	return &budgets{spent: map[budgetKey]*budget{}, crowd: crowd, blocked: map[string]time.Time{}, promised: map[group][]promise{}, lines: map[lineKey]time.Time{}}
}

// crowd is how many budgets are kept without a look at which of them are over.
const crowd = 4096

// take takes a place in each of the limits and returns when it is to be used. If
// that is further away than `longest` nothing is taken. The lock is held.
func (b *budgets) take(now time.Time, account string, keys []budgetKey, longest time.Duration) (time.Time, bool) {
	at := now
	if until := b.blocked[account]; until.After(at) {
		at = until
	}
	for _, k := range keys {
		at = b.budget(k, now).free(at, k.allow)
	}
	if at.Sub(now) > longest {
		return at, false
	}
	b.hold(at, keys)
	return at, true
}

// hold takes a place at a time in each of the limits, whose budgets are there.
func (b *budgets) hold(at time.Time, keys []budgetKey) {
	for _, k := range keys {
		b.spent[k].hold(at.Add(k.per), 1, k.per/512)
	}
}

// budget returns the budget of a key, without what is over.
func (b *budgets) budget(k budgetKey, now time.Time) *budget {
	if len(b.spent) > b.crowd {
		for key, other := range b.spent {
			if other.forget(now); len(other.held) == 0 {
				delete(b.spent, key)
			}
		}
		b.crowd = max(crowd, 2*len(b.spent))
	}
	one := b.spent[k]
	if one == nil {
		one = &budget{}
		b.spent[k] = one
	}
	one.forget(now)
	return one
}

func (b *budget) forget(now time.Time) {
	over := 0
	for over < len(b.held) && !b.held[over].until.After(now) {
		over++
	}
	b.held = slices.Delete(b.held, 0, over)
}

// free returns the first time from `at` on with a place for one more call.
func (b *budget) free(at time.Time, allow int) time.Time {
	total := b.calls()
	for _, h := range b.held {
		if h.until.After(at) {
			if total < allow {
				break
			}
			at = h.until
		}
		total -= h.calls
	}
	return at
}

func (b *budget) calls() int {
	total := 0
	for _, h := range b.held {
		total += h.calls
	}
	return total
}

// hold takes places until a time. Places that end within `grain` of each other
// are kept as one, so that a limit of 200,000 a day stays small.
func (b *budget) hold(until time.Time, calls int, grain time.Duration) {
	i := len(b.held)
	for i > 0 && b.held[i-1].until.After(until) {
		i--
	}
	if i > 0 && until.Sub(b.held[i-1].first) < grain {
		b.held[i-1].calls += calls
		b.held[i-1].until = until
		return
	}
	b.held = slices.Insert(b.held, i, held{first: until, until: until, calls: calls})
}

// correct takes over that a service counts fewer calls left than we do, as it
// does if others use the same account.
func (b *budgets) correct(k budgetKey, left int, now, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.budget(k, now)
	if others := k.allow - one.calls() - left; others > 0 {
		one.hold(until, others, k.per/512)
	}
}

// block closes an account until a time.
func (b *budgets) block(account string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.blocked[account]) {
		b.blocked[account] = until
	}
}

// reserve waits for a place in the limits of the connection and the action.
func (o *operation) reserve(ctx context.Context, longest time.Duration) *value.Failure {
	now := time.Now()
	if end, ok := ctx.Deadline(); ok {
		// A place that comes after the end of the step is of no use.
		longest = min(longest, end.Sub(now))
	}
	keys, _ := o.limits()
	at, ok := o.budgets.find(now, caller{o.account(), o.Flow, o.Op}, keys, longest)
	if !ok {
		f := value.Fail(value.ClassRateLimit, "the rate limit of %s is used up until %s", o.Action.Connector.ID, at.UTC().Format(time.RFC3339))
		f.NotBefore = at
		return f
	}
	if !at.After(now) {
		return nil
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return value.Fail(value.ClassTransient, "the call was interrupted while it waited for a place in the rate limit")
	case <-timer.C:
		return nil
	}
}

// limits returns the limits that apply to the call, with their keys.
func (o *operation) limits() ([]budgetKey, []*program.Limit) {
	limits := slices.Concat(o.Action.Connector.Limits, o.Action.Limits)
	keys := make([]budgetKey, len(limits))
	for i, l := range limits {
		owner := o.Action.Connector.ID
		if i >= len(o.Action.Connector.Limits) {
			owner = o.Action.ID
		}
		by := ""
		if l.By != nil {
			v, _ := value.Get(o.inputs, l.By)
			by = paramText(v)
		}
		keys[i] = budgetKey{account: o.account(), owner: owner, allow: l.Allow, per: l.Per, by: by}
	}
	return keys, limits
}

// learn corrects the budgets by what the service says is left.
func (o *operation) learn(a *answer) {
	keys, limits := o.limits()
	for i, l := range limits {
		left, err := strconv.Atoi(strings.TrimSpace(a.header.Get(l.Remaining)))
		if l.Remaining == "" || err != nil || left < 0 {
			continue
		}
		o.budgets.correct(keys[i], left, a.at, windowEnd(l, a))
	}
}

// windowEnd is when a limit that is used up has room again: when the service
// says, else after its window. Where the service says nothing about a long
// window, it is asked again after an hour.
func windowEnd(l *program.Limit, a *answer) time.Time {
	if l.Reset != "" {
		if at := resetTime(a.header.Get(l.Reset), a.at); !at.IsZero() {
			return at
		}
	}
	return a.at.Add(min(l.Per, time.Hour))
}

// resetTime reads the header that says when a limit has room again: seconds
// from now, seconds or milliseconds since 1970, or an HTTP date.
func resetTime(text string, now time.Time) time.Time {
	const thisCentury = 1e9
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil:
		at, err := http.ParseTime(text)
		if err != nil {
			return time.Time{}
		}
		return earlier(at, now.Add(longestWait))
	case n < 0:
		return time.Time{}
	case n >= 1000*thisCentury:
		return earlier(time.UnixMilli(int64(min(n, 1e15))), now.Add(longestWait))
	case n >= thisCentury:
		return earlier(time.Unix(int64(n), 0), now.Add(longestWait))
	default:
		return now.Add(min(time.Duration(min(n, longestWait.Seconds())*float64(time.Second)), longestWait))
	}
}

// block closes the connection after the service said that the limit is used
// up, and completes the failure with the time. A service that does not say
// when is asked again after the shortest window that may be the cause.
func (o *operation) block(a *answer, f *value.Failure) {
	if f.NotBefore.IsZero() {
		_, limits := o.limits()
		f.NotBefore = soonestEnd(limits, a)
	}
	if f.NotBefore.IsZero() {
		return
	}
	o.budgets.block(o.account(), f.NotBefore)
	f.Message = fmt.Sprintf("%s; again at %s", f.Message, f.NotBefore.UTC().Format(time.RFC3339))
}

// soonestEnd returns the end of the shortest window that the service says is
// used up, or of the shortest of all if it says nothing of any.
func soonestEnd(limits []*program.Limit, a *answer) time.Time {
	var known, first time.Time
	for _, l := range limits {
		end := windowEnd(l, a)
		if first.IsZero() || end.Before(first) {
			first = end
		}
		if l.Remaining != "" && a.header.Get(l.Remaining) == "0" && (known.IsZero() || end.Before(known)) {
			known = end
		}
	}
	if known.IsZero() {
		return first
	}
	return known
}
