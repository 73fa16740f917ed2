create table failure (
	position integer primary key autoincrement, -- the order in which they ended; never given twice
	run      integer not null,
	upto     integer not null                   -- how many rows its journal had then
) strict;
create index failure_run on failure (run);
pragma user_version = 2;
