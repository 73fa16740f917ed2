alter table run add column dismissed integer not null default 0; -- 1 if nobody has to do anything about its failures
create index run_undone on run (id) where dismissed = 0 and status in ('failed', 'partly_failed');
create table replay (
	name     text primary key, -- what it takes up
	begun    integer not null,
	position integer not null, -- the last run it has dealt with
	body     text not null     -- json: what came of it so far
) strict, without rowid;
pragma user_version = 7;
