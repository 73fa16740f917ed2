package sandbox

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/program"
	"patchbay/engine/value"
)

// window is a stretch of time in which calls are counted. It begins with the
// first call.
type window struct {
	ends  time.Time
	calls int
}

const (
	mostWindows = 10_000
	// mostJitter is forgiven: a client counts from when it sends, not from when
	// a request arrives.
	mostJitter = 250 * time.Millisecond
)

// spend counts a call against every declared limit that it comes under. What
// the vendor tells about the limits goes into header; the problem is a 429.
// A call that is refused counts against none. The caller holds the lock.
func (v *service) spend(limits []budget, now time.Time, header http.Header) *problem {
	var full *window
	for _, b := range limits {
		w := v.window(b, now)
		if w.calls >= b.Allow && (full == nil || w.ends.After(full.ends)) {
			full = w
		}
	}
	if full == nil {
		for _, b := range limits {
			v.window(b, now).calls++
		}
	}
	for _, b := range limits {
		v.tell(b, now, header)
	}
	if full == nil {
		return nil
	}
	wait := strconv.Itoa(seconds(full.ends.Sub(now)))
	p := refuse(http.StatusTooManyRequests, value.ClassRateLimit, "Too many requests: try again in %s seconds", wait)
	p.header = http.Header{"Retry-After": {wait}}
	return p
}

// budget is a limit, for one account and one value of what it is counted by.
type budget struct {
	*program.Limit

	key string
}

// budgets returns the limits a call comes under.
func (st *stage) budgets(a *program.Action, account string, inputs map[string]any) []budget {
	var out []budget
	add := func(limits []*program.Limit, owner string) {
		for i, l := range limits {
			by := ""
			if l.By != nil {
				v, _ := value.Get(inputs, l.By)
				by = textOf(v)
			}
			key := strings.Join([]string{account, owner, strconv.Itoa(i), by}, "\x00")
			out = append(out, budget{Limit: l, key: key})
		}
	}
	add(st.connector.Limits, "")
	add(a.Limits, a.Name)
	return out
}

func (v *service) window(b budget, now time.Time) *window {
	if w, ok := v.budgets[b.key]; ok && now.Before(w.ends) {
		return w
	}
	if len(v.budgets) >= mostWindows {
		for key, w := range v.budgets {
			if !now.Before(w.ends) {
				delete(v.budgets, key)
			}
		}
	}
	w := &window{ends: now.Add(b.Per - min(b.Per/50, mostJitter))}
	v.budgets[b.key] = w
	return w
}

// tell writes what is left into the headers the connector names. Where two
// limits share a header, it says the lesser.
func (v *service) tell(b budget, now time.Time, header http.Header) {
	w := v.window(b, now)
	if b.Remaining != "" {
		left := max(b.Allow-w.calls, 0)
		if told, err := strconv.Atoi(header.Get(b.Remaining)); err != nil || left < told {
			header.Set(b.Remaining, strconv.Itoa(left))
		}
	}
	if b.Reset != "" {
		header.Set(b.Reset, strconv.Itoa(seconds(w.ends.Sub(now))))
	}
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
