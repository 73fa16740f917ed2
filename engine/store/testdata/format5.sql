-- What format 5 added.
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
pragma user_version = 5;
