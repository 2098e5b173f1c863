-- What ingest knows beside the log: workspaces, their definitions and write keys, who contacts are, and what was
-- refused. All times are milliseconds UTC. A connection says whose rows it may see: `perennial.workspace`, or '*'.

CREATE TABLE workspaces (
    workspace TEXT PRIMARY KEY CHECK (workspace ~ '^[a-z0-9-]{1,63}$'),
    time_zone TEXT NOT NULL,
    -- 1: the wall's, 2: the log's, as in perennial.log.v1.ClockKind.
    clock SMALLINT NOT NULL CHECK (clock IN (1, 2)),
    -- Key of the hash that makes pseudonyms. Without it a pseudonym says nothing.
    pseudonym_key BYTEA NOT NULL
        DEFAULT decode(replace(gen_random_uuid()::TEXT || gen_random_uuid()::TEXT, '-', ''), 'hex'),
    -- On the log clock: how far it was moved.
    clock_at BIGINT,
    created_at BIGINT NOT NULL
);

CREATE TABLE write_keys (
    workspace TEXT NOT NULL REFERENCES workspaces,
    prefix TEXT NOT NULL,
    -- SHA-256 of the whole key.
    hash BYTEA NOT NULL UNIQUE,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (workspace, prefix)
);

CREATE TABLE catalogue_versions (
    workspace TEXT NOT NULL REFERENCES workspaces,
    version BIGINT NOT NULL CHECK (version > 0),
    document TEXT NOT NULL,
    fire_playbooks BOOLEAN NOT NULL,
    applied_by TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    -- When every partition of both topics had it.
    in_force_at BIGINT,
    PRIMARY KEY (workspace, version)
);

CREATE INDEX catalogue_versions_to_hand_over ON catalogue_versions (workspace, version) WHERE in_force_at IS NULL;

-- The directory: who stands behind a pseudonym.
CREATE TABLE contacts (
    workspace TEXT NOT NULL,
    contact BYTEA NOT NULL,
    external_id TEXT NOT NULL,
    PRIMARY KEY (workspace, contact)
);

CREATE TABLE contact_names (
    workspace TEXT NOT NULL,
    contact BYTEA NOT NULL,
    name TEXT NOT NULL,
    -- JSON text.
    value TEXT NOT NULL,
    -- The highest (event_at, fact_id) wins.
    event_at BIGINT NOT NULL,
    fact_id BYTEA NOT NULL,
    PRIMARY KEY (workspace, contact, name)
);

-- Which accounts a contact belongs to: projected from attribution.
CREATE TABLE contact_accounts (
    workspace TEXT NOT NULL,
    contact BYTEA NOT NULL,
    account TEXT NOT NULL,
    partition INT NOT NULL,
    member BOOLEAN NOT NULL,
    since_at BIGINT NOT NULL,
    -- Position in the inbox of what made it so.
    by_offset BIGINT NOT NULL,
    by_index INT NOT NULL,
    PRIMARY KEY (workspace, contact, account)
);

CREATE INDEX contact_accounts_by_account ON contact_accounts (workspace, account) WHERE member;

-- How many messages attribution has counted in a partition: everything below `to_offset`.
CREATE TABLE inbox_counts (
    workspace TEXT NOT NULL,
    partition INT NOT NULL,
    events BIGINT NOT NULL,
    to_offset BIGINT NOT NULL,
    PRIMARY KEY (workspace, partition)
);

CREATE TABLE quarantine (
    workspace TEXT NOT NULL,
    -- Rises with time.
    id UUID NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    message_id TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    -- Erased with the contact.
    contact BYTEA,
    body BYTEA NOT NULL,
    PRIMARY KEY (workspace, id)
);

CREATE INDEX quarantine_by_contact ON quarantine (workspace, contact) WHERE contact IS NOT NULL;

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON workspaces USING (workspace = current_setting('perennial.workspace', true)
    OR current_setting('perennial.workspace', true) = '*');
ALTER TABLE write_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE write_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON write_keys USING (workspace = current_setting('perennial.workspace', true)
    OR current_setting('perennial.workspace', true) = '*');
ALTER TABLE catalogue_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE catalogue_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON catalogue_versions USING (workspace = current_setting('perennial.workspace', true)
    OR current_setting('perennial.workspace', true) = '*');
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON contacts USING (workspace = current_setting('perennial.workspace', true)
    OR current_setting('perennial.workspace', true) = '*');
ALTER TABLE contact_names ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_names FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON contact_names USING (workspace = current_setting('perennial.workspace', true)
    OR current_setting('perennial.workspace', true) = '*');
ALTER TABLE contact_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON contact_accounts USING (workspace = current_setting('perennial.workspace', true)
    OR current_setting('perennial.workspace', true) = '*');
ALTER TABLE inbox_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE inbox_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON inbox_counts USING (workspace = current_setting('perennial.workspace', true)
    OR current_setting('perennial.workspace', true) = '*');
ALTER TABLE quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE quarantine FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON quarantine USING (workspace = current_setting('perennial.workspace', true)
    OR current_setting('perennial.workspace', true) = '*');
