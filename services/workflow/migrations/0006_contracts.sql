-- Contracts as people ask for them, with what accounts are listed by: they follow from the facts of the account log, and of
-- two facts the one at the later offset holds. Bands are those that health-score decided.
-- Days are counted from 1970-01-01; `status`, `verdict` and `band` are those of perennial.renewal.v1 and
-- perennial.account.v1. A contract without an id is made of the account's traits.

CREATE TABLE accounts (
    workspace      text    NOT NULL,
    account        text    NOT NULL,
    owner          text    NOT NULL,
    more_contracts boolean NOT NULL,
    fact_offset    bigint  NOT NULL,
    PRIMARY KEY (workspace, account)
);

CREATE TABLE contracts (
    workspace  text     NOT NULL,
    account    text     NOT NULL,
    contract   text     NOT NULL,
    status     smallint NOT NULL CHECK (status BETWEEN 1 AND 4),
    verdict    smallint NOT NULL CHECK (verdict BETWEEN 1 AND 3),
    starts_on  integer,
    ends_on    integer,
    decides_on integer,
    auto_renew boolean  NOT NULL,
    arr_minor  bigint,
    currency   text     NOT NULL,
    seats      bigint,
    product    text     NOT NULL,
    PRIMARY KEY (workspace, account, contract)
);

CREATE TABLE bands (
    workspace   text     NOT NULL,
    account     text     NOT NULL,
    band        smallint CHECK (band BETWEEN 1 AND 3),
    fact_offset bigint   NOT NULL,
    PRIMARY KEY (workspace, account)
);

-- Whether it is a risk CTA, read from `change`: behind its first field, of 2 + 16 bytes, comes its second, the type (1: risk).
ALTER TABLE ctas ADD COLUMN is_risk boolean NOT NULL GENERATED ALWAYS AS (
    CASE WHEN length(change) > 19 THEN get_byte(change, 18) = 16 AND get_byte(change, 19) = 1 ELSE false END
) STORED;

CREATE INDEX ctas_risk_open ON ctas (workspace, account) WHERE is_risk AND state <> 3;

ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON accounts
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE contracts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contracts FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON contracts
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));

ALTER TABLE bands ENABLE ROW LEVEL SECURITY;
ALTER TABLE bands FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON bands
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));
