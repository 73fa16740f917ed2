package console

import (
	"strconv"
	"strings"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// Run is a run. GET /api/v1/runs answers a list of them, the newest first: 50,
// or as many as ?limit= says, at most 1000; ?flow=, ?status=, ?connection= and
// ?since=<time> choose among them, ?before=<id> goes on behind a list, ?steps=1
// adds their steps. GET /api/v1/runs/{id} answers one
// with all that is known of it.
type Run struct {
	ID     int64          `json:"id"`
	Flow   string         `json:"flow"`
	Status journal.Status `json:"status"`
	// Reason is why it was skipped, how it failed, or what it asks: one
	// sentence.
	Reason     string    `json:"reason,omitempty"`
	Trigger    string    `json:"trigger"`              // the id of the trigger in its flow
	Connection string    `json:"connection,omitempty"` // that the event came through
	EventID    string    `json:"event_id"`             // an equal one starts no second run
	Definition string    `json:"definition"`           // the hash of the version it runs on, to its end
	Parent     int64     `json:"parent,omitempty"`     // the run that called it
	Created    time.Time `json:"created"`
	Due        time.Time `json:"due,omitzero"`   // of a run that waits for a time
	Ended      time.Time `json:"ended,omitzero"` // of one that has ended

	// Steps are those that something is known of, in the order in which they
	// were begun; only with ?steps=1.
	Steps []Step `json:"steps,omitempty"`

	// Only of a run by itself. Journal is what happened, in order; the events
	// have the form of journal.Event.
	Output  any             `json:"output,omitempty"`
	Event   any             `json:"event,omitempty"` // what the trigger brought
	Inputs  map[string]any  `json:"inputs,omitempty"`
	Journal []journal.Event `json:"journal,omitempty"`
	Asks    []Question      `json:"asks,omitempty"` // approvals it waits for
}

// Question is an approve step that waits for a person.
type Question struct {
	Path  string    `json:"path"`           // of the step
	Name  string    `json:"name,omitempty"` // of the step
	By    []string  `json:"by"`             // who may answer; empty for anybody
	Form  []Input   `json:"form"`           // what the person fills in
	Until time.Time `json:"until"`          // then it counts as not approved
	Link  string    `json:"link"`           // the page on which it is answered, without the token
}

// ApproveRequest answers an approve step, POST /api/v1/runs/{id}/approve. The
// answer is a SettleAnswer.
type ApproveRequest struct {
	Path     string         `json:"path"`     // of the step; "" for the only one that waits
	Approved *bool          `json:"approved"` // must be given
	By       string         `json:"by"`       // who answers
	Form     map[string]any `json:"form"`     // who does not approve need not fill it in
}

// Step is how a step of a run stands.
type Step struct {
	Path   string `json:"path"`
	Action string `json:"action,omitempty"`
	// Status is done, skipped, caught, failed, unknown for a write of which
	// nobody knows whether it happened, or under_way.
	Status   string    `json:"status"`
	Reason   string    `json:"reason,omitempty"` // why it was skipped, how it failed
	Class    string    `json:"class,omitempty"`  // of its failure
	Attempts int       `json:"attempts,omitempty"`
	Ended    time.Time `json:"ended,omitzero"`
}

func newSteps(events []journal.Event) []Step {
	actions := map[string]string{}
	for i := range events {
		if events[i].Action != "" {
			actions[events[i].Path] = events[i].Action
		}
	}
	state := journal.Fold(events)
	out := []Step{}
	for _, path := range state.Paths() {
		st, _ := state.Step(path)
		s := Step{
			Path: path, Action: actions[path], Status: string(st.Outcome), Reason: st.Reason, Attempts: st.Attempts, Ended: st.EndedAt,
		}
		switch {
		case st.Unsettled():
			s.Status = "unknown"
		case !st.Ended():
			s.Status = "under_way"
		}
		if st.Failure != nil {
			s.Reason, s.Class = st.Failure.Message, string(st.Failure.Class)
		}
		out = append(out, s)
	}
	return out
}

func newRun(r journal.Run) Run {
	out := Run{
		ID: r.ID, Flow: r.Flow, Status: r.Status, Reason: r.Reason, Trigger: r.Trigger, Connection: r.Connection,
		EventID: r.EventID, Definition: r.Definition, Parent: r.Parent, Created: r.Created, Ended: r.Ended,
	}
	if r.Status == journal.WaitingStatus || r.Status == journal.Queued && r.Due.After(r.Created) {
		out.Due = r.Due
	}
	return out
}

// GET /api/v1/runs/{id}/events answers the journal of a run as NDJSON, one
// journal.Event a line. With ?follow=1 it goes on as things happen, each event
// once, until the run has ended, waits, or asks what came of a write.

// StartRequest asks for a run of a flow, POST /api/v1/flows/{id}/runs. The
// answer comes when the run is queued, with the status 202.
type StartRequest struct {
	Inputs map[string]any `json:"inputs"`
	// Event starts the flow as if its trigger had brought this: in the form
	// of the flow's `event`, or in the one the service delivers. In the
	// sandbox null stands for the trigger's example, or for the first item of
	// the list it asks for.
	Event any `json:"event"`
	// Trigger is the id of a trigger in the flow; "" for the one for runs on
	// demand, or the only one.
	Trigger string `json:"trigger"`
	// EventID tells this start from others; "" for a new one. An id that was
	// there before starts nothing.
	EventID string `json:"event_id"`
	// Connection is the account to run for, "ghl_agency/<id>", of a flow that
	// runs for the accounts of a sign-in; "" for any other flow.
	Connection string `json:"connection"`
}

// StartAnswer is what came of a StartRequest.
type StartAnswer struct {
	Run       int64 `json:"run"`
	Duplicate bool  `json:"duplicate"` // Run is the one that the same event id started before
}

// CancelAnswer says that a run was cancelled, POST /api/v1/runs/{id}/cancel
// with the body {}. A request that is under way at that moment is not undone.
type CancelAnswer struct {
	Run    int64          `json:"run"`
	Status journal.Status `json:"status"`
}

// SettleRequest says what came of a write whose answer never arrived, POST
// /api/v1/runs/{id}/answer, for a run of the status outcome_unknown.
type SettleRequest struct {
	Path string `json:"path"` // of the step; "" for the only open one
	// Happened must be given. If it is false, the write is done once more.
	Happened *bool `json:"happened"`
	// Output is what the service answered, if later steps need it; only of a
	// write that happened. It must be what the action brings.
	Output any    `json:"output"`
	By     string `json:"by"` // who says so, for the journal
}

// WriteCheckRequest looks at the service whether a write happened, with an
// action that only reads, POST /api/v1/runs/{id}/check. It answers nothing yet.
type WriteCheckRequest struct {
	Path       string         `json:"path"` // of the step; "" for the only open one
	Action     string         `json:"action"`
	Connection string         `json:"connection"` // "" for the one that was written to, at another service for its default
	With       map[string]any `json:"with"`
	By         string         `json:"by"` // who looks, for the journal
}

// WriteCheckAnswer is what a check brought.
type WriteCheckAnswer struct {
	Run     int64             `json:"run"`
	Path    string            `json:"path"`
	Action  string            `json:"action"`
	Output  any               `json:"output"`
	Failure *value.Failure    `json:"failure,omitempty"`
	Request *journal.Exchange `json:"request,omitempty"`
	// Result is what can be given as the output of the write, if it happened:
	// what was found, or the only one of a list. Misfit says why that is
	// nothing the write would have brought.
	Result any    `json:"result"`
	Misfit string `json:"misfit,omitempty"`
}

// DismissRequest says that nobody has to do anything about a failure, POST
// /api/v1/runs/{id}/dismiss. The run keeps its status.
type DismissRequest struct {
	Path   string `json:"path"` // of an item or a step; "" for all that failed in the run
	Reason string `json:"reason"`
	By     string `json:"by"` // who says so, for the journal
}

// DismissAnswer says what was dismissed.
type DismissAnswer struct {
	Run  int64  `json:"run"`
	Path string `json:"path"`
	Left int    `json:"left"` // how many failures of the run are still to be dealt with
}

// Letter is something that needs a person. GET /api/v1/inbox answers a list of
// them: 200, or as many as ?limit= says, at most 1000; ?flow= chooses those of
// one flow.
type Letter struct {
	// Kind is unknown (a write of which nobody knows whether it happened),
	// approval, connection (that runs of the flow wait for; Run is the first),
	// failed (a run), item (of a loop, behind which the run went on), or step
	// (behind which it did).
	Kind       string         `json:"kind"`
	Run        int64          `json:"run"`
	Flow       string         `json:"flow"`
	Status     journal.Status `json:"status"`               // of the run
	Connection string         `json:"connection,omitempty"` // that the event came through
	Path       string         `json:"path,omitempty"`       // of the step or the item; "" for the run
	Step       string         `json:"step,omitempty"`       // that failed, by its path
	Action     string         `json:"action,omitempty"`
	Reason     string         `json:"reason"`
	Class      string         `json:"class,omitempty"` // of the failure
	Since      time.Time      `json:"since"`
	// Item is what the item of a loop holds.
	Item any `json:"item,omitempty"`
	// Sent is the request of which no answer came.
	Sent *journal.Exchange `json:"sent,omitempty"`
	// Resolve are the commands that deal with it, of which one is enough.
	Resolve []string `json:"resolve"`
	Page    string   `json:"page"` // of the console
}

// SettleAnswer names the step that was answered for; the run goes on.
type SettleAnswer struct {
	Run  int64  `json:"run"`
	Path string `json:"path"`
}

// RetryRequest takes a run up again that has ended, POST
// /api/v1/runs/{id}/retry. The body {} retries what failed.
type RetryRequest struct {
	// From is where it begins: "failed" (or ""), the step that failed for good
	// and what followed it, of a loop that failed in part only the items that
	// did; "start"; or the path of a step: that one and what followed it.
	From string `json:"from"`
	// With is the version of the flow it runs on: "original" (or ""), the one
	// it ran on, or "current", the one that is live.
	With string `json:"with"`
	// Items are turns of loops, such as "each[3]": of what failed only that in
	// them is retried.
	Items []string `json:"items"`
	// Edit sets what steps are given, each as "step.input=value", and the item
	// of a turn by its name in the flow: "each[3].contact.email=ada@example.com".
	// Values are read as YAML.
	Edit []string `json:"edit"`
	// DryRun only answers what the retry would do.
	DryRun bool   `json:"dry_run"`
	By     string `json:"by"` // who wants it, for the journal
}

// RetryAnswer says what a retry does. The run goes on under its number.
type RetryAnswer struct {
	Run        int64    `json:"run"`
	From       string   `json:"from"`
	With       string   `json:"with"`
	Definition string   `json:"definition"` // the hash of the version it runs on now
	Kept       []string `json:"kept"`       // the steps that keep what came of them
	Again      []string `json:"again"`      // those that are done once more
	// Steps are all steps of the run that keep something or are done, those of
	// a loop once for all items.
	Steps  []RetryStep `json:"steps"`
	Edits  []RetryEdit `json:"edits,omitempty"`
	Calls  int         `json:"calls"`  // how many calls it makes as far as is known, pages not counted
	Writes int         `json:"writes"` // how many of them write to a service
	// AtLeast is set where there are loops of which nobody knows yet how many
	// items they have.
	AtLeast bool `json:"at_least,omitempty"`
	DryRun  bool `json:"dry_run,omitempty"` // nothing was done
}

// RetryStep is what a retry does with a step: how many times it keeps what came
// of it, does it once more, and does it for the first time. More than once is
// for a step in a loop.
type RetryStep struct {
	Path   string         `json:"path"` // without the numbers of turns
	Name   string         `json:"name,omitempty"`
	Does   string         `json:"does"` // the action, or the kind of the step
	Effect program.Effect `json:"effect,omitempty"`
	Repeat string         `json:"repeat,omitempty"` // of a write: safe, unsafe, or the header of its key
	Kept   int            `json:"kept,omitempty"`
	Again  int            `json:"again,omitempty"`
	First  int            `json:"first,omitempty"`
	// Each is set for a step of a loop whose items are not known yet.
	Each bool `json:"each,omitempty"`
	// Perhaps is set where a condition may leave it out.
	Perhaps bool `json:"perhaps,omitempty"`
	// Asks is set for a write of which nobody knows whether it happened: the
	// run asks that first.
	Asks bool `json:"asks,omitempty"`
	// Differs is set for a write that is kept although it would be another one
	// now: what was done at a service stays done.
	Differs bool `json:"differs,omitempty"`
}

// RetryEdit is a value that takes the place of another.
type RetryEdit struct {
	Path  string `json:"path"`  // of the step, or of the turn whose item it is
	Field string `json:"field"` // of what it is given; "" for the whole item
	Old   any    `json:"old"`   // null where it is not known yet
	New   any    `json:"new"`
}

// What says in some words what is done: "again", "kept 2, again 1".
func (s RetryStep) What() string {
	var parts []string
	for _, part := range []struct {
		word string
		n    int
	}{{"kept", s.Kept}, {"again", s.Again}, {"first time", s.First}} {
		if part.n > 0 {
			parts = append(parts, part.word+" "+strconv.Itoa(part.n))
		}
	}
	if s.Each {
		parts = append(parts, "each item")
	}
	if s.Asks {
		parts = append(parts, "asks 1")
	}
	if len(parts) == 1 && !s.Each {
		return strings.TrimSuffix(parts[0], " 1")
	}
	return strings.Join(parts, ", ")
}

// Remark says what else is to be known of the step: what it does to a service.
func (s RetryStep) Remark() string {
	var parts []string
	if s.Again+s.First > 0 || s.Each {
		switch {
		case s.Effect == "" || s.Effect == program.EffectRead:
		case s.Repeat == "safe":
			parts = append(parts, "writes ("+string(s.Effect)+")")
		default:
			parts = append(parts, "writes ("+string(s.Effect)+"), twice is not the same as once")
		}
	}
	if s.Asks {
		parts = append(parts, "asks first what came of its write")
	}
	if s.Differs {
		parts = append(parts, "what was written stays, though it would be another now")
	}
	if s.Perhaps {
		parts = append(parts, "if its condition is true")
	}
	return strings.Join(parts, "; ")
}

// Cost says how many calls the retry makes.
func (a RetryAnswer) Cost() string { return cost(a.Calls, a.Writes, a.AtLeast) }

func cost(calls, writes int, atLeast bool) string {
	var text string
	switch {
	case calls == 0:
		return "no calls"
	case writes == 0:
		text = counted(calls, "call") + ", none of which writes"
	case writes == 1 && calls == 1:
		text = "1 call, which writes"
	case writes == 1:
		text = counted(calls, "call") + ", 1 of which writes"
	default:
		text = counted(calls, "call") + ", " + strconv.Itoa(writes) + " of which write"
	}
	if atLeast {
		text = "at least " + text
	}
	return text
}

// Sentence tells the edit in one line.
func (e RetryEdit) Sentence() string {
	return edited(e.Path, e.Field, e.Old, e.New)
}

// EditedText tells an edit of a journal in one line.
func EditedText(e journal.Event) string {
	edit := journal.EditOf(e)
	return edited(e.Path, e.Text, edit.Old, edit.New)
}

// edited tells in one line what a person has set in place of what.
func edited(path, field string, old, given any) string {
	if field != "" {
		path += " " + field
	}
	was := "not known yet"
	if old != nil {
		was = inline(old)
	}
	return path + ": " + was + " → " + inline(given)
}

// inline writes a value as JSON in one line, cut to what anybody reads.
func inline(v any) string {
	data, err := value.Encode(v)
	if err != nil {
		return "…"
	}
	if r := []rune(string(data)); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return string(data)
}

// Sentence tells in one line what is kept and what is done once more: "steps
// page, contact: kept; apply: again".
func (a RetryAnswer) Sentence() string {
	var parts []string
	if len(a.Kept) > 0 {
		parts = append(parts, listed(a.Kept)+": kept")
	}
	if len(a.Again) > 0 {
		parts = append(parts, listed(a.Again)+": again")
	}
	switch {
	case len(parts) == 0 && a.From == fromStart:
		return "the run begins once more"
	case len(parts) == 0:
		return "the run goes on where it was"
	case len(a.Kept) == 1 || len(a.Kept) == 0 && len(a.Again) == 1:
		return "step " + strings.Join(parts, "; ")
	default:
		return "steps " + strings.Join(parts, "; ")
	}
}

// listed writes paths one after the other, not more than anybody reads.
func listed(paths []string) string {
	const most = 8
	if len(paths) > most {
		return strings.Join(paths[:most], ", ") + " and " + strconv.Itoa(len(paths)-most) + " more"
	}
	return strings.Join(paths, ", ")
}
