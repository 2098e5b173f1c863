-- Runs that wait for somebody's yes, and why runs went no further: as in perennial.account.v1.RunEnd.
ALTER TABLE runs
    ADD COLUMN awaits_approval boolean NOT NULL DEFAULT false,
    ADD COLUMN run_end smallint NOT NULL DEFAULT 0 CHECK (run_end BETWEEN 0 AND 4);

CREATE INDEX runs_to_approve ON runs (workspace, started_at, run) WHERE awaits_approval;
