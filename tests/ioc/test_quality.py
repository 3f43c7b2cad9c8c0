from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from ioc.store import quality
from tests.ioc.store_parts import add_series, clock, store

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(conn):
    return clock(conn)


def flags(conn, series):
    return {k for (k,) in conn.execute("SELECT kind FROM quality WHERE series_id = %s AND active", (series,))}


def usable(conn, series):
    return conn.execute("SELECT usable, reason FROM usable_latest WHERE series_id = %s", (series,)).fetchone()


def line(conn, series, now, values, every=MINUTE):
    """The values, one every `every`, the last of them now."""
    store(conn, [(series, now - every * (len(values) - 1 - n), v) for n, v in enumerate(values)])


def suspect(conn, series, time, reason, received, value=1.0):
    conn.execute("INSERT INTO suspect VALUES (%s, %s, %s, %s, %s)", (series, time, value, reason, received))


def test_the_same_value_for_longer_than_the_metric_allows_is_stuck(conn, now):
    stuck = add_series(conn, settings={"stuck": "1800s"})
    line(conn, stuck, now, [4.0] * 40)
    quality.run(conn, now)
    assert flags(conn, stuck) == {"stuck"}
    assert usable(conn, stuck) == (False, "stuck")
    line(conn, stuck, now + MINUTE, [4.1])
    quality.run(conn, now + MINUTE)
    assert flags(conn, stuck) == set()
    assert usable(conn, stuck) == (True, "")


def test_a_value_that_changed_in_time_is_not_stuck(conn, now):
    series = add_series(conn, settings={"stuck": "1800s"})
    line(conn, series, now, [3.9] * 20 + [4.0] * 29)
    quality.run(conn, now)
    assert flags(conn, series) == set()


def test_a_value_that_went_away_and_came_back_is_not_stuck(conn, now):
    series = add_series(conn, settings={"stuck": "1800s"})
    line(conn, series, now, [4.0] * 20 + [4.1] + [4.0] * 19)
    quality.run(conn, now)
    assert flags(conn, series) == set()


def test_a_metric_that_says_nothing_may_stay_the_same_for_ever(conn, now):
    rain = add_series(conn, metric="rain")
    line(conn, rain, now, [0.0] * 200)
    quality.run(conn, now)
    assert flags(conn, rain) == set()


def test_two_equal_readings_of_a_slow_series_are_not_stuck(conn, now):
    slow = add_series(conn, settings={"stuck": "1800s"})
    line(conn, slow, now, [4.0, 4.0], every=timedelta(minutes=45))
    quality.run(conn, now)
    assert flags(conn, slow) == set()


def test_a_step_steeper_than_the_metric_believes_keeps_the_value_from_rules_until_a_second_one_agrees(conn, now):
    series = add_series(conn, settings={"rate": 0.5})
    line(conn, series, now, [1.0, 1.1, 1.7])
    assert usable(conn, series) == (False, "rate"), "before upkeep has seen it: a rule may look first"
    quality.run(conn, now)
    assert flags(conn, series) == {"rate"}
    line(conn, series, now + MINUTE, [1.8])
    assert usable(conn, series) == (True, "")
    quality.run(conn, now + MINUTE)
    assert flags(conn, series) == set()


def test_a_step_the_metric_believes_is_not_flagged(conn, now):
    series = add_series(conn, settings={"rate": 0.5})
    line(conn, series, now, [1.0, 1.4, 1.9])
    line(conn, series, now + 10 * MINUTE, [6.8])  # the same rate over ten minutes
    quality.run(conn, now + 10 * MINUTE)
    assert flags(conn, series) == set()


@pytest.mark.parametrize("where", ["cadence", "feed_cadence"])
def test_silence_is_measured_against_the_declared_cadence(conn, now, where):
    series = add_series(conn, **{where: timedelta(minutes=5)})
    line(conn, series, now, [1.0])
    quality.run(conn, now + 14 * MINUTE)
    assert flags(conn, series) == set()
    quality.run(conn, now + 16 * MINUTE)
    assert flags(conn, series) == {"gap"}
    assert conn.execute("SELECT count FROM quality WHERE series_id = %s", (series,)).fetchone() == (3,)
    heard = conn.execute(
        "SELECT last = received_at FROM quality JOIN latest USING (series_id) WHERE series_id = %s", (series,)
    )
    assert heard.fetchone() == (True,), "silence rules must not take the flag for a sign of life"
    assert usable(conn, series) == (True, ""), "old is for the reader to judge"


def test_silence_is_measured_against_the_learned_cadence_where_none_is_declared(conn, now):
    series = add_series(conn)
    hour = now.replace(minute=0, second=0, microsecond=0)
    for back in range(2, 12):
        conn.execute("INSERT INTO rollup_1h VALUES (%s, %s, 12, 1, 1, 1, 1, 1)", (series, hour - timedelta(hours=back)))
    line(conn, series, now, [1.0])
    assert quality.learn_cadences(conn, now) == 1
    assert conn.execute("SELECT cadence FROM series_habit").fetchone() == (timedelta(minutes=5),)
    quality.run(conn, now + 45 * MINUTE)
    assert flags(conn, series) == set()
    quality.run(conn, now + 51 * MINUTE)
    assert flags(conn, series) == {"gap"}


def test_a_clock_an_hour_ahead_is_a_skew(conn, now):
    series = add_series(conn)
    line(conn, series, now - 10 * MINUTE, [1.0])
    conn.execute("UPDATE latest SET received_at = %s", (now - 10 * MINUTE,))
    for n in range(5):
        received = now - n * MINUTE
        suspect(conn, series, received + timedelta(hours=1), "future", received)
    quality.run(conn, now)
    assert flags(conn, series) == {"skew", "future"}
    assert usable(conn, series) == (False, "skew")
    assert conn.execute("SELECT detail FROM quality WHERE kind = 'skew'").fetchone() == ("clock ahead by 60 min",)
    line(conn, series, now, [1.0])
    quality.run(conn, now + MINUTE)
    assert "skew" not in flags(conn, series), "a good reading settles it"


def test_a_clock_hours_behind_is_a_skew_once_five_samples_agree(conn, now):
    series = add_series(conn, cadence=timedelta(minutes=5))
    for n in range(5):
        at = now + 10 * n * MINUTE
        line(conn, series, at - timedelta(hours=7), [float(n)])
        conn.execute("UPDATE latest SET received_at = %s", (at,))
        quality.run(conn, at)
        assert flags(conn, series) == set()
        quality.learn_delays(conn, at)
    quality.run(conn, at)
    assert flags(conn, series) == {"skew"}
    assert conn.execute("SELECT detail FROM quality").fetchone() == ("clock behind by 420 min",)


def test_readings_kept_out_are_flagged_for_an_hour(conn, now):
    series = add_series(conn)
    line(conn, series, now, [1.0])
    suspect(conn, series, now, "range", now, 9999)
    suspect(conn, series, now + MINUTE, "not_finite", now, float("nan"))
    quality.run(conn, now)
    assert flags(conn, series) == {"range", "not_finite"}
    assert usable(conn, series) == (True, ""), "the bad value never became the newest one"
    quality.run(conn, now + timedelta(minutes=61))
    assert flags(conn, series) == set()


def test_a_flag_keeps_its_beginning_and_begins_anew_after_a_pause(conn, now):
    series = add_series(conn)
    line(conn, series, now, [1.0])
    suspect(conn, series, now, "range", now)
    quality.run(conn, now)
    since = conn.execute("SELECT since FROM quality").fetchone()
    suspect(conn, series, now + MINUTE, "range", now + 50 * MINUTE)
    quality.run(conn, now + 70 * MINUTE)
    assert conn.execute("SELECT since, active FROM quality").fetchone() == (*since, True)
    quality.run(conn, now + 130 * MINUTE)
    suspect(conn, series, now + 2 * MINUTE, "range", now + 200 * MINUTE)
    quality.run(conn, now + 200 * MINUTE)
    assert conn.execute("SELECT since, active FROM quality").fetchone() == (now + 200 * MINUTE, True)


def test_readers_are_told_when_a_flag_comes_or_goes_and_not_otherwise(conn, now, database_url):
    series = add_series(conn)
    line(conn, series, now, [1.0])
    suspect(conn, series, now, "range", now)
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("LISTEN ioc_change")
        assert [quality.run(conn, now), quality.run(conn, now), quality.run(conn, now + timedelta(hours=2))] == [
            1,
            0,
            1,
        ]
        notes = list(listener.notifies(timeout=5, stop_after=2))
    told = dict(conn.execute("SELECT id::text, series FROM change").fetchall())
    assert [told[n.payload] for n in notes] == [[series], [series]]


def test_the_worst_come_first_with_their_facts(conn, now):
    mild, bad = add_series(conn, area="ward-1"), add_series(conn, settings={"stuck": "600s"})
    line(conn, mild, now, [1.0])
    suspect(conn, mild, now, "range", now)
    line(conn, bad, now, [2.0] * 30)
    quality.run(conn, now)
    found = quality.worst(conn, 10)
    assert [(f.series_id, f.kind, f.blocking) for f in found] == [(bad, "stuck", True), (mild, "range", False)]
    assert found[1].area == "ward-1"
    assert quality.tally(conn) == {"range": 1, "stuck": 1}
    assert len(quality.worst(conn, 1)) == 1


def test_a_feed_that_sends_much_twice_is_named(conn, now):
    conn.execute("INSERT INTO feed (key, name) VALUES ('twice', '{}'), ('once', '{}')")
    conn.execute("""INSERT INTO ledger (feed_id, minute, readings, readings_stored, readings_duplicate)
        SELECT id, now() - interval '5 min', 100, CASE key WHEN 'twice' THEN 60 ELSE 95 END, CASE key WHEN 'twice' THEN 40 ELSE 5 END
        FROM feed WHERE key IN ('twice', 'once')""")
    assert quality.repeats(conn, now) == [("twice", 40, 100)]
