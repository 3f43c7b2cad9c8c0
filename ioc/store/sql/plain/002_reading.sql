-- Time partitions of a week each (UTC Mondays); `*_rest` takes what is older than the first of them. Migration makes the
-- weeks around now, upkeep the coming ones, and retention drops them (ioc/store/upkeep.py).

CREATE TABLE reading (
    series_id   int NOT NULL,
    time        timestamptz NOT NULL,
    value       double precision NOT NULL,
    PRIMARY KEY (series_id, time)
) PARTITION BY RANGE (time);
CREATE TABLE reading_rest PARTITION OF reading DEFAULT;

CREATE TABLE position (
    sensor_id   int NOT NULL,
    time        timestamptz NOT NULL,
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    speed       double precision,
    heading     double precision,
    PRIMARY KEY (sensor_id, time)
) PARTITION BY RANGE (time);
CREATE TABLE position_rest PARTITION OF position DEFAULT;

-- Only of hours with more readings than minutes: elsewhere the readings themselves are fewer (see views/series_minute).
CREATE TABLE rollup_1m (
    series_id int NOT NULL, bucket timestamptz NOT NULL, count bigint NOT NULL,
    sum double precision NOT NULL, min double precision NOT NULL, max double precision NOT NULL,
    first double precision NOT NULL, last double precision NOT NULL,
    PRIMARY KEY (series_id, bucket)
) PARTITION BY RANGE (bucket);
CREATE TABLE rollup_1m_rest PARTITION OF rollup_1m DEFAULT;

CREATE TABLE rollup_1h (
    series_id int NOT NULL, bucket timestamptz NOT NULL, count bigint NOT NULL,
    sum double precision NOT NULL, min double precision NOT NULL, max double precision NOT NULL,
    first double precision NOT NULL, last double precision NOT NULL,
    PRIMARY KEY (series_id, bucket)
);
CREATE TABLE rollup_1d (LIKE rollup_1h INCLUDING ALL);  -- days of UTC; local days are summed from hours at read

-- The weeks from that of `first_day` to that of `last_day`, where missing. Rows that went to the rest meanwhile are moved.
-- Returns how many it made. A lock that is not had in 3 s is given up: ingest goes first, upkeep comes again.
CREATE FUNCTION make_weeks(parent text, time_column text, first_day timestamptz, last_day timestamptz)
RETURNS int LANGUAGE plpgsql SET timezone = 'UTC' SET lock_timeout = '3s' AS $$
DECLARE
    week timestamptz := date_trunc('week', first_day);
    name text;
    made int := 0;
BEGIN
    WHILE week <= last_day LOOP
        name := parent || '_' || to_char(week, 'YYYYMMDD');
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_rest');
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
            EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
                parent || '_rest', time_column, week, time_column, week + interval '7 days', name);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                parent, name, week, week + interval '7 days');
            made := made + 1;
        END IF;
        week := week + interval '7 days';
    END LOOP;
    RETURN made;
END $$;

-- Drops the weeks that ended before `oldest`, and deletes what the rest holds from before it. Returns how many it dropped.
CREATE FUNCTION drop_weeks(parent text, time_column text, oldest timestamptz)
RETURNS int LANGUAGE plpgsql SET timezone = 'UTC' SET lock_timeout = '3s' AS $$
DECLARE
    name text;
    dropped int := 0;
BEGIN
    FOR name IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = parent::regclass AND c.relname ~ '_\d{8}$'
          AND to_timestamp(right(c.relname, 8), 'YYYYMMDD') + interval '7 days' <= oldest ORDER BY 1
    LOOP
        EXECUTE format('DROP TABLE %I', name);
        dropped := dropped + 1;
    END LOOP;
    EXECUTE format('DELETE FROM %I WHERE %I < %L', parent || '_rest', time_column, oldest);
    RETURN dropped;
END $$;
