"""The pure middle of the rule kinds: working time, places, formulas, booleans, averaging, several levels."""

from __future__ import annotations

import math
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import boolean, formula, judge, plane, worktime
from alerts.rules import air_index, deadline, geofence, nearby
from alerts.verdict import SECOND, micros
from alerts.walk import Delays, Level
from ioc.config.thresholds import Pollutant

HOUR, MINUTE = 3600 * SECOND, 60 * SECOND
OFFICE = worktime.hours(["mon-fri 07:30-11:30", "mon-fri 13:30-17:00"])


def at(text, zone="Asia/Ho_Chi_Minh"):
    return micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def office(zone="Asia/Ho_Chi_Minh", holidays=(), hours=OFFICE):
    return worktime.Calendar(hours, frozenset(holidays), ZoneInfo(zone))


@pytest.mark.parametrize(("start", "hours", "due"), [
    ("2026-03-02 08:00", 2, "2026-03-02 10:00"),  # Monday morning
    ("2026-03-02 10:30", 2, "2026-03-02 14:30"),  # over noon
    ("2026-03-02 16:00", 2, "2026-03-03 08:30"),  # over night
    ("2026-03-06 16:00", 2, "2026-03-09 08:30"),  # over the weekend
    ("2026-03-07 12:00", 2, "2026-03-09 09:30"),  # opened on Saturday
    ("2026-03-02 08:00", 7, "2026-03-02 17:00"),  # to the last minute of the day
])  # fmt: skip
def test_deadlines_in_working_time(start, hours, due):
    assert worktime.due(at(start), round(hours * HOUR), office()) == at(due)
    assert worktime.elapsed(at(start), at(due), office()) == hours * HOUR


def test_holidays_and_pauses_do_not_count_a_pause_outside_working_hours_adds_nothing():
    start = at("2026-03-02 08:00")
    assert worktime.due(start, 2 * HOUR, office(holidays=[date(2026, 3, 2)])) == at("2026-03-03 09:30")
    noon = [(at("2026-03-02 11:30"), at("2026-03-02 13:30"))]
    assert worktime.due(start, 4 * HOUR, office(), noon) == at("2026-03-02 14:00")
    across = [(at("2026-03-02 09:00"), at("2026-03-02 14:00"))]
    assert worktime.due(start, 2 * HOUR, office(), across) == at("2026-03-02 15:00")
    assert worktime.elapsed(start, at("2026-03-02 15:00"), office(), across) == 2 * HOUR
    assert worktime.due(start, 2 * HOUR, office(), [(at("2026-03-02 09:00"), None)]) is None, "it still waits"
    twice = [(at("2026-03-02 08:30"), at("2026-03-02 09:30")), (at("2026-03-02 09:00"), at("2026-03-02 10:00"))]
    assert worktime.due(start, HOUR, office(), twice) == at("2026-03-02 10:30"), "overlapping pauses count once"


def test_clocks_that_change():
    night = worktime.hours(["sat-sun 00:00-06:00"])
    spring = office("Europe/Berlin", hours=night)
    assert (
        worktime.elapsed(at("2026-03-29 00:00", "Europe/Berlin"), at("2026-03-29 06:00", "Europe/Berlin"), spring)
        == 5 * HOUR
    )
    assert (
        worktime.elapsed(at("2026-10-25 00:00", "Europe/Berlin"), at("2026-10-25 06:00", "Europe/Berlin"), spring)
        == 7 * HOUR
    )
    day = office("Europe/Berlin")
    assert worktime.due(at("2026-03-27 16:30", "Europe/Berlin"), HOUR, day) == at("2026-03-30 08:00", "Europe/Berlin")
    assert worktime.due(at("2026-03-28 12:00", "Europe/Berlin"), 24 * HOUR, office("Europe/Berlin", hours=())) == at(
        "2026-03-29 13:00", "Europe/Berlin"
    )


def test_pauses_of_an_event_from_what_happened_to_it():
    pausing = deadline.Pausing(property="state", values=["waiting"])
    changes = [(0, "open", {}), (10, "changed", {"state": "waiting"}), (15, "changed", {"note": "x"}), (20, "changed", {"state": "on"}),
               (30, "closed", {}), (40, "open", {})]  # fmt: skip
    assert deadline.pauses(changes, pausing) == [(10, 20), (30, 40)]
    assert deadline.pauses(changes[:3], pausing) == [(10, None)]
    assert deadline.pauses(changes[:4], None) == []


SQUARE = plane.rings({"type": "Polygon", "coordinates": [[[105, 9], [105.1, 9], [105.1, 9.1], [105, 9.1], [105, 9]],
                                                        [[105.04, 9.04], [105.06, 9.04], [105.06, 9.06], [105.04, 9.06], [105.04, 9.04]]]})  # fmt: skip


def test_how_far_inside_an_outline_with_a_hole():
    assert plane.depth(SQUARE, 9.02, 105.02) == pytest.approx(0.02 * 111195 * math.cos(math.radians(9.02)), rel=1e-3)
    assert plane.depth(SQUARE, 9.05, 105.05) < 0, "in the hole"
    assert plane.depth(SQUARE, 9.2, 105.05) == pytest.approx(-0.1 * 111195, rel=1e-3)
    assert plane.deepest([], 9, 105) == -math.inf
    assert plane.distance((0, 179.999), (0, -179.999)) == pytest.approx(222, rel=1e-2)


def test_shapely_agrees(  # the one library of the core that knows outlines
):
    from shapely.geometry import Point, shape

    ring = [[105, 9], [105.05, 9.02], [105.1, 9], [105.08, 9.1], [105.02, 9.06], [105, 9]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    outline, polygon = plane.rings(geometry), shape(geometry)
    for n in range(200):
        lat, lon = 8.98 + 0.14 * ((n * 37) % 200) / 200, 104.98 + 0.14 * ((n * 71) % 200) / 200
        assert (plane.depth(outline, lat, lon) > 0) == polygon.contains(Point(lon, lat)), (lat, lon)


def test_a_position_no_vehicle_can_reach_is_none_two_of_them_are():
    def track(*places):
        return [(n * 10 * SECOND, lat, 105.0) for n, lat in enumerate(places)]

    assert [p[1] for p in geofence.believable(track(9.0, 9.001, 10.0, 9.002), 70)] == [9.0, 9.001, 9.002]
    assert [p[1] for p in geofence.believable(track(9.0, 10.0, 10.0, 10.001), 70)] == [9.0, 10.0, 10.0, 10.001], (
        "it was carried"
    )
    assert [p[1] for p in geofence.believable(track(9.0, 10.0), 70)] == [9.0], "the newest waits for the next"


def report(n, minute, north, who):
    return nearby.Report(n, minute * MINUTE, 9.6 + north / 111195, 105.97, who)


def test_reports_near_each_other_do_not_chain_beyond_the_radius_and_count_people():
    chain = [report(1, 0, 0, "a"), report(2, 1, 250, "b"), report(3, 2, 500, "c"), report(4, 3, 750, "d")]
    assert nearby.groups(chain, 300, 30 * MINUTE, 3) == []
    same = [report(1, 0, 0, "a"), report(2, 1, 10, "a"), report(3, 2, 20, "a"), report(4, 3, 30, "b")]
    assert nearby.groups(same, 300, 30 * MINUTE, 3) == []
    two = [report(1, 0, 0, "a"), report(2, 1, 0, "b"), report(3, 2, 0, "c"), report(4, 3, 280, "d")]
    (group,) = nearby.groups(list(reversed(two)), 300, 30 * MINUTE, 3)
    assert ([r.id for r in group.members], group.since) == ([1, 2, 3, 4], 2 * MINUTE)
    late = [report(1, 0, 0, "a"), report(2, 20, 0, "b"), report(3, 30, 0, "c")]
    assert nearby.groups(late, 300, 30 * MINUTE, 3) == [], "the first is thirty minutes old"


@settings(max_examples=200, deadline=None)
@given(st.recursive(
    st.integers(1, 9).map(str) | st.sampled_from(["a", "b"]),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"), max_leaves=8,
), st.integers(-5, 5), st.integers(-5, 5))  # fmt: skip
def test_formulas_come_out_as_python_has_them(text, a, b):
    try:
        wanted = eval(text, {}, {"a": float(a), "b": float(b)})
    except ZeroDivisionError:
        with pytest.raises(ZeroDivisionError):
            formula.work_out(formula.parse(text), {"a": float(a), "b": float(b)})
        return
    assert formula.work_out(formula.parse(text), {"a": float(a), "b": float(b)}) == pytest.approx(wanted)


def test_formulas_know_units():
    units = {"outside": "m", "inside": "cm", "flow": "m3/h", "share": "", "other": "m3/h"}
    assert (
        formula.work_out(formula.check(formula.parse("outside - inside"), units).node, {"outside": 2, "inside": 50})
        == 1.5
    )
    assert formula.check(formula.parse("flow / other"), units).unit == ""
    assert formula.check(formula.parse("2 * -outside + 1"), units).unit == "m"
    assert formula.work_out(formula.parse("max(1, min(5, 3)) - sqrt(4) * abs(-2)"), {}) == -1
    with pytest.raises(formula.FormulaError, match="do not go together"):
        formula.check(formula.parse("outside + flow"), units)
    with pytest.raises(OverflowError):
        formula.work_out(formula.parse("1e300 * 1e300"), {})


@pytest.mark.parametrize(("text", "values", "truth"), [
    ("a and b", {"a": True, "b": None}, None), ("a and b", {"a": False, "b": None}, False),
    ("a or b", {"a": True, "b": None}, True), ("a or b", {"b": None}, None), ("not a", {"a": None}, None),
    ("a and not b", {"a": True}, True), ("a or b and c", {"a": True, "c": False}, True),
    ("(a or b) and c", {"a": True, "c": False}, False), ("a-1.x or b", {"a-1.x": True}, True),
])  # fmt: skip
def test_what_is_not_known_settles_nothing(text, values, truth):
    assert boolean.truth(boolean.parse(text), values) is truth


def test_nowcast_and_breakpoints():
    assert air_index.nowcast([40.0] * 12) == pytest.approx(40)
    assert air_index.nowcast([80.0, 20.0]) == pytest.approx((80 + 10) / 1.5), "the weight is at least a half"
    assert air_index.nowcast([None, None, 50.0, 50.0]) is None, "one of the last three"
    assert air_index.nowcast([None, 50.0, 50.0]) == pytest.approx(50)
    pm25 = Pollutant(unit="µg/m3", averaging="nowcast", truncate=0.1, at=[0, 9.0, 35.4, 55.4, 125.4, 225.4, 325.4])
    steps = [0, 50, 100, 150, 200, 300, 500]
    asked = {0.0: 0, 9.0: 50, 9.05: 50, 9.1: 51, 35.4: 100, 35.5: 101, 55.5: 151, 125.4: 200, 225.5: 301, 400.0: 500}
    assert {c: air_index.sub_index(c, pm25, steps) for c in asked} == asked


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 100), max_size=40), st.integers(0, 3))
def test_several_levels_are_each_level_on_its_own(values, delay):
    points = [(n * MINUTE, float(v)) for n, v in enumerate(values)]
    levels = [Level(30, 25), Level(60, 50), Level(15, 20, -1)]
    delays = Delays(delay * MINUTE, 0, HOUR)
    held = [judge.turns(points, [level], delays) for level in levels]
    wanted = {(t.at, n): bool(t.held) for n, found in enumerate(held) for t in found}
    now, got = 0, {}
    for turn in judge.turns(points, levels, delays):
        for n in range(3):
            if (turn.held ^ now) >> n & 1:
                got[turn.at, n] = bool(turn.held >> n & 1)
        now = turn.held
    assert got == wanted


def test_a_back_test_is_the_same_judge():
    values = [10, 60, 60, 20, 20, 80, 20]
    points = [(n * MINUTE, float(v)) for n, v in enumerate(values)]
    short = judge.episodes(points, [Level(50, 50)], Delays())
    assert [(e.start // MINUTE, e.end // MINUTE, e.peak) for e in short] == [(1, 3, 60), (5, 6, 80)]
    assert [
        (e.start // MINUTE, e.end // MINUTE) for e in judge.episodes(points, [Level(50, 50)], Delays(on=MINUTE))
    ] == [(1, 3)]
