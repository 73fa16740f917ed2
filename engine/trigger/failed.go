package trigger

import (
	"cmp"
	"time"

	"patchbay/engine/journal"
	"patchbay/engine/program"
	"patchbay/engine/value"
)

// failure is how a run failed, or why its flow is paused.
type failure struct {
	run            *journal.Run
	name           string // of its flow, "" if that is not live any more
	status         journal.Status
	started, ended time.Time
	cause          value.Failure
}

// newFailure reads from the journal of a run, as it was when the run failed,
// how it did: by the failure that ended it, or by the first one that it went on
// after.
func newFailure(set *program.Set, r *journal.Run, events []journal.Event) *failure {
	f := &failure{run: r, status: r.Status, ended: r.Ended}
	if flow := set.Flows[r.Flow]; flow != nil {
		f.name = flow.Name
	}
	state := journal.Fold(events)
	f.started = state.BegunAt
	if f.started.IsZero() {
		f.started = r.Created
	}
	f.cause.Message = r.Reason
	if n := len(events); n > 0 && events[n-1].Kind == journal.Ended {
		e := events[n-1]
		f.status, f.ended, f.cause.Message = e.Status, e.At, e.Text
		if e.Failure != nil {
			f.cause = *e.Failure
		}
	}
	if at := pausedAt(events); at >= 0 {
		f.status, f.ended, f.cause = journal.WaitingStatus, events[at].At, *events[at].Failure
	}
	if f.status == journal.PartlyFailed {
		if first := firstFailure(state); first != nil {
			f.cause = *first
		}
	}
	f.cause.Class = cmp.Or(f.cause.Class, value.ClassUnknown)
	return f
}

// pausedAt returns the place of the event by which a run that has not ended came
// to wait for a connection, -1 for none.
func pausedAt(events []journal.Event) int {
	for i := len(events) - 1; i >= 0 && events[i].Kind != journal.Ended; i-- {
		if e := events[i]; e.Kind == journal.Tried && e.Failure != nil && e.Failure.Reconnect != "" {
			return i
		}
	}
	return -1
}

// firstFailure returns the first failure of a step that a run went on after,
// nil if there is none.
func firstFailure(s *journal.State) *value.Failure {
	for _, path := range s.Paths() {
		st, _ := s.Step(path)
		if st.Failure != nil && (st.Outcome == journal.Caught || st.Outcome == journal.Failed) {
			first := *st.Failure
			first.Step = cmp.Or(first.Step, path)
			return &first
		}
	}
	return nil
}

// value returns the failure as the event of a trigger.
func (f *failure) value(url string) map[string]any {
	return map[string]any{
		"flow":    f.run.Flow,
		"name":    optionalText(f.name),
		"run":     int(f.run.ID),
		"url":     url,
		"status":  string(f.status),
		"step":    optionalText(f.cause.Step),
		"message": f.cause.Message,
		"class":   string(f.cause.Class),
		"action":  optionalText(f.cause.Action),
		"trigger": f.run.Trigger,
		"started": f.started.UTC().Format(time.RFC3339Nano),
		"ended":   f.ended.UTC().Format(time.RFC3339Nano),
	}
}

func optionalText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// SampleFailure returns what a trigger for the failures of a flow might bring,
// to try out a flow that has one.
func SampleFailure(flow string, now time.Time) map[string]any {
	if flow == program.AnyFlow {
		flow = "example"
	}
	f := failure{
		run: &journal.Run{Flow: flow, Trigger: "on_demand"}, status: journal.FailedStatus, started: now, ended: now,
		cause: value.Failure{Class: value.ClassUnknown, Message: "This is a trial: nothing has failed."},
	}
	return f.value("")
}
