create table account (
	connection text, id text, -- the connection that signed in, and the account at the service
	name    text not null,
	seen    integer not null, -- when it was first known
	retired integer not null, -- when it left, 0 while it is there
	primary key (connection, id)
) strict, without rowid;
create index run_connection on run (connection, id) where connection <> '';
pragma user_version = 3;
