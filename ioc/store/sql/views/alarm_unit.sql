-- The unit of what an alarm's rule judges: a rate is an hour's change, a duration seconds, a count and an index have none.

CREATE OR REPLACE FUNCTION alarm_unit(kind text, unit text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN kind = 'rate' THEN unit || '/h' WHEN kind = 'duration' THEN 's' WHEN kind IN ('count', 'air_index') THEN ''
            ELSE unit END
$$;
