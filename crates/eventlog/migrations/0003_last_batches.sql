-- What a group has come into it may need for ever, and that is nobody's worry: where nothing happens any more, the last
-- records are what services said of the facts before, and no group commits beyond the last fact. Only who has not even
-- come to where a segment begins is behind.

-- A partition's first and last batch in a segment are found by the primary key: segments are not read through.
CREATE OR REPLACE FUNCTION eventlog.drop_segments(for_topic TEXT, width BIGINT, before_at BIGINT)
RETURNS INT LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    parent TEXT := 'topic_' || replace(replace(for_topic, '.', '_'), '-', '_');
    segment TEXT;
    is_needed BOOLEAN;
    behind TEXT;
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
        EXECUTE format('SELECT count(*) > 0, min(member_group) FILTER (WHERE next_offset < begins.at)
            FROM eventlog.commits
            CROSS JOIN LATERAL (SELECT base_offset AS at FROM eventlog.%1$I AS batches
                WHERE batches.topic = commits.topic AND batches.partition = commits.partition
                ORDER BY base_offset LIMIT 1) AS begins
            CROSS JOIN LATERAL (SELECT base_offset + records AS at FROM eventlog.%1$I AS batches
                WHERE batches.topic = commits.topic AND batches.partition = commits.partition
                ORDER BY base_offset DESC LIMIT 1) AS ends
            WHERE commits.topic = %2$L AND next_offset < ends.at', segment, for_topic) INTO is_needed, behind;
        IF NOT is_needed THEN
            EXECUTE format('DROP TABLE eventlog.%I', segment);
            dropped := dropped + 1;
        ELSIF behind IS NOT NULL THEN
            RAISE WARNING '% is kept beyond its time: % has not come so far', segment, behind;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;
