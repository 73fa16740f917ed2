package journal_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

func event(kind journal.Kind, path string) journal.Event {
	return journal.Event{At: at, Kind: kind, Path: path}
}

func TestStep(t *testing.T) {
	failure := value.Fail(value.ClassTransient, "busy")
	intent := journal.Event{At: at, Kind: journal.Intent, Path: "a", Attempt: 1, Action: "x.write"}
	later := intent
	later.At, later.Attempt = at.Add(time.Minute), 2
	tried := journal.Event{At: at, Kind: journal.Tried, Path: "a", Attempt: 1, Failure: failure, Until: at.Add(time.Second)}
	done := journal.Event{At: at, Kind: journal.Done, Path: "a", Attempt: 2, Data: "out", Text: "enough"}
	silent, limit, refused := tried, tried, value.Fail(value.ClassInvalid, "too small")
	silent.Failure = &value.Failure{Class: value.ClassTransient, Message: "no answer", Unsettled: true}
	limit.Attempt, limit.Failure, limit.Until = 2, value.Fail(value.ClassRateLimit, "slow down"), time.Time{}
	answer := func(text string) journal.Event {
		return journal.Event{At: at, Kind: journal.Answered, Path: "a", Text: text, Data: "told"}
	}
	tests := []struct {
		name   string
		events []journal.Event
		want   journal.StepState
	}{
		{"intent", []journal.Event{intent}, journal.StepState{Path: "a", Attempts: 1, Intent: &intent, FirstIntent: at}},
		{"tried", []journal.Event{intent, tried}, journal.StepState{Path: "a", Attempts: 1, Failure: failure, NotBefore: tried.Until, FirstIntent: at}},
		{
			"done after a failure",
			[]journal.Event{intent, tried, later, done},
			journal.StepState{Path: "a", Attempts: 2, Outcome: journal.Done, EndedAt: at, Output: "out", Reason: "enough", FirstIntent: at},
		},
		{
			"skipped",
			[]journal.Event{{At: at, Kind: journal.Skipped, Path: "a", Text: "x is false"}},
			journal.StepState{Path: "a", Outcome: journal.Skipped, EndedAt: at, Reason: "x is false"},
		},
		{
			"caught",
			[]journal.Event{{At: at, Kind: journal.Caught, Path: "a", Attempt: 3, Failure: failure}},
			journal.StepState{Path: "a", Outcome: journal.Caught, EndedAt: at, Attempts: 3, Failure: failure},
		},
		{
			"failed",
			[]journal.Event{intent, {At: at, Kind: journal.Failed, Path: "a", Attempt: 1, Failure: failure}},
			journal.StepState{Path: "a", Outcome: journal.Failed, EndedAt: at, Attempts: 1, Failure: failure, FirstIntent: at},
		},
		{
			"waiting, with its intent still open",
			[]journal.Event{intent, {At: at, Kind: journal.Waiting, Path: "a", Until: at.Add(time.Hour)}},
			journal.StepState{Path: "a", Attempts: 1, Intent: &intent, NotBefore: at.Add(time.Hour), FirstIntent: at},
		},
		{
			"it happened",
			[]journal.Event{intent, answer(journal.Happened)},
			journal.StepState{Path: "a", Attempts: 1, Outcome: journal.Done, EndedAt: at, Output: "told", FirstIntent: at},
		},
		{"it did not", []journal.Event{intent, answer(journal.DidNotHappen)}, journal.StepState{Path: "a", Attempts: 1, FirstIntent: at}},
		{
			"lost and then refused by a limit",
			[]journal.Event{intent, later, limit},
			journal.StepState{Path: "a", Attempts: 2, Limited: 1, Failure: limit.Failure, FirstIntent: at, Doubt: journal.Interrupted()},
		},
		{
			"lost and then not even tried",
			[]journal.Event{intent, limit},
			journal.StepState{Path: "a", Attempts: 2, Limited: 1, Failure: limit.Failure, FirstIntent: at, Doubt: journal.Interrupted()},
		},
		{
			"no answer and then not reached",
			[]journal.Event{intent, silent, later, tried},
			journal.StepState{Path: "a", Attempts: 2, Failure: failure, NotBefore: tried.Until, FirstIntent: at, Doubt: silent.Failure},
		},
		{
			"no answer and then refused",
			[]journal.Event{intent, silent, later, {At: at, Kind: journal.Tried, Path: "a", Attempt: 2, Failure: refused}},
			journal.StepState{Path: "a", Attempts: 2, Failure: refused, FirstIntent: at},
		},
		{
			"no answer and then done",
			[]journal.Event{intent, silent, later, done},
			journal.StepState{Path: "a", Attempts: 2, Outcome: journal.Done, EndedAt: at, Output: "out", Reason: "enough", FirstIntent: at},
		},
		{
			"of an unknown kind",
			[]journal.Event{done, event("dreamed", "a")},
			journal.StepState{Path: "a", Attempts: 2, Outcome: journal.Done, EndedAt: at, Output: "out", Reason: "enough"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := journal.Fold(test.events).Step("a")
			if !ok {
				t.Fatal("the state does not know step a")
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("step a (-want +got):\n%s", diff)
			}
		})
	}
}

func TestState(t *testing.T) {
	s := journal.Fold([]journal.Event{
		{At: at, Kind: journal.Began, Data: map[string]any{"vars": nil}},
		event(journal.Intent, "write"),
		event(journal.Done, "read"),
		event(journal.Intent, "each[0].put"),
	})
	if got, want := s.Paths(), []string{"write", "read", "each[0].put"}; !cmp.Equal(got, want) {
		t.Errorf("Paths() = %v, want %v", got, want)
	}
	if got, want := s.Unsettled(), []string{"write", "each[0].put"}; !cmp.Equal(got, want) {
		t.Errorf("Unsettled() = %v, want %v", got, want)
	}
	if _, ok := s.Step("elsewhere"); ok {
		t.Error(`Step("elsewhere") is known, want unknown`)
	}
	if !s.Begun || s.Status != journal.Running {
		t.Errorf("Begun, Status = %v, %v, want true, running", s.Begun, s.Status)
	}
	s.Apply(journal.Event{At: at, Kind: journal.Waiting, Until: at.Add(time.Hour)})
	if s.Status != journal.WaitingStatus || !s.NotBefore.Equal(at.Add(time.Hour)) {
		t.Errorf("Status, NotBefore = %v, %v, want waiting, an hour later", s.Status, s.NotBefore)
	}
	s.Apply(journal.Event{At: at, Kind: journal.Ended, Status: journal.PartlyFailed, Text: "one of two", Data: 1})
	if s.Status != journal.PartlyFailed || s.Reason != "one of two" || s.Output != 1 || !s.EndedAt.Equal(at) {
		t.Errorf("after Ended the state is %+v", s)
	}
}

func TestRetried(t *testing.T) {
	events := []journal.Event{
		{At: at, Kind: journal.Began, Data: "d"},
		event(journal.Done, "page"),
		event(journal.Done, "each[0].apply"), event(journal.Done, "each[0]"),
		event(journal.Done, "each[1].read"), event(journal.Failed, "each[1].apply"), event(journal.Failed, "each[1]"),
		event(journal.Failed, "each"), event(journal.Done, "each2"),
		{At: at, Kind: journal.Ended, Status: journal.FailedStatus, Text: "no"},
	}
	tests := []struct {
		path string
		want map[string]journal.Kind // the outcome of each step that is known
	}{
		{"each[1].apply", map[string]journal.Kind{
			"page": journal.Done, "each[0].apply": journal.Done, "each[0]": journal.Done,
			"each[1].read": journal.Done, "each[1]": "", "each": "", "each2": journal.Done,
		}},
		{"each", map[string]journal.Kind{"page": journal.Done, "each2": journal.Done}},
		{"", map[string]journal.Kind{}},
	}
	for _, test := range tests {
		s := journal.Fold(append(events, journal.Event{At: at, Kind: journal.Retried, Path: test.path}))
		got := map[string]journal.Kind{}
		for _, path := range s.Paths() {
			step, _ := s.Step(path)
			got[path] = step.Outcome
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("outcomes after a retry of %q (-want +got):\n%s", test.path, diff)
		}
		if s.Status != journal.Queued || s.Reason != "" || !s.EndedAt.IsZero() {
			t.Errorf("after a retry of %q: Status, Reason, EndedAt = %v, %q, %v, want queued, nothing, nothing", test.path, s.Status, s.Reason, s.EndedAt)
		}
		if begun := test.path != ""; s.Begun != begun {
			t.Errorf("after a retry of %q: Begun = %v, want %v", test.path, s.Begun, begun)
		}
	}
}

// TestWorked counts how long a run was worked on: the last time it was given
// back says it, and a retry begins anew.
func TestWorked(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	until := at.Add(time.Hour)
	s := journal.Fold([]journal.Event{
		{At: at, Kind: journal.Began},
		{At: at, Kind: journal.Waiting, Path: "a", Until: until},
		{At: at, Kind: journal.Waiting, Until: until, Worked: time.Minute},
		{At: until, Kind: journal.Done, Path: "a"},
		{At: until, Kind: journal.Waiting, Until: until.Add(time.Hour), Worked: 3 * time.Minute},
	})
	if want := 3 * time.Minute; s.Worked != want {
		t.Errorf("Worked = %s, want %s", s.Worked, want)
	}
	if s.Apply(journal.Event{At: until, Kind: journal.Retried, Path: "a"}); s.Worked != 0 {
		t.Errorf("Worked after a retry = %s, want 0", s.Worked)
	}
}

// TestFoldOfPrefixes folds a stored journal in two parts, cut everywhere: the
// state does not depend on where a crash cut it.
func TestFoldOfPrefixes(t *testing.T) {
	text, err := os.ReadFile("testdata/format1.journal")
	if err != nil {
		t.Fatal(err)
	}
	var events []journal.Event
	for line := range bytes.Lines(text) {
		e, err := journal.Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	want := journal.Fold(events)
	for cut := range events {
		got := journal.Fold(events[:cut])
		for _, e := range events[cut:] {
			got.Apply(e)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(journal.State{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("cut at %d (-whole +cut):\n%s", cut, diff)
		}
	}
}

func TestInside(t *testing.T) {
	tests := []struct {
		path, outer string
		want        bool
	}{
		{"each[3].apply", "each[3]", true},
		{"each[3].apply", "each", true},
		{"invoice/send", "invoice", true},
		{"each", "each", false},
		{"each2", "each", false},
		{"each[13]", "each[1]", false},
	}
	for _, test := range tests {
		if got := journal.Inside(test.path, test.outer); got != test.want {
			t.Errorf("Inside(%q, %q) = %v, want %v", test.path, test.outer, got, test.want)
		}
	}
}
