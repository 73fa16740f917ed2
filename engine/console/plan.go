package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"patchbay/engine/catalog"
	"patchbay/engine/journal"
	"patchbay/engine/plan"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/engine/vault"
)

// PlanRequest asks what would happen if the files were changed, POST
// /api/v1/plan. Nothing is written and nothing goes live.
type PlanRequest struct {
	// Files are the texts by the paths of their files below the workspace,
	// "flows/report.yaml"; null for one that is removed. Without any, the
	// folder is planned as it is.
	Files map[string]*string `json:"files"`
	// Whole says that these are all the files of the workspace. Else the rest
	// is as it is in the folder.
	Whole bool `json:"whole"`
}

// Against says what a plan is held against.
type Against string

// What a plan can be held against.
const (
	AgainstLive    Against = "live"    // what is live
	AgainstLast    Against = "last"    // what `serve` had live last, or a command where it never ran
	AgainstNothing Against = "nothing" // nothing was ever live here
	AgainstFolder  Against = "folder"  // the files of another folder
)

// PlanAnswer is what would be different, what would not go live, and why.
type PlanAnswer struct {
	Against  Against `json:"against"`
	Errors   int     `json:"errors"`
	Warnings int     `json:"warnings"`
	// Findings are those there would be, Files what would not be live as it
	// stands: it stays on its last good version (kept), or is not live at all.
	Findings []Finding `json:"findings"`
	Files    []File    `json:"files"`
	plan.Plan
}

// NewPlan returns the API's form of a plan for what would be live.
func NewPlan(against Against, next *catalog.Live, p *plan.Plan) PlanAnswer {
	out := PlanAnswer{Against: against, Findings: []Finding{}, Files: []File{}, Plan: *p}
	out.Errors = len(next.Findings.Errors())
	out.Warnings = len(next.Findings) - out.Errors
	for _, f := range next.Findings {
		out.Findings = append(out.Findings, NewFinding(f))
	}
	for _, f := range next.Files {
		if f.State != catalog.Loaded {
			out.Files = append(out.Files, File(f))
		}
	}
	return out
}

func (c *Console) plan(w http.ResponseWriter, r *http.Request) {
	var req PlanRequest
	if !decode(w, r, &req) {
		return
	}
	for name := range req.Files {
		if !isFile(w, name) {
			return
		}
	}
	out, err := c.Plan(r.Context(), AgainstLive, catalog.Change{Files: req.Files, Whole: req.Whole})
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, out)
}

// Plan says what would happen if the files were changed, held against what is
// live in the catalog.
func (c *Console) Plan(ctx context.Context, against Against, change catalog.Change) (PlanAnswer, error) {
	next, err := c.opt.Catalog.Plan(ctx, change)
	if err != nil {
		return PlanAnswer{}, err
	}
	before := c.opt.Catalog.Set()
	facts, err := c.facts(ctx, before, next.Set)
	if err != nil {
		return PlanAnswer{}, err
	}
	next.Findings = c.FindingsOf(ctx, next)
	return NewPlan(against, next, plan.Of(before, next.Set, facts)), nil
}

// facts gathers what the data folder knows of what is compared.
func (c *Console) facts(ctx context.Context, before, after *program.Set) (plan.Facts, error) {
	facts := plan.Facts{
		Now: time.Now(), Next: trigger.Next, Ticks: trigger.Ticks, Data: true,
		Open: map[string]map[journal.Status]int{}, History: map[string]plan.History{}, Cursors: map[plan.Place]plan.Cursor{},
		States: map[string]plan.State{}, Accounts: map[string]int{},
	}
	counts, err := c.opt.Store.Counts(ctx)
	if err != nil {
		return facts, err
	}
	for id, statuses := range counts {
		for status, n := range statuses {
			if status.HasEnded() {
				continue
			}
			if facts.Open[id] == nil {
				facts.Open[id] = map[journal.Status]int{}
			}
			facts.Open[id][status] = n
		}
	}
	if err := c.pastRuns(ctx, &facts, before, after); err != nil {
		return facts, err
	}
	if err := c.cursors(ctx, &facts, after); err != nil {
		return facts, err
	}
	return facts, c.standings(ctx, &facts, after)
}

// pastRuns gathers how often the triggers fired, and what the latest runs did.
func (c *Console) pastRuns(ctx context.Context, facts *plan.Facts, sets ...*program.Set) error {
	started, err := c.opt.Store.History(ctx, facts.Now.Add(-plan.Week), facts.Now.Add(-plan.Month))
	if err != nil {
		return err
	}
	for _, st := range started {
		h := facts.History[st.Flow]
		if h.Triggers == nil {
			h.Triggers = map[string]journal.Started{}
		}
		h.Triggers[st.Trigger] = st
		facts.History[st.Flow] = h
	}
	for id, h := range facts.History {
		if !slices.ContainsFunc(sets, func(s *program.Set) bool { return s.Flows[id] != nil }) {
			continue
		}
		runs, err := c.opt.Store.Runs(ctx, journal.Filter{Flow: id, Limit: plan.Sample})
		if err != nil {
			return err
		}
		for i := range runs {
			if !runs[i].Status.HasEnded() {
				continue
			}
			events, err := c.opt.Store.Events(ctx, runs[i].ID)
			if err != nil {
				return err
			}
			h.Add(events)
		}
		facts.History[id] = h
	}
	return nil
}

// cursors gathers how far the schedules and polls have come.
func (c *Console) cursors(ctx context.Context, facts *plan.Facts, set *program.Set) error {
	for id, f := range set.Flows {
		for _, t := range f.Triggers {
			at := plan.Place{Flow: id, Trigger: t.ID}
			switch {
			case t.Schedule != nil:
			case t.Event != nil && t.Event.Poll != nil:
				at.Connection = t.Use.Connection
			default:
				continue
			}
			v, begun, err := c.opt.Store.Cursor(ctx, at.Flow, at.Trigger, at.Connection)
			if err != nil {
				return err
			}
			if begun {
				of, paused := trigger.Standing(v)
				facts.Cursors[at] = plan.Cursor{Of: of, Paused: paused}
			}
		}
	}
	return nil
}

// standings gathers how the connections stand, and how many accounts each has.
func (c *Console) standings(ctx context.Context, facts *plan.Facts, set *program.Set) error {
	for _, name := range set.WrittenConnections() {
		conn := set.Connections[name]
		state, err := c.opt.Vault.State(ctx, conn)
		if err != nil {
			return err
		}
		facts.States[name] = plan.State{Ready: state.Status == vault.Connected, Message: state.Message, Granted: state.Granted}
		for _, m := range c.opt.Members.Set().MembersOf(name) {
			if m.Member.Retired.IsZero() {
				facts.Accounts[name]++
			}
		}
	}
	return nil
}
