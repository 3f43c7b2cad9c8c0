from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.store import history, quality, rollups
from tests.ioc.store_parts import add_series, ago, clock, store, this_hour

LONG_AGO = ago(days=4000)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def roll(conn):
    rollups.run(conn, "plain", rollups.Span(this_hour(), LONG_AGO, LONG_AGO))


def put(conn, series, start, every, values):
    rows = [(series, start + every * n, float(v)) for n, v in enumerate(values)]
    store(conn, rows)
    return rows


def moments(line):
    return [t.replace(tzinfo=UTC) for t in line.time.tolist()]


def by_force(rows, step):
    """What a stepped line must be: step start -> (mean, low, high)."""
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    found = {}
    for _, time, value in rows:
        found.setdefault(origin + (time - origin) // step * step, []).append(value)
    return {t: (sum(v) / len(v), min(v), max(v)) for t, v in sorted(found.items())}


def as_dict(line):
    rows = zip(moments(line), line.mean.tolist(), line.low.tolist(), line.high.tolist(), strict=True)
    return {t: values for t, *rest in rows if (values := tuple(rest))[0] == values[0]}


def test_few_readings_come_as_they_are(conn):
    series = add_series(conn, cadence=MINUTE)
    rows = put(conn, series, ago(hours=5), MINUTE, range(100))
    line = history.window(conn, [series], ago(hours=5), ago(hours=2))[series]
    assert line.step is None
    assert as_dict(line) == {t: (v, v, v) for _, t, v in rows}


def test_the_start_is_within_and_the_end_is_not(conn):
    series = add_series(conn)
    put(conn, series, ago(hours=5), HOUR, range(4))
    line = history.window(conn, [series], ago(hours=5), ago(hours=3))[series]
    assert line.mean.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("every", "n", "points", "step"),
    [
        (SECOND, 1500, 100, timedelta(seconds=15)),  # from readings
        (10 * SECOND, 3 * 360, 100, timedelta(minutes=2)),  # from minutes: six readings a minute
        (5 * MINUTE, 300, 100, timedelta(minutes=15)),  # from readings, fewer than minutes
        (5 * MINUTE, 12 * 24 * 10, 100, timedelta(hours=3)),  # from hours
        (6 * HOUR, 4 * 120, 100, timedelta(days=2)),  # from days
    ],
)
def test_a_long_span_comes_in_steps_equal_to_brute_force(conn, every, n, points, step):
    series = add_series(conn)
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    end = ago(hours=3)
    start = origin + (end - every * n - origin) // step * step
    start = max(start, start.replace(hour=0, minute=0, second=0) if step >= DAY else start)
    rows = put(conn, series, start, every, [(k * 37) % 101 for k in range(n)])
    roll(conn)
    line = history.window(conn, [series], start, start + every * n, points)[series]
    assert line.step == step
    assert len(line.time) <= points + 2
    expected = by_force(rows, step)
    got = as_dict(line)
    assert list(got) == list(expected)
    np.testing.assert_allclose(list(got.values()), list(expected.values()))


def test_minutes_are_read_where_they_are_kept_and_readings_where_they_are_not(conn):
    """A dense hour, an hour of few readings, and a dense hour whose minutes retention has taken."""
    series, start = add_series(conn), ago(hours=10)
    rows = put(conn, series, start, 10 * SECOND, range(360))
    rows += put(conn, series, start + 2 * HOUR, 5 * MINUTE, range(12))
    rows += put(conn, series, start + 4 * HOUR, 10 * SECOND, range(360))
    rows += put(
        conn, series, start + 4 * HOUR + SECOND, SECOND, [900] * 5
    )  # a minute with more readings than its neighbour
    roll(conn)
    conn.execute("DELETE FROM rollup_1m WHERE bucket < %s", (start + HOUR,))
    conn.execute("DELETE FROM reading WHERE time >= %s", (start + 4 * HOUR,))  # so it must come from the minutes
    line = history.window(conn, [series], start, start + 5 * HOUR, 200)[series]
    assert line.step == timedelta(minutes=2)
    assert as_dict(line) == by_force(rows, timedelta(minutes=2))


@pytest.mark.parametrize(("every", "back"), [(10 * SECOND, 4), (5 * MINUTE, 24 * 40)])
def test_the_newest_readings_are_there_before_upkeep_has_seen_them(conn, every, back):
    series = add_series(conn)
    now = clock(conn)
    put(conn, series, ago(hours=back), every, [1.0] * int((ago(hours=1) - ago(hours=back)) / every))
    roll(conn)
    store(conn, [(series, now - SECOND, 77.0)])
    line = history.window(conn, [series], ago(hours=back), now, 100)[series]
    assert line.step is not None
    assert line.high[-1] == 77.0


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(
    ("every", "n", "points"), [(10 * SECOND, 3 * 360, 100), (5 * MINUTE, 12 * 24 * 10, 100), (6 * HOUR, 4 * 120, 100)]
)
def test_nothing_is_missing_while_rollups_catch_up(conn, every, n, points, folded):
    series, start = add_series(conn), ago(days=130).replace(hour=0)
    rows = put(conn, series, start, every, [(k * 37) % 101 for k in range(n)])
    if folded:
        rollups.run(conn, "plain", rollups.Span(LONG_AGO, LONG_AGO, LONG_AGO))
        assert rollups.waiting(conn, this_hour()).hours > 0
    line = history.window(conn, [series], start, start + every * n, points)[series]
    np.testing.assert_allclose(list(as_dict(line).values()), list(by_force(rows, line.step).values()))


def test_a_pause_is_a_gap(conn):
    series = add_series(conn, cadence=MINUTE)
    put(conn, series, ago(hours=9), MINUTE, range(10))
    put(conn, series, ago(hours=8), MINUTE, range(10))
    line = history.window(conn, [series], ago(hours=9), ago(hours=7))[series]
    assert np.isnan(line.mean).sum() == 1
    assert np.isnan(line.mean[10])
    assert line.time[9] < line.time[10] < line.time[11]


def test_a_slow_series_has_no_gaps_between_its_readings(conn):
    series = add_series(conn)
    put(conn, series, ago(days=20), DAY, range(15))
    line = history.window(conn, [series], ago(days=20), ago(hours=0))[series]
    assert not np.isnan(line.mean).any()


def test_all_lines_of_a_chart_have_one_step_and_an_empty_series_none(conn):
    many, few, none = add_series(conn), add_series(conn), add_series(conn)
    put(conn, many, ago(hours=20), MINUTE, range(900))
    put(conn, few, ago(hours=20), HOUR, range(9))
    roll(conn)
    lines = history.window(conn, [many, few, none], ago(hours=20), ago(hours=2), 300)
    assert set(lines) == {many, few}
    assert lines[many].step == lines[few].step == 5 * MINUTE


@given(span=st.timedeltas(SECOND, timedelta(days=20_000)), points=st.integers(2, history.MOST))
@settings(suppress_health_check=list(HealthCheck))
def test_a_step_never_makes_more_points_than_asked_for(span, points):
    step = history.step_for(span, points)
    assert span / step <= points or step == history._STEPS[-1]


def test_latest_says_what_must_not_be_believed(conn):
    now = clock(conn)
    good, bad = (
        add_series(conn, cadence=MINUTE, area="ward-1"),
        add_series(conn, metric="stuck", settings={"stuck": "600s"}),
    )
    put(conn, bad, now - 30 * MINUTE, MINUTE, [2.0] * 31)
    store(conn, [(good, now, 3.0)])
    quality.run(conn, now)
    found = {row.series_id: row for row in history.latest(conn, [good, bad, 999_999])}
    assert set(found) == {good, bad}
    assert (found[good].value, found[good].usable, found[good].area, found[good].expected) == (
        3.0,
        True,
        "ward-1",
        MINUTE,
    )
    assert (found[bad].usable, found[bad].reason) == (False, "stuck")


def test_a_sensors_series_are_listed_before_they_ever_spoke(conn):
    series = add_series(conn, metric="salinity", settings={"steps": [[1, 2]]}, unit="g/l")
    sensor = conn.execute("SELECT sensor_id FROM series WHERE id = %s", (series,)).fetchone()[0]
    (row,) = history.series_of(conn, sensor)
    assert (row.metric, row.unit, row.settings, row.value, row.usable) == (
        "salinity",
        "g/l",
        {"steps": [[1, 2]]},
        None,
        None,
    )


def test_the_same_hour_of_past_weeks_follows_the_local_clock(conn):
    """Berlin put its clocks back on 26 October 2025: 08:00 local was 06:00 UTC before and 07:00 UTC after."""
    series = add_series(conn)
    for bucket, value in (("2025-10-24 06:00Z", 1.0), ("2025-10-24 07:00Z", 2.0), ("2025-10-31 07:00Z", 3.0)):
        conn.execute("INSERT INTO rollup_1h VALUES (%s, %s, 2, %s, 0, 9, 1, 1)", (series, bucket, value * 2))
    at = datetime(2025, 11, 7, 7, 30, tzinfo=UTC)
    found = history.same_hour(conn, series, at, "Europe/Berlin")
    assert [(h.bucket.day, h.mean, h.low, h.high, h.count) for h in found] == [
        (31, 3.0, 0.0, 9.0, 2),
        (24, 1.0, 0.0, 9.0, 2),
    ]


def test_figures_count_only_fresh_and_usable_values_and_say_so(conn):
    now = clock(conn)
    fresh = [add_series(conn, metric="pm25", cadence=10 * MINUTE, area=a) for a in ("ward-1", "ward-1", "ward-2")]
    stale = add_series(conn, metric="pm25", cadence=10 * MINUTE, area="ward-2")
    doubted = add_series(conn, metric="pm25", area="ward-2")
    for series, value, age in (*zip(fresh, (10, 20, 60), (0, 5, 25), strict=True), (stale, 900, 31), (doubted, 500, 0)):
        store(conn, [(series, now - age * MINUTE, float(value))])
    conn.execute("INSERT INTO quality (series_id, kind, since, last) VALUES (%s, 'skew', now(), now())", (doubted,))
    found = history.figures(conn, ["pm25", "nothing"], now)
    city = found["pm25", None]
    assert (city.mean, city.low, city.high, city.total, city.fresh, city.known) == (30, 10, 60, 90, 3, 5)
    assert city.oldest_age == 25 * MINUTE
    assert found["pm25", "ward-1"][:8] == ("pm25", "ward-1", 15, 20, 10, 30, 2, 2)
    assert found["pm25", "ward-2"].known == 3


def test_a_figure_without_a_fresh_value_has_no_number(conn):
    now = clock(conn)
    series = add_series(conn, metric="pm25", cadence=MINUTE)
    store(conn, [(series, now - DAY, 1.0)])
    assert history.figures(conn, ["pm25"], now)["pm25", None] == (
        "pm25",
        None,
        None,
        None,
        None,
        None,
        0,
        1,
        None,
        None,
    )
