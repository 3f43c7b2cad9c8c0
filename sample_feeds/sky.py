"""Rain that moves over the province in showers, what it leaves on the streets, sun, temperature and wind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sample_feeds.chance import uniform, wobble

if TYPE_CHECKING:
    from sample_feeds.chance import Floats, Ints

OFFSET, DAY = 7 * 3600.0, 86_400.0
STEP = 300.0  # seconds between the points of a day's grid
POINTS = int(DAY / STEP) + 1
SLOT = 1200.0  # one shower may be born in each slot
LONGEST = 7200.0  # seconds a shower lives at most
WEST, EAST, SOUTH, NORTH = 105.35, 106.45, 9.15, 10.05
KM = 111.2  # a degree of latitude
WET_PEAK = 250.0  # day of the year: early September
DRAINS = 12.0  # mm/h the drains carry away
HOLDS = 0.6  # hours until two thirds of a puddle are gone
KEPT_DAYS = 20


class Storm(NamedTuple):
    """A cloudburst over the town, for show: the first at `start`, then every `every` seconds, each `lasts` long."""

    start: float
    lasts: float
    every: float
    lat: float
    lon: float
    radius: float  # km
    rate: float  # mm/h in its middle
    depth: float  # cm it leaves on a low street


class Showers(NamedTuple):
    """Showers as arrays: born, life s, start place, movement in degrees/s, radius km, peak mm/h."""

    born: Floats
    life: Floats
    lat: Floats
    lon: Floats
    north: Floats
    east: Floats
    radius: Floats
    peak: Floats


def showers(seed: int, start: float, stop: float) -> Showers:
    """Those that may rain between two times."""
    slots = np.arange(np.floor((start - LONGEST) / SLOT), np.ceil(stop / SLOT))
    born = slots * SLOT
    hour = ((born + OFFSET) % DAY) / 3600.0
    wet = 0.12 + 0.88 * (0.5 + 0.5 * np.cos(2 * np.pi * ((born / DAY) % 365.2425 - WET_PEAK) / 365.2425)) ** 0.8
    often = wet * (0.08 + 0.5 * np.exp(-(((hour - 15.5) / 3.2) ** 2)))
    some = slots[uniform(seed, 11, slots) < often]
    u = [uniform(seed, 11 + n, some) for n in range(1, 8)]
    toward = np.radians(40.0 + 50.0 * u[0])  # with the south-west monsoon
    speed = (3.0 + 5.0 * u[1]) / (KM * 1000)
    return Showers(
        born=some * SLOT, life=2400 + 4200 * u[2],
        lat=SOUTH + (NORTH - SOUTH) * u[3], lon=WEST + (EAST - WEST) * u[4],
        north=speed * np.cos(toward), east=speed * np.sin(toward),
        radius=4.0 + 7.0 * u[5], peak=6.0 + 70.0 * u[6] ** 3,
    )  # fmt: skip


class Sky:
    """Weather over the places it is made for. A day's rain is worked out once and kept."""

    def __init__(self, seed: int, lat: Floats, lon: Floats, storms: tuple[Storm, ...] = ()) -> None:
        self.seed, self.storms = seed, storms
        cells, self._cell = np.unique(np.round(np.stack([lat, lon], 1), 2), axis=0, return_inverse=True)
        self._cell = self._cell.reshape(-1)
        self._lat, self._lon = cells[:, 0], cells[:, 1]
        self._place = (lat, lon)
        self._days: dict[int, tuple[Floats, Floats, Floats]] = {}

    # What the models ask for: arrays of places (sensor indices) and times of the same length.

    def rain(self, which: Ints, time: Floats) -> Floats:
        """mm/h."""
        return self._read(0, which, time) + sum(self._burst(s, which, time)[0] for s in self.storms)

    def rain_today(self, which: Ints, time: Floats) -> Floats:
        """Mm since local midnight; a show storm counts with what it has rained so far."""
        return self._read(1, which, time) + sum(self._burst(s, which, time)[2] for s in self.storms)

    def puddle(self, which: Ints, time: Floats) -> Floats:
        """Cm of water on a street that drains as badly as most."""
        return self._read(2, which, time) + sum(self._burst(s, which, time)[1] for s in self.storms)

    def stormy(self, time: Floats) -> Floats:
        """0..1: how much of a show storm is on."""
        return np.clip(sum((_pulse(s, time)[0] for s in self.storms), np.zeros_like(time)), 0.0, 1.0)

    def temperature(self, which: Ints, time: Floats) -> Floats:
        """°C, 2 m above ground."""
        hour = ((time + OFFSET) % DAY) / 3600.0
        yearly = np.cos(2 * np.pi * ((time / DAY) % 365.2425 - 115) / 365.2425)
        daily = np.cos(2 * np.pi * (hour - 14.0) / 24.0) + 0.25 * np.cos(4 * np.pi * (hour - 13.0) / 24.0)
        cooled = 3.0 * (1 - np.exp(-self.rain(which, time) / 8.0))
        return 27.2 + 1.6 * yearly + 3.0 * daily - cooled + 0.8 * wobble(self.seed, which + 7000, time, 4 * 3600.0)

    def humidity(self, which: Ints, time: Floats) -> Floats:
        """%"""
        warm = self.temperature(which, time)
        wet = 12.0 * (1 - np.exp(-self.rain(which, time) / 5.0))
        return np.clip(80.0 - 3.6 * (warm - 28.0) + wet + 3.0 * wobble(self.seed, which + 7100, time, 7200.0), 30, 100)

    def wind(self, which: Ints, time: Floats) -> tuple[Floats, Floats]:
        """m/s, and the direction it comes from in degrees: monsoon, sea breeze, and gusts before rain."""
        hour = ((time + OFFSET) % DAY) / 3600.0
        breeze = 1.6 * np.clip(np.sin(np.pi * (hour - 9.0) / 12.0), 0, 1)
        gusts = np.minimum(0.12 * self.rain(which, time), 8.0)
        coast = np.clip((9.75 - self._place[0][which]) * 4.0, 0.2, 1.6)
        speed = np.clip(
            1.5 + (1.0 + breeze) * coast + gusts + 0.9 * wobble(self.seed, which + 7200, time, 900.0), 0, 40
        )
        summer = 0.5 + 0.5 * np.cos(2 * np.pi * ((time / DAY) % 365.2425 - 210) / 365.2425)
        source = 50.0 + 175.0 * summer + 25.0 * wobble(self.seed, which + 7300, time, 3600.0)
        return speed, source % 360.0

    def pressure(self, which: Ints, time: Floats) -> Floats:
        """hPa, with the twice-daily tide of the air."""
        hour = ((time + OFFSET) % DAY) / 3600.0
        return (
            1009.5
            + 1.4 * np.cos(4 * np.pi * (hour - 10.0) / 24.0)
            + 2.0 * wobble(self.seed, which * 0 + 7400, time, 3 * DAY)
        )

    def night(self, time: Floats) -> Floats:
        """1 when the street lamps are needed, else 0: the sun is lower than 3 degrees at the town's place."""
        of_year = (time / DAY) % 365.2425
        tilt = np.radians(23.44) * np.sin(2 * np.pi * (of_year - 80.0) / 365.2425)
        b = 2 * np.pi * (of_year - 81.0) / 365.2425
        ahead = 60.0 * (9.87 * np.sin(2 * b) - 7.53 * np.cos(b) - 1.5 * np.sin(b))  # equation of time, in s
        solar = ((time + ahead + 105.97 / 360 * DAY) % DAY) / DAY * 2 * np.pi - np.pi
        here = np.radians(9.6)
        height = np.arcsin(np.sin(here) * np.sin(tilt) + np.cos(here) * np.cos(tilt) * np.cos(solar))
        return np.where(height < np.radians(3.0), 1.0, 0.0)

    # How.

    def _read(self, layer: int, which: Ints, time: Floats) -> Floats:
        local = time + OFFSET
        days = np.floor(local / DAY).astype(np.int64)
        at = (local - days * DAY) / STEP
        low = at.astype(np.int64)
        part, cell = at - low, self._cell[which]
        found = np.empty_like(time)
        for number in np.unique(days):
            grid = self._day(int(number))[layer]
            mine = days == number
            c, n, p = cell[mine], low[mine], part[mine]
            found[mine] = grid[c, n] * (1 - p) + grid[c, n + 1] * p
        return found

    def _day(self, number: int) -> tuple[Floats, Floats, Floats]:
        """(mm/h, mm since midnight, cm on the street) of one local day, each [cells, points]."""
        if number not in self._days:
            if len(self._days) >= KEPT_DAYS:
                del self._days[min(self._days)]
            times = (number - 1) * DAY - OFFSET + STEP * np.arange(2.0 * (POINTS - 1) + 1)
            rate = self._rain(times)  # from a day before, so that yesterday's puddles are there
            puddle = _puddles(rate)[:, POINTS - 1 :]
            today = rate[:, POINTS - 1 :]
            fallen = np.cumsum((today[:, 1:] + today[:, :-1]) / 2 * STEP / 3600.0, axis=1)
            self._days[number] = (today, np.concatenate([np.zeros((len(fallen), 1)), fallen], 1), puddle)
        return self._days[number]

    def _rain(self, times: Floats) -> Floats:
        rate = np.zeros((len(self._lat), len(times)))
        for born, life, lat, lon, north, east, radius, peak in zip(
            *showers(self.seed, times[0], times[-1]), strict=True
        ):
            first, last = np.searchsorted(times, [born, born + life])
            age = times[first:last] - born
            up = (self._lat[:, None] - lat - north * age) * KM
            right = (self._lon[:, None] - lon - east * age) * KM * 0.985
            shape = np.exp(-(up * up + right * right) / (2 * radius * radius)) * np.sin(np.pi * age / life) ** 2
            rate[:, first:last] += peak * shape
        return np.where(rate < 0.05, 0.0, rate)

    def _burst(self, storm: Storm, which: Ints, time: Floats) -> tuple[Floats, Floats, Floats]:
        """Rain in mm/h, water in cm, mm fallen, of a show storm."""
        up = (self._place[0][which] - storm.lat) * KM
        right = (self._place[1][which] - storm.lon) * KM * 0.985
        near = np.exp(-(((up * up + right * right) / (2 * storm.radius**2)) ** 2))
        rain, water, fallen = _pulse(storm, time)
        return storm.rate * near * rain, storm.depth * near * water, storm.rate / 3600.0 * near * fallen


def _puddles(rate: Floats) -> Floats:
    """A leaky bucket on every street: what the drains cannot carry stays and runs off slowly."""
    hours = STEP / 3600.0
    keep = np.exp(-hours / HOLDS)
    depth, found = np.zeros(len(rate)), np.empty_like(rate)
    for n in range(rate.shape[1]):
        depth = depth * keep + 0.5 * np.maximum(rate[:, n] - DRAINS, 0.0) * hours
        found[:, n] = depth
    return np.where(found < 0.2, 0.0, found)


def _pulse(storm: Storm, time: Floats) -> tuple[Floats, Floats, Floats]:
    """Rain 0..1 (rises in a tenth of its life), water 0..1 (follows, drains over as long again), seconds rained."""
    since = np.where(time < storm.start, -1.0, (time - storm.start) % storm.every) / storm.lasts
    on = (since >= 0) & (since < 1)
    rain = np.where(on, np.clip(np.minimum(since * 10, (1 - since) * 4), 0, 1), 0.0)
    water = np.where(since >= 0, np.clip(np.minimum(since * 5, np.exp(-(since - 1) * 5)), 0, 1), 0.0)
    fallen = np.where(on, since * storm.lasts, 0.0)
    return rain, np.where(water < 0.01, 0.0, water), fallen
