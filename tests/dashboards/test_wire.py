"""What travels to screens: bytes by their documentation, deltas that slow screens may lose, points that come and go."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest

from dashboards import hub, layouts, points, snapshot, wire
from dashboards.snapshot import NO_DATA, NOTEWORTHY, Snapshot
from ioc.store.snapshot import Latest, Place, Registry
from tests.dashboards.test_snapshot import METRICS, NOW, SECOND, city, sensor


def read(message):
    """A message of the wire, by its documentation."""
    names = ("kind", "away", "generation", "revision", "sequence", "wide", "narrow", "states", "moved", "now", "data")
    head = dict(zip(names, struct.unpack_from("<BBxxIIIIIIIdd", message), strict=True))
    wide, narrow, states, moved = (head[k] for k in ("wide", "narrow", "states", "moved"))
    places = [("points", "u4", moved), ("lat", "i4", moved), ("lon", "i4", moved), ("age", "u4", moved)]
    layout = {
        1: [("value", "f8", wide), ("time", "u4", wide), ("state", "u1", states)],
        2: [("value", "f8", wide), ("slot", "u4", wide), ("time", "u4", wide), ("slot4", "u4", narrow),
            ("value4", "f4", narrow), ("age2", "u2", narrow), ("state", "u4", states)],
    }[head["kind"]]  # fmt: skip
    at = 48
    for name, kind, count in layout + places:
        head[name] = np.frombuffer(message, kind, count, at)
        at += head[name].nbytes + -head[name].nbytes % 4
    assert at == len(message)
    return head


def applied(messages):
    """What a screen knows after these messages: values, times and states, as the browser's script keeps them."""
    value = time = state = None
    for found in (read(m) for m in messages if isinstance(m, bytes)):
        if found["kind"] == 1:
            value, time, state = found["value"].copy(), found["time"].copy(), found["state"].copy()
            continue
        value[found["slot"]], time[found["slot"]] = found["value"], found["time"]
        value[found["slot4"]] = found["value4"]
        time[found["slot4"]] = int(found["now"] // 1000) - found["age2"].astype("i8")
        state[found["state"] >> 3] = found["state"] & 7
    return list(np.nan_to_num(value, nan=-1)), list(time), list(state)


def test_the_wire_says_what_the_frame_holds():
    snap = city()
    snap.apply([Latest(21, NOW, NOW, 2.5)])
    snap.move([Place(3, 9.75, 105.9, NOW)])
    frame = snap.frame(NOW)
    clock = wire.Clock(NOW / 1000 + 1500, 2.0, away=True)
    whole = read(wire.whole(frame, snap.movers, 5, clock))
    assert (whole["generation"], whole["sequence"], whole["away"], whole["data"]) == (7, 5, 1, 2.0)
    assert list(whole["state"]) == [NO_DATA, NOTEWORTHY, NO_DATA]
    assert (list(whole["points"]), list(whole["lat"]), list(whole["age"])) == ([2], [97_500_000], [1500])


@pytest.mark.parametrize("value", [2.5, -0.1, 123456789.25, 1e300, -1e300, 16777217.0, 1e-300, 0.0])
def test_a_value_arrives_as_it_is_however_large(value):
    snap = city()
    before = snap.frame(NOW)
    snap.apply([Latest(11, NOW - 5 * SECOND, NOW, value), Latest(20, NOW - 30 * 86400 * SECOND, NOW, 7.0)])
    frame = snap.frame(NOW)
    clock = wire.Clock(NOW / 1000, 0, away=False)
    sent = [wire.whole(before, snap.movers, 1, clock), wire.changed(frame, snapshot.delta(before, frame), 2, clock)]
    values, times, states = applied(sent)
    assert values[snap.slot[11]] == pytest.approx(value, rel=1e-6)
    assert abs(value) < 1e6 or values[snap.slot[11]] == value  # of a counter every unit counts
    assert [times[snap.slot[s]] for s in (11, 20)] == [NOW // SECOND - 5, NOW // SECOND - 30 * 86400]
    assert states == list(frame.state)


def test_fifty_thousand_points_fit_and_a_changed_value_travels_in_sixteen_bytes():
    snap = city(50_000)
    snap.apply(Latest(10 * i + 1, NOW, NOW, 1.0) for i in range(1, 50_001))
    before = snap.frame(NOW)
    snap.apply(Latest(10 * i + 1, NOW + SECOND, NOW, 2.5) for i in range(1, 5_001))
    after = snap.frame(NOW + SECOND)
    what = snapshot.delta(before, after)
    message = wire.changed(after, what, 1, wire.Clock((NOW + SECOND) / 1000, 0, away=False))
    assert (len(what.values), len(what.states)) == (5_000, 5_000)  # the worst: every value changes a state as well
    assert len(message) <= 5_000 * 16
    assert np.count_nonzero(after.state == NOTEWORTHY) == 5_000


def told(centre, screen):
    screen.wake.clear()
    return centre.pending(screen)


def test_a_screen_that_is_too_slow_loses_old_deltas_and_never_the_newest_state():
    centre, slow, quick = hub.Hub(), hub.Screen(), hub.Screen()
    centre.screens |= {slow, quick}
    snap = city()
    centre.show(snap.frame(NOW), snap.movers, NOW)
    told_slow, told_quick = told(centre, slow), told(centre, quick)
    for i in range(100):
        snap.apply([Latest(11 + 10 * (i % 3), NOW + i * SECOND, NOW, float(i))])
        centre.offset = (NOW / 1e6 + i) - time.time()
        centre.show(snap.frame(NOW + i * SECOND), snap.movers, NOW)
        told_quick += told(centre, quick)
    late = told(centre, slow)
    assert len(told_quick) == 101
    assert len(late) == 1  # one message, of what changed and nothing else
    assert len(late[0]) < 48 + 3 * 3 * 16
    assert applied(told_slow + late) == applied(told_quick)
    assert told(centre, slow) == []


def test_a_screen_that_is_minutes_behind_is_given_everything():
    centre, slow = hub.Hub(), hub.Screen()
    centre.screens.add(slow)
    snap = city()
    centre.show(snap.frame(NOW), snap.movers, NOW)
    told(centre, slow)
    for i in range(300):
        snap.apply([Latest(11, NOW + i * SECOND, NOW, float(i))])
        centre.show(snap.frame(NOW + i * SECOND), snap.movers, NOW)
    late = told(centre, slow)
    assert [read(m)["kind"] for m in late] == [1]
    assert read(late[0])["value"][snap.slot[11]] == 299.0


def test_a_text_is_told_only_when_it_changed_and_only_the_newest():
    centre, screen, away = hub.Hub(), hub.Screen(), hub.Screen()
    centre.screens |= {screen, away}
    seen = [told(centre, screen), told(centre, away)][2:]
    for text in ("one", "one", "two"):
        centre.say("board", text)
        seen += told(centre, screen)
    assert seen == ["one", "two"]
    assert told(centre, away) == ["two"]
    assert told(centre, away) == []


def follow(snap, sensors, series):
    layout, change = layouts.follow(snap.layout, Registry(sensors, series, METRICS))
    return Snapshot(Registry(sensors, series, METRICS), layout.generation, layout), change


def test_sensors_come_and_go_without_renumbering_the_others():
    snap = city(8)
    snap.apply([Latest(81, NOW, NOW, 1.0)])
    sensors = [*snap.sensors[1:7], snap.sensors[7], sensor(9)]
    series = [*snap.layout.slots, (91, 9, "level")]
    after, change = follow(snap, sensors, series)
    assert (after.generation, after.revision) == (7, 1)
    assert (change.points, change.gone, len(change.slots)) == ([8], [0], 1)
    assert after.index[8] == snap.index[8]
    assert after.slot[81] == snap.slot[81]
    after.apply([Latest(91, NOW, NOW, 2.5), Latest(11, NOW, NOW, 2.5)])
    frame = after.frame(NOW)
    assert (frame.state[8], frame.state[0]) == (NOTEWORTHY, NO_DATA)  # what is gone has no state
    what = snapshot.delta(snap.frame(NOW), frame)
    assert 8 in what.states
    said = points.said(after, change)
    assert [p["key"] for p in said["points"]] == ["s9"]
    again, unchanged = follow(after, sensors, series)
    assert (again.revision, unchanged) == (1, None)


def test_a_whole_new_city_is_numbered_anew():
    snap = city(8)
    after, change = follow(snap, [sensor(i) for i in range(1, 4000)], snap.layout.slots)
    assert (after.generation, change) == (8, None)


@pytest.mark.parametrize(
    ("lat", "lon"), [(0.0, 0.0), (0.0004, -0.0002), (91.0, 10.0), (9.6, 181.0), (float("nan"), 1.0)]
)
def test_a_moving_thing_without_a_fix_stays_where_it_was_last_seen(lat, lon):
    snap = city()
    snap.move([Place(3, 9.7, 105.9, NOW), Place(3, lat, lon, NOW + SECOND)])
    frame = snap.frame(NOW)
    assert (frame.lat[2], frame.lon[2], frame.at[2]) == (97_000_000, 1_059_000_000, NOW // 1000)
