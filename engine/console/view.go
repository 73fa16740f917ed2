package console

import (
	"time"

	"patchbay/engine/catalog"
	"patchbay/engine/diag"
	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
	"patchbay/engine/vault"
)

// The forms of the API. Their keys are stable: they are only ever added.

// Status is what GET /api/v1/status answers.
type Status struct {
	Version  string    `json:"version"`
	Sandbox  bool      `json:"sandbox"`
	Dir      string    `json:"dir"`
	Live     int       `json:"live"`    // counts the reloads that changed something
	LiveAt   time.Time `json:"live_at"` // when the last one was
	InSync   bool      `json:"in_sync"` // every file is live as it stands
	Flows    int       `json:"flows"`
	Findings int       `json:"findings"`
	Files    []File    `json:"files"` // those that are not live as they stand
}

// File is what became of a file at the last reload.
type File struct {
	Path  string        `json:"path"`
	Flow  string        `json:"flow,omitempty"`
	State catalog.State `json:"state"`
	Kept  bool          `json:"kept"` // an earlier version of it is live
}

// Finding is one finding of the checker.
type Finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Width    int    `json:"width"`
	Code     string `json:"code"`
	Severity string `json:"severity"` // error or warning
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
	Fix      string `json:"fix,omitempty"`
}

// NewFinding returns the API's form of a finding.
func NewFinding(f diag.Finding) Finding {
	out := Finding{
		File: f.Pos.File, Line: f.Pos.Line, Column: f.Pos.Column, Width: max(f.Width, 1),
		Code: f.Code, Severity: "error", Message: f.Message, Hint: f.Hint,
	}
	if f.IsWarning() {
		out.Severity = "warning"
	}
	if f.Fix != nil {
		out.Fix = f.Fix.Label
	}
	return out
}

// Flow is a flow that is live.
type Flow struct {
	ID          string                 `json:"id"`
	Name        string                 `json:"name"`
	Description string                 `json:"description,omitempty"`
	Enabled     bool                   `json:"enabled"`
	Hash        string                 `json:"hash"`
	Triggers    []FlowTrigger          `json:"triggers"`
	Inputs      []Input                `json:"inputs"`
	Uses        map[string]string      `json:"uses"` // role → connection
	Steps       int                    `json:"steps"`
	Runs        map[journal.Status]int `json:"runs"`
}

// FlowTrigger is what starts a flow.
type FlowTrigger struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"` // webhook, poll, schedule, on_demand
	Trigger string `json:"trigger,omitempty"`
}

// Input is an input of an action, a trigger or a flow, or a field of a record.
type Input struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Label    string `json:"label,omitempty"`
	Help     string `json:"help,omitempty"`
	Example  any    `json:"example,omitempty"`
	Secret   bool   `json:"secret,omitempty"`
}

// Operation is one action or trigger of the catalog.
type Operation struct {
	ID         string         `json:"id"`
	Kind       string         `json:"kind"` // action or trigger
	Connector  string         `json:"connector"`
	Name       string         `json:"name"`
	Help       string         `json:"help,omitempty"`
	Effect     program.Effect `json:"effect,omitempty"`
	Repeat     string         `json:"repeat,omitempty"` // safe, unsafe, or the header of the key
	Type       string         `json:"type,omitempty"`   // of a trigger: webhook or poll
	Scopes     []string       `json:"scopes"`
	Request    string         `json:"request,omitempty"`
	Deprecated string         `json:"deprecated,omitempty"`
	Inputs     []Input        `json:"inputs"`
	Output     string         `json:"output"`
	Fields     []Input        `json:"fields,omitempty"` // of a record of the output
}

// Run is a run, in a list or by itself.
type Run struct {
	ID         int64          `json:"id"`
	Flow       string         `json:"flow"`
	Status     journal.Status `json:"status"`
	Reason     string         `json:"reason,omitempty"`
	Trigger    string         `json:"trigger"`
	Connection string         `json:"connection,omitempty"`
	EventID    string         `json:"event_id"`
	Definition string         `json:"definition"`
	Created    time.Time      `json:"created"`
	Due        time.Time      `json:"due,omitzero"`
	Ended      time.Time      `json:"ended,omitzero"`
	Output     any            `json:"output,omitempty"`

	// Only of a run by itself.
	Event   any             `json:"event,omitempty"`
	Inputs  map[string]any  `json:"inputs,omitempty"`
	Journal []journal.Event `json:"journal,omitempty"`
}

func newRun(r journal.Run) Run {
	return Run{
		ID: r.ID, Flow: r.Flow, Status: r.Status, Reason: r.Reason, Trigger: r.Trigger, Connection: r.Connection,
		EventID: r.EventID, Definition: r.Definition, Created: r.Created, Due: r.Due, Ended: r.Ended, Output: r.Output,
	}
}

// StartRequest asks for a run of a flow, POST /api/v1/flows/{id}/runs.
type StartRequest struct {
	Inputs map[string]any `json:"inputs"`
	// Event starts the flow as if its trigger had brought this.
	Event   any    `json:"event"`
	Trigger string `json:"trigger"`  // the id of the trigger in the flow; "" for the only fitting one
	EventID string `json:"event_id"` // "" for a new one; an id that was there before starts nothing
}

// StartAnswer is what came of it.
type StartAnswer struct {
	Run       int64 `json:"run"`
	Duplicate bool  `json:"duplicate"`
}

// CallRequest asks for one call, POST /api/v1/call.
type CallRequest struct {
	Action     string         `json:"action"`
	Connection string         `json:"connection"` // "" for the connector's default
	With       map[string]any `json:"with"`
}

// CallAnswer is what came of it: the output or the failure, and the request.
type CallAnswer struct {
	Output  any               `json:"output"`
	Failure *value.Failure    `json:"failure,omitempty"`
	Request *journal.Exchange `json:"request,omitempty"`
}

// Connection is a connection and how it stands.
type Connection struct {
	Name      string      `json:"name"`
	Connector string      `json:"connector"`
	Auth      string      `json:"auth,omitempty"`
	State     vault.State `json:"state"`
	// Test is what a test call brought: "ok", or the sentence of its failure;
	// "" if none was made.
	Test string `json:"test,omitempty"`
}

// Address is where a service delivers its webhooks.
type Address struct {
	URL        string   `json:"url"`
	Connector  string   `json:"connector,omitempty"`  // "" for the webhook of a flow
	Connection string   `json:"connection,omitempty"` // "" where each delivery says whose it is
	Triggers   []string `json:"triggers"`             // "flow/trigger id"
}

// Error is what the API answers when it cannot do what was asked.
type Error struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// Rows are the rows of a table.
type Rows struct {
	Table   string           `json:"table"`
	Columns []string         `json:"columns"`
	Rows    []map[string]any `json:"rows"`
}
