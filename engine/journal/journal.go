// Package journal is what happened in a run: the events as they are written
// down, one after the other, and the [State] they fold into.
//
// A run is its journal. Nothing about a run is known that the journal and the
// event that started it do not say; after a crash the journal is folded and
// the run goes on behind its last event. Events are only ever appended.
//
// The place of a step is its path: the ids of the steps that enclose it and
// its own, with the number of the turn behind a loop: "page", "each[3].apply".
// A step without an id has its position: "#2". The steps of a called flow stand
// behind a slash: "invoice/send".
package journal

import (
	"errors"
	"time"

	"patchbay/engine/value"
)

// Kind says what an [Event] records.
type Kind string

// The kinds of events, in the order in which a run may meet them.
const (
	Began    Kind = "began"    // the run was taken up for the first time; Data: {"vars": …, "inputs": …}
	Intent   Kind = "intent"   // a write is about to be sent; Request tells it
	Done     Kind = "done"     // a step ended well; Data is its output, Text why it ended the run, where it did
	Tried    Kind = "tried"    // an attempt failed and another follows at Until, or once the connection that Failure names is connected
	Skipped  Kind = "skipped"  // the `if` of a step was false; Text says why
	Caught   Kind = "caught"   // a step failed for good and its on_error lets the run go on; Failure
	Failed   Kind = "failed"   // a step failed for good; Failure. The on_error of the flow follows
	Waiting  Kind = "waiting"  // nothing to do before Until, or before what Text says happens
	Answered Kind = "answered" // a person said what came of an intent: Text is [Happened] (Data: the output) or [DidNotHappen]
	Checked  Kind = "checked"  // a person looked whether an intent happened: with Action, which brought Data; Text: why it brought nothing
	Edited   Kind = "edited"   // a person set what a step is given, or the item of a turn: Text is the field ("" for the whole item), Data {"new": …, "old": …}
	Retried  Kind = "retried"  // what is known of the step, of the steps inside it and of the end of those around it is forgotten; without Path, of all; with a dot behind Path only the end of the step, with "." that of the run
	Ended    Kind = "ended"    // Status, Text: the reason, Data: the output of the flow
	// Dismissed says that nobody has to do anything about the failure at Path
	// any more, or without Path about any of the run: Text is the reason.
	Dismissed Kind = "dismissed"
)

// The texts of an [Answered] event.
const (
	Happened     = "happened"
	DidNotHappen = "did_not_happen"
)

// Status is the state of a run as a whole.
type Status string

// The statuses. A run that has ended keeps its status until it is retried.
const (
	Queued         Status = "queued"
	Running        Status = "running"
	WaitingStatus  Status = "waiting"
	OutcomeUnknown Status = "outcome_unknown"
	Succeeded      Status = "succeeded"
	SkippedStatus  Status = "skipped"
	PartlyFailed   Status = "partly_failed"
	FailedStatus   Status = "failed"
	Cancelled      Status = "cancelled"
)

// HasEnded reports whether nothing more happens in a run of this status by itself.
func (s Status) HasEnded() bool {
	switch s {
	case Succeeded, SkippedStatus, PartlyFailed, FailedStatus, Cancelled:
		return true
	default:
		return false
	}
}

// HasFailed reports whether a run of this status has ended and something in it
// failed.
func (s Status) HasFailed() bool { return s == FailedStatus || s == PartlyFailed }

// Exchange is a request as it was sent and what came back, with every secret
// masked. It is shown to people and never sent again.
type Exchange struct {
	Method  string        `json:"method,omitempty"`
	URL     string        `json:"url,omitempty"`
	Headers []string      `json:"headers,omitempty"` // "Version: 2021-07-28"
	Body    string        `json:"body,omitempty"`
	Status  int           `json:"status,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	Pages   int           `json:"pages,omitempty"`
}

// Event is one entry of a journal.
type Event struct {
	At      time.Time      `json:"at"`
	Kind    Kind           `json:"kind"`
	Path    string         `json:"path,omitempty"`    // the step
	Attempt int            `json:"attempt,omitempty"` // counts from 1
	Action  string         `json:"action,omitempty"`  // "ghl.contacts.add_tags", of a step that calls one
	Data    any            `json:"data,omitempty"`
	Text    string         `json:"text,omitempty"`
	Failure *value.Failure `json:"failure,omitempty"`
	Until   time.Time      `json:"until,omitzero"`
	Worked  time.Duration  `json:"worked,omitempty"` // of a Waiting without Path: how long the run was worked on until then, since it was retried last
	Status  Status         `json:"status,omitempty"`
	Request *Exchange      `json:"request,omitempty"`
	By      string         `json:"by,omitempty"` // who did it, of what a person does
}

// Run is what is known of a run beside its journal.
type Run struct {
	ID         int64
	Flow       string
	Definition string // the hash of the version it runs on, to its end
	Trigger    string // the id of the trigger in its flow
	Connection string // the connection the event came through, "" for none
	EventID    string
	Event      any // what the trigger brought
	Inputs     map[string]any
	Parent     int64 // the run whose `call:` waits for this one, 0 for none
	ParentPath string
	Created    time.Time

	Status Status
	Reason string    // why it was skipped, or how it failed: one sentence
	Output any       // of an ended run
	Due    time.Time // of a waiting run
	Ended  time.Time
	// Epoch is the number of the lease under which the run is worked on; an
	// append under an older one is refused.
	Epoch int64
}

// Busy says what becomes of an event that arrives while an earlier run of its
// queue has not ended.
type Busy string

// What becomes of such an event.
const (
	Wait   Busy = ""       // its run follows the earlier ones
	Skip   Busy = "skip"   // its run ends at once, skipped
	Cancel Busy = "cancel" // the earlier runs are cancelled
)

// Arrival is an event to be accepted for one flow.
type Arrival struct {
	Flow, Definition, Trigger, Connection, EventID string

	Event      any
	Inputs     map[string]any
	Parent     int64
	ParentPath string
	At         time.Time // when it was accepted
	Due        time.Time // not before this time; zero for at once

	// Queue orders the runs of one flow: with the same non-empty text they
	// run one after the other, in the order of their arrival.
	Queue string
	// Busy says what happens if a run of the same Queue has not ended yet.
	Busy Busy
	// Most is how many runs of the flow may be open: at work, waiting or waiting
	// for their turn. Its run fails at once if there are as many. 0 means any
	// number.
	Most int
	// SeenOnly marks the event as seen and starts no run: the first look of a
	// poll at what was there before.
	SeenOnly bool
}

// Offer returns an arrival that starts nothing: its event is offered to the
// runs that wait for that trigger of a service, each of which sees it once.
func Offer(trigger, connection, eventID string, event any, at time.Time) Arrival {
	return Arrival{Trigger: trigger, Connection: connection, EventID: eventID, Event: event, At: at}
}

// IsOffer reports whether the arrival is for those that wait, and for no flow.
func (a *Arrival) IsOffer() bool { return a.Flow == "" }

// Await is a step that waits for an event, for a person, or for a connection to
// be connected.
type Await struct {
	Path string // the step
	// Trigger is the event that is waited for, "qwilr.page_accepted", and
	// Connection the one through which it comes. Without a Trigger it is
	// Connection itself that is waited for, and without both a person.
	Trigger, Connection string
	// At is a path in the event at which there must be the text Key for the
	// event to be offered; nil for any event.
	At  []string
	Key string
}

// Offered is an event, or the answer of a person, that a waiting step is to
// look at.
type Offered struct {
	ID    int64 // in the order of their arrival
	Path  string
	Event any
}

// Waiter is a step that waits for a person.
type Waiter struct {
	Run  Run // without its event, inputs and output
	Path string
}

// Awaited is a trigger that runs of a version of a flow wait for.
type Awaited struct {
	Definition, Trigger, Connection string
}

// Paused are the runs of a flow that wait for a connection to be connected.
type Paused struct {
	Connection, Flow string

	Runs  int
	First int64 // the lowest of their numbers
}

// AnsweredError says that a person answered the question before; Answer is
// what they said.
type AnsweredError struct{ Answer any }

// Error says so.
func (e *AnsweredError) Error() string { return "the question was answered already" }

// Accepted is what became of an [Arrival].
type Accepted struct {
	Run       int64 // 0 for SeenOnly and for an offer
	Duplicate bool  // an equal event was accepted before; Run is that one's
	// Status is how the run ended at once, because of the others of its flow,
	// and Reason why; "" for one that goes on.
	Status Status
	Reason string
}

// FailedRun is a run at the moment at which it failed, in whole or in part.
type FailedRun struct {
	Position int64 // of the failure among all failures, from the first on
	Run      Run   // as it is now: it may have been retried since
	Appends  int   // how many appends its journal had then
}

// Started counts the runs that a trigger started since two times.
type Started struct {
	Flow, Trigger string

	Late  int       // since the later one
	All   int       // since the earlier one
	First time.Time // when the first of all was accepted
}

// Cursor is how far a trigger has come that looks for what is new.
type Cursor struct {
	Flow, Trigger, Connection string

	Value any
}

// Account is an account at a service that the sign-in of a connection serves
// beside others.
type Account struct {
	Connection string // the one that signed in
	ID, Name   string
	Seen       time.Time // when it was first known
	Retired    time.Time // when it left; zero while it is there
}

// Progress is what a worker writes about a run: events to append and what
// the run is then. It is refused as a whole if Epoch is not the run's.
type Progress struct {
	Run    int64
	Epoch  int64
	Events []Event

	Status Status    // Running keeps the lease; any other gives it back
	Due    time.Time // of WaitingStatus
	Reason string
	Output any
	// Dismissed says of a run that failed in part that nobody has to do
	// anything about it.
	Dismissed bool

	Waits  []Await  // that begin with this
	Over   []string // paths of waits that are over
	Looked []int64  // offers that were looked at and meant nothing
}

// Filter chooses runs.
type Filter struct {
	Flow       string
	Status     Status
	Connection string    // the one the event came through
	Undone     bool      // only runs that failed, in whole or in part, and that nobody has dismissed
	Since      time.Time // accepted then or later; zero for any time
	Until      time.Time // accepted before; zero for any time
	Before     int64     // ids below this one; 0 for the newest
	After      int64     // ids above this one
	Oldest     bool      // the oldest first
	Limit      int       // 0 means 50
}

// Reopening is a run that has ended and is to be taken up again.
type Reopening struct {
	Run        int64
	Definition string  // that it goes on with
	Events     []Event // why, and what is forgotten of it
	Due        time.Time
}

// Replay is how far a replay of many runs has come. It is known by its name
// until it is over.
type Replay struct {
	Name     string
	Begun    time.Time
	Position int64 // the last run that was dealt with
	Told     any   // what came of it so far
	Over     bool
}

// Room is what there is for runs to be claimed: whoever claims them says whose may
// be. It is asked from any goroutine.
type Room interface {
	// Open reports whether there is room for a run of the flow at all.
	Open(flow string) bool
	// Take takes the room for a run of the flow that came through the
	// connection, if there is some.
	Take(flow, connection string) bool
	// Free gives the room of one run back.
	Free(flow, connection string)
}

// Lease is the right to work on a run, as it was claimed.
type Lease struct {
	Run   int64
	Epoch int64
}

// Rejection is a request that came to a webhook's address and was turned away.
type Rejection struct {
	At      time.Time
	Address string // the path it came to, without its query
	Status  int    // what it was answered
	Reason  string // one sentence for the person who looks for the missing event
}

// The errors of a store that its callers tell apart.
var (
	// ErrStaleEpoch says that the lease was lost: another worker has the run,
	// or it was cancelled. Nothing was written.
	ErrStaleEpoch = errors.New("the run is no longer held under this lease")
	// ErrEnded says that the run has ended, so that there is nothing to cancel.
	ErrEnded = errors.New("the run has ended already")
	// ErrNotEnded says that the run still goes on by itself, so that there is
	// nothing to take up again.
	ErrNotEnded = errors.New("the run has not ended")
	// ErrNoRun says that there is no run of this id, or none any more.
	ErrNoRun = errors.New("there is no such run")
	// ErrNotWaiting says that the step does not wait for an answer: it was not
	// come to yet, or its wait is over.
	ErrNotWaiting = errors.New("the step does not wait")
	// ErrUnavailable says that nothing can be written now, and that what was
	// asked for was not. The same call may work later.
	ErrUnavailable = errors.New("the store cannot write now")
)
