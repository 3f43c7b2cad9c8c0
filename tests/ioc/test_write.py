from __future__ import annotations

import random

import numpy as np
import psycopg
import pytest

from ioc.store import arrays, database, write
from ioc.store.database import transaction

T0 = 1_767_225_600_000_000


@pytest.fixture
def writer(conn):
    conn.execute("INSERT INTO feed (key, name) VALUES ('f', '{}')")
    conn.execute(
        "INSERT INTO sensor (key, name, feed_id) SELECT 's' || n, '{}', (SELECT id FROM feed WHERE key = 'f') FROM generate_series(1, 50) n"
    )
    conn.execute("INSERT INTO series (sensor_id, metric, feed_id) SELECT id, 'm', feed_id FROM sensor ORDER BY id")
    return write.Writer(conn)


def readings(*rows):
    series, time, value = zip(*rows, strict=True)
    return write.Readings(
        np.array(series, dtype=np.int32),
        arrays.times([T0 + t * 1_000_000 for t in time]),
        np.array(value, dtype=np.float64),
    )


def add(writer, rows):
    with transaction(writer.conn):
        return write.add_readings(writer, rows).tolist()


def test_new_readings_are_stored_as_they_are(writer):
    assert add(writer, readings((1, 0, 1.5), (2, 0, -0.0), (1, 1, 1e300))) == [True, True, True]
    found = writer.conn.execute(
        "SELECT series_id, extract(epoch FROM time) * 1000000, value FROM reading ORDER BY 1, 2"
    ).fetchall()
    assert found == [(1, T0, 1.5), (1, T0 + 1_000_000, 1e300), (2, T0, -0.0)]


def test_a_batch_with_one_duplicate_stores_the_rest_and_says_which(writer):
    add(writer, readings((1, 0, 1.0)))
    assert add(writer, readings((2, 0, 2.0), (1, 0, 9.0), (3, 0, 3.0))) == [True, False, True]
    assert writer.conn.execute("SELECT value FROM reading WHERE series_id = 1").fetchall() == [(1.0,)]


def test_the_careful_way_is_kept_for_a_while_and_then_left(writer):
    add(writer, readings((1, 0, 1.0)))
    add(writer, readings((1, 0, 1.0)))
    assert writer.cautious > 0
    for n in range(1, 20):
        assert add(writer, readings((1, n, 1.0))) == [True]
    assert writer.cautious == 0


@pytest.mark.parametrize("seed", range(5))
def test_whatever_comes_again_is_stored_once_and_counted_exactly(writer, seed):
    chance = random.Random(seed)
    seen = set()
    for _ in range(12):
        rows = list({(chance.randint(1, 20), chance.randint(0, 15)) for _ in range(30)})
        new = add(writer, readings(*[(s, t, 1.0) for s, t in rows]))
        assert new == [row not in seen for row in rows]
        seen.update(rows)
    assert writer.conn.execute("SELECT count(*) FROM reading").fetchone() == (len(seen),)


def test_order_finds_the_first_of_equal_rows_and_the_newest_of_each_key():
    keys, time = np.array([2, 1, 2, 1, 2]), np.array([5, 1, 5, 3, 4])
    first, newest = write.order(keys, time)
    assert first.tolist() == [True, True, False, True, True]
    assert keys[newest].tolist() == [1, 2]
    assert time[newest].tolist() == [3, 5]
    assert [a.tolist() for a in write.order(np.zeros(0), np.zeros(0))] == [[], []]


def test_latest_never_goes_backwards(writer):
    def latest():
        return writer.conn.execute(
            "SELECT series_id, extract(epoch FROM time)::bigint * 1000000 - %s, value FROM latest ORDER BY 1", (T0,)
        ).fetchall()

    write.raise_latest(writer, readings((1, 5, 5.0), (2, 5, 6.0)))
    write.raise_latest(writer, readings((1, 4, 9.0), (2, 6, 7.0), (3, 1, 1.0)))
    write.raise_latest(writer, readings((1, 5, 9.0)))
    assert latest() == [(1, 5_000_000, 5.0), (2, 6_000_000, 7.0), (3, 1_000_000, 1.0)]


def test_who_loads_the_past_waits_for_nobody_and_who_moves_latest_takes_turns(writer, database_url):
    write.raise_latest(writer, readings((1, 5, 5.0), (2, 5, 6.0)))
    write.raise_latest(writer, readings((1, 1, 1.0)))  # late, so the next batch looks first
    writer.conn.execute("SET lock_timeout = '300 ms'")
    with database.connect(database_url) as other:
        write.raise_latest(write.Writer(other), readings((2, 7, 7.0)))  # and is not committed yet
        write.raise_latest(writer, readings((1, 2, 2.0), (2, 3, 3.0)))
        with pytest.raises(psycopg.errors.LockNotAvailable):
            write.raise_latest(writer, readings((1, 9, 9.0), (2, 3, 3.0)))
    write.raise_latest(writer, readings((1, 9, 9.0), (2, 3, 3.0)))
    assert writer.conn.execute("SELECT value FROM latest ORDER BY series_id").fetchall() == [(9.0,), (7.0,)]


def test_positions_are_stored_once_and_the_newest_stays_latest(writer):
    def places(*rows):
        sensor, time, lat = zip(*rows, strict=True)
        rest = np.full(len(rows), np.nan)
        return write.Positions(
            np.array(sensor, dtype=np.int32),
            arrays.times([T0 + t for t in time]),
            np.array(lat),
            np.array(lat) * 10,
            rest,
            rest,
        )

    assert write.add_positions(writer, places((1, 10, 9.5), (1, 20, 9.6), (2, 5, 9.7))).all()
    assert write.add_positions(writer, places((1, 10, 1.0), (1, 15, 9.55))).tolist() == [False, True]
    found = writer.conn.execute("SELECT sensor_id, lat, speed FROM latest_position ORDER BY 1").fetchall()
    assert found == [(1, 9.6, None), (2, 9.7, None)]


def event(key, status, second, *, severity=1, title="t", timed=True):
    return {
        "feed_id": 2,
        "key": key,
        "kind": "report",
        "title": title,
        "status": status,
        "severity": severity,
        "timed": timed,
        "time": f"2026-01-01T00:00:{second:02}Z",
        "lat": None,
        "lon": None,
        "area": None,
        "properties": {},
    }


def test_an_events_changes_may_come_in_any_order_and_twice(writer):
    assert write.add_events(writer, [event("a", "closed", 30), event("a", "open", 10)]).all()
    assert write.add_events(writer, [event("a", "changed", 20, title="later"), event("a", "open", 10)]).tolist() == [
        True,
        False,
    ]
    row = writer.conn.execute(
        "SELECT status, title, extract(second FROM opened_at)::int, extract(second FROM closed_at)::int FROM event"
    ).fetchall()
    assert row == [("closed", "t", 10, 30)]
    assert writer.conn.execute("SELECT count(*) FROM event_change").fetchone() == (3,)


def test_an_event_may_open_again(writer):
    for status, second in (("open", 1), ("closed", 2), ("open", 3)):
        write.add_events(writer, [event("a", status, second)])
    assert writer.conn.execute("SELECT status, closed_at FROM event").fetchall() == [("open", None)]


def test_a_report_without_a_time_that_says_nothing_new_is_no_change(writer):
    assert write.add_events(writer, [event("a", "open", 1, timed=False)]).all()
    assert not write.add_events(writer, [event("a", "open", 5, timed=False)]).any()
    assert write.add_events(writer, [event("a", "open", 9, timed=False, severity=3)]).all()
    assert writer.conn.execute("SELECT severity FROM event").fetchall() == [(3,)]


def test_hours_that_got_readings_are_marked_once_each(writer):
    write.mark_hours(writer.conn, readings((1, 0, 1.0), (2, 10, 1.0), (1, 3600, 1.0), (1, 3601, 1.0)))
    found = writer.conn.execute("SELECT extract(epoch FROM hour)::bigint, series FROM dirty ORDER BY 1").fetchall()
    assert [(hour - T0 // 1_000_000, sorted(series)) for hour, series in found] == [(0, [1, 2]), (3600, [1])]


def test_arrays_travel_as_they_are(conn):
    arrays.adapt(conn)
    sent = {
        "i": np.array([1, -2], dtype=np.int32),
        "l": np.array([2**40]),
        "f": np.array([0.1, np.nan]),
        "b": np.array([True, False]),
        "t": arrays.times([T0]),
        "e": np.zeros(0, dtype=np.int32),
    }
    row = conn.execute(
        "SELECT %(i)s::int[], %(l)s::bigint[], %(f)s::float8[], %(b)s::bool[], %(t)s::timestamptz[], %(e)s::int[]", sent
    ).fetchone()
    assert row[0] == [1, -2]
    assert row[1] == [2**40]
    assert row[2][0] == 0.1
    assert row[2][1] != row[2][1]
    assert row[3] == [True, False]
    assert row[4][0].timestamp() * 1e6 == T0
    assert row[5] == []


def test_samples_that_came_after_newer_ones_are_noted_for_the_rules(writer):
    """In a batch of their own, in one with newer ones, after a restart of the writer; not what is long past."""
    conn = writer.conn
    now = conn.execute("SELECT extract(epoch FROM now())::bigint - %s", (T0 // 1_000_000,)).fetchone()[0]

    def noted(by, *rows):
        batch = readings(*rows)
        _, newest = write.order(batch.series, batch.time)
        write.note_late(by, batch, newest)
        write.raise_latest(by, batch.take(newest))
        found = conn.execute(
            "DELETE FROM late_reading RETURNING series_id, extract(epoch FROM time)::bigint - %s", (T0 // 1_000_000,)
        )
        return sorted(set(found))

    assert noted(writer, (1, now - 60, 1.0), (2, now - 60, 1.0)) == []
    assert noted(writer, (1, now - 120, 1.0), (2, now, 1.0), (2, now - 90, 1.0)) == [(1, now - 120), (2, now - 90)]
    assert noted(write.Writer(conn), (1, now - 200, 1.0)) == [(1, now - 200)]
    assert noted(writer, (1, now - 86400, 1.0)) == []
