"""Weather stations, dust and gases, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sample_feeds.chance import uniform, wobble
from sample_feeds.models.roads import busy
from sample_feeds.world import hour, season

if TYPE_CHECKING:
    from sample_feeds.chance import Floats, Ints
    from sample_feeds.models import Columns
    from sample_feeds.world import World


def weather(world: World, which: Ints, time: Floats) -> Columns:
    sky = world.sky
    speed, source = sky.wind(which, time)
    return {
        "rain_rate": sky.rain(which, time), "rain_today": sky.rain_today(which, time),
        "temperature": sky.temperature(which, time), "humidity": sky.humidity(which, time),
        "wind_speed": speed, "wind_direction": source, "pressure": sky.pressure(which, time),
    }  # fmt: skip


def dust(world: World, which: Ints, time: Floats) -> Floats:
    """PM2.5 in µg/m³: the place's usual level, traffic, still nights, burning of straw; rain washes it out."""
    h = hour(time)
    still = 0.35 * np.cos(2 * np.pi * (h - 5.0) / 24.0)
    burning = 0.3 * season(time, 60.0)
    rain = world.sky.rain(which, time)
    washed = 1.0 / (1.0 + 0.1 * np.minimum(rain, 40.0) + 0.012 * np.minimum(world.sky.rain_today(which, time), 50.0))
    days = 1.0 + 0.3 * wobble(world.seed, which * 0 + 200, time, 30 * 3600.0)
    own = 1.0 + 0.10 * wobble(world.seed, which + 201, time, 2400.0)
    return np.maximum(world.size[which] * (0.62 + 0.55 * busy(time) + still + burning) * washed * days * own, 1.5)


def reference(world: World, which: Ints, time: Floats) -> Columns:
    fine = dust(world, which, time)
    sun = np.clip(np.sin(np.pi * (hour(time) - 7.0) / 11.0), 0, 1)
    traffic = busy(time)
    return {
        "pm25": fine, "pm10": fine * (1.55 + 0.1 * wobble(world.seed, which + 210, time, 3600.0)),
        "no2": 9.0 + 26.0 * traffic * (1 - 0.4 * sun) + 3.0 * wobble(world.seed, which + 211, time, 1800.0),
        "so2": 6.0 + 4.0 * uniform(world.seed, 212, which) + 2.0 * wobble(world.seed, which + 213, time, 5400.0),
        "o3": 18.0 + 68.0 * sun * (0.8 + 0.2 * wobble(world.seed, which + 214, time, 7200.0)),
        "co": 0.35 + 0.75 * traffic + 0.05 * wobble(world.seed, which + 215, time, 1800.0),
        "temperature": world.sky.temperature(which, time), "humidity": world.sky.humidity(which, time),
    }  # fmt: skip


def community(world: World, which: Ints, time: Floats) -> Columns:
    """Cheap sensors read high in wet air."""
    wet = world.sky.humidity(which, time)
    fine = (
        dust(world, which, time)
        * (1.0 + 0.004 * np.maximum(wet - 70.0, 0))
        * (0.9 + 0.2 * uniform(world.seed, 220, which))
    )
    coarse = fine * (1.6 + 0.15 * wobble(world.seed, which + 221, time, 1800.0))
    return {"pm25": fine, "pm10": coarse, "temperature": world.sky.temperature(which, time) + 0.6, "humidity": wet}


def noise(world: World, which: Ints, time: Floats) -> Columns:
    usual = world.size[which] + 7.0 * np.log10(0.08 + busy(time))
    rain = 4.0 * (1 - np.exp(-world.sky.rain(which, time) / 15.0))
    level = (
        usual
        + rain
        + 1.4 * wobble(world.seed, which + 230, time, 60.0)
        + 0.9 * wobble(world.seed, which + 231, time, 13.0)
    )
    peak = level + 9.0 + 4.0 * wobble(world.seed, which + 232, time, 11.0)
    return {"laeq": level, "lamax": np.minimum(peak, 118.0)}
