"""The plan of every read that screens have: no big table is read from end to end for it."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest

from ioc.store import aggregates, asof, corrections, history, rollups, snapshot
from tests.ioc.store_parts import ago

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SERIES, LONG_AGO = 400, ago(days=4000)
BIG = 5000  # rows of a table, partition or chunk from which reading all of it is a fault

FILL = """
INSERT INTO city VALUES (true, 'c', '{}', 'Asia/Ho_Chi_Minh', '{}', 'd', '2026-01-01');
INSERT INTO feed (key, name, cadence) SELECT 'feed' || i, '{}', '10 min' FROM generate_series(0, 39) i;
INSERT INTO metric (key, name) SELECT 'm' || i, '{}' FROM generate_series(0, 9) i;
INSERT INTO area (key, name, geometry) SELECT 'w' || i, '{}', '{}' FROM generate_series(0, 39) i;
INSERT INTO sensor (key, name, feed_id, lat, lon) SELECT 's' || i, '{}', f.id, 9.6, 106
    FROM generate_series(1, 8000) i JOIN feed f ON f.key = 'feed' || i % 40;
INSERT INTO sensor_area SELECT p.id, 'ward', '-infinity', 'infinity', a.id
    FROM sensor_place p JOIN area a ON a.key = 'w' || p.sensor_id % 40;
INSERT INTO series (sensor_id, metric, feed_id) SELECT id, 'm' || id % 10, feed_id FROM sensor ORDER BY id;
INSERT INTO reading SELECT s.id, t, random() FROM series s,
    generate_series(now() - interval '20 days', now() - interval '1 min', interval '1 hour') t WHERE s.id % 20 = 1;
INSERT INTO latest SELECT series_id, max(time), 1, now() FROM reading GROUP BY 1;
INSERT INTO latest SELECT id, now() - interval '1 min', 1, now() FROM series ON CONFLICT DO NOTHING;
INSERT INTO rollup_1h SELECT series_id, date_trunc('hour', time, 'UTC'), 400, sum(value), min(value), max(value), 1, 1
    FROM reading GROUP BY 1, 2;
INSERT INTO rollup_1m SELECT series_id, bucket, count, sum, min, max, first, last FROM rollup_1h;
INSERT INTO rollup_1d SELECT s.id, t, 24, 24, 1, 1, 1, 1 FROM series s,
    generate_series(date_trunc('day', now(), 'UTC') - interval '2 years', date_trunc('day', now(), 'UTC') - interval '1 day',
    interval '1 day') t WHERE s.id % 80 = 1;
INSERT INTO position SELECT s.id, t, 9.6, 106 FROM sensor s,
    generate_series(now() - interval '10 days', now() - interval '1 min', interval '1 hour') t WHERE s.id % 80 = 1;
INSERT INTO latest_position SELECT sensor_id, max(time), 9.6, 106, NULL, NULL, now() FROM position GROUP BY 1;
INSERT INTO rule (key, kind, name, settings, priority) VALUES ('r', 'threshold', '{}', '{}', 2);
INSERT INTO alarm (rule_id, rule_version, target, series_id, priority, event_start, opened_at, closed_at)
    SELECT r.id, 1, 'series:' || i, i % 400 + 1, 2, t, t, t + interval '20 min'
    FROM rule r, generate_series(1, 20000) i, LATERAL (SELECT now() - i * interval '30 min' AS t) x;
INSERT INTO alarm_change (alarm_id, seq, at, kind) SELECT id, 1, opened_at, 'raised' FROM alarm;
INSERT INTO event (feed_id, key, kind, status, opened_at, changed_at, closed_at, lat, lon)
    SELECT f.id, i::text, 'k', 'closed', t, t, t + interval '1 hour', 9.6, 106
    FROM feed f, generate_series(1, 20000) i, LATERAL (SELECT now() - i * interval '30 min' AS t) x WHERE f.key = 'feed1';
INSERT INTO event_change (event_id, time, status, severity) SELECT id, opened_at, 'open', 1 FROM event;
INSERT INTO correction (series_id, time, was, value, at, by) SELECT i % 400 + 1, now(), 1, 2, now() - i * interval '1 min', 'x'
    FROM generate_series(1, 10000) i;
INSERT INTO dirty_hour SELECT s, date_trunc('hour', now(), 'UTC') - h * interval '1 hour'
    FROM generate_series(1, 100) s, generate_series(0, 99) h;
ANALYZE;
"""


@pytest.fixture(scope="module")
def big(postgres):
    """A city with enough in it that the planner cares."""
    admin = postgres.url[: -len("/ioc")] + "/postgres"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute("CREATE DATABASE plans TEMPLATE ioc STRATEGY FILE_COPY")
    url = postgres.url[: -len("/ioc")] + "/plans"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET timezone = 'UTC'")
        conn.execute(FILL)
    yield url
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute("DROP DATABASE plans WITH (FORCE)")


class Explaining(psycopg.Cursor):
    """Explains every query before it runs it, with the very values."""

    plans = []  # [(the query's first line, its plan)]

    def execute(self, query, params=None, **options):
        if isinstance(query, bytes):  # a named query of ours
            with psycopg.Cursor(self.connection) as other:
                found = other.execute(b"EXPLAIN (FORMAT JSON) " + query, params, prepare=False).fetchone()[0]
            self.plans.append((query.split(b"\n")[0].decode(), found[0]["Plan"]))
        return super().execute(query, params, **options)


def nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def of(conn):
    """Every read that a screen, a mail or the time machine has, by name."""
    now, one, sensor = ago(), 41, 41
    then = now - 3 * DAY
    return {
        "an hour": lambda: history.window(conn, [one], now - HOUR, now),
        "a week in half hours": lambda: history.window(conn, [one], now - 7 * DAY, now, 336),
        "a week by the minute": lambda: history.window(conn, [one], now - 7 * DAY, now, 300),
        "twenty days": lambda: history.window(conn, [one], now - 20 * DAY, now, 200),
        "five years": lambda: history.window(conn, [81], now - 1826 * DAY, now, 400),
        "the latest of some": lambda: history.latest(conn, [1, 21]),
        "all of a sensor": lambda: history.series_of(conn, sensor),
        "the same hour": lambda: history.same_hour(conn, one, now, "Asia/Ho_Chi_Minh"),
        "the city then": lambda: asof.city(conn, then),
        "some series then": lambda: asof.latest(conn, then, [1, 21]),
        "alarms then": lambda: asof.alarms(conn, then),
        "events then": lambda: asof.events(conn, then),
        "areas at": lambda: aggregates.areas_at(conn, "m1", then),
        "an area's hours": lambda: aggregates.areas_over(conn, "m1", now - DAY, now, HOUR, areas=["w1"]),
        "an area's years": lambda: aggregates.areas_over(conn, "m1", now - 700 * DAY, now, 7 * DAY, areas=["w1"]),
        "the movers of a metric": lambda: aggregates.movers(conn, now, DAY, metric="m1"),
        "a calendar of hours": lambda: aggregates.hours_of_days(conn, one, date.today() - 9 * DAY, date.today(), "UTC"),
        "a year of days": lambda: aggregates.days_of_year(conn, 81, date.today().year, "UTC"),
        "latest by area": lambda: aggregates.latest_by(conn, area="w1"),
        "latest by metric and area": lambda: aggregates.latest_by(conn, area="w1", metric="m1"),
        "latest by feed": lambda: aggregates.latest_by(conn, feed="feed1"),
        "corrections of a series": lambda: corrections.listed(conn, LONG_AGO, one),
        "sparklines": lambda: snapshot.history(conn, [1, 21], int(now.timestamp() * 1e6), DAY, HOUR),
    }  # fmt: skip


def test_no_read_goes_through_a_big_table_from_end_to_end(big):
    tables = ("reading", "rollup_", "position", "alarm", "event", "correction", "dirty")
    with psycopg.connect(big, autocommit=True) as conn:
        sizes = dict(conn.execute("SELECT relname, reltuples FROM pg_class WHERE relkind IN ('r', 'p')").fetchall())
        conn.cursor_factory = Explaining
        wrong, seen = [], set()
        for name, read in of(conn).items():
            Explaining.plans.clear()
            read()
            assert Explaining.plans, f"{name}: nothing was explained"
            for query, plan in Explaining.plans:
                seen.add(query)
                wrong += [
                    f"{name}: {query} reads all of {node['Relation Name']}"
                    for node in nodes(plan)
                    if node["Node Type"] == "Seq Scan" and node["Relation Name"].startswith(tables)
                    and sizes.get(node["Relation Name"], 0) >= BIG
                ]  # fmt: skip
    assert wrong == []
    assert len(seen) > 25
    assert sum(size >= BIG for name, size in sizes.items() if name.startswith(tables)) >= 9, "and they were big"


def test_the_work_of_upkeep_takes_hours_by_their_keys(big):
    with psycopg.connect(big, autocommit=True) as conn:
        sql = rollups.queries.load("rollups")
        plan = conn.execute(b"EXPLAIN (FORMAT JSON) " + sql["forget_hours"], {"oldest": LONG_AGO}).fetchone()[0]
    assert not [n for n in nodes(plan[0]["Plan"]) if n["Node Type"] == "Seq Scan"]
