-- How many events wait until their contact's account is known. Counted is everything below the item `to_index` of the
-- record at `to_offset`: what follows from one record may be written in two parts.
ALTER TABLE inbox_counts ADD COLUMN waiting BIGINT NOT NULL DEFAULT 0;
ALTER TABLE inbox_counts ADD COLUMN to_index INT NOT NULL DEFAULT 0;
