package main

import (
	"context"
	"errors"

	"github.com/creachadair/jrpc2"

	"patchbay/engine/edit"
)

// renameFailed is the number that the protocol has for a request that was
// understood and cannot be done.
const renameFailed = jrpc2.Code(-32803)

// prepareRename tells which name at the cursor can be another one.
func (s *languageServer) prepareRename(_ context.Context, p lspPlace) (any, error) {
	at, ok := s.place(p)
	if !ok {
		return nil, nil //nolint:nilnil // an editor is told null where there is nothing
	}
	step, ok := edit.StepAt(s.src, s.options(), at)
	if !ok {
		return nil, nil //nolint:nilnil // an editor is told null where there is nothing
	}
	return lspNamed{s.span(step.Pos, len([]rune(step.ID))), step.ID}, nil
}

// rename gives the step at the cursor another id. What else has a name has a
// history under it as well, which an editor cannot change.
func (s *languageServer) rename(_ context.Context, p lspRename) (any, error) {
	at, ok := s.place(p.lspPlace)
	if !ok {
		return nil, nil //nolint:nilnil // an editor is told null where there is nothing
	}
	step, ok := edit.StepAt(s.src, s.options(), at)
	if !ok {
		return nil, jrpc2.Errorf(renameFailed, "only the id of a step can be renamed here; patchbay rename does flows, connections and connectors, with their history")
	}
	renamed, err := edit.RenameStep(s.src, s.options(), step.Flow, step.ID, p.NewName)
	var no *edit.RefusedError
	if errors.As(err, &no) {
		reason := no.Reason
		if no.Hint != "" {
			reason += " (" + no.Hint + ")"
		}
		return nil, jrpc2.Errorf(renameFailed, "%s", reason)
	}
	if err != nil {
		return nil, err
	}
	changes := map[string][]lspEdit{}
	for _, c := range renamed.Changes {
		uri := s.uriOf(c.Pos.File)
		changes[uri] = append(changes[uri], lspEdit{s.span(c.Pos, len([]rune(c.From))), c.To})
	}
	return lspChanges{changes}, nil
}
