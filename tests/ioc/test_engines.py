"""What both engines must do alike, on plain PostgreSQL and on a real TimescaleDB."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from ioc.store import chunks, history, migrate, quality, registry, rollups, upkeep
from tests.ioc.store_parts import add_series, ago, city_folder, clock, store, this_hour

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = ago(days=4000)


def rolled(conn, table, series):
    query = f"SELECT bucket, count, sum, min, max, first, last FROM {table} WHERE series_id = %s ORDER BY 1"
    return {bucket: tuple(rest) for bucket, *rest in conn.execute(query, (series,))}


def by_force(rows, width):
    found = {}
    for _, time, value in sorted(rows):
        found.setdefault(LONG_AGO.replace(hour=0) + (time - LONG_AGO.replace(hour=0)) // width * width, []).append(
            value
        )
    return {t: (len(v), sum(v), min(v), max(v), v[0], v[-1]) for t, v in found.items()}


def roll(conn):
    rollups.run(conn, migrate.engine(conn), rollups.Span(this_hour(), LONG_AGO, LONG_AGO), seconds=100)


def columns(conn, name):
    query = """SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
               WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
    return conn.execute(query, (name,)).fetchall()


def dense_and_sparse(series, start):
    """An hour of ten-second values, and two days of ten-minute ones."""
    dense = [(series, start + timedelta(seconds=10 * n), float(n % 17)) for n in range(360)]
    return dense + [(series, start + 2 * HOUR + 10 * MINUTE * n, float(n % 23)) for n in range(288)]


def test_it_is_the_engine_it_says(either, request):
    assert migrate.engine(either) == request.node.callspec.params["either"]
    assert migrate.migrate(either) == []


@pytest.mark.parametrize("table", ["rollup_1m", "rollup_1h", "rollup_1d"])
def test_rollups_have_the_same_columns(either, table):
    assert columns(either, table) == [
        ("series_id", "integer"), ("bucket", "timestamp with time zone"), ("count", "bigint"), *(
            (name, "double precision") for name in ("sum", "min", "max", "first", "last"))]  # fmt: skip


def test_a_reading_is_stored_once_and_the_latest_never_goes_back(either):
    series, now = add_series(either), clock(either).replace(microsecond=0)
    rows = [(series, now, 1.0), (series, now - MINUTE, 2.0)]
    assert store(either, rows) == 2
    assert store(either, [*rows, (series, now - 2 * MINUTE, 3.0)]) == 1
    assert either.execute("SELECT count(*) FROM reading WHERE series_id = %s", (series,)).fetchone() == (3,)
    (newest,) = history.latest(either, [series])
    assert (newest.time, newest.value) == (now, 1.0)


def test_rollups_are_what_brute_force_says(either):
    series, start = add_series(either), ago(days=4)
    rows = dense_and_sparse(series, start)
    store(either, rows)
    roll(either)
    late = [(series, start + 30 * MINUTE + timedelta(seconds=5), -99.0), (series, start + DAY + 5 * MINUTE, 99.5)]
    store(either, late)
    roll(either)
    rows += late
    assert rolled(either, "rollup_1h", series) == by_force(rows, HOUR)
    assert rolled(either, "rollup_1d", series) == by_force(rows, DAY)
    first_hour = {t: v for t, v in rolled(either, "rollup_1m", series).items() if t < start + HOUR}
    assert first_hour == by_force([r for r in rows if r[1] < start + HOUR], MINUTE)


def test_lines_are_the_same_whatever_the_engine(either):
    series, start = add_series(either), ago(days=4)
    rows = dense_and_sparse(series, start)
    store(either, rows)
    roll(either)
    now = clock(either)
    store(either, [(series, now, 50.0)])
    for span, points, step in ((3 * HOUR, 100, 2 * MINUTE), (2 * DAY, 100, 30 * MINUTE), (5 * DAY, 100, 2 * HOUR)):
        line = history.window(either, [series], start, start + span, points)[series]
        assert line.step == step
        expected = by_force([r for r in [*rows, (series, now, 50.0)] if r[1] < start + span], step)
        drawn = ~np.isnan(line.mean)
        np.testing.assert_allclose(line.mean[drawn], [v[1] / v[0] for v in expected.values()])
        np.testing.assert_allclose(line.high[drawn], [v[3] for v in expected.values()])


def test_the_registry_and_a_whole_round_of_upkeep_work(either, tmp_path):
    folder = city_folder(tmp_path)
    registry.sync(either, folder)
    series = add_series(either, settings={"stuck": "600s", "rate": 1.0}, cadence=MINUTE)
    now = clock(either)
    store(either, [(series, now - MINUTE * n, 4.0) for n in range(20)])
    either.execute("DELETE FROM job")
    assert upkeep.run(either, folder) is True
    failed = either.execute("SELECT name, result FROM job WHERE result LIKE 'failed%'").fetchall()
    assert failed == []
    assert [f.kind for f in quality.worst(either) if f.series_id == series] == ["stuck"]


def test_old_readings_go_and_their_rollups_stay(either, tmp_path):
    series, now = add_series(either), clock(either)
    old, new = ago(days=100), ago(days=1)
    store(either, [(series, old, 1.0), (series, new, 2.0)])
    roll(either)
    either.execute("DELETE FROM job")
    upkeep.run(either, city_folder(tmp_path, readings="30d", positions="30d", rollup_1m="30d"), now)
    assert either.execute("SELECT time FROM reading WHERE series_id = %s", (series,)).fetchall() == [(new,)]
    assert rolled(either, "rollup_1h", series) == {old: (1, 1, 1, 1, 1, 1), new: (1, 2, 2, 2, 2, 2)}
    store(either, [(series, now - timedelta(days=100), 8.0)])
    either.execute("DELETE FROM job")
    upkeep.run(either, city_folder(tmp_path, readings="30d", positions="30d", rollup_1m="30d"), now)
    assert old in rolled(either, "rollup_1h", series)


def test_a_reading_that_comes_after_its_minutes_are_gone_still_counts_right(either, tmp_path):
    series, start = add_series(either), ago(days=40)
    rows = [(series, start + timedelta(seconds=10 * n), float(n % 17)) for n in range(360)]
    late = (series, start + timedelta(seconds=5), -9.0)
    for batch in (rows, [late]):
        store(either, batch)
        either.execute("DELETE FROM job")
        upkeep.run(either, city_folder(tmp_path, rollup_1m="30d"), clock(either))
    assert {t for t in rolled(either, "rollup_1m", series) if t < start + HOUR} == set()
    assert rolled(either, "rollup_1h", series) == by_force([*rows, late], HOUR)
    line = history.window(either, [series], start, start + HOUR, 60)[series]
    assert [len(line.time), line.low.min()] == [60, -9.0]


@pytest.mark.node
def test_timescale_compresses_old_chunks_and_late_readings_still_land_in_them_once(hyper):
    series, start = add_series(hyper), ago(days=90)
    rows = dense_and_sparse(series, start)
    store(hyper, rows)
    roll(hyper)
    for (policy,) in hyper.execute(
        "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"
    ).fetchall():
        hyper.execute("CALL run_job(%s)", (policy,))
    chunks = "SELECT hypertable_name FROM timescaledb_information.chunks WHERE is_compressed GROUP BY 1"
    compressed = {name for (name,) in hyper.execute(chunks)}
    assert "reading" in compressed
    assert len(compressed) == 3, "and the minutes and the hours"
    late = (series, start + timedelta(seconds=5), -1.0)
    assert store(hyper, [rows[0], late]) == 1
    assert store(hyper, [late]) == 0
    roll(hyper)
    rows.append(late)
    assert rolled(hyper, "rollup_1h", series) == by_force(rows, HOUR)
    assert rolled(hyper, "rollup_1d", series) == by_force(rows, DAY)
    minutes = by_force([r for r in rows if r[1] < start + HOUR], MINUTE)
    assert {t: v for t, v in rolled(hyper, "rollup_1m", series).items() if t < start + HOUR} == minutes


@pytest.mark.node
def test_on_timescale_the_open_hour_is_there_at_once(hyper):
    series, now = add_series(hyper), clock(hyper)
    store(hyper, [(series, now, 5.0)])
    assert rolled(hyper, "rollup_1h", series) == {this_hour(): (1, 5, 5, 5, 5, 5)}


def forget(conn, table, before):
    """As retention does."""
    if migrate.engine(conn) == "plain":
        conn.execute(f"DELETE FROM {table} WHERE {'time' if table == 'reading' else 'bucket'} < %s", (before,))
    else:
        conn.execute("SELECT drop_chunks(%s::regclass, older_than => %s::timestamptz)", (table, before))


def test_a_chart_of_what_retention_took_is_drawn_from_hours_then_from_days(either):
    """A week of three years ago is not empty because its readings and minutes are gone; its peak is still there."""
    series, start = add_series(either), ago(days=1100).replace(hour=0)
    rows = [(series, start + 10 * MINUTE * n, float(n % 23)) for n in range(7 * 144)]
    rows.append((series, start + 3 * DAY + 5 * MINUTE, 999.0))
    store(either, [*rows, (series, ago(hours=2), 1.0)])
    roll(either)
    forget(either, "reading", ago(days=500))
    forget(either, "rollup_1m", ago(days=60))
    line = history.window(either, [series], start, start + 7 * DAY, 500)[series]
    assert (line.step, len(line.time), line.high.max()) == (HOUR, 7 * 24, 999.0)
    points = history.stepped(either, [series], start, start + DAY, 5 * MINUTE)
    assert [p.at for p in points] == [start + HOUR * n for n in range(24)], "a finer step than is kept"
    forget(either, "rollup_1h", ago(days=500))
    line = history.window(either, [series], start, start + 7 * DAY, 500)[series]
    assert (line.step, len(line.time), line.high.max()) == (DAY, 7, 999.0)
    five_years = history.window(either, [series], ago(days=1826), ago(days=0), 2000)[series]
    assert (five_years.step, np.nanmax(five_years.high)) == (DAY, 999.0)


@pytest.mark.parametrize(("span", "points"), [(2 * HOUR, 60), (4 * DAY, 50), (45 * DAY, 45)])
def test_one_late_hour_is_read_from_its_readings_and_the_others_from_their_rollups(either, span, points):
    """Whatever else waits, a chart stays as cheap as it was: hours that are worked out are not worked out again."""
    series, other = add_series(either), add_series(either)
    start = ago(days=46).replace(hour=0)
    rows = [(series, start + timedelta(seconds=10 * n), float(n % 17)) for n in range(2 * 360)]
    rows += [(series, start + 3 * HOUR + HOUR * n, float(n % 23)) for n in range(45 * 24)]
    store(either, rows)
    roll(either)
    late = (series, start + 65 * MINUTE + timedelta(seconds=3), 500.0)
    store(either, [late, (other, start, 1.0)])
    values = history._values([series], start, start + span, None)
    found = {(s, h) for s, h in either.execute(history.queries.load("history")["late"], values)}
    assert (series, start + HOUR) in found
    if migrate.engine(either) == "plain":
        assert found == {(series, start + HOUR)}
        either.execute("DELETE FROM reading WHERE series_id = %s AND time < %s", (series, start + 30 * MINUTE))
    line = history.window(either, [series], start, start + span, points)[series]
    expected = by_force([r for r in [*rows, late] if r[1] < start + span], line.step)
    if line.step < DAY:
        drawn = ~np.isnan(line.mean)
        np.testing.assert_allclose(line.high[drawn], [v[3] for v in expected.values()])
        np.testing.assert_allclose(line.mean[drawn], [v[1] / v[0] for v in expected.values()])
    assert line.high.max() == 500.0


@pytest.mark.node
def test_chunks_to_come_are_as_wide_as_the_days_readings_allow(hyper):
    feed = hyper.execute("INSERT INTO feed (key, name) VALUES ('dense', '{}') RETURNING id").fetchone()[0]
    query = "SELECT time_interval FROM timescaledb_information.dimensions WHERE hypertable_name = 'reading'"
    assert hyper.execute(query).fetchone() == (7 * DAY,)
    assert chunks.fit(hyper, clock(hyper)) is None
    add = "INSERT INTO ledger (feed_id, minute, readings, readings_stored) VALUES (%s, %s, %s, %s)"
    for number, width in ((50_000_000, DAY), (100_000_000, 6 * HOUR)):
        hyper.execute(add, (feed, clock(hyper), number, number))
        assert chunks.fit(hyper, clock(hyper)) == width
        assert hyper.execute(query).fetchone() == (width,)
    hyper.execute("DELETE FROM ledger WHERE feed_id = %s", (feed,))
    assert chunks.fit(hyper, clock(hyper)) == 7 * DAY
