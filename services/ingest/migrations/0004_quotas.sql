-- How many events a second may come in: with a key (null: as the process is set), with all keys of a workspace (null: no
-- limit). 0: no limit.
ALTER TABLE workspaces ADD COLUMN events_per_second INT CHECK (events_per_second >= 0);
ALTER TABLE write_keys ADD COLUMN events_per_second INT CHECK (events_per_second >= 0);
