"""What misbehaves on purpose, seen the way the ingester sees it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from sample_feeds import world
from sample_feeds.faults import schedule, storms, timetable
from sample_feeds.models import water
from sample_feeds.sources import SOURCES
from tests.sample_feeds.conftest import CITY, START

BEGAN = START.timestamp()


@pytest.fixture(scope="module")
def live(half_hour):
    return half_hour


def of(live, part, start=0.0, stop=1800.0):
    """Messages whose topic holds `part`, between two moments in seconds since the start."""
    return [m for m in live if part in m.topic and start <= m.time / 1e6 - BEGAN < stop]


def test_the_timetable_names_every_kind_of_trouble():
    rows = timetable()
    assert {"silent", "stuck", "spikes", "duplicates", "garbage", "clock", "storm", "drift"} <= {
        r["kind"] for r in rows
    }
    assert [r["at"] for r in rows] == sorted(r["at"] for r in rows)
    assert all(r["note"]["vi"] and r["note"]["en"] and r["where"] for r in rows)
    assert all(r["until"] <= r["every"] for r in rows)


def test_every_fault_hits_a_sensor_that_exists(city):
    for fault in schedule().fault:
        assert set(fault.sensors) <= set(city.sensors)
        assert fault.feed is None or fault.feed in city.feeds
        assert fault.gateway is None or any(s.properties.get("gateway") == fault.gateway for s in city.sensors.values())
        assert fault.kind == "storm" or fault.sensors or fault.feed or fault.gateway
    assert set(schedule().standing) <= set(city.sensors)


def test_the_first_alarm_is_due_within_a_minute_and_a_half(live, decode, city):
    rule = city.rules["inlet_hot"]
    level = next(x.value for x in city.thresholds["data_centre"].level if x.key == "allowable")
    assert rule.priority == "high"
    hot = [
        t
        for t, v in decode(of(live, "tu-a2")).readings["tu-may-trung-tam-du-lieu-tu-a2", "inlet_temperature"]
        if v > level
    ]
    assert hot[0] / 1e6 - BEGAN < 90 - rule.on_delay.total_seconds()
    assert all(t / 1e6 - BEGAN < 340 for t in hot)


def test_the_dying_sensor_loses_its_battery_and_falls_silent(live, decode):
    key = "muc-nuoc-my-phuoc-kenh-quan-lo"
    volts = [v for _, v in decode(of(live, key)).readings[key, "battery"]]
    assert volts[0] > 3.4
    assert min(volts) < 3.1
    assert not of(live, key, 241, 1440)
    assert of(live, key, 1441, 1800)


def test_the_stuck_sensor_repeats_itself_with_new_times(live, decode):
    key = "do-man-nga-nam-kenh-quan-lo"
    readings = decode(of(live, key, 95, 1700)).readings[key, "salinity"]
    assert len(readings) > 20
    assert len({v for _, v in readings}) == 1
    assert len({t for t, _ in readings}) == len(readings)


def test_spikes_are_beyond_what_is_possible(live, decode):
    found = decode(of(live, "airrohr/bui-truong-thpt-hoang-dieu") + of(live, "airrohr/bui-cho-bong-sen"))
    assert {m for _, m, _ in found.suspects} == {"pm25"}
    assert 2 <= len(found.suspects) <= 9


def test_duplicates_are_the_very_same_message(live):
    burst = Counter((m.topic, m.payload) for m in of(live, "muc-nuoc-dai-ngai-song-hau"))
    assert sorted(set(burst.values())) == [1, 20]


def test_garbage_is_refused_and_the_next_message_is_read(live, decode):
    found = decode(of(live, "giao-thong-ql1a-tra-men"))
    assert 3 <= len(found.refusals) <= 6
    assert len(found.readings["giao-thong-ql1a-tra-men", "speed"]) > 80


def test_the_wrong_clock_is_an_hour_ahead(live, decode):
    wrong = of(live, "thoi-tiet-vinh-chau", 270, 870)
    assert len(wrong) >= 15
    for message in wrong:
        (time, _), *_ = decode([message]).readings["thoi-tiet-vinh-chau", "temperature"]
        assert time - message.time == pytest.approx(3600e6, abs=1.1e6)


def test_a_whole_feed_falls_silent_longer_than_its_rule_waits(live, city):
    assert not of(live, "soctrang/noise", 361, 599)
    assert of(live, "soctrang/noise", 601, 700)
    assert city.rules["noise_silent"].options["after"] == "90s"


def test_schema_drift_takes_the_keys_away(live, decode):
    key = "giao-thong-ql60-truong-khanh"
    assert not decode(of(live, key, 1500, 1800)).readings
    assert decode(of(live, key, 1200, 1499)).readings


def raised(city, town, start, stop):
    """(rule, sensor) pairs whose value passes a threshold rule's level long enough, at 15 s steps; open ones only."""
    times = np.arange(start, stop, 15.0)
    found = set()
    for source in SOURCES:
        which = town.of(*source.kinds)
        columns = source.model(town, np.repeat(which, len(times)), np.tile(times, len(which)))
        for rule in (r for r in city.rules.values() if r.kind == "threshold"):
            if rule.scope.metrics[0] not in columns or (rule.scope.feeds and source.feed not in rule.scope.feeds):
                continue
            values = columns[rule.scope.metrics[0]].reshape(len(which), -1)
            need = int(rule.on_delay.total_seconds() // 15) + 1
            for row, n in zip(values, which, strict=True):
                named = not rule.scope.sensors or town.keys[n] in rule.scope.sensors
                if named and longest(beyond(city, rule, town.keys[n], row)) >= need:
                    found.add((rule.key, town.keys[n]))
    return found


def beyond(city, rule, sensor, row):
    """Which values are beyond the rule's first level at this sensor."""
    first = rule.options.get("levels", [rule.options])[0]
    limit = level(city, first.get("above", first.get("below")), sensor)
    return np.zeros(len(row), bool) if limit is None else row > limit if "above" in first else row < limit


def level(city, said, sensor):
    """The number it is at this sensor, None where a pack has none for it."""
    if isinstance(said, int | float):
        return said
    pack, key = said.split(".")
    named = [x for x in city.thresholds[pack].level if x.key == key]
    return next((x.value for x in named if not x.sensors or sensor in x.sensors), None)


def longest(row):
    best = run = 0
    for on in row:
        run = run + 1 if on else 0
        best = max(best, run)
    return best


def test_the_storm_raises_more_than_fifty_alarms_and_then_passes(city):
    town = world.load(CITY, 2025, storms(schedule(), BEGAN))
    before = raised(city, town, BEGAN + 60, BEGAN + 470)
    during = raised(city, town, BEGAN + 480, BEGAN + 900) - before
    assert len(during) >= 50
    assert len({rule for rule, _ in during}) >= 4
    assert {city.rules[rule].family for rule, _ in during} == {"storm"}
    after = raised(city, town, BEGAN + 1500, BEGAN + 1900)
    assert len(after) <= 12


def test_outside_the_schedule_the_city_is_calm_but_not_faultless(city, town):
    for days in (-9, -4, 40, 200):
        open_now = raised(city, town, BEGAN + days * 86_400, BEGAN + days * 86_400 + 3600)
        assert 1 <= len(open_now) <= 12, sorted(open_now)
        assert sum(city.rules[rule].priority in ("critical", "high") for rule, _ in open_now) <= 3


def test_the_storm_comes_again_after_the_period():
    plan = schedule()
    town = world.load(CITY, 2025, storms(plan, BEGAN))
    which = np.array([town.keys.index("ngap-hai-ba-trung-ben-cho")])
    first = water.flood(town, which, np.array([BEGAN + 700.0]))["flood_depth"]
    again = water.flood(town, which, np.array([BEGAN + 700.0 + plan.every.total_seconds()]))["flood_depth"]
    assert first[0] > 25
    assert again[0] == pytest.approx(first[0], abs=2.0)
