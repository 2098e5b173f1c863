-- How far each group has come: below, it needs nothing any more. A segment that some group still needs is not dropped.

CREATE TABLE eventlog.commits (
    member_group TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INT NOT NULL,
    next_offset BIGINT NOT NULL,
    PRIMARY KEY (member_group, topic, partition)
);

CREATE OR REPLACE FUNCTION eventlog.drop_segments(for_topic TEXT, width BIGINT, before_at BIGINT)
RETURNS INT LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    parent TEXT := 'topic_' || replace(replace(for_topic, '.', '_'), '-', '_');
    segment TEXT;
    needed_by TEXT;
    dropped INT := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('eventlog.segments'));
    FOR segment IN
        SELECT child.relname FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = to_regclass(format('eventlog.%I', parent))
          AND substring(child.relname FROM '_([0-9]+)$')::BIGINT + width <= before_at
        ORDER BY substring(child.relname FROM '_([0-9]+)$')::BIGINT
    LOOP
        EXECUTE format('SELECT min(member_group) FROM eventlog.%I JOIN eventlog.commits USING (topic, partition)
            WHERE base_offset + records > next_offset', segment) INTO needed_by;
        IF needed_by IS NULL THEN
            EXECUTE format('DROP TABLE eventlog.%I', segment);
            dropped := dropped + 1;
        ELSE
            RAISE WARNING '% is kept beyond its time: % has not come so far', segment, needed_by;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;
