-- Every table with its rows as the planner knows them and its bytes, chunks and compressed chunks included; the rollups too.
CREATE VIEW table_size AS
SELECT h.hypertable_name::text AS name, approximate_row_count(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) AS rows,
    hypertable_size(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) AS bytes
FROM timescaledb_information.hypertables h WHERE h.hypertable_schema = current_schema()
UNION ALL
SELECT a.view_name::text, approximate_row_count(format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass),
    hypertable_size(format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass)
FROM timescaledb_information.continuous_aggregates a WHERE a.view_schema = current_schema()
UNION ALL
SELECT c.relname::text, greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT c.relispartition AND NOT EXISTS (
    SELECT 1 FROM timescaledb_information.hypertables h WHERE h.hypertable_schema = current_schema() AND h.hypertable_name = c.relname);
