"""Rules that cannot be right: said at `ioc check` with the place, or at run time in the rule's health; the rest goes on."""

from __future__ import annotations

import sys
from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from alerts import targets
from alerts.verdict import Known
from ioc import plugins
from ioc.config.thresholds import ThresholdPack
from tests.alerts import city

UNITS = {"water_level": "m", "salinity": "g/l", "flow": "m3/h", "temperature": "°C", "level_inside": "m"}
SCOPE = {"metrics": ["water_level"]}


def known(**rules):
    made = {key: city.rule(**{"key": key, **given}) for key, given in rules.items()}
    return Known({}, date(2026, 3, 1), UNITS, made, city.ZONE)


def made(kind, options, scope=SCOPE, rules=None):
    rule = city.rule(kind=kind, options=options, scope=scope)
    return targets.watch(1, rule, known(**(rules or {})))


@pytest.mark.parametrize(("kind", "options", "says"), [
    ("threshold", {"above": 5, "clear": 6}, "must not be above"),
    ("threshold", {"levels": [{"above": 5, "priority": "high"}, {"above": 6, "priority": "low"}]}, "less urgent"),
    ("threshold", {"levels": [{"above": 5, "priority": "high"}, {"above": 5, "priority": "high"}]}, "two levels at 5"),
    ("threshold", {"above": 5, "levels": [{"above": 5, "priority": "high"}]}, "not both"),
    ("threshold", {"above": 5, "unit": "kg"}, "kg"),
    ("duration", {"above": 5, "lasts": "2h", "within": "1h"}, "not longer than within"),
    ("duration", {"above": 5, "below": 1, "lasts": "1h", "within": "2h"}, "either above or below"),
    ("duration", {"above": "sensor.x", "lasts": "1h", "within": "2h"}, "only the kind `threshold`"),
    ("rate", {"rises": 1, "falls": 1, "over": "1h"}, "either rises or falls"),
    ("rate", {"rises": 1, "clear": 2, "over": "1h"}, "must not be beyond"),
    ("rate", {"falls": 1, "over": "1h", "by": "counter"}, "does not fall"),
    ("count", {"above": 5, "of": 3, "share": 0.5}, "either of or share"),
    ("expression", {"formula": "water_level - temperature", "above": 1}, "do not go together"),
    ("expression", {"formula": "water_level * flow", "above": 1, "unit": "m"}, "formula is in"),
    ("expression", {"formula": "water_level - nowhere", "above": 1}, "no metric 'nowhere'"),
    ("expression", {"formula": "water_level -", "above": 1}, "ends too early"),
    ("expression", {"formula": "(water_level", "above": 1}, "bracket is not closed"),
    ("expression", {"formula": "__import__(os)", "above": 1}, "no function '__import__'"),
    ("expression", {"formula": "water_level; 1", "above": 1}, "cannot read ';"),
    ("expression", {"formula": "(" * 40 + "water_level" + ")" * 40, "above": 1}, "too many brackets"),
    ("expression", {"formula": "water_level", "inputs": {"x": "flow"}, "above": 1}, "does not use: x"),
    ("air_index", {"index": "nope", "reaches": 100}, "no threshold pack 'nope'"),
    ("geofence", {}, "where is the fence"),
    ("nearby", {"radius": 100, "within": "1h"}, "at least 2"),
    ("deadline", {"within": "1h", "hours": ["monday 8-12"]}, "cannot read"),
    ("deadline", {"within": "1h", "hours": ["mon 08:00-12:00", "mon 11:00-13:00"]}, "overlaps"),
    ("deadline", {"within": "1h", "steps": [{"share": 1, "priority": "low"}, {"share": 0.5, "priority": "high"}]}, "rise"),
    ("composite", {"when": "not river"}, "while nothing is wrong"),
    ("composite", {"when": "river and"}, "ends too early"),
    ("composite", {"when": "rivr"}, "no rule 'rivr'; did you mean river"),
    ("stuck", {"faults": ["stuck"], "still": "1h"}, "either faults or still"),
])  # fmt: skip
def test_what_cannot_be_right_is_refused_with_the_reason(kind, options, says):
    scope = SCOPE if kind not in ("geofence", "nearby", "deadline", "composite", "air_index") else {}
    with pytest.raises((ValueError, ValidationError), match=says):
        made(kind, options, scope, {"river": {"options": {"above": 1}, "scope": SCOPE}})


def test_rules_that_ask_each_other_in_a_circle_are_refused_with_the_way():
    ring = {
        "a": {"kind": "composite", "options": {"when": "b or leaf"}},
        "b": {"kind": "composite", "options": {"when": "leaf and c"}},
        "c": {"kind": "composite", "options": {"when": "a"}},
        "leaf": {"options": {"above": 1}, "scope": SCOPE},
    }
    with pytest.raises(ValueError, match="a -> b -> c -> a"):
        targets.watch(1, city.rule(key="a", **ring["a"]), known(**ring))
    with pytest.raises(ValueError, match="a -> a"):
        targets.watch(1, city.rule(key="a", kind="composite", options={"when": "a"}), known(a=ring["a"]))


def test_levels_in_another_unit_become_the_metrics():
    assert made("threshold", {"above": 150, "deadband": 10, "unit": "cm"}).specs[0].levels[0][:4] == (1.5, None, 1, 0.1)
    assert made("rate", {"rises": 50, "over": "1h", "unit": "cm"}).specs[0].levels[0].raise_at == pytest.approx(0.5)
    assert (
        made(
            "duration", {"above": 4000, "lasts": "1h", "within": "2h", "unit": "mg/l"}, {"metrics": ["salinity"]}
        ).options.above
        == 4
    )


def test_a_pack_whose_levels_differ_by_station_is_for_threshold_alone():
    level = {"key": "bd1", "name": "I", "metric": "water_level", "value": 1.8, "sensors": ["x"]}
    pack = ThresholdPack.model_validate({"name": "p", "source": "s", "level": [level]})
    rule = city.rule(kind="duration", options={"above": "p.bd1", "lasts": "1h", "within": "2h"}, scope=SCOPE)
    with pytest.raises(ValueError, match="differs from station to station"):
        targets.watch(1, rule, known()._replace(packs={"p": pack}))


def health(conn):
    rows = conn.execute(
        "SELECT r.key, targets, warning, error, errors FROM rule_health h JOIN rule r ON r.id = h.rule_id ORDER BY 1"
    )
    return {row[0]: row[1:] for row in rows}


def test_health_names_rules_that_watch_nothing_too_much_or_cannot_be_understood(conn, monkeypatch):
    for n in range(3):
        city.add_series(conn, f"s{n}")
    monkeypatch.setattr(plugins.load(targets.KINDS, "rate"), "MOST", 2, raising=False)
    city.add_rule(conn, key="fine", options={"above": 5}, scope=SCOPE)
    city.add_rule(conn, key="empty", options={"above": 5}, scope={"metrics": ["elsewhere"]})
    city.add_rule(conn, key="huge", kind="rate", options={"rises": 5, "over": "1h"}, scope=SCOPE)
    city.add_rule(conn, key="odd", options={"abvoe": 5}, scope=SCOPE)
    city.add_rule(conn, key="magic", kind="magic", scope=SCOPE)
    city.evaluator(conn).tick(conn, city.START)
    said = health(conn)
    assert said["fine"] == (3, "", "", 0)
    assert said["empty"][:2] == (0, "watches nothing: no series is in its scope")
    assert said["huge"][:2] == (
        0,
        "watches nothing: its scope has 3 series, at most 2 are allowed; narrow it by feed, area or tag",
    )
    assert "abvoe: Extra inputs" in said["odd"][1]
    assert "unknown rule 'magic'" in said["magic"][1]


def test_health_says_when_a_kind_failed_and_when_it_goes_well_again(conn, monkeypatch):
    city.add_rule(conn, key="broken", kind="events")
    city.add_rule(conn, key="fine", options={"above": 5}, scope=SCOPE)
    city.add_reading(conn, city.add_series(conn, "s"), city.START, 9)
    engine_ = city.evaluator(conn)
    events = plugins.load(targets.KINDS, "events")
    monkeypatch.setattr(events, "evaluate", lambda *_: 1 / 0)
    assert engine_.tick(conn, city.START).opened == 1
    assert health(conn)["broken"][2:] == ("ZeroDivisionError: division by zero", 1)
    assert health(conn)["fine"][2] == ""
    monkeypatch.undo()
    engine_.tick(conn, city.START + timedelta(minutes=1))
    assert health(conn)["broken"][2:] == ("", 1)
    looked = conn.execute("SELECT bool_and(evaluated_at IS NOT NULL) FROM rule_health").fetchone()
    assert looked == (True,)


KIND = '''
"""Twice the value is too much."""
from datetime import timedelta
from alerts.verdict import Limit, Spec
from ioc.config.types import Model

class Options(Model):
    most: float

def specs(rule, options, known):
    return [Spec((Limit(options.most),))]

def window(options):
    return timedelta(0)

def signal(inputs, options, since):
    return [(at, 2 * value) for at, value in inputs[""].samples if at > since]
'''


def test_a_kind_is_one_file_and_no_other_knows_it(conn, tmp_path, monkeypatch):
    (tmp_path / "doubled.py").write_text(KIND, encoding="utf-8")
    package = sys.modules["alerts.rules"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    try:
        city.add_rule(conn, kind="doubled", options={"most": 50}, scope=SCOPE, off_delay="1min")
        series = city.add_series(conn, "s")
        evaluator = city.evaluator(conn)
        for minute, value in enumerate((20, 30, 30, 20, 20)):
            at = city.START + timedelta(minutes=minute)
            city.add_reading(conn, series, at, value)
            evaluator.tick(conn, at)
        row = conn.execute("SELECT target, value, threshold, event_start, event_end FROM alarm").fetchall()
        assert row == [
            (f"series:{series}", 40, 50, city.START + timedelta(minutes=1), city.START + timedelta(minutes=4))
        ]
    finally:
        sys.modules.pop("alerts.rules.doubled", None)
        if hasattr(package, "doubled"):
            del package.doubled


def test_what_spoke_is_judged_at_once_what_did_not_is_looked_at_each_minute(conn):
    city.add_rule(conn, options={"above": 5}, scope=SCOPE)
    a, b = city.add_series(conn, "a"), city.add_series(conn, "b")
    evaluator = city.evaluator(conn)
    evaluator.tick(conn, city.START)
    conn.execute("INSERT INTO latest VALUES (%s, %s, 9, %s)", (b, city.START, city.START - timedelta(hours=1)))
    city.add_reading(conn, a, city.START + timedelta(seconds=5), 9)
    assert evaluator.tick(conn, city.START + timedelta(seconds=5)).opened == 1, "only what spoke"
    conn.execute("UPDATE latest SET time = %s WHERE series_id = %s", (city.START + timedelta(seconds=55), b))
    conn.execute("INSERT INTO reading VALUES (%s, %s, 9)", (b, city.START + timedelta(seconds=55)))
    assert evaluator.tick(conn, city.START + timedelta(seconds=60)).opened == 1, "a commit that took very long"


def test_what_comes_between_the_time_of_a_tick_and_its_look_is_not_passed_over(conn):
    """Two samples after the tick's own time, the first beyond the level: the newest alone would hide it."""
    city.add_rule(conn, options={"above": 5}, scope=SCOPE)
    series = city.add_series(conn, "s")
    evaluator = city.evaluator(conn)
    city.add_reading(conn, series, city.START, 1)
    evaluator.tick(conn, city.START)
    at = city.START + timedelta(seconds=5)
    for after, value in ((0.5, 9), (1.5, 1)):
        city.add_reading(conn, series, at + timedelta(seconds=after), value)
    evaluator.tick(conn, at)  # two seconds late
    evaluator.tick(conn, at + timedelta(seconds=5))
    [(begun, over)] = conn.execute("SELECT event_start, event_end FROM alarm").fetchall()
    assert (begun, over) == (at + timedelta(seconds=0.5), at + timedelta(seconds=1.5))


def test_levels_that_move_are_seen_by_what_stands_still(conn):
    """What a series may reach before any rule is true is kept with the pairs: it moves, comes and goes with them."""
    reach = "SELECT up, down FROM series_reach"
    series = city.add_series(conn, "s")
    city.add_reading(conn, series, city.START, 60)
    city.add_rule(conn, key="high", options={"above": 70, "deadband": 5}, scope=SCOPE)
    city.add_rule(conn, key="higher", options={"above": 90}, scope=SCOPE)
    city.add_rule(conn, key="low", options={"below": 10}, scope=SCOPE)
    engine = city.evaluator(conn)
    assert conn.execute(reach).fetchall() == [(70, 10)]
    assert engine.tick(conn, city.START).opened == 0
    city.add_rule(conn, key="high", options={"above": 50, "deadband": 5}, scope=SCOPE)
    engine.reload(conn, city.START)
    assert conn.execute(reach).fetchall() == [(50, 10)]
    assert engine.tick(conn, city.START + timedelta(seconds=5)).opened == 1
    for key in ("high", "higher", "low"):
        city.add_rule(conn, key=key, options={"above": 50}, scope=SCOPE, enabled=False)
    engine.reload(conn, city.START)
    assert conn.execute(reach).fetchall() == []
