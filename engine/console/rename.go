package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"patchbay/engine/diag"
	"patchbay/engine/edit"
	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// RenameRequest gives a flow, a connection or a connector another name, POST
// /api/v1/rename: in the files, and in all that is kept under it. While that is
// done nothing else is; what was under way goes on afterwards.
type RenameRequest struct {
	Kind   string `json:"kind"` // flow, connection or connector
	From   string `json:"from"`
	To     string `json:"to"`
	DryRun bool   `json:"dry_run"` // only tell what would be changed
}

// RenameAnswer is what a rename changed.
type RenameAnswer struct {
	Written bool              `json:"written"` // false for a dry run
	Changed []RenamePlace     `json:"changed"`
	Moved   []RenameMove      `json:"moved"`
	Left    []RenamePlace     `json:"left"` // texts that say the old name
	State   store.RenameCount `json:"state"`
	// Address is true if services deliver to an address of it, which stays.
	Address bool `json:"address"`
	// Others are further data folders of the workspace: each follows when it is
	// used next.
	Others []string `json:"others"`
}

// RenamePlace is a place in a file.
type RenamePlace struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	From   string `json:"from"`
	To     string `json:"to,omitempty"`
}

// Pos returns where the place is.
func (p RenamePlace) Pos() diag.Pos { return diag.Pos{File: p.File, Line: p.Line, Column: p.Column} }

// RenameMove is a file or a folder that got another path.
type RenameMove struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// RenamePlaces returns changes as the API tells them.
func RenamePlaces(changes []edit.Change) []RenamePlace {
	out := []RenamePlace{}
	for _, c := range changes {
		out = append(out, RenamePlace{c.Pos.File, c.Pos.Line, c.Pos.Column, c.From, c.To})
	}
	return out
}

// NewRenameAnswer returns what the API tells of a rename.
func NewRenameAnswer(r edit.Renamed, state store.RenameCount) RenameAnswer {
	a := RenameAnswer{Changed: RenamePlaces(r.Changes), Moved: []RenameMove{}, Left: RenamePlaces(r.Left), State: state, Others: []string{}}
	for _, m := range r.Moves {
		a.Moved = append(a.Moved, RenameMove(m))
	}
	return a
}

func (c *Console) rename(w http.ResponseWriter, r *http.Request) {
	var req RenameRequest
	if !decode(w, r, &req) {
		return
	}
	kinds := []string{string(journal.FlowName), string(journal.ConnectionName), string(journal.ConnectorName)}
	if hint := nearest(req.Kind, kinds, "allowed"); !slices.Contains(kinds, req.Kind) {
		fail(w, http.StatusUnprocessableEntity, "kind cannot be "+strconv.Quote(req.Kind), hint)
		return
	}
	out, err := c.opt.Rename(r.Context(), req)
	refused, ok := errors.AsType[*edit.RefusedError](err)
	switch {
	case ok:
		fail(w, http.StatusUnprocessableEntity, refused.Reason, refused.Hint)
	case err != nil:
		c.internal(w, r, err)
	default:
		answer(w, http.StatusOK, out)
	}
}
