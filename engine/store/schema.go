package store

import (
	"crypto/rand"
	"fmt"
)

// migrations returns the scripts of which the ith brings a database from version
// i (PRAGMA user_version) to i+1: an older database in a copy, which takes its
// place when all of it went well. One that was released is never changed: the
// next one is added.
func migrations() []string {
	return []string{format1, format2, format3, format4, format5, format6, format7, format8}
}

// format1 is the first format. Times are nanoseconds since 1970 in UTC, 0 for none.
const format1 = `
create table meta (name text primary key, value text not null) strict, without rowid;

create table payload (id integer primary key, uses integer not null, body text not null) strict;

create table run (
	id          integer primary key autoincrement, -- never given twice, even after pruning
	flow        text not null,
	definition  text not null,
	trigger     text not null,
	connection  text not null,
	event_id    text not null,
	event       integer not null,
	inputs      integer,
	output      integer,
	parent      integer not null,
	parent_path text not null,
	queue       text not null,
	created     integer not null,
	status      text not null,
	reason      text not null default '',
	due         integer not null default 0,
	ended       integer not null default 0,
	epoch       integer not null default 0,
	appended    integer not null default 0, -- how many rows of its journal there are
	started     integer not null default 0, -- 1 once it was claimed: it holds its place at the head of its queue
	nudged      integer not null default 0, -- 1 if a run it called ended while it was running
	wake        integer                     -- when it may be claimed, null for never
) strict;
create index run_wake on run (wake, id) where wake is not null;
create index run_flow on run (flow, id);
create index run_status on run (status, id) where status <> 'succeeded';
create index run_queue on run (flow, queue, started, id) where queue <> '' and ended = 0;

-- The events of one append, one a line. The id is the run's times 2^24 plus the
-- number of the append in it.
create table event (id integer primary key, body text not null) strict;

create table seen (
	flow text, trigger text, connection text, event_id text, run integer not null,
	primary key (flow, trigger, connection, event_id)
) strict, without rowid;

create table cursor (
	flow text, trigger text, connection text, value text not null,
	primary key (flow, trigger, connection)
) strict, without rowid;

create table tally (flow text, status text, runs integer not null, primary key (flow, status)) strict, without rowid;

create table definition (hash text primary key, flow text not null, body blob not null) strict;
create table published (flow text primary key, hash text not null references definition) strict, without rowid;

create table sealed (kind text, name text, body blob not null, primary key (kind, name)) strict;

create table record (
	id      integer primary key autoincrement,
	tab     text not null,
	key     text, -- null for a row that was appended
	written integer not null,
	body    text not null
) strict;
create unique index record_key on record (tab, key) where key is not null;
create index record_tab on record (tab); -- and so in the order of id
create table record_op (
	run integer, path text, record integer not null,
	primary key (run, path)
) strict, without rowid;

create table rejection (
	id integer primary key autoincrement,
	at integer not null, address text not null, status integer not null, reason text not null
) strict;
`

// format2 writes down which runs failed, for the flows that are started by it.
const format2 = `
create table failure (
	position integer primary key autoincrement, -- the order in which they ended; never given twice
	run      integer not null,
	upto     integer not null                   -- how many rows its journal had then
) strict;
create index failure_run on failure (run);
`

// format3 has the accounts that sign-ins serve, and finds the runs of each.
const format3 = `
create table account (
	connection text, id text, -- the connection that signed in, and the account at the service
	name    text not null,
	seen    integer not null, -- when it was first known
	retired integer not null, -- when it left, 0 while it is there
	primary key (connection, id)
) strict, without rowid;
create index run_connection on run (connection, id) where connection <> '';
`

// format4 changes no table. A database of this format gives the pages of
// pruned rows back to the disk (auto_vacuum), which only one can that was made
// so: an older one is copied into it.
const format4 = ``

// format5 writes down which runs wait for an event or a person, and what they
// are offered.
const format5 = `
-- What can be waited for: events of a trigger through a connection that have a
-- key at a path (json; '' for all events). '' for trigger and connection is a person.
create table point (
	id integer primary key, definition text not null, trigger text not null, connection text not null, at text not null
) strict;
create unique index point_of on point (trigger, connection, at, definition);
create table wait (
	run integer not null, path text not null, point integer not null, key text not null,
	primary key (run, path)
) strict, without rowid;
create index wait_key on wait (point, key, run);
create table offer (
	id integer primary key autoincrement,
	run integer not null, path text not null, event integer not null
) strict;
create index offer_run on offer (run);
`

// format6 writes down which names were given up for others.
const format6 = `
create table rename (
	id     integer primary key autoincrement,
	key    text not null unique, -- of one rename, in all data folders that follow it
	kind   text not null,        -- flow, connection or connector
	before text not null, after text not null,
	at     integer not null,
	work   text -- what is still to be done about files, null for nothing
) strict;
`

// format7 writes down which failed runs people have dismissed, and how far the
// replays have come that are not over.
const format7 = `
alter table run add column dismissed integer not null default 0; -- 1 if nobody has to do anything about its failures
create index run_undone on run (id) where dismissed = 0 and status in ('failed', 'partly_failed');
create table replay (
	name     text primary key, -- what it takes up
	begun    integer not null,
	position integer not null, -- the last run it has dealt with
	body     text not null     -- json: what came of it so far
) strict, without rowid;
`

// format8 finds what is due in each lane: the runs of one flow that came through
// one connection.
const format8 = `
drop index run_wake;
create index run_lane on run (flow, connection, wake, id) where wake is not null;
`

// migrate brings the database to the newest version.
func (t *tx) migrate() error {
	version, err := t.version()
	if err != nil {
		return err
	}
	scripts := migrations()
	for ; version < len(scripts); version++ {
		// One text, so that a crash leaves the old version or the new one.
		script := fmt.Sprintf("begin immediate;\n%s\npragma user_version = %d;\ncommit", scripts[version], version+1)
		if _, err := t.conn.ExecContext(t.ctx, script); err != nil {
			return fmt.Errorf("bring the database to format %d: %w", version+1, err)
		}
	}
	return nil
}

// version returns the version of the database, 0 for a new one. It refuses one
// that is newer than the newest known here.
func (t *tx) version() (int, error) {
	var version int
	if err := t.conn.QueryRowContext(t.ctx, `pragma user_version`).Scan(&version); err != nil {
		return 0, err
	}
	if newest := len(migrations()); version > newest {
		return 0, fmt.Errorf("it was written by a newer patchbay (its format is %d, this one reads up to %d): use that version again, or name another folder",
			version, newest)
	}
	return version, nil
}

// stamp returns what kind of runs the store is for; a new one is for world.
func (t *tx) stamp(world string) (string, error) { return t.meta("world", world) }

// identity returns the store's identity; a new one gets one.
func (t *tx) identity() (string, error) { return t.meta("identity", rand.Text()) }

// meta returns the fact of this name, which is first the one given.
func (t *tx) meta(name, first string) (string, error) {
	if err := t.exec(`insert into meta (name, value) values (?, ?) on conflict do nothing`, name, first); err != nil {
		return "", err
	}
	var value string
	_, err := t.get(`select value from meta where name = ?`, []any{name}, &value)
	return value, err
}

// loadLastRun reads the highest id a run ever had.
func (t *tx) loadLastRun() error {
	_, err := t.get(`select seq from sqlite_sequence where name = 'run'`, nil, &t.lastRun)
	return err
}
