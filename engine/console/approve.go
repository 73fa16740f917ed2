package console

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// approval is a question to a person: an approve step of a run, as it stands.
type approval struct {
	run   journal.Run
	path  string
	step  *program.Step
	flow  *program.Flow
	until time.Time      // of one that is open
	open  bool           // the step waits
	given map[string]any // what was answered, nil while nothing was
}

// approval returns the question of a step; nil where the run has no such step.
func (c *Console) approval(ctx context.Context, run journal.Run, events []journal.Event, path string) (*approval, error) {
	flow, err := c.opt.Catalog.Definition(ctx, run.Definition)
	if err != nil {
		return nil, err
	}
	at, ok := flow.Standings()[program.WrittenPath(path)]
	if !ok || at.Approve == nil {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	a := &approval{run: run, path: path, step: at.Step, flow: flow}
	past, known := journal.Fold(events).Step(path)
	switch {
	case !known:
	case past.Outcome == journal.Done:
		a.given, _ = past.Output.(map[string]any)
	case past.Awaits != "" && !run.Status.HasEnded():
		a.open, a.until = true, past.NotBefore
		offers, err := c.opt.Store.Offers(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		for _, o := range offers {
			if o.Path == path && a.open {
				a.given, _ = o.Event.(map[string]any)
				a.open = false
			}
		}
	}
	return a, nil
}

// standing says how the question stands, where it is not open.
func (a *approval) standing() string {
	switch {
	case a.given != nil:
		return answered(a.given)
	case a.run.Status.HasEnded():
		return "The run has ended, so nothing is asked any more: it is " + words(a.run.Status) + "."
	default:
		return "The run has not come to this question yet."
	}
}

// answered says who answered what, and when.
func answered(given map[string]any) string {
	at, _ := given["at"].(string)
	if moment, err := time.Parse(time.RFC3339, at); err == nil {
		at = moment.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	by, _ := given["by"].(string)
	switch {
	case by == "":
		return "Nobody answered in time: it counts as not approved since " + at + "."
	case given["approved"] == true:
		return by + " approved it on " + at + "."
	default:
		return by + " did not approve it, on " + at + "."
	}
}

// give answers the question. The refusal is a sentence for who answered.
func (c *Console) give(ctx context.Context, a *approval, yes bool, by string, form map[string]any) (*refusal, error) {
	if !a.open {
		return conflict("", "%s", a.standing()), nil
	}
	given, err := a.step.Approve.Answer(yes, by, time.Now(), form)
	if err != nil {
		return &refusal{http.StatusUnprocessableEntity, err.Error(), ""}, nil //nolint:nilerr // what is wrong is told to who answered
	}
	err = c.opt.Store.Answer(ctx, a.run.ID, a.path, given)
	var earlier *journal.AnsweredError
	switch {
	case errors.As(err, &earlier):
		said, _ := earlier.Answer.(map[string]any)
		return conflict("", "%s", answered(said)), nil
	case errors.Is(err, journal.ErrNotWaiting):
		return conflict("", "The question is not open any more."), nil
	}
	return nil, err
}

// asked returns the open questions of a run.
func (c *Console) asked(ctx context.Context, run journal.Run, events []journal.Event) ([]Question, error) {
	if run.Status.HasEnded() {
		return nil, nil
	}
	state := journal.Fold(events)
	var all []Question
	for _, path := range state.Awaiting() {
		a, err := c.approval(ctx, run, events, path)
		if err != nil {
			return nil, err
		}
		if a != nil && a.open {
			all = append(all, c.newQuestion(a))
		}
	}
	return all, nil
}

func (c *Console) newQuestion(a *approval) Question {
	return Question{
		Path: a.path, Name: a.step.Name, By: append([]string{}, a.step.Approve.By...),
		Form: newInputs(a.step.Approve.Form), Until: a.until, Link: c.opt.Link(a.run.ID, a.path),
	}
}

// approve takes the answer of a person to an approve step.
func (c *Console) approve(w http.ResponseWriter, r *http.Request) { onRun(c, w, r, c.approved) }

func (c *Console) approved(r *http.Request, run journal.Run, req ApproveRequest) (SettleAnswer, *refusal, error) {
	events, err := c.opt.Store.Events(r.Context(), run.ID)
	if err != nil {
		return SettleAnswer{}, nil, err
	}
	form, wrong := object(req.Form)
	switch {
	case wrong != nil:
		return SettleAnswer{}, &refusal{http.StatusUnprocessableEntity, "form: " + wrong.Error(), ""}, nil //nolint:nilerr // what is wrong is told to who answered
	case req.Approved == nil:
		return SettleAnswer{}, &refusal{http.StatusUnprocessableEntity, `"approved" is missing: true or false`, ""}, nil
	}
	a, refused, err := c.questionAt(r.Context(), run, events, req.Path)
	if err == nil && refused == nil {
		refused, err = c.give(r.Context(), a, *req.Approved, req.By, form)
	}
	if err != nil || refused != nil {
		return SettleAnswer{}, refused, err
	}
	return SettleAnswer{Run: run.ID, Path: a.path}, nil, nil
}

// questionAt returns the question an answer is for: the one at the path, or
// the only one that is open.
func (c *Console) questionAt(ctx context.Context, run journal.Run, events []journal.Event, path string) (*approval, *refusal, error) {
	open, err := c.asked(ctx, run, events)
	if err != nil {
		return nil, nil, err
	}
	var paths []string
	for _, q := range open {
		paths = append(paths, q.Path)
	}
	switch {
	case path == "" && len(open) == 0:
		return nil, conflict("", "run %d does not wait for an approval: it is %s", run.ID, words(run.Status)), nil
	case path == "" && len(open) > 1:
		return nil, &refusal{
			http.StatusUnprocessableEntity, fmt.Sprintf("the run waits for %d approvals, so path must name one", len(open)),
			"steps: " + strings.Join(paths, ", "),
		}, nil
	case path == "":
		path = paths[0]
	}
	a, err := c.approval(ctx, run, events, path)
	if err == nil && a == nil {
		return nil, &refusal{http.StatusUnprocessableEntity, "there is no approve step " + strconv.Quote(path), nearest(path, paths, "open steps")}, nil
	}
	return a, nil, err
}

// approvalData is the page on which a person answers.
type approvalData struct {
	Run       int64
	Flow      string
	Name      string
	Path      string
	Open      bool
	Standing  string // where it is not open
	Wrong     string // with the answer that was given just now
	By        []string
	Chosen    string // who answered just now
	Fields    []formField
	Until     time.Time
	Address   string
	Described string
}

// formField is a field of the form as it stands on the page.
type formField struct {
	Name, Label, Help, Kind, Value string
	Required                       bool
	Values                         []string
}

// approvalPage shows the question. To look at it never answers it: programs
// that preview links look, too.
func (c *Console) approvalPage(w http.ResponseWriter, r *http.Request) {
	if a := c.linked(w, r); a != nil {
		c.showApproval(w, r, a, http.StatusOK, "")
	}
}

// approvalGiven takes the answer of the page.
func (c *Console) approvalGiven(w http.ResponseWriter, r *http.Request) {
	a := c.linked(w, r)
	if a == nil {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, largestBody)
	if err := r.ParseForm(); err != nil {
		c.showApproval(w, r, a, http.StatusBadRequest, "The answer did not arrive whole.")
		return
	}
	said := r.PostForm.Get("answer")
	if said != "yes" && said != "no" {
		c.showApproval(w, r, a, http.StatusUnprocessableEntity, "Choose one of the two buttons.")
		return
	}
	form, wrong := filled(a.step.Approve.Form, r.PostForm)
	if wrong != "" && said == "yes" {
		c.showApproval(w, r, a, http.StatusUnprocessableEntity, wrong)
		return
	}
	refused, err := c.give(r.Context(), a, said == "yes", r.PostForm.Get("answered_by"), form)
	switch {
	case err != nil:
		c.trouble(w, r, err)
	case refused != nil && refused.status == http.StatusUnprocessableEntity:
		c.showApproval(w, r, a, refused.status, refused.message)
	default:
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther)
	}
}

// linked returns the question behind a link. It has answered if the link is
// none of ours: nothing is told about runs to who guesses.
func (c *Console) linked(w http.ResponseWriter, r *http.Request) *approval {
	secure(w)
	w.Header().Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	if reason := c.foreign(r); reason != "" {
		fail(w, http.StatusForbidden, reason, "")
		return nil
	}
	none := func() *approval {
		c.message(w, r, http.StatusNotFound, "There is nothing to answer at this address.", "The link may have been cut off: open it whole.")
		return nil
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	path := r.URL.Query().Get("step")
	if err != nil || !c.isLink(r.URL, id, path) {
		return none()
	}
	run, err := c.opt.Store.RunByID(r.Context(), id)
	if errors.Is(err, journal.ErrNoRun) {
		return none()
	}
	var events []journal.Event
	if err == nil {
		events, err = c.opt.Store.Events(r.Context(), id)
	}
	var a *approval
	if err == nil {
		a, err = c.approval(r.Context(), run, events, path)
	}
	if err != nil {
		c.trouble(w, r, err)
		return nil
	}
	if a == nil {
		return none()
	}
	return a
}

// isLink reports whether an address is the one that a flow was given for the
// step, whatever the name of the server in it.
func (c *Console) isLink(given *url.URL, run int64, path string) bool {
	right, err := url.Parse(c.opt.Link(run, path))
	return err == nil && subtle.ConstantTimeCompare([]byte(given.Path), []byte(right.Path)) == 1
}

func (c *Console) showApproval(w http.ResponseWriter, r *http.Request, a *approval, status int, wrong string) {
	data := approvalData{
		Run: a.run.ID, Flow: a.flow.Name, Name: a.step.Name, Path: a.path, Open: a.open, Wrong: wrong, By: a.step.Approve.By,
		Chosen: r.PostForm.Get("answered_by"), Until: a.until, Address: r.URL.RequestURI(), Described: a.flow.Description,
	}
	if !a.open {
		data.Standing = a.standing()
	}
	for _, in := range a.step.Approve.Form {
		f := formField{
			Name: in.Name, Label: in.Label, Help: in.Help, Kind: in.Type.Kind.String(), Required: in.Required(),
			Values: in.Type.Values, Value: r.PostForm.Get("field_" + in.Name),
		}
		if f.Label == "" {
			f.Label = in.Name
		}
		if in.Default != nil && r.Method == http.MethodGet {
			f.Value = cell(in.Default.Const)
		}
		data.Fields = append(data.Fields, f)
	}
	c.render(w, r, status, "approve.html", view{Title: a.flow.Name, Rest: true, Data: data})
}

// filled reads what a person filled in. wrong says what is no value of its
// type.
func filled(form []*program.Input, given url.Values) (values map[string]any, wrong string) {
	values = map[string]any{}
	for _, in := range form {
		text := strings.TrimSpace(given.Get("field_" + in.Name))
		if text == "" {
			continue
		}
		var v any = text
		var err error
		switch in.Type.Kind {
		case value.Integer:
			v, err = strconv.Atoi(text)
		case value.Number:
			v, err = strconv.ParseFloat(text, 64)
		case value.Boolean:
			v, err = strconv.ParseBool(text)
		default:
		}
		if err != nil {
			return nil, fmt.Sprintf("%q must be %s, and %q is none.", in.Name, in.Type, text)
		}
		if plain, err := value.Normalize(v); err == nil {
			v = plain
		}
		values[in.Name] = v
	}
	return values, ""
}
