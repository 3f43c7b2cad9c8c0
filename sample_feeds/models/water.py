"""Tide from harmonic constituents, salinity driven by it and by the season, gates, street flooding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sample_feeds.chance import uniform, wobble
from sample_feeds.world import season

if TYPE_CHECKING:
    from sample_feeds.chance import Floats, Ints
    from sample_feeds.models import Columns
    from sample_feeds.world import World

# (period in hours, amplitude in m at the mouths, phase): mixed, mainly semi-diurnal, as on this coast.
CONSTITUENTS = {
    "M2": (12.4206012, 0.62, 0.3),
    "S2": (12.0, 0.23, 1.1),
    "N2": (12.65834751, 0.13, 2.0),
    "K2": (11.96723606, 0.06, 0.7),
    "K1": (23.93447213, 0.46, 4.1),
    "O1": (25.81933871, 0.34, 5.0),
    "P1": (24.06588766, 0.14, 4.4),
    "Q1": (26.868350, 0.06, 1.9),
}
WAVE = 25.0  # km/h at which the tide travels up the river
FADES = 170.0  # km over which it loses two thirds
HIGH_WATER_DAY = 305.0  # the delta's highest mean level: early November
DRY_DAY = 70.0  # saltiest: mid March


def tide(time: Floats, km: Floats) -> Floats:
    """Metres above the national datum, `km` up the river from the sea."""
    hours = time / 3600.0 - km / WAVE
    swing = np.zeros_like(hours)
    for period, amplitude, phase in CONSTITUENTS.values():
        swing = swing + amplitude * np.cos(2 * np.pi * hours / period - phase)
    mean = 0.20 + 0.003 * km + 0.20 * (2 * season(time, HIGH_WATER_DAY) - 1)
    return mean + swing * np.exp(-km / FADES)


def salt(time: Floats, km: Floats) -> Floats:
    """g/l: a front whose place follows the season, moved up and down the river by the tide an hour later."""
    dry = season(time, DRY_DAY) ** 1.6
    at_sea, front = 4.0 + 13.0 * dry, -4.0 + 29.0 * dry
    moved = km - 3.2 * tide(time - 3600.0, km)
    return 0.08 + at_sea / (1.0 + np.exp(np.clip((moved - front) / 7.5, -30, 30)))


def _fresh(world: World, which: Ints, time: Floats) -> Floats:
    """River water, °C: slow, a little warmer in the afternoon."""
    afternoon = np.cos(2 * np.pi * ((time + 7 * 3600.0) % 86_400.0 / 3600.0 - 16.0) / 24.0)
    return (
        28.6
        + 1.2 * (2 * season(time, 125.0) - 1)
        + 0.5 * afternoon
        + 0.25 * wobble(world.seed, which + 100, time, 7200.0)
    )


def _battery(world: World, which: Ints, time: Floats) -> Floats:
    """Volts: charged by day, its age differs."""
    charged = np.cos(2 * np.pi * ((time + 7 * 3600.0) % 86_400.0 / 3600.0 - 15.0) / 24.0)
    return (
        3.62
        + 0.05 * uniform(world.seed, 101, which)
        + 0.06 * charged
        + 0.01 * wobble(world.seed, which + 102, time, 1800.0)
    )


def gauge(world: World, which: Ints, time: Floats) -> Columns:
    waves = 0.012 * wobble(world.seed, which + 110, time, 240.0) + 0.04 * wobble(
        world.seed, which * 0 + 111, time, 36_000.0
    )
    level = tide(time, world.size[which]) + waves + 0.0006 * world.sky.rain(which, time)
    return {
        "water_level": level,
        "water_temperature": _fresh(world, which, time),
        "battery": _battery(world, which, time),
    }


def salinity(world: World, which: Ints, time: Floats) -> Columns:
    found = salt(time, world.size[which]) * (1 + 0.03 * wobble(world.seed, which + 120, time, 900.0))
    found = found + 0.012 * wobble(world.seed, which + 121, time, 150.0)
    found = np.maximum(found, 0.02)
    return {
        "salinity": found,
        "conductivity": 1.75 * found**0.94,
        "water_temperature": _fresh(world, which, time),
        "battery": _battery(world, which, time),
    }


def sluice(world: World, which: Ints, time: Floats) -> Columns:
    """Open while the ebb drains the fields and the water outside is fresh, shut against flood tide and salt."""
    km = world.size[which]
    outside = tide(time, km) + 0.01 * wobble(world.seed, which + 130, time, 300.0)
    inside = 0.25 + 0.35 * (tide(time - 5400.0, km) * 0.4) + 0.004 * np.minimum(world.sky.rain_today(which, time), 60.0)
    want = np.clip((inside - outside) * 220.0, 0.0, 100.0) * (salt(time, km) < 4.0)
    opening = np.round(want / 5.0) * 5.0
    return {"gate_opening": opening, "level_inside": inside, "level_outside": outside}


def flood(world: World, which: Ints, time: Floats) -> Columns:
    depth = world.sky.puddle(which, time) * world.size[which]
    broken = world.standing[which] > 0
    return {"flood_depth": depth, "pump": np.where(broken, 2.0, (depth > 3.0).astype(np.float64))}


def supply(world: World, which: Ints, time: Floats) -> Columns:
    """Drinking water: two peaks a day; pressure falls as flow rises; rain makes raw water turbid."""
    local = (time + 7 * 3600.0) % 86_400.0 / 3600.0
    use = 0.42 + 0.33 * np.exp(-(((local - 6.8) / 1.8) ** 2)) + 0.38 * np.exp(-(((local - 18.2) / 2.3) ** 2))
    use = use + 0.12 * np.exp(-(((local - 11.5) / 1.6) ** 2)) + 0.02 * wobble(world.seed, which + 140, time, 600.0)
    muddy = np.minimum(world.sky.rain_today(which, time), 40.0) / 40.0
    return {
        "water_flow": world.size[which] * use,
        "water_pressure": 3.3 - 1.5 * use + 0.05 * wobble(world.seed, which + 141, time, 400.0),
        "turbidity": 0.55
        + 0.2 * uniform(world.seed, 142, which)
        + 0.35 * muddy
        + 0.06 * wobble(world.seed, which + 143, time, 1800.0),
        "ph": 7.15
        + 0.2 * (uniform(world.seed, 144, which) - 0.5)
        + 0.06 * wobble(world.seed, which + 145, time, 7200.0),
        "chlorine": 0.46
        + 0.12 * (uniform(world.seed, 146, which) - 0.5)
        + 0.04 * wobble(world.seed, which + 147, time, 3600.0),
    }
