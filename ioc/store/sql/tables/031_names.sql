-- Sensors that got another key. The row keeps its id and its series, so all its history goes by the new key at once. Where
-- messages had already made a second row under one of the names, the younger one is taken over by the elder.

CREATE TABLE sensor_alias (                      -- what a sensor was called, as the city folder says (`was`)
    key         text PRIMARY KEY,
    sensor_id   int NOT NULL REFERENCES sensor (id)
);

CREATE TABLE sensor_merge (                      -- taken over, and kept for an hour: an ingester may still write to it
    sensor_id   int PRIMARY KEY REFERENCES sensor (id) ON DELETE CASCADE,
    into_id     int NOT NULL REFERENCES sensor (id),
    at          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE series_merge (
    series_id   int PRIMARY KEY REFERENCES series (id) ON DELETE CASCADE,
    into_id     int NOT NULL REFERENCES series (id)
);

-- All that one series holds, to another one; what that one has of the same time stays. Rollups of the hours are marked.
CREATE FUNCTION move_series(given int, onto int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    rollup text;
BEGIN
    INSERT INTO reading (series_id, time, value) SELECT onto, time, value FROM reading WHERE series_id = given
        ON CONFLICT DO NOTHING;
    INSERT INTO dirty (hour, series)
        SELECT DISTINCT date_trunc('hour', time, 'UTC'), ARRAY[onto] FROM reading WHERE series_id = given;
    DELETE FROM reading WHERE series_id = given;
    INSERT INTO suspect SELECT onto, time, value, reason, received_at FROM suspect WHERE series_id = given
        ON CONFLICT DO NOTHING;
    DELETE FROM suspect WHERE series_id = given;
    INSERT INTO latest AS l SELECT onto, time, value, received_at FROM latest WHERE series_id = given
        ON CONFLICT (series_id) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value, received_at = EXCLUDED.received_at
        WHERE l.time < EXCLUDED.time;
    DELETE FROM latest WHERE series_id = given;
    FOREACH rollup IN ARRAY ARRAY['rollup_1m', 'rollup_1h', 'rollup_1d'] LOOP
        IF EXISTS (SELECT 1 FROM pg_class WHERE oid = rollup::regclass AND relkind IN ('r', 'p')) THEN  -- else they are views
            EXECUTE format('INSERT INTO %I SELECT %s, bucket, count, sum, min, max, first, last FROM %I WHERE series_id = %s '
                'ON CONFLICT DO NOTHING', rollup, onto, rollup, given);
            EXECUTE format('DELETE FROM %I WHERE series_id = %s', rollup, given);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION move_positions(given int, onto int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO position SELECT onto, time, lat, lon, speed, heading FROM position WHERE sensor_id = given ON CONFLICT DO NOTHING;
    DELETE FROM position WHERE sensor_id = given;
    INSERT INTO latest_position AS l SELECT onto, time, lat, lon, speed, heading, received_at
        FROM latest_position WHERE sensor_id = given
        ON CONFLICT (sensor_id) DO UPDATE SET time = EXCLUDED.time, lat = EXCLUDED.lat, lon = EXCLUDED.lon, speed = EXCLUDED.speed,
            heading = EXCLUDED.heading, received_at = EXCLUDED.received_at
        WHERE l.time < EXCLUDED.time;
    DELETE FROM latest_position WHERE sensor_id = given;
END $$;

-- One sensor becomes part of another: series of a metric that the other lacks simply change hands.
CREATE FUNCTION take_over(given int, onto int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(x'10C0003'::int);  -- the write path's: `latest` is moved below
    INSERT INTO sensor_merge (sensor_id, into_id) VALUES (given, onto);
    INSERT INTO series_merge (series_id, into_id) SELECT g.id, t.id FROM series g JOIN series t USING (metric)
        WHERE g.sensor_id = given AND t.sensor_id = onto;
    UPDATE series SET sensor_id = onto WHERE sensor_id = given AND id NOT IN (SELECT series_id FROM series_merge);
    UPDATE alarm a SET sensor_id = onto, series_id = m.into_id, 
            target = CASE WHEN a.target = 'series:' || m.series_id THEN 'series:' || m.into_id ELSE a.target END
        FROM series_merge m WHERE a.series_id = m.series_id AND a.sensor_id = given AND NOT (a.closed_at IS NULL AND EXISTS (
            SELECT 1 FROM alarm o WHERE o.rule_id = a.rule_id AND o.closed_at IS NULL AND o.target = 'series:' || m.into_id));
    UPDATE alarm SET sensor_id = onto WHERE sensor_id = given AND series_id IS NOT NULL
        AND series_id NOT IN (SELECT series_id FROM series_merge);
    PERFORM move_series(m.series_id, m.into_id) FROM series_merge m JOIN series s ON s.id = m.series_id WHERE s.sensor_id = given;
    PERFORM move_positions(given, onto);
    DELETE FROM sensor_place WHERE sensor_id = given;
    UPDATE series SET metric = metric || '~' || id WHERE sensor_id = given;
    UPDATE sensor SET key = key || '~' || id, lat = NULL, lon = NULL, area = NULL, registered = false, updated_at = now()
        WHERE id = given;
END $$;

-- rows: [{"key": "new", "was": ["old", ...]}, ...]. Returns how many sensors were renamed or taken over.
CREATE FUNCTION rename_sensors(rows jsonb) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    wanted record;
    elder int;
    younger int;
    done int := 0;
BEGIN
    FOR wanted IN SELECT r.key, r.was FROM jsonb_to_recordset(rows) AS r (key text, was text[]) LOOP
        SELECT min(id) INTO elder FROM sensor WHERE key = wanted.key OR key = ANY (wanted.was);
        FOR younger IN SELECT id FROM sensor WHERE (key = wanted.key OR key = ANY (wanted.was)) AND id <> elder ORDER BY id LOOP
            PERFORM take_over(younger, elder);
            done := done + 1;
        END LOOP;
        UPDATE sensor SET key = wanted.key, updated_at = now() WHERE id = elder AND key <> wanted.key;
        done := done + CASE WHEN FOUND THEN 1 ELSE 0 END;
    END LOOP;
    DELETE FROM sensor_alias a WHERE NOT EXISTS (
        SELECT 1 FROM jsonb_to_recordset(rows) AS r (key text, was text[]) WHERE a.key = ANY (r.was));
    INSERT INTO sensor_alias (key, sensor_id) SELECT w.old, s.id
        FROM jsonb_to_recordset(rows) AS r (key text, was text[]) CROSS JOIN unnest(r.was) AS w (old) JOIN sensor s ON s.key = r.key
        ON CONFLICT (key) DO UPDATE SET sensor_id = EXCLUDED.sensor_id WHERE sensor_alias.sensor_id <> EXCLUDED.sensor_id;
    RETURN done;
END $$;

-- What an ingester with an older reading of the folder wrote meanwhile follows; after an hour without such the rest goes.
CREATE FUNCTION sweep_merges() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    gone record;
    done int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(x'10C0003'::int);
    FOR gone IN SELECT s.id, a.sensor_id FROM sensor s JOIN sensor_alias a ON a.key = s.key WHERE s.id <> a.sensor_id LOOP
        PERFORM take_over(gone.id, gone.sensor_id);
        done := done + 1;
    END LOOP;
    FOR gone IN SELECT m.series_id, m.into_id FROM series_merge m JOIN latest l USING (series_id) LOOP
        PERFORM move_series(gone.series_id, gone.into_id);
        done := done + 1;
    END LOOP;
    FOR gone IN SELECT m.sensor_id, m.into_id FROM sensor_merge m JOIN latest_position l USING (sensor_id) LOOP
        PERFORM move_positions(gone.sensor_id, gone.into_id);
        done := done + 1;
    END LOOP;
    FOR gone IN SELECT sensor_id FROM sensor_merge WHERE at < now() - interval '1 hour' LOOP
        BEGIN
            DELETE FROM quality WHERE series_id IN (SELECT id FROM series WHERE sensor_id = gone.sensor_id);
            DELETE FROM series_habit WHERE series_id IN (SELECT id FROM series WHERE sensor_id = gone.sensor_id);
            DELETE FROM rule_target WHERE series_id IN (SELECT id FROM series WHERE sensor_id = gone.sensor_id);
            DELETE FROM series WHERE sensor_id = gone.sensor_id;
            DELETE FROM sensor WHERE id = gone.sensor_id;
        EXCEPTION WHEN foreign_key_violation THEN
            NULL;  -- an alarm still tells of it: it stays, without a place and without data
        END;
    END LOOP;
    RETURN done;
END $$;
