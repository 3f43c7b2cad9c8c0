"""Traffic with its daily and weekly course, what rain and floods do to it, and what follows it: buses, car parks."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sample_feeds.chance import curve, read, uniform, wobble
from sample_feeds.lines import rounded
from sample_feeds.world import hour, weekday

if TYPE_CHECKING:
    from sample_feeds.chance import Floats, Ints
    from sample_feeds.models import Columns
    from sample_feeds.world import World

# Share of the busiest hour: motorbikes to school and market, home at eleven, back, home at five.
_WORKDAY = curve("6 4 3 5 14 38 78 100 74 55 58 84 62 66 52 56 74 100 82 60 46 33 20 11")
_WEEKEND = curve("8 5 4 5 12 30 52 66 70 68 64 66 54 48 46 50 60 70 76 74 62 44 27 15")
_OFFICE = curve("4 4 4 4 6 12 35 82 93 95 92 62 40 72 90 92 84 48 24 18 14 10 6 5")
_MARKET = curve("5 5 8 22 55 88 93 90 82 70 58 46 34 32 40 52 66 72 60 45 30 18 10 6")
_EVENING = curve("10 6 5 5 8 16 24 30 34 38 42 46 42 38 38 44 56 72 90 95 88 70 44 22")
KM = 111.2
BUS_SPEED = 30.0  # km/h on the road, stops included
LAYOVER = 900.0  # seconds at each end


def busy(time: Floats) -> Floats:
    """0..1: traffic as a share of the busiest hour of the week."""
    local = hour(time)
    return np.where(weekday(time) < 5, read(_WORKDAY, local), read(_WEEKEND, local))


def crawl(world: World, which: Ints, time: Floats) -> Floats:
    """0..1: how much of its speed traffic keeps in the rain and the water on the road."""
    rain, water = world.sky.rain(which, time), world.sky.puddle(which, time)
    return (1 - 0.3 * (1 - np.exp(-rain / 25.0))) * (1 - 0.72 * np.clip((water - 3.0) / 25.0, 0, 1))


def detector(world: World, which: Ints, time: Floats) -> Columns:
    most, share = world.size[which], busy(time)
    outside = most < 1000
    rain = world.sky.rain(which, time)
    wet = 1 - np.exp(-rain / 20.0)
    own = (0.75 + 0.5 * uniform(world.seed, 300, which)) * (1 + 0.08 * wobble(world.seed, which + 301, time, 300.0))
    demand = share * own * (1 - 0.25 * wet)
    keeps = crawl(world, which, time)
    free = np.where(outside, 58.0, 36.0)
    speed = (
        free
        * (1 - 0.42 * np.clip(demand, 0, 1.4) ** 2 / 1.4)
        * keeps
        * (1 + 0.03 * wobble(world.seed, which + 302, time, 60.0))
    )
    flow = most * demand * np.clip(keeps * 1.5, 0.15, 1.0) * (1 + 0.05 * wobble(world.seed, which + 303, time, 45.0))
    dense = demand * most / np.maximum(speed, 4.0)  # vehicles per km
    bikes = np.where(outside, 0.62, 0.84) + 0.06 * (share - 0.5) - 0.08 * wet
    return {
        "flow": np.maximum(flow, 4.0), "speed": np.maximum(speed, 3.0), "occupancy": np.clip(dense * 0.42, 0.5, 95.0),
        "motorbike_share": 100.0 * bikes + 1.5 * wobble(world.seed, which + 304, time, 600.0),
    }  # fmt: skip


class Route(NamedTuple):
    """A bus line as points every kilometre of travel: metres along it, and where that is."""

    along: Floats
    lat: Floats
    lon: Floats


@cache
def routes() -> dict[str, Route]:
    import tomllib

    file = Path(__file__).parent.parent / "geography" / "shapes.toml"
    drawn = tomllib.loads(file.read_text(encoding="utf-8"))["route"]
    return {r["number"]: _route(np.array(rounded(r["line"]), dtype=np.float64)) for r in drawn}


def _route(line: Floats) -> Route:
    lon, lat = line[:, 0], line[:, 1]
    steps = np.hypot(np.diff(lat) * KM, np.diff(lon) * KM * np.cos(np.radians(9.6))) * 1000.0
    return Route(np.concatenate([[0.0], np.cumsum(steps)]), lat, lon)


def late(world: World, which: Ints, time: Floats) -> Floats:
    """Seconds behind the timetable: changes slowly, grows with traffic and rain."""
    own = 150.0 * wobble(world.seed, which + 310, time, 2700.0)
    return 70.0 + own + 260.0 * busy(time) + 420.0 * (1 - crawl(world, which, time))


def _along(world: World, which: Ints, time: Floats, route: Route) -> Floats:
    """Metres from the route's start: there, a rest, and back, shifted by the delay."""
    length = route.along[-1]
    ride = length / (BUS_SPEED / 3.6)
    turn = 2 * (ride + LAYOVER)
    phase = np.array(
        [(int(world.properties[n]["key"][-2:]) * 0.37 + 0.11 * int(world.properties[n]["route"])) % 1 for n in which]
    )
    at = (time - late(world, which, time) + phase * turn) % turn
    back = at > turn / 2
    done = np.clip(np.where(back, at - turn / 2, at) / ride, 0.0, 1.0)
    return np.asarray(np.where(back, 1 - done, done) * length)


def bus(world: World, which: Ints, time: Floats) -> Columns:
    """Position, speed in m/s, heading, seconds ahead of the timetable (minus is late), load in %."""
    found = {name: np.zeros(len(time)) for name in ("lat", "lon", "speed", "heading")}
    numbers = np.array([world.properties[n]["route"] for n in which])
    for number, route in routes().items():
        mine = numbers == number
        if mine.any():
            now = _along(world, which[mine], time[mine], route)
            soon = _along(world, which[mine], time[mine] + 4.0, route)
            found["lat"][mine], found["lon"][mine] = (np.interp(now, route.along, c) for c in (route.lat, route.lon))
            found["speed"][mine] = np.abs(soon - now) / 4.0
            found["heading"][mine] = _heading(route, now, soon)
    share = busy(time)
    load = np.clip(12.0 + 62.0 * share + 14.0 * wobble(world.seed, which + 311, time, 900.0), 0, 100)
    return {**found, "schedule_offset": -late(world, which, time), "bus_load": load}


def _heading(route: Route, now: Floats, soon: Floats) -> Floats:
    """Degrees from north along the leg of the route, in the direction of travel."""
    leg = np.clip(np.searchsorted(route.along, now, side="right") - 1, 0, len(route.along) - 2)
    north, east = np.diff(route.lat)[leg], np.diff(route.lon)[leg] * np.cos(np.radians(9.6))
    forward = np.degrees(np.arctan2(east, north))
    return np.asarray(np.where(soon >= now, forward, forward + 180.0) % 360.0)


def parking(world: World, which: Ints, time: Floats) -> Columns:
    """Markets fill at dawn, offices and hospitals by day, squares and pagodas in the evening and at weekends."""
    local, free_day = hour(time), weekday(time) >= 5
    names = [world.keys[n] for n in which]
    market = np.array(["cho-" in k or "ben-" in k for k in names])
    office = np.array([any(w in k for w in ("benh-vien", "hanh-chinh", "khu-cong-nghiep")) for k in names])
    share = np.where(market, read(_MARKET, local), np.where(office, read(_OFFICE, local), read(_EVENING, local)))
    share = share * np.where(office & free_day, 0.45, np.where(~office & free_day, 1.12, 1.0))
    share = (
        share
        * (0.78 + 0.2 * uniform(world.seed, 320, which))
        * (1 - 0.25 * (1 - np.exp(-world.sky.rain(which, time) / 15.0)))
    )
    share = np.clip(share + 0.03 * wobble(world.seed, which + 321, time, 900.0), 0.01, 0.97)
    parked = np.round(world.size[which] * share)
    return {
        "parked": parked,
        "free_places": world.size[which] - parked,
        "parking_occupancy": 100.0 * parked / world.size[which],
    }
