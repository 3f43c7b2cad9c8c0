"""The sample city's messages: the same every time, readable by their feeds, and one stream from past to live."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from sample_feeds import history, simulate
from sample_feeds.simulate import CitySimulation
from sample_feeds.sources import SOURCES
from tests.sample_feeds.conftest import CITY, START


def minutes(n):
    return timedelta(minutes=n)


@pytest.fixture(scope="module")
def live(half_hour):
    """25 minutes from the start: before the schema drifts."""
    return [m for m in half_hour if m.time < (START + minutes(25)).timestamp() * 1e6]


@pytest.fixture(scope="module")
def live_read(live, decode):
    return decode(live)


@pytest.fixture(scope="module")
def past_read(past_day, decode):
    return decode(past_day)


def test_the_same_seed_says_the_same_bytes_and_another_does_not(live):
    again = list(islice(CitySimulation(CITY).messages(START), 2000))
    assert again == live[:2000]
    assert list(islice(CitySimulation(CITY, seed=7).messages(START), 2000)) != again


def test_messages_come_in_time_order(live):
    times = [m.time for m in live]
    assert times == sorted(times)
    assert times[0] >= START.timestamp() * 1e6
    assert times[-1] < (START + minutes(25)).timestamp() * 1e6


def test_every_sensor_speaks_within_ten_seconds(live, decode, city):
    first = decode(m for m in live if m.time < (START.timestamp() + 10) * 1e6)
    silent = set(city.sensors) - first.sensors
    assert silent == set()
    assert len(first.readings) >= 1500


def test_slow_sensors_speak_again_soon_for_an_ingester_that_was_still_starting(live, decode, city):
    late = decode(m for m in live if 10 <= m.time / 1e6 - START.timestamp() < 60)
    assert late.sensors == set(city.sensors)


def test_the_tempo_is_lively_and_cheap(live):
    second = Counter((m.time // 1_000_000) for m in live)
    calm = [n for at, n in second.items() if 60 < at - START.timestamp() < 150]
    assert 15 < sum(calm) / len(calm) < 60
    assert max(calm) < 120


def test_every_message_is_read_by_its_feed_into_sensors_metrics_and_ranges(live_read, city):
    found = live_read
    assert found.sensors == set(city.sensors)
    assert {metric for _, metric in found.readings} <= set(city.metrics)
    assert {topic.rsplit("/", 1)[-1] for topic, _ in found.refusals} == {
        "giao-thong-ql1a-tra-men",
        "giao-thong-ql1a-tra-tim",
    }
    assert {(s, m) for s, m, _ in found.suspects} == {
        ("bui-truong-thpt-hoang-dieu", "pm25"),
        ("bui-cho-bong-sen", "pm25"),
    }
    assert set(found.ignored) <= {"repeated_frame"}
    assert set(found.dropped) <= {"renamed_away", "not_wanted"}
    assert {m for _, m in found.readings} == set(city.metrics), "a declared metric that nothing measures"
    assert found.positions


def test_payloads_tell_the_time_at_which_they_are_published(live_read):
    rows = live_read.rows
    assert {sensor for came, sensor, _, time, _ in rows if abs(time - came) > 2_000_000} == {"thoi-tiet-vinh-chau"}


def test_two_weeks_of_history_are_two_million_readings_in_time_order(past_read, city, past_day):
    day = past_day
    times = [m.time for m in day]
    assert times == sorted(times)
    assert (START - timedelta(days=1)).timestamp() * 1e6 <= times[0]
    assert times[-1] < START.timestamp() * 1e6
    found = past_read
    assert found.sensors == set(city.sensors)
    assert found.refusals == []
    assert found.suspects == []
    readings = sum(map(len, found.readings.values()))
    assert 2_000_000 <= readings * 14 <= 2_500_000
    assert min(len(r) for r in found.readings.values()) >= 24


def test_history_does_not_depend_on_where_it_is_cut():
    cuts = [START - minutes(n) for n in (200, 133, 60)]
    whole = list(history.messages(CITY, cuts[0], cuts[2]))
    parts = [m for start, end in pairwise(cuts) for m in history.messages(CITY, start, end)]
    assert sorted(parts) == sorted(whole)


def test_live_goes_on_where_history_ends(live, decode, past_read):
    """The gap between the last value of the past and the first live one is no larger than steps within the past."""
    past = past_read.readings
    now = decode(m for m in live if m.time < (START.timestamp() + 10) * 1e6).readings
    values = {name: [value for _, value in sorted(readings)] for name, readings in past.items()}
    usual = {}
    for (_, metric), before in values.items():
        steps = [abs(b - a) / (abs(a) + abs(b) + 1) for a, b in pairwise(before)]
        usual[metric] = max(usual.get(metric, 0.0), *steps)
    for name, before in values.items():
        after = now[name][0][1]
        assert abs(after - before[-1]) / (abs(after) + abs(before[-1]) + 1) <= 1.1 * usual[name[1]] + 1e-9, name


def test_a_restart_goes_on_with_the_same_city(decode):
    """Started half a minute later the calm sensors say the same at the same moment."""
    until = START + minutes(2)
    one = decode(CitySimulation(CITY).messages(START, until)).readings
    two = decode(CitySimulation(CITY).messages(START + timedelta(seconds=30), until)).readings
    shared = different = 0
    for name in two:
        later = dict(two[name])
        for time, value in one.get(name, []):
            if (
                time in later
                and time > (START.timestamp() + 40) * 1e6
                and name[1] not in ("inlet_temperature", "battery")
            ):
                shared += 1
                different += abs(later[time] - value) > 1e-9
    assert shared > 2000
    assert different == 0


def test_citizen_reports_are_opened_taken_up_and_closed(past_read):
    found = past_read.events
    states = {}
    for row in found:
        states.setdefault(row["key"], []).append(row["status"])
    whole = [s for s in states.values() if len(s) == 3]
    assert len(whole) >= 2
    assert len(states) > 20
    assert all(s == ["open", "changed", "closed"] for s in whole)
    assert all(row["lat"] and row["lon"] and row["title"] for row in found)


def test_what_is_open_is_told_at_the_start(live, decode):
    told = decode(m for m in live if m.time < (START.timestamp() + 8) * 1e6).events
    assert len({row["key"] for row in told}) > 10
    assert {row["status"] for row in told} <= {"open", "changed"}


class Clock(threading.Event):
    """The event that stops `run`, and the clock it follows: waiting moves the clock and takes no time."""

    def __init__(self):
        super().__init__()
        self.at = START.timestamp()

    def now(self):
        return self.at

    def wait(self, timeout=None):
        self.at += timeout
        return self.is_set()


def test_run_follows_the_clock_it_is_given_and_stops():
    clock, sent = Clock(), []

    def publish(topic, payload):
        sent.append((clock.at, topic, payload))
        if len(sent) == 600:
            clock.set()

    simulate.run(CITY, publish, clock, clock.now)
    expected = list(islice(CitySimulation(CITY).messages(START), 600))
    assert [topic for _, topic, _ in sent] == [m.topic for m in expected]
    assert all(at >= m.time / 1e6 for (at, _, _), m in zip(sent, expected, strict=True))


def test_run_skips_what_it_slept_through():
    clock, sent = Clock(), []

    def publish(topic, payload):
        sent.append((topic, payload))
        if len(sent) == 300:
            clock.at += 3600.0
        if len(sent) == 900:
            clock.set()

    simulate.run(CITY, publish, clock, clock.now)
    woke = clock.at  # the last message of 900; the simulation began anew just after message 300
    later = {
        (m.topic, m.payload)
        for m in CitySimulation(CITY).messages(
            datetime.fromtimestamp(woke - 30, UTC), datetime.fromtimestamp(woke + 10, UTC)
        )
    }
    assert len(sent) == 900
    assert START.timestamp() + 3600 < woke < START.timestamp() + 3700
    assert sum(message in later for message in sent[300:]) > 50


def test_no_sensor_speaks_twice_in_one_stride():
    assert min(source.live for source in SOURCES) >= simulate.STRIDE


def test_every_feed_of_the_folder_has_a_source(city):
    assert {s.feed for s in SOURCES} | {"citizen_reports"} == set(city.feeds)
