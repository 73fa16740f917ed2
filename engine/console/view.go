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

// The forms of the API, for what is live; view_run.go has those for what runs
// and view_account.go those for accounts. Their keys are stable: keys are only
// ever added, and none is given another meaning. Lists and maps are never
// null, times are RFC 3339, and a key that is left out means that there is
// nothing to say.
//
// A request that cannot be done is answered with an Error and one of these
// statuses: 400 the body or the query cannot be read · 401 no token or a wrong
// one · 403 the request comes from elsewhere · 404 no such thing · 405 no such
// method · 409 it cannot be done in this state · 413 the body is too large ·
// 415 the body is not JSON · 422 what was asked for is wrong in itself · 500
// an error of ours · 502 a played event was not taken · 503 not just now.

// Error is what the API answers when it cannot do what was asked.
type Error struct {
	// Error is one sentence for a person, without the full stop.
	Error string `json:"error"`
	// Hint is what to do about it: a name that was probably meant, the names
	// there are, or a command.
	Hint string `json:"hint,omitempty"`
}

// Status is what GET /api/v1/status answers.
type Status struct {
	Version string `json:"version"` // of the program
	Sandbox bool   `json:"sandbox"` // every service is played
	Dir     string `json:"dir"`     // the workspace folder
	// Live counts the reloads that changed something; LiveAt is when the last
	// one was.
	Live   int       `json:"live"`
	LiveAt time.Time `json:"live_at"`
	// InSync is true if every file is live as it stands; Files are those that
	// are not.
	InSync bool   `json:"in_sync"`
	Files  []File `json:"files"`
	// Flows and Findings are how many there are.
	Flows    int `json:"flows"`
	Findings int `json:"findings"`
}

// File is what became of a file at the last reload.
type File struct {
	Path  string        `json:"path"`           // from the workspace folder
	Flow  string        `json:"flow,omitempty"` // the id, for the file of a flow
	State catalog.State `json:"state"`          // loaded or rejected
	Kept  bool          `json:"kept"`           // an earlier version of it is live
}

// Finding is one finding of the checker. GET /api/v1/findings answers a list
// of them, in the order of files and places.
type Finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"`   // from 1
	Column   int    `json:"column"` // from 1
	Width    int    `json:"width"`  // how many characters are meant, at least 1
	Code     string `json:"code"`   // "F401", the same for every finding of its kind
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
	Fix      string `json:"fix,omitempty"` // a correction that is safe to make
}

// CheckRequest asks for the findings of a file that is being written, POST
// /api/v1/check: those there would be if it were saved. The answer is a list of
// findings; nothing is written and nothing goes live.
type CheckRequest struct {
	Path string `json:"path"` // below the workspace: "flows/report.yaml"
	Text string `json:"text"`
}

// The severities of a [Finding]: one with errors is not live.
const (
	severityError   = "error"
	severityWarning = "warning"
)

// NewFinding returns the API's form of a finding.
func NewFinding(f diag.Finding) Finding {
	out := Finding{
		File: f.Pos.File, Line: f.Pos.Line, Column: f.Pos.Column, Width: max(f.Width, 1),
		Code: f.Code, Severity: severityError, Message: f.Message, Hint: f.Hint,
	}
	if f.IsWarning() {
		out.Severity = severityWarning
	}
	if f.Fix != nil {
		out.Fix = f.Fix.Label
	}
	return out
}

// Flow is a flow that is live. GET /api/v1/flows answers a list of them by id,
// GET /api/v1/flows/{id} one.
type Flow struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Enabled     bool          `json:"enabled"` // its triggers start runs
	Hash        string        `json:"hash"`    // of this version; a run names the one it runs on
	Triggers    []FlowTrigger `json:"triggers"`
	Inputs      []Input       `json:"inputs"`
	// Uses is the connection behind each role: a name under `use:`, or the id
	// of a connector.
	Uses  map[string]string `json:"uses"`
	Steps int               `json:"steps"` // with those inside others
	// Runs is how many runs there are in each status that has some.
	Runs map[journal.Status]int `json:"runs"`
	// Paused is how many of its runs wait until a connection is connected, by
	// the name of the connection; left out for none.
	Paused map[string]int `json:"paused,omitempty"`
}

// FlowTrigger is what starts a flow.
type FlowTrigger struct {
	ID string `json:"id"` // within the flow
	// Kind is webhook, poll, schedule, on_demand or flow_failed.
	Kind string `json:"kind"`
	// Trigger is the connector's trigger, "qwilr.page_accepted", of a poll or
	// of a webhook that a connector knows.
	Trigger string `json:"trigger,omitempty"`
	When    string `json:"when,omitempty"` // of a schedule or a flow_failed, in words
}

// Input is an input of an action, a trigger or a flow, or a field of a record.
type Input struct {
	Name string `json:"name"`
	// Type is the type in the words of the flow language: "string", "list of
	// Tag", "one of draft, live".
	Type     string `json:"type"`
	Required bool   `json:"required"` // for a field of a record: never missing
	Label    string `json:"label,omitempty"`
	Help     string `json:"help,omitempty"`
	Example  any    `json:"example,omitempty"`
	Secret   bool   `json:"secret,omitempty"`
}

// Operation is one action or trigger of a connector. GET /api/v1/operations
// answers all of them by connector, actions first, in the order of the
// connector's files; with ?connector=<id> those of one.
type Operation struct {
	ID        string `json:"id"`   // "ghl.contacts.add_tags"
	Kind      string `json:"kind"` // action or trigger
	Connector string `json:"connector"`
	Name      string `json:"name"`
	Help      string `json:"help,omitempty"`
	// Effect is what an action does to the service: read, create, update,
	// delete or send.
	Effect program.Effect `json:"effect,omitempty"`
	// Repeat says of a write whether it may be sent twice: safe, unsafe, or
	// the name of the header by which the service knows a repeat.
	Repeat string `json:"repeat,omitempty"`
	// Type is how a trigger learns of its events: webhook or poll.
	Type    string   `json:"type,omitempty"`
	Scopes  []string `json:"scopes"`            // what the token must allow
	Request string   `json:"request,omitempty"` // of an action: "GET /contacts/{id}"
	// Deprecated says what to use instead.
	Deprecated string  `json:"deprecated,omitempty"`
	Inputs     []Input `json:"inputs"`
	// Output is the type of what it brings, "list of Tag" or "nothing";
	// Fields are those of a record of it.
	Output string  `json:"output"`
	Fields []Input `json:"fields,omitempty"`
}

// Table is a table of the flows. GET /api/v1/tables answers those that have a
// file or rows, by name.
type Table struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Rows        int    `json:"rows"` // how many
}

// Rows are the rows of a table, GET /api/v1/tables/{name}: the first 100 in
// the order they were added in, or as many as ?limit= says, at most 10000.
type Rows struct {
	Table string `json:"table"`
	// Columns are the fields in the order of the file; those of the rows by
	// name if there is no file.
	Columns []string         `json:"columns"`
	Rows    []map[string]any `json:"rows"`
	Total   int              `json:"total"` // how many rows the table has
}

// Address is where a service delivers its webhooks. GET /api/v1/addresses
// answers those that the live flows need.
type Address struct {
	URL        string   `json:"url"`
	Connector  string   `json:"connector,omitempty"`  // "" for the webhook of a flow
	Connection string   `json:"connection,omitempty"` // "" where each delivery says whose it is
	Triggers   []string `json:"triggers"`             // "flow/trigger id"
}

// Rejection is a request that came to a webhook's address and was turned away.
// GET /api/v1/rejections answers the last 100, the newest first.
type Rejection struct {
	At      time.Time `json:"at"`
	Address string    `json:"address"` // the path it came to, without its query
	Status  int       `json:"status"`  // what it was answered
	Reason  string    `json:"reason"`  // one sentence for whoever misses the event
}

// SendRequest plays an event in the sandbox, POST /api/v1/sandbox/send.
type SendRequest struct {
	Trigger string `json:"trigger"` // "qwilr.page_accepted"
	// Event is the body as the service delivers it; null plays the trigger's
	// example.
	Event any `json:"event"`
}

// SendAnswer says that the event was delivered and accepted.
type SendAnswer struct {
	Trigger string   `json:"trigger"`
	Flows   []string `json:"flows"` // that wait for such events
}

// CallRequest asks for one call outside of any flow, POST /api/v1/call.
type CallRequest struct {
	Action     string         `json:"action"`
	Connection string         `json:"connection"` // "" for the connector's default
	With       map[string]any `json:"with"`
}

// CallAnswer is what came of it: the output or the failure, and the request
// as it was sent, with secrets masked.
type CallAnswer struct {
	Output  any               `json:"output"`
	Failure *value.Failure    `json:"failure,omitempty"`
	Request *journal.Exchange `json:"request,omitempty"`
}

// Connection is a connection and how it stands. GET /api/v1/connections
// answers a list of them by name, with ?test=1 after a test call on each; POST
// /api/v1/connections/{name}/test with the body {} answers one, after its test
// call.
type Connection struct {
	Name      string      `json:"name"`
	Connector string      `json:"connector"`
	Auth      string      `json:"auth,omitempty"` // the way to sign in
	State     vault.State `json:"state"`
	// Lacks are the scopes that enabled flows need and it was not given, as far
	// as that is known.
	Lacks []string `json:"lacks,omitempty"`
	// SignIn is true if a person connects it by signing in with a browser.
	SignIn bool `json:"sign_in,omitempty"`
	// Paused is how many runs wait until it is connected.
	Paused int `json:"paused,omitempty"`
	// Test is what a test call brought: "ok", or the sentence of its failure;
	// left out if none was made.
	Test string `json:"test,omitempty"`
	// Accounts are those that one sign-in serves; left out of a connection to
	// one account.
	Accounts *Accounts `json:"accounts,omitempty"`
}

// Accounts are how many accounts the sign-in of a connection serves, and how
// the list of them stands.
type Accounts struct {
	There  int       `json:"there"`
	Gone   int       `json:"gone"`            // have left, and keep their history
	Listed time.Time `json:"listed,omitzero"` // when the list was last read
	Next   time.Time `json:"next,omitzero"`   // when it is read again
	Error  string    `json:"error,omitempty"` // why it could not be read
}

// Member is an account that the sign-in of a connection serves. GET
// /api/v1/connections/{name}/members answers a list of them by id; POST
// /api/v1/connections/{name}/members/list with the body {} reads the service's
// own list first.
type Member struct {
	Connection string      `json:"connection"` // the name of the connection to it
	ID         string      `json:"id"`
	Name       string      `json:"name,omitempty"` // at the service
	State      vault.State `json:"state"`
	Seen       time.Time   `json:"seen"`              // when it was first known
	Left       time.Time   `json:"left,omitzero"`     // left out while it is there
	Next       time.Time   `json:"next,omitzero"`     // when a poll looks there again
	Problem    string      `json:"problem,omitempty"` // with its token, or with a poll
	Paused     int         `json:"paused,omitempty"`  // how many runs wait until it is connected
}
