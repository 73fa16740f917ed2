package journal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/value"
)

func edit(field string, old, to any) journal.Edit {
	return journal.Edit{Field: value.SplitPath(field), Old: old, New: to, By: "grace", At: at}
}

// TestEdited sets what a step is given.
func TestEdited(t *testing.T) {
	given := map[string]any{"to": "ada", "tags": []any{"a", "b"}, "address": map[string]any{"city": "Paris", "zip": "1"}}
	tests := []struct {
		name  string
		edits []journal.Edit
		want  any
	}{
		{"nothing", nil, given},
		{"a field", []journal.Edit{edit("to", "ada", "grace")}, map[string]any{
			"to": "grace", "tags": []any{"a", "b"}, "address": map[string]any{"city": "Paris", "zip": "1"},
		}},
		{"inside, and one that was not there", []journal.Edit{edit("address.city", "Paris", "Rome"), edit("cc.name", nil, "bo")}, map[string]any{
			"to": "ada", "tags": []any{"a", "b"}, "address": map[string]any{"city": "Rome", "zip": "1"}, "cc": map[string]any{"name": "bo"},
		}},
		{"of a list", []journal.Edit{edit("tags.1", "b", "c"), edit("tags.7", nil, "d")}, map[string]any{
			"to": "ada", "tags": []any{"a", "c"}, "address": map[string]any{"city": "Paris", "zip": "1"},
		}},
		{"a later one of the same", []journal.Edit{edit("address.city", "Paris", "Rome"), edit("address", nil, map[string]any{"city": "Bern"})}, map[string]any{
			"to": "ada", "tags": []any{"a", "b"}, "address": map[string]any{"city": "Bern"},
		}},
		{"all of it", []journal.Edit{edit("", nil, "text")}, "text"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := journal.Fold([]journal.Event{{At: at, Kind: journal.Began}})
			for _, e := range test.edits {
				written := e.Event("send")
				if diff := cmp.Diff(e, journal.EditOf(written)); diff != "" {
					t.Errorf("EditOf(Event) (-want +got):\n%s", diff)
				}
				s.Apply(written)
			}
			if diff := cmp.Diff(test.want, s.Edited("send", given)); diff != "" {
				t.Errorf("Edited (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(any(given), s.Edited("other", given)); diff != "" {
				t.Errorf("Edited of another step (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEditsLast keeps an edit through later retries of the step, and drops it
// where the loop around it, or the run, is done once more.
func TestEditsLast(t *testing.T) {
	tests := []struct {
		retried string
		want    string
	}{
		{"each[1].send", "grace"},
		{"each[1].send.", "grace"},
		{"other", "grace"},
		{"each[1]", "ada"},
		{"each", "ada"},
		{"", "ada"},
	}
	for _, test := range tests {
		s := journal.Fold(story("failed each[1].send\n caught each[1]\n done each\n ended partly_failed"))
		s.Apply(edit("to", nil, "grace").Event("each[1].send"))
		s.Apply(journal.Event{At: at, Kind: journal.Retried, Path: test.retried})
		want := map[string]any{"to": test.want}
		if diff := cmp.Diff(any(want), s.Edited("each[1].send", map[string]any{"to": "ada"})); diff != "" {
			t.Errorf("after a retry of %q (-want +got):\n%s", test.retried, diff)
		}
	}
}

// TestLetters tells which failures of a run nobody has dealt with.
func TestLetters(t *testing.T) {
	const partly = `done each[0].put
		failed each[1].put
		caught each[1]
		failed each[2].put
		caught each[2]
		done each
		caught tell
		ended partly_failed`
	tests := []struct{ name, story, want, again string }{
		{"all of a run", "failed page\n ended failed", ".", "page"},
		{"a run that ended well", "done page\n ended succeeded", "", ""},
		{"cancelled", "done page\n ended cancelled", "", ""},
		{"items and a step", partly, "each[1] each[2] tell", "each[1].put each[2].put tell"},
		{"one item dismissed", partly + "\n dismissed each[1]", "each[2] tell", "each[2].put tell"},
		{"all dismissed by themselves", partly + "\n dismissed each[1]\n dismissed each\n dismissed tell", "", ""},
		{"the run dismissed, which can still be retried", partly + "\n dismissed ", "", "each[1].put each[2].put tell"},
		{
			"dismissed, and done once more", partly + "\n dismissed each[1]\n retried each[1].put\n failed each[1].put\n caught each[1]\n done each\n ended partly_failed",
			"each[1] each[2] tell", "each[2].put tell each[1].put",
		},
		{"a failed run dismissed", "failed page\n ended failed\n dismissed ", "", "page"},
		{"and taken up again", "failed page\n ended failed\n dismissed \n retried page\n failed page\n ended failed", ".", "page"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := journal.Fold(story(test.story))
			var got []string
			for _, l := range s.Letters() {
				if l.Path == "" {
					l.Path = "."
				}
				got = append(got, l.Path)
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("Letters() = %q, want %q", text, test.want)
			}
			again := ""
			if r, ok := s.RetryFailed(); ok && s.Status != journal.Cancelled {
				again = strings.Join(r.From, " ")
			}
			if again != test.again {
				t.Errorf("RetryFailed() begins at %q, want %q", again, test.again)
			}
		})
	}
}

// TestRetryOfItems takes up some of what failed, and more beside it.
func TestRetryOfItems(t *testing.T) {
	s := journal.Fold(story(`done page
		failed each[1].put
		caught each[1]
		failed each[2].put
		caught each[2]
		done each
		done report
		ended partly_failed`))
	r, ok := s.RetryFailed("each[2]")
	if !ok {
		t.Fatal("RetryFailed finds nothing at each[2]")
	}
	want := &journal.Retry{From: []string{"each[2].put"}, Again: []string{"each[2].put"}, Kept: []string{"page", "each[1]", "report"}}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".forget" }, cmp.Ignore())
	if diff := cmp.Diff(want, r, ignore); diff != "" {
		t.Errorf("RetryFailed(each[2]) (-want +got):\n%s", diff)
	}
	want = &journal.Retry{From: []string{"each[2].put"}, Again: []string{"page", "each[2].put"}, Kept: []string{"each[1]", "report"}}
	if diff := cmp.Diff(want, s.RetryAlso(r, "page"), ignore); diff != "" {
		t.Errorf("RetryAlso(page) (-want +got):\n%s", diff)
	}
	for _, e := range s.RetryAlso(r, "page").Events(at, "grace") {
		if e.By != "grace" || !e.At.Equal(at) {
			t.Errorf("the retry is written as %+v, want it to be by grace", e)
		}
		s.Apply(e)
	}
	if got := strings.Join(s.Paths(), " "); got != "each[1].put each[1] each[2] each report" {
		t.Errorf("afterwards the journal speaks of %s", got)
	}
	for _, place := range []string{"each[0]", "report", "each[9]"} {
		if _, ok := s.RetryFailed(place); ok {
			t.Errorf("RetryFailed(%s) finds something, want nothing", place)
		}
	}
	if start := s.RetryStart(); s.RetryAlso(start, "page") != start {
		t.Error("RetryAlso of a retry from the start is another one")
	}
	if later := at.Add(time.Hour); !r.Events(later, "")[0].At.Equal(later) {
		t.Error("the events of a retry do not have its time")
	}
}
