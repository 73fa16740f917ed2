package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"patchbay/engine/journal"
)

// A rename changes rows here and files elsewhere, and both or neither. The rows
// change in one transaction, which also writes down what is to be done about the
// files; that is forgotten once it is done, and until then the next Open does
// it before anything else. Another data folder that follows the same files is
// told by a file rename-<key>.json, which its next owner takes in first.

// Rename is a name that is given up for another.
type Rename struct {
	journal.Rename

	Key  string `json:"key"`  // of this rename, in all data folders that follow it
	Work string `json:"work"` // what is to be done about files, "" for nothing
}

// RenameCount is how much state has a name.
type RenameCount struct {
	Runs     int `json:"runs"`     // ended or not
	Open     int `json:"open"`     // of them, those that have not ended
	Seen     int `json:"seen"`     // events that are known
	Cursors  int `json:"cursors"`  // positions of polls, schedules and watches
	Waits    int `json:"waits"`    // steps that wait for an event
	Accounts int `json:"accounts"` // that a sign-in serves
	Tokens   int `json:"tokens"`
	// Joined are runs that something before had under the new name.
	Joined int `json:"joined"`
}

// Rename gives what is kept under a name to another one: runs, known events,
// positions, waits, tokens. What was kept under that one is gone then, but for
// the runs that it had. The work is kept until [Store.Renamed].
func (s *Store) Rename(ctx context.Context, r Rename) error {
	err := s.perform(ctx, func(t *tx) error { return t.rename(r) })
	return wrap(err, "rename the %s %s", r.Kind, r.From)
}

// Renamed says that the work of a rename is done.
func (s *Store) Renamed(ctx context.Context, key string) error {
	err := s.perform(ctx, func(t *tx) error { return t.renamed(key) })
	return wrap(err, "end a rename")
}

// Renames returns all renames, the oldest first.
func (s *Store) Renames(ctx context.Context) (journal.Renames, error) {
	var all journal.Renames
	err := s.queries.each(ctx, `select id, kind, before, after, at from rename order by id`, nil, func(rows *sql.Rows) error {
		var r journal.Rename
		var at int64
		err := rows.Scan(&r.ID, &r.Kind, &r.From, &r.To, &at)
		r.At = fromNanos(at)
		all = append(all, r)
		return err
	})
	return all, wrap(err, "list renames")
}

// Exists reports whether the folder has a database.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, databaseFile))
	return err == nil
}

// Free returns a [*LockedError] while a process has the data folder.
func Free(dir string) error {
	lock, err := takeLock(dir)
	if err != nil {
		return err
	}
	return lock.Close()
}

// PostRename tells the data folder dir, which has the same files and is not in
// use, of a rename. Its next owner takes it in before anything else.
func PostRename(dir string, r Rename) error {
	lock, err := takeLock(dir)
	if err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err == nil {
		err = writePosted(dir, r, data)
	}
	return errors.Join(wrap(err, "tell %s of a rename", dir), lock.Close())
}

func writePosted(dir string, r Rename, data []byte) error {
	path := filepath.Join(dir, fmt.Sprintf("rename-%020d-%s.json", nanos(r.At), r.Key))
	draft := path + ".draft"
	if err := errors.Join(removeOld(draft), makeFile(draft, data)); err != nil {
		return err
	}
	return errors.Join(syncFile(draft), os.Rename(draft, path), syncDir(dir))
}

// finishRenames takes in what was posted, and does what is left to do of
// renames that were broken off.
func (s *Store) finishRenames(finish func(work string) error) error {
	posted, err := filepath.Glob(filepath.Join(globbed(s.dir), "rename-*.json"))
	if err != nil {
		return err
	}
	slices.Sort(posted)
	for _, path := range posted {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var r Rename
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("read %s: %w", filepath.Base(path), err)
		}
		if err := s.tx.perform(func(t *tx) error { return t.rename(r) }); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if finish == nil {
		return nil
	}
	left := map[string]string{}
	var keys []string
	err = s.tx.each(`select key, work from rename where work is not null order by id`, nil, func(rows *sql.Rows) error {
		var key, work string
		err := rows.Scan(&key, &work)
		left[key], keys = work, append(keys, key)
		return err
	})
	for _, key := range keys {
		if err == nil {
			err = finish(left[key])
		}
		if err == nil {
			err = s.tx.perform(func(t *tx) error { return t.renamed(key) })
		}
	}
	return err
}

func (t *tx) renamed(key string) error {
	return t.exec(`update rename set work = null where key = ?`, key)
}

// rename changes all rows that say a name. One that was done changes nothing.
func (t *tx) rename(r Rename) error {
	if !slices.Contains([]journal.NameKind{journal.FlowName, journal.ConnectionName, journal.ConnectorName}, r.Kind) {
		return fmt.Errorf("there is no kind of name %q", r.Kind)
	}
	n, err := t.change(`insert into rename (key, kind, before, after, at, work) values (?, ?, ?, ?, ?, ?) on conflict do nothing`,
		r.Key, string(r.Kind), r.From, r.To, nanos(r.At), sql.NullString{String: r.Work, Valid: r.Work != ""})
	if err != nil || n == 0 {
		return err
	}
	switch r.Kind {
	case journal.FlowName:
		err = t.renameFlow(r.From, r.To)
	case journal.ConnectionName:
		err = t.renameConnection(r.From, r.To)
	default:
		return t.renameConnector(r.From, r.To)
	}
	if err != nil {
		return err
	}
	// Runs have come into other lanes.
	t.claimable = true
	return t.loadLanes()
}

// statement is one text with what stands for its question marks.
type statement struct {
	text string
	args []any
}

func (t *tx) all(statements ...statement) error {
	for _, s := range statements {
		if err := t.exec(s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) renameFlow(from, to string) error {
	for key, n := range t.tally {
		if key.flow == from {
			t.tally[tallyKey{to, key.status}] += n
			delete(t.tally, key)
		}
	}
	return t.all(
		// What a flow before this one knew under the name is not this one's.
		statement{`delete from seen where flow = ?`, []any{to}},
		statement{`delete from cursor where flow = ?`, []any{to}},
		statement{`delete from published where flow = ?`, []any{to}},
		statement{`update seen set flow = ? where flow = ?`, []any{to, from}},
		statement{`update cursor set flow = ? where flow = ?`, []any{to, from}},
		statement{`update published set flow = ? where flow = ?`, []any{to, from}},
		statement{`update definition set flow = ? where flow = ?`, []any{to, from}},
		statement{`update run set flow = ? where flow = ?`, []any{to, from}},
		statement{`insert into tally (flow, status, runs) select ?, status, runs from tally where flow = ?
			on conflict do update set runs = runs + excluded.runs`, []any{to, from}},
		statement{`delete from tally where flow = ?`, []any{from}},
		// A replay that was cut off is known by the flow, in quotes, and the rest.
		statement{`delete from replay where substr(name, 1, ?) = ?`, []any{len([]rune(to)) + 3, strconv.Quote(to) + " "}},
		statement{
			`update replay set name = ? || substr(name, ?), body = json_set(body, '$.flow', ?) where substr(name, 1, ?) = ?`,
			[]any{strconv.Quote(to) + " ", len([]rune(from)) + 4, to, len([]rune(from)) + 3, strconv.Quote(from) + " "},
		},
		// What watches the failures of the flow is at its place among them.
		statement{`update cursor set value = json_set(value, '$.of', ?) where json_extract(value, '$.of') = ?`, []any{to, from}},
	)
}

// renameConnection changes the name of a connection, and of those to the
// accounts that it serves: they begin with its name and a slash, behind which
// in the order of texts stands what begins with the name and a zero.
func (t *tx) renameConnection(from, to string) error {
	const is = ` (connection = ? or connection > ? and connection < ?)`
	const change = ` set connection = ? || substr(connection, ?) where` + is
	name := func(name string) []any { return []any{name, name + "/", name + "0"} }
	changed := append([]any{to, len([]rune(from)) + 1}, name(from)...)
	if err := t.renamePoints(from, to); err != nil {
		return err
	}
	return t.all(
		statement{`delete from seen where` + is, name(to)},
		statement{`delete from cursor where` + is, name(to)},
		statement{`delete from account where connection = ?`, []any{to}},
		statement{`delete from sealed where kind in ('token', 'refused') and (name = ? or name > ? and name < ?)`, name(to)},
		statement{`update seen` + change, changed},
		statement{`update cursor` + change, changed},
		statement{`update account set connection = ? where connection = ?`, []any{to, from}},
		statement{`update sealed set name = ? || substr(name, ?) where kind in ('token', 'refused') and (name = ? or name > ? and name < ?)`, changed},
		// The queues of a flow that runs for many accounts begin with theirs.
		statement{
			`update run set queue = ? || substr(queue, ?) where connection <> '' and connection > ? and connection < ?
				and substr(queue, 1, length(connection) + 1) = connection || ' '`,
			[]any{to, len([]rune(from)) + 1, from + "/", from + "0"},
		},
		statement{`update run` + change + ` and connection <> ''`, changed},
	)
}

// renamePoints changes what is waited for through the connection. What is waited
// for under the new name already takes up those who wait.
func (t *tx) renamePoints(from, to string) error {
	var points []int64
	err := t.each(`select id from point where connection = ? or connection > ? and connection < ?`, []any{from, from + "/", from + "0"},
		func(rows *sql.Rows) error {
			points = append(points, 0)
			return rows.Scan(&points[len(points)-1])
		})
	for _, id := range points {
		if err != nil {
			break
		}
		var there int64
		var found bool
		after := len([]rune(from)) + 1
		found, err = t.get(`select other.id from point join point other on other.trigger = point.trigger and other.at = point.at
			and other.definition = point.definition and other.connection = ? || substr(point.connection, ?) where point.id = ?`,
			[]any{to, after, id}, &there)
		switch {
		case err != nil:
		case found:
			err = t.all(
				statement{`update wait set point = ? where point = ?`, []any{there, id}},
				statement{`delete from point where id = ?`, []any{id}},
			)
		default:
			err = t.exec(`update point set connection = ? || substr(connection, ?) where id = ?`, to, after, id)
		}
	}
	return err
}

// renameConnector changes what begins with the id of a connector and a dot:
// the triggers that are waited for, and those that cursors are positions in.
func (t *tx) renameConnector(from, to string) error {
	begins, after := len([]rune(from))+1, len([]rune(from))+1
	document, next := "service/"+from, "service/"+to
	return t.all(
		statement{`delete from seen where flow = '' and substr(trigger, 1, ?) = ?`, []any{len([]rune(to)) + 1, to + "."}},
		statement{`update seen set trigger = ? || substr(trigger, ?) where flow = '' and substr(trigger, 1, ?) = ?`, []any{to, after, begins, from + "."}},
		statement{`update point set trigger = ? || substr(trigger, ?) where substr(trigger, 1, ?) = ?`, []any{to, after, begins, from + "."}},
		statement{
			`update cursor set value = json_set(value, '$.of', ? || substr(json_extract(value, '$.of'), ?))
				where substr(json_extract(value, '$.of'), 1, ?) = ?`,
			[]any{to, after, begins, from + "."},
		},
		// What the played service knows.
		statement{`delete from sealed where kind = 'sandbox' and name = ?`, []any{next}},
		statement{`update sealed set name = ? where kind = 'sandbox' and name = ?`, []any{next, document}},
	)
}

// CountRename returns how much state a rename would give another name.
func (s *Store) CountRename(ctx context.Context, kind journal.NameKind, from, to string) (RenameCount, error) {
	var c RenameCount
	var err error
	switch kind {
	case journal.FlowName:
		_, err = s.queries.get(ctx, `select
			(select count(*) from run where flow = ?), (select count(*) from run where flow = ? and ended = 0),
			(select count(*) from seen where flow = ?), (select count(*) from cursor where flow = ?),
			(select count(*) from wait join run on run.id = wait.run where flow = ?), (select count(*) from run where flow = ?)`,
			[]any{from, from, from, from, from, to}, &c.Runs, &c.Open, &c.Seen, &c.Cursors, &c.Waits, &c.Joined)
	case journal.ConnectionName:
		const is = ` (connection = ?1 or connection > ?1 || '/' and connection < ?1 || '0')`
		_, err = s.queries.get(ctx, `select
			(select count(*) from run where`+is+` and connection <> ''), (select count(*) from run where ended = 0 and connection <> '' and`+is+`),
			(select count(*) from seen where`+is+`), (select count(*) from cursor where`+is+`),
			(select count(*) from wait join point on point.id = wait.point where`+is+`),
			(select count(*) from account where connection = ?1 and retired = 0),
			(select count(*) from sealed where kind = 'token' and (name = ?1 or name > ?1 || '/' and name < ?1 || '0')),
			(select count(*) from run where connection = ?2 and connection <> '')`,
			[]any{from, to}, &c.Runs, &c.Open, &c.Seen, &c.Cursors, &c.Waits, &c.Accounts, &c.Tokens, &c.Joined)
	case journal.ConnectorName:
		_, err = s.queries.get(ctx, `select
			(select count(*) from seen where flow = '' and substr(trigger, 1, ?1) = ?2),
			(select count(*) from cursor where substr(json_extract(value, '$.of'), 1, ?1) = ?2),
			(select count(*) from wait join point on point.id = wait.point where substr(trigger, 1, ?1) = ?2)`,
			[]any{len([]rune(from)) + 1, from + "."}, &c.Seen, &c.Cursors, &c.Waits)
	}
	return c, wrap(err, "count what the %s %s has", kind, from)
}
