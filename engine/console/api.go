package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"patchbay/engine/call"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/trigger"
	"patchbay/engine/value"
)

// routes is the table of the API.
func (c *Console) routes(api *http.ServeMux) {
	api.HandleFunc("GET /api/v1/status", c.status)
	api.HandleFunc("GET /api/v1/flows", c.flows)
	api.HandleFunc("GET /api/v1/flows/{id}", c.flow)
	api.HandleFunc("POST /api/v1/flows/{id}/runs", c.start)
	api.HandleFunc("GET /api/v1/runs", c.runs)
	api.HandleFunc("GET /api/v1/runs/{id}", c.run)
	api.HandleFunc("GET /api/v1/runs/{id}/events", c.events)
	api.HandleFunc("POST /api/v1/runs/{id}/cancel", c.cancel)
	api.HandleFunc("POST /api/v1/runs/{id}/answer", c.settle)
	api.HandleFunc("GET /api/v1/operations", c.operations)
	api.HandleFunc("POST /api/v1/call", c.call)
	api.HandleFunc("GET /api/v1/connections", c.connections)
	api.HandleFunc("POST /api/v1/connections/{name}/connect", c.connect)
	api.HandleFunc("POST /api/v1/connect/finish", c.finishConnect)
	api.HandleFunc("GET /api/v1/secrets", c.secrets)
	api.HandleFunc("PUT /api/v1/secrets/{name}", c.setSecret)
	api.HandleFunc("DELETE /api/v1/secrets/{name}", c.removeSecret)
	api.HandleFunc("GET /api/v1/scopes", c.scopes)
	api.HandleFunc("GET /api/v1/tables", c.tables)
	api.HandleFunc("GET /api/v1/tables/{name}", c.table)
	api.HandleFunc("GET /api/v1/findings", c.findings)
	api.HandleFunc("GET /api/v1/addresses", c.addresses)
	api.HandleFunc("GET /api/v1/rejections", c.rejections)
	api.HandleFunc("POST /api/v1/sandbox/send", c.send)
	api.HandleFunc("/api/v1/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "there is nothing at this address", "")
	})
}

func (c *Console) status(w http.ResponseWriter, _ *http.Request) {
	live := c.opt.Catalog.Live()
	s := Status{
		Version: c.opt.Version, Sandbox: c.opt.Sandbox != nil, Dir: c.opt.Dir, Live: live.Version, LiveAt: live.At,
		InSync: live.InSync(), Flows: len(live.Set.Flows), Findings: len(live.Findings), Files: []File{},
	}
	for _, f := range live.Files {
		if f.State != "loaded" {
			s.Files = append(s.Files, File(f))
		}
	}
	answer(w, http.StatusOK, s)
}

func (c *Console) flows(w http.ResponseWriter, r *http.Request) {
	counts, err := c.opt.Store.Counts(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	set := c.opt.Catalog.Set()
	out := []Flow{}
	for _, id := range slices.Sorted(maps.Keys(set.Flows)) {
		out = append(out, newFlow(set.Flows[id], counts[id]))
	}
	answer(w, http.StatusOK, out)
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
	answer(w, http.StatusOK, newFlow(f, counts[f.ID]))
}

func newFlow(f *program.Flow, counts map[journal.Status]int) Flow {
	out := Flow{
		ID: f.ID, Name: f.Name, Description: f.Description, Enabled: f.Enabled, Hash: f.Hash,
		Triggers: []FlowTrigger{}, Inputs: newInputs(f.Inputs), Uses: map[string]string{}, Runs: counts,
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
		return FlowTrigger{ID: t.ID, Kind: "schedule"}
	case t.Webhook != nil:
		return FlowTrigger{ID: t.ID, Kind: "webhook"}
	case t.Event.Webhook:
		return FlowTrigger{ID: t.ID, Kind: "webhook", Trigger: t.Event.ID}
	default:
		return FlowTrigger{ID: t.ID, Kind: "poll", Trigger: t.Event.ID}
	}
}

// flowOf returns the flow that the address names; it has answered if there is
// none.
func (c *Console) flowOf(w http.ResponseWriter, r *http.Request) (*program.Flow, bool) {
	set := c.opt.Catalog.Set()
	f, ok := set.Flows[r.PathValue("id")]
	if ok {
		return f, true
	}
	if slices.Contains(set.Broken, r.PathValue("id")) {
		fail(w, http.StatusConflict, "the flow "+strconv.Quote(r.PathValue("id"))+" has errors", "patchbay check shows them")
		return nil, false
	}
	fail(w, http.StatusNotFound, "there is no flow "+strconv.Quote(r.PathValue("id")),
		nearest(r.PathValue("id"), slices.Sorted(maps.Keys(set.Flows)), "flows"))
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
	t, err := trigger.PickTrigger(f, req.Trigger)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error(), "")
		return
	}
	event, err := c.eventFor(t, req.Event)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error(), "")
		return
	}
	a, err := c.opt.Intake.Demand(r.Context(), f, trigger.Request{Inputs: req.Inputs, Event: event, Trigger: t, EventID: req.EventID})
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error(), "")
		return
	}
	accepted, err := c.opt.Store.Accept(r.Context(), []journal.Arrival{a}, nil)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusAccepted, StartAnswer{Run: accepted[0].Run, Duplicate: accepted[0].Duplicate})
}

// eventFor brings a given event into the form of the trigger's type: it may
// have that form, or the one in which the vendor delivers it. In the sandbox
// the trigger's example stands in for one that was not given.
func (c *Console) eventFor(t *program.FlowTrigger, given any) (any, error) {
	event, err := value.Normalize(given)
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	if t.Event == nil || !t.Event.Webhook {
		if event == nil && t.Type != nil && t.Type.Kind == value.Object {
			return map[string]any{}, nil
		}
		return event, nil
	}
	if event == nil {
		if c.opt.Sandbox == nil || t.Event.Example == nil {
			return nil, fmt.Errorf("the flow starts with an event of %s, so one must be given", t.Event.ID)
		}
		if event, err = value.Decode(t.Event.Example); err != nil {
			return nil, err
		}
	} else if value.MismatchValue(event, t.Type) == "" {
		return event, nil
	}
	at, _ := value.Get(map[string]any{"body": event}, t.Event.Output.At)
	mapped, err := call.Map(t.Event.Output.Type, at)
	if err != nil {
		return nil, fmt.Errorf("the event is not one of %s: %w", t.Event.ID, err)
	}
	return mapped, nil
}

func (c *Console) runs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := journal.Filter{Flow: q.Get("flow"), Status: journal.Status(q.Get("status"))}
	f.Limit, _ = strconv.Atoi(q.Get("limit"))
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64)
	f.Limit = min(f.Limit, 1000)
	found, err := c.opt.Store.Runs(r.Context(), f)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	out := []Run{}
	for _, run := range found {
		out = append(out, newRun(run))
	}
	answer(w, http.StatusOK, out)
}

// runOf returns the run that the address names; it has answered if there is
// none.
func (c *Console) runOf(w http.ResponseWriter, r *http.Request) (journal.Run, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		fail(w, http.StatusNotFound, strconv.Quote(r.PathValue("id"))+" is not the number of a run", "patchbay runs lists them")
		return journal.Run{}, false
	}
	run, err := c.opt.Store.RunByID(r.Context(), id)
	switch {
	case errors.Is(err, journal.ErrNoRun):
		fail(w, http.StatusNotFound, "there is no run "+r.PathValue("id"), "patchbay runs lists them")
		return run, false
	case err != nil:
		c.internal(w, r, err)
		return run, false
	}
	return run, true
}

func (c *Console) run(w http.ResponseWriter, r *http.Request) {
	run, ok := c.runOf(w, r)
	if !ok {
		return
	}
	events, err := c.opt.Store.Events(r.Context(), run.ID)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	out := newRun(run)
	out.Event, out.Inputs, out.Journal = run.Event, run.Inputs, events
	answer(w, http.StatusOK, out)
}

// events writes the events of a run, one JSON text a line; with ?follow=1 as
// they happen, until the run does not go on by itself.
func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	run, ok := c.runOf(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	if r.URL.Query().Get("follow") == "" {
		stored, _ := c.opt.Store.Events(r.Context(), run.ID)
		for _, e := range stored {
			_ = out.Encode(e) // a reader that is gone ends with the request
		}
		return
	}
	c.follow(w, r, run, out)
}

func (c *Console) follow(w http.ResponseWriter, r *http.Request, run journal.Run, out *json.Encoder) {
	ctx := r.Context()
	stored, err := c.opt.Store.Events(ctx, run.ID)
	if err != nil {
		return
	}
	seen, _ := c.feed.from(run.ID, 0)
	// What is stored and older than all the feed knows comes first.
	for _, e := range stored {
		if len(seen) == 0 || e.At.Before(seen[0].At) {
			_ = out.Encode(e)
		}
	}
	sent := 0
	for ctx.Err() == nil {
		events, changed := c.feed.from(run.ID, sent)
		for _, e := range events {
			_ = out.Encode(e)
		}
		sent += len(events)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		if len(events) > 0 {
			continue
		}
		now, err := c.opt.Store.RunByID(ctx, run.ID)
		if err != nil || atRest(now.Status) {
			if more, _ := c.feed.from(run.ID, sent); len(more) > 0 {
				continue
			}
			return
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(100 * time.Millisecond): // an end is told before it is on disk
		}
	}
}

// atRest reports whether a run of that status does not go on at once.
func atRest(s journal.Status) bool {
	return s.HasEnded() || s == journal.WaitingStatus || s == journal.OutcomeUnknown
}

func (c *Console) cancel(w http.ResponseWriter, r *http.Request) {
	run, ok := c.runOf(w, r)
	if !ok {
		return
	}
	if run.Status.HasEnded() {
		fail(w, http.StatusConflict, "the run has ended already: "+string(run.Status), "")
		return
	}
	if err := c.opt.Store.Cancel(r.Context(), run.ID); err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"run": run.ID, "status": journal.Cancelled})
}

// settleRequest answers what came of a write without a known outcome.
type settleRequest struct {
	Path     string `json:"path"` // "" for the only open one
	Happened bool   `json:"happened"`
	Output   any    `json:"output"`
}

func (c *Console) settle(w http.ResponseWriter, r *http.Request) {
	run, ok := c.runOf(w, r)
	if !ok {
		return
	}
	var req settleRequest
	if !decode(w, r, &req) {
		return
	}
	if run.Status != journal.OutcomeUnknown {
		fail(w, http.StatusConflict, "the run has no open question: it is "+string(run.Status), "")
		return
	}
	events, err := c.opt.Store.Events(r.Context(), run.ID)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	open := journal.Fold(events).Unsettled()
	if req.Path == "" && len(open) > 0 {
		req.Path = open[0]
	}
	if !slices.Contains(open, req.Path) {
		fail(w, http.StatusUnprocessableEntity, "the step "+strconv.Quote(req.Path)+" has no open question", nearest(req.Path, open, "open steps"))
		return
	}
	output, err := value.Normalize(req.Output)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "output: "+err.Error(), "")
		return
	}
	e := journal.Event{At: time.Now(), Kind: journal.Answered, Path: req.Path, Text: journal.DidNotHappen}
	if req.Happened {
		e.Text, e.Data = journal.Happened, output
	}
	if err := c.opt.Store.Reopen(r.Context(), run.ID, []journal.Event{e}); err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"run": run.ID, "path": req.Path})
}

// call makes one call outside of any flow.
func (c *Console) call(w http.ResponseWriter, r *http.Request) {
	var req CallRequest
	if !decode(w, r, &req) {
		return
	}
	set := c.opt.Catalog.Set()
	action, hint, ok := set.FindAction(req.Action)
	if !ok {
		fail(w, http.StatusNotFound, "there is no action "+strconv.Quote(req.Action), hint)
		return
	}
	conn, reason := c.connectionFor(r, set, action.Connector, req.Connection)
	if reason != "" {
		fail(w, http.StatusUnprocessableEntity, reason, "")
		return
	}
	with, err := value.Normalize(req.With)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "with: "+err.Error(), "")
		return
	}
	input, _ := with.(map[string]any)
	res, err := c.opt.Calls.Do(r.Context(), call.Request{
		Action: action, Connection: conn, Input: input, Op: call.Op{Path: "call/" + strconv.FormatInt(time.Now().UnixNano(), 36)},
	})
	out := CallAnswer{Output: res.Output, Request: res.Exchange}
	if err != nil {
		failure := new(value.Failure)
		if !errors.As(err, &failure) {
			failure = value.Fail(value.ClassUnknown, "%s", err)
		}
		out.Failure = failure
	}
	answer(w, http.StatusOK, out)
}

// connectionFor returns the connection of that name, or the connector's
// default one: the one that bears its name, else the only one.
func (c *Console) connectionFor(r *http.Request, set *program.Set, k *program.Connector, name string) (*program.Connection, string) {
	if name == "" {
		var reason string
		if name, reason = set.DefaultConnection(k); reason != "" {
			return nil, reason
		}
		if name == "" {
			return nil, ""
		}
	}
	conn, ok := c.opt.Connection(r.Context(), name)
	if !ok {
		return nil, "there is no connection " + strconv.Quote(name)
	}
	if conn.Connector.ID != k.ID {
		return nil, "the connection " + strconv.Quote(name) + " is one to " + conn.Connector.Name + ", not to " + k.Name
	}
	return conn, ""
}

func (c *Console) tables(w http.ResponseWriter, r *http.Request) {
	type table struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
		Rows        int    `json:"rows"`
	}
	set := c.opt.Catalog.Set()
	kept, err := c.opt.Store.TableNames(r.Context())
	if err != nil {
		c.internal(w, r, err)
		return
	}
	names := slices.Concat(kept, slices.Collect(maps.Keys(set.Tables)))
	slices.Sort(names)
	out := []table{}
	for _, name := range slices.Compact(names) {
		n, err := c.opt.Store.CountRows(r.Context(), name)
		if err != nil {
			c.internal(w, r, err)
			return
		}
		t := table{Name: name, Rows: n}
		if shape := set.Tables[name]; shape != nil {
			t.Description = cmp.Or(shape.Description, shape.Name)
		}
		out = append(out, t)
	}
	answer(w, http.StatusOK, out)
}

func (c *Console) table(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	shape := c.opt.Catalog.Set().Tables[name]
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	rows, err := c.opt.Store.FindRows(r.Context(), name, nil, "", false, limit)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	if shape == nil && len(rows) == 0 {
		fail(w, http.StatusNotFound, "there is no table "+strconv.Quote(name),
			nearest(name, slices.Sorted(maps.Keys(c.opt.Catalog.Set().Tables)), "tables"))
		return
	}
	out := Rows{Table: name, Rows: rows, Columns: []string{}}
	if rows == nil {
		out.Rows = []map[string]any{}
	}
	if shape != nil {
		out.Columns = shape.Row.FieldNames()
	} else {
		for _, row := range rows {
			out.Columns = append(out.Columns, slices.Collect(maps.Keys(row))...)
		}
		slices.Sort(out.Columns)
		out.Columns = slices.Compact(out.Columns)
	}
	answer(w, http.StatusOK, out)
}

func (c *Console) findings(w http.ResponseWriter, _ *http.Request) {
	out := []Finding{}
	for _, f := range c.opt.Catalog.Live().Findings {
		out = append(out, NewFinding(f))
	}
	answer(w, http.StatusOK, out)
}

func (c *Console) rejections(w http.ResponseWriter, r *http.Request) {
	found, err := c.opt.Store.Rejections(r.Context(), 100)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, found)
}
