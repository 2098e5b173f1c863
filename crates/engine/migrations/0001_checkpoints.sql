-- What a worker goes on from. Each service's database has one of each; log_partition is the partition folded.

-- A partition's own state as of log_offset, the first fact not yet folded.
CREATE TABLE engine.checkpoints (
    log_partition integer PRIMARY KEY,
    log_offset    bigint  NOT NULL,
    state         bytea   NOT NULL
);

-- Its accounts (for attribution: contacts) as of the same offset.
CREATE TABLE engine.accounts (
    workspace     text    NOT NULL,
    account       text    NOT NULL,
    log_partition integer NOT NULL,
    state         bytea   NOT NULL,
    PRIMARY KEY (workspace, account)
);

CREATE INDEX accounts_by_partition ON engine.accounts (log_partition);

-- Append-only parts of its state, dropped from the oldest on.
CREATE TABLE engine.blocks (
    log_partition integer NOT NULL,
    number        bigint  NOT NULL,
    content       bytea   NOT NULL,
    PRIMARY KEY (log_partition, number)
);

-- How far its decisions are projected: all from facts below settled, and per log-clock workspace up to clock_at.
CREATE TABLE engine.progress (
    log_partition integer PRIMARY KEY,
    settled       bigint  NOT NULL
);

CREATE TABLE engine.clocks (
    workspace     text    NOT NULL,
    log_partition integer NOT NULL,
    clock_at      bigint  NOT NULL,
    PRIMARY KEY (workspace, log_partition)
);

ALTER TABLE engine.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE engine.accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON engine.accounts
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE engine.clocks ENABLE ROW LEVEL SECURITY;
ALTER TABLE engine.clocks FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON engine.clocks
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));
