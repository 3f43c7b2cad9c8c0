-- What keeps a look at a large city short: how far each series may go before any rule with a level is true of it, and open
-- alarms by their series.

CREATE TABLE series_reach (                       -- a value within needs no look at the rules of its series
    series_id   int PRIMARY KEY,                  -- no foreign key: as rule_target, from which it is worked out
    up          double precision,                 -- the lowest level above which a rule is true; NULL: there is none
    down        double precision                  -- the highest below which one is
);
INSERT INTO series_reach (series_id, up, down)
SELECT series_id, min(raise) FILTER (WHERE direction > 0), greatest(max(raise) FILTER (WHERE direction < 0), max(low))
FROM rule_target WHERE raise IS NOT NULL OR low IS NOT NULL GROUP BY series_id;

DROP INDEX alarm_rule_open;                       -- alarm_one_open leads by rule as well
CREATE INDEX alarm_series_open ON alarm (series_id, rule_id) WHERE closed_at IS NULL;
