package store_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/journal"
	"patchbay/engine/store"
)

func renameOf(kind journal.NameKind, from, to string) store.Rename {
	return store.Rename{Rename: journal.Rename{Kind: kind, From: from, To: to, At: start}, Key: string(kind) + from + to, Work: "the files of " + to}
}

func rename(tb testing.TB, s *store.Store, kind journal.NameKind, from, to string) {
	tb.Helper()
	r := renameOf(kind, from, to)
	if err := s.Rename(tb.Context(), r); err != nil {
		tb.Fatal(err)
	}
	if err := s.Renamed(tb.Context(), r.Key); err != nil {
		tb.Fatal(err)
	}
}

// rows returns what the queries bring, as lines of columns, from the database
// of a folder that nobody has open.
func rows(tb testing.TB, dir string, queries ...string) []string {
	tb.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "patchbay.db"))
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it is only read from
	var all []string
	for _, query := range queries {
		found, err := db.QueryContext(tb.Context(), query)
		if err != nil {
			tb.Fatal(err)
		}
		defer found.Close()
		columns, _ := found.Columns()
		for found.Next() {
			texts, dest := make([]string, len(columns)), make([]any, len(columns))
			for i := range texts {
				dest[i] = &texts[i]
			}
			if err := found.Scan(dest...); err != nil {
				tb.Fatal(err)
			}
			all = append(all, strings.Join(texts, " | "))
		}
		if err := found.Err(); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

func setCursor(tb testing.TB, s *store.Store, flow, trigger, connection, of string) {
	tb.Helper()
	c := journal.Cursor{Flow: flow, Trigger: trigger, Connection: connection, Value: map[string]any{"at": 12, "of": of}}
	if err := s.SetCursor(tb.Context(), c); err != nil {
		tb.Fatal(err)
	}
}

// TestRenameFlow: all that a flow has goes with it, its queue goes on where it
// was, and what an earlier flow of the new name knew is not taken for its own.
func TestRenameFlow(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	accept(t, s, inQueue("old", "1", "q"), inQueue("old", "2", "q"), inQueue("other", "1", "q"), inQueue("new", "9", ""))
	running := claim(t, s, start, 1)[0]
	if err := s.Cancel(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][4]string{
		{"old", "schedule", "", "every 1h0m0s"},
		{"new", "schedule", "", "every 5m0s"},
		{"alarm", "flow_failed", "", "old"},
		{"alarm", "all", "", "*"},
		{"old", "changed", "main", "q.changed id@at {}"},
	} {
		setCursor(t, s, c[0], c[1], c[2], c[3])
	}
	for _, flow := range []string{"old", "new", "other"} {
		if err := s.SaveDefinition(t.Context(), "of "+flow, []byte(flow), flow, true); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{`"old" "" "start" `, `"old" "failed" "start" `, `"older" "" "start" `, `"new" "" "start" `} {
		if err := s.Replay(t.Context(), journal.Replay{Name: name, Begun: start, Position: 3, Told: map[string]any{"flow": "old"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	count, err := s.CountRename(t.Context(), journal.FlowName, "old", "new")
	if want := (store.RenameCount{Runs: 2, Open: 2, Seen: 2, Cursors: 2, Joined: 1}); count != want || err != nil {
		t.Errorf("CountRename = %+v, %v, want %+v", count, err, want)
	}
	rename(t, s, journal.FlowName, "old", "new")

	progress(t, s, running, journal.Succeeded)
	if next := claim(t, s, start, 9); len(next) != 2 || next[0].ID != 2 || next[0].Flow != "new" {
		t.Errorf("behind the run under way there are %+v, want the second of flow new", next)
	}
	for event, want := range map[string]journal.Accepted{"1": {Run: 1, Duplicate: true}, "9": {Run: 5}} {
		if got := accept(t, s, arrival("new", event))[0]; got != want {
			t.Errorf("event %s starts %+v, want %+v", event, got, want)
		}
	}
	wantCounts(t, s)
	stop()
	got := rows(t, dir, `select flow, trigger, connection, value from cursor`, `select hash, flow from definition order by hash`, `select flow, hash from published`,
		`select id, kind, before, after, coalesce(work, 'done') from rename`, `select 'left', flow from run where flow = 'old'
			union select 'left', flow from seen where flow = 'old' union select 'left', flow from tally where flow = 'old'`,
		`select name, body, position from replay`)
	want := []string{
		`alarm | all |  | {"at":12,"of":"*"}`, `alarm | flow_failed |  | {"at":12,"of":"new"}`,
		`new | changed | main | {"at":12,"of":"q.changed id@at {}"}`, `new | schedule |  | {"at":12,"of":"every 1h0m0s"}`,
		"of new | new", "of old | new", "of other | other", "new | of old", "other | of other", "1 | flow | old | new | done",
		`"new" "" "start"  | {"flow":"new"} | 3`, `"new" "failed" "start"  | {"flow":"new"} | 3`, `"older" "" "start"  | {"flow":"old"} | 3`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// TestRenameConnection: a connection takes with it what was done through it, and
// through the accounts behind it.
func TestRenameConnection(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	through := func(event, connection, queue string) journal.Arrival {
		a := inQueue("f", event, queue)
		a.Connection = connection
		return a
	}
	await := journal.Await{Path: "a", Trigger: "q.done", Connection: "old"}
	waits := waiting(t, s, "0", await, journal.Await{Path: "b", Trigger: "q.done", Connection: "new"}, journal.Await{Path: "c", Trigger: "q.done", Connection: "old/7"})
	accept(t, s, through("1", "old", ""), through("2", "old/7", `old/7 by "x"`), through("3", "old_2", "all"), through("4", "new", ""), through("2", "new/7", ""))
	for _, connection := range []string{"old", "old/7", "older", "new"} {
		setCursor(t, s, "f", "changed", connection, connection)
		if err := s.PutSealed(t.Context(), "token", connection, []byte(connection)); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{"secret", "refused"} {
		if err := s.PutSealed(t.Context(), kind, "old", []byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.KeepAccounts(t.Context(), []journal.Account{{Connection: "old", ID: "7", Seen: start}, {Connection: "new", ID: "8", Seen: start}}); err != nil {
		t.Fatal(err)
	}
	count, err := s.CountRename(t.Context(), journal.ConnectionName, "old", "new")
	if want := (store.RenameCount{Runs: 2, Open: 2, Seen: 2, Cursors: 2, Waits: 2, Accounts: 1, Tokens: 2, Joined: 1}); count != want || err != nil {
		t.Errorf("CountRename = %+v, %v, want %+v", count, err, want)
	}
	rename(t, s, journal.ConnectionName, "old", "new")

	accept(t, s, offer("q.done", "new", "x"), offer("q.done", "new/7", "y"), offer("q.done", "old", "z"))
	if diff := cmp.Diff([]string{"a x", "b x", "c y"}, offered(t, s, waits.ID)); diff != "" {
		t.Errorf("offered (-want +got):\n%s", diff)
	}
	if got := accept(t, s, through("1", "new", ""), through("2", "new/7", ""), through("4", "new", "")); !got[0].Duplicate || !got[1].Duplicate || got[2].Duplicate {
		t.Errorf("events that are known, and one of an earlier connection: %+v", got)
	}
	stop()
	got := rows(t, dir, `select connection, queue from run where id between 2 and 5 order by id`, `select connection, json_extract(value, '$.of') from cursor`,
		`select kind, name, coalesce(cast(body as text), '') from sealed where kind in ('secret', 'token', 'refused')`, `select connection, id from account`,
		`select distinct connection from seen where flow = 'f' and connection <> 'main'`)
	want := []string{
		"new | ", `new/7 | new/7 by "x"`, "old_2 | all", "new | ",
		"new | old", "new/7 | old/7", "older | older",
		"refused | new | old", "secret | old | old", "token | new | old", "token | new/7 | old/7", "token | older | older",
		"new | 7", "new", "new/7", "old_2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// TestRenameConnector: what is waited for, positions in a list and a played
// service bear the id of the connector.
func TestRenameConnector(t *testing.T) {
	dir := t.TempDir()
	s, stop := begin(t, dir)
	waits := waiting(t, s, "0", journal.Await{Path: "a", Trigger: "old.done", Connection: "main"}, journal.Await{Path: "b", Trigger: "older.done", Connection: "main"})
	accept(t, s, offer("old.done", "main", "x"))
	setCursor(t, s, "f", "changed", "main", "old.changed id@at {}")
	setCursor(t, s, "f", "schedule", "", "old at 08:00 UTC")
	for _, name := range []string{"service/old", "service/new", "service/older", "keys"} {
		if err := s.PutSealed(t.Context(), "sandbox", name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	count, err := s.CountRename(t.Context(), journal.ConnectorName, "old", "new")
	if want := (store.RenameCount{Seen: 1, Cursors: 1, Waits: 1}); count != want || err != nil {
		t.Errorf("CountRename = %+v, %v, want %+v", count, err, want)
	}
	rename(t, s, journal.ConnectorName, "old", "new")
	accept(t, s, offer("new.done", "main", "x"), offer("new.done", "main", "y"), offer("older.done", "main", "z"))
	if diff := cmp.Diff([]string{"a x", "a y", "b z"}, offered(t, s, waits.ID)); diff != "" {
		t.Errorf("offered (-want +got):\n%s", diff)
	}
	stop()
	got := rows(t, dir, `select trigger, json_extract(value, '$.of') from cursor`, `select name, cast(body as text) from sealed where kind = 'sandbox'`)
	want := []string{
		"changed | new.changed id@at {}", "schedule | old at 08:00 UTC",
		"keys | keys", "service/new | service/old", "service/older | service/older",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// TestRenameIsFinished: the work that was not done is done by the next Open,
// also that of a rename which another data folder was told of, once.
func TestRenameIsFinished(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, other} {
		s, stop := begin(t, d)
		accept(t, s, arrival("old", "1"))
		stop()
	}
	s, stop := begin(t, dir)
	r := renameOf(journal.FlowName, "old", "new")
	if err := s.Rename(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := s.Rename(t.Context(), r); err != nil { // which is done already
		t.Fatal(err)
	}
	stop()
	if err := store.PostRename(other, r); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, other} {
		var works []string
		finish := func(err error) store.Options {
			return store.Options{Finish: func(work string) error {
				works = append(works, work)
				return err
			}}
		}
		full := errors.New("the disk is full")
		if _, err := store.Open(t.Context(), d, finish(full)); !errors.Is(err, full) {
			t.Errorf("Open = %v, want %v", err, full)
		}
		for range 2 {
			s, err := store.Open(t.Context(), d, finish(nil))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if d == other {
				if err := store.PostRename(other, r); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff([]string{"the files of new", "the files of new"}, works); diff != "" {
			t.Errorf("work (-want +got):\n%s", diff)
		}
		s := open(t, d)
		if again := accept(t, s, arrival("new", "1"))[0]; !again.Duplicate {
			t.Errorf("the event starts %+v, want it to be known", again)
		}
		renames, err := s.Renames(t.Context())
		want := journal.Renames{{ID: 1, Kind: journal.FlowName, From: "old", To: "new", At: start}}
		if diff := cmp.Diff(want, renames); diff != "" || err != nil {
			t.Errorf("Renames, %v (-want +got):\n%s", err, diff)
		}
		var locked *store.LockedError
		if err := store.PostRename(d, r); !errors.As(err, &locked) {
			t.Errorf("PostRename to a folder in use = %v, want *store.LockedError", err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(other, "rename-*")); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestRenameKnowsAllTexts lists every column that holds text: one that is new
// may hold a name, which a rename must change then.
func TestRenameKnowsAllTexts(t *testing.T) {
	dir := t.TempDir()
	_, stop := begin(t, dir)
	stop()
	got := rows(t, dir, `select m.name || '.' || c.name from sqlite_master m join pragma_table_info(m.name) c
		where m.type = 'table' and m.name not like 'sqlite_%' and lower(c.type) in ('text', 'blob') order by 1`)
	changed := strings.Fields(`account.connection cursor.connection cursor.flow cursor.value definition.flow point.connection point.trigger
		published.flow replay.body replay.name run.connection run.flow run.queue sealed.name
		seen.connection seen.flow seen.trigger tally.flow`)
	// What is sealed, or a version of a flow, goes by the renames since; what is
	// told of the past says what it was then; all else names nothing.
	left := strings.Fields(`sealed.body definition.body definition.hash published.hash run.definition point.definition
		event.body payload.body run.reason rejection.address rejection.reason rename.after rename.before rename.key rename.kind rename.work
		account.id account.name cursor.trigger meta.name meta.value offer.path point.at record.body record.key record.tab record_op.path
		run.event_id run.parent_path run.status run.trigger sealed.kind seen.event_id tally.status wait.key wait.path`)
	want := slices.Sorted(slices.Values(slices.Concat(changed, left)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns that hold text, and what a rename is known to do about them (-known +there):\n%s", diff)
	}
}
