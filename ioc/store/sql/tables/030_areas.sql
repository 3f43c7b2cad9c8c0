-- Where fixed sensors stood and which areas held them, so that one history rolls up by the map of then or of any day.
-- Read it through area_members (views/area_members.sql), which says what holds.
--
-- A place is kept by a trigger, whoever writes `sensor`: the first one holds for all the past, a move of more than 25 m
-- ends it and begins the next. A restore brings the places of the backup, and says so (ioc.restoring). Sensors that move by
-- nature (buses) have none: where they were is in `position`.

ALTER TABLE area ADD COLUMN drawing jsonb;      -- for screens, where the shape itself is too heavy; null: the shape will do

CREATE TABLE sensor_place (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sensor_id   int NOT NULL REFERENCES sensor (id),
    since       timestamptz NOT NULL,            -- it stood here for since <= time < until
    until       timestamptz NOT NULL DEFAULT 'infinity',
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    joined      boolean NOT NULL DEFAULT false,  -- whether sensor_area knows of it
    UNIQUE (sensor_id, since),
    CHECK (since < until)
);
CREATE UNIQUE INDEX sensor_place_now ON sensor_place (sensor_id) WHERE until = 'infinity';
CREATE INDEX sensor_place_waiting ON sensor_place (id) WHERE NOT joined;

-- Which area of a kind holds a place, by the maps of the days map_from <= day < map_to. Never two of a kind on a day: where
-- polygons overlap the smallest counts, of equal ones the first by key. Written by ioc/store/areas.py.
CREATE TABLE sensor_area (
    place_id    bigint NOT NULL REFERENCES sensor_place (id) ON DELETE CASCADE,
    kind        text NOT NULL,
    map_from    date NOT NULL,
    map_to      date NOT NULL,
    area_id     int NOT NULL REFERENCES area (id),
    PRIMARY KEY (place_id, kind, map_from),
    CHECK (map_from < map_to)
);
CREATE INDEX sensor_area_area ON sensor_area (area_id);

CREATE FUNCTION keep_place() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    here sensor_place;
    apart double precision;
BEGIN
    SELECT * INTO here FROM sensor_place WHERE sensor_id = NEW.id AND until = 'infinity';
    IF NEW.moves THEN
        DELETE FROM sensor_place WHERE id = here.id AND since >= now();
        UPDATE sensor_place SET until = now() WHERE id = here.id;
    ELSIF here.id IS NULL THEN
        INSERT INTO sensor_place (sensor_id, since, lat, lon) SELECT NEW.id, coalesce(max(now()), '-infinity'), NEW.lat, NEW.lon
        FROM sensor_place WHERE sensor_id = NEW.id;
    ELSE
        apart := 111320 * sqrt((NEW.lat - here.lat) ^ 2 + ((NEW.lon - here.lon) * cos(radians(here.lat))) ^ 2);
        IF apart > 25 AND here.since < now() AND (NEW.place_from = 'registry' OR here.since < now() - interval '1 hour') THEN
            UPDATE sensor_place SET until = now() WHERE id = here.id;
            INSERT INTO sensor_place (sensor_id, since, lat, lon) VALUES (NEW.id, now(), NEW.lat, NEW.lon);
        ELSIF apart > 25 OR (apart > 0 AND NEW.place_from = 'registry') THEN  -- being set up, or put right: no move
            UPDATE sensor_place SET lat = NEW.lat, lon = NEW.lon, joined = false WHERE id = here.id;
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER keep_place AFTER INSERT OR UPDATE OF lat, lon, moves ON sensor FOR EACH ROW
    WHEN (NEW.lat IS NOT NULL AND current_setting('ioc.restoring', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION keep_place();

INSERT INTO sensor_place (sensor_id, since, lat, lon)
SELECT id, '-infinity', lat, lon FROM sensor WHERE NOT moves AND lat IS NOT NULL;
