create table rename (
	id     integer primary key autoincrement,
	key    text not null unique, -- of one rename, in all data folders that follow it
	kind   text not null,        -- flow, connection or connector
	before text not null, after text not null,
	at     integer not null,
	work   text -- what is still to be done about files, null for nothing
) strict;
pragma user_version = 6;
