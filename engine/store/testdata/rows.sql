-- A folder of any format, with one run that waits.
insert into meta values ('world', 'live'), ('identity', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ');
insert into payload values (1, 1, '{"id":"e7"}');
insert into run (id, flow, definition, trigger, connection, event_id, event, parent, parent_path, queue, created, status, due, wake)
values (7, 'report', 'd1', 'hook', 'main', 'e7', 1, 0, '', '', 1772355600000000000, 'waiting', 1772355600000000000, 1772355600000000000);
insert into seen values ('report', 'hook', 'main', 'e7', 7);
insert into tally values ('report', 'waiting', 1);
insert into definition values ('d1', 'report', x'6f6e65');
insert into published values ('report', 'd1');
