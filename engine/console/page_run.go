package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/run"
	"patchbay/engine/value"
)

// runData is a run, the writes without a known outcome, what failed and was not
// dealt with, and how it can be retried.
type runData struct {
	Run

	Open    []openWrite
	Letters []Letter
	Retries []retryOffer
	Paused  *Connection // that the run waits for, nil for none
}

// openWrite is a write of which nobody knows whether it happened.
type openWrite struct {
	Path   string
	Sent   *journal.Exchange
	Looked *journal.Event // the last look of a person after it
	Result string         // what of that can be its result, as JSON
	Misfit string         // or why nothing of it can be
	Reads  []string       // the actions of the service to look with
}

// foundRun returns the run that the address of a page names, with its journal;
// it has answered if there is none.
func (c *Console) foundRun(w http.ResponseWriter, r *http.Request) (journal.Run, []journal.Event, bool) {
	run, err := c.findRun(r)
	if errors.Is(err, journal.ErrNoRun) {
		c.message(w, r, http.StatusNotFound, "There is no run "+strconv.Quote(r.PathValue("id"))+".", "Old runs are removed after a while.")
		return run, nil, false
	}
	var events []journal.Event
	if err == nil {
		events, err = c.opt.Store.Events(r.Context(), run.ID)
	}
	if err != nil {
		c.trouble(w, r, err)
		return run, nil, false
	}
	return run, events, true
}

func (c *Console) runPage(w http.ResponseWriter, r *http.Request) {
	run, events, ok := c.foundRun(w, r)
	if !ok {
		return
	}
	whole, err := c.wholeRun(r.Context(), run, events)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	data := runData{Run: whole, Retries: c.offers(r.Context(), run, events)}
	state := journal.Fold(events)
	for _, l := range state.Letters() {
		data.Letters = append(data.Letters, c.failureLetter(run, l))
	}
	if name := pausedBy(run.Status, state); name != "" {
		view, err := c.connectionNamed(r.Context(), name, nil)
		if err != nil {
			c.trouble(w, r, err)
			return
		}
		data.Paused = &view
	}
	if run.Status == journal.OutcomeUnknown {
		for _, path := range state.Unsettled() {
			step, _ := state.Step(path)
			open, err := c.openWrite(r.Context(), run, step, events)
			if err != nil {
				c.trouble(w, r, err)
				return
			}
			data.Open = append(data.Open, open)
		}
	}
	c.render(w, r, http.StatusOK, "run.html", view{
		Title: "Run " + strconv.FormatInt(run.ID, 10) + ": " + run.Flow, Rest: run.Status.HasEnded(), Data: data,
	})
}

// openWrite tells of a write of which nobody knows whether it happened.
func (c *Console) openWrite(ctx context.Context, run journal.Run, step *journal.StepState, events []journal.Event) (openWrite, error) {
	out := openWrite{Path: step.Path, Sent: step.Intent.Request}
	q, refused, err := c.question(ctx, run, step.Path)
	if err != nil || refused != nil {
		return out, err
	}
	if q.action != nil {
		for _, a := range q.action.Connector.Actions() {
			if a.Effect == program.EffectRead {
				out.Reads = append(out.Reads, a.ID)
			}
		}
		slices.Sort(out.Reads)
	}
	for i := range events {
		if e := &events[i]; e.Kind == journal.Checked && e.Path == step.Path && e.At.After(step.Intent.At) {
			out.Looked = e
		}
	}
	if out.Looked != nil && out.Looked.Text == "" {
		result, misfit := q.result(out.Looked.Data)
		out.Misfit = misfit
		if result != nil {
			out.Result = inline(result)
		}
	}
	return out, nil
}

// retryData is the page on which a retry is looked at before it begins.
type retryData struct {
	Run     Run
	Letter  *Letter // of an item: what failed there
	From    string
	With    string
	Items   []string
	Refused string // why it cannot begin
	Hint    string
	Plan    *RetryAnswer
	Fields  []editField
	Ways    []retryWay
}

// retryWay is another way to retry the same.
type retryWay struct {
	Label, Address string
	Now            bool // it is the one on the page
}

// editField is something a person may set before the retry.
type editField struct {
	Name  string // "each[3].apply.email"
	Value string // as it is written in an edit
	Kind  string // its type, in words
	Known bool   // what it is given is known
	// Edited is set where the value is the one of an edit.
	Edited bool
}

// mostFields is how many fields a page offers to edit: those of what failed come
// first, and more than that nobody goes through.
const mostFields = 40

func (c *Console) retryPage(w http.ResponseWriter, r *http.Request) {
	run, events, ok := c.foundRun(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	req := RetryRequest{From: q.Get("from"), With: q.Get("with"), Items: q["item"], Edit: q["edit"], DryRun: true}
	data := retryData{Run: newRun(run), From: req.From, With: req.With, Items: req.Items, Ways: c.retryWays(run, q)}
	for _, l := range journal.Fold(events).Letters() {
		if len(req.Items) == 0 && l.Path == "" || slices.Contains(req.Items, l.Path) {
			letter := c.failureLetter(run, l)
			data.Letter = &letter
		}
	}
	plan, refused := c.planRetry(r.Context(), run, events, req)
	if refused != nil {
		data.Refused, data.Hint = refused.message, refused.hint
	} else {
		data.Plan, data.From, data.With = &plan.answer, plan.answer.From, plan.answer.With
		data.Fields = editFields(plan.steps, journal.Fold(events))
		for i, f := range data.Fields {
			data.Fields[i].Edited = slices.ContainsFunc(req.Edit, func(text string) bool { return strings.HasPrefix(text, f.Name+"=") })
		}
	}
	c.render(w, r, http.StatusOK, "retry.html", view{Title: "Retry run " + strconv.FormatInt(run.ID, 10), Rest: true, Data: data})
}

// retryWays returns the addresses of the other ways to retry a run.
func (c *Console) retryWays(run journal.Run, now url.Values) []retryWay {
	var out []retryWay
	for _, way := range []struct{ label, from, with string }{
		{"what failed", fromFailed, withOriginal},
		{"what failed, with the current version", fromFailed, withCurrent},
		{"everything", fromStart, withOriginal},
		{"everything, with the current version", fromStart, withCurrent},
	} {
		live := c.opt.Catalog.Set().Flows[run.Flow]
		if way.with == withCurrent && (live == nil || live.Hash == run.Definition) {
			continue
		}
		q := url.Values{"from": {way.from}, "with": {way.with}}
		if way.from == fromFailed {
			q["item"] = now["item"]
		}
		from, with := now.Get("from"), now.Get("with")
		out = append(out, retryWay{
			Label: way.label, Address: "/runs/" + strconv.FormatInt(run.ID, 10) + "/retry?" + q.Encode(),
			Now: (from == way.from || from == "" && way.from == fromFailed) && (with == way.with || with == "" && way.with == withOriginal),
		})
	}
	return out
}

// editFields returns what may be set in the steps that were begun before and
// are done once more.
func editFields(steps []run.Glance, was *journal.State) []editField {
	var out []editField
	for _, g := range steps {
		_, begun := was.Step(g.Path)
		if g.Outcome != "" || !begun && !g.Begun || len(out) >= mostFields {
			continue
		}
		ways := targets(g)
		if len(ways) == 0 {
			continue
		}
		out = append(out, fieldsOf(ways[len(ways)-1])...)
	}
	return out
}

// fieldsOf returns the fields of a target with their values.
func fieldsOf(n named) []editField {
	names := n.typ.FieldNames()
	if len(names) == 0 {
		return []editField{newEditField(strings.TrimSuffix(n.prefix, "."), n.given, n.typ)}
	}
	var out []editField
	for _, name := range names {
		f, _ := n.typ.Lookup(name)
		v, _ := value.Get(n.given, []string{name})
		out = append(out, newEditField(n.prefix+name, v, f.Type))
	}
	return out
}

func newEditField(name string, v any, t *value.Type) editField {
	f := editField{Name: name, Kind: t.String(), Known: v != nil}
	if text, ok := v.(string); ok && holdsText(t) {
		f.Value = text
	} else if v != nil {
		f.Value = inline(v)
	}
	return f
}

// inboxData is the page of what needs a person.
type inboxData struct {
	Flow    string
	Flows   []string
	Letters []Letter
	More    bool
}

func (c *Console) inboxPage(w http.ResponseWriter, r *http.Request) {
	data := inboxData{Flow: r.URL.Query().Get("flow")}
	letters, err := c.letters(r.Context(), data.Flow, usualLetters+1)
	if err == nil {
		data.More = len(letters) > usualLetters
		data.Letters = letters[:min(len(letters), usualLetters)]
		data.Flows, err = c.flowsWithRuns(r.Context())
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "inbox.html", view{Title: "Inbox", Data: data})
}
