package console

import (
	"net/http"
	"time"
)

// DoctorRequest asks how the data folder stands, POST /api/v1/doctor.
type DoctorRequest struct {
	// Fix repairs what can be repaired without a loss.
	Fix bool `json:"fix"`
}

// Health is how a data folder stands.
type Health struct {
	OK      bool      `json:"ok"`      // there is no problem but those that were fixed
	Data    string    `json:"data"`    // the folder
	Serving bool      `json:"serving"` // `patchbay serve` works with it
	World   string    `json:"world,omitempty"`
	Format  int       `json:"format,omitempty"`
	KeyID   string    `json:"key_id,omitempty"` // of the key that its secrets and tokens need
	Bytes   int64     `json:"bytes"`            // of the database on disk
	Disk    int64     `json:"disk,omitempty"`   // bytes that can still be written there
	Runs    int       `json:"runs"`
	Open    int       `json:"open"` // of the runs, those that have not ended
	Oldest  time.Time `json:"oldest,omitzero"`
	// Problems are what somebody should do something about, Notes what can be
	// left as it is.
	Problems []Problem `json:"problems"`
	Notes    []Problem `json:"notes"`
}

// Problem is something that is not as it should be.
type Problem struct {
	// Code is the same for every problem of its kind: unusable, damaged, clock,
	// key, readable, disk, no_lease, overdue, asleep, outcome_unknown,
	// connection, subscription, definitions.
	Code  string `json:"code"`
	Where string `json:"where"`           // "run 42", "connection ghl", a path
	What  string `json:"what"`            // one sentence without its subject, which is Where
	Do    string `json:"do,omitempty"`    // what to do about it
	Fixed bool   `json:"fixed,omitempty"` // it was put right
}

func (c *Console) doctor(w http.ResponseWriter, r *http.Request) {
	var req DoctorRequest
	if !decode(w, r, &req) {
		return
	}
	h, err := c.opt.Examine(r.Context(), req.Fix)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	answer(w, http.StatusOK, h)
}
