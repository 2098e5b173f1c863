-- Scores as people ask for them. All of it follows from the account log.
-- A decision is known by its account and its cause: it may stand in the log twice, and is taken once.
-- Times are milliseconds UTC; bands are 1 red, 2 yellow, 3 green; `change` is a perennial.account.v1.HealthChanged.

CREATE TABLE health (
    workspace     text     NOT NULL,
    account       text     NOT NULL,
    log_partition integer  NOT NULL,
    cause_offset  bigint   NOT NULL,
    cause_index   integer  NOT NULL,
    score         smallint CHECK (score BETWEEN 0 AND 100),
    band          smallint CHECK (band BETWEEN 1 AND 3),
    change        bytea    NOT NULL,
    valid_at      bigint   NOT NULL,
    known_at      bigint   NOT NULL,
    PRIMARY KEY (workspace, account)
);

CREATE INDEX health_by_band ON health (workspace, band, score, account);
CREATE INDEX health_by_score ON health (workspace, score, account);

CREATE TABLE health_history (
    workspace         text    NOT NULL,
    account           text    NOT NULL,
    log_partition     integer NOT NULL,
    cause_offset      bigint  NOT NULL,
    cause_index       integer NOT NULL,
    fact_id           bytea   NOT NULL,
    catalogue_version bigint  NOT NULL,
    change            bytea   NOT NULL,
    valid_at          bigint  NOT NULL,
    known_at          bigint  NOT NULL,
    PRIMARY KEY (workspace, account, cause_offset, cause_index)
);

ALTER TABLE health ENABLE ROW LEVEL SECURITY;
ALTER TABLE health FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON health
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE health_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE health_history FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON health_history
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));
