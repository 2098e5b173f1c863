-- Memberships as people ask for them. All of it follows from the account log.
-- A decision is known by its account and its cause: it may stand in the log twice, and is taken once.
-- Times are milliseconds UTC; `change` is a perennial.account.v1.MembershipChanged.

-- The last change of each account in each segment; a stay that ended keeps its row, so that an older change that is
-- projected again changes nothing.
CREATE TABLE memberships (
    workspace     text    NOT NULL,
    segment       text    NOT NULL,
    account       text    NOT NULL,
    member        boolean NOT NULL,
    log_partition integer NOT NULL,
    cause_offset  bigint  NOT NULL,
    cause_index   integer NOT NULL,
    fact_id       bytea   NOT NULL,
    change        bytea   NOT NULL,
    since_at      bigint  NOT NULL,
    known_at      bigint  NOT NULL,
    PRIMARY KEY (workspace, segment, account)
);

CREATE INDEX members ON memberships (workspace, segment, account) WHERE member;
CREATE INDEX memberships_by_account ON memberships (workspace, account, segment) WHERE member;

CREATE TABLE membership_history (
    workspace         text    NOT NULL,
    account           text    NOT NULL,
    log_partition     integer NOT NULL,
    cause_offset      bigint  NOT NULL,
    cause_index       integer NOT NULL,
    fact_id           bytea   NOT NULL,
    catalogue_version bigint  NOT NULL,
    segment           text    NOT NULL,
    member            boolean NOT NULL,
    change            bytea   NOT NULL,
    valid_at          bigint  NOT NULL,
    known_at          bigint  NOT NULL,
    PRIMARY KEY (workspace, account, cause_offset, cause_index)
);

-- Enters and leaves so far, a row for each partition so that partitions never wait for one another.
CREATE TABLE segment_totals (
    workspace     text    NOT NULL,
    segment       text    NOT NULL,
    log_partition integer NOT NULL,
    enters        bigint  NOT NULL,
    leaves        bigint  NOT NULL,
    PRIMARY KEY (workspace, segment, log_partition)
);

ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON memberships
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE membership_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE membership_history FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON membership_history
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE segment_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE segment_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON segment_totals
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));
