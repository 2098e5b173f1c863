-- Who owns an account, by its trait `owner`: what accounts are listed by. Of two facts the one at the later offset of
-- the account's log holds.

CREATE TABLE owners (
    workspace   text   NOT NULL,
    account     text   NOT NULL,
    owner       text   NOT NULL,
    fact_offset bigint NOT NULL,
    PRIMARY KEY (workspace, account)
);

CREATE INDEX owners_by_owner ON owners (workspace, owner, account);

ALTER TABLE owners ENABLE ROW LEVEL SECURITY;
ALTER TABLE owners FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON owners
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));
