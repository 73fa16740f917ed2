package console

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
)

func (c *Console) status(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, c.statusNow(r.Context()))
}

func (c *Console) statusNow(ctx context.Context) Status {
	live := c.opt.Catalog.Live()
	s := Status{
		Version: c.opt.Version, Sandbox: c.opt.Sandbox != nil, Dir: c.opt.Dir, Live: live.Version, LiveAt: live.At,
		InSync: live.InSync(), Flows: len(live.Set.Flows), Findings: len(c.FindingsOf(ctx, live)), Files: []File{},
	}
	for _, f := range live.Files {
		if f.State != catalog.Loaded {
			s.Files = append(s.Files, File(f))
		}
	}
	return s
}

func (c *Console) findings(w http.ResponseWriter, r *http.Request) {
	out := []Finding{}
	for _, f := range c.FindingsOf(r.Context(), c.opt.Catalog.Live()) {
		out = append(out, NewFinding(f))
	}
	answer(w, http.StatusOK, out)
}

// check answers with the findings there would be in a file that held a text.
func (c *Console) check(w http.ResponseWriter, r *http.Request) {
	var req CheckRequest
	if !decode(w, r, &req) {
		return
	}
	if !isFile(w, req.Path) {
		return
	}
	out := []Finding{}
	ungranted := func(set *program.Set) diag.List { return set.Ungranted(GrantedBy(r.Context(), c.opt.Vault, set)) }
	for _, f := range c.opt.Catalog.Check(req.Path, []byte(req.Text), ungranted) {
		out = append(out, NewFinding(f))
	}
	answer(w, http.StatusOK, out)
}

// isFile reports whether a file of that path would be read; it has answered if
// not.
func isFile(w http.ResponseWriter, name string) bool {
	if catalog.IsRead(name) {
		return true
	}
	fail(w, http.StatusUnprocessableEntity, strconv.Quote(name)+" is not the path of a file of the workspace", "such as flows/report.yaml")
	return false
}

func (c *Console) flows(w http.ResponseWriter, r *http.Request) {
	counts, err := c.opt.Store.Counts(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	p, err := c.pausedNow(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, newFlows(c.opt.Catalog.Set(), counts, p))
}

func (c *Console) flow(w http.ResponseWriter, r *http.Request) {
	f, ok := c.flowOf(w, r)
	if !ok {
		return
	}
	counts, err := c.opt.Store.Counts(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	p, err := c.pausedNow(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	out := newFlow(f, counts[f.ID])
	out.Paused = p.byConnection(f.ID)
	answer(w, http.StatusOK, out)
}

func newFlows(set *program.Set, counts map[string]map[journal.Status]int, p paused) []Flow {
	out := []Flow{}
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		flow := newFlow(set.Flows[id], counts[id])
		flow.Paused = p.byConnection(id)
		out = append(out, flow)
	}
	return out
}

func newFlow(f *program.Flow, counts map[journal.Status]int) Flow {
	out := Flow{
		ID: f.ID, Name: f.Name, Description: f.Description, Enabled: f.Enabled, Hash: f.Hash,
		Triggers: []FlowTrigger{}, Inputs: newInputs(f.Inputs), Uses: map[string]string{}, Runs: counts,
	}
	if counts == nil {
		out.Runs = map[journal.Status]int{}
	}
	for _, t := range f.Triggers {
		out.Triggers = append(out.Triggers, newFlowTrigger(t))
	}
	for role, use := range f.Uses {
		out.Uses[role] = use.Connection
	}
	for range f.AllSteps() {
		out.Steps++
	}
	return out
}

func newFlowTrigger(t *program.FlowTrigger) FlowTrigger {
	switch {
	case t.OnDemand:
		return FlowTrigger{ID: t.ID, Kind: "on_demand"}
	case t.Schedule != nil:
		return FlowTrigger{ID: t.ID, Kind: "schedule", When: when(t.Schedule)}
	case t.Webhook != nil:
		return FlowTrigger{ID: t.ID, Kind: "webhook"}
	case t.FlowFailed != "":
		return FlowTrigger{ID: t.ID, Kind: "flow_failed", When: failing(t.FlowFailed)}
	case t.Event.Webhook:
		return FlowTrigger{ID: t.ID, Kind: "webhook", Trigger: t.Event.ID}
	default:
		return FlowTrigger{ID: t.ID, Kind: "poll", Trigger: t.Event.ID}
	}
}

// failing says in words whose failures start a flow.
func failing(flow string) string {
	if flow == program.AnyFlow {
		return "another flow fails"
	}
	return flow + " fails"
}

// when says in words when a schedule fires.
func when(s *program.Schedule) string {
	switch {
	case s.Every > 0:
		return "every " + span(s.Every)
	case s.Cron != "":
		return "cron " + s.Cron + " " + s.Zone.String()
	}
	days := []string{"every day"}
	if len(s.Days) > 0 {
		days = nil
		for _, d := range s.Days {
			days = append(days, d.String()[:3])
		}
	}
	return fmt.Sprintf("%s at %02d:%02d %s", strings.Join(days, ", "), s.Hour, s.Minute, s.Zone)
}

// span writes a duration without the zeros at its end: 90m is 1h30m.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// flowOf returns the flow that the address names; it has answered if there is
// none.
func (c *Console) flowOf(w http.ResponseWriter, r *http.Request) (*program.Flow, bool) {
	set, id := c.opt.Catalog.Set(), r.PathValue("id")
	f, ok := set.Flows[id]
	if ok {
		return f, true
	}
	if slices.Contains(set.Broken, id) {
		fail(w, http.StatusConflict, "the flow "+strconv.Quote(id)+" has errors", "patchbay check shows them")
		return nil, false
	}
	fail(w, http.StatusNotFound, "there is no flow "+strconv.Quote(id),
		nearest(id, slices.Sorted(maps.Keys(set.Flows)), "flows"))
	return nil, false
}

// start begins a run by hand.
func (c *Console) start(w http.ResponseWriter, r *http.Request) {
	f, ok := c.flowOf(w, r)
	if !ok {
		return
	}
	var req StartRequest
	if !decode(w, r, &req) {
		return
	}
	arrival, err := c.arrival(r, f, req)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error(), "")
		return
	}
	accepted, err := c.opt.Intake.Accept(r.Context(), []journal.Arrival{arrival}, nil)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusAccepted, StartAnswer{Run: accepted[0].Run, Duplicate: accepted[0].Duplicate})
}

// arrival makes of a request what a trigger would have brought; an error is a
// sentence for who asked.
func (c *Console) arrival(r *http.Request, f *program.Flow, req StartRequest) (journal.Arrival, error) {
	c.knowAccounts(r.Context(), f)
	t, err := trigger.PickTrigger(f, req.Trigger)
	if err != nil {
		return journal.Arrival{}, err
	}
	event, err := c.eventFor(r.Context(), t, req.Event, req.Connection)
	if err != nil {
		return journal.Arrival{}, err
	}
	inputs, err := object(req.Inputs)
	if err != nil {
		return journal.Arrival{}, fmt.Errorf("inputs: %w", err)
	}
	return c.opt.Intake.Demand(r.Context(), f, trigger.Request{
		Inputs: inputs, Event: event, Trigger: t, EventID: req.EventID, Connection: req.Connection,
	})
}
