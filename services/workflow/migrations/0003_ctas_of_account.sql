-- An account's CTAs are listed in the order of all the others.
DROP INDEX ctas_of_account;
CREATE INDEX ctas_of_account ON ctas (workspace, account, (state = 3), priority, opened_at, cta);
