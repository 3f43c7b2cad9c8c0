from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.store import rollups
from tests.ioc.store_parts import add_series, ago, store, this_hour

START = ago(days=3)
LONG_AGO = ago(days=400)
# Enough in one hour that it is dense, and some in the hours around it.
minutes = st.integers(0, 6 * 60 * 60 - 1)
batches = st.lists(
    st.lists(st.tuples(st.integers(0, 1), minutes, st.integers(-1000, 1000)), max_size=40), min_size=1, max_size=5
)


def by_force(rows, width):
    """{(series, bucket): (count, sum, min, max, first, last)} the slow and certain way."""
    found = defaultdict(list)
    for series, time, value in sorted(rows):
        bucket = START + (time - START) // width * width
        if width == timedelta(days=1):
            bucket = time.replace(hour=0, minute=0, second=0, microsecond=0)
        found[series, bucket].append(value)
    return {k: (len(v), sum(v), min(v), max(v), v[0], v[-1]) for k, v in found.items()}


def stored(conn, table, series):
    query = f"SELECT series_id, bucket, count, sum, min, max, first, last FROM {table} WHERE series_id = ANY(%s)"
    return {(s, b): tuple(rest) for s, b, *rest in conn.execute(query, (series,))}


def roll(conn, engine="plain"):
    return rollups.run(conn, engine, rollups.Span(this_hour() + timedelta(hours=1), LONG_AGO, LONG_AGO))


@pytest.fixture
def two(conn):
    return [add_series(conn), add_series(conn)]


def test_rollups_are_what_brute_force_says_however_late_and_often_readings_come(conn):
    """Dense hours come from the burst; batches overlap, repeat and arrive out of order."""

    @given(batches=batches, burst=st.booleans())
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def check(batches, burst):
        series = [add_series(conn), add_series(conn)]
        kept = {}
        if burst:
            batches = [*batches, [(0, 3600 + second * 20, second) for second in range(150)]]
        for batch in batches:
            rows = [(series[which], START + timedelta(seconds=second), float(value)) for which, second, value in batch]
            store(conn, rows)
            for s, t, v in rows:
                kept.setdefault((s, t), v)
            roll(conn)
        rows = [(s, t, v) for (s, t), v in kept.items()]
        hours = by_force(rows, timedelta(hours=1))
        assert stored(conn, "rollup_1h", series) == hours
        assert stored(conn, "rollup_1d", series) == by_force(rows, timedelta(days=1))
        dense = {k for k, v in hours.items() if v[0] > rollups.DENSE}
        in_dense = [(s, t, v) for s, t, v in rows if (s, t.replace(minute=0, second=0)) in dense]
        assert stored(conn, "rollup_1m", series) == by_force(in_dense, timedelta(minutes=1))

    check()


def test_a_late_reading_corrects_the_hour_and_the_day(conn, two):
    store(conn, [(two[0], START + timedelta(minutes=30), 5.0)])
    roll(conn)
    store(conn, [(two[0], START + timedelta(minutes=10), 9.0)])
    roll(conn)
    assert stored(conn, "rollup_1h", two) == {(two[0], START): (2, 14.0, 5.0, 9.0, 9.0, 5.0)}
    assert [row[:2] for row in stored(conn, "rollup_1d", two).values()] == [(2, 14.0)]


def test_the_work_is_done_in_bites_and_none_is_lost(conn, two, monkeypatch):
    monkeypatch.setattr(rollups, "_HOURS", 3)
    monkeypatch.setattr(rollups, "_MARKS", 2)
    rows = [(two[0], START + timedelta(hours=h), float(h)) for h in range(20)]
    for row in rows:
        store(conn, [row])
    assert roll(conn) == 20
    assert stored(conn, "rollup_1h", two) == by_force(rows, timedelta(hours=1))
    assert rollups.waiting(conn, this_hour()) == (0, 0)


def test_no_time_means_no_work_and_it_is_done_next_time(conn, two):
    store(conn, [(two[0], START, 1.0)])
    assert rollups.run(conn, "plain", rollups.Span(this_hour(), LONG_AGO, LONG_AGO), seconds=0) == 0
    assert rollups.waiting(conn, this_hour()).marks == 1
    assert roll(conn) == 1


def test_the_open_hour_waits_until_it_is_asked_for(conn, two):
    now = this_hour()
    store(conn, [(two[0], now, 1.0), (two[0], now - timedelta(hours=1), 2.0)])
    rollups.run(conn, "plain", rollups.Span(now, LONG_AGO, LONG_AGO))
    assert set(stored(conn, "rollup_1h", two)) == {(two[0], now - timedelta(hours=1))}
    rollups.run(conn, "plain", rollups.Span(now + timedelta(hours=1), LONG_AGO, LONG_AGO))
    assert (two[0], now) in stored(conn, "rollup_1h", two)


def test_a_straggler_older_than_retention_does_not_spoil_its_hour(conn, two):
    full = [(two[0], START + timedelta(minutes=m), 1.0) for m in range(4)]
    store(conn, full)
    roll(conn)
    conn.execute("DELETE FROM reading")
    store(conn, [(two[0], START + timedelta(minutes=50), 7.0)])
    rollups.run(conn, "plain", rollups.Span(this_hour(), START + timedelta(hours=1), LONG_AGO))
    assert stored(conn, "rollup_1h", two)[two[0], START][:2] == (4, 4.0)
