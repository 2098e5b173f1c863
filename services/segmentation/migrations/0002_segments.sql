-- The segments of the newest catalogue version that segmentation has met. Whoever takes one out leaves its history.
CREATE TABLE segments (
    workspace         text    NOT NULL,
    segment           text    NOT NULL,
    title             text    NOT NULL,
    catalogue_version bigint  NOT NULL,
    in_catalogue      boolean NOT NULL,
    PRIMARY KEY (workspace, segment)
);

ALTER TABLE segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_rows ON segments
    USING (current_setting('perennial.workspace', true) IN (workspace, '*'));
