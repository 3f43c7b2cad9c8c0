-- Every table with its rows as the planner knows them and its bytes, partitions included.
CREATE VIEW table_size AS
WITH RECURSIVE part (root, oid) AS (
    SELECT c.oid, c.oid FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    UNION ALL
    SELECT p.root, i.inhrelid FROM part p JOIN pg_inherits i ON i.inhparent = p.oid)
SELECT root.relname::text AS name, coalesce(sum(greatest(c.reltuples, 0)) FILTER (WHERE c.relkind = 'r'), 0)::bigint AS rows,
    sum(pg_total_relation_size(c.oid))::bigint AS bytes
FROM part p JOIN pg_class root ON root.oid = p.root JOIN pg_class c ON c.oid = p.oid
GROUP BY root.relname;
