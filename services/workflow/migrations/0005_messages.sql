-- What messages to people need beside the log: none of it may stand there, for it is secret, or about people.

-- Where endpoints of Slack are: an incoming webhook's address, or a bot's token and a channel.
CREATE TABLE slack_addresses (
    workspace   text NOT NULL,
    endpoint    text NOT NULL,
    webhook_url text,
    token       text,
    channel     text,
    PRIMARY KEY (workspace, endpoint),
    CHECK ((webhook_url IS NULL) <> (token IS NULL)),
    CHECK ((token IS NULL) = (channel IS NULL))
);

-- The customer-success team, by the name that stands as owner. Empty: not known.
CREATE TABLE team (
    workspace    text NOT NULL,
    owner        text NOT NULL,
    name         text NOT NULL,
    email        text NOT NULL,
    slack_member text NOT NULL,
    PRIMARY KEY (workspace, owner)
);

-- Templates of the catalogue's newest version: JSON.
CREATE TABLE messages (
    workspace         text   NOT NULL,
    message           text   NOT NULL,
    texts             text   NOT NULL,
    catalogue_version bigint NOT NULL,
    PRIMARY KEY (workspace, message)
);

-- The first message about a CTA, an episode or a run to an endpoint, which later ones answer: its `ts`, or Message-ID.
CREATE TABLE threads (
    workspace text   NOT NULL,
    endpoint  text   NOT NULL,
    thread    text   NOT NULL,
    first     text   NOT NULL,
    begun_at  bigint NOT NULL,
    PRIMARY KEY (workspace, endpoint, thread)
);

CREATE INDEX threads_oldest ON threads (workspace, begun_at);

ALTER TABLE slack_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE slack_addresses FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON slack_addresses
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE team ENABLE ROW LEVEL SECURITY;
ALTER TABLE team FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON team
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON messages
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE threads ENABLE ROW LEVEL SECURITY;
ALTER TABLE threads FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON threads
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));
