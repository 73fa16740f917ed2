package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// Estimate is about how much a flow does a day, before and after. What is not
// known is left out.
type Estimate struct {
	RunsBefore *float64 `json:"runs_before,omitempty"`
	RunsAfter  *float64 `json:"runs_after,omitempty"`
	// How says where the numbers come from, Unknown what they leave out.
	How     []string `json:"how"`
	Unknown []string `json:"unknown"`
}

const day = 24 * time.Hour

// estimate says about how often a flow runs.
func (c *comparison) estimate(id string) *Estimate {
	e := &Estimate{How: []string{}, Unknown: []string{}}
	if f := c.before.Flows[id]; f != nil && f.Enabled {
		e.RunsBefore = c.runs(f).number()
	}
	f := c.after.Flows[id]
	if f == nil || !f.Enabled {
		return e.orNil()
	}
	r := c.runs(f)
	e.RunsAfter = r.number()
	e.How, e.Unknown = append(e.How, r.how...), append(e.Unknown, r.unknown...)
	if calls := c.perRun(f); r.known && len(calls.calls) > 0 {
		e.How = append(e.How, calls.how(c.History[id].Sampled))
		e.Unknown = append(e.Unknown, calls.unknown...)
	}
	return e.orNil()
}

func (e *Estimate) orNil() *Estimate {
	if e.RunsBefore == nil && e.RunsAfter == nil && len(e.Unknown) == 0 {
		return nil
	}
	return e
}

// rate is how many runs a day a flow has.
type rate struct {
	runs    float64
	known   bool // of one trigger at least
	how     []string
	unknown []string
}

func (r rate) number() *float64 {
	if !r.known {
		return nil
	}
	n := rounded(r.runs)
	return &n
}

// rounded leaves as many digits as an estimate has.
func rounded(n float64) float64 {
	if n >= 10 {
		return math.Round(n)
	}
	return math.Round(n*10) / 10
}

// runs says how many runs a day the triggers of a flow start: a schedule by the
// clock, all others as they did.
func (c *comparison) runs(f *program.Flow) rate {
	var r rate
	var silent []string
	for _, t := range f.Triggers {
		if t.Schedule != nil {
			n, how := c.ticks(f, t)
			r.runs, r.known = r.runs+n, true
			r.how = append(r.how, how)
			continue
		}
		st := c.History[f.ID].Triggers[t.ID]
		n, over := c.average(st)
		switch {
		case over != "":
			r.runs, r.known = r.runs+n, true
			r.how = append(r.how, fmt.Sprintf("%s started %s in %s", t.ID, many(runsIn(st), "run"), over))
		case !t.OnDemand:
			silent = append(silent, t.ID)
		}
	}
	if len(silent) > 0 {
		why := "no history yet of "
		if !c.Data {
			why = "only a data folder tells how often it is started by "
		}
		r.unknown = append(r.unknown, why+strings.Join(silent, ", "))
	}
	return r
}

// ticks returns how often a schedule fires a day.
func (c *comparison) ticks(f *program.Flow, t *program.FlowTrigger) (float64, string) {
	n := c.frequency(t.Schedule)
	how := fmt.Sprintf("%s fires %s", clock(t.Schedule), times(n))
	if use := f.Fanned(); use != nil {
		n *= c.accounts(use)
		how += " for each account of " + use.Written() + c.accountsSaid(use)
	}
	return n, how
}

// accounts returns how many accounts a role stands for, 1 where nobody knows.
func (c *comparison) accounts(use *program.Use) float64 {
	return float64(max(c.Accounts[use.Written()], 1))
}

// accountsSaid says in words how many accounts are counted.
func (c *comparison) accountsSaid(use *program.Use) string {
	if n := c.Accounts[use.Written()]; n > 0 {
		return " (" + strconv.Itoa(n) + ")"
	}
	return " (one is counted: how many there are is not known)"
}

// frequency returns how often a schedule fires a day: over the next four weeks
// or, where that is rarer, between the next two times.
func (c *comparison) frequency(s *program.Schedule) float64 {
	if s.Every > 0 {
		return float64(day) / float64(s.Every)
	}
	of := c.Ticks(s)
	n, known := c.counted[of]
	if !known {
		n = c.count(s)
		c.counted[of] = n
	}
	return n
}

func (c *comparison) count(s *program.Schedule) float64 {
	const most = 3000
	end, n := c.Now.Add(4*Week), 0
	at := c.Next(s, c.Now)
	if at.After(end) {
		if next := c.Next(s, at); !next.IsZero() {
			return float64(day) / float64(next.Sub(at))
		}
		return 0
	}
	for ; !at.IsZero() && !at.After(end); at = c.Next(s, at) {
		if n++; n == most { // every few minutes: what is left is as this was
			return float64(n) * float64(day) / float64(at.Sub(c.Now))
		}
	}
	return float64(n) * float64(day) / float64(4*Week)
}

// times says how often something is a day, a week, in 30 days or a year.
func times(n float64) string {
	in, span := n, "a day"
	switch {
	case n >= 1:
	case n*7 >= 1:
		in, span = n*7, "a week"
	case n*30 >= 1:
		in, span = n*30, "in 30 days"
	default:
		in, span = n*365, "a year"
	}
	if rounded(in) == 1 {
		return "once " + span
	}
	return number(in) + " times " + span
}

// average returns how many runs a day there were, and over which time; "" if
// there were none.
func (c *comparison) average(st journal.Started) (float64, string) {
	over := Week
	if st.Late == 0 {
		over = Month
	}
	if st.All == 0 {
		return 0, ""
	}
	// What began a few days ago has not run for a week.
	days := min(over, max(day, c.Now.Sub(st.First))).Hours() / 24
	if days == 1 {
		return float64(runsIn(st)), "the last day"
	}
	return float64(runsIn(st)) / days, "the last " + many(int(math.Ceil(days)), "day")
}

func runsIn(st journal.Started) int {
	if st.Late > 0 {
		return st.Late
	}
	return st.All
}
