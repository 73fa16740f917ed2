package journal_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
)

// renamed returns renames of connections, written "a>b b>c".
func renamed(text string) journal.Renames {
	var all journal.Renames
	for i, word := range strings.Fields(text) {
		from, to, _ := strings.Cut(word, ">")
		all = append(all, journal.Rename{ID: int64(i + 1), Kind: journal.ConnectionName, From: from, To: to})
	}
	return all
}

// TestRenames: a name leads to what it was, and is, whatever else had it.
func TestRenames(t *testing.T) {
	for _, tt := range []struct {
		renames, name string
		before        string // the names it had
		origin        string
	}{
		{"", "a", "", "a"},
		{"a>b", "b", "a", "a"},
		{"a>b", "a", "", "a.2"}, // a new one
		{"a>b b>c", "c", "b a", "a"},
		{"a>b a>c", "b", "a", "a"},
		{"a>b a>c", "c", "a", "a.2"},
		{"a>b a>c", "a", "", "a.3"},
		{"a>b b>a", "a", "b a", "a"},
		{"a>b b>a", "b", "", "b.2"},
		{"a>b c>a", "a", "c", "c"},
		{"a>b c>a", "b", "a", "a"},
		{"a>b a>b", "b", "a", "a.2"}, // the first b was deleted
		{"a>b", "b/loc 1", "a/loc 1", "a/loc 1"},
		{"a>b", "a/loc 1", "", "a.2/loc 1"},
		{"a>b", "c/a", "", "c/a"},
	} {
		rs := renamed(tt.renames)
		got := rs.Before(journal.ConnectionName, tt.name)
		want := strings.Fields(tt.before)
		if strings.Contains(tt.before, "/") {
			want = []string{tt.before}
		}
		if strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("Renames(%s).Before(%s) = %q, want %q", tt.renames, tt.name, got, want)
		}
		if got := rs.Origin(journal.ConnectionName, tt.name); got != tt.origin {
			t.Errorf("Renames(%s).Origin(%s) = %q, want %q", tt.renames, tt.name, got, tt.origin)
		}
		if got := rs.Called(journal.ConnectionName, tt.origin); got != tt.name && tt.renames != "a>b a>b" {
			t.Errorf("Renames(%s).Called(%s) = %q, want %q", tt.renames, tt.origin, got, tt.name)
		}
		if got := rs.Origin(journal.FlowName, tt.name); got != tt.name {
			t.Errorf("Renames(%s).Origin(flow %s) = %q, want %q", tt.renames, tt.name, got, tt.name)
		}
	}
}

// TestRenamesSince: what was written down between two renames goes by those
// behind it.
func TestRenamesSince(t *testing.T) {
	rs := renamed("a>b b>c a>d")
	got := map[int64]string{}
	for id := range int64(4) {
		got[id] = rs.Since(id).Now(journal.ConnectionName, "a") + " " + rs.Since(id).Now(journal.ConnectionName, "b/x")
	}
	want := map[int64]string{0: "c c/x", 1: "d c/x", 2: "d b/x", 3: "a b/x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Since(id).Now of a and b/x (-want +got):\n%s", diff)
	}
	if got := rs.Last(); got != 3 {
		t.Errorf("Last() = %d, want 3", got)
	}
}
