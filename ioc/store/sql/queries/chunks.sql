-- fit --
-- Chunks of readings as wide as a day's readings allow: a week up to ten million a day, a day up to a hundred million, six
-- hours above. Only chunks made from now on; returns the new width where it changed.
SELECT set_chunk_time_interval('reading', w.span)::text, w.span FROM (
    SELECT CASE WHEN sum(readings_stored) > 100e6 THEN interval '6 hours' WHEN sum(readings_stored) > 10e6 THEN interval '1 day'
        ELSE interval '7 days' END AS span
    FROM ledger WHERE minute > %(now)s::timestamptz - interval '1 day') AS w
JOIN timescaledb_information.dimensions d ON d.hypertable_schema = current_schema() AND d.hypertable_name = 'reading'
WHERE d.time_interval <> w.span;
