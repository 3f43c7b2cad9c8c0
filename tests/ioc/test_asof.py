from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from ioc import lifecycle
from ioc.store import alarms, asof, migrate, rollups
from tests.ioc.store_parts import add_series, ago, store, this_hour

LONG_AGO = ago(days=4000)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def micros(moment):
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def values(conn, at, series):
    return {row.series: (row.time, row.value) for row in asof.latest(conn, at, series)}


def test_the_newest_reading_of_then_is_what_brute_force_says(either):
    """Series that speak often, seldom, that stopped, that began later; at moments within and at their readings."""
    dice = random.Random(4)
    series = [add_series(either) for _ in range(6)]
    every = [MINUTE, 40 * MINUTE, 7 * HOUR, 9 * DAY, MINUTE, MINUTE]
    rows = []
    for id_, pause in zip(series, every, strict=True):
        first, last = {4: (60 * DAY, 50 * DAY), 5: (2 * HOUR, 0 * HOUR)}.get(series.index(id_), (70 * DAY, 0 * DAY))
        moments = {
            ago() - last - pause * n - timedelta(seconds=dice.randrange(50)) for n in range(min(200, first // pause))
        }
        rows += [(id_, moment, dice.randrange(1000) / 10) for moment in moments]
    store(either, rows)
    for at in [*(ago(hours=h) + 7 * MINUTE for h in (0, 1, 3, 50, 24 * 30, 24 * 52, 24 * 65, 24 * 90)), rows[5][1]]:
        expected = {}
        for id_, time, value in sorted(rows):
            if time <= at:
                expected[id_] = (micros(time), value)
        assert values(either, at, series) == expected, at


@pytest.mark.node
def test_compressed_readings_are_unpacked_at_once_and_say_the_same(hyper, monkeypatch):
    dice = random.Random(5)
    series = [add_series(hyper) for _ in range(5)]
    rows = [
        (s, ago(days=40) + MINUTE * n, dice.randrange(99) / 10)
        for s in series[:4]
        for n in range(s % 3, 300, 1 + s % 3)
    ]
    store(hyper, [*rows, *((s, ago(), 1.0) for s in series)])
    hyper.execute(
        "SELECT compress_chunk(c, true) FROM show_chunks('reading', older_than => now() - interval '8 days') c"
    )
    store(hyper, [late := (series[0], ago(days=40) + 70 * MINUTE + timedelta(seconds=9), 77.0)])
    looked = [values(hyper, ago(days=40) + MINUTE * n, series) for n in (0, 70.5, 150, 290, 400)]
    assert looked[1][series[0]] == (micros(late[1]), 77.0)
    monkeypatch.setattr(asof, "_MANY", 0)
    assert asof._packed(hyper, ago(days=40), ago(days=40) + HOUR)
    assert [values(hyper, ago(days=40) + MINUTE * n, series) for n in (0, 70.5, 150, 290, 400)] == looked


def test_what_retention_took_comes_from_hours_then_days_and_never_looks_fresher(either):
    series, start = add_series(either), ago(days=500).replace(hour=0)
    rows = [(series, start + 10 * MINUTE * n, float(n)) for n in range(6 * 24)]
    store(either, [*rows, (series, ago(), 5.0)])
    rollups.run(either, migrate.engine(either), rollups.Span(this_hour(), LONG_AGO, LONG_AGO), seconds=100)
    if migrate.engine(either) == "plain":
        either.execute("DELETE FROM reading WHERE time < %s", (ago(days=100),))
    else:
        either.execute("SELECT drop_chunks('reading', older_than => %s::timestamptz)", (ago(days=100),))
    assert values(either, start + 5 * HOUR + 30 * MINUTE, [series]) == {series: (micros(start + 4 * HOUR), 29.0)}
    assert values(either, start + 20 * DAY, [series]) == {series: (micros(start), 143.0)}
    assert values(either, start - DAY, [series]) == {}


def test_a_moment_without_a_zone_is_refused_with_a_reason(conn):
    with pytest.raises(asof.NaiveTimeError, match="zone"):
        asof.city(conn, datetime(2026, 1, 1))  # noqa: DTZ001


def test_moving_sensors_are_where_they_were_and_fixed_ones_where_they_stood(conn):
    series = add_series(conn)
    bus, pole = conn.execute("SELECT sensor_id FROM series WHERE id = %s", (series,)).fetchone()[0], "pole"
    for age, lat in ((50, 9.1), (3, 9.2), (1, 9.3)):
        conn.execute("INSERT INTO position VALUES (%s, %s, %s, 106)", (bus, ago(hours=age), lat))
    conn.execute("INSERT INTO latest_position VALUES (%s, %s, 9.3, 106, NULL, NULL, now())", (bus, ago(hours=1)))
    pole = conn.execute(
        "INSERT INTO sensor (key, name, lat, lon) VALUES ('pole', '{}', 9.5, 105.9) RETURNING id"
    ).fetchone()[0]
    conn.execute("UPDATE sensor_place SET until = %s WHERE sensor_id = %s", (ago(hours=5), pole))
    at = {h: {p.sensor: p.lat for p in asof.places(conn, ago(hours=h) + MINUTE)} for h in (0, 2, 20, 60)}
    assert at == {0: {bus: 9.3}, 2: {bus: 9.2}, 20: {bus: 9.1, pole: 9.5}, 60: {pole: 9.5}}


def alarm(conn, latching=False):
    """An open alarm of a rule, raised ten hours ago; returns (id, add a change)."""
    series = add_series(conn)
    settings = Jsonb({"latching": latching})
    rule = conn.execute(
        "INSERT INTO rule (key, kind, name, settings, priority) VALUES (%s, 'threshold', '{}', %s, 2) RETURNING id",
        (f"r{series}", settings),
    ).fetchone()[0]
    id_ = conn.execute(
        """INSERT INTO alarm (rule_id, rule_version, target, series_id, priority, event_start, opened_at, threshold)
           VALUES (%s, 1, %s, %s, 2, %s, %s, 5) RETURNING id""",
        (rule, f"series:{series}", series, ago(hours=10), ago(hours=10)),
    ).fetchone()[0]
    seq = iter(range(1, 100))

    def change(kind, hours, value=None):
        conn.execute(
            "INSERT INTO alarm_change (alarm_id, seq, at, kind, value) VALUES (%s, %s, %s, %s, %s)",
            (id_, next(seq), ago(hours=hours), kind, value),
        )

    change("raised", 10, 6.0)
    return id_, change


def test_alarms_are_as_they_were_then(conn):
    id_, change = alarm(conn)
    change("acked", 9)
    change("cleared", 8, 4.0)
    change("reraised", 7, 8.0)
    change("shelved", 6)
    change("unshelved", 5)
    change("nodata", 4)
    change("closed", 3)
    conn.execute("UPDATE alarm SET condition = 'false', closed_at = %s WHERE id = %s", (ago(hours=3), id_))
    seen = {}
    for hours in range(11, 1, -1):
        rows = asof.alarms(conn, ago(hours=hours) + MINUTE)
        seen[hours] = [(r["condition"], r["acked"], r["suppression"], r["isa"], r["value"]) for r in rows]
    assert seen == {
        11: [], 10: [("true", False, "none", "B", 6.0)], 9: [("true", True, "none", "C", 6.0)],
        8: [("false", True, "none", "D", 4.0)], 7: [("true", False, "none", "B", 8.0)],
        6: [("true", False, "shelved", "G", 8.0)], 5: [("true", False, "none", "B", 8.0)],
        4: [("nodata", False, "none", "B", 8.0)], 3: [], 2: [],
    }  # fmt: skip


def test_a_latched_alarm_was_latched_until_its_reset(conn):
    _, change = alarm(conn, latching=True)
    change("cleared", 9)
    change("acked", 8)
    change("reset", 7)
    isa = {h: [r["isa"] for r in asof.alarms(conn, ago(hours=h) + MINUTE)] for h in (10, 9, 8, 7)}
    assert isa == {10: ["B"], 9: ["E"], 8: ["F"], 7: ["D"]}


def test_every_change_that_alters_an_alarms_state_is_understood(conn):
    """Whatever the life cycle records as of now, the newest moment of the past must say the same as the alarm itself."""
    for kinds in (["ack"], ["shelve"], ["false"], ["shelve", "unshelve"], ["hide"], ["take_out", "put_back"], ["nodata"],
                  ["nodata", "true"], ["ack", "remind"], ["flap_on", "flap_off"]):  # fmt: skip
        id_, change = alarm(conn)
        state = lifecycle.State()
        for kind in kinds:
            done = lifecycle.step(state, kind)
            state = done.state
            for name in done.changes:
                change(name, 9)
        (row,) = [r for r in asof.alarms(conn, ago(hours=0)) if r["id"] == id_]
        assert (row["condition"], row["acked"], row["suppression"], row["isa"]) == (
            state.condition, state.acked, state.suppression, state.isa), kinds  # fmt: skip


def test_the_alarms_of_now_are_those_the_live_screens_show(conn):
    from ioc.store import snapshot

    alarm(conn)
    assert list(asof.alarms(conn, this_hour() + HOUR)[0]) == list(snapshot.alarms(conn)[0])
    assert alarms.open_alarms(conn)


def test_events_open_then_are_as_they_were_then(conn):
    feed = conn.execute("INSERT INTO feed (key, name) VALUES ('reports', '{}') RETURNING id").fetchone()[0]
    id_ = conn.execute(
        """INSERT INTO event (feed_id, key, kind, status, opened_at, changed_at, closed_at, lat, lon)
           VALUES (%s, 'e', 'flood', 'closed', %s, %s, %s, 9.6, 105.9) RETURNING id""",
        (feed, ago(hours=9), ago(hours=3), ago(hours=3)),
    ).fetchone()[0]
    for hours, status, title in (
        (9, "open", "water"),
        (6, "closed", "dry"),
        (5, "open", "again"),
        (3, "closed", "dry"),
    ):
        conn.execute(
            "INSERT INTO event_change (event_id, time, status, severity, title) VALUES (%s, %s, %s, 2, %s)",
            (id_, ago(hours=hours), status, title),
        )
    seen = {
        h: [(e["title"], e["severity"]) for e in asof.events(conn, ago(hours=h) + MINUTE)] for h in range(10, 1, -1)
    }
    assert seen == {10: [], 9: [("water", 2)], 8: [("water", 2)], 7: [("water", 2)], 6: [], 5: [("again", 2)],
                    4: [("again", 2)], 3: [], 2: []}  # fmt: skip


def test_the_areas_are_those_of_that_local_day(conn):
    conn.execute("INSERT INTO city VALUES (true, 'c', '{}', 'Asia/Ho_Chi_Minh', '{}', 'd', '2026-01-01')")
    for key, first, last in (("old", "-infinity", "2025-07-01"), ("new", "2025-07-01", "infinity")):
        conn.execute("INSERT INTO area (key, name, valid_from, valid_to, geometry) VALUES (%s, '{}', %s, %s, '{}')",
                     (key, first, last))  # fmt: skip
    at = datetime(2025, 6, 30, 16, 59, tzinfo=UTC)  # 23:59 there
    assert [a["key"] for a in asof.areas(conn, at)] == ["old"]
    assert [a["key"] for a in asof.areas(conn, at + MINUTE)] == ["new"]


def test_the_whole_city_comes_from_one_moment_of_the_store(conn):
    series = add_series(conn)
    store(conn, [(series, ago(hours=2), 4.0)])
    then = asof.city(conn, ago(hours=1).astimezone())
    assert (then.at, [row.value for row in then.latest]) == (ago(hours=1), [4.0])
    assert asof.city(conn, ago(hours=3)).latest == []
