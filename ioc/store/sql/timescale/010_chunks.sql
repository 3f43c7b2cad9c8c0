-- Chunks as wide as their tables are dense: a chart over years looks into every chunk of its span, and a compressed batch
-- wants hundreds of rows of one series. Holds for chunks made from now on. Where readings pour in, upkeep narrows those of
-- `reading` again (ioc/store/chunks.py).

SELECT set_chunk_time_interval('reading', interval '7 days');

DO $$
DECLARE
    wide record;
BEGIN
    FOR wide IN
        SELECT format('%I.%I', c.materialization_hypertable_schema, c.materialization_hypertable_name)::regclass AS name,
            w.span
        FROM timescaledb_information.continuous_aggregates c
        JOIN (VALUES ('rollup_1m', interval '7 days'), ('rollup_1h', interval '60 days'), ('rollup_1d', interval '1000 days'))
            AS w (view, span) ON w.view = c.view_name
        WHERE c.view_schema = current_schema()
    LOOP
        PERFORM set_chunk_time_interval(wide.name, wide.span);
    END LOOP;
END $$;
