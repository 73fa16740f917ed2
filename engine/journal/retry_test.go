package journal_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

// story reads a journal from lines: a kind and a path, or the status of an end.
func story(text string) []journal.Event {
	events := []journal.Event{{At: at, Kind: journal.Began}}
	for line := range strings.Lines(text) {
		kind, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch kind {
		case "":
		case "ended":
			events = append(events, journal.Event{At: at, Kind: journal.Ended, Status: journal.Status(path)})
		case "lost":
			failure := &value.Failure{Class: value.ClassTransient, Unsettled: true}
			events = append(events, journal.Event{At: at, Kind: journal.Tried, Path: path, Failure: failure})
		default:
			events = append(events, event(journal.Kind(kind), path))
		}
	}
	return events
}

func TestRetry(t *testing.T) {
	const (
		failed = "done page\n done pair.0.a\n done pair.1.b\n failed pair.1.c\n failed pair\n done on_error/#1\n done finally/#1\n ended failed"
		partly = `done each[0].put
			caught each[1].find
			done each[1].put
			done each[2].put
			failed each[2].tell
			caught each[2]
			done each
			done report
			done finally/#1
			ended partly_failed`
		called  = "done invoice/make\n failed invoice/send\n done invoice/on_error/#1\n done invoice/finally/#1\n failed invoice\n ended failed"
		overdue = "done page\n done each[0].put\n done each[1].put\n failed each\n done finally/#1\n ended failed"
		cut     = "done page\n intent send\n ended cancelled"
	)
	tests := []struct {
		name, story, from string
		want              *journal.Retry // nil for none
		forgets           string
	}{
		{
			"what failed, and the end", failed, "failed",
			&journal.Retry{From: []string{"pair.1.c"}, Again: []string{"pair.1.c", "finally"}, Kept: []string{"page", "pair.0.a", "pair.1.b"}},
			"pair.1.c on_error finally",
		},
		{
			"a step in a branch, and what failed in another", failed, "pair.0.a",
			&journal.Retry{From: []string{"pair.0.a", "pair.1.c"}, Again: []string{"pair.0.a", "pair.1.c", "finally"}, Kept: []string{"page", "pair.1.b"}},
			"pair.0.a pair.1.c on_error finally",
		},
		{
			"on_error alone", failed, "on_error",
			&journal.Retry{From: []string{"on_error"}, Again: []string{"on_error", "finally"}, Kept: []string{"page", "pair"}},
			"on_error finally",
		},
		{
			"the items that failed", partly, "failed",
			&journal.Retry{
				From: []string{"each[1].find", "each[2].tell"}, Again: []string{"each[1].find", "each[1].put", "each[2].tell", "finally"},
				Kept: []string{"each[0]", "each[2].put", "report"},
			},
			"each[1].find each[1].put each[2].tell finally",
		},
		{
			"one item and all behind the loop", partly, "each[2]",
			&journal.Retry{From: []string{"each[2]"}, Again: []string{"each[2]", "report", "finally"}, Kept: []string{"each[0]", "each[1]"}},
			"each[2] report finally",
		},
		{
			"a step that failed, and what saw its failure", "caught page\n done tell\n ended partly_failed", "failed",
			&journal.Retry{From: []string{"page"}, Again: []string{"page", "tell"}},
			"page tell",
		},
		{
			"in a called flow", called, "failed",
			&journal.Retry{From: []string{"invoice/send"}, Again: []string{"invoice/send", "invoice/finally"}, Kept: []string{"invoice/make"}},
			"invoice/send invoice/on_error invoice/finally",
		},
		{
			"a loop whose time was over keeps its items", overdue, "failed",
			&journal.Retry{From: []string{"each"}, Again: []string{"each", "finally"}, Kept: []string{"page", "each[0]", "each[1]"}},
			"each. finally",
		},
		{
			"a run that failed behind its steps", "done page\n done finally/#1\n ended failed", "failed",
			&journal.Retry{Again: []string{"finally"}, Kept: []string{"page"}},
			". finally",
		},
		{
			"a branch that failed by itself, without an end to repeat", "done pair.0.a\n failed pair\n ended failed", "failed",
			&journal.Retry{From: []string{"pair"}, Again: []string{"pair"}, Kept: []string{"pair.0.a"}},
			"pair.",
		},
		{
			"a failure of finally is no failure of the run", "caught page\n failed finally/#1\n ended partly_failed", "failed",
			&journal.Retry{From: []string{"page"}, Again: []string{"page", "finally"}},
			"page finally",
		},
		{"a run that was broken off goes on", cut, "failed", &journal.Retry{Kept: []string{"page"}}, "."},
		{
			"a write whose outcome is open", cut, "page",
			&journal.Retry{From: []string{"page"}, Again: []string{"page", "send"}, Open: []string{"send"}},
			"page send",
		},
		{
			"an attempt whose outcome is open", "intent send\n lost send\n ended cancelled", "start",
			&journal.Retry{Again: []string{"send"}, Open: []string{"send"}},
			"",
		},
		{"nothing failed", "done page\n ended succeeded", "failed", nil, ""},
		{"no such step", failed, "pair.1", nil, ""},
		{"no path at all", failed, "].[/", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := journal.Fold(story(test.story))
			got, ok := s.RetryStart(), true
			switch test.from {
			case "start":
			case "failed":
				got, ok = s.RetryFailed()
			default:
				got, ok = s.RetryFrom(test.from)
			}
			if ok != (test.want != nil) {
				t.Fatalf("a retry from %s = %+v, %v, want %+v", test.from, got, ok, test.want)
			}
			if !ok {
				return
			}
			if diff := cmp.Diff(test.want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".forget" }, cmp.Ignore())); diff != "" {
				t.Errorf("a retry from %s (-want +got):\n%s", test.from, diff)
			}
			var forgets []string
			for _, e := range got.Events(at, "") {
				forgets = append(forgets, e.Path)
			}
			if got := strings.Join(forgets, " "); got != test.forgets {
				t.Errorf("a retry from %s forgets %q, want %q", test.from, got, test.forgets)
			}
		})
	}
}

// TestRetryOfNothing takes up a run that ended before its first step.
func TestRetryOfNothing(t *testing.T) {
	s := journal.Fold([]journal.Event{{At: at, Kind: journal.Ended, Status: journal.Cancelled}})
	r, ok := s.RetryFailed()
	if !ok || len(r.Again)+len(r.Kept) > 0 || len(r.Events(at, "")) != 1 || r.Events(at, "")[0].Path != "" {
		t.Errorf("RetryFailed() = %+v, %v, want the whole run", r, ok)
	}
}

// TestEndRetried takes the end from a step and leaves what is inside it.
func TestEndRetried(t *testing.T) {
	s := journal.Fold(story("done each[0].put\n failed each\n ended failed"))
	s.Apply(journal.Event{At: at, Kind: journal.Retried, Path: "each."})
	each, _ := s.Step("each")
	put, _ := s.Step("each[0].put")
	if each.Ended() || !put.Ended() || s.Retries("each[0].put") != 0 || !s.RetriedAt.Equal(at) {
		t.Errorf("after a retry of the end of each: each, each[0].put = %+v, %+v", each, put)
	}
	s.Apply(journal.Event{At: at, Kind: journal.Retried, Path: "each"})
	s.Apply(journal.Event{At: at, Kind: journal.Retried})
	if got := s.Retries("each[0].put"); got != 2 {
		t.Errorf(`Retries("each[0].put") = %d, want 2`, got)
	}
}
