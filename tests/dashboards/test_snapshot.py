"""Rows become arrays, arrays become bytes: states, ages, deltas, at the size of a big city."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from dashboards import board, snapshot
from dashboards.board import Measure
from dashboards.snapshot import CRITICAL, DOUBTFUL, NO_DATA, NORMAL, NOTEWORTHY, STALE, WARNING, Snapshot
from ioc.config.thresholds import Level, ThresholdPack
from ioc.store.snapshot import Latest, Place, Registry, doubtful

NOW = 1_800_000_000_000_000
SECOND = 1_000_000
METRICS = {
    "level": {"key": "level", "settings": {"steps": [[1.7, 1], [2.1, 3]]}},
    "other": {"key": "other", "settings": {}},
}


def sensor(id_, cadence=60.0, moves=False):
    return SimpleNamespace(
        id=id_,
        key=f"s{id_}",
        name={"": f"S{id_}"},
        domain="d",
        area="",
        kind="",
        moves=moves,
        lat=9.6,
        lon=105.9,
        cadence=cadence,
    )


def city(count=3, **more):
    sensors = [sensor(i, **more) for i in range(1, count + 1)]
    series = [(10 * s.id + n, s.id, metric) for s in sensors for n, metric in enumerate(("other", "level"))]
    return Snapshot(Registry(sensors, series, METRICS), generation=7)


def alarm(sensor_id, priority, **more):
    return {"sensor_id": sensor_id, "priority": priority, "condition": "true", "suppression": "none", **more}


def test_a_point_without_data_says_so():
    assert list(city().frame(NOW).state) == [NO_DATA] * 3


@pytest.mark.parametrize(("value", "state"), [(1.0, NORMAL), (1.7, NOTEWORTHY), (2.1, NOTEWORTHY)])
def test_a_step_of_the_metric_makes_a_point_noteworthy_and_never_warns(value, state):
    snap = city()
    snap.apply([Latest(11, NOW, NOW, value)])
    frame = snap.frame(NOW)
    assert frame.state[0] == state
    assert frame.value[snap.head[0]] == value  # the headline is the metric that has colours


def test_a_point_is_old_by_the_datas_own_time_not_by_its_arrival():
    snap = city()
    snap.apply([Latest(11, NOW - 200 * SECOND, NOW, 1.0)])
    assert snap.frame(NOW).state[0] == STALE
    assert snap.frame(NOW - 100 * SECOND).state[0] == NORMAL


def test_an_older_reading_never_replaces_a_newer_one():
    snap = city()
    snap.apply([Latest(11, NOW, NOW, 2.5), Latest(11, NOW - SECOND, NOW, 1.0)])
    assert snap.frame(NOW).value[snap.head[0]] == 2.5


def test_the_worst_alarm_decides_and_outlives_silence():
    snap = city()
    snap.apply([Latest(11, NOW - 3600 * SECOND, NOW, 1.0), Latest(21, NOW, NOW, 1.0), Latest(31, NOW, NOW, 1.0)])
    snap.alarm([alarm(1, 3), alarm(1, 1), alarm(2, 1, condition="false"), alarm(3, 1, suppression="shelved")])
    assert list(snap.frame(NOW).state) == [CRITICAL, NORMAL, NORMAL]
    snap.alarm([])
    assert snap.frame(NOW).state[0] == STALE


def test_a_doubtful_series_marks_its_point_and_colours_nothing():
    snap = city()
    snap.apply([Latest(11, NOW, NOW, 9.0)])
    snap.doubt([11])
    assert snap.frame(NOW).state[0] == DOUBTFUL
    assert snap.frame(NOW + 3600 * SECOND).state[0] == STALE
    snap.doubt([])
    assert snap.frame(NOW).state[0] == NOTEWORTHY


def test_only_stuck_skewed_and_steep_series_are_doubted_not_one_bad_value(store):
    series = [r[0] for r in store.execute("SELECT id FROM series ORDER BY id DESC LIMIT 6")]
    kinds = ("range", "future", "past", "stuck", "skew", "rate")
    store.execute("DELETE FROM quality WHERE series_id = ANY(%s)", [series])
    with store.cursor() as cursor:
        cursor.executemany("INSERT INTO quality (series_id, kind, since, last, count) VALUES (%s, %s, now(), now(), 1)",
                           list(zip(series, kinds, strict=True)))  # fmt: skip
    doubted = set(doubtful(store)) & set(series)
    store.execute("DELETE FROM quality WHERE series_id = ANY(%s)", [series])
    assert doubted == set(series[3:])


def test_the_alarm_list_and_what_the_legend_counts_are_the_same_alarms():
    given = [
        (1, "true", "none"),
        (2, "true", "none"),
        (4, "nodata", "none"),
        (1, "false", "none"),
        (1, "true", "shelved"),
    ]
    keys = ("id", "acked", "isa", "rule", "sensor", "sensor_key", "feed", "area", "value", "threshold", "unit",
            "decimals", "lat", "lon")  # fmt: skip
    rows = [dict.fromkeys(keys) | {"sensor_id": 1, "series_id": 11, "domain": "d", "opened": 0, "priority": p,
            "condition": c, "suppression": s, "states": {"2": {"en": "fault"}}} for p, c, s in given]  # fmt: skip
    rows[0]["value"] = 2.0
    said = board.alarms(rows)
    assert (said["counts"], said["total"], said["aside"]) == ({"d": {CRITICAL: 1, WARNING: 2}}, 4, 1)
    assert said["alarms"][0]["said"] == {"en": "fault"}  # a pump is at fault, not at 2


def test_a_delta_names_what_changed_and_nothing_else():
    snap = city()
    snap.apply([Latest(11, NOW, NOW, 1.0)])
    before = snap.frame(NOW)
    snap.apply([Latest(21, NOW, NOW, 1.0)])
    snap.move([Place(3, 9.7, 105.9, NOW)])
    what = snapshot.delta(before, snap.frame(NOW))
    assert (list(what.values), list(what.states), list(what.moved)) == ([snap.slot[21]], [1], [2])


def scene_city():
    rows = [sensor(1), sensor(2), sensor(3)]
    rows[0].area = rows[1].area = "north"
    series = [(10 * s.id + n, s.id, metric) for s in rows for n, metric in enumerate(("other", "level"))]
    snap = Snapshot(Registry(rows, series, {"level": {**METRICS["level"], "unit": "m", "decimals": 2}}), generation=1)
    snap.apply([Latest(11, NOW, NOW, 1.0), Latest(21, NOW, NOW, 2.0), Latest(31, NOW - 3600 * SECOND, NOW, 9.0)])
    return snap


@pytest.mark.parametrize(
    ("tile", "value", "state"),
    [
        ({"sensor": "s1"}, 1.0, NORMAL),
        ({"sensor": "s2"}, 2.0, NOTEWORTHY),
        ({"sensor": "s3"}, 9.0, STALE),  # shown with its age, never as if it were now
        ({"sensor": "nobody"}, None, NO_DATA),
        ({"aggregate": "max"}, 2.0, NOTEWORTHY),  # the old 9.0 is left out
        ({"aggregate": "mean", "area": "north"}, 1.5, NORMAL),
        ({"aggregate": "count"}, 2.0, NORMAL),
        ({"aggregate": "sum"}, 3.0, NORMAL),
    ],
)
def test_a_figure_is_made_of_fresh_values_only(tile, value, state):
    snap = scene_city()
    folder = SimpleNamespace(thresholds={})
    found = board.figure(Measure(metric="level", **tile), snap, snap.frame(NOW), folder, date(2026, 11, 22))
    assert (found.value, found.state) == (value, state)


def test_a_level_marks_its_figure_from_the_day_it_is_in_force():
    level = Level(key="two", name="II", metric="level", value=0.9, severity=3, valid_from=date(2026, 11, 22))
    folder = SimpleNamespace(thresholds={"flood": ThresholdPack(name="F", source="law", level=[level])})
    tile, snap = Measure(metric="level", sensor="s1", level="flood.two"), scene_city()
    states = [board.figure(tile, snap, snap.frame(NOW), folder, date(2026, 11, day)).state for day in (21, 22)]
    assert states == [NORMAL, NOTEWORTHY]


@pytest.mark.parametrize(("aggregate", "state"), [("max", CRITICAL), ("mean", NOTEWORTHY), ("count", NORMAL)])
def test_an_alarm_on_what_a_figure_shows_is_the_figures_too(aggregate, state):
    snap = scene_city()
    snap.alarm([alarm(2, 1, series_id=21)])
    tile, folder = Measure(metric="level", aggregate=aggregate), SimpleNamespace(thresholds={})
    snap.apply([Latest(11, NOW, NOW, 2.0)])
    assert board.figure(tile, snap, snap.frame(NOW), folder, date(2026, 11, 22)).state == state
