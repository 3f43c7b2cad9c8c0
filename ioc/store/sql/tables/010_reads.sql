-- What reads of the past need: spans of alarms and events that an index can answer, marks by their hour, corrections.

-- From when to when something lasted; open is without an end, and an end before the beginning (a clock set back) is none.
CREATE FUNCTION lasting(opened timestamptz, closed timestamptz) RETURNS tstzrange
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT tstzrange(opened, CASE WHEN closed IS NOT NULL THEN greatest(opened, closed) END, '[)')
$$;

CREATE INDEX alarm_lasting ON alarm USING gist (lasting(opened_at, closed_at));
CREATE INDEX event_lasting ON event USING gist (lasting(opened_at, closed_at));

CREATE INDEX dirty_by_hour ON dirty (hour);
CREATE INDEX dirty_hour_by_hour ON dirty_hour (hour);

-- Readings that a feed with `corrections = true`, or a person, put right: what was stored before is kept here.
CREATE TABLE correction (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id   int NOT NULL REFERENCES series (id),
    time        timestamptz NOT NULL,            -- of the reading
    was         double precision NOT NULL,
    value       double precision NOT NULL,       -- what the reading says since
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    by          text NOT NULL,                   -- the feed, or who asked for it
    reason      text NOT NULL DEFAULT ''
);
CREATE INDEX correction_series ON correction (series_id, time);
CREATE INDEX correction_at ON correction (at);
