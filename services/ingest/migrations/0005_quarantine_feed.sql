-- Whether others have heard of it, where there is a feed.
ALTER TABLE quarantine ADD COLUMN published BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX quarantine_unpublished ON quarantine (id) WHERE NOT published;
