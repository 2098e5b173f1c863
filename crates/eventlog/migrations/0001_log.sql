-- The log: numbered records in partitions of topics.

-- How many partitions a topic has: fixed when it is created.
CREATE TABLE eventlog.topics (
    topic TEXT PRIMARY KEY,
    partitions INT NOT NULL CHECK (partitions > 0)
);

-- The head of each partition. Its row lock is what makes offsets dense and visible in order.
CREATE TABLE eventlog.parts (
    topic TEXT NOT NULL REFERENCES eventlog.topics,
    partition INT NOT NULL,
    next_offset BIGINT NOT NULL DEFAULT 0,
    -- Append time of the last record, milliseconds UTC: it never falls.
    last_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 20);

-- One row per appended batch: records `base_offset` up to and without `base_offset + records`.
CREATE TABLE eventlog.batches (
    topic TEXT NOT NULL,
    partition INT NOT NULL,
    base_offset BIGINT NOT NULL,
    records INT NOT NULL,
    appended_at BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (topic, partition, base_offset, appended_at)
) PARTITION BY LIST (topic);

-- The log's own time, milliseconds UTC.
CREATE FUNCTION eventlog.now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT
$$;

-- Makes sure that a topic can take records appended from `from_at` up to and without `to_at`, in segments of
-- `width` milliseconds. A segment is attached, not created in place: that does not stop writers.
CREATE FUNCTION eventlog.create_segments(for_topic TEXT, width BIGINT, from_at BIGINT, to_at BIGINT)
RETURNS INT LANGUAGE plpgsql AS $$
DECLARE
    parent TEXT := 'topic_' || replace(replace(for_topic, '.', '_'), '-', '_');
    lower_at BIGINT := from_at - from_at % width;
    segment TEXT;
    made INT := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('eventlog.segments'));
    IF to_regclass(format('eventlog.%I', parent)) IS NULL THEN
        EXECUTE format('CREATE TABLE eventlog.%I PARTITION OF eventlog.batches FOR VALUES IN (%L)
            PARTITION BY RANGE (appended_at)', parent, for_topic);
    END IF;
    WHILE lower_at < to_at LOOP
        segment := parent || '_' || lower_at;
        IF to_regclass(format('eventlog.%I', segment)) IS NULL THEN
            EXECUTE format('CREATE TABLE eventlog.%I (LIKE eventlog.batches INCLUDING DEFAULTS)', segment);
            EXECUTE format('ALTER TABLE eventlog.%I ALTER COLUMN body SET STORAGE EXTERNAL', segment);
            EXECUTE format('ALTER TABLE eventlog.%I ATTACH PARTITION eventlog.%I FOR VALUES FROM (%s) TO (%s)',
                parent, segment, lower_at, lower_at + width);
            made := made + 1;
        END IF;
        lower_at := lower_at + width;
    END LOOP;
    RETURN made;
END $$;

-- Drops the topic's segments that hold nothing appended at or after `before_at`. Gives up rather than make readers
-- queue behind it.
CREATE FUNCTION eventlog.drop_segments(for_topic TEXT, width BIGINT, before_at BIGINT)
RETURNS INT LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    parent TEXT := 'topic_' || replace(replace(for_topic, '.', '_'), '-', '_');
    segment TEXT;
    dropped INT := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('eventlog.segments'));
    FOR segment IN
        SELECT child.relname FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = to_regclass(format('eventlog.%I', parent))
          AND substring(child.relname FROM '_([0-9]+)$')::BIGINT + width <= before_at
        ORDER BY child.relname
    LOOP
        EXECUTE format('DROP TABLE eventlog.%I', segment);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
