-- The same for a repeat of a refused event: a batch that is sent again is listed once. None: from before.
ALTER TABLE quarantine ADD COLUMN fingerprint UUID;

CREATE UNIQUE INDEX quarantine_by_fingerprint ON quarantine (workspace, fingerprint);

-- Ids rise with time: what is kept no longer is deleted from the lowest.
CREATE INDEX quarantine_by_age ON quarantine (id);
