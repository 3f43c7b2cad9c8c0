"""What a rule would have done on stored history: the engine's own findings, in another way; nothing is written."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from alerts import backtest, learn, replay, tester, testing
from alerts.walk import Delays, Level
from ioc.config.rules import Rule
from ioc.errors import IocError
from ioc.models import clock
from ioc.store import rule_tests
from tests.alerts import city

SCOPE = {"metrics": ["water_level"]}
HOUR = timedelta(hours=1)


def watched(conn, **given):
    return tester.watch(conn, city.rule(**{"scope": SCOPE, **given}), {}, city.START, city.ZONE)


def ran(conn, hours=24, **given):
    return backtest.run(conn, watched(conn, **given), city.ZONE, city.START, city.START + hours * HOUR)


def wander(seed, count):
    rng, value, found = random.Random(seed), 50.0, []
    for _ in range(count):
        value += rng.gauss(0, 6) + (50 - value) * 0.15
        found.append(round(value, 2))
    return found


def put(conn, series, values, every=timedelta(minutes=1), start=city.START):
    for n, value in enumerate(values):
        if value is not None:
            city.add_reading(conn, series, start + n * every, value)


RULES = [
    {"options": {"above": 58, "deadband": 3}, "on_delay": "2min", "off_delay": "3min"},
    {"options": {"below": 45}},
    {"options": {"deadband": 2, "levels": [{"above": 56, "priority": "medium"}, {"above": 62, "priority": "high"}]}},
    {"kind": "anomaly", "options": {"times": 1.2, "least": 2}, "off_delay": "2min"},
    {"kind": "predict", "options": {"above": 60, "lead": "30min", "window": "20min", "fit": 0.5}},
]


def test_what_happened_live_is_what_the_back_test_says(conn):
    """Two hours, a tick a minute, with a gap; the same opens and closes to the second, for every kind."""
    series, values = city.add_series(conn, "gauge"), wander(7, 130)
    values[60:70] = [None] * 10
    city.add_past(
        conn, series, [(city.START - timedelta(minutes=20 * n), 50 + n * 7 % 40 - 20) for n in range(600, 0, -1)]
    )
    keys = [city.add_rule(conn, key=f"rule-{n}", scope=SCOPE, **given) for n, given in enumerate(RULES)]
    engine = city.evaluator(conn)
    for n, value in enumerate(values):
        now = city.START + n * timedelta(minutes=1)
        if value is not None:
            city.add_reading(conn, series, now, value)
        learn.turn(conn, engine.rules.values(), city.ZONE, now, budget=60)
        engine.tick(conn, now)
    for key, given in zip(keys, RULES, strict=True):
        live = _episodes(conn, key)
        assert len(live) >= 2, f"the case tells nothing otherwise: {given}"
        assert [(f.raised, f.end) for f in ran(conn, 3, **given).fired] == live, given


def _episodes(conn, rule):
    """(decided, over) of every time the condition held, by the history of alarms."""
    rows = conn.execute(
        """SELECT kind, event_time FROM alarm_change c JOIN alarm a ON a.id = c.alarm_id
                           WHERE kind IN ('raised', 'reraised', 'cleared') AND a.rule_id = %s ORDER BY c.id""",
        (rule,),
    )
    found = []
    for kind, at in rows.fetchall():
        if kind == "cleared":
            found[-1][1] = at
        else:
            found.append([at, None])
    return [tuple(pair) for pair in found]


def test_thinning_calm_stretches_changes_nothing():
    rng, kept = random.Random(3), 0
    for seed in range(60):
        values = np.array(wander(seed, 400))
        steps = np.array([rng.choice((1, 1, 1, 1, 2, 9)) for _ in values]) * 60 * clock.SECOND
        delays = Delays(*(rng.choice((0, 2, 7, 20)) * 60 * clock.SECOND for _ in range(2)), 5 * 60 * clock.SECOND)
        levels = [Level(57, 57 - rng.choice((0, 4)), 1), Level(63, 58, 1), Level(40, 42, -1)][: rng.choice((1, 2, 3))]
        track = replay.Track(np.cumsum(steps), values, levels, delays, (3, 2, 3)[: len(levels)])
        assert replay.episodes(track) == replay.episodes(track, thinned=False), seed
        kept += int(replay._kept(track).sum())
    assert kept < 0.95 * 60 * 400


def test_sums_by_target_day_and_hour(conn):
    a, b = city.add_series(conn, "a"), city.add_series(conn, "b")
    for hour in (3, 20, 40):
        put(conn, a, [0, 9, 9, 9, 0], timedelta(minutes=15), city.START + hour * HOUR)
    put(conn, b, [0, 9], timedelta(minutes=30), city.START + 47 * HOUR)
    found = ran(conn, 48, options={"above": 5})
    assert [(t[0], t[1], t[2]) for t in found.targets] == [("a water_level", 3, 2.25), ("b water_level", 1, 0.5)]
    assert (found.hours, found.longest, len(found.fired)) == (2.75, timedelta(minutes=45), 4)
    assert found.fired[-1].end is None
    assert found.days == {"2026-03-01": (1, 0.75), "2026-03-02": (2, 1.5), "2026-03-03": (1, 0.5)}, "local days"
    assert [h for h, n in enumerate(found.clock_hours) if n] == [3, 6, 10, 23]
    assert (found.watched, found.considered) == (2, 2)
    assert conn.execute("SELECT (SELECT count(*) FROM alarm), (SELECT count(*) FROM rule_target)").fetchone() == (0, 0)


def test_what_a_delay_or_a_dead_band_would_change(conn):
    series = city.add_series(conn, "a")
    put(conn, series, [4, 6] * 30 + [9] * 20 + [4] * 10)
    found = ran(conn, 3, options={"above": 5}, on_delay="1min")
    table = {(o.on_delay, o.band): (o.alarms, round(o.hours, 2), o.current) for o in found.options}
    assert table[timedelta(minutes=1), None] == (1, 0.35, True)
    assert table[timedelta(0), None][0] == 30
    wide = max(band for _, band in table if band is not None)
    assert wide > 2
    assert table[timedelta(0), wide][0] == 1, "4 is not back, and is no new alarm"
    assert table[timedelta(minutes=60), None][:2] == (0, 0.0)
    assert sum(o.current for o in found.options) == 1


def test_months_of_a_series_are_a_matter_of_seconds(conn):
    series = city.add_series(conn, "a")
    conn.execute("""INSERT INTO reading SELECT %s, %s + n * interval '1 min', 50 + 20 * sin(n / 200.0) + 3 * sin(n * 7.0)
                    FROM generate_series(0, 130000) n""", (series, city.START))  # fmt: skip
    found = ran(conn, 24 * 90, options={"above": 68, "deadband": 1}, on_delay="3min")
    assert found.readings > 129_000
    assert len(found.fired) > 50
    assert found.took < 15, "it takes about one; machines of builds are slow"


def test_a_past_that_is_coarser_than_the_sensor_speaks_now_is_judged_by_its_own_spacing(conn):
    put(conn, city.add_series(conn, "a", cadence="30 s"), [0, 9, 9, 9, 0], timedelta(minutes=15))
    assert len(ran(conn, 3, options={"above": 5}, on_delay="10min").fired) == 1


def test_kinds_that_cannot_be_tested_say_why(conn):
    with pytest.raises(backtest.CannotReplayError, match="silence cannot be tested on the past: "):
        ran(conn, kind="silence")


def test_a_screen_asks_the_engine(conn):
    series = city.add_series(conn, "a")
    put(conn, series, [0, 9, 9, 0], timedelta(minutes=15))
    rule = json.loads(city.rule(options={"above": 5}, scope=SCOPE).model_dump_json())
    good = rule_tests.ask(conn, rule, city.START, city.START + HOUR, "desk")
    bad = rule_tests.ask(conn, {**rule, "options": {"above": 5, "below": 7}}, city.START, city.START + HOUR, "desk")
    long = rule_tests.ask(conn, rule, city.START, city.START + 500 * 24 * HOUR, "desk")
    assert rule_tests.answer(conn, good) == (False, None, "")
    while tester.turn(conn, {}, city.ZONE):
        pass
    answer = rule_tests.answer(conn, good)
    assert (answer.result["alarms"], answer.result["hours"]) == (1, 0.5)
    assert "either above or below" in rule_tests.answer(conn, bad).error
    assert "400 days" in rule_tests.answer(conn, long).error
    assert rule_tests.answer(conn, 99) is None
    assert tester.turn(conn, {}, city.ZONE) is False


def test_the_command_reports_and_draws(database_url, conn, tmp_path, capsys):
    series = city.add_series(conn, "gauge|<b>", cadence="15 min")
    put(conn, series, [0, 9, 9, 0] * 4, timedelta(minutes=15))
    city.add_rule(conn, key="high", options={"above": 5, "clear": 4}, scope=SCOPE)
    picture = tmp_path / "test.png"
    args = SimpleNamespace(rule="high", folder=None, start="2026-03-01", end="2026-03-02T12:00", set=["deadband=20", "on_delay=5min"],
                           chart=picture, json=False, data=None)  # fmt: skip
    settings = SimpleNamespace(database_url=database_url)
    import threading

    stop = threading.Event()

    def engine():
        from ioc.store import database

        with database.connect(database_url, autocommit=True) as own:
            while not stop.wait(0.05):
                tester.turn(own, {}, city.ZONE)

    thread = threading.Thread(target=engine)
    thread.start()
    try:
        assert testing.command(args, settings) == 0
        said = capsys.readouterr().out
        assert "would have fired 1 times" in said
        assert "gauge|<b> water_level" in said
        assert picture.read_bytes().startswith(b"\x89PNG")
        args.rule = "hihg"
        with pytest.raises(IocError, match="no rule 'hihg'"):
            testing.command(args, settings)
    finally:
        stop.set()
        thread.join()


def test_options_on_the_command_line():
    rule = {"key": "r", "kind": "threshold", "options": {"above": 5, "clear": 4}}
    assert testing.changed(rule, ["deadband=0.5", "on_delay=10min", "above=6"]) == {
        "key": "r", "kind": "threshold", "on_delay": "10min", "options": {"above": 6, "deadband": 0.5},
    }  # fmt: skip
    with pytest.raises(IocError, match="NAME=VALUE"):
        testing.changed(rule, ["deadband"])
    assert testing.moment("2026-03-01", city.ZONE) == datetime(2026, 2, 28, 17, tzinfo=UTC)
    with pytest.raises(IocError, match="no day or time"):
        testing.moment("yesterday", city.ZONE)
    assert testing.spark([0, 0.01, 1, 8]) == " ▁▁█"


def test_a_rule_is_a_rule():
    assert Rule.model_validate(json.loads(city.rule(options={"above": 1}).model_dump_json())) == city.rule(
        options={"above": 1}
    )
