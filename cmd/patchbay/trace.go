package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"patchbay/engine/console"
	"patchbay/engine/journal"
)

// trace prints the events of a run as they come, one line for each step.
type trace struct {
	out   io.Writer
	names stepNames
	began map[string]time.Time // when the request of a step was announced
}

func newTrace(out io.Writer, names stepNames) *trace {
	return &trace{out: out, names: names, began: map[string]time.Time{}}
}

// event prints one event, if there is anything in it for a person.
func (t *trace) event(e journal.Event) {
	switch e.Kind {
	case journal.Intent:
		t.began[e.Path] = e.At
	case journal.Done:
		t.line("done", e, summary(e.Data))
	case journal.Skipped:
		t.line("skipped", e, e.Text)
	case journal.Tried:
		if e.Failure != nil && e.Failure.Reconnect != "" {
			t.line("paused", e, failed(e))
			return
		}
		t.line("again", e, failed(e)+", next attempt "+clock(e.Until))
	case journal.Caught:
		t.line("failed", e, failed(e)+" (the flow goes on)")
	case journal.Failed:
		t.line("failed", e, failed(e))
	case journal.Waiting:
		if e.Until.IsZero() {
			return // the step that is paused has told
		}
		about := "until " + clock(e.Until)
		if e.Text != "" {
			about = "for " + e.Text + ", " + about
		}
		t.line("waits", e, about)
	case journal.Answered:
		t.line("answered", e, strings.ReplaceAll(e.Text, "_", " "))
	case journal.Checked:
		t.line("checked", e, strings.TrimSpace(e.Text+" "+summary(e.Data)))
	case journal.Edited:
		t.line("edited", e, strings.TrimLeft(strings.TrimPrefix(console.EditedText(e), e.Path), ": "))
	case journal.Retried:
		t.line("retried", e, "")
	case journal.Dismissed:
		t.line("dismissed", e, e.Text)
	case journal.Began, journal.Ended:
	}
}

func (t *trace) line(what string, e journal.Event, about string) {
	step := "the run"
	if path := strings.TrimSuffix(e.Path, "."); path != "" { // the dot: only the end of the step is retried
		step = t.names.of(path)
	} else if e.Path != "" {
		step = "the end of the run"
	}
	facts := []string{fmt.Sprintf("  %-8s %s", what, step)}
	if e.Action != "" {
		facts = append(facts, e.Action)
	}
	if took := t.took(e); took >= time.Millisecond {
		facts = append(facts, span(took))
	}
	if about != "" {
		facts = append(facts, strings.ReplaceAll(about, "\n", " "))
	}
	if e.By != "" {
		facts = append(facts, "by "+e.By)
	}
	fmt.Fprintln(t.out, printable(strings.Join(facts, " · ")))
}

func (t *trace) took(e journal.Event) time.Duration {
	if e.Request != nil {
		return e.Request.Took
	}
	if began, ok := t.began[e.Path]; ok {
		return e.At.Sub(began)
	}
	return 0
}

// summary says in some words what a step brought.
func summary(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any:
		return count(len(v), "item")
	default:
		return compact(v, 100)
	}
}

func failed(e journal.Event) string {
	if e.Failure == nil {
		return e.Text
	}
	return fmt.Sprintf("%s (%s)", e.Failure.Message, e.Failure.Class)
}

// clock returns a time as it is said of the next hours.
func clock(at time.Time) string {
	if at.IsZero() {
		return "at once"
	}
	return moment(at)
}

// ending says how a run stands, in the lines below its trace.
func ending(r console.Run) string {
	line := fmt.Sprintf("run %d %s", r.ID, strings.ReplaceAll(string(r.Status), "_", " "))
	if r.Status.HasEnded() && !r.Ended.IsZero() {
		line += " after " + span(r.Ended.Sub(r.Created))
	}
	if r.Reason != "" {
		line += ": " + r.Reason
	}
	switch r.Status {
	case journal.WaitingStatus:
		if r.Reason != "" {
			line = fmt.Sprintf("run %d %s", r.ID, r.Reason)
		}
		if !r.Due.IsZero() {
			line += " until " + clock(r.Due)
		}
		line += "; it goes on while `patchbay serve` runs"
		for _, q := range r.Asks {
			line += fmt.Sprintf("\nIs it approved? %s\nor: patchbay runs approve %d %s --yes (or --no)", q.Link, r.ID, q.Path)
		}
	case journal.OutcomeUnknown:
		line += fmt.Sprintf("\nDid it happen? Look at the service, then: patchbay runs answer %d --happened (or --did-not-happen)", r.ID)
	default:
	}
	return printable(line)
}
