package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"patchbay/engine/journal"
	"patchbay/engine/program"
)

// The kinds of letters, in the order of the inbox: what stands still for want
// of a person comes first.
const (
	letterUnknown  = "unknown"
	letterApproval = "approval"
	letterConnect  = "connection"
	letterFailed   = "failed"
	letterItem     = "item"
	letterStep     = "step"
)

// How many letters the inbox shows where nothing is said, and at the most.
const (
	usualLetters = 200
	mostLetters  = 1000
)

// inbox lists what needs a person: ?flow=, ?limit=.
func (c *Console) inbox(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, ok := number(w, q, "limit", usualLetters, mostLetters)
	if !ok {
		return
	}
	letters, err := c.letters(r.Context(), q.Get("flow"), limit)
	if err != nil {
		c.internal(w, r, err)
		return
	}
	if len(letters) == 0 && q.Get("flow") != "" && !c.knowsFlow(w, r, q.Get("flow")) {
		return
	}
	answer(w, http.StatusOK, letters)
}

// letters returns what needs a person, of one flow or of all: writes without a
// known outcome, approvals, connections that runs wait for, then failures, each
// with the latest run first.
func (c *Console) letters(ctx context.Context, flow string, limit int) ([]Letter, error) {
	all := []Letter{}
	for _, part := range []func(context.Context, string, int) ([]Letter, error){c.openWrites, c.openApprovals, c.openConnections, c.openFailures} {
		if len(all) >= limit {
			break
		}
		found, err := part(ctx, flow, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all[:min(len(all), limit)], nil
}

func (c *Console) openWrites(ctx context.Context, flow string, limit int) ([]Letter, error) {
	runs, err := c.opt.Store.Runs(ctx, journal.Filter{Flow: flow, Status: journal.OutcomeUnknown, Limit: limit})
	var all []Letter
	for _, r := range runs {
		events, err := c.opt.Store.Events(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		state := journal.Fold(events)
		for _, path := range state.Unsettled() {
			step, _ := state.Step(path)
			l := c.letter(letterUnknown, r, path)
			l.Since, l.Action, l.Sent = step.Intent.At, step.Intent.Action, step.Intent.Request
			l.Reason = "nobody knows whether " + l.Action + " happened"
			at := fmt.Sprintf("patchbay runs answer %d --step %s", r.ID, quoted(path))
			l.Resolve = c.commands(at+" --happened", at+" --did-not-happen")
			all = append(all, l)
		}
	}
	return all, err
}

func (c *Console) openApprovals(ctx context.Context, flow string, limit int) ([]Letter, error) {
	asked, err := c.opt.Store.Asked(ctx, mostLetters)
	var all []Letter
	for _, w := range asked {
		if flow != "" && w.Run.Flow != flow || len(all) == limit {
			continue
		}
		l := c.letter(letterApproval, w.Run, w.Path)
		l.Since, l.Reason, l.Page = w.Run.Created, "step "+w.Path+" waits for an approval", local(c.opt.Link(w.Run.ID, w.Path))
		at := fmt.Sprintf("patchbay runs approve %d %s", w.Run.ID, quoted(w.Path))
		l.Resolve = c.commands(at+" --yes", at+" --no")
		all = append(all, l)
	}
	return all, err
}

// openConnections tells of the connections that runs wait for, once for each
// flow.
func (c *Console) openConnections(ctx context.Context, flow string, limit int) ([]Letter, error) {
	paused, err := c.opt.Store.Paused(ctx)
	var all []Letter
	for _, p := range paused {
		if flow != "" && p.Flow != flow || len(all) == limit {
			continue
		}
		run, err := c.opt.Store.RunByID(ctx, p.First)
		if errors.Is(err, journal.ErrNoRun) {
			continue // cancelled and pruned in this moment
		}
		if err != nil {
			return nil, err
		}
		l := c.letter(letterConnect, run, "")
		l.Since, l.Connection, l.Reason, l.Page = run.Created, p.Connection, run.Reason, "/connections"
		if p.Runs > 1 {
			l.Reason += "; so many runs wait for it: " + strconv.Itoa(p.Runs)
		}
		l.Resolve = c.commands("patchbay connections --test")
		name, _ := program.SplitMember(p.Connection)
		if conn := c.opt.Catalog.Set().Connections[name]; conn != nil && conn.Auth != nil && conn.Auth.Type == program.AuthOAuth2Code {
			l.Resolve = c.commands("patchbay connect " + name)
		}
		all = append(all, l)
	}
	return all, err
}

func (c *Console) openFailures(ctx context.Context, flow string, limit int) ([]Letter, error) {
	runs, err := c.opt.Store.Runs(ctx, journal.Filter{Flow: flow, Undone: true, Limit: limit})
	var all []Letter
	for _, r := range runs {
		if len(all) >= limit {
			break
		}
		events, err := c.opt.Store.Events(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		for _, open := range journal.Fold(events).Letters() {
			all = append(all, c.failureLetter(r, open))
		}
	}
	return all, err
}

// failureLetter tells of a failure, and how it is taken up again or dismissed.
func (c *Console) failureLetter(r journal.Run, open journal.Letter) Letter {
	kind, retry, dismiss := letterFailed, fmt.Sprintf("patchbay runs retry %d", r.ID), fmt.Sprintf("patchbay runs dismiss %d", r.ID)
	if open.Path != "" {
		kind = letterStep
		if journal.IsTurn(open.Path) {
			kind = letterItem
		}
		retry += " --item " + quoted(open.Path)
		dismiss += " " + quoted(open.Path)
	}
	l := c.letter(kind, r, open.Path)
	l.Since, l.Reason, l.Item = r.Ended, r.Reason, open.Item
	if f := open.Failure; f != nil {
		l.Reason, l.Class, l.Step, l.Action = f.Message, string(f.Class), f.Step, f.Action
	}
	l.Resolve = c.commands(retry, dismiss+" --reason …")
	l.Page += "/retry"
	if open.Path != "" {
		l.Page += "?" + url.Values{"item": {open.Path}}.Encode()
	}
	return l
}

func (c *Console) letter(kind string, r journal.Run, path string) Letter {
	return Letter{Kind: kind, Run: r.ID, Flow: r.Flow, Status: r.Status, Connection: r.Connection, Path: path, Step: path, Page: "/runs/" + strconv.FormatInt(r.ID, 10)}
}

// commands are command lines as they are to be typed for this data folder.
func (c *Console) commands(lines ...string) []string {
	if c.opt.Sandbox != nil {
		for i := range lines {
			lines[i] += " --sandbox"
		}
	}
	return lines
}

// quoted writes a path as a shell takes it: brackets and # mean something there.
func quoted(path string) string {
	for _, r := range path {
		if r != '_' && r != '.' && r != '/' && (r < '0' || r > '9') && (r|' ' < 'a' || r|' ' > 'z') {
			return "'" + path + "'"
		}
	}
	return path
}
