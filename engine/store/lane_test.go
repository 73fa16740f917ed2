package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

// through returns an event for a flow that came through a connection.
func through(flow, connection string, at time.Time) journal.Arrival {
	a := arrival(flow, "")
	a.Connection, a.At = connection, at
	return a
}

// claimed claims runs and returns whose they are: "flow/connection", in order.
func claimed(t *testing.T, s *store.Store, limit int, room journal.Room) string {
	t.Helper()
	runs, err := s.Claim(t.Context(), start, time.Hour, limit, room)
	if err != nil {
		t.Fatal(err)
	}
	var whose []string
	for _, r := range runs {
		whose = append(whose, r.Flow+"/"+r.Connection)
	}
	return strings.Join(whose, " ")
}

// TestClaimByTurns lets flows and connections have any number of runs that are
// due: each gets its turn, whoever came first and whoever has most.
func TestClaimByTurns(t *testing.T) {
	tests := []struct {
		name, arrive string
		limits       []int
		want         []string
	}{
		{
			"one", "a/1 a/1 a/1",
			[]int{2, 2},
			[]string{"a/1 a/1", "a/1"},
		},
		{
			"flows", "a/1 a/1 a/1 a/1 b/1 c/1 c/1",
			[]int{9},
			[]string{"a/1 b/1 c/1 a/1 c/1 a/1 a/1"},
		},
		{
			"connections of a flow", "a/1 a/1 a/1 a/2 a/3 a/3",
			[]int{9},
			[]string{"a/1 a/2 a/3 a/1 a/3 a/1"},
		},
		{
			"a flow of many connections beside one of one", "a/1 a/2 a/3 a/4 b/1 b/1 b/1",
			[]int{9},
			[]string{"a/1 b/1 a/2 b/1 a/3 b/1 a/4"},
		},
		{
			"one at a time", "a/1 a/1 a/1 b/1 b/1",
			[]int{1, 1, 1, 1, 1, 1},
			[]string{"a/1", "b/1", "a/1", "b/1", "a/1", ""},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			for i, of := range strings.Fields(test.arrive) {
				flow, connection, _ := strings.Cut(of, "/")
				accept(t, s, through(flow, connection, start.Add(time.Duration(i-100))))
			}
			var got []string
			for _, limit := range test.limits {
				got = append(got, claimed(t, s, limit, nil))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Claim (-want +got):\n%s", diff)
			}
			wantCounts(t, s)
		})
	}
}

// TestFloodAndTrickle has a flood of events in one flow and one connection, all
// of them due long before those of a trickle: whoever comes has its turn with
// the next claims, also after the folder was opened again.
func TestFloodAndTrickle(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	flood := make([]journal.Arrival, 20_000)
	for i := range flood {
		flood[i] = through("flood", "loc1", start.Add(-time.Hour))
	}
	accept(t, s, flood...)
	claimed(t, s, 100, nil)
	for n := range 20 {
		if n == 10 {
			stop()
			s, stop = begin(t, dir)
			claimed(t, s, 1, nil)
		}
		accept(t, s, through("trickle", "", start), through("flood", "loc2", start))
		var got strings.Builder
		got.WriteString(claimed(t, s, 1, nil))
		for range 3 {
			got.WriteString(" " + claimed(t, s, 1, nil))
		}
		if !strings.Contains(got.String(), "trickle/") || !strings.Contains(got.String(), "flood/loc2") {
			t.Errorf("four claims of the %dth round give %s, want one of them for the trickle and one for loc2", n, got.String())
		}
	}
	stop()
}

// crowded is a room for two runs of each flow and one of each connection.
type crowded map[string]int

func (c crowded) Open(flow string) bool { return c[flow] < 2 }

func (c crowded) Take(flow, connection string) bool {
	if !c.Open(flow) || c[flow+"/"+connection] == 1 {
		return false
	}
	c[flow]++
	c[flow+"/"+connection]++
	return true
}

func (c crowded) Free(flow, connection string) {
	c[flow]--
	c[flow+"/"+connection]--
}

// TestClaimAsFarAsThereIsRoom passes by those for whom there is no room, who
// keep their turn, and does not wait for them.
func TestClaimAsFarAsThereIsRoom(t *testing.T) {
	s := open(t, t.TempDir())
	for i, of := range strings.Fields("a/1 a/1 a/2 a/3 b/1 b/1") {
		flow, connection, _ := strings.Cut(of, "/")
		accept(t, s, through(flow, connection, start.Add(time.Duration(i-100))))
	}
	room := crowded{}
	if got, want := claimed(t, s, 9, room), "a/1 b/1 a/2"; got != want {
		t.Errorf("Claim = %s, want %s", got, want)
	}
	if got := claimed(t, s, 9, room); got != "" {
		t.Errorf("Claim without room = %s, want nothing", got)
	}
	if next, ok, err := s.NextDue(t.Context()); !ok || err != nil || !next.Equal(start.Add(time.Hour)) {
		t.Errorf("NextDue = %v, %v, %v, want the end of a lease: what there is no room for does not become due", next, ok, err)
	}
	room.Free("a", "1")
	room.Free("b", "1")
	if got, want := claimed(t, s, 9, room), "b/1 a/3"; got != want {
		t.Errorf("Claim when there is room again = %s, want %s", got, want)
	}
	if room["a"] != 2 || room["b"] != 1 {
		t.Errorf("the room has %v, want the runs that were claimed in it", room)
	}
	wantCounts(t, s)
}

// TestClaimAfterARename finds what is due under the names that its flow and
// its connection have since.
func TestClaimAfterARename(t *testing.T) {
	s := open(t, t.TempDir())
	for range 3 {
		accept(t, s, through("old", "main", start))
	}
	claimed(t, s, 1, nil)
	rename(t, s, journal.FlowName, "old", "new")
	if got, want := claimed(t, s, 1, nil), "new/main"; got != want {
		t.Errorf("Claim after a rename of the flow = %s, want %s", got, want)
	}
	rename(t, s, journal.ConnectionName, "main", "other")
	if got, want := claimed(t, s, 9, nil), "new/other"; got != want {
		t.Errorf("Claim after a rename of the connection = %s, want %s", got, want)
	}
}
