"""Rule kinds that are not told as series in cases/, rule options, scopes, and what one bad rule may not do."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from alerts import targets
from alerts.rules import threshold
from alerts.verdict import Known
from ioc import plugins
from ioc.config.thresholds import ThresholdPack
from tests.alerts import city

SCOPE = {"metrics": ["water_level"]}


@pytest.mark.parametrize("kind", plugins.names(targets.KINDS))
def test_every_kind_keeps_the_contract(kind, conn):
    module = plugins.load(targets.KINDS, kind)
    assert module.Options.model_config["extra"] == "forbid"
    assert module.__doc__
    assert callable(module.window)
    assert hasattr(module, "signal") or module.evaluate(conn, city.evaluator(conn)._tick(conn, city.START)) == []


@pytest.mark.parametrize(("options", "says"), [
    ({}, "either above or below"), ({"above": 1, "below": 2}, "either above or below"),
    ({"above": 5, "clear": 6}, "must not be above"), ({"below": -5, "clear": -6}, "must not be below"),
    ({"above": 5, "clear": 4, "deadband": 1}, "either clear or deadband"), ({"above": 5, "deadband": -1}, "greater than or equal"),
    ({"above": 5, "abvoe": 1}, "Extra inputs"),
])  # fmt: skip
def test_levels_that_make_no_sense_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        threshold.Options.model_validate(options)


def test_a_pack_that_is_not_there_says_what_is():
    pack = ThresholdPack.model_validate(
        {"name": "x", "source": "y", "level": [{"key": "a", "name": "A", "metric": "m", "value": 1}]}
    )
    for ref, says in {"nope.a": "there are: flood", "flood.z": "there are: a"}.items():
        options = threshold.Options(above=ref)
        with pytest.raises(ValueError, match=says):
            threshold.specs(city.rule(options={"above": ref}), options, Known({"flood": pack}, date(2026, 1, 1)))


def pairs(conn):
    return conn.execute("""SELECT r.key, s.key FROM rule_target t JOIN rule r ON r.id = t.rule_id JOIN series se ON se.id = t.series_id
                           JOIN sensor s ON s.id = se.sensor_id ORDER BY 1, 2""").fetchall()


def test_scopes(conn):
    city.add_series(conn, "river-1", area="w1")
    city.add_series(conn, "river_2", area="w2", feed="others")
    city.add_series(conn, "pm", metric="pm25", area="w1")
    scopes = {
        "a": {"metrics": ["water_level"]},
        "b": {"sensors": ["river-*"]},
        "c": {"areas": ["w1"], "metrics": ["pm25"]},
        "d": {"feeds": ["others"], "sensors": ["river-1", "river_2"]},
        "e": {"domains": ["air"], "metrics": ["pm25"]},
        "f": {"sensors": ["river_*"]},
    }
    for key, scope in scopes.items():
        city.add_rule(conn, key=key, options={"above": 5}, scope=scope)
    city.evaluator(conn)
    assert pairs(conn) == [
        ("a", "river-1"),
        ("a", "river_2"),
        ("b", "river-1"),
        ("c", "pm"),
        ("d", "river_2"),
        ("f", "river_2"),
    ]


def test_series_that_are_discovered_later_join_and_sensors_that_left_go(conn):
    city.add_rule(conn, options={"above": 5}, scope=SCOPE)
    engine = city.evaluator(conn)
    series = city.add_series(conn, "new")
    city.add_reading(conn, series, city.START, 9)
    engine.tick(conn, city.START)
    assert pairs(conn) == [("r", "new")]
    assert conn.execute("SELECT count(*) FROM alarm").fetchone()[0] == 1
    city.add_rule(conn, options={"above": 5}, scope={"metrics": ["other"]})
    engine.reload(conn, city.START)
    engine.tick(conn, city.START + timedelta(minutes=1))
    assert pairs(conn) == []
    assert conn.execute("SELECT close_reason FROM alarm").fetchone()[0] == "rule changed"


def test_one_rule_that_cannot_be_understood_does_not_stop_the_others(conn):
    city.add_rule(conn, key="bad", options={"above": "no.pack"}, scope=SCOPE)
    city.add_rule(conn, key="worse", kind="threshold", options={"nonsense": 1})
    city.add_rule(conn, key="unknown", kind="magic")
    city.add_rule(conn, key="good", options={"above": 5}, scope=SCOPE)
    city.add_reading(conn, city.add_series(conn, "s"), city.START, 9)
    outcome = city.evaluator(conn).tick(conn, city.START)
    assert (outcome.opened, outcome.errors) == (1, [])


def test_a_kind_that_fails_is_recorded_and_the_others_go_on(conn, monkeypatch):
    from alerts.rules import events

    def explode(*_):
        raise ZeroDivisionError("poison")

    monkeypatch.setattr(events, "evaluate", explode)
    city.add_rule(conn, options={"above": 5}, scope=SCOPE)
    city.add_reading(conn, city.add_series(conn, "s"), city.START, 9)
    outcome = city.evaluator(conn).tick(conn, city.START)
    assert outcome.opened == 1
    assert conn.execute("SELECT error FROM tick").fetchone()[0] == "events: poison"


def test_a_stuck_sensor(conn):
    city.add_rule(conn, kind="stuck", scope=SCOPE, priority="low")
    series = city.add_series(conn, "s")
    city.add_reading(conn, series, city.START, 9)
    conn.execute(
        "INSERT INTO quality (series_id, kind, since, last) VALUES (%s, 'stuck', %s, %s)",
        (series, city.START, city.START),
    )
    engine = city.evaluator(conn)
    engine.tick(conn, city.START)
    assert conn.execute("SELECT condition FROM alarm").fetchall() == [("true",)]
    conn.execute("UPDATE quality SET active = false")
    engine.tick(conn, city.START + timedelta(minutes=1))
    assert conn.execute("SELECT condition FROM alarm").fetchall() == [("false",)]


def test_an_event_that_is_open_too_long(conn):
    feed = city.add_feed(conn, "hotline")
    city.add_rule(
        conn,
        key="overdue",
        kind="events",
        options={"kinds": ["report.*"], "overdue": "2h"},
        scope={"feeds": ["hotline"]},
    )
    city.add_rule(conn, key="warning", kind="events", options={"kinds": ["cap"], "severity": 3})
    add = """INSERT INTO event (feed_id, key, kind, title, status, severity, opened_at, changed_at, lat, lon, area)
             VALUES (%s, %s, %s, 'Ổ gà', 'open', %s, %s, %s, 9.6, 105.9, 'w1')"""
    for key, kind, severity, age in [
        ("1", "report.road", 0, 3),
        ("2", "report.road", 0, 1),
        ("3", "cap", 3, 0),
        ("4", "cap", 2, 0),
    ]:
        conn.execute(add, (feed, key, kind, severity, city.START - timedelta(hours=age), city.START))
    engine = city.evaluator(conn)
    engine.tick(conn, city.START)
    found = "SELECT r.key, e.key, a.condition, a.area, a.lat FROM alarm a JOIN rule r ON r.id = a.rule_id JOIN event e ON a.target = 'event:' || e.id ORDER BY 1, 2"
    assert conn.execute(found).fetchall() == [("overdue", "1", "true", "w1", 9.6), ("warning", "3", "true", "w1", 9.6)]
    conn.execute("UPDATE event SET closed_at = %s, status = 'closed' WHERE key = '3'", (city.START,))
    engine.tick(conn, city.START + timedelta(minutes=61))
    assert [row[:3] for row in conn.execute(found)] == [
        ("overdue", "1", "true"),
        ("overdue", "2", "true"),
        ("warning", "3", "false"),
    ]


def test_a_long_outage_is_not_replayed_but_said(conn):
    city.add_rule(conn, options={"above": 50}, scope=SCOPE)
    series = city.add_series(conn, "s")
    city.evaluator(conn).tick(conn, city.START)
    for minute, value in ((30, 90), (40, 10), (179, 60)):
        city.add_reading(conn, series, city.START + timedelta(minutes=minute), value)
    engine = city.evaluator(conn)
    engine.tick(conn, city.START + timedelta(hours=3))
    assert (engine.gap.start, engine.gap.end) == (city.START, city.START + timedelta(hours=3))
    assert conn.execute("SELECT value FROM alarm").fetchall() == [(60.0,)], "only what is wrong now"


def test_a_tick_is_done_once_and_one_cut_short_is_done_again(conn):
    engine = city.evaluator(conn)
    assert engine.tick(conn, city.START) is not None
    assert city.evaluator(conn).tick(conn, city.START) is None
    conn.execute("UPDATE tick SET finished_at = NULL")
    assert city.evaluator(conn).tick(conn, city.START) is not None
