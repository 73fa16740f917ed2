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
pragma user_version = 1;
