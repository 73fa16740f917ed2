package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/run"
)

// retryPlan is a retry that may begin.
type retryPlan struct {
	answer RetryAnswer
	events []journal.Event
	steps  []run.Glance // the run as it stands when the retry begins
}

// planning is a retry that is being planned: the run, and what is known of it.
type planning struct {
	run     journal.Run
	events  []journal.Event
	flow    *program.Flow // that it runs on
	chosen  *journal.Retry
	edits   []journal.Event
	differs map[string]bool // the writes that are kept although they would be others now
	at      time.Time
	by      string
}

// written returns the events that take the run up again.
func (p *planning) written() []journal.Event {
	return slices.Concat(p.chosen.Events(p.at, p.by), p.edits)
}

// state returns what the journal says when the retry begins.
func (p *planning) state() *journal.State { return journal.Fold(slices.Concat(p.events, p.written())) }

// planRetry decides what a retry of the run does once more, and whether it may.
func (c *Console) planRetry(ctx context.Context, r journal.Run, events []journal.Event, req RetryRequest) (retryPlan, *refusal) {
	from, with := req.From, req.With
	if from == "" {
		from = fromFailed
	}
	if with == "" {
		with = withOriginal
	}
	if with != withOriginal && with != withCurrent {
		hint := nearest(with, []string{withOriginal, withCurrent}, "allowed")
		return retryPlan{}, &refusal{http.StatusUnprocessableEntity, "with cannot be " + strconv.Quote(with), hint}
	}
	if len(req.Items) > 0 && from != fromFailed {
		return retryPlan{}, &refusal{http.StatusUnprocessableEntity, "items can be chosen only of what failed", "leave out --from, or --item"}
	}
	if refused := mayRetry(r); refused != nil {
		return retryPlan{}, refused
	}
	state := journal.Fold(events)
	p := &planning{run: r, events: events, at: time.Now(), by: req.By}
	var refused *refusal
	if p.chosen, refused = chooseRetry(r, state, from, req.Items); refused != nil {
		return retryPlan{}, refused
	}
	if p.flow, refused = c.versionFor(ctx, r, with); refused != nil {
		return retryPlan{}, refused
	}
	if refused = c.settleRetry(ctx, p, state, req, from); refused != nil {
		return retryPlan{}, refused
	}
	out := retryPlan{events: p.written(), steps: c.opt.Look(p.flow, &p.run, p.state(), nil)}
	out.answer = RetryAnswer{
		Run: r.ID, From: from, With: with, Definition: p.flow.Hash, DryRun: req.DryRun,
		Kept: append([]string{}, p.chosen.Kept...), Again: append([]string{}, p.chosen.Again...),
		Edits: newEdits(p.edits), Steps: newRetrySteps(out.steps, state, p.differs),
	}
	out.answer.count()
	return out, nil
}

// settleRetry takes in what a person edits and what the version that is live
// now says otherwise: what is read and worked out anew with it.
func (c *Console) settleRetry(ctx context.Context, p *planning, state *journal.State, req RetryRequest, from string) *refusal {
	current := p.flow.Hash != p.run.Definition && from != fromStart
	if !current && len(req.Edit) == 0 {
		return nil
	}
	original := p.flow
	if current {
		var err error
		if original, err = c.opt.Catalog.Definition(ctx, p.run.Definition); err != nil {
			return conflict("--from start keeps nothing",
				"the version of %s that this run ran on cannot be loaded, so what is kept cannot be compared: %v", p.flow.ID, err)
		}
		if missing := missingName(p.flow, p.state()); missing != "" {
			return conflict("--from start works it out", "the current version of %s has %s, which this run never had", p.flow.ID, missing)
		}
	}
	before := c.opt.Look(original, &p.run, p.state(), nil)
	var refused *refusal
	if p.edits, refused = readEdits(c.opt.Look(p.flow, &p.run, p.state(), nil), req.Edit, p.at, req.By); refused != nil {
		return refused
	}
	refused = c.renew(p, state, before)
	if !current {
		return refused
	}
	if wrong := fitsCurrent(p.flow, original, p.chosen, p.state()); wrong != nil {
		return wrong
	}
	return refused
}

// newRetrySteps says what becomes of each step of a run that stood as was.
func newRetrySteps(steps []run.Glance, was *journal.State, differs map[string]bool) []RetryStep {
	out := []RetryStep{}
	at := map[string]int{}
	for _, g := range steps {
		if g.Turn || len(g.Step.Steps) > 0 || len(g.Step.Branches) > 0 || g.Step.Kind == program.DoCall {
			continue // what is inside speaks for itself
		}
		path := program.WrittenPath(g.Path)
		i, known := at[path]
		if !known {
			i = len(out)
			at[path] = i
			out = append(out, newRetryStep(path, g.Step))
		}
		s := &out[i]
		s.Differs = s.Differs || differs[g.Path]
		s.Perhaps = s.Perhaps || g.Outcome == "" && g.Perhaps
		s.Asks = s.Asks || g.Open
		_, begun := was.Step(g.Path)
		switch {
		case g.Outcome == journal.Done || g.Outcome == journal.Skipped:
			s.Kept++
		case g.Outcome != "", g.Open:
		case g.Times == 0:
			s.Each = true
		case begun:
			s.Again++
		default:
			s.First++
		}
	}
	return slices.DeleteFunc(out, func(s RetryStep) bool { return s.Kept+s.Again+s.First == 0 && !s.Each && !s.Asks })
}

func newRetryStep(path string, s *program.Step) RetryStep {
	out := RetryStep{Path: path, Name: s.Name, Does: string(s.Kind)}
	if s.Kind == program.DoAction {
		out.Does, out.Effect, out.Repeat = s.Action.ID, s.Action.Effect, repeatOf(s.Action)
	}
	return out
}

// count says how many calls the retry makes.
func (a *RetryAnswer) count() {
	for _, s := range a.Steps {
		if s.Effect == "" {
			continue
		}
		n := s.Again + s.First
		if s.Each {
			a.AtLeast = true
			n++
		}
		a.Calls += n
		if s.Effect != program.EffectRead {
			a.Writes += n
		}
	}
}
