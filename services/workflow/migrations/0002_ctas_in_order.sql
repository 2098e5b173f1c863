-- What is still to be done comes first, the most urgent before the rest, then the longest open.
CREATE INDEX ctas_in_order ON ctas (workspace, (state = 3), priority, opened_at, cta);
CREATE INDEX ctas_of_owner ON ctas (workspace, owner, (state = 3), priority, opened_at, cta);
