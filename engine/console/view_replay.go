package console

import "time"

// ReplayRequest takes many runs of a flow up again, POST /api/v1/replays: each
// as a retry would, all in the usual queues of the flow. The same request
// repeated goes on behind the runs that were dealt with, where it was cut off,
// and takes none of them up twice. That is so until POST
// /api/v1/replays/close with the same body, or for a day: then it is a new
// replay.
type ReplayRequest struct {
	Flow string `json:"flow"`
	// Status chooses runs: failed, partly_failed or cancelled; "" for the first
	// two. From the start also succeeded and skipped.
	Status string `json:"status"`
	// Since and Until choose runs by when they were accepted: a time such as
	// 2026-03-01T09:00:00Z, or how long ago it was, such as 24h. Until "" is now.
	Since  string `json:"since"`
	Until  string `json:"until"`
	From   string `json:"from"` // failed (or ""), or start
	With   string `json:"with"` // original (or ""), or current
	DryRun bool   `json:"dry_run"`
	By     string `json:"by"` // who wants it, for the journals
}

// ReplayAnswer says what was taken up, or with dry_run would be.
type ReplayAnswer struct {
	Flow  string    `json:"flow"`
	From  string    `json:"from"`
	With  string    `json:"with"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Begun time.Time `json:"begun"`
	// Taken is how many runs are taken up, and Before how many the same request
	// took up earlier; Runs are all of them.
	Taken  int     `json:"taken"`
	Runs   []int64 `json:"runs"`
	Before int     `json:"before,omitempty"`
	// Refusals is how many cannot be taken up, Refused the first of them.
	Refusals int             `json:"refusals"`
	Refused  []ReplayRefusal `json:"refused"`
	// Left is set where more runs are to come than the queue of the flow has
	// room for, of which a replay fills the half: the same request takes up
	// more of them later. Queue is how many runs the flow lets wait.
	Left  bool `json:"left,omitempty"`
	Queue int  `json:"queue,omitempty"`
	// Steps are those of all runs together.
	Steps   []RetryStep `json:"steps"`
	Calls   int         `json:"calls"` // as of a retry
	Writes  int         `json:"writes"`
	AtLeast bool        `json:"at_least,omitempty"`
	DryRun  bool        `json:"dry_run,omitempty"`
}

// ReplayRefusal is a run that a replay cannot take up.
type ReplayRefusal struct {
	Run   int64  `json:"run"`
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}
