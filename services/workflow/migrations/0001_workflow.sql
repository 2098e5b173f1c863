-- CTAs, runs and notifications as people ask for them: all of it follows from the account log, but for endpoints and
-- what the sender saw of an attempt (that stands in the log too, as a fact).
-- A decision is known by its account and its cause: it may stand in the log twice, and is taken once.
-- Times are milliseconds UTC. `change` is a perennial.account.v1.CtaChanged, `reasons` lie in it.
-- States are those of perennial.account.v1: CTAs 1 open, 2 snoozed, 3 closed; runs 1 started, 2 waiting, 3 ended;
-- notifications 0 open, 1 delivered, 2 dropped, 3 failed, 4 gone.

CREATE TABLE ctas (
    workspace     text     NOT NULL,
    cta           uuid     NOT NULL,
    account       text     NOT NULL,
    state         smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    priority      integer  NOT NULL,
    owner         text     NOT NULL,
    change        bytea    NOT NULL,
    opened_at     bigint   NOT NULL,
    valid_at      bigint   NOT NULL,
    known_at      bigint   NOT NULL,
    log_partition integer  NOT NULL,
    cause_offset  bigint   NOT NULL,
    cause_index   integer  NOT NULL,
    PRIMARY KEY (workspace, cta)
);

CREATE INDEX ctas_queue ON ctas (workspace, state, priority, opened_at, cta);
CREATE INDEX ctas_of_account ON ctas (workspace, account, priority, opened_at, cta);

CREATE TABLE cta_history (
    workspace         text    NOT NULL,
    cta               uuid    NOT NULL,
    log_partition     integer NOT NULL,
    cause_offset      bigint  NOT NULL,
    cause_index       integer NOT NULL,
    fact_id           bytea   NOT NULL,
    catalogue_version bigint  NOT NULL,
    change            bytea   NOT NULL,
    valid_at          bigint  NOT NULL,
    known_at          bigint  NOT NULL,
    PRIMARY KEY (workspace, cta, cause_offset, cause_index)
);

CREATE TABLE runs (
    workspace     text     NOT NULL,
    run           uuid     NOT NULL,
    account       text     NOT NULL,
    playbook      text     NOT NULL,
    state         smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    step          text     NOT NULL,
    until_at      bigint,
    started_at    bigint   NOT NULL,
    valid_at      bigint   NOT NULL,
    known_at      bigint   NOT NULL,
    log_partition integer  NOT NULL,
    cause_offset  bigint   NOT NULL,
    cause_index   integer  NOT NULL,
    fact_id       bytea    NOT NULL,
    PRIMARY KEY (workspace, run)
);

CREATE INDEX runs_newest ON runs (workspace, started_at, run);
CREATE INDEX runs_of_account ON runs (workspace, account, started_at, run);

CREATE TABLE notifications (
    workspace     text     NOT NULL,
    notification  uuid     NOT NULL,
    account       text     NOT NULL,
    playbook      text     NOT NULL,
    run           uuid     NOT NULL,
    step          text     NOT NULL,
    channel       text     NOT NULL,
    recipient     text     NOT NULL,
    body          text     NOT NULL,
    state         smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 4),
    requested_at  bigint   NOT NULL,
    settled_at    bigint,
    known_at      bigint   NOT NULL,
    log_partition integer  NOT NULL,
    cause_offset  bigint   NOT NULL,
    cause_index   integer  NOT NULL,
    fact_id       bytea    NOT NULL,
    PRIMARY KEY (workspace, notification)
);

CREATE INDEX notifications_newest ON notifications (workspace, requested_at, notification);
CREATE INDEX notifications_of_account ON notifications (workspace, account, requested_at, notification);
CREATE INDEX notifications_open ON notifications (workspace) WHERE state = 0;

-- An attempt is known once it is due, or once the sender has made it, whichever is written first.
CREATE TABLE attempts (
    workspace    text    NOT NULL,
    notification uuid    NOT NULL,
    attempt      integer NOT NULL,
    due_at       bigint,
    status       integer,
    error        text,
    began_at     bigint,
    took_ms      integer,
    PRIMARY KEY (workspace, notification, attempt)
);

CREATE TABLE answers (
    workspace text   NOT NULL,
    command   uuid   NOT NULL,
    account   text   NOT NULL,
    code      text   NOT NULL,
    message   text   NOT NULL,
    known_at  bigint NOT NULL,
    PRIMARY KEY (workspace, command)
);

-- Where notifications go. Not in the log: the secret, and whether the endpoint is disabled.
CREATE TABLE endpoints (
    workspace         text    NOT NULL,
    endpoint          text    NOT NULL,
    url               text    NOT NULL,
    secret            text    NOT NULL,
    disabled_at       bigint,
    catalogue_version bigint  NOT NULL,
    in_catalogue      boolean NOT NULL,
    PRIMARY KEY (workspace, endpoint)
);

ALTER TABLE ctas ENABLE ROW LEVEL SECURITY;
ALTER TABLE ctas FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON ctas
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE cta_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE cta_history FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON cta_history
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE runs FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON runs
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE notifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE notifications FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON notifications
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE attempts FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON attempts
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE answers FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON answers
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE endpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE endpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON endpoints
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));
